//! `Reason`: why a request was sent or a call ended (RFC 3326).

use super::HeaderError;
use super::param::{Params, Scanner, Text};
use crate::name::Name;

/// A cause in the terms of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850`, or another token.
    pub protocol: &'a [u8],
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// Reads an element.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::Reason, element);
        let protocol = scanner.token("a protocol")?;
        Ok(Self { protocol, params: scanner.last_params()? })
    }

    /// The status of SIP, or the cause value of Q.850.
    pub fn cause(&self) -> Option<u16> {
        u16::try_from(self.params.number(b"cause")?).ok()
    }

    /// The cause in words.
    pub fn text(&self) -> Option<Text<'a>> {
        self.params.find(b"text").flatten()
    }

    /// True for a cause of that protocol, in any case.
    pub fn is(&self, protocol: &str) -> bool {
        self.protocol.eq_ignore_ascii_case(protocol.as_bytes())
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.protocol);
        self.params.write(out);
    }
}
