//! `RSeq`: orders reliable provisional responses (RFC 3262 §7.1).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;
use crate::uri::write_number;

/// A sequence number, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RSeq(pub u32);

impl RSeq {
    /// Reads a value.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::RSeq, value);
        let number = scanner.number("a number from 1 to 2^32-1")?;
        if number == 0 {
            return Err(scanner.error_at(0, "a number from 1 to 2^32-1"));
        }
        scanner.end()?;
        Ok(Self(number))
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.0), out);
    }
}
