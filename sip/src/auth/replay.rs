//! Each answer counts once: the counts that were used of each nonce (RFC 7616 §3.4.5), in a table of a bounded size.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

/// The counts that were used of the nonces of one issuer.
#[derive(Debug)]
pub struct Replay {
    nonces: HashMap<u64, Window, BuildHasherDefault<Itself>>,
    order: VecDeque<(u64, u32)>,
    nonces_max: usize,
    /// Nonces up to this second may have been forgotten.
    forgotten_s: Option<u32>,
}

/// What the use of a nonce was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The first with this count.
    First,
    /// A count that was used before, or one that is too far behind to tell: a replay, or a phone that counts wrongly.
    Again,
    /// The nonce may have been used and forgotten: ask again with `stale=true`.
    Forgotten,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    greatest: u32,
    /// Bit n is the count `greatest - n`.
    seen: u128,
}

impl Replay {
    /// Keeps the counts of up to `nonces_max` nonces, some 64 octets each; older ones become stale.
    pub fn new(nonces_max: usize) -> Self {
        Self {
            nonces: HashMap::default(),
            order: VecDeque::new(),
            nonces_max: nonces_max.max(1),
            forgotten_s: None,
        }
    }

    /// Notes the use of a nonce that was checked to be ours. `count` is `None` for the form of RFC 2069, whose
    /// nonces are good once.
    pub fn note(&mut self, id: u64, issued_s: u32, count: Option<u32>) -> Use {
        if let Some(window) = self.nonces.get_mut(&id) {
            return count.map_or(Use::Again, |count| window.note(count));
        }
        if self.forgotten_s.is_some_and(|forgotten_s| issued_s <= forgotten_s) {
            return Use::Forgotten;
        }
        if self.nonces.len() == self.nonces_max
            && let Some((oldest, issued_s)) = self.order.pop_front()
        {
            self.nonces.remove(&oldest);
            self.forgotten_s = self.forgotten_s.max(Some(issued_s));
        }
        self.order.push_back((id, issued_s));
        self.nonces.insert(id, Window { greatest: count.unwrap_or(0), seen: 1 });
        Use::First
    }

    /// How many nonces are kept.
    pub fn len(&self) -> usize {
        self.nonces.len()
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.nonces.is_empty()
    }
}

impl Window {
    fn note(&mut self, count: u32) -> Use {
        if count > self.greatest {
            let ahead = count - self.greatest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.greatest = count;
            return Use::First;
        }
        match 1_u128.checked_shl(self.greatest - count) {
            Some(bit) if self.seen & bit == 0 => {
                self.seen |= bit;
                Use::First
            }
            _ => Use::Again,
        }
    }
}

/// The ids are random and signed by us, so that nobody chooses them: they are their own hash.
#[derive(Debug, Default, Clone, Copy)]
struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, octets: &[u8]) {
        self.0 = octets.iter().fold(self.0, |hash, octet| hash << 8 | u64::from(*octet));
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
