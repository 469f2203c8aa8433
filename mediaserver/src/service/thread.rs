//! A media thread: it waits, takes packets, answers questions and looks around once a second.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use node::clock;
use node::datagram::{Poller, Waker};
use parking_lot::Mutex;

use super::machine::Machine;
use super::{Figures, Shared};
use crate::config::Config;
use crate::core::Sessions;

/// A question to the sessions of a thread, with its way back.
type Question = Box<dyn FnOnce(&mut Sessions, Instant, &mut Machine) + Send>;

/// A thread as others see it.
#[derive(Debug)]
pub(super) struct Thread {
    line: Arc<Line>,
    waker: Waker,
    running: Option<JoinHandle<()>>,
}

/// The way to a thread.
#[derive(Debug, Clone)]
pub(super) struct Way {
    line: Arc<Line>,
    waker: Waker,
}

impl Way {
    /// Asks.
    pub fn ask(&self, question: impl FnOnce(&mut Sessions, Instant, &mut Machine) + Send + 'static) {
        self.line.questions.lock().push_back(Box::new(question));
        self.waker.wake();
    }
}

/// What waits for a thread, and what it shows.
#[derive(Default)]
struct Line {
    questions: Mutex<VecDeque<Question>>,
    figures: Mutex<Figures>,
    is_over: AtomicBool,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("questions", &self.questions.lock().len()).finish_non_exhaustive()
    }
}

impl Thread {
    /// Starts one.
    pub fn start(number: u16, config: &Config, shared: &Shared) -> io::Result<Thread> {
        let poller = Poller::new()?;
        let waker = poller.waker();
        let line = Arc::new(Line::default());
        let machine = Machine::new(number, poller, config, shared);
        let sessions = Sessions::new(config.terms(), clock::seed()[0]);
        let mut running = Running { line: Arc::clone(&line), machine, sessions, panics: 0 };
        let running =
            std::thread::Builder::new().name(format!("media-{number}")).spawn(move || running.run())?;
        Ok(Thread { line, waker, running: Some(running) })
    }

    /// True while fewer than so many questions wait. Several askers may pass at once, so that some more may wait.
    pub fn has_room(&self, queue_max: usize) -> bool {
        self.line.questions.lock().len() < queue_max
    }

    /// Asks.
    pub fn ask(&self, question: impl FnOnce(&mut Sessions, Instant, &mut Machine) + Send + 'static) {
        self.line().ask(question);
    }

    /// The way to it, which may outlive it.
    pub fn line(&self) -> Way {
        Way { line: Arc::clone(&self.line), waker: self.waker.clone() }
    }

    /// What happened there until a second ago.
    pub fn figures(&self) -> Figures {
        *self.line.figures.lock()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(running) = self.running.take() {
            // It catches its panics; were it otherwise, it has ended too.
            let _ = running.join();
        }
    }
}

struct Running {
    line: Arc<Line>,
    machine: Machine,
    sessions: Sessions,
    panics: u64,
}

impl Running {
    fn run(&mut self) {
        let mut room = vec![0; DATAGRAM_MAX];
        let mut ready = Vec::new();
        let mut questions = VecDeque::new();
        let mut look_at = clock::now() + LOOK;
        while !self.line.is_over.load(Ordering::Acquire) {
            let due = self.sessions.deadline().map_or(look_at, |due| due.min(look_at));
            let longest = due.saturating_duration_since(clock::now());
            self.machine.poller.wait(longest, &mut ready);
            let now = clock::now();
            for id in &ready {
                self.receive(now, *id, &mut room);
            }
            std::mem::swap(&mut questions, &mut *self.line.questions.lock());
            for question in questions.drain(..) {
                self.guarded(|sessions, machine| question(sessions, now, machine));
            }
            self.guarded(|sessions, machine| sessions.tick(now, machine));
            if now >= look_at {
                look_at = now + LOOK;
                self.guarded(|sessions, machine| sessions.look_around(now, machine));
                *self.line.figures.lock() = self.figures();
            }
        }
    }

    /// Takes what has come to a port, but not more than a few packets: others wait too.
    fn receive(&mut self, now: Instant, number: u32, room: &mut [u8]) {
        for _ in 0..AT_ONCE {
            let Some((id, port)) = self.machine.port(number) else { return };
            match port.receive(room) {
                Ok(Some((length, from))) => {
                    let octets = room.get_mut(..length).unwrap_or_default();
                    self.guarded(|sessions, machine| sessions.packet(now, id, from, octets, machine));
                    // A port rarely holds a second one; the poll says so if it does.
                    return;
                }
                Ok(None) => return,
                // Whoever was sent to is not there; what came in stands behind that in the queue.
                Err(_) => self.machine.tally.untaken += 1,
            }
        }
    }

    /// What goes wrong by a mistake of ours ends one input and is counted.
    fn guarded(&mut self, act: impl FnOnce(&mut Sessions, &mut Machine)) {
        let Running { sessions, machine, .. } = self;
        if catch_unwind(AssertUnwindSafe(|| act(sessions, machine))).is_err() {
            self.panics += 1;
            tracing::error!("a media thread panicked and goes on; this is a bug of ours");
        }
    }

    fn figures(&self) -> Figures {
        Figures { core: self.sessions.counters(), tally: self.machine.tally, panics: self.panics }
    }
}

/// How often it looks around.
const LOOK: Duration = Duration::from_secs(1);
/// Errors of a port that are taken before its packet.
const AT_ONCE: usize = 4;
/// The most that a UDP datagram can hold, rounded up.
const DATAGRAM_MAX: usize = 65_536;
