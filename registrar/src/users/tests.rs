use super::*;

fn load(toml: &str) -> Result<Users, UserError> {
    #[derive(serde::Deserialize)]
    struct File {
        user: Vec<UserConfig>,
    }
    let file: File = toml::from_str(toml).expect("the table below is valid TOML");
    Users::load(&file.user, "Example.org", "example.org", Path::new("/"))
}

#[test]
fn users_are_found_by_name_and_by_extension() {
    let users = load(
        "[[user]]\nname = 'alice'\nextension = '6001'\npassword = 'in-wonderland'\n\
         [[user]]\nname = 'bob'\ndisplay_name = 'Bob B.'\nha1 = '00112233445566778899aabbccddeeff'\n",
    )
    .unwrap();
    let (alice, ha1) = users.find("6001").unwrap();
    assert_eq!((alice.name.as_str(), alice.aor.as_str()), ("alice", "alice@example.org"));
    assert_eq!(*ha1, crate::ha1::of("alice", "example.org", "in-wonderland"));
    assert!(ha1.sha256.is_some() && ha1.sha512_256.is_some());
    let (bob, ha1) = users.named("bob").unwrap();
    assert_eq!((bob.extension.as_deref(), bob.display_name.as_str()), (None, "Bob B."));
    assert_eq!(ha1.md5.unwrap()[..3], [0x00, 0x11, 0x22]);
    assert_eq!((ha1.sha256, ha1.sha512_256), (None, None));
    assert!(users.named("6001").is_none(), "nobody authenticates as a number that is not a name");
    assert!(users.find("Alice").is_none());
    assert_eq!(users.nearest("ALICE"), Some("alice"));
    assert_eq!(users.nearest("carol"), None);
    assert_eq!(users.iter().count(), users.len());
}

#[test]
fn what_is_wrong_is_said_with_the_name() {
    for (toml, error) in [
        ("[[user]]\nname = 'alice'", "user alice: give password, password_file, password_env or ha1"),
        ("[[user]]\nname = 'alice'\npassword = ''", "user alice: the password is empty"),
        (
            "[[user]]\nname = 'alice'\npassword = 'a'\nha1 = 'b'",
            "user alice: give a password or ha1, not both",
        ),
        (
            "[[user]]\nname = 'alice'\npassword = 'a'\npassword_env = 'b'",
            "user alice: give only one of `password`, `password_file` and `password_env`",
        ),
        ("[[user]]\nname = ''\npassword = 'a'", "user number 1: a name has at least one character"),
        ("[[user]]\nname = 'a:b'\npassword = 'a'", "user a:b: a name holds none of @ : \" \\ < >"),
        (
            "[[user]]\nname = 'a'\nextension = '6 1'\npassword = 'a'",
            "user a: extension 6 1: a name holds no blanks",
        ),
        (
            "[[user]]\nname = 'a'\npassword = 'a'\n[[user]]\nname = 'b'\nextension = 'a'\npassword = 'a'",
            "user b: a is already the name or extension of a",
        ),
        (
            "[[user]]\nname = 'a'\npassword = 'a'\n[[user]]\nname = 'a'\npassword = 'a'",
            "user a: a is already the name or extension of a",
        ),
        ("[[user]]\nname = 'a'\nha1 = '0011'", "user a: ha1 has 32 hexadecimal digits (MD5) or 64 (SHA-256)"),
        (
            "[[user]]\nname = 'a'\nha1 = { sha256 = '0011' }",
            "user a: the SHA-256 key has 64 hexadecimal digits",
        ),
        ("[[user]]\nname = 'a'\nha1 = {}", "user a: ha1 holds no key"),
    ] {
        assert_eq!(load(toml).unwrap_err().to_string(), error, "{toml}");
    }
}

#[test]
fn keys_are_those_of_the_standards() {
    // RFC 2617 §3.5 and RFC 7616 §3.9.1: HA1 of the examples, from the rules A1 = user:realm:password.
    let ha1 = crate::ha1::of("Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(hex(&ha1.md5.unwrap()), "939e7578ed9e3c518a452acee763bce9");
    let ha1 = crate::ha1::of("Mufasa", "http-auth@example.org", "Circle of Life");
    assert_eq!(hex(&ha1.md5.unwrap()), "3d78807defe7de2157e2b0b6573a855f");
    assert_eq!(hex(&ha1.sha256.unwrap()), "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
    let read =
        crate::ha1::read(Some(&hex(&ha1.md5.unwrap())), None, Some(&hex(&ha1.sha512_256.unwrap()))).unwrap();
    assert_eq!((read.md5, read.sha256, read.sha512_256), (ha1.md5, None, ha1.sha512_256));
}

fn hex(octets: &[u8]) -> String {
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect()
}

#[test]
fn an_address_of_record_is_canonical() {
    for (name, aor) in
        [("alice", "alice@example.org"), ("+33 1", "+33 1@example.org"), ("a%b", "a%25b@example.org")]
    {
        assert_eq!(aor_of(name, "EXAMPLE.org"), aor, "{name}");
    }
}
