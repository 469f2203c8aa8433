//! The way into a shard from other threads: bounded queues that are emptied at one stroke, and that wake their
//! owner only when the owner sleeps. Octets lie in one arena, so handing a packet over allocates nothing.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use sip::transaction::TransactionId;
use sip::transport::{ConnectionId, Flow, Packet};
use tokio::sync::{Notify, oneshot};

use super::watch::Bell;

/// Sends values into one shard; the shard meets them as [`crate::Input::Posted`]. Clones send into the same.
pub struct Inbox<P> {
    door: Arc<Door>,
    posts: Arc<Posts<P>>,
}

/// The queue is full: what was to be posted comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue of the shard is full")]
pub struct Full<T>(pub T);

impl<P> Inbox<P> {
    /// The inbox of a shard, for at most so many values that wait.
    pub fn new(door: Arc<Door>, posts_max: usize) -> Self {
        Self { door, posts: Arc::new(Posts { queue: Mutex::new(VecDeque::new()), posts_max }) }
    }

    /// Posts a value. Order is kept for one poster.
    pub fn post(&self, value: P) -> Result<(), Full<P>> {
        {
            let mut queue = self.posts.queue.lock();
            if queue.len() >= self.posts.posts_max {
                return Err(Full(value));
            }
            queue.push_back(value);
        }
        self.door.wake();
        Ok(())
    }

    /// The shard's other entrance: packets and notices.
    pub fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Takes all that waits into `values`, which must be used up. The owner's side.
    pub(crate) fn drain(&self, values: &mut VecDeque<P>) {
        debug_assert!(values.is_empty(), "the last values have been used up");
        values.shrink_to(KEEP_ITEMS);
        std::mem::swap(&mut *self.posts.queue.lock(), values);
    }

    /// Prepares to sleep: true when the owner may, false when something came meanwhile. The owner's side.
    pub(crate) fn may_sleep(&self) -> bool {
        self.door.asleep.store(true, Ordering::SeqCst);
        let empty = self.door.ring.lock().items.is_empty() && self.posts.queue.lock().is_empty();
        if !empty {
            self.door.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }
}

impl<P> Clone for Inbox<P> {
    fn clone(&self) -> Self {
        Self { door: Arc::clone(&self.door), posts: Arc::clone(&self.posts) }
    }
}

impl<P> fmt::Debug for Inbox<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("posts_max", &self.posts.posts_max).finish_non_exhaustive()
    }
}

/// Packets and notices on their way into one shard, whatever its core is.
pub struct Door {
    ring: Mutex<Batch>,
    packets_max: usize,
    octets_max: usize,
    asleep: AtomicBool,
    /// Of the owner, once it runs; before, it does not sleep.
    bell: OnceLock<Arc<Bell>>,
    waiting: AtomicUsize,
    space: Notify,
}

impl Door {
    /// A door for at most so many packets that wait, with so many octets together. Notices of the transport
    /// (failures, closed connections) are bounded by the transactions and connections there are.
    pub fn new(packets_max: usize, octets_max: usize) -> Arc<Self> {
        Arc::new(Self {
            ring: Mutex::new(Batch::default()),
            packets_max,
            octets_max,
            asleep: AtomicBool::new(false),
            bell: OnceLock::new(),
            waiting: AtomicUsize::new(0),
            space: Notify::new(),
        })
    }

    /// Hands a packet over; its octets are copied.
    pub fn hand_over(&self, packet: &Packet<'_>) -> Result<(), Full<()>> {
        {
            let mut ring = self.ring.lock();
            let room = ring.octets.is_empty() || ring.octets.len() + packet.octets.len() <= self.octets_max;
            if ring.packets >= self.packets_max || !room {
                return Err(Full(()));
            }
            let start = ring.octets.len();
            ring.octets.extend_from_slice(packet.octets);
            let range = start..ring.octets.len();
            ring.packets += 1;
            ring.items.push_back(Item::Packet { range, flow: packet.flow, arrived: packet.arrived });
        }
        self.wake();
        Ok(())
    }

    /// Hands a packet over, waiting until there is room: how a stream stops being read while its shard is busy.
    pub async fn hand_over_when_room(&self, packet: &Packet<'_>) {
        if self.hand_over(packet).is_ok() {
            return;
        }
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let space = self.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            if self.hand_over(packet).is_ok() {
                return;
            }
            space.await;
        }
    }

    /// Says that what a transaction sent did not go.
    pub(crate) fn failed(&self, transaction: TransactionId, why: &'static str) {
        self.notice(Item::Failed { transaction, why });
    }

    /// Takes a notice, whatever the fill.
    pub(crate) fn notice(&self, item: Item) {
        self.ring.lock().items.push_back(item);
        self.wake();
    }

    fn wake(&self) {
        // Whoever queues does so before it looks here; the owner says that it sleeps before it looks at the queues.
        if self.asleep.load(Ordering::SeqCst)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(bell) = self.bell.get()
        {
            bell.ring();
        }
    }

    /// Says what wakes the owner, once and before it sleeps. The owner's side.
    pub(crate) fn hang(&self, bell: Arc<Bell>) {
        let _ = self.bell.set(bell);
    }

    /// Takes all that is queued into `batch`, which must be used up. The owner's side.
    pub(crate) fn drain(&self, batch: &mut Batch) {
        debug_assert!(batch.items.is_empty(), "the last batch has been used up");
        batch.reuse();
        std::mem::swap(&mut *self.ring.lock(), batch);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.space.notify_waiters();
        }
    }

    /// Says that the owner is awake, so that others spare the wake-up. The owner's side.
    pub(crate) fn is_awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("packets_max", &self.packets_max).finish_non_exhaustive()
    }
}

/// What was queued between two drains.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) octets: Vec<u8>,
    pub(crate) items: VecDeque<Item>,
    packets: usize,
}

impl Batch {
    fn reuse(&mut self) {
        self.octets.clear();
        self.octets.shrink_to(KEEP_OCTETS);
        self.items.shrink_to(KEEP_ITEMS);
        self.packets = 0;
    }
}

/// One thing in the queue. A packet's octets lie in the arena of its batch.
#[derive(Debug)]
pub(crate) enum Item {
    Packet { range: Range<usize>, flow: Flow, arrived: Instant },
    Failed { transaction: TransactionId, why: &'static str },
    Closed(ConnectionId),
    Quiet(oneshot::Sender<bool>),
    Stop,
}

struct Posts<P> {
    queue: Mutex<VecDeque<P>>,
    posts_max: usize,
}

/// Counts those who wait for room, so that a drain notifies only when somebody does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a batch keeps of its room after a burst.
const KEEP_OCTETS: usize = 256 * 1024;
const KEEP_ITEMS: usize = 1024;
