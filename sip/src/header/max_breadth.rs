//! `Max-Breadth`: how many branches may be open at once downstream (RFC 5393 §5.3).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;
use crate::uri::write_number;

/// Branches that may be open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxBreadth(pub u32);

impl MaxBreadth {
    /// Reads a value.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::MaxBreadth, value);
        let number = scanner.number("a number of branches")?;
        scanner.end()?;
        Ok(Self(number))
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.0), out);
    }
}
