//! `RAck`: which reliable provisional response a PRACK confirms (RFC 3262 §7.2).

use super::HeaderError;
use super::cseq::{method, sequence};
use super::param::Scanner;
use crate::method::Method;
use crate::name::Name;
use crate::uri::write_number;

/// The RSeq and the CSeq of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RAck<'a> {
    /// Its RSeq.
    pub rseq: u32,
    /// The number of its CSeq.
    pub cseq: u32,
    /// The method of its CSeq.
    pub method: Method<'a>,
}

impl<'a> RAck<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::RAck, value);
        let rseq = scanner.number("a number from 1 to 2^32-1")?;
        let at = scanner.at();
        scanner.skip_space();
        if scanner.at() == at {
            return Err(scanner.error("white space behind the number"));
        }
        let cseq = sequence(&mut scanner, "a number below 2^31")?;
        let method = method(&mut scanner)?;
        scanner.end()?;
        Ok(Self { rseq, cseq, method })
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.rseq), out);
        out.push(b' ');
        write_number(u64::from(self.cseq), out);
        out.push(b' ');
        out.extend_from_slice(self.method.as_str().as_bytes());
    }
}
