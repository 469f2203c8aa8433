//! `Diversion`: who forwarded the call, latest first (RFC 5806 §4).

use super::{HeaderError, NameAddr};
use crate::name::Name;
use crate::uri::Uri;

/// One diversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diversion<'a> {
    /// Who forwarded, and parameters.
    pub name_addr: NameAddr<'a>,
}

impl<'a> Diversion<'a> {
    /// Reads an element.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        NameAddr::parse(Name::Diversion, element).map(|name_addr| Self { name_addr })
    }

    /// Reads the URI of who forwarded.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.name_addr.uri()
    }

    /// Why: `no-answer`, `user-busy`, `unconditional`, `deflection`, `unavailable` and others.
    pub fn reason(&self) -> Option<&'a [u8]> {
        self.name_addr.params.raw(b"reason")
    }

    /// How many diversions this one stands for; 1 where it is not written.
    pub fn counter(&self) -> u32 {
        self.name_addr.params.number(b"counter").unwrap_or(1)
    }

    /// What to hide of it: `full`, `name`, `uri`, `off`.
    pub fn privacy(&self) -> Option<&'a [u8]> {
        self.name_addr.params.raw(b"privacy")
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.name_addr.write(out);
    }
}
