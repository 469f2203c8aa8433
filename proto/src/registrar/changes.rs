//! What changed at a registrar, numbered, so that whoever keeps copies knows which to drop and notices a gap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

/// The numbered changes of one run of a registrar. Only changes of what a request is sent to are recorded: a refresh
/// that changes no more than its times is none, and expiry is none, since each binding says when it ends.
#[derive(Debug)]
pub struct Changes {
    run: u64,
    number: AtomicU64,
    /// Held while a number is given and sent, so that numbers are sent in their order.
    order: Mutex<()>,
    sender: broadcast::Sender<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// One more than that of the change before.
    pub number: u64,
    /// The address of record whose bindings changed.
    pub aor: Arc<str>,
}

impl Changes {
    /// Of a run that starts now. `run` tells it from every other run, `kept_max` is how many changes a slow watcher
    /// may fall behind before it has a gap.
    pub fn new(run: u64, kept_max: usize) -> Self {
        Changes {
            run,
            number: AtomicU64::new(0),
            order: Mutex::new(()),
            sender: broadcast::Sender::new(kept_max.max(1)),
        }
    }

    /// Which run this is.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The number of the last change. Read before a table is read, it says as of when what was read holds.
    pub fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Records a change, while the table that changed is still locked.
    pub fn record(&self, aor: &str) {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.number.load(Ordering::Relaxed) + 1;
        self.number.store(number, Ordering::Release);
        if self.sender.receiver_count() > 0 {
            // An error says that the last watcher just left.
            let _ = self.sender.send(Change { number, aor: aor.into() });
        }
    }

    /// Watches from now on. A gap in the numbers, or [`Watch::next`] saying so, means that all copies are stale.
    pub fn watch(&self) -> Watch {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        Watch { from: self.number(), receiver: self.sender.subscribe() }
    }
}

/// A watcher's place in the changes.
#[derive(Debug)]
pub struct Watch {
    from: u64,
    receiver: broadcast::Receiver<Change>,
}

/// The watcher fell behind, or the registrar went away: everything copied is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

impl Watch {
    /// The number of the last change before this watch; the first that it sees is one more.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The next change.
    ///
    /// # Errors
    /// The watch is over; begin another one and trust no copy older than that.
    pub async fn next(&mut self) -> Result<Change, Lost> {
        self.receiver.recv().await.map_err(|_| Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watcher_sees_every_change_in_order() {
        let changes = Changes::new(7, 8);
        changes.record("before@example.org");
        let mut watch = changes.watch();
        assert_eq!(watch.from(), 1);
        for aor in ["alice@example.org", "bob@example.org"] {
            changes.record(aor);
        }
        assert_eq!(watch.next().await, Ok(Change { number: 2, aor: "alice@example.org".into() }));
        assert_eq!(watch.next().await, Ok(Change { number: 3, aor: "bob@example.org".into() }));
        assert_eq!(changes.number(), 3);
    }

    #[tokio::test]
    async fn a_watcher_that_falls_behind_is_told() {
        let changes = Changes::new(7, 2);
        let mut watch = changes.watch();
        for _ in 0..3 {
            changes.record("alice@example.org");
        }
        assert_eq!(watch.next().await, Err(Lost));
    }
}
