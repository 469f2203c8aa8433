//! URIs (RFC 3261 §19.1, RFC 3966), borrowed from the octets that they came in: nothing is copied, and what is
//! written back has the user part, parameters and headers octet for octet. Hosts are normalised (IPv6 as RFC 5952).
//!
//! Read more generously than RFC 3261 §25.1 in three places, where phones are: `#` in a user part, `=` in the
//! value of a parameter, and `@ ; = ,` in the value of a header.

mod aor;
mod compare;
mod escape;
mod host;
mod sip;
mod tel;
#[cfg(test)]
mod tests;

pub use aor::Aor;
pub use compare::{comparison_key, equal};
pub use escape::{escape_user, unescape};
pub use host::Host;
pub(crate) use host::write_v4;
pub(crate) use sip::write_number;
pub use sip::{SipUri, UriHeaders, UriParams};
pub use tel::TelUri;

/// A URI by its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uri<'a> {
    /// `sip:` and `sips:`.
    Sip(SipUri<'a>),
    /// `tel:` (RFC 3966).
    Tel(TelUri<'a>),
    /// Any other scheme: carried, compared octet for octet, never routed.
    Other {
        /// The scheme, without its colon.
        scheme: &'a [u8],
        /// What stands behind the colon; never empty.
        rest: &'a [u8],
    },
}

/// What is wrong with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("octet {at}: expected {expected}")]
pub struct UriError {
    /// The octet of the URI at which reading ended.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl<'a> Uri<'a> {
    /// Reads a URI that stands alone: neither angle brackets nor white space around it.
    pub fn parse(octets: &'a [u8]) -> Result<Self, UriError> {
        match octets {
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] => {
                SipUri::parse(octets, 4, false).map(Self::Sip)
            }
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..] => {
                SipUri::parse(octets, 5, true).map(Self::Sip)
            }
            [b't' | b'T', b'e' | b'E', b'l' | b'L', b':', ..] => TelUri::parse(octets, 4).map(Self::Tel),
            _ => Self::other(octets),
        }
    }

    fn other(octets: &'a [u8]) -> Result<Self, UriError> {
        let is_scheme = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
        let colon = octets.iter().position(|octet| !is_scheme(octet)).unwrap_or(octets.len());
        if colon == 0 || !octets[0].is_ascii_alphabetic() || octets.get(colon) != Some(&b':') {
            return Err(UriError { at: 0, expected: "a scheme and a colon" });
        }
        let (scheme, rest) = (&octets[..colon], &octets[colon + 1..]);
        let is_wrong = |octet: &u8| !octet.is_ascii_graphic() || matches!(octet, b'<' | b'>' | b'"');
        match rest.iter().position(is_wrong) {
            Some(at) => Err(UriError { at: colon + 1 + at, expected: "a character that a URI may hold" }),
            None if rest.is_empty() => {
                Err(UriError { at: colon + 1, expected: "something behind the scheme" })
            }
            None => Ok(Self::Other { scheme, rest }),
        }
    }

    /// The scheme as a constant for those that are known, else as it was written.
    pub fn scheme(&self) -> &'a [u8] {
        match self {
            Self::Sip(uri) if uri.secure => b"sips",
            Self::Sip(_) => b"sip",
            Self::Tel(_) => b"tel",
            Self::Other { scheme, .. } => scheme,
        }
    }

    /// The `sip:` or `sips:` URI.
    pub const fn as_sip(&self) -> Option<&SipUri<'a>> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Other { .. } => None,
        }
    }

    /// The `tel:` URI.
    pub const fn as_tel(&self) -> Option<&TelUri<'a>> {
        match self {
            Self::Tel(uri) => Some(uri),
            Self::Sip(_) | Self::Other { .. } => None,
        }
    }

    /// Appends the URI as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Sip(uri) => uri.write(out),
            Self::Tel(uri) => uri.write(out),
            Self::Other { scheme, rest } => {
                out.extend_from_slice(scheme);
                out.push(b':');
                out.extend_from_slice(rest);
            }
        }
    }
}

impl std::fmt::Display for Uri<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut octets = Vec::new();
        self.write(&mut octets);
        formatter.write_str(&String::from_utf8_lossy(&octets))
    }
}
