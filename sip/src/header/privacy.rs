//! `Privacy`: what of the caller is to be hidden (RFC 3323 §4.2).

use super::HeaderError;
use super::param::Scanner;
use crate::name::Name;

/// What is asked for: tokens between semicolons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privacy<'a>(&'a [u8]);

impl<'a> Privacy<'a> {
    /// Reads a value. Commas are taken for semicolons, as many write them.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::Privacy, value);
        let start = scanner.at();
        loop {
            scanner.token("a kind of privacy")?;
            if !scanner.eat_separator(b';') && !scanner.eat_separator(b',') {
                break;
            }
        }
        let text = scanner.since(start);
        scanner.end()?;
        Ok(Self(text))
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.0.split(|octet| matches!(octet, b';' | b',')).map(<[u8]>::trim_ascii)
    }

    /// True when it is asked for, in any case.
    pub fn has(&self, kind: &str) -> bool {
        self.iter().any(|other| other.eq_ignore_ascii_case(kind.as_bytes()))
    }

    /// True when the asserted identity must not leave the trusted network (RFC 3325 §9.3).
    pub fn id(&self) -> bool {
        self.has("id")
    }

    /// True when nothing is to be hidden, whatever the subscription says.
    pub fn none(&self) -> bool {
        self.has("none")
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (place, kind) in self.iter().enumerate() {
            if place > 0 {
                out.push(b';');
            }
            out.extend_from_slice(kind);
        }
    }
}
