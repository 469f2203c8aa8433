//! `Event`: the package of a subscription (RFC 6665 §8.2.1).

use super::HeaderError;
use super::param::{Params, Scanner};
use crate::name::Name;

/// A package and what tells apart subscriptions to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The package with its templates, `presence.winfo` for one; compared octet for octet.
    pub package: &'a [u8],
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Reads a value of Event, or an element of Allow-Events.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::Event, value);
        let package = scanner.token("an event package")?;
        Ok(Self { package, params: scanner.last_params()? })
    }

    /// What tells this subscription from others in the same dialog.
    pub fn id(&self) -> Option<&'a [u8]> {
        self.params.raw(b"id")
    }

    /// True when a NOTIFY with `other` belongs to the subscription (RFC 6665 §8.2.1).
    pub fn matches(&self, other: &Event<'_>) -> bool {
        self.package == other.package && self.id() == other.id()
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.package);
        self.params.write(out);
    }
}
