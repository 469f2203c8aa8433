//! Chance that is the same on each machine, and what it makes of a network.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use sip::message::{Limits, Message};

/// xorshift64*.
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    pub fn up_to_ms(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most + 1))
    }
}

/// What the datagrams of a storm suffer.
pub struct Weather {
    lost: u64,
    doubled: u64,
    delay_max_ms: u64,
    /// How often each message was lost on each way.
    losses: HashMap<u64, u32>,
}

impl Weather {
    pub fn of(chance: &mut Chance) -> Self {
        Self {
            lost: chance.pick(&[0, 5, 15, 30]),
            doubled: chance.pick(&[0, 5, 20]),
            delay_max_ms: chance.pick(&[0, 20, 200, 700]),
            losses: HashMap::new(),
        }
    }

    /// When copies of a datagram arrive: none, one or two. No message is lost more than twice on one way, and a 2xx
    /// or an ACK, whose ends alone repeat them, no more than once. So who repeats as the RFC says is heard, and a call
    /// that fails all the same has found a fault of ours.
    pub fn copies(&mut self, chance: &mut Chance, way: (u64, u64), octets: &[u8]) -> Vec<Duration> {
        let is_end_to_end = octets.starts_with(b"ACK ") || octets.starts_with(b"SIP/2.0 2");
        let losses_max = if is_end_to_end { 1 } else { 2 };
        let mut copies = Vec::new();
        let lost = chance.percent(self.lost);
        if !lost || !self.may_lose(way, octets, losses_max) {
            copies.push(chance.up_to_ms(self.delay_max_ms));
        }
        if chance.percent(self.doubled) {
            copies.push(chance.up_to_ms(self.delay_max_ms));
        }
        copies
    }

    fn may_lose(&mut self, (from, to): (u64, u64), octets: &[u8], losses_max: u32) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(from);
        hasher.write_u64(to);
        // Two copies of an ACK or of a 2xx may differ in their branches and are the same to their ends.
        if let Ok(message) = Message::parse(octets, &Limits::default()) {
            hasher.write(octets.split(|octet| *octet == b'\r').next().unwrap_or_default());
            hasher.write(message.call_id());
            hasher.write(message.first(sip::message::Name::CSeq).unwrap_or_default());
        }
        let losses = self.losses.entry(hasher.finish()).or_default();
        *losses += 1;
        *losses <= losses_max
    }
}
