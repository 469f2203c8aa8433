//! `CSeq`: orders the requests of a dialog and names their method (RFC 3261 §20.16).

use super::HeaderError;
use super::param::Scanner;
use crate::method::Method;
use crate::name::Name;
use crate::uri::write_number;

/// A sequence number and a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31 (RFC 3261 §8.1.1.5).
    pub number: u32,
    /// The method of the request.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::CSeq, value);
        let number = sequence(&mut scanner, "a number below 2^31")?;
        let method = method(&mut scanner)?;
        scanner.end()?;
        Ok(Self { number, method })
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.number), out);
        out.push(b' ');
        out.extend_from_slice(self.method.as_str().as_bytes());
    }
}

/// A sequence number below 2^31.
pub(super) fn sequence(scanner: &mut Scanner<'_>, expected: &'static str) -> Result<u32, HeaderError> {
    let at = scanner.at();
    let number = scanner.number(expected)?;
    if number < 1 << 31 { Ok(number) } else { Err(scanner.error_at(at, expected)) }
}

/// White space and a method.
pub(super) fn method<'a>(scanner: &mut Scanner<'a>) -> Result<Method<'a>, HeaderError> {
    let at = scanner.at();
    scanner.skip_space();
    if scanner.at() == at {
        return Err(scanner.error("white space behind the number"));
    }
    let at = scanner.at();
    Method::parse(scanner.token("a method")?).ok_or(scanner.error_at(at, "a method"))
}
