//! Between the plain types and the messages of `waiting.proto`.

use crate::asked::ServiceError;
use crate::serve;
use crate::waiting::Waiting;
use crate::wire::waiting::v1;
use v1::answer::Answer as Kind;

impl serve::Answer for v1::Answer {
    type Kind = Kind;

    fn new(id: u64, answer: Result<Kind, ServiceError>) -> Self {
        let answer = answer.unwrap_or_else(|error| Kind::Failure(error.into()));
        v1::Answer { id, answer: Some(answer) }
    }
}

impl From<Option<Waiting>> for Kind {
    fn from(waiting: Option<Waiting>) -> Self {
        Kind::Summary(v1::Summary { waiting: waiting.map(Into::into) })
    }
}

impl From<Waiting> for v1::Waiting {
    fn from(waiting: Waiting) -> Self {
        let Waiting { new, old, urgent_new, urgent_old, account } = waiting;
        v1::Waiting { new, old, urgent_new, urgent_old, account }
    }
}

impl From<v1::Waiting> for Waiting {
    fn from(waiting: v1::Waiting) -> Self {
        let v1::Waiting { new, old, urgent_new, urgent_old, account } = waiting;
        Waiting { new, old, urgent_new, urgent_old, account }
    }
}
