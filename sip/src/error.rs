//! What can be wrong with octets that came in, and who is to blame.

use crate::status::Status;

/// The octets cannot be represented as a message: they are dropped and counted, since nobody can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("octet {at}: expected {expected}")]
pub struct ParseError {
    /// The octet at which reading ended.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

/// The message can be represented and its sender is owed an answer: this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status} {why}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: Status,
    /// Its reason phrase.
    pub why: &'static str,
}

impl Refusal {
    /// A refusal with a status of our own source.
    pub const fn of(status: u16, why: &'static str) -> Self {
        Self { status: Status::of(status), why }
    }
}
