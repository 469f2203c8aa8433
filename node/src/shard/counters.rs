//! What a shard counts. Only its own thread writes; whoever scrapes reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that one thread writes and others read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds, on the one thread that writes: a load and a store, no locked instruction.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// Adds, when several threads write.
    pub fn add_shared(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Takes away, when several threads write: for gauges.
    pub fn sub_shared(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    /// The count now.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one shard.
#[derive(Debug, Default)]
pub struct Counters {
    /// Turns that did something.
    pub turns: Count,
    /// Packets that the core was given.
    pub packets: Count,
    /// Datagrams received, of any kind.
    pub datagrams: Count,
    /// Octets of these.
    pub octets_in: Count,
    /// Datagrams sent.
    pub sent: Count,
    /// Octets of these.
    pub octets_out: Count,
    /// Datagrams that held only line ends or a NUL: keep-alives of phones behind NAT.
    pub keep_alives: Count,
    /// STUN binding requests answered.
    pub stun: Count,
    /// Packets handed to another shard.
    pub handed_over: Count,
    /// Datagrams dropped because the queue of another shard was full.
    pub dropped_full: Count,
    /// Datagrams that the kernel did not take.
    pub unsent: Count,
    /// ICMP errors that came back.
    pub unreachable: Count,
    /// Panics caught.
    pub panics: Count,
    /// Packets dropped because their like had caused a panic.
    pub quarantined: Count,
}
