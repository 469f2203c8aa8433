//! Late answers of the directory, on their way to the dialogue that asked.

use std::sync::{Arc, Weak};

use proto::{ServiceError, Sink, Ticket};

use super::Shared;
use super::run::Run;

/// What is done with an answer.
pub(super) type Then<T> = fn(&Arc<Shared>, &Arc<Run>, Result<T, ServiceError>);

/// Where the answer to one question goes. A dialogue that has ended meanwhile needs none.
pub(super) struct Answers<T> {
    shared: Weak<Shared>,
    run: Weak<Run>,
    then: Then<T>,
}

impl<T> Answers<T> {
    pub(super) fn new(shared: &Arc<Shared>, run: &Arc<Run>, then: Then<T>) -> Arc<Self> {
        Arc::new(Answers { shared: Arc::downgrade(shared), run: Arc::downgrade(run), then })
    }
}

impl<T> Sink<T> for Answers<T> {
    fn post(&self, _: Ticket, answer: Result<T, ServiceError>) {
        if let (Some(shared), Some(run)) = (self.shared.upgrade(), self.run.upgrade()) {
            (self.then)(&shared, &run, answer);
        }
    }
}
