//! Two endpoints and a link between them that loses, doubles, delays and so reorders, by seed, in virtual time.
//! Whatever the link does: each request ends once, with one final response or one failure; what the callee said
//! is what the caller hears; both tables are empty at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::*;
use crate::build;
use crate::message::{Limits, Message};
use crate::transport::{Flow, ListenerId, NextHop, Outbox, Packet, Transport};

/// What the link does to a hundred messages.
#[derive(Debug, Clone, Copy)]
struct Link {
    lost: u64,
    doubled: u64,
    delay_max_ms: u64,
}

const CALLS: u32 = 12;

#[test]
fn a_perfect_link_carries_every_final_response() {
    for seed in 1..=20 {
        let ends = run(seed, Link { lost: 0, doubled: 0, delay_max_ms: 20 });
        assert!(ends.iter().all(|end| matches!(end, End::Final(_))), "seed {seed}: {ends:?}");
    }
}

#[test]
fn a_bad_link_still_ends_everything_once() {
    let (mut finals, mut all) = (0, 0);
    for seed in 1..=150 {
        let ends = run(seed, Link { lost: 25, doubled: 20, delay_max_ms: 900 });
        finals += ends.iter().filter(|end| matches!(end, End::Final(_))).count();
        all += ends.len();
    }
    assert!(finals * 100 > all * 99, "repeats carry nearly all: {finals} of {all}");
}

#[test]
fn a_dead_link_fails_everything() {
    for seed in 1..=5 {
        let ends = run(seed, Link { lost: 100, doubled: 0, delay_max_ms: 0 });
        assert!(ends.iter().all(|end| *end == End::Failed), "seed {seed}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Final(u16),
    Failed,
}

/// Something that will happen; the number keeps the order of what happens at one time.
#[derive(Debug)]
enum Coming {
    Arrive { at_callee: bool, octets: Vec<u8> },
    Answer { server: TransactionId, status: u16 },
    Cancel { client: TransactionId, call: u32 },
}

struct World {
    chance: u64,
    link: Link,
    began: Instant,
    now: Instant,
    number: u64,
    coming: BTreeMap<(Instant, u64), Coming>,
    caller: Endpoint<u32>,
    callee: Endpoint<u32>,
    out: Outbox,
    /// What the callee decided for each call, and what the caller heard.
    said: BTreeMap<u32, u16>,
    ends: BTreeMap<u32, End>,
}

/// The user of a CANCEL's own transactions.
const CANCELS: u32 = 1_000;

fn run(seed: u64, link: Link) -> Vec<End> {
    let began = Instant::now();
    let endpoint = |keys| Endpoint::new(Config::default(), began, keys);
    let mut world = World {
        chance: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        link,
        began,
        now: began,
        number: 0,
        coming: BTreeMap::new(),
        caller: endpoint([seed, 1]),
        callee: endpoint([seed, 2]),
        out: Outbox::default(),
        said: BTreeMap::new(),
        ends: BTreeMap::new(),
    };
    for call in 0..CALLS {
        world.begin(call);
    }
    world.go_on();
    assert_eq!((world.caller.live(), world.callee.live()), (0, 0), "seed {seed}");
    assert!(world.now - world.began < Duration::from_secs(200), "seed {seed}");
    assert_eq!(world.ends.len() as u32, CALLS, "seed {seed}: each ends");
    for (call, end) in &world.ends {
        if let End::Final(status) = end {
            assert_eq!(world.said.get(call), Some(status), "seed {seed}: call {call}");
        }
    }
    world.ends.into_values().collect()
}

impl World {
    fn below(&mut self, bound: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % bound
    }

    fn later(&mut self, after: Duration, what: Coming) {
        self.number += 1;
        self.coming.insert((self.now + after, self.number), what);
    }

    /// Every third call is an INVITE that the caller cancels, every third one that it does not.
    fn begin(&mut self, call: u32) {
        let method = if call.is_multiple_of(3) { "INFO" } else { "INVITE" };
        let octets = format!(
            "{method} sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{call}\r\nFrom: <sip:a@a>;tag=1\r\n\
             To: <sip:b@b>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\r\n"
        );
        let hop = NextHop::Flow(flow());
        let client =
            self.caller.request(self.now, call, hop, octets.as_bytes(), &mut self.out).expect("room");
        if call % 3 == 1 {
            let after = Duration::from_millis(self.below(5_000));
            self.later(after, Coming::Cancel { client, call });
        }
        self.carry(true);
    }

    /// Puts what was sent on the link.
    fn carry(&mut self, at_callee: bool) {
        let sent: Vec<Vec<u8>> = self.out.sends().map(|(_, octets)| octets.to_vec()).collect();
        self.out.clear();
        for octets in sent {
            let copies =
                u64::from(self.below(100) >= self.link.lost) + u64::from(self.below(100) < self.link.doubled);
            for _ in 0..if self.link.lost == 100 { 0 } else { copies } {
                let delay = Duration::from_millis(self.below(self.link.delay_max_ms + 1));
                self.later(delay, Coming::Arrive { at_callee, octets: octets.clone() });
            }
        }
    }

    fn go_on(&mut self) {
        let mut events = Vec::new();
        loop {
            let timers = [self.caller.deadline(), self.callee.deadline()];
            let first = self.coming.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = timers.into_iter().chain([first]).flatten().min() else { return };
            self.now = self.now.max(at);
            if self.caller.deadline().is_some_and(|at| at <= self.now) {
                self.caller.tick(self.now, &mut self.out, &mut events);
                events.drain(..).for_each(|event| self.caller_told(event));
                self.carry(true);
            }
            if self.callee.deadline().is_some_and(|at| at <= self.now) {
                self.callee.tick(self.now, &mut self.out, &mut events);
                events.clear();
                self.carry(false);
            }
            if first.is_some_and(|at| at <= self.now)
                && let Some((_, coming)) = self.coming.pop_first()
            {
                self.happen(coming);
            }
        }
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Arrive { at_callee: true, octets } => self.at_callee(&octets),
            Coming::Arrive { at_callee: false, octets } => {
                let message = Message::parse(&octets, &Limits::default()).expect("a message");
                let event = self.caller.receive(self.now, &message, &mut self.out);
                self.caller_told(event);
                self.carry(true);
            }
            Coming::Answer { server, status } => self.answer(server, status),
            Coming::Cancel { client, call } => {
                self.caller.cancel(self.now, client, &[], CANCELS + call, &mut self.out);
                self.carry(true);
            }
        }
    }

    fn at_callee(&mut self, octets: &[u8]) {
        let message = Message::parse(octets, &Limits::default()).expect("a message");
        let packet = Packet { octets, flow: flow(), arrived: self.now };
        let call =
            std::str::from_utf8(message.call_id()).ok().and_then(|text| text.parse().ok()).expect("a number");
        match self.callee.receive(self.now, &message, &mut self.out) {
            Event::Request { key } => {
                let server = self.callee.accept(self.now, &packet, &message, key, call).expect("room");
                let ringing = Duration::from_millis(self.below(9_000));
                if octets.starts_with(b"INVITE") {
                    self.later(ringing / 3, Coming::Answer { server, status: 180 });
                }
                self.later(ringing, Coming::Answer { server, status: 480 });
            }
            Event::Cancel { key, invite } => {
                let server = self.callee.accept(self.now, &packet, &message, key, CANCELS).expect("room");
                self.answer(server, if invite.is_some() { 200 } else { 481 });
                if let Some((invite, _)) = invite {
                    self.answer(invite, 487);
                }
            }
            Event::Absorbed => {}
            other => panic!("{other:?}"),
        }
        self.carry(false);
    }

    fn answer(&mut self, server: TransactionId, status: u16) {
        let (Some(kept), Some(call)) = (self.callee.kept_request(server), self.callee.user(server)) else {
            return;
        };
        let message = Message::parse(kept, &Limits::default()).expect("kept");
        let mut octets = Vec::new();
        let extra = build::Extra { to_tag: Some("t"), ..build::Extra::default() };
        build::response(&message, Status::of(status), &extra, &mut octets);
        if self.callee.respond(self.now, server, &octets, &mut self.out) && status >= 200 && call < CANCELS {
            assert_eq!(self.said.insert(call, status), None, "one final response for each call");
        }
        self.carry(false);
    }

    fn caller_told(&mut self, event: Event<u32>) {
        let (call, end) = match event {
            Event::Response { user, status, .. } if status.is_final() => (user, End::Final(status.code())),
            Event::Failed { user, .. } => (user, End::Failed),
            _ => return,
        };
        if call < CANCELS {
            assert_eq!(self.ends.insert(call, end), None, "call {call} ends once");
        }
    }
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        local: [192, 0, 2, 2].into(),
        remote: ([192, 0, 2, 1], 5060).into(),
        connection: None,
    }
}
