//! `Max-Forwards`: how many hops a request may still take (RFC 3261 §20.22).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;
use crate::uri::write_number;

/// Hops left, at most 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxForwards(pub u8);

impl MaxForwards {
    /// What a request gets that comes without one (RFC 3261 §8.1.1.6, §16.6 step 3).
    pub const DEFAULT: Self = Self(70);

    /// Reads a value.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::MaxForwards, value);
        let wrong = scanner.error("a number of hops up to 255");
        let number = scanner.number("a number of hops up to 255")?;
        scanner.end()?;
        u8::try_from(number).map(Self).map_err(|_| wrong)
    }

    /// What goes to the next hop; `None` when there must be none (RFC 3261 §16.3 step 3).
    pub fn decremented(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.0), out);
    }
}
