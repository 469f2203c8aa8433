//! Tokens of all kinds of ends, and the attempts to make one up.

use std::net::IpAddr;

use sip::transport::{ConnectionId, ListenerId, Transport};

use super::*;

const BOUND: Bound<'_> =
    Bound { call_id: b"3848276298220188511@atlanta", from_tag: b"9fxced76sl", to_tag: b"" };

fn keys() -> Keys {
    Keys::new(1, [7; 16], 42)
}

fn way(transport: Transport, remote: &str) -> Flow {
    let stream = transport != Transport::Udp;
    let remote: std::net::SocketAddr = remote.parse().unwrap();
    let local: IpAddr = match (remote.ip(), stream) {
        (IpAddr::V4(_), false) => "192.0.2.1".parse().unwrap(),
        (IpAddr::V4(_), true) => "0.0.0.0".parse().unwrap(),
        (IpAddr::V6(_), _) => "::".parse().unwrap(),
    };
    let connection = stream.then_some(ConnectionId { slot: 70_000, generation: 9 });
    Flow { transport, listener: ListenerId(3), local, remote, connection }
}

fn sign(keys: &Keys, caller: &End<'_>, callee: &End<'_>) -> Vec<u8> {
    let mut text = TokenText::new();
    keys.sign(caller, callee, BOUND, &mut text);
    text.to_vec()
}

#[test]
fn a_token_tells_both_ends_and_stays_short() {
    let ends = [
        End::default(),
        End { flow: Some(way(Transport::Udp, "198.51.100.7:5062")), user: "alice", instance: 77 },
        End { flow: Some(way(Transport::Tls, "[2001:db8::9]:5061")), user: "bob", instance: 0 },
        End { flow: Some(way(Transport::Udp, "[2001:db8::9]:5060")), user: "", instance: 0 },
        End { flow: None, user: "somebody-with-a-name-too-long-for-any-token", instance: 3 },
    ];
    for caller in &ends {
        for callee in &ends {
            let text = sign(&keys(), caller, callee);
            assert!(text.len() <= TOKEN_CHARACTERS_MAX, "{}", text.len());
            let opened = keys().open(&text, BOUND).expect("we signed it");
            assert!(!opened.towards_caller);
            assert_eq!(opened.caller.flow, caller.flow.map(flow::Read::Usable));
            assert_eq!(opened.callee.flow, callee.flow.map(flow::Read::Usable));
        }
    }
    let opened = keys().open(&sign(&keys(), &ends[1], &ends[1]), BOUND).unwrap();
    assert_eq!((opened.callee.user.as_slice(), opened.callee.instance), (&b"alice"[..], 77));
}

#[test]
fn the_longest_flows_fit() {
    let end = End { flow: Some(way(Transport::Wss, "[2001:db8::9]:49152")), user: "alice", instance: 1 };
    let text = sign(&keys(), &end, &end);
    assert_eq!(text.len(), TOKEN_CHARACTERS_MAX);
    assert!(keys().open(&text, BOUND).is_some());
}

#[test]
fn the_tags_tell_the_direction() {
    let text = sign(&keys(), &End::default(), &End::default());
    let from_caller = Bound { to_tag: b"8321234356", ..BOUND };
    assert_eq!(keys().open(&text, from_caller).map(|opened| opened.towards_caller), Some(false));
    let from_callee = Bound { from_tag: b"8321234356", to_tag: BOUND.from_tag, ..BOUND };
    assert_eq!(keys().open(&text, from_callee).map(|opened| opened.towards_caller), Some(true));
}

#[test]
fn a_token_that_is_not_ours_is_none() {
    let end = End { flow: Some(way(Transport::Udp, "198.51.100.7:5062")), user: "alice", instance: 77 };
    let text = sign(&keys(), &end, &end);
    let open = |text: &[u8]| keys().open(text, BOUND);
    for place in 0..text.len() {
        let mut forged = text.clone();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        assert_eq!(open(&forged), None, "changed at {place}");
        assert_eq!(open(&text[..place]), None, "cut at {place}");
    }
    assert_eq!(keys().open(&text, Bound { call_id: b"another", ..BOUND }), None);
    assert_eq!(keys().open(&text, Bound { from_tag: b"another", ..BOUND }), None);
    assert_eq!(Keys::new(1, [8; 16], 42).open(&text, BOUND), None);
    assert_eq!(open(b"alice"), None);
    assert_eq!(open(b""), None);
    assert_eq!(open(&[b'A'; 97]), None);
}

#[test]
fn an_old_key_still_verifies_and_a_restart_ends_connections() {
    let end = End { flow: Some(way(Transport::Tcp, "198.51.100.7:49152")), user: "alice", instance: 0 };
    let text = sign(&keys(), &end, &End::default());
    let rotated = Keys::new(2, [9; 16], 43).and_old(1, [7; 16]);
    assert_eq!(rotated.open(&text, BOUND).unwrap().caller.flow, Some(flow::Read::Gone));
    assert_ne!(sign(&rotated, &end, &end)[..2], text[..2]);
}
