//! How a question is asked and answered without waiting: [`Asked`], [`Ticket`], [`Sink`], [`Reply`], and the errors
//! of services.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

/// What a service says at once.
#[derive(Debug)]
#[must_use = "an answer given now is posted nowhere else"]
pub enum Asked<T> {
    /// The answer. Nothing will be posted.
    Now(Result<T, ServiceError>),
    /// Exactly one answer will be posted to the sink of the reply.
    Later,
}

/// Who waits for an answer: slot and generation, or whatever else the asker likes. Services only carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Where late answers go: the inbox of a shard. Called from any thread; it must not block.
pub trait Sink<T>: Send + Sync {
    /// Takes the answer to the question that was asked under `ticket`.
    fn post(&self, ticket: Ticket, answer: Result<T, ServiceError>);
}

/// The duty to answer once. Making one allocates nothing; dropping it unanswered posts [`ServiceError::Gone`].
#[must_use = "dropping a reply posts `Gone`"]
pub struct Reply<T> {
    sink: Option<Arc<dyn Sink<T>>>,
    ticket: Ticket,
    within: Option<Duration>,
}

impl<T> Reply<T> {
    /// A duty to answer `ticket` at `sink`.
    pub fn new(sink: Arc<dyn Sink<T>>, ticket: Ticket) -> Self {
        Reply { sink: Some(sink), ticket, within: None }
    }

    /// How long the asker will wait; a service need not work longer, and a remote one is told so.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// How long the asker will wait, where it said so.
    pub fn deadline(&self) -> Option<Duration> {
        self.within
    }

    /// Who waits.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Posts the answer.
    pub fn send(mut self, answer: Result<T, ServiceError>) {
        if let Some(sink) = self.sink.take() {
            sink.post(self.ticket, answer);
        }
    }

    /// Gives the answer to the asker directly, posting nothing: `return reply.now(Ok(…))`.
    pub fn now(mut self, answer: Result<T, ServiceError>) -> Asked<T> {
        self.sink = None;
        Asked::Now(answer)
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take() {
            sink.post(self.ticket, Err(ServiceError::Gone));
        }
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("ticket", &self.ticket)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// A reply whose answer is awaited: for tools and servers, where there is no inbox.
pub fn awaited<T: Send + 'static>() -> (Reply<T>, Awaited<T>) {
    let (sender, receiver) = oneshot::channel();
    let sink = Arc::new(Once(Mutex::new(Some(sender))));
    (Reply::new(sink, Ticket(0)), Awaited(receiver))
}

/// The other end of [`awaited`].
#[derive(Debug)]
pub struct Awaited<T>(oneshot::Receiver<Result<T, ServiceError>>);

impl<T> Awaited<T> {
    /// Waits, if it is still necessary after what the service said at once.
    pub async fn answer(self, asked: Asked<T>) -> Result<T, ServiceError> {
        match asked {
            Asked::Now(answer) => answer,
            Asked::Later => self.0.await.unwrap_or(Err(ServiceError::Gone)),
        }
    }
}

struct Once<T>(Mutex<Option<oneshot::Sender<Result<T, ServiceError>>>>);

impl<T: Send> Sink<T> for Once<T> {
    fn post(&self, _: Ticket, answer: Result<T, ServiceError>) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nobody waits any more: the tool was interrupted.
            let _ = sender.send(answer);
        }
    }
}

/// Why a service did not answer what it was asked. All of these are ours, never the peer's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServiceError {
    /// Whoever owed the answer let go of it.
    #[error("the service dropped the question")]
    Gone,
    /// No answer within the deadline.
    #[error("the service did not answer in time")]
    Deadline,
    /// More questions are waiting than are allowed (`in_flight_max`), or the service says so of itself.
    #[error("the service is overloaded, try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The service, or what it needs, is not reachable. The text says which, for the log.
    #[error("the service is unavailable: {0}")]
    Unavailable(String),
    /// The service understood and will not: bad credentials of a tool, a user that exists already, a read-only one.
    #[error("refused: {0}")]
    Refused(String),
    /// The other side broke the contract. The text says how, for the log.
    #[error("broken contract: {0}")]
    Protocol(String),
}
