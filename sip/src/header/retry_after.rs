//! `Retry-After`: when to try again (RFC 3261 §20.33).

use super::HeaderError;
use super::param::{Params, Scanner, write_unfolded};
use crate::name::Name;
use crate::uri::write_number;

/// A time, a comment and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Seconds to wait.
    pub seconds: u32,
    /// Words on why, without their parentheses.
    pub comment: Option<&'a [u8]>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::RetryAfter, value);
        let seconds = scanner.seconds()?;
        scanner.skip_space();
        let comment = if scanner.peek() == Some(b'(') { Some(scanner.comment()?) } else { None };
        Ok(Self { seconds, comment, params: scanner.last_params()? })
    }

    /// Seconds for which the callee can then be reached.
    pub fn duration(&self) -> Option<u32> {
        self.params.number(b"duration")
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.seconds), out);
        if let Some(comment) = self.comment {
            out.extend_from_slice(b" (");
            write_unfolded(comment, out);
            out.push(b')');
        }
        self.params.write(out);
    }
}
