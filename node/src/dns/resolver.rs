//! Asks the name servers for what [`super::select`] needs, and answers at once where it is known.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use parking_lot::Mutex;
use proto::{Asked, Reply, ServiceError};
use rand::Rng as _;
use sip::transport::{NextHop, Transport};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::ask::NameServers;
use super::cache::{Cache, Turn};
use super::config::Config;
use super::dead::{self, Dead};
use super::metrics::ResolverCounters;
use super::records::{Answer, Lookup};
use super::select::{Progress, Query, select};
use super::zone::Zone;
use crate::clock;
use crate::listen::Listeners;

/// Finds the servers of a host. Clones are the same.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    world: ArcSwap<World>,
    listeners: Arc<Listeners>,
    cache: Mutex<Cache>,
    dead: Mutex<Dead>,
    /// False while no target is dead, so that nobody locks to find that out.
    any_dead: AtomicBool,
    under_way: Arc<Semaphore>,
    io: Handle,
    counters: ResolverCounters,
}

/// What a configuration says.
struct World {
    config: Config,
    zone: Zone,
    servers: NameServers,
}

impl World {
    fn new(config: &Config, io: &Handle) -> Self {
        let _inside = io.enter();
        Self { config: config.clone(), zone: Zone::of(config), servers: NameServers::new(config) }
    }
}

impl Resolver {
    /// A resolver that asks on this runtime. `listeners` say what can be reached.
    pub fn new(config: &Config, listeners: Arc<Listeners>, io: Handle) -> Self {
        Self(Arc::new(Shared {
            world: ArcSwap::from_pointee(World::new(config, &io)),
            listeners,
            cache: Mutex::new(Cache::new(config.cache_max, *config.stale_max)),
            dead: Mutex::new(Dead::default()),
            any_dead: AtomicBool::new(false),
            under_way: Arc::new(Semaphore::new(config.lookups_max)),
            io,
            counters: ResolverCounters::default(),
        }))
    }

    /// Another configuration from now on, but for `lookups_max`. What was found by the one before is forgotten.
    pub fn configure(&self, config: &Config) {
        if self.0.world.load().config == *config {
            return;
        }
        self.0.world.store(Arc::new(World::new(config, &self.0.io)));
        self.0.cache.lock().clear(config.cache_max, *config.stale_max);
    }

    /// Finds next hops, best first. An empty list is never given: it is [`ServiceError::Unavailable`].
    pub fn resolve(&self, query: &Query<'_>, reply: Reply<Vec<NextHop>>) -> Asked<Vec<NextHop>> {
        let chance = rand::rng().next_u64();
        if let Progress::Done(hops) = self.0.step(query, &HashMap::new(), chance) {
            self.0.counters.known.add_shared(1);
            return reply.now(self.0.finish(query.host, hops));
        }
        let Ok(place) = Arc::clone(&self.0.under_way).try_acquire_owned() else {
            self.0.counters.refused.add_shared(1);
            return reply.now(Err(ServiceError::Overloaded { retry_after: Duration::from_secs(1) }));
        };
        self.0.counters.asked.add_shared(1);
        let shared = Arc::clone(&self.0);
        let host = query.host.to_owned();
        let (port, transport, secure) = (query.port, query.transport, query.secure);
        self.0.io.spawn(async move {
            let found = shared.ask(&Query { host: &host, port, transport, secure }, chance).await;
            drop(place);
            reply.send(found);
        });
        Asked::Later
    }

    /// Tells that a target did not answer, was refused, or said 503; `retry_after` is what that said.
    pub fn died(&self, transport: Transport, remote: SocketAddr, retry_after: Option<Duration>) {
        let time = dead::time(*self.0.world.load().config.dead_time, retry_after);
        self.0.counters.died.add_shared(1);
        if !time.is_zero() {
            self.0.dead.lock().add(transport, remote, clock::now() + time);
            self.0.any_dead.store(true, Ordering::Release);
        }
    }

    /// Tells that a target answered.
    pub fn answered(&self, transport: Transport, remote: SocketAddr) {
        if self.0.any_dead.load(Ordering::Acquire) {
            let mut dead = self.0.dead.lock();
            dead.remove((transport, remote));
            self.0.any_dead.store(dead.len(clock::now()) > 0, Ordering::Release);
        }
    }

    /// What it counts.
    pub fn counters(&self) -> &ResolverCounters {
        &self.0.counters
    }

    /// How many answers are kept, and how many targets are dead.
    pub(crate) fn sizes(&self, now: Instant) -> (usize, usize) {
        (self.0.cache.lock().len(), self.0.dead.lock().len(now))
    }
}

impl Shared {
    /// Goes as far as what is known leads. `found` is what this question has asked for itself, which counts although
    /// it may not be kept.
    fn step(&self, query: &Query<'_>, found: &HashMap<Lookup, Answer>, chance: u64) -> Progress {
        let now = clock::now();
        let world = self.world.load();
        let cache = self.cache.lock();
        let hits = Cell::new(0);
        let known = |lookup: &Lookup| {
            if let Some(answer) = world.zone.find(lookup).or_else(|| found.get(lookup).cloned()) {
                return Some(answer);
            }
            let answer = cache.find(now, lookup)?;
            hits.set(hits.get() + 1);
            Some(answer)
        };
        let reachable = |transport: Transport, address: Option<IpAddr>| match address {
            Some(address) => self.listeners.pick(transport, address).is_some(),
            None => self.listeners.iter().any(|listener| listener.transport == transport),
        };
        let progress = select(query, known, reachable, chance);
        if matches!(progress, Progress::Done(_)) {
            self.counters.hits.add_shared(hits.get());
        }
        progress
    }

    fn finish(&self, host: &str, mut hops: Vec<NextHop>) -> Result<Vec<NextHop>, ServiceError> {
        if hops.is_empty() {
            self.counters.unknown.add_shared(1);
            return Err(ServiceError::Unavailable(format!("{host}: no address that we can reach")));
        }
        if self.any_dead.load(Ordering::Acquire) {
            self.dead.lock().sort(clock::now(), &mut hops);
        }
        Ok(hops)
    }

    async fn ask(self: &Arc<Self>, query: &Query<'_>, chance: u64) -> Result<Vec<NextHop>, ServiceError> {
        let mut found = HashMap::new();
        for _ in 0..ROUNDS_MAX {
            match self.step(query, &found, chance) {
                Progress::Done(hops) => return self.finish(query.host, hops),
                Progress::Needs(needs) => {
                    // Each in a task of its own, which goes on for others when this question is given up.
                    let tasks = needs.into_iter().map(|lookup| {
                        let shared = Arc::clone(self);
                        self.io.spawn(async move {
                            let answer = look_up(&shared, &lookup).await;
                            (lookup, answer)
                        })
                    });
                    found.extend(join_all(tasks).await.into_iter().flatten());
                }
            }
        }
        Err(ServiceError::Unavailable(format!("{}: the name servers lead nowhere", query.host)))
    }
}

/// Makes one look-up, or waits for the one that is under way.
async fn look_up(shared: &Arc<Shared>, lookup: &Lookup) -> Answer {
    let turn = shared.cache.lock().turn(clock::now(), lookup);
    match turn {
        Turn::Known(answer) => answer,
        Turn::Theirs(told) => {
            shared.counters.joined.add_shared(1);
            told.await.unwrap_or(Answer::Failed("whoever asked for it has gone".into()))
        }
        Turn::Ours => {
            shared.counters.misses.add_shared(1);
            let world = shared.world.load_full();
            let (answer, ttl) = world.servers.ask(lookup).await;
            if let Answer::Failed(why) = &answer {
                shared.counters.failures.add_shared(1);
                tracing::warn!(name = &*lookup.name, kind = ?lookup.kind, why = &**why, "no name server could tell");
            }
            shared.cache.lock().keep(clock::now(), lookup, answer, ttl)
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("counters", &self.0.counters).finish_non_exhaustive()
    }
}

/// Rounds of look-ups: NAPTR, SRV, addresses, and room for a surprise.
const ROUNDS_MAX: usize = 5;

#[cfg(test)]
mod tests;
