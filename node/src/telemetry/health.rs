//! Alive and ready: what `/healthz` and `/readyz` say. Ready is what has no reason against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Shared by all rooms of a process. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    broken: Option<String>,
    waits_for: BTreeMap<&'static str, String>,
}

impl Health {
    /// A process without a reason against it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the process cannot go on and should be started again.
    pub fn break_down(&self, why: impl Into<String>) {
        self.0.lock().broken = Some(why.into());
    }

    /// Says why the process should not be given work: `registrar`, `no answer from 10.0.0.5:5070`.
    pub fn not_ready(&self, what: &'static str, why: impl Into<String>) {
        self.0.lock().waits_for.insert(what, why.into());
    }

    /// Takes such a reason back.
    pub fn ready(&self, what: &'static str) {
        self.0.lock().waits_for.remove(what);
    }

    /// Why the process is broken.
    pub fn broken(&self) -> Option<String> {
        self.0.lock().broken.clone()
    }

    /// All reasons against being ready, one a line; `None` when it is ready.
    pub fn reasons(&self) -> Option<String> {
        let state = self.0.lock();
        let broken = state.broken.iter().map(|why| format!("broken: {why}\n"));
        let waits = state.waits_for.iter().map(|(what, why)| format!("{what}: {why}\n"));
        let all: String = broken.chain(waits).collect();
        (!all.is_empty()).then_some(all)
    }
}
