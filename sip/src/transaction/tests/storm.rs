//! Seeded storms: everything that can happen to an endpoint, in any order, never panics, stays within its
//! bounds, and leaves nothing behind.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::super::*;
use crate::message::{Limits, Message};
use crate::transport::{ConnectionId, Flow, ListenerId, NextHop, Outbox, Packet, Transport};

const TRANSACTIONS_MAX: usize = 24;

/// A small generator of its own (xorshift), so that a seed means the same for ever.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

#[test]
fn nothing_that_happens_in_any_order_breaks_or_outgrows_an_endpoint() {
    for seed in 1..=300 {
        let first = storm(seed);
        if seed % 50 == 0 {
            assert_eq!(first, storm(seed), "seed {seed} decides everything");
        }
    }
}

/// Runs one storm and sums up what happened.
fn storm(seed: u64) -> String {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let began = Instant::now();
    let mut now = began;
    let config = Config { transactions_max: TRANSACTIONS_MAX, ..Config::default() };
    let mut endpoint: Endpoint<u32> = Endpoint::new(config, now, [seed, 7]);
    let (mut out, mut events) = (Outbox::default(), Vec::new());
    // All ids that there ever were, and how often each was told to be gone.
    let mut ids: Vec<TransactionId> = Vec::new();
    let mut gone: HashMap<TransactionId, u32> = HashMap::new();
    for step in 0..400 {
        let transport = chance.of(&[Transport::Udp, Transport::Udp, Transport::Tcp]);
        let flow = flow(transport, chance.below(3) as u32);
        let id = if ids.is_empty() { None } else { Some(chance.of(&ids)) };
        match chance.below(10) {
            0..=2 => {
                let octets = request(&mut chance, transport);
                let message = Message::parse(&octets, &Limits::default()).expect("a message");
                let event = endpoint.receive(now, &message, &mut out);
                if let Event::Request { key } | Event::Cancel { key, .. } = event {
                    let packet = Packet { octets: &octets, flow, arrived: now };
                    ids.extend(endpoint.accept(now, &packet, &message, key, step));
                }
            }
            3 => {
                let octets = request(&mut chance, transport);
                ids.extend(endpoint.request(now, step, NextHop::Flow(flow), &octets, &mut out));
            }
            4 | 5 => {
                let octets = response(&mut chance);
                let message = Message::parse(&octets, &Limits::default()).expect("a message");
                events.push(endpoint.receive(now, &message, &mut out));
            }
            6 => {
                if let Some(id) = id {
                    let octets = response(&mut chance);
                    endpoint.respond(now, id, &octets, &mut out);
                }
            }
            7 => {
                if let Some(id) = id {
                    match chance.below(3) {
                        0 => drop(endpoint.cancel(now, id, &[], step, &mut out)),
                        1 => endpoint.failed(now, id, &mut out, &mut events),
                        _ => endpoint.closed(now, connection(chance.below(3) as u32), &mut out, &mut events),
                    }
                }
            }
            8 => now += Duration::from_millis(chance.of(&[1, 10, 333, 2_000, 40_000])),
            _ => endpoint.tick(now, &mut out, &mut events),
        }
        count_gone(&events, &mut gone);
        events.clear();
        // Each send belongs to a transaction that had not been told to be gone.
        out.clear();
        assert!(endpoint.live() <= 2 * TRANSACTIONS_MAX, "seed {seed}");
        let counters = *endpoint.counters();
        let kinds = [counters.invite_servers, counters.invite_clients, counters.servers, counters.clients];
        assert_eq!(kinds.iter().sum::<u32>() as usize, endpoint.live(), "seed {seed}");
    }
    // What the users never answered is answered now; then time alone must empty everything.
    for id in &ids {
        endpoint.respond(now, *id, b"SIP/2.0 500 No\r\nTo: <sip:b@b>;tag=z\r\n\r\n", &mut out);
        endpoint.cancel(now, *id, &[], 0, &mut out);
    }
    for _ in 0..2_000 {
        match endpoint.deadline() {
            Some(at) => now = now.max(at),
            // Only INVITEs that ring without an answer may wait for ever: timer C is their users'.
            None => break,
        }
        endpoint.tick(now, &mut out, &mut events);
        out.clear();
    }
    for id in &ids {
        endpoint.failed(now, *id, &mut out, &mut events);
        endpoint.failed(now, *id, &mut out, &mut events);
    }
    while let Some(at) = endpoint.deadline() {
        now = now.max(at);
        endpoint.tick(now, &mut out, &mut events);
        out.clear();
    }
    count_gone(&events, &mut gone);
    assert_eq!(endpoint.live(), 0, "seed {seed}");
    assert!(endpoint.wheel.is_empty() && endpoint.streams.is_empty(), "seed {seed}");
    assert!(gone.values().all(|times| *times == 1), "seed {seed}: each end is told once");
    assert!(ids.iter().all(|id| gone.contains_key(id)), "seed {seed}: each end is told");
    format!("{:?} {} {:?}", endpoint.counters(), ids.len(), now - began)
}

fn count_gone(events: &[Event<u32>], gone: &mut HashMap<TransactionId, u32>) {
    for event in events {
        if let Event::Gone { transaction, .. } = event {
            *gone.entry(*transaction).or_default() += 1;
        }
    }
}

fn connection(slot: u32) -> ConnectionId {
    ConnectionId { slot, generation: 0 }
}

fn flow(transport: Transport, peer: u32) -> Flow {
    Flow {
        transport,
        listener: ListenerId(0),
        local: [192, 0, 2, 1].into(),
        remote: ([192, 0, 2, 9], 5060).into(),
        connection: transport.is_reliable().then(|| connection(peer)),
    }
}

fn request(chance: &mut Chance, transport: Transport) -> Vec<u8> {
    let method = chance.of(&["INVITE", "INVITE", "ACK", "CANCEL", "BYE", "FOO"]);
    let cookie = chance.of(&["z9hG4bK", "z9hG4bK", "z9hG4bK", ""]);
    let (branch, via) = (chance.below(12), transport.via_name());
    let tag = chance.of(&["", ";tag=z"]);
    format!(
        "{method} sip:b@b SIP/2.0\r\nVia: SIP/2.0/{via} a;branch={cookie}{branch}\r\nFrom: <sip:a@a>;tag=1\r\n\
         To: <sip:b@b>{tag}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
    )
    .into_bytes()
}

fn response(chance: &mut Chance) -> Vec<u8> {
    let status = chance.of(&[100, 180, 200, 202, 302, 408, 487, 503, 600]);
    let method = chance.of(&["INVITE", "INVITE", "CANCEL", "BYE", "FOO"]);
    let branch = chance.below(12);
    format!(
        "SIP/2.0 {status} Some\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{branch}\r\nFrom: <sip:a@a>;tag=1\r\n\
         To: <sip:b@b>;tag=z\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
    )
    .into_bytes()
}
