//! `P-Asserted-Identity` and `P-Preferred-Identity`: who calls, as the network or the user says (RFC 3325 §9).

use super::{HeaderError, NameAddr};
use crate::name::Name;
use crate::uri::Uri;

/// One identity: a `sip:`, `sips:` or `tel:` URI with a display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssertedIdentity<'a> {
    /// Name and address; a parameter means nothing here.
    pub name_addr: NameAddr<'a>,
    /// The URI.
    pub uri: Uri<'a>,
}

impl<'a> AssertedIdentity<'a> {
    /// Reads an element of either header; `name` is for errors.
    pub fn parse(name: Name, element: &'a [u8]) -> Result<Self, HeaderError> {
        let name_addr = NameAddr::parse(name, element)?;
        match name_addr.uri()? {
            Uri::Other { .. } => Err(HeaderError { name, at: 0, expected: "a sip, sips or tel URI" }),
            uri => Ok(Self { name_addr, uri }),
        }
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.name_addr.write(out);
    }
}
