//! What the machines distinguish among status codes.

/// A status code as the transaction layer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// 100.
    Trying,
    /// 101–199.
    Provisional,
    /// 200–299.
    Success,
    /// 408, which a non-INVITE server must not send (RFC 4320 §4.2).
    Timeout,
    /// 300–699 but 408.
    Failure,
}

impl Class {
    /// Codes outside 100–699 count as failures; the validator has refused them before.
    pub(crate) fn of(status: u16) -> Self {
        match status {
            100 => Self::Trying,
            101..200 => Self::Provisional,
            200..300 => Self::Success,
            408 => Self::Timeout,
            _ => Self::Failure,
        }
    }
}
