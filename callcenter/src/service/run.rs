//! One run: its dialogue, and what it has still to be told.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::core::{Code, Effect, Input, Menu};

/// A dialogue that many threads may tell something. One of them lets it decide; what the others bring meanwhile, and
/// what comes of the effects themselves, waits its turn.
pub(super) struct Run {
    name: String,
    state: Mutex<State>,
}

/// What a run is about.
pub(super) enum Dialogue {
    Menu(Menu),
    Code(Code),
}

impl Dialogue {
    fn handle(&mut self, input: Input, out: &mut Vec<Effect>) {
        match self {
            Dialogue::Menu(menu) => menu.handle(input, out),
            Dialogue::Code(code) => code.handle(input, out),
        }
    }
}

struct State {
    dialogue: Dialogue,
    waiting: VecDeque<Input>,
    is_busy: bool,
}

impl Run {
    pub(super) fn new(name: &str, dialogue: Dialogue) -> Self {
        let state = State { dialogue, waiting: VecDeque::new(), is_busy: false };
        Run { name: name.to_owned(), state: Mutex::new(state) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tells it something. No lock is held while an effect is done, and effects are done in their order.
    pub(super) fn take(&self, input: Input, mut done: impl FnMut(Effect)) {
        let mut state = self.state.lock();
        state.waiting.push_back(input);
        if state.is_busy {
            return;
        }
        state.is_busy = true;
        let mut effects = Vec::new();
        while let Some(input) = state.waiting.pop_front() {
            state.dialogue.handle(input, &mut effects);
            drop(state);
            effects.drain(..).for_each(&mut done);
            state = self.state.lock();
        }
        state.is_busy = false;
    }
}
