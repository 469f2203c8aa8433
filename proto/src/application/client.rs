//! An application at the other end of a channel: a stream for each run, opened again and told everything again when it
//! is lost.

#![allow(clippy::disallowed_methods, reason = "tasks of the I/O runtime with pauses of their own; no core")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use super::{Application, Conductor, Event, Log, What, wire};
use crate::asked::ServiceError;
use crate::pipeline::Task;
use crate::wire::application::v1;
use v1::application_client::ApplicationClient as Wire;

/// The limits of a client. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// How many runs there may be at a time. One more ends at once with [`ServiceError::Overloaded`]. Default 10000.
    pub runs_max: usize,
    /// How many events of a run are kept, some 200 octets each. A run with more is not told to another instance when
    /// its own dies. Default 1024.
    pub events_max: usize,
    /// How often a run is told anew before it is given up. Default 5.
    pub replays_max: u32,
    /// The pause before the first time; each further one is twice as long. Default 50 ms.
    pub backoff: Duration,
}

impl Default for RunLimits {
    fn default() -> Self {
        RunLimits { runs_max: 10_000, events_max: 1024, replays_max: 5, backoff: Duration::from_millis(50) }
    }
}

/// What happened to a client so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ApplicationCounters {
    /// Runs that there are.
    pub runs: usize,
    /// Runs that were begun.
    pub begun: u64,
    /// Runs refused because of `runs_max`.
    pub overloaded: u64,
    /// How often a run was told anew.
    pub replays: u64,
    /// Commands that were passed over because they had been taken.
    pub repeated: u64,
    /// Runs that were given up.
    pub lost: u64,
}

/// An [`Application`] at the other end of a channel. Dropping it ends all its streams.
pub struct ApplicationClient {
    shared: Arc<Shared>,
    runtime: Handle,
}

impl ApplicationClient {
    /// A client whose streams run on `runtime`. The channel should notice a dead peer by itself (HTTP/2 keep-alive).
    pub fn new(channel: Channel, limits: RunLimits, runtime: &Handle) -> Self {
        let shared = Shared {
            wire: Wire::new(channel),
            limits,
            runs: Mutex::default(),
            conductor: Mutex::default(),
            counts: Counts::default(),
        };
        ApplicationClient { shared: Arc::new(shared), runtime: runtime.clone() }
    }

    /// What happened so far.
    pub fn counters(&self) -> ApplicationCounters {
        let (counts, read) = (&self.shared.counts, |count: &AtomicU64| count.load(Ordering::Relaxed));
        ApplicationCounters {
            runs: self.shared.runs().len(),
            begun: read(&counts.begun),
            overloaded: read(&counts.overloaded),
            replays: read(&counts.replays),
            repeated: read(&counts.repeated),
            lost: read(&counts.lost),
        }
    }
}

impl Application for ApplicationClient {
    fn post(&self, run: &str, event: Event) {
        let number = event.number;
        let mut runs = self.shared.runs();
        if let Some(run) = runs.get_mut(run) {
            if run.log.push(event) {
                run.last.send_replace(number);
            }
            return;
        }
        // Later events of a run that was ended meanwhile are of no use.
        if number != 1 {
            return;
        }
        if runs.len() >= self.shared.limits.runs_max {
            drop(runs);
            count(&self.shared.counts.overloaded);
            let why = ServiceError::Overloaded { retry_after: Duration::from_secs(1) };
            self.shared.tell(|conductor| conductor.ended(run, Err(why)));
            return;
        }
        count(&self.shared.counts.begun);
        let mut log = Log::new(self.shared.limits.events_max);
        log.push(event);
        let (last, _) = watch::channel(number);
        let task = Task(self.runtime.spawn(conduct(self.shared.clone(), run.to_owned())));
        runs.insert(run.to_owned(), Run { log, last, _task: task });
    }

    fn forget(&self, run: &str) {
        self.shared.runs().remove(run);
    }

    fn follow(&self, conductor: Arc<dyn Conductor>) {
        *self.shared.conductor.lock().unwrap_or_else(PoisonError::into_inner) = Some(conductor);
    }
}

impl Drop for ApplicationClient {
    fn drop(&mut self) {
        // Taken out before they are dropped: a task that ends here looks for its run.
        let runs = std::mem::take(&mut *self.shared.runs());
        drop(runs);
    }
}

struct Shared {
    wire: Wire<Channel>,
    limits: RunLimits,
    runs: Mutex<HashMap<String, Run>>,
    conductor: Mutex<Option<Arc<dyn Conductor>>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    overloaded: AtomicU64,
    replays: AtomicU64,
    repeated: AtomicU64,
    lost: AtomicU64,
}

struct Run {
    log: Log,
    /// The number of the last event.
    last: watch::Sender<u64>,
    _task: Task,
}

impl Shared {
    fn runs(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No lock is held while the conductor is told.
    fn tell(&self, what: impl FnOnce(&dyn Conductor)) {
        let conductor = self.conductor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(conductor) = conductor {
            what(&*conductor);
        }
    }

    /// Sends the events of a run from the first one on, as they come, to one stream.
    async fn feed(self: Arc<Self>, run: String, events: mpsc::Sender<v1::Event>) {
        let Some(mut last) = self.runs().get(&run).map(|run| run.last.subscribe()) else { return };
        for number in 1.. {
            if last.wait_for(|last| *last >= number).await.is_err() {
                return;
            }
            let event = self.runs().get(&run).and_then(|run| run.log.event(number).cloned());
            // Dropped from the log before it was read: the stream is too slow, and is ended.
            let Some(event) = event else { return };
            let is_last = matches!(event.what, What::Ended(_));
            if events.send(wire::wired(&run, &event)).await.is_err() || is_last {
                return;
            }
        }
    }

    /// One stream, from its opening to its end. Ok says that the application has finished.
    async fn converse(self: &Arc<Self>, run: &str) -> Result<(), Status> {
        let (sender, events) = mpsc::channel(EVENTS_AHEAD);
        let _feeding = Task(tokio::spawn(self.clone().feed(run.to_owned(), sender)));
        let mut commands = self.wire.clone().run(ReceiverStream::new(events)).await?.into_inner();
        while let Some(command) = commands.message().await? {
            let taken = self.runs().get_mut(run).map(|run| run.log.take(command.id));
            match taken {
                Some(true) => {
                    let (id, command) = (command.id, wire::command(command));
                    self.tell(|conductor| conductor.post(run, id, command));
                }
                Some(false) => count(&self.counts.repeated),
                None => return Ok(()), // forgotten
            }
        }
        Ok(())
    }
}

/// A run, from its first event to its end.
async fn conduct(shared: Arc<Shared>, run: String) {
    let mut replays = 0;
    let why = loop {
        let Err(status) = shared.converse(&run).await else { break Ok(()) };
        let is_whole = shared.runs().get(&run).is_some_and(|run| run.log.is_whole());
        if !is_whole || replays == shared.limits.replays_max || !is_worth_another(&status) {
            count(&shared.counts.lost);
            break Err(status.into());
        }
        count(&shared.counts.replays);
        tokio::time::sleep(shared.limits.backoff * 2_u32.saturating_pow(replays)).await;
        replays += 1;
    };
    // Kept here until the end of this task, which it would abort; forgotten runs are nobody's any more.
    let ended = shared.runs().remove(&run);
    if ended.is_some() {
        shared.tell(|conductor| conductor.ended(&run, why));
    }
}

/// What the application itself refuses, it refuses again.
fn is_worth_another(status: &Status) -> bool {
    use tonic::Code;
    !matches!(
        status.code(),
        Code::InvalidArgument
            | Code::Unimplemented
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unauthenticated
    )
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Events on their way in one stream; more wait in the log.
const EVENTS_AHEAD: usize = 16;
