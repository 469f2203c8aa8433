//! `Route`, `Record-Route`, `Path` and `Service-Route`: hops to take (RFC 3261 §20.34, §20.30, RFC 3327, RFC 3608).

use super::{HeaderError, NameAddr};
use crate::name::Name;
use crate::uri::{SipUri, Uri};

/// One hop; its URI always stands in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// Address and parameters.
    pub name_addr: NameAddr<'a>,
}

impl<'a> Route<'a> {
    /// Reads an element of any of these headers; `name` is for errors.
    pub fn parse(name: Name, element: &'a [u8]) -> Result<Self, HeaderError> {
        let name_addr = NameAddr::parse(name, element)?;
        if !name_addr.in_brackets {
            return Err(HeaderError { name, at: 0, expected: "a URI in angle brackets" });
        }
        Ok(Self { name_addr })
    }

    /// The URI as it stands.
    pub const fn address(&self) -> &'a [u8] {
        self.name_addr.address
    }

    /// Reads the URI.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.name_addr.uri()
    }

    /// Reads the URI, which must be `sip:` or `sips:` to be a hop.
    pub fn sip_uri(&self) -> Result<SipUri<'a>, HeaderError> {
        match self.uri()? {
            Uri::Sip(uri) => Ok(uri),
            Uri::Tel(_) | Uri::Other { .. } => {
                Err(HeaderError { name: self.name_addr.name(), at: 0, expected: "a sip or sips URI" })
            }
        }
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.name_addr.write(out);
    }
}
