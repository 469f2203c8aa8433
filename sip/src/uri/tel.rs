//! `tel:` URIs (RFC 3966).

use super::UriError;
use super::sip::UriParams;

/// A `tel:` URI: a number and its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelUri<'a> {
    /// The number as it stands, visual separators and a leading `+` included.
    pub number: &'a [u8],
    /// The parameters.
    pub params: UriParams<'a>,
}

impl<'a> TelUri<'a> {
    /// Reads what stands behind the scheme. A local number without `phone-context`, which RFC 3966 §5.1.5
    /// demands, is taken too: phones dial so, and the context is then the domain that was asked.
    pub(super) fn parse(octets: &'a [u8], start: usize) -> Result<Self, UriError> {
        let is_global = octets.get(start) == Some(&b'+');
        let digits = start + usize::from(is_global);
        let is_digit = |octet: &u8| match octet {
            b'*' | b'#' | b'a'..=b'f' | b'A'..=b'F' => !is_global,
            octet => octet.is_ascii_digit(),
        };
        let part = &octets[digits..];
        let length =
            part.iter().position(|octet| !is_digit(octet) && !is_separator(*octet)).unwrap_or(part.len());
        if !part[..length].iter().any(is_digit) {
            return Err(UriError { at: digits, expected: "a telephone number" });
        }
        let (params, at) = UriParams::scan(octets, digits + length)?;
        if at < octets.len() {
            return Err(UriError { at, expected: "a digit, a parameter or the end of the number" });
        }
        Ok(Self { number: &octets[start..digits + length], params })
    }

    /// True for a number that means the same everywhere (RFC 3966 §5.1.4).
    pub fn is_global(&self) -> bool {
        self.number.first() == Some(&b'+')
    }

    /// The digits without visual separators, a leading `+` included, letters in lower case.
    pub fn digits(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        digits(self.number)
    }

    /// A parameter by name, in any case: `Some(None)` when it has no value.
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params.find(name)
    }

    /// Where a local number means something: a domain, or the first digits of a global number (RFC 3966 §5.1.5).
    pub fn phone_context(&self) -> Option<&'a [u8]> {
        self.param(b"phone-context").flatten()
    }

    /// The extension to dial behind the number (RFC 3966 §5.1.2).
    pub fn extension(&self) -> Option<&'a [u8]> {
        self.param(b"ext").flatten()
    }

    /// Appends the URI as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"tel:");
        out.extend_from_slice(self.number);
        out.extend_from_slice(self.params.text());
    }
}

/// Digits of a number or of a parameter that holds one.
pub(super) fn digits(text: &[u8]) -> impl Iterator<Item = u8> + Clone + use<'_> {
    text.iter().filter(|octet| !is_separator(**octet)).map(u8::to_ascii_lowercase)
}

/// RFC 3966 §5.1.1: they mean nothing.
const fn is_separator(octet: u8) -> bool {
    matches!(octet, b'-' | b'.' | b'(' | b')')
}
