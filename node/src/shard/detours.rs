//! Call-IDs that belong to another shard than their hash says: those of dialogs that a call elsewhere has taken over. A
//! table of words without a lock: who looks pays one load while it is empty, and one cache line else.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The exceptions, one table for all shards of a process.
#[derive(Debug)]
pub(crate) struct Detours {
    count: AtomicUsize,
    /// An entry is the upper part of a hash, and the number of the shard plus one; 0 where there is none.
    rows: Box<[Row]>,
}

/// One line of the cache.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Row([AtomicU64; ROW]);

impl Detours {
    /// A table; one that is never asked takes no room.
    pub(crate) fn new(is_used: bool) -> Self {
        let rows = if is_used { ROWS } else { 0 };
        Self { count: AtomicUsize::new(0), rows: (0..rows).map(|_| Row::default()).collect() }
    }

    /// The shard that a Call-ID of this hash was sent to.
    pub(crate) fn find(&self, hash: u64) -> Option<u16> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let row = self.row(hash)?;
        let entries = row.0.iter().map(|entry| entry.load(Ordering::Acquire));
        entries.filter(|entry| *entry != 0).find(|entry| entry & TAG == hash & TAG).map(shard_of)
    }

    /// Sends a Call-ID of this hash to a shard; false when its row is full.
    pub(crate) fn set(&self, hash: u64, shard: u16) -> bool {
        let Some(row) = self.row(hash) else { return false };
        let entry = (hash & TAG) | (u64::from(shard) + 1);
        for place in &row.0 {
            let known = place.load(Ordering::Acquire);
            if known != 0 && known & TAG == entry & TAG {
                place.store(entry, Ordering::Release);
                return true;
            }
        }
        for place in &row.0 {
            // Counted before it is there: who sees it looks.
            self.count.fetch_add(1, Ordering::AcqRel);
            if place.compare_exchange(0, entry, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return true;
            }
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
        false
    }

    /// Takes that back, unless another shard has sent it elsewhere since.
    pub(crate) fn clear(&self, hash: u64, shard: u16) {
        let Some(row) = self.row(hash) else { return };
        let entry = (hash & TAG) | (u64::from(shard) + 1);
        let is_gone =
            |place: &AtomicU64| place.compare_exchange(entry, 0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if row.0.iter().any(is_gone) {
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    fn row(&self, hash: u64) -> Option<&Row> {
        // The lower bits choose the shard: the row takes others, and those of the tag stay whole.
        self.rows.get((hash >> SHARD_BITS) as usize % ROWS)
    }
}

fn shard_of(entry: u64) -> u16 {
    ((entry & !TAG) - 1) as u16
}

/// The bits that tell a shard; 65,535 of them fit.
const SHARD_BITS: u32 = 16;
const TAG: u64 = !((1 << SHARD_BITS) - 1);
/// Entries of a cache line, and lines: 4,096 in 32 KiB.
const ROW: usize = 8;
const ROWS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detour_stands_until_it_is_taken_back_by_who_set_it_last() {
        let detours = Detours::new(true);
        let (one, other) = (0x1234_5678_9abc_0001, 0x1234_5678_9abd_0001);
        assert_eq!(detours.find(one), None);
        assert!(detours.set(one, 0) && detours.set(other, 3));
        assert_eq!((detours.find(one), detours.find(other), detours.len()), (Some(0), Some(3), 2));
        assert!(detours.set(one, 2));
        detours.clear(one, 0);
        assert_eq!((detours.find(one), detours.len()), (Some(2), 2));
        detours.clear(one, 2);
        detours.clear(other, 3);
        detours.clear(other, 3);
        assert_eq!((detours.find(one), detours.find(other), detours.len()), (None, None, 0));
    }

    #[test]
    fn a_full_row_takes_no_more_and_says_so() {
        let detours = Detours::new(true);
        let hash = |number: u64| (number * ROWS as u64) << SHARD_BITS;
        assert!((1..=ROW as u64).all(|number| detours.set(hash(number), 1)));
        assert!(!detours.set(hash(ROW as u64 + 1), 1));
        assert_eq!(detours.len(), ROW);
        assert!(detours.set(hash(3), 2), "what is there may be sent elsewhere");
        assert!(!Detours::new(false).set(hash(1), 1));
    }
}
