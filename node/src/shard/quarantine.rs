//! Remembers for 32 s (64 × T1: as long as a transaction repeats itself) the inputs that made a core panic.

use std::time::{Duration, Instant};

/// Hashes of inputs, each until its time. Empty almost always, so looking costs nothing.
#[derive(Debug)]
pub(crate) struct Quarantine {
    entries: Vec<(u64, Instant)>,
    most: usize,
}

impl Quarantine {
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: Vec::new(), most }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True when the input is to be dropped.
    pub(crate) fn holds(&mut self, now: Instant, hash: u64) -> bool {
        self.entries.retain(|(_, until)| *until > now);
        self.entries.iter().any(|(known, _)| *known == hash)
    }

    /// Remembers an input; the oldest goes when there are too many.
    pub(crate) fn add(&mut self, now: Instant, hash: u64) {
        if self.entries.len() >= self.most && !self.entries.is_empty() {
            self.entries.remove(0);
        }
        self.entries.push((hash, now + STAY));
    }
}

const STAY: Duration = Duration::from_secs(32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_stays_for_32_seconds_and_the_oldest_goes_first() {
        let start = crate::clock::now();
        let mut quarantine = Quarantine::new(2);
        for hash in [1, 2, 3] {
            quarantine.add(start, hash);
        }
        assert!(!quarantine.holds(start, 1));
        assert!(quarantine.holds(start, 2));
        assert!(quarantine.holds(start + Duration::from_millis(31_999), 3));
        assert!(!quarantine.holds(start + STAY, 3));
        assert!(quarantine.is_empty());
    }
}
