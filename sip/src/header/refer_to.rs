//! `Refer-To`: whom the receiver of a REFER is to ask (RFC 3515 §2.1).

use std::borrow::Cow;

use super::{HeaderError, NameAddr};
use crate::name::Name;
use crate::uri::{Uri, unescape};

/// A target; for an attended transfer its URI holds the dialog to replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferTo<'a> {
    /// Name, address and parameters.
    pub name_addr: NameAddr<'a>,
}

impl<'a> ReferTo<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        NameAddr::parse(Name::ReferTo, value).map(|name_addr| Self { name_addr })
    }

    /// Reads the URI.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.name_addr.uri()
    }

    /// The method to ask with; INVITE without one.
    pub fn method(&self) -> Option<&'a [u8]> {
        self.uri().ok()?.as_sip()?.method()
    }

    /// The value of Replaces in the headers of the URI, escapes undone; for [`super::Replaces::parse`].
    pub fn replaces(&self) -> Option<Cow<'a, [u8]>> {
        self.uri().ok()?.as_sip()?.headers.find(b"Replaces").map(unescape)
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.name_addr.write(out);
    }
}
