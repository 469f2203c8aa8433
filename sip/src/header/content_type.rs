//! `Content-Type` and `Accept`: the type of a body (RFC 3261 §20.15, §20.1).

use super::HeaderError;
use super::param::{Params, Scanner, Text};
use crate::name::Name;

/// A media type with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// `application` for one; in Accept it may be `*`.
    pub kind: &'a [u8],
    /// `sdp` for one; in Accept it may be `*`.
    pub subtype: &'a [u8],
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> ContentType<'a> {
    /// Reads a value of Content-Type.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        Self::parse_as(Name::ContentType, value)
    }

    /// Reads a value of Content-Type or an element of Accept; `name` is for errors.
    pub fn parse_as(name: Name, value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(name, value);
        let kind = scanner.token("a media type")?;
        scanner.separator(b'/', "a slash behind the media type")?;
        let subtype = scanner.token("a media subtype")?;
        Ok(Self { kind, subtype, params: scanner.last_params()? })
    }

    /// True for this type, in any case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// True for `application/sdp`.
    pub fn is_sdp(&self) -> bool {
        self.is("application", "sdp")
    }

    /// True when this element of Accept takes bodies of that type.
    pub fn takes(&self, other: &ContentType<'_>) -> bool {
        let fits = |mine: &[u8], theirs: &[u8]| mine == b"*" || mine.eq_ignore_ascii_case(theirs);
        fits(self.kind, other.kind) && fits(self.subtype, other.subtype)
    }

    /// What stands between the parts of a multipart body.
    pub fn boundary(&self) -> Option<Text<'a>> {
        self.params.find(b"boundary").flatten()
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.kind);
        out.push(b'/');
        out.extend_from_slice(self.subtype);
        self.params.write(out);
    }
}
