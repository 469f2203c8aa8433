//! `Call-ID`: names a call or the registrations of one client (RFC 3261 §20.8).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;

/// A Call-ID. It is compared octet for octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId<'a>(pub &'a [u8]);

impl<'a> CallId<'a> {
    /// Reads a value: any visible characters without white space. RFC 3261 §25.1 allows a few less.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::CallId, value);
        let text = scanner.run(|octet| octet.is_ascii_graphic());
        if text.is_empty() {
            return Err(scanner.error("a Call-ID"));
        }
        scanner.end()?;
        Ok(Self(text))
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }
}
