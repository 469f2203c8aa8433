//! What can be wrong with octets that came in.

/// The octets cannot be read as what they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("octet {at}: expected {expected}")]
pub struct ParseError {
    /// The octet at which reading ended, from the start of what was read.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl ParseError {
    /// At this octet this was expected.
    pub const fn new(at: usize, expected: &'static str) -> Self {
        Self { at, expected }
    }
}
