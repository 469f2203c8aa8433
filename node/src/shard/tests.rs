//! Shards over real sockets on the loopback: order, hand-over, panics, ICMP, STUN.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use sip::transaction::TransactionId;
use sip::transport::{NextHop, Outbox, Transport};

use super::*;
use crate::listen;

/// Answers every packet with itself, tells the test what it met, and obeys a few words in the body.
struct Echo {
    place: Place<&'static str>,
    tell: Sender<Met>,
    deadline: Option<Instant>,
    /// The next input without octets panics.
    is_timid: bool,
}

impl Echo {
    fn startle(&mut self) {
        assert!(!std::mem::take(&mut self.is_timid), "as asked");
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Met {
    Packet { shard: u16, text: String },
    Posted(u16, &'static str),
    Failed(TransactionId),
    Tick,
    Recovered(bool),
}

impl Core for Echo {
    type Posted = &'static str;

    fn handle(&mut self, now: Instant, input: Input<'_, &'static str>, out: &mut Outbox) {
        let met = match input {
            Input::Packet(packet) => {
                let text = String::from_utf8_lossy(packet.octets).into_owned();
                assert!(!text.contains("panic"), "as asked");
                if text.contains("alarm") {
                    self.deadline = Some(now + Duration::from_millis(5));
                }
                if let Some(port) = text.split("send-to=").nth(1) {
                    let port = port.trim().parse().expect("a port");
                    let to = NextHop::Address {
                        transport: Transport::Udp,
                        remote: ([127, 0, 0, 1], port).into(),
                        host: None,
                        listener: None,
                    };
                    out.send_octets(to, Some(TransactionId { slot: 7, generation: 9 }), b"hello");
                }
                out.send_octets(NextHop::Flow(packet.flow), None, packet.octets);
                Met::Packet { shard: self.place.shard, text }
            }
            Input::Posted(value) => {
                assert!(value != "panic", "as asked");
                if value == "be timid" {
                    self.is_timid = true;
                }
                Met::Posted(self.place.shard, value)
            }
            Input::Failed { transaction, .. } => {
                self.startle();
                Met::Failed(transaction)
            }
            Input::ConnectionClosed(_) => return self.startle(),
            Input::Tick => {
                self.startle();
                self.deadline = None;
                Met::Tick
            }
        };
        self.tell.send(met).expect("the test listens");
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn quiet(&self) -> bool {
        self.deadline.is_none()
    }

    fn recover(&mut self, _now: Instant, octets: Option<&[u8]>) {
        self.tell.send(Met::Recovered(octets.is_some())).expect("the test listens");
    }
}

struct World {
    shards: Shards<&'static str>,
    met: Receiver<Met>,
    phone: UdpSocket,
}

fn world(shards: u16, address: &str) -> World {
    let config = Config { shards: Some(shards), ..Config::default() };
    let sockets =
        listen::Config { listen: vec![address.parse().expect(address)], ..listen::Config::default() };
    let (tell, met) = channel();
    let make = |place| Echo { place, tell: tell.clone(), deadline: None, is_timid: false };
    let shards = start(&config, &sockets, make).expect("free ports");
    let bound = shards.listeners().iter().next().expect("one listener").bound;
    let loopback = if bound.is_ipv4() { "127.0.0.1" } else { "::1" };
    let phone = UdpSocket::bind((loopback, 0)).expect("a free port");
    phone.connect((loopback, bound.port())).expect("it listens");
    phone.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    World { shards, met, phone }
}

impl World {
    fn next(&self) -> Met {
        self.met.recv_timeout(PATIENCE).expect("the core meets something")
    }

    fn answer(&self) -> Vec<u8> {
        let mut room = [0; 65_536];
        let length = self.phone.recv(&mut room).expect("an answer comes");
        room[..length].to_vec()
    }

    fn total(&self, count: impl Fn(&Counters) -> u64) -> u64 {
        self.shards.counters().iter().map(|counters| count(counters)).sum()
    }
}

fn message(call: usize, number: usize, body: &str) -> String {
    format!("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: call-{call}@c\r\nCSeq: {number} OPTIONS\r\n\r\n{body}")
}

#[test]
fn one_two_and_four_shards_keep_order_within_a_call_id() {
    for shards in [1, 2, 4] {
        let world = world(shards, "udp:127.0.0.1:0");
        // Two sockets each: the kernel spreads by address, so packets of a call meet only by their Call-ID.
        let others: Vec<UdpSocket> = (0..4)
            .map(|_| {
                let other = UdpSocket::bind("127.0.0.1:0").expect("a free port");
                other.connect(world.phone.peer_addr().expect("connected")).expect("it listens");
                other
            })
            .collect();
        let mut last: std::collections::BTreeMap<(usize, usize), (u16, usize)> =
            std::collections::BTreeMap::new();
        for round in 0..20 {
            for (sender, socket) in others.iter().enumerate() {
                for call in 0..8 {
                    let text = message(call, round, &format!("{sender}"));
                    socket.send(text.as_bytes()).expect("sent");
                }
            }
            for _ in 0..32 {
                let Met::Packet { shard, text } = world.next() else { panic!("only packets") };
                let part = |from: &str, to: &str| -> usize {
                    let rest = text.split(from).nth(1).expect(from);
                    rest.split(to).next().expect(to).parse().expect("a number")
                };
                let key = (part("call-", "@"), part("\r\n\r\n", "end"));
                let number = part("CSeq: ", " ");
                if let Some((owner, before)) = last.insert(key, (shard, number)) {
                    assert_eq!(owner, shard, "a call stays with its shard");
                    assert!(before < number, "in order");
                }
            }
        }
        for call in 0..8 {
            let owners: Vec<u16> = (0..4).map(|sender| last[&(call, sender)].0).collect();
            assert!(owners.iter().all(|owner| *owner == owners[0]), "one owner for all senders");
        }
        assert_eq!(world.total(|counters| counters.packets.read()), 640);
        assert_eq!(world.total(|counters| counters.dropped_full.read()), 0);
        assert_eq!(world.total(|counters| counters.handed_over.read()) > 0, shards > 1);
        world.shards.stop();
    }
}

#[test]
fn a_packet_is_answered_along_its_flow_on_every_kind_of_listener() {
    for address in ["udp:127.0.0.1:0", "udp:0.0.0.0:0", "udp:[::1]:0", "udp:[::]:0"] {
        let world = world(1, address);
        let text = message(1, 1, "");
        world.phone.send(text.as_bytes()).expect("sent");
        assert_eq!(world.answer(), text.as_bytes(), "{address}");
        world.shards.stop();
    }
}

#[test]
fn a_message_longer_than_the_path_goes_in_fragments() {
    for address in ["udp:0.0.0.0:0", "udp:[::]:0"] {
        let world = world(1, address);
        let text = message(1, 1, &"x".repeat(60_000));
        world.phone.send(text.as_bytes()).expect("sent");
        assert_eq!(world.answer().len(), text.len(), "{address}");
        world.shards.stop();
    }
}

#[test]
fn a_panic_costs_its_own_input_and_nothing_else() {
    let world = world(1, "udp:127.0.0.1:0");
    world.phone.send(message(1, 1, "panic").as_bytes()).expect("sent");
    assert_eq!(world.next(), Met::Recovered(true));
    // Its repeat is dropped, its neighbours are served.
    world.phone.send(message(1, 1, "panic").as_bytes()).expect("sent");
    world.phone.send(message(2, 1, "").as_bytes()).expect("sent");
    assert_eq!(world.next(), Met::Packet { shard: 0, text: message(2, 1, "") });
    assert_eq!(world.total(|counters| counters.panics.read()), 1);
    assert_eq!(world.total(|counters| counters.quarantined.read()), 1);
    world.shards.stop();
}

#[test]
fn a_panic_in_any_kind_of_input_is_caught_and_the_shard_goes_on() {
    let world = world(1, "udp:127.0.0.1:0");
    let inbox = &world.shards.inboxes()[0];
    inbox.post("panic").expect("room");
    assert_eq!(world.next(), Met::Recovered(false));

    inbox.post("be timid").expect("room");
    assert_eq!(world.next(), Met::Posted(0, "be timid"));
    inbox.door().failed(TransactionId { slot: 1, generation: 2 }, "as asked");
    assert_eq!(world.next(), Met::Recovered(false));

    inbox.post("be timid").expect("room");
    assert_eq!(world.next(), Met::Posted(0, "be timid"));
    inbox.door().notice(Item::Closed(sip::transport::ConnectionId { slot: 1, generation: 2 }));
    assert_eq!(world.next(), Met::Recovered(false));

    inbox.post("be timid").expect("room");
    assert_eq!(world.next(), Met::Posted(0, "be timid"));
    world.phone.send(message(3, 1, "alarm").as_bytes()).expect("sent");
    assert!(matches!(world.next(), Met::Packet { .. }));
    assert_eq!(world.next(), Met::Recovered(false));
    // The deadline still stands: what was due is not lost.
    assert_eq!(world.next(), Met::Tick);

    world.phone.send(message(4, 1, "").as_bytes()).expect("sent");
    assert!(matches!(world.next(), Met::Packet { .. }));
    assert_eq!(world.total(|counters| counters.panics.read()), 4);
    assert_eq!(world.total(|counters| counters.quarantined.read()), 0, "nothing but packets is quarantined");
    world.shards.stop();
}

#[test]
fn posts_and_ticks_reach_the_core() {
    let world = world(2, "udp:127.0.0.1:0");
    world.shards.inboxes()[1].post("to one").expect("room");
    assert_eq!(world.next(), Met::Posted(1, "to one"));
    world.phone.send(message(3, 1, "alarm").as_bytes()).expect("sent");
    assert!(matches!(world.next(), Met::Packet { .. }));
    assert_eq!(world.next(), Met::Tick);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert!(runtime.block_on(world.shards.is_quiet()));
    world.shards.stop();
}

#[test]
fn an_icmp_error_finds_the_transaction_that_sent_there() {
    let world = world(1, "udp:127.0.0.1:0");
    let gone = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = gone.local_addr().expect("bound").port();
    drop(gone);
    world.phone.send(message(1, 1, &format!("send-to={port}")).as_bytes()).expect("sent");
    assert!(matches!(world.next(), Met::Packet { .. }));
    assert_eq!(world.next(), Met::Failed(TransactionId { slot: 7, generation: 9 }));
    // The socket still serves.
    world.phone.send(message(2, 1, "").as_bytes()).expect("sent");
    assert!(matches!(world.next(), Met::Packet { .. }));
    world.shards.stop();
}

#[test]
fn keep_alives_and_stun_never_reach_the_core() {
    for address in ["udp:0.0.0.0:0", "udp:[::1]:0"] {
        let world = world(1, address);
        world.phone.send(b"\r\n\r\n").expect("sent");
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        request.extend_from_slice(b"abcdefghijkl");
        world.phone.send(&request).expect("sent");
        let answer = world.answer();
        assert_eq!(answer[..2], [1, 1]);
        let port = u16::from_be_bytes([answer[26], answer[27]]) ^ 0x2112;
        assert_eq!(port, world.phone.local_addr().expect("bound").port());
        world.phone.send(message(1, 1, "").as_bytes()).expect("sent");
        assert!(matches!(world.next(), Met::Packet { .. }), "the first thing that the core met");
        assert_eq!(world.total(|counters| counters.keep_alives.read()), 1);
        assert_eq!(world.total(|counters| counters.stun.read()), 1);
        world.shards.stop();
    }
}

#[test]
fn a_full_queue_refuses_and_gives_back() {
    let inbox = Inbox::new(Door::new(2, 1000), 1);
    assert_eq!(inbox.post(1), Ok(()));
    assert_eq!(inbox.post(2), Err(Full(2)));
    let flow = sip::transport::Flow {
        transport: Transport::Udp,
        listener: sip::transport::ListenerId(0),
        local: [127, 0, 0, 1].into(),
        remote: ([127, 0, 0, 1], 5060).into(),
        connection: None,
    };
    let packet = |octets| Packet { octets, flow, arrived: crate::clock::now() };
    let long = [0; 900];
    assert_eq!(inbox.door().hand_over(&packet(&long)), Ok(()));
    assert_eq!(inbox.door().hand_over(&packet(&long)), Err(Full(())), "too many octets");
    assert_eq!(inbox.door().hand_over(&packet(&long[..9])), Ok(()));
    assert_eq!(inbox.door().hand_over(&packet(&long[..9])), Err(Full(())), "too many packets");
}

const PATIENCE: Duration = Duration::from_secs(20);
