//! The answering side of a stream of questions. Room for each answer is reserved before its question is asked, so
//! that a slow reader stops our reading and nothing is kept without a bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::asked::{Asked, Reply, ServiceError, Sink, Ticket};

/// An answer as a message.
pub(crate) trait Answer: Send + Sized + 'static {
    /// The answer to the question of this id.
    fn of<T>(id: u64, answer: Result<T, ServiceError>) -> Self
    where
        T: Into<Self::Kind>,
    {
        Self::new(id, answer.map(Into::into))
    }
    /// Any of the kinds of answers.
    type Kind;
    fn new(id: u64, answer: Result<Self::Kind, ServiceError>) -> Self;
}

/// The way back to one asker.
pub(crate) struct Lane<A> {
    sender: mpsc::Sender<Result<A, Status>>,
    /// By our own ticket: the question's id and the room for its answer. Its size is bounded by the channel's.
    waiting: Mutex<HashMap<u64, (u64, Room<A>)>>,
}

/// Room for one answer.
pub(crate) type Room<A> = mpsc::OwnedPermit<Result<A, Status>>;

impl<A: Answer> Lane<A> {
    /// A lane with room for so many answers that wait to be made or to be read.
    pub(crate) fn new(in_flight_max: usize) -> (Arc<Self>, ReceiverStream<Result<A, Status>>) {
        let (sender, receiver) = mpsc::channel(in_flight_max.max(1));
        (Arc::new(Lane { sender, waiting: Mutex::default() }), ReceiverStream::new(receiver))
    }

    /// Waits for room for one more answer; `None` when the asker has gone.
    pub(crate) async fn room(&self) -> Option<Room<A>> {
        self.sender.clone().reserve_owned().await.ok()
    }

    /// Sends something that nobody asked for just now; `false` when the asker has gone.
    pub(crate) async fn send(&self, answer: A) -> bool {
        self.sender.send(Ok(answer)).await.is_ok()
    }

    /// Asks the service; the answer goes out now or later. `ticket` is not used twice on a lane.
    pub(crate) fn ask<T>(
        self: &Arc<Self>,
        ticket: u64,
        id: u64,
        within_ms: u32,
        room: Room<A>,
        ask: impl FnOnce(Reply<T>) -> Asked<T>,
    ) where
        T: Into<A::Kind> + 'static,
    {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket, (id, room));
        let mut reply = Reply::new(self.clone() as Arc<dyn Sink<T>>, Ticket(ticket));
        if within_ms > 0 {
            reply = reply.within(std::time::Duration::from_millis(within_ms.into()));
        }
        if let Asked::Now(answer) = ask(reply) {
            self.post(Ticket(ticket), answer);
        }
    }

    /// Resolves when the asker has gone.
    pub(crate) async fn closed(&self) {
        self.sender.closed().await;
    }
}

impl<A: Answer, T: Into<A::Kind>> Sink<T> for Lane<A> {
    fn post(&self, ticket: Ticket, answer: Result<T, ServiceError>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket.0);
        if let Some((id, room)) = waiting {
            room.send(Ok(A::of(id, answer)));
        }
    }
}

/// Ends the streams of a server, so that its askers go elsewhere while it drains.
#[derive(Debug, Clone)]
pub(crate) struct Drain(Arc<watch::Sender<bool>>);

impl Drain {
    pub(crate) fn new() -> Self {
        Drain(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when the drain has begun.
    pub(crate) async fn begun(&self) {
        // An error says that the sender is gone, which we hold.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}

/// The limits of a server. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// How many answers of one stream may wait to be made or to be read. Beyond that its questions are not read, so
    /// that its asker meets its own limit. Default 10000.
    pub in_flight_max: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits { in_flight_max: 10_000 }
    }
}
