//! Late answers of the directory, on their way to the dialogue that asked.

use std::sync::{Arc, Weak};

use proto::{Found, ServiceError, Sink, Ticket};

use super::run::Run;
use super::{Shared, found};

/// Where the answer to one question goes. A dialogue that has ended meanwhile needs none.
pub(super) struct Answers {
    shared: Weak<Shared>,
    run: Weak<Run>,
}

impl Answers {
    pub(super) fn new(shared: &Arc<Shared>, run: &Arc<Run>) -> Arc<Self> {
        Arc::new(Answers { shared: Arc::downgrade(shared), run: Arc::downgrade(run) })
    }
}

impl Sink<Found> for Answers {
    fn post(&self, _: Ticket, answer: Result<Found, ServiceError>) {
        if let (Some(shared), Some(run)) = (self.shared.upgrade(), self.run.upgrade()) {
            shared.handle(&run, found(run.name(), &answer));
        }
    }
}
