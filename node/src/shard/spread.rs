//! Which shard a Call-ID belongs to: a keyed hash, so that nobody outside can aim at one shard.

use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::detours::Detours;

/// The rule that gives every Call-ID its shard. All shards of a process share one; the key is drawn at start.
#[derive(Debug, Clone)]
pub struct Spread {
    key: [u64; 2],
    shards: u16,
    detours: Arc<Detours>,
}

impl Spread {
    /// The rule for so many shards (at least one).
    pub fn new(shards: u16, key: [u64; 2]) -> Self {
        Self { key, shards: shards.max(1), detours: Arc::new(Detours::new(shards > 1)) }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The shard of a Call-ID.
    pub fn shard_of(&self, call_id: &[u8]) -> u16 {
        if self.shards == 1 {
            return 0;
        }
        let hash = self.hash(call_id);
        self.detours.find(hash).unwrap_or_else(|| self.home_of(hash))
    }

    fn home_of(&self, hash: u64) -> u16 {
        (hash % u64::from(self.shards)) as u16
    }

    /// Sends the messages of a Call-ID to another shard than its own from now on, until [`Spread::straighten`]. True when
    /// they go there; false when there are too many exceptions (4,096).
    pub fn detour(&self, call_id: &[u8], shard: u16) -> bool {
        let hash = self.hash(call_id);
        if self.shards == 1 {
            return shard == 0;
        }
        if self.home_of(hash) != shard {
            return self.detours.set(hash, shard);
        }
        if let Some(other) = self.detours.find(hash) {
            self.detours.clear(hash, other);
        }
        true
    }

    /// Ends that, unless the Call-ID was sent to another shard than this one since.
    pub fn straighten(&self, call_id: &[u8], shard: u16) {
        self.detours.clear(self.hash(call_id), shard);
    }

    /// How many Call-IDs go another way than their hash says.
    pub fn detours(&self) -> usize {
        self.detours.len()
    }

    /// The shard of a message. One without a Call-ID goes to the first, which counts it and drops it.
    pub fn shard_of_message(&self, octets: &[u8]) -> u16 {
        if self.shards == 1 {
            return 0;
        }
        sip::scan::call_id(octets).map_or(0, |call_id| self.shard_of(call_id))
    }

    /// The keyed hash of any octets.
    pub(crate) fn hash(&self, octets: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key[0], self.key[1]);
        hasher.write(octets);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_fall_evenly_and_always_alike() {
        for shards in [1, 2, 4, 7] {
            let spread = Spread::new(shards, [1, 2]);
            let mut count = vec![0; usize::from(shards)];
            for number in 0..7000 {
                let call_id = format!("call-{number}@example.org");
                let shard = spread.shard_of(call_id.as_bytes());
                assert_eq!(shard, spread.shard_of(call_id.as_bytes()));
                count[usize::from(shard)] += 1;
            }
            let even = 7000 / usize::from(shards);
            assert!(count.iter().all(|&one| one > even * 8 / 10 && one < even * 12 / 10 + 1), "{count:?}");
        }
    }

    #[test]
    fn a_detour_leads_elsewhere_and_back() {
        let spread = Spread::new(4, [3, 4]);
        let own = spread.shard_of(b"17@x");
        let other = (own + 1) % 4;
        assert!(spread.detour(b"17@x", other));
        assert_eq!((spread.shard_of(b"17@x"), spread.detours()), (other, 1));
        spread.straighten(b"17@x", own);
        assert_eq!(spread.clone().shard_of(b"17@x"), other);
        spread.straighten(b"17@x", other);
        assert_eq!((spread.shard_of(b"17@x"), spread.detours()), (own, 0));
        assert!(spread.detour(b"17@x", other) && spread.detour(b"17@x", own));
        assert_eq!((spread.shard_of(b"17@x"), spread.detours()), (own, 0));
        assert!(Spread::new(1, [3, 4]).detour(b"17@x", 0));
    }

    #[test]
    fn a_message_follows_its_call_id() {
        let spread = Spread::new(4, [3, 4]);
        let message = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\ni: 17@x\r\n\r\n";
        assert_eq!(spread.shard_of_message(message), spread.shard_of(b"17@x"));
        assert_eq!(spread.shard_of_message(b"nothing"), 0);
    }
}
