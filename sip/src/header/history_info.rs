//! `History-Info`: the targets that a request had, in order (RFC 7044 §5).

use std::borrow::Cow;

use super::{HeaderError, NameAddr};
use crate::name::Name;
use crate::uri::{Uri, unescape};

/// One target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryInfo<'a> {
    /// The target, and parameters.
    pub name_addr: NameAddr<'a>,
}

impl<'a> HistoryInfo<'a> {
    /// Reads an element.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        let name_addr = NameAddr::parse(Name::HistoryInfo, element)?;
        if !name_addr.in_brackets {
            return Err(HeaderError { name: Name::HistoryInfo, at: 0, expected: "a URI in angle brackets" });
        }
        Ok(Self { name_addr })
    }

    /// Reads the URI of the target.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.name_addr.uri()
    }

    /// The place in the tree of targets, `1.2.1` for one. Old senders leave it out.
    pub fn index(&self) -> Option<&'a [u8]> {
        self.name_addr.params.raw(b"index")
    }

    /// The value of Reason in the headers of the URI, escapes undone: why the target was left.
    pub fn reason(&self) -> Option<Cow<'a, [u8]>> {
        self.uri().ok()?.as_sip()?.headers.find(b"Reason").map(unescape)
    }

    /// The `cause` in the URI: why the call was forwarded to this target (RFC 4458 §2).
    pub fn cause(&self) -> Option<u16> {
        let value = self.uri().ok()?.as_sip()?.param(b"cause").flatten()?;
        u16::try_from(crate::scan::decimal(value)?).ok()
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.name_addr.write(out);
    }
}
