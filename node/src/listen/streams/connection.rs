//! One stream connection as its senders see it: a write queue bounded in octets, and who is to be told when it
//! fails. The task that reads and writes is in [`super::serve`].

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use sip::transaction::TransactionId;
use sip::transport::Flow;
use tokio::sync::Notify;

/// A message's transaction and the shard that it lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) transaction: TransactionId,
    pub(crate) shard: u16,
}

/// A connection, open or being opened.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The way to the peer. While connecting the local address is unspecified.
    pub(crate) flow: Flow,
    /// The name that the peer's certificate was asked for.
    pub(crate) host: Option<Arc<str>>,
    queue: Mutex<Queue>,
    octets_max: usize,
    connecting_max: usize,
    to_write: Notify,
    to_close: Notify,
}

/// Why a message was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotQueued {
    /// The peer does not read, or does not answer: the connection is being closed.
    Full,
    /// The connection is gone.
    Closed,
}

/// What the writing side took from the queue; used again and again.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The messages, one behind the other.
    pub(crate) octets: Vec<u8>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Written,
    /// Responses that wait or are being written; they are told of a failure until they are written.
    responses: Vec<Sender>,
    responses_in_flight: Vec<Sender>,
    /// Requests, written or not: no answer will come from a connection that is gone. The oldest are forgotten.
    requests: VecDeque<Sender>,
    octets_in_flight: usize,
    connected: bool,
    closed: bool,
}

impl Connection {
    pub(crate) fn new(
        flow: Flow,
        host: Option<Arc<str>>,
        octets_max: usize,
        connecting_max: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            flow,
            host,
            queue: Mutex::default(),
            octets_max,
            connecting_max,
            to_write: Notify::new(),
            to_close: Notify::new(),
        })
    }

    /// Queues one message. When the queue is full the connection is told to close.
    pub(crate) fn push(&self, octets: &[u8], sender: Option<Sender>) -> Result<(), NotQueued> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(NotQueued::Closed);
        }
        let held = queue.octets_in_flight + queue.waiting.octets.len();
        if held > 0 && held + octets.len() > self.octets_max {
            drop(queue);
            self.close();
            return Err(NotQueued::Full);
        }
        if !queue.connected && queue.waiting.ends.len() >= self.connecting_max {
            return Err(NotQueued::Full);
        }
        queue.waiting.octets.extend_from_slice(octets);
        let end = queue.waiting.octets.len();
        queue.waiting.ends.push(end);
        if let Some(sender) = sender {
            if octets.starts_with(b"SIP/2.0 ") {
                queue.responses.push(sender);
            } else {
                if queue.requests.len() >= REQUESTS_KEPT {
                    queue.requests.pop_front();
                }
                queue.requests.push_back(sender);
            }
        }
        drop(queue);
        self.to_write.notify_one();
        Ok(())
    }

    /// Asks the task of the connection to end it.
    pub(crate) fn close(&self) {
        self.to_close.notify_one();
    }

    /// Waits until the connection is to be closed.
    pub(crate) async fn closing(&self) {
        self.to_close.notified().await;
    }

    /// Says that the peer is there: from now on the queue is bounded in octets only.
    pub(crate) fn connected(&self) {
        self.queue.lock().connected = true;
    }

    /// Waits for messages and takes them all. What was taken before counts as written.
    pub(crate) async fn take(&self, taken: &mut Written) {
        loop {
            if self.take_now(taken) {
                return;
            }
            self.to_write.notified().await;
        }
    }

    fn take_now(&self, taken: &mut Written) -> bool {
        taken.octets.clear();
        taken.octets.shrink_to(KEEP_OCTETS);
        taken.ends.clear();
        let mut queue = self.queue.lock();
        std::mem::swap(&mut queue.waiting, taken);
        queue.octets_in_flight = taken.octets.len();
        queue.responses_in_flight.clear();
        let queue = &mut *queue;
        std::mem::swap(&mut queue.responses, &mut queue.responses_in_flight);
        !taken.ends.is_empty()
    }

    /// Marks the connection as gone, and gives all who wait on it.
    pub(crate) fn end(&self) -> Vec<Sender> {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.waiting = Written::default();
        let mut left: Vec<Sender> = queue.requests.drain(..).collect();
        left.extend(std::mem::take(&mut queue.responses_in_flight));
        left.extend(std::mem::take(&mut queue.responses));
        left
    }
}

/// Requests remembered for each connection, so that their transactions hear of its end.
const REQUESTS_KEPT: usize = 1024;
/// What the queue keeps of its room after a burst.
const KEEP_OCTETS: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use sip::transport::{ListenerId, Transport};

    fn connection(octets_max: usize, connecting_max: usize) -> Arc<Connection> {
        let flow = Flow {
            transport: Transport::Tcp,
            listener: ListenerId(0),
            local: [127, 0, 0, 1].into(),
            remote: ([127, 0, 0, 1], 5060).into(),
            connection: None,
        };
        Connection::new(flow, None, octets_max, connecting_max)
    }

    #[expect(clippy::unnecessary_wraps, reason = "what it is handed to takes an option")]
    fn sender(slot: u32) -> Option<Sender> {
        Some(Sender { transaction: TransactionId { slot, generation: 1 }, shard: 0 })
    }

    #[test]
    fn a_full_queue_refuses_and_asks_to_close() {
        let one = connection(10, 9);
        assert_eq!(one.push(b"longer than all", None), Ok(()), "one message always fits");
        assert_eq!(one.push(b"x", None), Err(NotQueued::Full));
        let mut taken = Written::default();
        assert!(one.take_now(&mut taken));
        assert_eq!(one.push(b"x", None), Err(NotQueued::Full), "what is being written counts");
        assert!(!one.take_now(&mut taken));
        assert_eq!(one.push(b"x", None), Ok(()));
    }

    #[test]
    fn while_connecting_messages_are_counted() {
        let one = connection(1000, 2);
        assert_eq!(one.push(b"a", None), Ok(()));
        assert_eq!(one.push(b"b", None), Ok(()));
        assert_eq!(one.push(b"c", None), Err(NotQueued::Full));
        one.connected();
        assert_eq!(one.push(b"c", None), Ok(()));
        let mut taken = Written::default();
        assert!(one.take_now(&mut taken));
        assert_eq!((taken.octets.as_slice(), taken.ends.as_slice()), (&b"abc"[..], &[1, 2, 3][..]));
    }

    #[test]
    fn the_end_is_told_to_all_requests_and_to_responses_that_were_not_written() {
        let one = connection(1000, 9);
        one.push(b"INVITE 1", sender(1)).expect("room");
        one.push(b"SIP/2.0 200 OK", sender(2)).expect("room");
        let mut taken = Written::default();
        assert!(one.take_now(&mut taken));
        assert!(!one.take_now(&mut taken), "now both are written");
        one.push(b"BYE", sender(3)).expect("room");
        one.push(b"SIP/2.0 180 Ringing", sender(4)).expect("room");
        let told: Vec<u32> = one.end().iter().map(|sender| sender.transaction.slot).collect();
        assert_eq!(told, [1, 3, 4]);
        assert_eq!(one.push(b"x", None), Err(NotQueued::Closed));
        assert!(one.end().is_empty());
    }
}
