//! `Subscription-State`: how a subscription stands (RFC 6665 §8.2.3).

use super::HeaderError;
use super::param::{Params, Scanner};
use crate::name::Name;

/// A state and its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated`, or another token.
    pub state: &'a [u8],
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::SubscriptionState, value);
        let state = scanner.token("the state of a subscription")?;
        Ok(Self { state, params: scanner.last_params()? })
    }

    /// True when nothing more will come.
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case(b"terminated")
    }

    /// Seconds until it ends.
    pub fn expires(&self) -> Option<u32> {
        self.params.number(b"expires")
    }

    /// Why it ended: `deactivated`, `probation`, `rejected`, `timeout`, `giveup`, `noresource`, `invariant`.
    pub fn reason(&self) -> Option<&'a [u8]> {
        self.params.raw(b"reason")
    }

    /// Seconds to wait before another try.
    pub fn retry_after(&self) -> Option<u32> {
        self.params.number(b"retry-after")
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.state);
        self.params.write(out);
    }
}
