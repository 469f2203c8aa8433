//! The branches that we put in our Vias (RFC 3261 §8.1.1.7, §16.6 step 8): the magic cookie, then fields of
//! fixed width, so that any edge reads from a response or a CANCEL whose it is, and any of them sees a loop.
//!
//! ```text
//! z9hG4bK eeee ss uuuuuuuuuuuuuuuu . llllllll
//!         edge shard   unique        loop hash      (base 32, lower case)
//! ```
//! The unique part is a keyed hash of a counter: it never comes twice, and who saw one cannot guess the next.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher13x128};

/// What RFC 3261 puts in front of a branch that is unique in space and time (§8.1.1.7).
pub const COOKIE: &[u8] = b"z9hG4bK";

/// True when a branch names its transaction by itself: the cookie, in any case, with something behind it.
pub fn has_cookie(branch: &[u8]) -> bool {
    branch.len() > COOKIE.len() && branch[..COOKIE.len()].eq_ignore_ascii_case(COOKIE)
}

/// Makes the branches of one shard.
#[derive(Debug)]
pub struct Branches {
    edge: u16,
    shard: u8,
    seed: [u64; 2],
    counter: u64,
}

impl Branches {
    /// `seed` must be drawn anew when the process starts, and for each shard: it is what cannot be guessed.
    pub fn new(edge: u16, shard: u8, seed: [u64; 2]) -> Self {
        Self { edge, shard, seed, counter: 0 }
    }

    /// A branch that was never there before.
    pub fn draw(&mut self, seen: LoopHash) -> BranchText {
        self.counter += 1;
        let mut hasher = SipHasher13x128::new_with_keys(self.seed[0], self.seed[1]);
        hasher.write_u64(self.counter);
        let unique = hasher.finish128().as_u128() & UNIQUE_MASK;
        Branch { edge: self.edge, shard: self.shard, unique, seen }.write()
    }
}

/// What decides where a request is routed to (RFC 3261 §16.6 step 8, RFC 5393 §4.2), hashed to 40 bits: equal in
/// a request that comes again unchanged, which is a loop, and different in one that spirals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoopHash(u64);

impl LoopHash {
    /// Hashes the parts, in order; their borders count.
    pub fn of(seed: [u64; 2], parts: &[&[u8]]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(seed[0], seed[1]);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        Self(hasher.finish() & LOOP_MASK)
    }

    /// For a request that is not forwarded but our own.
    pub const NONE: Self = Self(0);
}

/// A branch of ours, read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch {
    /// The edge that made it.
    pub edge: u16,
    /// Its shard.
    pub shard: u8,
    /// What decided the routing then.
    pub seen: LoopHash,
    unique: u128,
}

impl Branch {
    /// Reads a branch that has our form. Others may make the same form: look at the Via's host too.
    pub fn read(text: &[u8]) -> Option<Self> {
        if text.len() != LENGTH || !text.starts_with(COOKIE) || text[DOT] != b'.' {
            return None;
        }
        let edge = digits(&text[EDGE..SHARD])?;
        let shard = digits(&text[SHARD..UNIQUE])?;
        Some(Self {
            edge: u16::try_from(edge).ok()?,
            shard: u8::try_from(shard).ok()?,
            unique: digits(&text[UNIQUE..DOT])?,
            seen: LoopHash(u64::try_from(digits(&text[LOOP..])?).ok()?),
        })
    }

    fn write(self) -> BranchText {
        let mut text = [b'.'; LENGTH];
        text[..EDGE].copy_from_slice(COOKIE);
        write_digits(&mut text[EDGE..SHARD], u128::from(self.edge));
        write_digits(&mut text[SHARD..UNIQUE], u128::from(self.shard));
        write_digits(&mut text[UNIQUE..DOT], self.unique);
        write_digits(&mut text[LOOP..], u128::from(self.seen.0));
        BranchText(text)
    }
}

/// A branch as it stands in a Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BranchText([u8; LENGTH]);

impl BranchText {
    /// The text, cookie and all.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only letters, digits and a dot are written")
    }

    /// The same as octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn write_digits(into: &mut [u8], mut number: u128) {
    for digit in into.iter_mut().rev() {
        *digit = ALPHABET[(number % 32) as usize];
        number /= 32;
    }
}

fn digits(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0_u128, |number, octet| {
        let digit = match octet {
            b'a'..=b'z' => octet - b'a',
            b'2'..=b'7' => octet - b'2' + 26,
            _ => return None,
        };
        Some(number << 5 | u128::from(digit))
    })
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const EDGE: usize = COOKIE.len();
const SHARD: usize = EDGE + 4;
const UNIQUE: usize = SHARD + 2;
const DOT: usize = UNIQUE + 16;
const LOOP: usize = DOT + 1;
const LENGTH: usize = LOOP + 8;
const UNIQUE_MASK: u128 = (1 << 80) - 1;
const LOOP_MASK: u64 = (1 << 40) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_reads_back_as_it_was_drawn() {
        for (edge, shard) in [(0, 0), (1, 3), (u16::MAX, u8::MAX)] {
            let seen = LoopHash::of([1, 2], &[b"sip:bob@example.org", b"7"]);
            let text = Branches::new(edge, shard, [3, 4]).draw(seen);
            let branch = Branch::read(text.as_bytes()).expect("our own");
            assert_eq!((branch.edge, branch.shard, branch.seen), (edge, shard, seen));
            assert_eq!(branch.write(), text);
            assert!(has_cookie(text.as_bytes()));
        }
    }

    #[test]
    fn branches_never_repeat_and_their_seed_decides_them() {
        let mut branches = Branches::new(7, 1, [5, 6]);
        let mut drawn: Vec<_> = (0..10_000).map(|_| branches.draw(LoopHash::NONE).0).collect();
        let first = drawn[0];
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 10_000);
        assert_eq!(Branches::new(7, 1, [5, 6]).draw(LoopHash::NONE).0, first);
        assert_ne!(Branches::new(7, 1, [5, 7]).draw(LoopHash::NONE).0, first);
    }

    #[test]
    fn the_borders_of_what_decides_the_route_count() {
        assert_ne!(LoopHash::of([0; 2], &[b"ab", b"c"]), LoopHash::of([0; 2], &[b"a", b"bc"]));
        assert_eq!(LoopHash::of([0; 2], &[b"ab", b"c"]), LoopHash::of([0; 2], &[b"ab", b"c"]));
    }

    #[test]
    fn what_others_write_is_not_ours() {
        let text = Branches::new(1, 1, [5, 6]).draw(LoopHash::NONE);
        let mut wrong = text.0;
        wrong[UNIQUE] = b'1';
        for other in [&b"z9hG4bK"[..], b"z9hG4bK776asdhds", b"", &text.0[..LENGTH - 1], &wrong[..]] {
            assert_eq!(Branch::read(other), None);
        }
        assert!(!has_cookie(b"z9hG4bK") && !has_cookie(b"1") && has_cookie(b"Z9HG4BKx"));
        // The widths hold more than the fields: an edge beyond 65,535 is nobody's.
        let mut large = text.0;
        large[EDGE..SHARD].copy_from_slice(b"7777");
        assert_eq!(Branch::read(&large), None);
    }
}
