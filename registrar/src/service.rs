//! The registrar as a service: the memory store behind the traits of `proto`, answering at once.

use std::sync::Arc;
use std::time::Duration;

use proto::registrar::Changes;
use proto::{
    Asked, BindingPage, ListBindings, Locate, Located, Location, Register, Registered, RemoveBindings, Reply,
};

use crate::config::Config;
use crate::core::{Counters, Store};

/// The location service over the memory store.
#[derive(Debug)]
pub struct Registrar {
    store: Store,
}

impl Registrar {
    /// An empty one. `seed` is for the hasher, `run` tells this start from every other one.
    ///
    /// # Errors
    /// Which rule the configuration breaks, as a sentence for people.
    pub fn new(config: &Config, seed: [u64; 4], run: u64) -> Result<Self, &'static str> {
        let changes = Arc::new(Changes::new(run, config.changes_max));
        Ok(Registrar { store: Store::new(config.terms()?, seed, changes) })
    }

    /// The store itself, for tools.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What happened so far, for metrics.
    pub fn counters(&self) -> Counters {
        self.store.counters()
    }

    /// Ends bindings in the second in which they expire, until it is dropped. `clock` is unix time in ms.
    pub async fn keep_time(&self, clock: impl Fn() -> u64) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / Store::STEPS as u32);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.store.expire_some(clock());
        }
    }
}

impl Location for Registrar {
    fn register(&self, ask: &Register<'_>, reply: Reply<Registered>) -> Asked<Registered> {
        reply.now(Ok(self.store.register(ask)))
    }

    fn locate(&self, ask: &Locate<'_>, reply: Reply<Located>) -> Asked<Located> {
        reply.now(Ok(Located { bindings: self.store.locate(ask), stale: false }))
    }

    fn list(&self, ask: &ListBindings<'_>, reply: Reply<BindingPage>) -> Asked<BindingPage> {
        reply.now(Ok(self.store.list(ask)))
    }

    fn remove(&self, ask: &RemoveBindings<'_>, reply: Reply<u32>) -> Asked<u32> {
        reply.now(Ok(self.store.remove(ask) as u32))
    }

    fn changes(&self) -> Option<Arc<Changes>> {
        Some(self.store.changes().clone())
    }
}

#[cfg(test)]
mod tests;
