//! What the RFCs say about single messages beyond their verdict.

use sip::framer::{Frame, Framer};
use sip::header::{Contact, ContactValue, ContentType, Expires, RetryAfter, Route, Via, Warning};
use sip::message::{Limits, Message, Method, Name};
use sip::uri::{Aor, Host, Uri};

use crate::octets;

/// Reads a message and looks at it.
fn with<T>(name: &str, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let octets = octets(name);
    look(&Message::parse(&octets, &Limits::default()).expect("it can be represented"))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn contacts<'a>(message: &Message<'a>) -> Vec<Contact<'a>> {
    let read = |element| match ContactValue::parse(element) {
        Ok(ContactValue::Contact(contact)) => contact,
        other => panic!("{other:?}"),
    };
    message.elements(Name::Contact).map(read).collect()
}

#[test]
fn the_tortuous_invite_is_read_through_its_folds() {
    with("wsinv", |message| {
        let to = message.to().expect("it has a To");
        assert_eq!(
            (text(to.address), to.tag()),
            ("sip:vivekg@chair-dnrc.example.com".into(), Some(&b"1918181833n"[..]))
        );
        let from = message.from().expect("it has a From");
        assert_eq!(text(&from.display.expect("it has a name").unescape()), "J Rosenberg \\\"");
        assert_eq!(from.tag(), Some(&b"98asjd8"[..]));
        assert_eq!(message.max_forwards(), Ok(Some(68)));
        let cseq = message.cseq().expect("it has a CSeq");
        assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
        assert_eq!(message.first(Name::Subject), Some(&b""[..]));
        assert_eq!(message.unknown(b"unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
        let hops: Vec<_> =
            message.elements(Name::Via).map(|one| Via::parse(one).expect("it is well-formed")).collect();
        let hops: Vec<_> = hops
            .iter()
            .map(|via| {
                format!("{} {} {}", text(via.transport), via.host, text(via.branch().unwrap_or_default()))
            })
            .collect();
        assert_eq!(
            hops,
            [
                "UDP 192.0.2.2 390skdjuw",
                "TCP spindle.example.com z9hG4bK9ikj8",
                "UDP 192.168.255.111 z9hG4bK30239"
            ]
        );
        let route = message.elements(Name::Route).next().map(|one| Route::parse(Name::Route, one));
        let route =
            route.expect("it has a Route").and_then(|route| route.sip_uri()).expect("it is well-formed");
        assert!(route.lr());
        assert_eq!(route.param(b"unknown-no-value"), Some(None));
        let contact = contacts(message)[0];
        assert_eq!(contact.q, Some(330));
        assert_eq!(text(&contact.name_addr.display.expect("it has a name").unescape()), "Quoted string \"\"");
        assert_eq!(contact.params().raw(b"newparam"), Some(&b"newvalue"[..]));
        assert_eq!(contact.params().find(b"secondparam"), Some(None));
        assert_eq!(message.body().len(), 150);
    });
}

#[test]
fn a_wide_range_of_characters_is_carried() {
    with("intmeth", |message| {
        assert_eq!(message.method(), Some(Method::Other("!interesting-Method0123456789_*+`.%indeed'~")));
        let uri = Uri::parse(message.request_uri().expect("it is a request")).expect("it is well-formed");
        let uri = *uri.as_sip().expect("it is a sip URI");
        assert_eq!(uri.user, Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..]));
        assert_eq!(uri.password, Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..]));
        let display = message.to().expect("it has a To").display.expect("it has a name");
        assert_eq!(display.unescape().as_ref(), b"BEL:\x07 NUL:\0 DEL:\x7f");
        let from = message.from().expect("it has a From");
        assert_eq!(text(from.display.expect("it has a name").raw), "token1~` token2'+_ token3*%!.-");
        assert_eq!(from.params.raw(b"fromParam''~+*_!.-%").map(text), Some("работающий".into()));
        assert_eq!(from.tag(), Some(&b"_token~1'+`*%!-."[..]));
        assert_eq!(message.via().map(|via| via.branch()), Ok(Some(&b"z9hG4bK-.!%66*_+`'~"[..])));
        assert_eq!(message.unknown(b"extensionHeader-!.%*+_`'~").map(text), Some("\u{feff}大停電".into()));
        assert_eq!(message.max_forwards(), Ok(Some(255)));
    });
}

#[test]
fn escapes_mean_something_in_uris_alone() {
    with("esc01", |message| {
        let uri = Uri::parse(message.request_uri().expect("it is a request")).expect("it is well-formed");
        assert_eq!(Aor::of(&uri, None).as_str(), "sips:user@example.com@example.net");
        let to = message.to().and_then(|to| to.uri()).expect("it is well-formed");
        assert!(sip::uri::equal(&to, &Uri::parse(b"sip:user@example.com").expect("it is well-formed")));
        let contact = contacts(message)[0].uri().expect("it is well-formed");
        let contact = contact.as_sip().expect("it is a sip URI");
        assert!(contact.lr());
        // "v%61lue%25%34%31" is "value%41", never "valueA".
        let name = contact.param(b"name").flatten().expect("it has a name");
        assert_eq!(sip::uri::unescape(name).as_ref(), b"value%41");
    });
    with("escnull", |message| {
        let to = message.to().and_then(|to| to.uri()).expect("it is well-formed");
        assert_eq!(Aor::of(&to, None).as_str(), "null-%00-null@example.com");
        let [one, two] = [0, 1].map(|place| contacts(message)[place].uri().expect("it is well-formed"));
        assert!(!sip::uri::equal(&one, &two), "two distinct contacts");
    });
    with("esc02", |message| {
        assert_eq!(message.method(), Some(Method::Other("RE%47IST%45R")));
        assert_eq!(message.count(Name::Contact), 2);
        assert_eq!(text(message.to().expect("it has a To").display.expect("it has a name").raw), "%Z%45");
    });
}

#[test]
fn valid_messages_are_read_as_they_mean() {
    with("lwsdisp", |message| {
        let from = message.from().expect("it has a From");
        assert_eq!(
            (from.display.map(|name| text(name.raw)), text(from.address)),
            (Some("caller".into()), "sip:caller@example.com".into())
        );
    });
    with("longreq", |message| {
        assert_eq!(message.elements(Name::Via).count(), 34);
        assert_eq!(message.to().map(|to| to.display.map_or(0, |name| name.raw.len())), Ok(103));
        assert_eq!(message.from().map(|from| from.tag().map_or(0, <[u8]>::len)), Ok(155));
    });
    with("semiuri", |message| {
        let uri = Uri::parse(message.request_uri().expect("it is a request")).expect("it is well-formed");
        assert_eq!(uri.as_sip().and_then(|uri| uri.user), Some(&b"user;par=u%40example.net"[..]));
        let takes: Vec<_> = message
            .elements(Name::Accept)
            .map(|one| ContentType::parse_as(Name::Accept, one).map(|kind| text(kind.subtype)))
            .collect();
        assert_eq!(takes.len(), 6);
        assert_eq!(takes[5], Ok("sipfrag".into()));
    });
    with("transports", |message| {
        let transports: Vec<_> =
            message.elements(Name::Via).map(|one| Via::parse(one).map(|via| text(via.transport))).collect();
        assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"].map(|one| Ok(one.to_owned())));
    });
    with("mpart01", |message| {
        let kind = ContentType::parse(message.first(Name::ContentType).expect("it has a type"))
            .expect("it is well-formed");
        assert_eq!(kind.boundary().map(|text| text.raw), Some(&b"7a9cbec02ceef655"[..]));
        assert_eq!(message.body().len(), 553);
        assert_eq!(message.via().map(|via| via.rport()), Ok(Some(None)));
    });
    with("unreason", |message| {
        assert_eq!(
            message.reason().map(text),
            Some("= 2**3 * 5**2 но сто девяносто девять - простое".into())
        );
    });
    with("noreason", |message| {
        assert_eq!(
            (message.status().map(|status| status.to_string()), message.reason()),
            (Some("100".into()), Some(&b""[..]))
        );
    });
}

#[test]
fn a_stream_holds_both_requests_of_dblreq() {
    let mut framer = Framer::new(Limits::default());
    framer.push(&octets("dblreq"));
    for method in [Method::Register, Method::Invite] {
        let frame = loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => break message,
                Ok(Some(Frame::KeepAlive)) => {}
                other => panic!("{other:?}"),
            }
        };
        let message = Message::parse(frame, &Limits::default()).expect("it can be represented");
        assert_eq!(message.method(), Some(method));
    }
    with("dblreq", |message| {
        assert_eq!((message.method(), message.body()), (Some(Method::Register), &b""[..]));
    });
}

#[test]
fn numbers_out_of_range_are_errors_or_the_greatest() {
    with("scalar02", |message| {
        assert!(message.cseq().is_err() && message.max_forwards().is_err());
        assert_eq!(message.expires(), Some(u32::MAX));
        assert_eq!(message.first(Name::Expires).map(Expires::parse), Some(Ok(Expires(u32::MAX))));
        assert_eq!(contacts(message)[0].expires(), Some(u32::MAX));
    });
    with("scalarlg", |message| {
        let wait =
            message.first(Name::RetryAfter).map(|value| RetryAfter::parse(value).map(|wait| wait.seconds));
        assert_eq!(wait, Some(Ok(u32::MAX)));
        assert!(message.first(Name::Warning).is_some_and(|value| Warning::parse(value).is_err()));
    });
    with("zeromf", |message| assert_eq!(message.max_forwards(), Ok(Some(0))));
}

#[test]
fn parameters_belong_to_the_header_or_to_the_uri() {
    with("cparam01", |message| {
        let contact = contacts(message)[0];
        assert_eq!(contact.params().find(b"unknownparam"), Some(None));
        assert_eq!(contact.uri().map(|uri| uri.as_sip().map(|uri| uri.params.is_empty())), Ok(Some(true)));
    });
    with("cparam02", |message| {
        let contact = contacts(message)[0];
        assert!(contact.params().is_empty());
        assert_eq!(
            contact.uri().map(|uri| uri.as_sip().and_then(|uri| uri.param(b"unknownparam"))),
            Ok(Some(None))
        );
    });
    with("regescrt", |message| {
        let uri = contacts(message)[0].uri().expect("it is well-formed");
        let route = uri.as_sip().and_then(|uri| uri.headers.find(b"route")).expect("it has a Route");
        assert_eq!(sip::uri::unescape(route).as_ref(), b"<sip:sip.example.com>");
    });
}

#[test]
fn what_only_an_application_refuses_can_be_read() {
    with("badbranch", |message| assert_eq!(message.via().map(|via| via.branch()), Ok(Some(&b"z9hG4bK"[..]))));
    with("unksm2", |message| {
        assert_eq!(
            message.to().and_then(|to| to.uri()).map(|uri| uri.to_string()),
            Ok("isbn:2983792873".into())
        );
        assert_eq!(contacts(message)[0].uri().map(|uri| uri.to_string()), Ok("name:John_Smith".into()));
    });
    with("bext01", |message| {
        assert_eq!(message.elements(Name::Require).count(), 2);
        assert_eq!(
            message.elements(Name::ProxyRequire).map(text).last(),
            Some("norDoAnyProxiesSupportThis".into())
        );
    });
    with("bcast", |message| {
        let last = message
            .elements(Name::Via)
            .last()
            .map(Via::parse)
            .expect("it has two")
            .expect("it is well-formed");
        assert_eq!(last.host, Host::V4([255, 255, 255, 255].into()));
    });
    with("inv2543", |message| {
        assert_eq!(message.via().map(|via| via.branch()), Ok(None));
        assert_eq!(message.from().map(|from| from.tag()), Ok(None));
        assert_eq!(message.max_forwards(), Ok(None));
        assert_eq!(message.body().len(), 105);
        let to = message.to().expect("it has a To");
        assert_eq!(
            (to.params.raw(b"user"), text(to.address)),
            (Some(&b"phone"[..]), "sip:+16505552222@ss1.example.net".into())
        );
    });
}

#[test]
fn ipv6_references_stand_in_brackets() {
    let host_port = |name: &str| {
        with(name, |message| {
            let uri = Uri::parse(message.request_uri().expect("it is a request")).expect("it is well-formed");
            uri.as_sip().map(|uri| format!("{} {:?}", uri.host, uri.port))
        })
    };
    assert_eq!(host_port("ipv6-good").as_deref(), Some("[2001:db8::10] None"));
    assert_eq!(host_port("port-ambiguous").as_deref(), Some("[2001:db8::10:5070] None"));
    assert_eq!(host_port("port-unambiguous").as_deref(), Some("[2001:db8::10] Some(5070)"));
    assert_eq!(host_port("ipv6-bug-abnf-3-colons"), host_port("ipv6-correct-abnf-2-colons"));
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let received =
            with(name, |message| message.via().map(|via| via.received().map(|address| address.to_string())));
        assert_eq!(received, Ok(Some("2001:db8::9:255".into())), "{name}");
    }
    with("mult-ip-in-header", |message| {
        let hops: Vec<_> = message
            .elements(Name::Via)
            .map(|one| Via::parse(one).map(|via| (via.host.to_string(), via.port)))
            .collect();
        assert_eq!(
            hops,
            [
                Ok(("[2001:db8::9:1]".into(), Some(6050))),
                Ok(("192.0.2.1".into(), None)),
                Ok(("[2001:db8::9:255]".into(), None))
            ]
        );
    });
    with("ipv4-mapped-ipv6", |message| {
        assert_eq!(
            message.via().map(|via| (via.host.to_string(), via.port)),
            Ok(("[::ffff:192.0.2.10]".into(), Some(19823)))
        );
        assert_eq!(
            contacts(message)[0].uri().map(|uri| uri.to_string()),
            Ok("sip:ted@[::ffff:192.0.2.2]".into())
        );
    });
}

#[test]
fn ipv6_in_sdp_is_valid_with_its_true_length() {
    let octets = text(&octets("ipv6-in-sdp")).replace("Content-Length: 268", "Content-Length: 251");
    let message = Message::parse(octets.as_bytes(), &Limits::default()).expect("it can be represented");
    assert_eq!(sip::validate::check(&message, &Limits::default()), Ok(()));
    assert_eq!(message.body().len(), 251);
}
