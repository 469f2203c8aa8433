use super::*;

fn parse(text: &str) -> Uri<'_> {
    Uri::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn text(octets: &[u8]) -> &str {
    str::from_utf8(octets).expect("the tests are in ASCII")
}

/// One line for what was read: `secure|user|password|host|port|params|headers`.
fn parts(uri: &Uri<'_>) -> String {
    let optional = |part: Option<&[u8]>| part.map_or("-".into(), |part| text(part).to_owned());
    match uri {
        Uri::Sip(uri) => format!(
            "{}|{}|{}|{}|{}|{}|{}",
            if uri.secure { "sips" } else { "sip" },
            optional(uri.user),
            optional(uri.password),
            uri.host,
            uri.port.map_or("-".into(), |port| port.to_string()),
            text(uri.params.text()),
            text(uri.headers.text()),
        ),
        Uri::Tel(uri) => format!("tel|{}|{}", text(uri.number), text(uri.params.text())),
        Uri::Other { scheme, rest } => format!("{}|{}", text(scheme), text(rest)),
    }
}

#[test]
fn each_part_of_a_uri_is_found() {
    for (uri, wanted) in [
        // RFC 3261 §19.1.3.
        ("sip:alice@atlanta.com", "sip|alice|-|atlanta.com|-||"),
        (
            "sip:alice:secretword@atlanta.com;transport=tcp",
            "sip|alice|secretword|atlanta.com|-|;transport=tcp|",
        ),
        (
            "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sips|alice|-|atlanta.com|-||subject=project%20x&priority=urgent",
        ),
        (
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            "sip|+1-212-555-1212|1234|gateway.com|-|;user=phone|",
        ),
        ("sips:1212@gateway.com", "sips|1212|-|gateway.com|-||"),
        ("sip:alice@192.0.2.4", "sip|alice|-|192.0.2.4|-||"),
        (
            "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
            "sip|-|-|atlanta.com|-|;method=REGISTER|to=alice%40atlanta.com",
        ),
        ("sip:alice;day=tuesday@atlanta.com", "sip|alice;day=tuesday|-|atlanta.com|-||"),
        // Everything that a user part may hold.
        ("sip:a&b=c+d$e,f;g?h/i@x.org", "sip|a&b=c+d$e,f;g?h/i|-|x.org|-||"),
        ("sip:sips%3Auser%40example.com@example.net", "sip|sips%3Auser%40example.com|-|example.net|-||"),
        ("sip:null-%00-null@example.com", "sip|null-%00-null|-|example.com|-||"),
        ("sip:*67#@x.org", "sip|*67#|-|x.org|-||"),
        ("sip:alice:@x.org", "sip|alice||x.org|-||"),
        ("SIPS:ALICE@X.ORG:5061", "sips|ALICE|-|X.ORG|5061||"),
        ("sip:x.org:65535", "sip|-|-|x.org|65535||"),
        ("sip:x.org.", "sip|-|-|x.org.|-||"),
        ("sip:my_pbx.local;lr", "sip|-|-|my_pbx.local|-|;lr|"),
        ("sip:a@10.1.2.3:5062;ob;line=a=b==?X=", "sip|a|-|10.1.2.3|5062|;ob;line=a=b==|X="),
        ("sip:a@010.001.02.3", "sip|a|-|10.1.2.3|-||"),
        ("sip:b@x.org?Replaces=1@x;to-tag=2;from-tag=3", "sip|b|-|x.org|-||Replaces=1@x;to-tag=2;from-tag=3"),
        // IPv6 references.
        ("sip:[2001:db8::10]", "sip|-|-|[2001:db8::10]|-||"),
        ("sip:[2001:db8::10:5070]", "sip|-|-|[2001:db8::10:5070]|-||"),
        ("sip:[2001:db8::10]:5070;lr", "sip|-|-|[2001:db8::10]|5070|;lr|"),
        ("sip:alice@[2001:DB8:0:0:0:0:0:1]", "sip|alice|-|[2001:db8::1]|-||"),
        ("sip:user@[::ffff:192.0.2.10]:19823", "sip|user|-|[::ffff:192.0.2.10]|19823||"),
        ("sip:a@[2001:db8:::192.0.2.1]", "sip|a|-|[2001:db8::c000:201]|-||"),
        ("sip:a@[:::192.0.2.1]", "sip|a|-|[::c000:201]|-||"),
        ("sip:a@x.org;maddr=[::1]", "sip|a|-|x.org|-|;maddr=[::1]|"),
        // Telephones and others.
        ("tel:+33-1.23(45)67", "tel|+33-1.23(45)67|"),
        ("TEL:7042;phone-context=example.com", "tel|7042|;phone-context=example.com"),
        ("tel:6002", "tel|6002|"),
        ("tel:*21#;ext=5", "tel|*21#|;ext=5"),
        ("nobodyKnowsThisScheme:totallyopaquecontent", "nobodyKnowsThisScheme|totallyopaquecontent"),
        ("urn:service:sos.fire", "urn|service:sos.fire"),
        ("http://x.org/a?b#c", "http|//x.org/a?b#c"),
        ("sipx:a@b", "sipx|a@b"),
    ] {
        assert_eq!(parts(&parse(uri)), wanted, "{uri}");
    }
}

#[test]
fn what_is_no_uri_is_refused_where_it_goes_wrong() {
    for (uri, at) in [
        ("", 0),
        ("sip", 0),
        (":a", 0),
        ("1a:b", 0),
        ("*", 0),
        ("sip:", 4),
        ("sip:@x.org", 4),
        ("sip:a@", 6),
        ("sip:a b@x.org", 5),
        ("sip:a@b@x.org", 7),
        ("sip:a%4@x.org", 5),
        ("sip:a@x.org:", 12),
        ("sip:a@x.org:65536", 12),
        ("sip:a@x.org:5060x", 16),
        ("sip:a@x.org;", 12),
        ("sip:a@x.org;;lr", 12),
        ("sip:a@x.org;lr=", 15),
        ("sip:a@x.org;x=\"y\"", 14),
        ("sip:a@x.org?", 12),
        ("sip:a@x.org?to", 14),
        ("sip:a@x.org ;lr", 11),
        ("sip:a@-x.org", 6),
        ("sip:a@x..org", 6),
        ("sip:a@1.2.3", 6),
        ("sip:a@1.2.3.256", 6),
        ("sip:a@1.2.3.4.5", 6),
        ("sip:a@[::1", 6),
        ("sip:a@[]", 7),
        ("sip:a@[2001:db8:::1]", 7),
        ("sip:a@[2001::db8:::192.0.2.1]", 7),
        ("sip:a@[1:2:3:4:5:6:::192.0.2.1]", 7),
        ("sip:a@[::::192.0.2.1]", 7),
        ("sip:a@[fe80::1%25eth0]", 7),
        ("sip:a@2001:db8::10", 6),
        ("sip:[2001:db8::10]5070", 18),
        ("sip:2001:db8::1", 4),
        ("sip:ü@x.org", 4),
        ("tel:", 4),
        ("tel:+", 5),
        ("tel:--", 4),
        ("tel:+12#", 7),
        ("tel:alice", 5),
        ("mailto:", 7),
        ("x:a b", 3),
        ("x:<a>", 2),
    ] {
        match Uri::parse(uri.as_bytes()) {
            Ok(read) => panic!("{uri} was read as {}", parts(&read)),
            Err(why) => assert_eq!(why.at, at, "{uri}: {why}"),
        }
    }
}

#[test]
fn parameters_are_found_in_any_case_and_with_escapes() {
    let uri =
        parse("sip:a@x.org;%6C%72;Transport=TCP;MADDR=239.1.2.3;ttl=15;user=phone;method=INVITE;ob;gr=urn:x");
    let uri = uri.as_sip().expect("it is a sip URI");
    assert!(uri.lr() && uri.ob());
    assert_eq!(uri.transport(), Some(&b"TCP"[..]));
    assert_eq!(uri.maddr(), Some(Host::V4([239, 1, 2, 3].into())));
    assert_eq!(
        (uri.ttl(), uri.user_param(), uri.method()),
        (Some(15), Some(&b"phone"[..]), Some(&b"INVITE"[..]))
    );
    assert_eq!(uri.gr(), Some(Some(&b"urn:x"[..])));
    assert_eq!(uri.param(b"none"), None);
}

#[test]
fn parameters_and_headers_have_a_limit() {
    for (first, another) in [(";p", ";p"), ("?h=1", "&h=1")] {
        let full = format!("sip:a@x.org{first}{}", another.repeat(63));
        assert!(Uri::parse(full.as_bytes()).is_ok());
        let more = format!("{full}{another}");
        assert_eq!(Uri::parse(more.as_bytes()).map_err(|why| why.at), Err(full.len()));
    }
}

#[test]
fn what_is_written_is_what_was_read() {
    for uri in [
        "sip:alice:secretword@atlanta.com:5060;transport=tcp;%6C%72?subject=project%20x&priority=urgent",
        "sips:%40@[2001:db8::1]:5061;lr",
        "sip:[::1]",
        "tel:+33-1.23(45)67;ext=12",
        "urn:service:sos",
    ] {
        assert_eq!(parse(uri).to_string(), uri);
    }
}

#[test]
fn uris_are_compared_by_the_rules_of_their_scheme() {
    for (one, two, wanted) in [
        // RFC 3261 §19.1.4: its examples.
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            true,
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            true,
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
        // The rules that have none.
        ("sip:a@x.org", "sips:a@x.org", false),
        ("sip:a@x.org", "sip:x.org", false),
        ("sip:a@x.org", "sip:a:@x.org", false),
        ("sip:a:B@x.org", "sip:a:b@x.org", false),
        ("sip:a@x.org;user=phone", "sip:a@x.org", false),
        ("sip:a@x.org;ttl=1", "sip:a@x.org", false),
        ("sip:a@x.org", "sip:a@x.org;method=INVITE", false),
        ("sip:a@x.org", "sip:a@x.org;maddr=1.2.3.4", false),
        ("sip:a@x.org;lr", "sip:a@x.org", true),
        ("sip:a@x.org;x", "sip:a@x.org;x=1", false),
        ("sip:a@x.org;x=1;x=2", "sip:a@x.org;X=1", true),
        ("sip:a@x.org;%6C%72=1", "sip:a@x.org;LR=2", false),
        ("sip:a%3Bb@x.org", "sip:a;b@x.org", false),
        ("sip:a%3bb@x.org", "sip:a%3Bb@x.org", true),
        ("sip:a%2Db@x.org", "sip:a-b@x.org", true),
        ("sip:a@x.org?a=1&a=2", "sip:a@x.org?a=2&a=1", true),
        ("sip:a@x.org?a=1&a=1", "sip:a@x.org?a=2&a=1", false),
        // RFC 5954 §4.2.
        ("sip:bob@[2001:DB8::9:255]", "sip:bob@[2001:db8:0:0:0:0:9:255]", true),
        ("sip:bob@[::ffff:192.0.2.128]", "sip:bob@[::ffff:c000:280]", true),
        ("sip:bob@[2001:db8::1]", "sip:bob@[2001:db8::2]", false),
        ("sip:bob@[::ffff:192.0.2.128]", "sip:bob@192.0.2.128", false),
        // RFC 3966 §4.
        ("tel:+1-201-555-0123", "tel:+1(201)5550123", true),
        ("tel:+12015550123", "tel:12015550123", false),
        ("tel:7042;phone-context=Example.com", "TEL:7042;Phone-Context=example.com", true),
        ("tel:7042;phone-context=+1-914", "tel:7042;phone-context=+1914", true),
        ("tel:7042;phone-context=+1-914", "tel:7042", false),
        ("tel:+1;ext=12;isub=3", "tel:+1;isub=3;ext=1-2", true),
        ("tel:+1", "tel:+1;x=1", false),
        ("tel:+1", "sip:+1@x.org", false),
        // Others.
        ("URN:service:sos", "urn:service:sos", true),
        ("urn:service:sos", "urn:service:SOS", false),
    ] {
        let (a, b) = (parse(one), parse(two));
        assert_eq!(equal(&a, &b), wanted, "{one} and {two}");
        assert_eq!(equal(&b, &a), wanted, "{two} and {one}");
        assert!(equal(&a, &a) && equal(&b, &b), "{one} and {two} equal themselves");
        if key(&a) == key(&b) {
            assert!(wanted, "{one} and {two} have one key");
        }
    }
}

fn key(uri: &Uri<'_>) -> String {
    let mut key = String::new();
    comparison_key(uri, &mut key);
    key
}

#[test]
fn a_comparison_key_drops_what_never_matters() {
    for (one, two, wanted) in [
        ("sip:%61lice@Atlanta.COM;transport=TCP;lr", "SIP:alice@atlanta.com;LR;Transport=tcp", true),
        ("sip:a@[2001:db8:0::1]:5060", "sip:a@[2001:DB8::1]:5060", true),
        ("sip:a@x.org;lr;x=1;x=2", "sip:a@x.org;x=1;lr;lr", true),
        ("sip:a@x.org?b=1&c=2", "sip:a@x.org?C=2&B=1", true),
        ("sip:a@1.2.3.4;line=abc", "sip:a@1.2.3.4;line=def", false),
        ("sip:a@1.2.3.4;line=abc", "sip:a@1.2.3.4", false),
        ("sip:a%3Bb@x.org", "sip:a;b@x.org", false),
        ("sip:a%25@x.org", "sip:a%2525@x.org", false),
        ("tel:+1-2;b;a", "tel:+12;a;b", true),
    ] {
        assert_eq!(key(&parse(one)) == key(&parse(two)), wanted, "{one} and {two}");
    }
    assert_eq!(key(&parse("sip:A%20%62:p@X.org:5060;B=C;a?y=z")), "sip:A%20b:p@x.org:5060;a;b=c?y=z");
}

#[test]
fn an_address_of_record_has_one_form() {
    for (uri, alone, at_home) in [
        ("sip:alice@Atlanta.COM", "alice@atlanta.com", "alice@example.org"),
        ("sips:alice:pw@atlanta.com;transport=tcp?a=b", "alice@atlanta.com", "alice@example.org"),
        ("sip:%61lice@atlanta.com:5060", "alice@atlanta.com:5060", "alice@example.org"),
        ("sip:Alice@[2001:DB8:0::1]", "Alice@[2001:db8::1]", "Alice@example.org"),
        ("sip:a%40b@x.org", "a@b@x.org", "a@b@example.org"),
        ("sip:j%C3%B6rg@x.org", "jörg@x.org", "jörg@example.org"),
        ("sip:%FF%00%25@x.org", "%FF%00%25@x.org", "%FF%00%25@example.org"),
        ("sip:%25FF@x.org", "%25FF@x.org", "%25FF@example.org"),
        ("sip:x.org", "x.org", "example.org"),
        ("tel:+33-1.23", "tel:+33123", "+33123@example.org"),
        ("URN:service:sos", "urn:service:sos", "urn:service:sos"),
    ] {
        let uri = parse(uri);
        assert_eq!(Aor::of(&uri, None).as_str(), alone);
        assert_eq!(Aor::of(&uri, Some("Example.org")).as_str(), at_home);
    }
    let aor = Aor::of(&parse("sip:a%40b@x.org:5070"), None);
    assert_eq!((aor.user(), aor.domain()), (Some("a@b"), "x.org:5070"));
}

#[test]
fn any_text_can_be_made_a_user_part() {
    let mut user = Vec::new();
    escape_user(b"a b@c#\xff;d", &mut user);
    assert_eq!(text(&user), "a%20b%40c%23%FF;d");
    assert_eq!(unescape(&user).as_ref(), b"a b@c#\xff;d");
}

#[test]
fn a_host_may_stand_alone() {
    for (host, wanted) in [
        ("::1", Some("[::1]")),
        ("[2001:db8::9:1]", Some("[2001:db8::9:1]")),
        ("192.0.2.1", Some("192.0.2.1")),
        ("Example.org", Some("Example.org")),
        ("example.org:5060", None),
        ("", None),
        ("a/b", None),
        ("[::1]:5060", None),
    ] {
        let read = Host::parse(host.as_bytes()).ok().map(|host| host.to_string());
        assert_eq!(read.as_deref(), wanted, "{host}");
    }
}
