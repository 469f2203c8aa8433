use super::*;
use crate::method::Method;

mod routing;
mod session;

/// What `write` appends, as text.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn text(octets: &[u8]) -> &str {
    str::from_utf8(octets).expect("the tests are in ASCII")
}

/// Reads each value and compares what is written back; `!at` stands for an error at that octet.
fn check<'a, T>(
    parse: impl Fn(&'a [u8]) -> Result<T, HeaderError>,
    write: impl Fn(&T, &mut Vec<u8>),
    rows: &[(&'a str, &str)],
) {
    for (value, wanted) in rows {
        let read = match parse(value.as_bytes()) {
            Ok(read) => written(|out| write(&read, out)),
            Err(why) => format!("!{}", why.at),
        };
        assert_eq!(&read, wanted, "{value:?}");
    }
}

#[test]
fn an_address_is_read_in_both_forms() {
    check(
        |value| NameAddr::parse(Name::From, value),
        NameAddr::write,
        &[
            ("sip:a@x.org", "<sip:a@x.org>"),
            ("sip:a@x.org;tag=1", "<sip:a@x.org>;tag=1"),
            ("sip:a@x.org ; tag = 1 ;x", "<sip:a@x.org>;tag=1;x"),
            ("<sip:a@x.org;lr>;tag=1", "<sip:a@x.org;lr>;tag=1"),
            ("<sip:a@x.org?b=c,d>", "<sip:a@x.org?b=c,d>"),
            ("<>", "!1"),
            ("Alice <sip:a@x.org>", "Alice <sip:a@x.org>"),
            ("Alice<sip:a@x.org>", "Alice <sip:a@x.org>"),
            ("Mr.  A\r\n Smith\t<sip:a@x.org>", "Mr.  A Smith <sip:a@x.org>"),
            ("Jörg <sip:j@x.org>", "Jörg <sip:j@x.org>"),
            ("\"\" <sip:a@x.org>", "<sip:a@x.org>"),
            ("\"A, <B>; \\\"C\\\\\" <sip:a@x.org>", "\"A, <B>; \\\"C\\\\\" <sip:a@x.org>"),
            ("\"A\r\n  B\"\r\n <sip:a@x.org>\r\n\t;tag=x", "\"A B\" <sip:a@x.org>;tag=x"),
            ("<tel:+1;ext=2>;tag=3", "<tel:+1;ext=2>;tag=3"),
            ("tel:+1;ext=2", "<tel:+1>;ext=2"),
            ("<urn:x:y>;a=\"b;c\"", "<urn:x:y>;a=\"b;c\""),
            ("<sip:a@x.org>;a=[::1]:5;b=c==;d=e@f/g", "<sip:a@x.org>;a=[::1]:5;b=c==;d=e@f/g"),
            // RFC 3261 §20: these need brackets.
            ("sip:a@x.org?b=c", "!11"),
            ("sip:a@x.org,sip:b@x.org", "!11"),
            ("sip:a;b@x.org", "!7"),
            ("Bell, A <sip:a@x.org>", "!4"),
            ("A@B <sip:a@x.org>", "!4"),
            ("\"Alice\" sip:a@x.org", "!8"),
            ("\"Alice <sip:a@x.org>", "!20"),
            ("< sip:a@x.org>", "!1"),
            ("<sip:a@x.org", "!12"),
            ("<sip:a@x.org>;", "!14"),
            ("<sip:a@x.org>;;tag=1", "!14"),
            ("<sip:a@x.org>;tag=", "!18"),
            ("<sip:a@x.org>;tag=\"1", "!20"),
            ("<sip:a@x.org> x", "!14"),
            ("", "!0"),
        ],
    );
}

#[test]
fn parts_of_an_address_are_found() {
    let value = b"\"A \\\"B\\\"\r\n C\" <sip:a@x.org;tag=no>;TAG=1;x=\"y\\z\"";
    let read = NameAddr::parse(Name::To, value).expect("it is well-formed");
    assert_eq!(read.tag(), Some(&b"1"[..]));
    assert_eq!(read.display.expect("it has a name").unescape().as_ref(), b"A \"B\" C");
    assert_eq!(read.params.find(b"X").flatten().expect("it has an x").unescape().as_ref(), b"yz");
    assert!(read.params.find(b"x").flatten().expect("it has an x").eq_ignore_case(b"YZ"));
    assert_eq!(
        written(|out| read.write_with_tag(None, out)).split("> ").last(),
        Some("\"A \\\"B\\\" C\" <sip:a@x.org;tag=no>;x=\"y\\z\"")
    );
    assert!(written(|out| read.write_with_tag(Some(b"2"), out)).ends_with(";x=\"y\\z\";tag=2"));

    let wrong = NameAddr::parse(Name::To, b"A <sip:a@x.org:x>").expect("the brackets are well-formed").uri();
    assert_eq!(
        wrong.map(|uri| uri.to_string()),
        Err(HeaderError { name: Name::To, at: 15, expected: "a port of at most 65535" })
    );
    assert_eq!(
        wrong.err().map(|why| why.to_string()).as_deref(),
        Some("To, octet 15: expected a port of at most 65535")
    );
}

#[test]
fn a_contact_says_how_it_is_to_be_kept() {
    check(
        ContactValue::parse,
        ContactValue::write,
        &[
            ("*", "*"),
            (" * ", "*"),
            ("<sip:a@x.org>;q=0.5;expires=60", "<sip:a@x.org>;q=0.5;expires=60"),
            ("sip:a@x.org;expires=60", "<sip:a@x.org>;expires=60"),
            ("*;q=1", "!0"),
            ("<sip:a@x.org>;q=2", "!17"),
            ("<sip:a@x.org>;q=\"1\"", "!19"),
            ("<sip:a@x.org>;q", "!15"),
        ],
    );
    for (params, q, expires) in [
        ("", None, None),
        (";q=1", Some(1000), None),
        (";q=1.000", Some(1000), None),
        (";q=0.7;EXPIRES=0", Some(700), Some(0)),
        (";q=0.0519", Some(51), None),
        (";q=.5", Some(500), None),
        (";q=0.", Some(0), None),
        // RFC 3261 §20.10: what is malformed counts as an hour.
        (";expires=soon", None, Some(3600)),
        (";expires", None, Some(3600)),
        (";expires=\"60\"", None, Some(3600)),
        (";expires=280297596632815", None, Some(u32::MAX)),
    ] {
        let value = format!("<sip:a@x.org>{params}");
        let contact = Contact::parse(value.as_bytes()).expect("it is well-formed");
        assert_eq!((contact.q, contact.expires()), (q, expires), "{params}");
    }
    for q in ["1.1", "1.001", "0.x", "-1", ".", "00.5"] {
        let value = format!("<sip:a@x.org>;q={q}");
        assert!(Contact::parse(value.as_bytes()).is_err(), "{q}");
    }
    let value = b"<sip:a@x.org;gr=1>;+sip.instance=\"<urn:uuid:1-2>\";reg-id=2;pub-gruu=\"sip:a@x;gr\";temp-gruu=\"sip:t@x;gr\"";
    let contact = Contact::parse(value).expect("it is well-formed");
    assert_eq!(contact.instance(), Some(&b"urn:uuid:1-2"[..]));
    assert_eq!(contact.reg_id(), Some(2));
    assert_eq!(
        (contact.pub_gruu(), contact.temp_gruu()),
        (Some(&b"sip:a@x;gr"[..]), Some(&b"sip:t@x;gr"[..]))
    );
    assert_eq!(Contact::parse(b"<sip:a@x>;reg-id=0").expect("it is well-formed").reg_id(), None);
}

#[test]
fn identities_are_of_three_schemes() {
    check(
        |value| AssertedIdentity::parse(Name::PAssertedIdentity, value),
        AssertedIdentity::write,
        &[
            ("\"Cullen Jennings\" <sip:fluffy@cisco.com>", "\"Cullen Jennings\" <sip:fluffy@cisco.com>"),
            ("tel:+14085264000", "<tel:+14085264000>"),
            ("<sips:a@x.org>", "<sips:a@x.org>"),
            ("<http://x.org>", "!0"),
            ("<sip:>", "!5"),
        ],
    );
    check(
        Privacy::parse,
        Privacy::write,
        &[
            ("id", "id"),
            ("header; user ;critical", "header;user;critical"),
            ("id,none", "id;none"),
            ("", "!0"),
            ("id;", "!3"),
            ("id x", "!3"),
        ],
    );
    let privacy = Privacy::parse(b"header;ID").expect("it is well-formed");
    assert!(privacy.id() && privacy.has("header") && !privacy.none());
}

#[test]
fn numbers_are_read_within_their_bounds() {
    check(
        CSeq::parse,
        CSeq::write,
        &[
            ("1 INVITE", "1 INVITE"),
            ("0009\r\n  INVITE", "9 INVITE"),
            ("2147483647 !x", "2147483647 !x"),
            ("2147483648 INVITE", "!0"),
            ("36893488147419103232 REGISTER", "!0"),
            ("-1 INVITE", "!0"),
            ("1INVITE", "!1"),
            ("1", "!1"),
            ("1 ", "!2"),
            ("1 INVITE x", "!9"),
            ("1 a@b", "!3"),
        ],
    );
    check(
        MaxForwards::parse,
        MaxForwards::write,
        &[
            ("70", "70"),
            ("0068", "68"),
            ("255", "255"),
            ("256", "!0"),
            ("-1", "!0"),
            ("", "!0"),
            ("1 2", "!2"),
        ],
    );
    assert_eq!((MaxForwards(0).decremented(), MaxForwards(1).decremented()), (None, Some(MaxForwards(0))));
    check(MaxBreadth::parse, MaxBreadth::write, &[("60", "60"), ("4294967296", "!0"), ("x", "!0")]);
    check(
        Expires::parse,
        Expires::write,
        &[("0", "0"), ("3600", "3600"), ("99999999999999999999", "4294967295"), ("1h", "!1"), ("", "!0")],
    );
    check(
        RSeq::parse,
        RSeq::write,
        &[("988789", "988789"), ("0", "!0"), ("4294967295", "4294967295"), ("4294967296", "!0")],
    );
    check(
        RAck::parse,
        RAck::write,
        &[
            ("776656 1 INVITE", "776656 1 INVITE"),
            ("776656\t1\r\n INVITE", "776656 1 INVITE"),
            ("776656 INVITE", "!7"),
            ("1 1", "!3"),
            ("1", "!1"),
        ],
    );
    let rack = RAck::parse(b"3 2 INVITE").expect("it is well-formed");
    assert_eq!((rack.rseq, rack.cseq, rack.method), (3, 2, Method::Invite));
    assert_eq!(
        HeaderError { name: Name::MinExpires, at: 0, expected: "a number of seconds" },
        Expires::parse_as(Name::MinExpires, b"x").expect_err("it is none")
    );
}
