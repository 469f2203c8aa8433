//! One stripe: addresses of record by hash, bindings in slots, the bindings of one address chained.

use hashbrown::HashTable;
use proto::{Binding, Bindings};
use smallvec::SmallVec;

use super::record;
use super::wheel::{Link, Linked, NONE, Wheel};

/// A thousandth of the store.
#[derive(Debug, Default)]
pub(super) struct Stripe {
    /// The first slot of each address of record.
    heads: HashTable<u32>,
    slots: Vec<Slot>,
    /// The first free slot; the others follow by `next`.
    free: u32,
    used: usize,
    wheel: Wheel,
    /// Where records are put together before they are compared and kept.
    pub(super) scratch: Vec<u8>,
}

/// One binding, or a free place.
#[derive(Debug)]
pub(super) struct Slot {
    /// See [`record`]; empty when the slot is free.
    record: Box<[u8]>,
    expires_ms: u64,
    updated_ms: u64,
    cseq: u32,
    /// Of the address of record: what the table needs when it grows.
    hash: u32,
    /// The next binding of the same address of record, or the next free slot.
    next: u32,
    link: Link,
}

impl Linked for Slot {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    fn due(&self) -> u64 {
        self.expires_ms.div_ceil(1000)
    }
}

/// The times and the CSeq of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) expires_ms: u64,
    pub(super) updated_ms: u64,
    pub(super) cseq: u32,
}

impl Stripe {
    /// How many bindings there are, expired ones included that nobody has met yet.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// The slots of an address of record, in the order of registration, the expired ones too.
    pub(super) fn of(&self, hash: u32, aor: &str) -> SmallVec<[u32; 8]> {
        let mut found = SmallVec::new();
        let mut at = self.head(hash, aor).unwrap_or(NONE);
        while at != NONE {
            found.push(at);
            at = self.slots[at as usize].next;
        }
        found
    }

    /// The binding in a slot, without `expires_in_s`.
    pub(super) fn binding(&self, at: u32) -> Binding<'_> {
        let slot = &self.slots[at as usize];
        Binding { cseq: slot.cseq, updated_ms: slot.updated_ms, ..record::binding(&slot.record) }
    }

    /// The times of the binding in a slot.
    pub(super) fn stamp(&self, at: u32) -> Stamp {
        let slot = &self.slots[at as usize];
        Stamp { expires_ms: slot.expires_ms, updated_ms: slot.updated_ms, cseq: slot.cseq }
    }

    /// The address of record and the binding in a slot that is not free.
    pub(super) fn listed(&self, at: u32, now_ms: u64) -> Option<(&[u8], Binding<'_>)> {
        let slot = self.slots.get(at as usize)?;
        if slot.record.is_empty() || slot.expires_ms <= now_ms {
            return None;
        }
        let expires_in_s = seconds_left(slot.expires_ms, now_ms);
        Some((record::aor(&slot.record), Binding { expires_in_s, ..self.binding(at) }))
    }

    /// One more than the last slot that was ever used.
    pub(super) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Adds a binding, its record copied at its exact size.
    pub(super) fn add(&mut self, hash: u32, aor: &str, stamp: Stamp, record: &[u8]) {
        if self.used == 0 {
            self.wheel.start(stamp.updated_ms / 1000);
        }
        let slot = Slot {
            record: record.into(),
            expires_ms: stamp.expires_ms,
            updated_ms: stamp.updated_ms,
            cseq: stamp.cseq,
            hash,
            next: NONE,
            link: Link::default(),
        };
        let at = self.place(slot);
        self.used += 1;
        self.wheel.insert(&mut self.slots, at);
        if let Some(mut last) = self.head(hash, aor) {
            while self.slots[last as usize].next != NONE {
                last = self.slots[last as usize].next;
            }
            self.slots[last as usize].next = at;
        } else {
            let slots = &self.slots;
            self.heads.insert_unique(spread(hash), at, |at| spread(slots[*at as usize].hash));
        }
    }

    /// Renews a binding; allocates only when its record changed, which the answer says.
    pub(super) fn renew(&mut self, at: u32, stamp: Stamp, record: &[u8]) -> bool {
        let slot = &mut self.slots[at as usize];
        let sooner = stamp.expires_ms < slot.expires_ms;
        Stamp { expires_ms: slot.expires_ms, updated_ms: slot.updated_ms, cseq: slot.cseq } = stamp;
        let changed = *slot.record != *record;
        if changed {
            slot.record = record.into();
        }
        if sooner {
            self.wheel.remove(&mut self.slots, at);
            self.wheel.insert(&mut self.slots, at);
        }
        changed
    }

    /// Removes a binding.
    pub(super) fn remove(&mut self, at: u32) {
        self.wheel.remove(&mut self.slots, at);
        self.unchain(at);
        let free = self.free_head();
        let slot = &mut self.slots[at as usize];
        slot.record = Box::default();
        slot.next = free;
        self.free = at + 1;
        self.used -= 1;
    }

    /// Removes what has expired, but no more than `most`; says how many.
    pub(super) fn expire(&mut self, now_ms: u64, most: usize) -> usize {
        let mut expired = 0;
        while self.used > 0
            && expired < most
            && let Some(at) = self.wheel.next(&mut self.slots, now_ms / 1000)
        {
            if self.slots[at as usize].expires_ms <= now_ms {
                self.remove(at);
                expired += 1;
            } else {
                self.wheel.insert(&mut self.slots, at);
            }
        }
        expired
    }

    /// The bindings that stand, the highest preference first, then the one updated last; one exact allocation.
    pub(super) fn collect(&self, hash: u32, aor: &str, now_ms: u64) -> Bindings {
        let mut standing = self.of(hash, aor);
        standing.retain(|at| self.slots[*at as usize].expires_ms > now_ms);
        standing.sort_by_key(|at| {
            let slot = &self.slots[*at as usize];
            std::cmp::Reverse((record::preference(&slot.record), slot.updated_ms))
        });
        let room = standing
            .iter()
            .map(|at| Bindings::room(record::kept(&self.slots[*at as usize].record).len()))
            .sum();
        let mut bindings = Bindings::with_capacity(room);
        for at in standing {
            let slot = &self.slots[at as usize];
            let left = seconds_left(slot.expires_ms, now_ms);
            bindings.push_kept(left, slot.updated_ms, slot.cseq, record::kept(&slot.record));
        }
        bindings
    }

    fn head(&self, hash: u32, aor: &str) -> Option<u32> {
        let same = |at: &u32| record::aor(&self.slots[*at as usize].record) == aor.as_bytes();
        self.heads.find(spread(hash), same).copied()
    }

    fn place(&mut self, slot: Slot) -> u32 {
        let at = self.free_head();
        if at == NONE {
            self.slots.push(slot);
            return self.slots.len() as u32 - 1;
        }
        let free = std::mem::replace(&mut self.slots[at as usize], slot);
        self.free = if free.next == NONE { 0 } else { free.next + 1 };
        at
    }

    /// `free` is one more than the slot, so that a new stripe is all zero.
    fn free_head(&self) -> u32 {
        self.free.checked_sub(1).unwrap_or(NONE)
    }

    fn unchain(&mut self, at: u32) {
        let Slot { hash, next, .. } = self.slots[at as usize];
        let slots = &self.slots;
        let aor = record::aor(&slots[at as usize].record);
        let same = |head: &u32| record::aor(&slots[*head as usize].record) == aor;
        let Ok(mut entry) = self.heads.find_entry(spread(hash), same) else { return };
        let mut before = *entry.get();
        if before != at {
            while self.slots[before as usize].next != at {
                before = self.slots[before as usize].next;
            }
            self.slots[before as usize].next = next;
        } else if next == NONE {
            entry.remove();
        } else {
            *entry.get_mut() = next;
        }
    }
}

fn seconds_left(expires_ms: u64, now_ms: u64) -> u32 {
    u32::try_from(expires_ms.saturating_sub(now_ms).div_ceil(1000)).unwrap_or(u32::MAX)
}

/// A table wants 64 bits, of which it uses the highest and the lowest.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
