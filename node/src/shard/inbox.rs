//! The way into a shard from other threads: a bounded queue that is emptied at one stroke, and that wakes its
//! owner only when the owner sleeps. Octets lie in one arena, so handing a packet over allocates nothing.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Instant;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use sip::transaction::TransactionId;
use sip::transport::{ConnectionId, Flow, Packet};
use tokio::sync::Notify;

/// Sends into one shard. Clones send into the same.
pub struct Inbox<P>(Arc<Shared<P>>);

/// The queue is full: what was to be posted comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue of the shard is full")]
pub struct Full<T>(pub T);

impl<P> Inbox<P> {
    /// An inbox for at most so many packets with so many octets together, and so many posts. Notices of the
    /// transport (failures, closed connections) are bounded by the transactions and connections there are.
    pub fn new(packets_max: usize, octets_max: usize, posts_max: usize) -> Self {
        Self(Arc::new(Shared {
            ring: Mutex::new(Batch::default()),
            packets_max,
            octets_max,
            posts_max,
            asleep: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            waiting: AtomicUsize::new(0),
            space: Notify::new(),
        }))
    }

    /// Posts a value; the shard meets it as [`crate::Input::Posted`]. Order is kept for one poster.
    pub fn post(&self, value: P) -> Result<(), Full<P>> {
        {
            let mut ring = self.0.ring.lock();
            if ring.posts >= self.0.posts_max {
                return Err(Full(value));
            }
            ring.posts += 1;
            ring.items.push_back(Item::Posted(value));
        }
        self.wake();
        Ok(())
    }

    /// Hands a packet over; its octets are copied.
    pub fn hand_over(&self, packet: &Packet<'_>) -> Result<(), Full<()>> {
        {
            let mut ring = self.0.ring.lock();
            let room = ring.octets.len() + packet.octets.len() <= self.0.octets_max;
            if ring.packets >= self.0.packets_max || !(room || ring.octets.is_empty()) {
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
        let _waiting = Waiting::new(&self.0.waiting);
        loop {
            let space = self.0.space.notified();
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
        self.0.ring.lock().items.push_back(Item::Failed { transaction, why });
        self.wake();
    }

    /// Says that a connection is gone.
    pub(crate) fn closed(&self, connection: ConnectionId) {
        self.0.ring.lock().items.push_back(Item::Closed(connection));
        self.wake();
    }

    /// Asks the shard to end its thread after what stands in the queue.
    pub(crate) fn stop(&self) {
        self.0.ring.lock().items.push_back(Item::Stop);
        self.wake();
    }

    /// Asks the shard to answer whether its core is quiet.
    pub(crate) fn ask_quiet(&self, answer: tokio::sync::oneshot::Sender<bool>) {
        self.0.ring.lock().items.push_back(Item::Quiet(answer));
        self.wake();
    }

    fn wake(&self) {
        if self.0.asleep.swap(false, Ordering::SeqCst) {
            self.0.waker.wake();
        }
    }

    /// Takes all that is queued into `batch`, which must be used up. The owner's side.
    pub(crate) fn drain(&self, batch: &mut Batch<P>) {
        debug_assert!(batch.items.is_empty(), "the last batch has been used up");
        batch.reuse();
        std::mem::swap(&mut *self.0.ring.lock(), batch);
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.space.notify_waiters();
        }
    }

    /// Prepares to sleep: true when the owner may, false when something came meanwhile. The owner's side.
    pub(crate) fn may_sleep(&self, waker: &Waker) -> bool {
        self.0.waker.register(waker);
        self.0.asleep.store(true, Ordering::SeqCst);
        let empty = self.0.ring.lock().items.is_empty();
        if !empty {
            self.0.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// Says that the owner is awake, so that posters spare the wake-up. The owner's side.
    pub(crate) fn awake(&self) {
        self.0.asleep.store(false, Ordering::SeqCst);
    }
}

impl<P> Clone for Inbox<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> std::fmt::Debug for Inbox<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("packets_max", &self.0.packets_max).finish_non_exhaustive()
    }
}

/// What was queued between two drains.
pub(crate) struct Batch<P> {
    pub(crate) octets: Vec<u8>,
    pub(crate) items: VecDeque<Item<P>>,
    packets: usize,
    posts: usize,
}

/// One thing in the queue. A packet's octets lie in the arena of its batch.
pub(crate) enum Item<P> {
    Packet { range: Range<usize>, flow: Flow, arrived: Instant },
    Posted(P),
    Failed { transaction: TransactionId, why: &'static str },
    Closed(ConnectionId),
    Quiet(tokio::sync::oneshot::Sender<bool>),
    Stop,
}

impl<P> Batch<P> {
    fn reuse(&mut self) {
        self.octets.clear();
        self.octets.shrink_to(KEEP_OCTETS);
        self.items.shrink_to(KEEP_ITEMS);
        self.packets = 0;
        self.posts = 0;
    }
}

impl<P> Default for Batch<P> {
    fn default() -> Self {
        Self { octets: Vec::new(), items: VecDeque::new(), packets: 0, posts: 0 }
    }
}

struct Shared<P> {
    ring: Mutex<Batch<P>>,
    packets_max: usize,
    octets_max: usize,
    posts_max: usize,
    asleep: AtomicBool,
    waker: AtomicWaker,
    waiting: AtomicUsize,
    space: Notify,
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
