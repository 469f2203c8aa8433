//! `Min-SE`: the shortest session timer that its sender takes (RFC 4028 §5).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;
use crate::uri::write_number;

/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinSe(pub u32);

impl MinSe {
    /// Reads a value; it has no parameter that means anything.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::MinSe, value);
        let seconds = scanner.seconds()?;
        scanner.last_params()?;
        Ok(Self(seconds))
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.0), out);
    }
}
