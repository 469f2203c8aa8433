//! `Expires` and `Min-Expires`: seconds of validity (RFC 3261 §20.19, §20.23).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;
use crate::uri::write_number;

/// A number of seconds; one beyond 2^32-1 is read as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expires(pub u32);

impl Expires {
    /// Reads a value of Expires.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        Self::parse_as(Name::Expires, value)
    }

    /// Reads a value of Expires or Min-Expires; `name` is for errors.
    pub fn parse_as(name: Name, value: &[u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(name, value);
        let seconds = scanner.seconds()?;
        scanner.end()?;
        Ok(Self(seconds))
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.0), out);
    }
}
