//! Via, Route and their kin, Diversion, History-Info.

use std::net::SocketAddr;

use super::*;
use crate::uri::Host;

#[test]
fn a_via_is_read_in_all_its_forms() {
    check(
        Via::parse,
        Via::write,
        &[
            ("SIP/2.0/UDP a.org:5060;branch=z9hG4bK1", "SIP/2.0/UDP a.org:5060;branch=z9hG4bK1"),
            (
                "SIP / 2.0 / UDP\r\n first.example.com: 4000;ttl=16\r\n ;maddr=224.2.0.1 ;branch=z9",
                "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9",
            ),
            (
                "SIP/2.0/TCP\t[2001:db8::9:1]:5061;received=[2001:db8::9:255];branch=z",
                "SIP/2.0/TCP [2001:db8::9:1]:5061;received=[2001:db8::9:255];branch=z",
            ),
            (
                "SIP/2.0/TCP [2001:db8::9:1];received=2001:db8::9:255",
                "SIP/2.0/TCP [2001:db8::9:1];received=2001:db8::9:255",
            ),
            ("SIP/2.0/UDP a;rport", "SIP/2.0/UDP a;rport"),
            ("SIP/2.0/UDP a;rport = 99", "SIP/2.0/UDP a;rport=99"),
            ("SIP/2.0/UDP a;branch=z9hG4bK-.!%66*_+`'~", "SIP/2.0/UDP a;branch=z9hG4bK-.!%66*_+`'~"),
            ("SIP/2.0/UDP a;branch=z9hG4bK@=/(b)?", "SIP/2.0/UDP a;branch=z9hG4bK@=/(b)?"),
            ("SIP/2.0/UDP a;hidden;x=\"y, z\"", "SIP/2.0/UDP a;hidden;x=\"y, z\""),
            ("SIP/2.0/SCTP 1.2.3.4 : 70", "SIP/2.0/SCTP 1.2.3.4:70"),
            ("SIP/7.0/UDP a", "SIP/7.0/UDP a"),
            ("TIP/1/WSS df7jal23ls0d.invalid", "TIP/1/WSS df7jal23ls0d.invalid"),
            ("SIP/2.0/UDP", "!11"),
            ("SIP/2.0 UDP a", "!7"),
            ("SIP/2.0/UDPa:1", "!12"),
            ("SIP/2.0/UDP 2001:db8::1", "!12"),
            ("SIP/2.0/UDP a:", "!14"),
            ("SIP/2.0/UDP a:70000", "!14"),
            ("SIP/2.0/UDP a;;branch=z", "!14"),
            ("SIP/2.0/UDP a;rport=70000", "!13"),
            ("SIP/2.0/UDP a;rport=x", "!13"),
            ("SIP/2.0/UDP a;branch=", "!21"),
            ("SIP/2.0/UDP a b", "!14"),
        ],
    );
}

#[test]
fn the_parameters_of_a_via_are_at_hand() {
    let via =
        Via::parse(b"SIP/2.0/UDP a.org;BRANCH=z9;Received=192.0.2.1;rport=1234;ttl=3;maddr=b.org;branch=no");
    let via = via.expect("it is well-formed");
    assert_eq!(via.branch(), Some(&b"z9"[..]));
    assert_eq!(via.received(), Some([192, 0, 2, 1].into()));
    assert_eq!(via.rport(), Some(Some(1234)));
    assert_eq!((via.ttl(), via.maddr()), (Some(3), Some(Host::Name("b.org"))));
    assert_eq!(via.host, Host::Name("A.ORG"));
    assert_eq!(
        Via::parse(b"SIP/2.0/UDP a;rport;received=x.org").map(|via| (
            via.rport(),
            via.received(),
            via.branch()
        )),
        Ok((Some(None), None, None))
    );
}

#[test]
fn the_receiver_of_a_via_writes_down_where_it_came_from() {
    for (via, source, wanted) in [
        // RFC 3261 §18.2.1: only where sent-by is not the source.
        ("SIP/2.0/UDP 192.0.2.1;branch=z", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1;branch=z"),
        (
            "SIP/2.0/UDP 10.0.0.1;branch=z",
            "192.0.2.1:5060",
            "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.1",
        ),
        ("SIP/2.0/UDP a.org;branch=z", "192.0.2.1:5060", "SIP/2.0/UDP a.org;branch=z;received=192.0.2.1"),
        ("SIP/2.0/UDP [2001:DB8::1]", "[2001:db8::1]:5060", "SIP/2.0/UDP [2001:db8::1]"),
        ("SIP/2.0/UDP [2001:db8::2]", "[2001:db8::1]:5060", "SIP/2.0/UDP [2001:db8::2];received=2001:db8::1"),
        // A dual-stack socket sees IPv4 peers in mapped form.
        ("SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:5060", "SIP/2.0/UDP 192.0.2.1"),
        // RFC 3581 §4: both, even where the address is the one in sent-by.
        (
            "SIP/2.0/UDP 192.0.2.1;rport;branch=z",
            "192.0.2.1:4000",
            "SIP/2.0/UDP 192.0.2.1;rport=4000;branch=z;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff",
            "192.0.2.1:9988",
            "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1",
        ),
        // What the sender claims is not kept.
        ("SIP/2.0/UDP 192.0.2.1;received=10.0.0.9", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1"),
        (
            "SIP/2.0/UDP a.org;received=10.0.0.9;rport=1",
            "192.0.2.1:2",
            "SIP/2.0/UDP a.org;rport=2;received=192.0.2.1",
        ),
    ] {
        let source: SocketAddr = source.parse().expect("it is an address");
        let read = Via::parse(via.as_bytes()).expect("it is well-formed");
        assert_eq!(written(|out| read.write_received(source, out)), wanted);
    }
}

#[test]
fn a_response_goes_where_the_via_says() {
    for (via, wanted) in [
        ("SIP/2.0/UDP a.org", "a.org -"),
        ("SIP/2.0/UDP a.org:5070", "a.org 5070"),
        ("SIP/2.0/UDP a.org:5070;received=192.0.2.1", "192.0.2.1 5070"),
        ("SIP/2.0/UDP a.org:5070;received=192.0.2.1;rport=99", "192.0.2.1 99"),
        ("SIP/2.0/UDP a.org:5070;received=2001:db8::1;rport", "[2001:db8::1] 5070"),
        ("SIP/2.0/UDP a.org:5070;received=192.0.2.1;maddr=239.1.1.1", "239.1.1.1 5070"),
        ("SIP/2.0/UDP a.org;received=nonsense", "a.org -"),
    ] {
        let reply = Via::parse(via.as_bytes()).expect("it is well-formed").reply_to();
        let port = reply.port.map_or("-".into(), |port| port.to_string());
        assert_eq!(format!("{} {port}", reply.host), wanted, "{via}");
    }
}

#[test]
fn hops_stand_in_brackets() {
    check(
        |value| Route::parse(Name::RecordRoute, value),
        Route::write,
        &[
            ("<sip:p1.example.com;lr>", "<sip:p1.example.com;lr>"),
            ("Edge <sip:p1.example.com;lr>;x=y", "Edge <sip:p1.example.com;lr>;x=y"),
            ("sip:p1.example.com;lr", "!0"),
        ],
    );
    let hop = |value| Route::parse(Name::Path, value).and_then(|route| route.sip_uri()).map(|uri| uri.lr());
    assert_eq!(hop(b"<sips:p1.example.com;lr>"), Ok(true));
    assert_eq!(hop(b"<sip:p1.example.com>"), Ok(false));
    assert_eq!(hop(b"<tel:+1>").map_err(|why| why.expected), Err("a sip or sips URI"));
    assert_eq!(hop(b"<sip:>").map_err(|why| (why.name, why.at)), Err((Name::Path, 5)));
}

#[test]
fn a_forwarded_call_says_by_whom_and_why() {
    let diversion = Diversion::parse(b"\"Bob\" <sip:bob@x.org>;reason=user-busy;counter=2;privacy=full")
        .expect("it is well-formed");
    assert_eq!(
        (diversion.reason(), diversion.counter(), diversion.privacy()),
        (Some(&b"user-busy"[..]), 2, Some(&b"full"[..]))
    );
    assert_eq!(diversion.uri().map(|uri| uri.to_string()), Ok("sip:bob@x.org".into()));
    assert_eq!(
        Diversion::parse(b"tel:+1;reason=\"no-answer\"")
            .map(|one| (one.counter(), text(one.reason().unwrap_or_default()).to_owned())),
        Ok((1, "no-answer".into()))
    );

    let history = HistoryInfo::parse(b"<sip:bob@x.org;cause=486?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1")
        .expect("it is well-formed");
    assert_eq!((history.index(), history.cause()), (Some(&b"1.1"[..]), Some(486)));
    assert_eq!(history.reason().as_deref(), Some(&b"SIP;cause=302"[..]));
    assert!(HistoryInfo::parse(b"sip:bob@x.org;index=1").is_err());
}
