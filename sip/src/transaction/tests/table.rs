//! The table and its border: limits, ids, keys, the way back, and what is kept.

use std::time::{Duration, Instant};

use super::super::*;
use crate::build;
use crate::message::{Limits, Message};
use crate::transport::{ConnectionId, Flow, ListenerId, NextHop, Outbox, Packet, Sending, Transport};

fn endpoint(transactions_max: usize) -> (Endpoint<u32>, Instant) {
    let now = Instant::now();
    (Endpoint::new(Config { transactions_max, ..Config::default() }, now, [1, 2]), now)
}

fn message(octets: &[u8]) -> Message<'_> {
    Message::parse(octets, &Limits::default()).expect("a message")
}

fn packet(octets: &[u8], transport: Transport) -> Packet<'_> {
    let flow = Flow {
        transport,
        listener: ListenerId(1),
        local: [192, 0, 2, 1].into(),
        remote: ([198, 51, 100, 7], 40_000).into(),
        connection: transport.is_reliable().then_some(ConnectionId { slot: 2, generation: 5 }),
    };
    Packet { octets, flow, arrived: Instant::now() }
}

fn request(method: &str, via: &str) -> Vec<u8> {
    format!(
        "{method} sip:b@example.org SIP/2.0\r\nv: SIP/2.0/{via}\r\nFrom: <sip:a@example.org>;tag=1\r\n\
         To: <sip:b@example.org>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
    )
    .into_bytes()
}

/// What a request means to an endpoint.
fn receive(endpoint: &mut Endpoint<u32>, now: Instant, octets: &[u8]) -> Event<u32> {
    endpoint.receive(now, &message(octets), &mut Outbox::default())
}

/// A request that is new, accepted.
fn accepted(
    endpoint: &mut Endpoint<u32>,
    now: Instant,
    octets: &[u8],
    transport: Transport,
) -> TransactionId {
    let Event::Request { key } = receive(endpoint, now, octets) else { panic!("a new request") };
    endpoint.accept(now, &packet(octets, transport), &message(octets), key, 1).expect("room")
}

fn response(endpoint: &Endpoint<u32>, id: TransactionId, status: u16) -> Vec<u8> {
    let kept = endpoint.kept_request(id).expect("not answered yet");
    let mut octets = Vec::new();
    let status = Status::new(status).expect("a status");
    build::response(
        &message(kept),
        status,
        &build::Extra { to_tag: Some("t"), ..Default::default() },
        &mut octets,
    );
    octets
}

fn ticked(endpoint: &mut Endpoint<u32>, now: Instant) -> Vec<Event<u32>> {
    let mut events = Vec::new();
    while endpoint.deadline().is_some_and(|at| at <= now) {
        endpoint.tick(now, &mut Outbox::default(), &mut events);
    }
    events
}

#[test]
fn a_kept_request_is_read_by_the_index_of_the_packet() {
    let (mut endpoint, now) = endpoint(8);
    for (number, via) in [
        "UDP 192.0.2.9;branch=z9hG4bK1",
        "UDP 192.0.2.9;rport;branch=z9hG4bK2, SIP/2.0/TCP p;branch=z9hG4bK",
        "UDP\r\n 198.51.100.7;branch=z9hG4bK3",
    ]
    .into_iter()
    .enumerate()
    {
        let octets = request("INVITE", via);
        let id = accepted(&mut endpoint, now, &octets, Transport::Udp);
        let kept = endpoint.kept_request(id).expect("not answered yet");
        assert_eq!(kept == octets, number == 2, "marked where that is due");
        assert_eq!(endpoint.read(id, kept).expect("read").index(), message(kept).index());
    }
    // Another request than the last is read by a pass over its octets.
    let first =
        accepted(&mut endpoint, now, &request("BYE", "UDP 192.0.2.9;branch=z9hG4bK4"), Transport::Udp);
    accepted(&mut endpoint, now, &request("BYE", "TCP h;rport;branch=z9hG4bK5x"), Transport::Tcp);
    let kept = endpoint.kept_request(first).expect("not answered yet");
    assert_eq!(endpoint.read(first, kept).expect("read").index(), message(kept).index());
}

#[test]
fn a_full_table_refuses_and_counts_and_takes_again_what_has_become_free() {
    let (mut endpoint, now) = endpoint(2);
    let mut ids = Vec::new();
    for branch in ["z9hG4bKa", "z9hG4bKb"] {
        let octets = request("OPTIONS", &format!("UDP a;branch={branch}"));
        ids.push(accepted(&mut endpoint, now, &octets, Transport::Tcp));
    }
    let third = request("OPTIONS", "UDP a;branch=z9hG4bKc");
    let Event::Request { key } = receive(&mut endpoint, now, &third) else { panic!("a new request") };
    let refused = endpoint.accept(now, &packet(&third, Transport::Tcp), &message(&third), key, 1);
    assert_eq!((refused, endpoint.counters().refused_full), (Err(Full), 1));
    let hop = NextHop::Flow(packet(&third, Transport::Udp).flow);
    assert_eq!(endpoint.request(now, 1, hop, &third, &mut Outbox::default()), Err(Full));

    let mut out = Outbox::default();
    endpoint.answer(&packet(&third, Transport::Udp), &message(&third), &mut out, |top_via, octets| {
        let headers: &[(&str, &[u8])] = &[("Retry-After", b"5")];
        let extra = build::Extra { top_via, headers, ..Default::default() };
        build::response(&message(&third), Status::of(503), &extra, octets);
    });
    let text = sent(&out).1;
    assert!(text.starts_with("SIP/2.0 503 ") && text.contains("\r\nRetry-After: 5\r\n"), "{text}");
    assert!(text.contains("\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKc;received=198.51.100.7\r\n"), "{text}");

    let octets = response(&endpoint, ids[0], 200);
    assert!(endpoint.respond(now, ids[0], &octets, &mut Outbox::default()));
    assert_eq!(ticked(&mut endpoint, now), [Event::Gone { transaction: ids[0], user: 1 }]);
    let again = accepted(&mut endpoint, now, &third, Transport::Tcp);
    assert_eq!((again.slot, again.generation), (ids[0].slot, ids[0].generation + 1));
}

#[test]
fn an_old_id_reaches_nobody() {
    let (mut endpoint, now) = endpoint(1);
    let octets = request("INFO", "TCP a;branch=z9hG4bKa");
    let old = accepted(&mut endpoint, now, &octets, Transport::Tcp);
    let answer = response(&endpoint, old, 200);
    endpoint.respond(now, old, &answer, &mut Outbox::default());
    ticked(&mut endpoint, now);
    let new = accepted(&mut endpoint, now, &octets, Transport::Tcp);
    assert_eq!(new.slot, old.slot);
    let (mut out, mut events) = (Outbox::default(), Vec::new());
    assert!(!endpoint.respond(now, old, &answer, &mut out));
    assert!(!endpoint.cancel(now, old, &[], 2, &mut out));
    endpoint.failed(now, old, &mut out, &mut events);
    endpoint.set_user(old, 9);
    assert_eq!((endpoint.user(old), endpoint.kept_request(old)), (None, None));
    assert_eq!((endpoint.user(new), events.len(), out.is_empty()), (Some(1), 0, true));
}

#[test]
fn accepting_twice_is_accepting_once() {
    let (mut endpoint, now) = endpoint(5);
    let octets = request("INVITE", "UDP a;branch=z9hG4bKa");
    let Event::Request { key } = receive(&mut endpoint, now, &octets) else { panic!("a new request") };
    let ids = [1, 2]
        .map(|user| endpoint.accept(now, &packet(&octets, Transport::Udp), &message(&octets), key, user));
    assert_eq!((ids[0], endpoint.live()), (ids[1], 1));
}

/// What is a repeat of `UDP Example.org:5060;branch=z9hG4bKa`, and what is not.
#[test]
fn requests_belong_together_by_branch_sent_by_and_method() {
    let (mut endpoint, now) = endpoint(50);
    let first = request("INFO", "UDP Example.org:5060;branch=z9hG4bKa");
    accepted(&mut endpoint, now, &first, Transport::Udp);
    for (method, via, repeats) in [
        ("INFO", "UDP Example.org:5060;branch=z9hG4bKa", true),
        ("INFO", "UDP example.ORG;branch=z9hG4bKa;rport", true),
        ("INFO", "UDP example.org:5061;branch=z9hG4bKa", false),
        ("INFO", "UDP example.com;branch=z9hG4bKa", false),
        ("INFO", "UDP example.org;branch=z9hG4bKA", false),
        ("INFO", "UDP example.org;branch=z9hG4bKab", false),
        ("INFO", "UDP example.org", false),
        ("MESSAGE", "UDP example.org;branch=z9hG4bKa", false),
    ] {
        let event = receive(&mut endpoint, now, &request(method, via));
        assert_eq!(event == Event::Absorbed, repeats, "{method} {via}");
    }
    let ack = receive(&mut endpoint, now, &request("ACK", "UDP example.org;branch=z9hG4bKa"));
    assert_eq!(ack, Event::Ack { invite: None }, "an ACK belongs to INVITEs only");
}

/// RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4: source 198.51.100.7:40000.
#[test]
fn responses_go_back_as_the_via_and_the_source_say() {
    for (transport, via, address, marked) in [
        ("UDP", "198.51.100.7;branch=z9hG4bKa", "198.51.100.7:5060", "198.51.100.7;branch=z9hG4bKa"),
        (
            "UDP",
            "198.51.100.7:5070;branch=z9hG4bKa",
            "198.51.100.7:5070",
            "198.51.100.7:5070;branch=z9hG4bKa",
        ),
        (
            "UDP",
            "192.168.1.2:5070;branch=z9hG4bKa",
            "198.51.100.7:5070",
            "192.168.1.2:5070;branch=z9hG4bKa;received=198.51.100.7",
        ),
        (
            "UDP",
            "phone.example.org;branch=z9hG4bKa",
            "198.51.100.7:5060",
            "phone.example.org;branch=z9hG4bKa;received=198.51.100.7",
        ),
        (
            "UDP",
            "192.168.1.2;rport;branch=z9hG4bKa",
            "198.51.100.7:40000",
            "192.168.1.2;rport=40000;branch=z9hG4bKa;received=198.51.100.7",
        ),
        (
            "UDP",
            "198.51.100.7:40000;branch=z9hG4bKa;rport",
            "198.51.100.7:40000",
            "198.51.100.7:40000;branch=z9hG4bKa;rport=40000;received=198.51.100.7",
        ),
        // What a client claims itself does not count.
        (
            "UDP",
            "192.168.1.2;received=203.0.113.9;rport=9;branch=z9hG4bKa",
            "198.51.100.7:40000",
            "192.168.1.2;rport=40000;branch=z9hG4bKa;received=198.51.100.7",
        ),
        (
            "UDP",
            "198.51.100.7;received=203.0.113.9;branch=z9hG4bKa",
            "198.51.100.7:5060",
            "198.51.100.7;branch=z9hG4bKa",
        ),
        (
            "UDP",
            "198.51.100.7;maddr=203.0.113.9;branch=z9hG4bKa",
            "203.0.113.9:5060",
            "198.51.100.7;maddr=203.0.113.9;branch=z9hG4bKa",
        ),
        // A stream is the way back, whatever stands there.
        (
            "TCP",
            "192.168.1.2:5070;rport;branch=z9hG4bKa",
            "198.51.100.7:40000",
            "192.168.1.2:5070;rport=40000;branch=z9hG4bKa;received=198.51.100.7",
        ),
    ] {
        let (mut endpoint, now) = endpoint(5);
        let octets = request("OPTIONS", &format!("{transport} {via}"));
        let transport = Transport::from_name(transport.as_bytes()).expect("a transport");
        let id = accepted(&mut endpoint, now, &octets, transport);
        let kept = endpoint.kept_request(id).expect("kept");
        assert_eq!(kept.len(), kept.to_vec().capacity());
        let mut out = Outbox::default();
        let octets = response(&endpoint, id, 200);
        endpoint.respond(now, id, &octets, &mut out);
        let (sending, text) = sent(&out);
        assert_eq!(sending.to.remote().to_string(), address, "{via}");
        assert_eq!(text.lines().nth(1), Some(&*format!("Via: SIP/2.0/{} {marked}", transport.via_name())));
        let NextHop::Flow(flow) = &sending.to else { panic!("along the flow") };
        assert_eq!((flow.listener, flow.connection.is_some()), (ListenerId(1), transport.is_reliable()));
    }
}

fn sent(out: &Outbox) -> (Sending, String) {
    let (sending, octets) = out.sends().last().expect("something was sent");
    (sending.clone(), String::from_utf8(octets.to_vec()).expect("text"))
}

#[test]
fn a_response_to_a_tcp_connection_that_is_gone_goes_to_the_port_of_the_via() {
    let (mut endpoint, now) = endpoint(5);
    let octets = request("INVITE", "TCP 192.168.1.2:5070;branch=z9hG4bKa");
    let id = accepted(&mut endpoint, now, &octets, Transport::Tcp);
    let busy = response(&endpoint, id, 486);
    let (mut out, mut events) = (Outbox::default(), Vec::new());
    endpoint.respond(now, id, &busy, &mut out);
    endpoint.failed(now, id, &mut out, &mut events);
    let (sending, text) = sent(&out);
    assert_eq!((sending.to.remote(), out.sends().len()), (([198, 51, 100, 7], 5070).into(), 2));
    assert!(text.starts_with("SIP/2.0 486 ") && events.is_empty());
    endpoint.failed(now, id, &mut out, &mut events);
    assert_eq!(events, [Event::Failed { transaction: id, user: 1, failure: Failure::Transport }]);
}

#[test]
fn the_end_of_a_connection_fails_the_clients_that_wait_on_it_and_no_others() {
    let (mut endpoint, now) = endpoint(10);
    let mut out = Outbox::default();
    let flow = packet(b"", Transport::Tcp).flow;
    let ids: Vec<TransactionId> = (0..6)
        .map(|user| {
            let method = if user % 2 == 0 { "INVITE" } else { "OPTIONS" };
            let octets = request(method, &format!("TCP us;branch=z9hG4bK{user}"));
            let connection = ConnectionId { slot: user / 3, generation: 1 };
            let hop = NextHop::Flow(Flow { connection: Some(connection), ..flow });
            endpoint.request(now, user, hop, &octets, &mut out).expect("room")
        })
        .collect();
    // One of the first connection has its answer already.
    let done = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP us;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    assert!(matches!(receive(&mut endpoint, now, done.as_bytes()), Event::Response { user: 1, .. }));
    let mut events = Vec::new();
    endpoint.closed(now, ConnectionId { slot: 0, generation: 1 }, &mut out, &mut events);
    let failed =
        |user: u32| Event::Failed { transaction: ids[user as usize], user, failure: Failure::Transport };
    assert_eq!(events, [failed(2), failed(0)]);
    events.clear();
    endpoint.closed(now, ConnectionId { slot: 0, generation: 1 }, &mut out, &mut events);
    assert_eq!(events, []);
    ticked(&mut endpoint, now);
    assert_eq!((endpoint.live(), endpoint.counters().undelivered), (3, 2));
    endpoint.closed(now, ConnectionId { slot: 1, generation: 1 }, &mut out, &mut events);
    ticked(&mut endpoint, now);
    assert!(endpoint.live() == 0 && endpoint.streams.is_empty());
}

#[test]
fn what_is_kept_is_kept_as_long_as_somebody_may_need_it() {
    let (mut endpoint, now) = endpoint(5);
    let octets = request("INVITE", "UDP us;branch=z9hG4bKa");
    let hop = NextHop::Flow(packet(b"", Transport::Udp).flow);
    let mut out = Outbox::default();
    let id = endpoint.request(now, 7, hop, &octets, &mut out).expect("room");
    assert_eq!(endpoint.kept_request(id), Some(&octets[..]));
    let busy = "SIP/2.0 401 No\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKa\r\nTo: <sip:b@example.org>;tag=9\r\nCSeq: 1 INVITE\r\n\r\n";
    let event = receive(&mut endpoint, now, busy.as_bytes());
    assert!(matches!(event, Event::Response { user: 7, .. }));
    assert_eq!(endpoint.kept_request(id), Some(&octets[..]), "to be sent again with credentials");
    endpoint.tick(now, &mut out, &mut Vec::new());
    assert_eq!(endpoint.kept_request(id), None);
    // The ACK of a repeated response is still there.
    out.clear();
    assert_eq!(endpoint.receive(now, &message(busy.as_bytes()), &mut out), Event::Absorbed);
    let text = sent(&out).1;
    assert!(text.starts_with("ACK sip:b@example.org SIP/2.0\r\n") && text.contains("tag=9"), "{text}");
}

#[test]
fn the_end_of_a_failed_client_is_told_one_tick_after_the_failure() {
    let (mut endpoint, now) = endpoint(5);
    let octets = request("INFO", "UDP us;branch=z9hG4bKa");
    let hop = NextHop::Flow(packet(b"", Transport::Udp).flow);
    let id = endpoint.request(now, 7, hop, &octets, &mut Outbox::default()).expect("room");
    let end = now + Duration::from_secs(32);
    let (mut out, mut events) = (Outbox::default(), Vec::new());
    endpoint.tick(end, &mut out, &mut events);
    assert_eq!(events, [Event::Failed { transaction: id, user: 7, failure: Failure::Timeout }]);
    assert_eq!(endpoint.kept_request(id), Some(&octets[..]), "to be tried elsewhere");
    assert_eq!(endpoint.deadline(), Some(end));
    events.clear();
    endpoint.tick(end, &mut out, &mut events);
    assert_eq!(events, [Event::Gone { transaction: id, user: 7 }]);
    assert_eq!(endpoint.counters().timeouts, 1);
}

#[test]
fn keys_depend_on_the_seed() {
    let octets = request("INVITE", "UDP us;branch=z9hG4bKa");
    let now = Instant::now();
    let keys = [[1, 2], [1, 2], [1, 3]].map(|seed| {
        let mut endpoint = Endpoint::<u32>::new(Config::default(), now, seed);
        match receive(&mut endpoint, now, &octets) {
            Event::Request { key } => key,
            other => panic!("{other:?}"),
        }
    });
    assert!(keys[0] == keys[1] && keys[0] != keys[2]);
}
