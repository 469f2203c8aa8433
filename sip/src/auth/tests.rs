//! Digest against the vectors of its standards, and against those who would get in without a password.

use super::*;
use crate::name::Name;

fn judged(value: &str, method: &str, body: &[u8], keys: &Ha1Set) -> Result<(), Mismatch> {
    let authorization = Authorization::parse(Name::Authorization, value.as_bytes()).expect(value);
    verify(&authorization, Request { method: method.as_bytes(), body }, keys)
}

#[test]
fn the_vectors_of_the_standards_verify() {
    let rfc2617 = Ha1Set::of("Mufasa", "testrealm@host.com", "Circle Of Life");
    let rfc7616 = Ha1Set::of("Mufasa", "http-auth@example.org", "Circle of Life");
    for (name, keys, value) in [
        (
            "RFC 2617 §3.5",
            &rfc2617,
            "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
             uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\", \
             response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        ),
        (
            "RFC 7616 §3.9.1 MD5",
            &rfc7616,
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=MD5, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"8ca523f5e9506fed4657c9700eebdbec\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        ),
        (
            "RFC 7616 §3.9.1 SHA-256",
            &rfc7616,
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"",
        ),
    ] {
        assert_eq!(judged(value, "GET", b"", keys), Ok(()), "{name}");
        assert_eq!(judged(value, "PUT", b"", keys), Err(Mismatch::Wrong), "{name} for another method");
    }
}

#[test]
fn every_algorithm_and_protection_is_answered_and_verified() {
    let keys = Ha1Set::of("alice", "example.org", "in-wonderland");
    for algorithm in
        ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess", "sha-256"]
    {
        for qop in [", qop=\"auth\"", ", qop=\"auth,auth-int\"", ", qop=\"auth-int\"", ""] {
            if qop.is_empty() && algorithm.ends_with("sess") {
                continue;
            }
            let challenge =
                format!("Digest realm=\"example.org\",nonce=\"n\"{qop}, algorithm={algorithm},opaque=\"o\"");
            let with = Answer {
                user: "alice",
                password: "in-wonderland",
                method: "INVITE",
                uri: "sip:bob@example.org",
                body: b"v=0",
                count: 7,
                cnonce: "c",
            };
            let value = answer([&b"Basic x"[..], challenge.as_bytes()], &with).expect("it can be answered");
            assert_eq!(judged(&value, "INVITE", b"v=0", &keys), Ok(()), "{value}");
            let wrong = answer([challenge.as_bytes()], &Answer { password: "x", ..with }).expect("the same");
            assert_eq!(judged(&wrong, "INVITE", b"v=0", &keys), Err(Mismatch::Wrong), "{wrong}");
            assert_eq!(judged(&value, "INVITE", b"v=0", &Ha1Set::of_nobody(&[7; 16])), Err(Mismatch::Wrong));
            assert_eq!(judged(&value, "INVITE", b"v=0", &Ha1Set::default()), Err(Mismatch::NoKey));
            if value.contains("qop=auth-int") {
                assert_eq!(judged(&value, "INVITE", b"v=1", &keys), Err(Mismatch::Wrong), "another body");
            }
        }
    }
}

#[test]
fn an_answer_that_cannot_be_used_says_why() {
    let whole = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"00\", qop=auth, nc=00000001, cnonce=\"c\"";
    for (from, to, why) in [
        ("Digest", "Basic", "the scheme is not Digest"),
        ("username=\"a\", ", "", "username is missing"),
        ("nonce=\"n\"", "nonce=\"n\", nonce=\"m\"", "nonce stands twice"),
        ("qop=auth", "qop=auth-conf", "qop is not known"),
        ("nc=00000001", "nc=xyz", "nc is not known"),
        ("nc=00000001", "nc=+1", "nc is not known"),
        ("nc=00000001, ", "", "nc is missing"),
        ("cnonce=\"c\"", "algorithm=SHA-1, cnonce=\"c\"", "algorithm is not known"),
        ("realm=\"r\"", "realm=\"r", "expected"),
        ("realm=\"r\", ", "realm=\"r\" ", "expected a comma"),
        ("realm=\"r\", ", "realm, ", "realm is missing"),
    ] {
        let value = whole.replacen(from, to, 1);
        let said = Authorization::parse(Name::Authorization, value.as_bytes()).expect_err(&value).to_string();
        assert!(said.contains(why), "{value}: {said}");
    }
    let odd = whole.replace("username=\"a\"", " ,USERNAME = \"\\\"a\\\"\" ,, x=y");
    let read = Authorization::parse(Name::Authorization, odd.as_bytes()).expect("odd and good");
    assert_eq!(&*read.unescaped_username(), b"\"a\"");
}

#[test]
fn a_nonce_is_fresh_for_its_lifetime_and_only_ours() {
    let mut nonces = Nonces::new([1; 32], 513, 300);
    let nonce = nonces.issue(1_000_000, 99);
    let text = nonce.as_str().to_owned();
    assert_eq!(text.len(), NONCE_LENGTH);
    let fresh = Freshness::Fresh { edge: 513, id: 99, issued_s: 1_000_000 };
    for (now_s, wanted) in
        [(1_000_000, fresh), (1_000_300, fresh), (1_000_301, Freshness::Stale), (999_999, Freshness::Stale)]
    {
        assert_eq!(nonces.check(text.as_bytes(), now_s), wanted, "at {now_s}");
    }
    assert_eq!(Nonces::new([2; 32], 513, 300).check(text.as_bytes(), 1_000_000), Freshness::Forged);
    for forged in ["", "00", &text[1..], &text.replace('9', "8"), &"g".repeat(NONCE_LENGTH)] {
        assert_eq!(nonces.check(forged.as_bytes(), 1_000_000), Freshness::Forged, "{forged}");
    }
    nonces.rotate([3; 32]);
    assert_eq!(nonces.check(text.as_bytes(), 1_000_000), fresh, "the key before is good for a while");
    nonces.rotate([4; 32]);
    assert_eq!(nonces.check(text.as_bytes(), 1_000_000), Freshness::Forged);
}

#[test]
fn each_count_of_a_nonce_is_accepted_once() {
    let mut replay = Replay::new(2);
    for (id, issued_s, count, wanted) in [
        (1, 10, Some(1), Use::First),
        (1, 10, Some(1), Use::Again),
        (1, 10, Some(3), Use::First),
        (1, 10, Some(2), Use::First),
        (1, 10, Some(2), Use::Again),
        (1, 10, Some(200), Use::First),
        (1, 10, Some(3), Use::Again),
        (1, 10, Some(73), Use::First),
        (1, 10, Some(72), Use::Again),
        (2, 11, None, Use::First),
        (2, 11, None, Use::Again),
        (3, 12, Some(1), Use::First),
        (1, 10, Some(999), Use::Forgotten),
        (4, 10, Some(1), Use::Forgotten),
        (2, 11, None, Use::Again),
        (5, 13, Some(u32::MAX), Use::First),
        (5, 13, Some(0), Use::Again),
    ] {
        assert_eq!(replay.note(id, issued_s, count), wanted, "{id} {count:?}");
    }
    assert_eq!(replay.len(), 2);
}

#[test]
fn keys_are_read_from_hexadecimal_and_never_shown() {
    let keys = Ha1Set::of_hex("939e7578ed9e3c518a452acee763bce9").expect("MD5 of Mufasa's");
    assert_eq!(keys.md5, Ha1Set::of("Mufasa", "testrealm@host.com", "Circle Of Life").md5);
    assert_eq!(format!("{keys:?}"), "[\"MD5\"]");
    assert_eq!(Ha1Set::of_hex(&"ab".repeat(32)).map(|keys| keys.sha256), Some(Some([0xab; 32])));
    for wrong in ["", "939e", &"x".repeat(32)] {
        assert!(Ha1Set::of_hex(wrong).is_none(), "{wrong}");
    }
}
