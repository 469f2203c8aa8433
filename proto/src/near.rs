//! A bounded copy of what a proxy looked up, in front of a remote registrar.
//!
//! A copy is fresh while the registrar's numbered changes are heard without a gap; then it answers at once. A gap or
//! a lost stream makes everything stale, and what is stale, or says that nobody is there, answers only when no
//! registrar does within 50 ms.

#![allow(clippy::disallowed_methods, reason = "the 50 ms are waited for on the I/O runtime; no core")]

mod copies;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::asked::{Asked, Reply, ServiceError, Sink, Ticket};
use crate::registrar::{
    BindingPage, Bindings, Follower, ListBindings, Locate, Located, Location, Register, Registered,
    RemoveBindings,
};
use copies::Copies;

/// The limits of a near-copy. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearLimits {
    /// How many addresses of record are kept. Default 100000, some 500 octets each; one that was not looked up
    /// lately gives way.
    pub aors_max: usize,
    /// How long a registrar may take before a stale copy answers instead. Default 50 ms.
    pub stale_after: Duration,
}

impl Default for NearLimits {
    fn default() -> Self {
        NearLimits { aors_max: 100_000, stale_after: Duration::from_millis(50) }
    }
}

/// What happened to a near-copy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NearCounters {
    /// Addresses of record that are kept.
    pub aors: usize,
    /// Look-ups that a fresh copy answered.
    pub fresh: u64,
    /// Look-ups that went to the registrar.
    pub asked: u64,
    /// Look-ups that a stale or negative copy answered because no registrar did.
    pub stale: u64,
}

/// A [`Location`] with copies in front. It is made in two steps, since the client tells it of changes:
/// `let near = NearCopy::new(limits, handle); let client = RegistrarClient::new(…, Some(near.follower()), …);
/// let location = near.before(Arc::new(client));`.
pub struct NearCopy {
    limits: NearLimits,
    runtime: Handle,
    shared: Arc<Shared>,
}

/// A [`NearCopy`] and the registrar that it stands before.
pub struct Near {
    copy: NearCopy,
    remote: Arc<dyn Location>,
}

#[derive(Debug)]
struct Shared {
    copies: Copies,
    fresh: AtomicU64,
    asked: AtomicU64,
    stale: AtomicU64,
}

impl NearCopy {
    /// An empty one; it waits for late registrars on `runtime`.
    pub fn new(limits: NearLimits, runtime: &Handle) -> Self {
        let zero = || AtomicU64::new(0);
        let copies = Copies::new(limits.aors_max);
        let shared = Arc::new(Shared { copies, fresh: zero(), asked: zero(), stale: zero() });
        NearCopy { limits, runtime: runtime.clone(), shared }
    }

    /// Who has to be told of changes.
    pub fn follower(&self) -> Arc<dyn Follower> {
        self.shared.clone()
    }

    /// The location that services ask.
    pub fn before(self, remote: Arc<dyn Location>) -> Near {
        Near { copy: self, remote }
    }
}

impl Near {
    /// What happened so far.
    pub fn counters(&self) -> NearCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let shared = &self.copy.shared;
        NearCounters {
            aors: shared.copies.len(),
            fresh: read(&shared.fresh),
            asked: read(&shared.asked),
            stale: read(&shared.stale),
        }
    }

    fn asking<T>(&self, aor: &str, now_ms: u64, stale: Option<Bindings>, reply: Reply<T>) -> Arc<Asking<T>> {
        Arc::new(Asking {
            shared: self.copy.shared.clone(),
            aor: aor.into(),
            asked_ms: now_ms,
            epoch: self.copy.shared.copies.epoch(),
            held: Mutex::new(Some(reply)),
            stale,
        })
    }
}

impl Location for Near {
    fn register(&self, ask: &Register<'_>, reply: Reply<Registered>) -> Asked<Registered> {
        let (ticket, within) = (reply.ticket(), reply.deadline());
        let asking = self.asking(ask.aor, ask.now_ms, None, reply);
        settle(self.remote.register(ask, forward(asking.clone(), ticket, within)), &asking)
    }

    fn locate(&self, ask: &Locate<'_>, reply: Reply<Located>) -> Asked<Located> {
        let shared = &self.copy.shared;
        let kept = if ask.past_copy { None } else { shared.copies.get(ask.aor, ask.now_ms) };
        let stale = match kept {
            Some(kept) if kept.fresh && !kept.bindings.is_empty() => {
                shared.fresh.fetch_add(1, Ordering::Relaxed);
                return reply.now(Ok(Located { bindings: kept.bindings, stale: false }));
            }
            kept => kept.map(|kept| kept.bindings),
        };
        shared.asked.fetch_add(1, Ordering::Relaxed);
        let (ticket, within) = (reply.ticket(), reply.deadline());
        let asking = self.asking(ask.aor, ask.now_ms, stale, reply);
        let asked = settle(self.remote.locate(ask, forward(asking.clone(), ticket, within)), &asking);
        if matches!(asked, Asked::Later) && asking.stale.is_some() {
            let after = self.copy.limits.stale_after;
            self.copy.runtime.spawn(async move {
                tokio::time::sleep(after).await;
                if let Some(reply) = asking.take() {
                    reply.send(asking.instead(ServiceError::Deadline));
                }
            });
        }
        asked
    }

    fn list(&self, ask: &ListBindings<'_>, reply: Reply<BindingPage>) -> Asked<BindingPage> {
        self.remote.list(ask, reply)
    }

    fn remove(&self, ask: &RemoveBindings<'_>, reply: Reply<u32>) -> Asked<u32> {
        self.remote.remove(ask, reply)
    }
}

/// A question on its way through the copy to the registrar.
struct Asking<T> {
    shared: Arc<Shared>,
    aor: Box<str>,
    asked_ms: u64,
    epoch: u64,
    /// Until it is answered, by the registrar or from the copy.
    held: Mutex<Option<Reply<T>>>,
    /// What the copy says if nobody answers.
    stale: Option<Bindings>,
}

impl<T: Answer> Asking<T> {
    fn take(&self) -> Option<Reply<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps what an answer says, before anybody acts on it.
    fn keep(&self, answer: &Result<T, ServiceError>) {
        if let Ok(answer) = answer
            && let Some(bindings) = answer.bindings()
        {
            self.shared.copies.store(&self.aor, bindings, self.asked_ms, self.epoch);
        }
    }

    /// What to answer where nobody did.
    fn instead(&self, error: ServiceError) -> Result<T, ServiceError> {
        let silent = !matches!(error, ServiceError::Refused(_) | ServiceError::Protocol(_));
        match self.stale.as_ref().filter(|_| silent).and_then(T::stale) {
            Some(answer) => {
                self.shared.stale.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
            None => Err(error),
        }
    }
}

impl<T: Answer> Sink<T> for Asking<T> {
    fn post(&self, _: Ticket, answer: Result<T, ServiceError>) {
        self.keep(&answer);
        if let Some(reply) = self.take() {
            reply.send(answer.or_else(|error| self.instead(error)));
        }
    }
}

/// What the registrar said at once, as the asker shall have it.
fn settle<T: Answer>(asked: Asked<T>, asking: &Asking<T>) -> Asked<T> {
    match asked {
        Asked::Later => Asked::Later,
        Asked::Now(answer) => {
            asking.keep(&answer);
            let answer = answer.or_else(|error| asking.instead(error));
            match asking.take() {
                Some(reply) => reply.now(answer),
                None => Asked::Now(answer),
            }
        }
    }
}

/// An answer that tells bindings.
trait Answer: Send + Sized + 'static {
    fn bindings(&self) -> Option<&Bindings>;
    /// The answer that a stale copy gives, where it may give one.
    fn stale(bindings: &Bindings) -> Option<Self>;
}

impl Answer for Registered {
    fn bindings(&self) -> Option<&Bindings> {
        match self {
            Registered::Accepted { bindings } => Some(bindings),
            Registered::IntervalTooBrief { .. }
            | Registered::OutOfOrder
            | Registered::Malformed(_)
            | Registered::TooManyContacts { .. }
            | Registered::Full => None,
        }
    }

    fn stale(_: &Bindings) -> Option<Self> {
        None
    }
}

impl Answer for Located {
    fn bindings(&self) -> Option<&Bindings> {
        (!self.stale).then_some(&self.bindings)
    }

    fn stale(bindings: &Bindings) -> Option<Self> {
        Some(Located { bindings: bindings.clone(), stale: true })
    }
}

impl Follower for Shared {
    fn began(&self, run: u64, number: u64) {
        self.copies.began(run, number);
    }

    fn changed(&self, change: &crate::registrar::Change) {
        self.copies.changed(change);
    }

    fn lost(&self) {
        self.copies.lost();
    }
}

fn forward<T: Answer>(asking: Arc<Asking<T>>, ticket: Ticket, within: Option<Duration>) -> Reply<T> {
    let reply = Reply::new(asking as Arc<dyn Sink<T>>, ticket);
    match within {
        Some(within) => reply.within(within),
        None => reply,
    }
}

#[cfg(test)]
mod tests;
