//! The asking side of a stream of questions: many in flight, answers matched by id, a deadline on each, and the
//! stream opened again whenever it is lost. What the questions are, a [`Pipelined`] says.

#![allow(clippy::disallowed_methods, reason = "a task of the I/O runtime with deadlines of its own; no core")]

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::asked::{Asked, Reply, ServiceError};

/// The limits of a client. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// How many questions may wait for an answer. More are answered [`ServiceError::Overloaded`] at once. Default
    /// 10000, some 500 octets each.
    pub in_flight_max: usize,
    /// How long a question waits that does not say. Default 2 s.
    pub deadline: Duration,
    /// What [`ServiceError::Overloaded`] says. Default 1 s.
    pub retry_after: Duration,
    /// How long opening the stream may take. Default 3 s.
    pub connect_timeout: Duration,
    /// The longest pause between attempts to open it; the first is 50 ms, each is twice the one before. Default 2 s.
    pub backoff_max: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        ClientLimits {
            in_flight_max: 10_000,
            deadline: Duration::from_secs(2),
            retry_after: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(3),
            backoff_max: Duration::from_secs(2),
        }
    }
}

/// What happened to a client so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientCounters {
    /// True while the stream is open.
    pub connected: bool,
    /// Questions that wait now.
    pub in_flight: usize,
    /// Questions sent.
    pub asked: u64,
    /// Answers that came in time.
    pub answered: u64,
    /// Questions whose deadline passed.
    pub deadlines: u64,
    /// Questions refused because of `in_flight_max`.
    pub overloaded: u64,
    /// Questions that met, or suffered, a lost stream.
    pub unavailable: u64,
    /// How often an open stream was lost.
    pub lost: u64,
}

/// The kinds of questions of one service.
pub(crate) trait Pipelined: Send + Sync + 'static {
    /// A question as a message.
    type Question: Send + 'static;
    /// An answer as a message.
    type Answer: Send + 'static;
    /// A reply of any of the kinds.
    type Waiting: Send + 'static;

    /// Opens the stream.
    fn open(
        &self,
        questions: ReceiverStream<Self::Question>,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> + Send;
    /// The id of the question that this answers.
    fn id(answer: &Self::Answer) -> u64;
    /// Posts an answer, or why there is none.
    fn settle(waiting: Self::Waiting, answer: Result<Self::Answer, ServiceError>);
    /// What is asked first on every stream, under the id 0.
    fn first(&self) -> Option<Self::Question> {
        None
    }
    /// What is answered to it.
    fn told(&self, answer: Self::Answer) {
        let _ = answer;
    }
    /// An open stream was lost.
    fn lost(&self) {}
}

/// The client side of a stream.
pub(crate) struct Pipeline<P: Pipelined> {
    protocol: P,
    limits: ClientLimits,
    state: Mutex<State<P>>,
    /// A deadline came that is sooner than all others.
    sooner: Notify,
    open: watch::Sender<bool>,
    counts: Counts,
}

struct State<P: Pipelined> {
    /// Where questions go while the stream is open.
    sender: Option<mpsc::Sender<P::Question>>,
    waiting: HashMap<u64, (P::Waiting, Instant)>,
    deadlines: BTreeSet<(Instant, u64)>,
    next: u64,
    /// Why the last attempt failed.
    failure: String,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    answered: AtomicU64,
    deadlines: AtomicU64,
    overloaded: AtomicU64,
    unavailable: AtomicU64,
    lost: AtomicU64,
}

impl<P: Pipelined> Pipeline<P> {
    pub(crate) fn new(protocol: P, limits: ClientLimits) -> Arc<Self> {
        let state = State {
            sender: None,
            waiting: HashMap::new(),
            deadlines: BTreeSet::new(),
            next: 1,
            failure: "not connected yet".to_owned(),
        };
        let state = Mutex::new(state);
        let open = watch::Sender::new(false);
        Arc::new(Pipeline { protocol, limits, state, sooner: Notify::new(), open, counts: Counts::default() })
    }

    /// Asks. `question` makes the message from its id and from how long the asker waits in ms.
    pub(crate) fn ask<T>(
        &self,
        reply: Reply<T>,
        question: impl FnOnce(u64, u32) -> P::Question,
        wait: impl FnOnce(Reply<T>) -> P::Waiting,
    ) -> Asked<T> {
        let within = reply.deadline().unwrap_or(self.limits.deadline).min(self.limits.deadline);
        let mut state = self.state();
        let id = state.next;
        let sent = match &state.sender {
            None => Err(ServiceError::Unavailable(state.failure.clone())),
            Some(sender) if state.waiting.len() < self.limits.in_flight_max => sender
                .try_reserve()
                .map(|place| place.send(question(id, u32::try_from(within.as_millis()).unwrap_or(u32::MAX))))
                .map_err(|_| self.overloaded()),
            Some(_) => Err(self.overloaded()),
        };
        if let Err(error) = sent {
            drop(state);
            let unavailable = matches!(error, ServiceError::Unavailable(_));
            count(if unavailable { &self.counts.unavailable } else { &self.counts.overloaded });
            return reply.now(Err(error));
        }
        state.next += 1;
        let due = Instant::now() + within;
        state.waiting.insert(id, (wait(reply), due));
        state.deadlines.insert((due, id));
        if state.deadlines.first() == Some(&(due, id)) {
            self.sooner.notify_one();
        }
        count(&self.counts.asked);
        Asked::Later
    }

    fn overloaded(&self) -> ServiceError {
        ServiceError::Overloaded { retry_after: self.limits.retry_after }
    }

    /// Opens the stream and keeps it open, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut pause = BACKOFF;
        loop {
            let (sender, questions) = mpsc::channel(self.limits.in_flight_max.max(1));
            let opening = self.protocol.open(ReceiverStream::new(questions));
            let failure = match tokio::time::timeout(self.limits.connect_timeout, opening).await {
                Ok(Ok(answers)) => {
                    pause = BACKOFF;
                    let failure = self.converse(sender, answers).await;
                    count(&self.counts.lost);
                    self.protocol.lost();
                    failure
                }
                Ok(Err(status)) => status.message().to_owned(),
                Err(_) => "the stream did not open in time".to_owned(),
            };
            self.fail_all(failure);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.limits.backoff_max);
        }
    }

    /// Until the stream is lost; says why.
    async fn converse(&self, sender: mpsc::Sender<P::Question>, mut answers: Streaming<P::Answer>) -> String {
        if let Some(first) = self.protocol.first()
            && sender.send(first).await.is_err()
        {
            return "the stream closed at once".to_owned();
        }
        self.state().sender = Some(sender);
        self.open.send_replace(true);
        // One timer, moved only when a deadline is sooner than it; when it fires too soon it is set again.
        let timer = tokio::time::sleep_until(Instant::now());
        tokio::pin!(timer);
        let mut armed: Option<Instant> = None;
        loop {
            let soonest = self.state().deadlines.first().map(|(due, _)| *due);
            if let Some(soonest) = soonest
                && armed.is_none_or(|armed| soonest < armed)
            {
                timer.as_mut().reset(soonest);
                armed = Some(soonest);
            }
            tokio::select! {
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => self.answered(answer),
                    Ok(None) => return "the service closed the stream".to_owned(),
                    Err(status) => return status.message().to_owned(),
                },
                () = &mut timer, if armed.is_some() => {
                    armed = None;
                    self.expire(Instant::now());
                }
                () = self.sooner.notified() => {}
            }
        }
    }

    fn answered(&self, answer: P::Answer) {
        let id = P::id(&answer);
        if id == 0 {
            return self.protocol.told(answer);
        }
        let waiting = {
            let mut state = self.state();
            let Some((waiting, due)) = state.waiting.remove(&id) else { return };
            state.deadlines.remove(&(due, id));
            waiting
        };
        count(&self.counts.answered);
        P::settle(waiting, Ok(answer));
    }

    fn expire(&self, now: Instant) {
        let mut expired = Vec::new();
        {
            let mut state = self.state();
            while let Some(&(due, id)) = state.deadlines.first()
                && due <= now
            {
                state.deadlines.remove(&(due, id));
                expired.extend(state.waiting.remove(&id));
            }
        }
        for (waiting, _) in expired {
            count(&self.counts.deadlines);
            P::settle(waiting, Err(ServiceError::Deadline));
        }
    }

    fn fail_all(&self, failure: String) {
        self.open.send_replace(false);
        let waiting = {
            let mut state = self.state();
            state.sender = None;
            state.failure.clone_from(&failure);
            state.deadlines.clear();
            std::mem::take(&mut state.waiting)
        };
        for (waiting, _) in waiting.into_values() {
            count(&self.counts.unavailable);
            P::settle(waiting, Err(ServiceError::Unavailable(failure.clone())));
        }
    }

    /// Resolves when the stream is open, or is not.
    pub(crate) async fn until(&self, open: bool) {
        // An error says that the sender is gone, which we hold.
        let _ = self.open.subscribe().wait_for(|now| *now == open).await;
    }

    /// Why the stream was lost, or could not be opened, last; empty before that happened.
    pub(crate) fn failure(&self) -> String {
        self.state().failure.clone()
    }

    pub(crate) fn counters(&self) -> ClientCounters {
        let (connected, in_flight) = {
            let state = self.state();
            (state.sender.is_some(), state.waiting.len())
        };
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ClientCounters {
            connected,
            in_flight,
            asked: read(&self.counts.asked),
            answered: read(&self.counts.answered),
            deadlines: read(&self.counts.deadlines),
            overloaded: read(&self.counts.overloaded),
            unavailable: read(&self.counts.unavailable),
            lost: read(&self.counts.lost),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        // Nothing in here panics while it holds the lock; were it so, the tables would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(crate) struct Task(pub(crate) tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

const BACKOFF: Duration = Duration::from_millis(50);
