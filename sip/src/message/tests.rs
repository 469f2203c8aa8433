//! The index: every form that RFC 3261 §7 allows and software writes, and each limit.

use super::*;

fn limits() -> Limits {
    Limits::default()
}

fn text(octets: Option<&[u8]>) -> String {
    octets.map_or_else(|| "none".into(), |octets| octets.escape_ascii().to_string())
}

/// The start line as it was read: method, URI and version, or version, status and reason.
fn start(octets: &[u8]) -> String {
    match Message::parse(octets, &limits()) {
        Err(why) => format!("{} at {}", why.expected, why.at),
        Ok(message) => match (message.method(), message.status()) {
            (Some(method), None) => {
                format!("{method}|{}|{}", text(message.request_uri()), message.version().escape_ascii())
            }
            (None, Some(status)) => {
                format!("{}|{status}|{}", message.version().escape_ascii(), text(message.reason()))
            }
            other => panic!("neither request nor response, or both: {other:?}"),
        },
    }
}

#[test]
fn a_start_line_is_read_in_every_form_that_can_be_represented() {
    for (line, wanted) in [
        ("INVITE sip:a@b SIP/2.0", "INVITE|sip:a@b|SIP/2.0"),
        ("invite sip:a@b sip/2.0", "invite|sip:a@b|sip/2.0"),
        ("N*E.W+~ tel:+33123 SIP/2.0", "N*E.W+~|tel:+33123|SIP/2.0"),
        ("OPTIONS unknown:!?# SIP/7.1", "OPTIONS|unknown:!?#|SIP/7.1"),
        ("OPTIONS sip:a b@c SIP/2.0", "OPTIONS|sip:a b@c|SIP/2.0"),
        ("OPTIONS  sip:a SIP/2.0", "OPTIONS| sip:a|SIP/2.0"),
        ("OPTIONS sip:a SIP/2.0 ", "OPTIONS|sip:a|SIP/2.0 "),
        ("OPTIONS sip:caf\u{e9} SIP/2.0", "OPTIONS|sip:caf\\xc3\\xa9|SIP/2.0"),
        ("SIP/2.0 200 OK", "SIP/2.0|200|OK"),
        ("SIP/2.0 200 ", "SIP/2.0|200|"),
        ("SIP/2.0 200", "SIP/2.0|200|"),
        ("SIP/2.0 699 = 2**3 \u{43d}\u{435}\u{442}", "SIP/2.0|699|= 2**3 \\xd0\\xbd\\xd0\\xb5\\xd1\\x82"),
        ("SIP/2.0 2000 OK", "a status from 100 to 699 at 8"),
        ("SIP/2.0 099 OK", "a status from 100 to 699 at 8"),
        ("SIP/2.0 700 OK", "a status from 100 to 699 at 8"),
        ("SIP/2.0 +20 OK", "a status from 100 to 699 at 8"),
        ("SIP/2.0", "a space behind the version at 0"),
        ("OPTIONS", "a space behind the method at 0"),
        ("OPTIONS sip:a", "a SIP version at the end of the request line at 7"),
        ("OPTIONS sip:a HTTP/1.1", "a SIP version at the end of the request line at 13"),
        ("OPT(IONS sip:a SIP/2.0", "a method at 0"),
        (" OPTIONS sip:a SIP/2.0", "a method at 0"),
    ] {
        for end in ["\r\n", "\n"] {
            assert_eq!(start(format!("{line}{end}{end}").as_bytes()), wanted, "{line:?}");
        }
    }
}

#[test]
fn empty_lines_before_a_message_are_skipped_and_a_head_must_end() {
    assert_eq!(start(b"\r\n\n\r\nA b SIP/2.0\r\n\r\n"), "A|b|SIP/2.0");
    for octets in [&b""[..], b"\r\n\r\n", b"A b SIP/2.0"] {
        assert!(start(octets).starts_with("a start line"), "{octets:?}");
    }
    for octets in ["A b SIP/2.0\r\n", "A b SIP/2.0\r\nX: 1", "A b SIP/2.0\r\nX: 1\r\n", "A b SIP/2.0\r\nX"] {
        assert!(start(octets.as_bytes()).starts_with("the end of the header lines"), "{octets:?}");
    }
    for line in ["no colon", ": no name", "a b: c", " fold: of nothing", "caf\u{e9}: 1", "a\u{0}b: 1"] {
        let octets = format!("A b SIP/2.0\r\n{line}\r\n\r\n");
        assert_eq!(start(octets.as_bytes()), "a header name and a colon at 13", "{line:?}");
    }
}

#[test]
fn header_lines_are_read_in_every_form() {
    for (line, name, name_text, value) in [
        ("Via: x", Name::Via, "Via", "x"),
        ("v:x", Name::Via, "v", "x"),
        ("VIA \t :\t x \t", Name::Via, "VIA", "x"),
        ("Subject:", Name::Subject, "Subject", ""),
        ("s: \r\n \r\n\t", Name::Subject, "s", ""),
        ("Subject: a\r\n b\n\tc", Name::Subject, "Subject", "a\\r\\n b\\n\\tc"),
        ("Subject:\r\n  folded at once", Name::Subject, "Subject", "folded at once"),
        ("X-Odd_1.2: \"a: b\\\"\", <,>;(", Name::Other, "X-Odd_1.2", "\\\"a: b\\\\\\\"\\\", <,>;("),
        ("Subject: \u{0}\u{7f}caf\u{e9}", Name::Subject, "Subject", "\\x00\\x7fcaf\\xc3\\xa9"),
    ] {
        let octets = format!("A b SIP/2.0\r\n{line}\r\nEnd: 1\r\n\r\n");
        let message = Message::parse(octets.as_bytes(), &limits()).expect("a message");
        let field = message.fields().next().expect("a line");
        assert_eq!((field.name, text(Some(field.name_text))), (name, name_text.to_owned()), "{line:?}");
        assert_eq!(text(Some(field.value)), value, "{line:?}");
        assert_eq!(&octets.as_bytes()[field.start..field.end], format!("{line}\r\n").as_bytes());
        assert_eq!(message.unknown(b"end"), Some(&b"1"[..]));
    }
    let latin = b"A b SIP/2.0\r\nSubject: caf\xe9\r\n\r\n";
    let message = Message::parse(latin, &limits()).expect("latin-1 is no reason to drop a message");
    assert_eq!(message.first(Name::Subject), Some(&b"caf\xe9"[..]));
}

#[test]
fn lists_are_one_whatever_their_lines() {
    let octets =
        "A b SIP/2.0\r\nRoute: <sip:a,b>, \"x, y\" <sip:c>\r\nX: 1\r\nroute:,\r\nROUTE:\r\n <sip:d>\r\n\r\n";
    let message = Message::parse(octets.as_bytes(), &limits()).expect("a message");
    let routes: Vec<_> = message.elements(Name::Route).map(|one| text(Some(one))).collect();
    assert_eq!(routes, ["<sip:a,b>", "\\\"x, y\\\" <sip:c>", "<sip:d>"]);
    assert_eq!((message.count(Name::Route), message.lines(Name::Route).count()), (3, 3));
    assert_eq!((message.first(Name::Via), message.count(Name::Via), message.unknown(b"y")), (None, 0, None));
}

#[test]
fn the_body_ends_where_content_length_says_or_with_the_datagram() {
    for (lines, body) in [
        ("", "\\x00\\xffbody\\r\\n\\r\\n"),
        ("Content-Length: 3\r\n", "\\x00\\xffb"),
        ("l: 0\r\n", ""),
        ("l : 003 \r\n", "\\x00\\xffb"),
        ("l: 3\r\nContent-Length: 3\r\n", "\\x00\\xffb"),
        // The validator refuses what follows, so the body is all that there is.
        ("l: 99\r\n", "\\x00\\xffbody\\r\\n\\r\\n"),
        ("l: 4294967295\r\n", "\\x00\\xffbody\\r\\n\\r\\n"),
        ("l: 3\r\nContent-Length: 4\r\n", "\\x00\\xffbody\\r\\n\\r\\n"),
        ("l: -3\r\n", "\\x00\\xffbody\\r\\n\\r\\n"),
        ("l: 3, 3\r\n", "\\x00\\xffbody\\r\\n\\r\\n"),
    ] {
        let head = format!("A b SIP/2.0\r\n{lines}\r\n");
        let octets = [head.as_bytes(), b"\x00\xffbody\r\n\r\n"].concat();
        let message = Message::parse(&octets, &limits()).expect("a message");
        assert_eq!(text(Some(message.body())), body, "{lines:?}");
        assert_eq!(message.octets().len(), head.len() + message.body().len());
    }
}

#[test]
fn each_limit_can_be_reached_and_not_passed() {
    let small = Limits { message_bytes_max: 60, headers_max: 3, line_bytes_max: 20, ..limits() };
    for (lines, body, expected) in [
        ("X: 6\r\n", 33, None),
        ("X: 6\r\n", 40, Some("a shorter message")),
        ("X: 6\r\nX: 6\r\nX: 6\r\n", 0, None),
        ("X: 6\r\nX: 6\r\nX: 6\r\nX: 6\r\n", 0, Some("fewer header lines")),
        ("X: 4567890123456\r\n 0\r\n", 0, Some("a shorter header line")),
        ("X: 456789012345\r\n 0\r\n", 0, Some("a shorter header line")),
        ("X: 45678901234\r\n 0\r\n", 0, None),
    ] {
        let octets = format!("A b SIP/2.0\r\n{lines}\r\n{}", "x".repeat(body));
        let found = Message::parse(octets.as_bytes(), &small).err().map(|why| why.expected);
        assert_eq!(found, expected, "{lines:?} and {body} octets");
    }
    let wide = Limits { line_bytes_max: 100_000, message_bytes_max: 100_000, ..limits() };
    let octets = format!("A b SIP/2.0\r\n{}: 1\r\n\r\n", "x".repeat(70_000));
    let found = Message::parse(octets.as_bytes(), &wide).err().map(|why| why.expected);
    assert_eq!(found, Some("a shorter header name"));
}

#[test]
fn an_index_of_as_many_lines_as_messages_have_allocates_nothing() {
    for (lines, allocates) in [(1, false), (FIELDS_INLINE, false), (FIELDS_INLINE + 1, true)] {
        let octets = format!("A b SIP/2.0\r\n{}\r\n", "X: 1\r\n".repeat(lines));
        let message = Message::parse(octets.as_bytes(), &limits()).expect("a message");
        assert_eq!((message.fields().len(), message.index.fields.spilled()), (lines, allocates));
    }
}

#[test]
fn only_numbers_are_numbers() {
    for (value, hops, expires) in [
        ("70", Some(Some(70)), Some(70)),
        ("0", Some(Some(0)), Some(0)),
        ("255", Some(Some(255)), Some(255)),
        ("256", None, Some(256)),
        ("4294967296", None, Some(u32::MAX)),
        ("99999999999999999999", None, Some(u32::MAX)),
        ("-1", None, None),
        ("", None, None),
        ("7 0", None, None),
        ("+7", None, None),
    ] {
        let octets = format!("A b SIP/2.0\r\nMax-Forwards: {value}\r\nExpires: {value}\r\n\r\n");
        let message = Message::parse(octets.as_bytes(), &limits()).expect("a message");
        assert_eq!((message.max_forwards().ok(), message.expires()), (hops, expires), "{value:?}");
    }
}
