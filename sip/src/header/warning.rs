//! `Warning`: more on a status, in words (RFC 3261 §20.43).

use super::HeaderError;
use super::param::{Scanner, Text};
use crate::name::Name;
use crate::uri::write_number;

/// A code, who warns, and the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits, 300 to 399.
    pub code: u16,
    /// A host with its port, or a pseudonym.
    pub agent: &'a [u8],
    /// The words.
    pub text: Text<'a>,
}

impl<'a> Warning<'a> {
    /// Reads an element.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::Warning, element);
        let start = scanner.at();
        let code = scanner.number("a code of three digits")?;
        if scanner.since(start).len() != 3 || code < 100 {
            return Err(scanner.error_at(start, "a code of three digits"));
        }
        scanner.skip_space();
        let agent = scanner.run(|octet| octet.is_ascii_graphic() && !matches!(octet, b'"' | b','));
        if agent.is_empty() {
            return Err(scanner.error("who warns"));
        }
        scanner.skip_space();
        let text = scanner.quoted()?;
        scanner.end()?;
        Ok(Self { code: code as u16, agent, text })
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.code), out);
        out.push(b' ');
        out.extend_from_slice(self.agent);
        out.push(b' ');
        self.text.write(out);
    }
}
