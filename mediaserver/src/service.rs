//! The media server as a service: threads, each with its own sessions, and the questions that reach them.

mod machine;
mod metrics;
mod ports;
#[cfg(test)]
mod tests;
mod thread;

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use node::clock;
use parking_lot::Mutex;
use proto::media::{
    Answer, Attend, Bridge, Collect, Described, Load, Media, MediaEvent, MediaSink, Offer, Play, Record,
    Release, Released, Stop,
};
use proto::{Asked, Reply, ServiceError};

use crate::config::Config;
use crate::core::{Counters, Sessions};
use machine::Machine;
use ports::Pool;
use thread::Thread;

/// Sessions on threads of their own. Dropping it ends them.
#[derive(Debug)]
pub struct Mediaserver {
    threads: Vec<Thread>,
    /// The thread of a call.
    hasher: RandomState,
    pool: Arc<Pool>,
    follower: Arc<Follower>,
    sessions_max: usize,
    queue_max: usize,
    overloaded: AtomicU64,
    is_draining: AtomicBool,
}

/// Who hears of events, where somebody does.
#[derive(Default)]
struct Follower(Mutex<Option<Arc<dyn MediaSink>>>);

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Follower").field(&self.0.lock().is_some()).finish()
    }
}

impl MediaSink for Follower {
    fn post(&self, call: &str, event: MediaEvent) {
        let sink = self.0.lock().clone();
        if let Some(sink) = sink {
            sink.post(call, event);
        }
    }
}

/// What happened at the sockets of one thread.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    unsent: u64,
    untaken: u64,
    unbound: u64,
}

/// What happened on one thread.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    core: Counters,
    tally: Tally,
    panics: u64,
}

impl Mediaserver {
    /// Starts the threads. No port is taken before the first call.
    pub fn start(config: &Config) -> io::Result<Mediaserver> {
        let pool = Arc::new(Pool::new(config, node::datagram::addresses(), clock::seed()[0]));
        let follower = Arc::new(Follower::default());
        let threads = (0..config.threads()).map(|number| Thread::start(number, config, &pool, &follower));
        Ok(Mediaserver {
            threads: threads.collect::<io::Result<_>>()?,
            hasher: RandomState::new(),
            pool,
            follower,
            sessions_max: config.sessions_max,
            queue_max: config.queue_max,
            overloaded: AtomicU64::new(0),
            is_draining: AtomicBool::new(false),
        })
    }

    /// From now on new calls are refused; those that stand go on until they are released.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        for thread in &self.threads {
            thread.ask(|sessions, _, _| sessions.drain());
        }
    }

    /// How many calls have media here, a second ago at the most.
    pub fn sessions(&self) -> usize {
        self.threads.iter().map(|thread| thread.figures().core.sessions).sum()
    }

    /// Asks the thread of a call.
    fn ask<T: Send + 'static>(
        &self,
        call: &str,
        reply: Reply<T>,
        question: impl FnOnce(&mut Sessions, Instant, &mut Machine) -> Result<T, ServiceError> + Send + 'static,
    ) -> Asked<T> {
        let at = self.hasher.hash_one(call) % self.threads.len().max(1) as u64;
        let Some(thread) = self.threads.get(at as usize) else { return reply.now(Err(ServiceError::Gone)) };
        if !thread.has_room(self.queue_max) {
            self.overloaded.fetch_add(1, Ordering::Relaxed);
            return reply.now(Err(ServiceError::Overloaded { retry_after: Duration::from_secs(1) }));
        }
        thread.ask(move |sessions, now, machine| reply.send(question(sessions, now, machine)));
        Asked::Later
    }
}

impl Media for Mediaserver {
    fn offer(&self, ask: &Offer<'_>, reply: Reply<Described>) -> Asked<Described> {
        let (call, sdp) = (ask.call.to_owned(), ask.sdp.to_vec());
        let Offer { from, to, from_address, to_address, profile, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            let ask = Offer { call: &call, from, to, sdp: &sdp, from_address, to_address, profile };
            sessions.offer(now, &ask, out)
        })
    }

    fn answer(&self, ask: &Answer<'_>, reply: Reply<Described>) -> Asked<Described> {
        let (call, sdp) = (ask.call.to_owned(), ask.sdp.to_vec());
        let Answer { from, to, from_address, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            sessions.answer(now, &Answer { call: &call, from, to, sdp: &sdp, from_address }, out)
        })
    }

    fn attend(&self, _: &Attend<'_>, reply: Reply<Described>) -> Asked<Described> {
        reply.now(Err(relays_only()))
    }

    fn bridge(&self, ask: &Bridge<'_>, reply: Reply<()>) -> Asked<()> {
        let call = ask.call.to_owned();
        let Bridge { leg, with, .. } = *ask;
        self.ask(ask.call, reply, move |sessions, now, out| {
            sessions.bridge(now, &Bridge { call: &call, leg, with }, out)
        })
    }

    fn play(&self, _: &Play<'_>, reply: Reply<()>) -> Asked<()> {
        reply.now(Err(relays_only()))
    }

    fn record(&self, _: &Record<'_>, reply: Reply<()>) -> Asked<()> {
        reply.now(Err(relays_only()))
    }

    fn collect(&self, _: &Collect<'_>, reply: Reply<()>) -> Asked<()> {
        reply.now(Err(relays_only()))
    }

    fn stop(&self, _: &Stop<'_>, reply: Reply<()>) -> Asked<()> {
        reply.now(Ok(()))
    }

    fn release(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        let call = ask.call.to_owned();
        let leg = ask.leg;
        self.ask(ask.call, reply, move |sessions, now, out| {
            Ok(sessions.release(now, &Release { call: &call, leg }, out))
        })
    }

    fn load(&self, reply: Reply<Load>) -> Asked<Load> {
        reply.now(Ok(Load {
            sessions: u32::try_from(self.sessions()).unwrap_or(u32::MAX),
            sessions_max: u32::try_from(self.sessions_max).unwrap_or(u32::MAX),
            ports_free: self.pool.ports_free(),
            is_draining: self.is_draining.load(Ordering::Relaxed),
        }))
    }

    fn follow(&self, sink: Arc<dyn MediaSink>) {
        *self.follower.0.lock() = Some(sink);
    }
}

fn relays_only() -> ServiceError {
    ServiceError::Refused("this media server relays only".to_owned())
}
