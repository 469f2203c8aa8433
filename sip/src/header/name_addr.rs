//! A name, an address and parameters: the form of From, To, Contact, Route and their like (RFC 3261 §20.10).

use super::HeaderError;
use super::param::{Param, Params, Scanner, Text, write_unfolded};
use crate::name::Name;
use crate::scan::{is_space, is_token};
use crate::uri::Uri;

/// `"Alice" <sip:alice@example.org>;tag=1` or `sip:alice@example.org;tag=1`: in the second form the parameters are
/// the header's, not the URI's (RFC 3261 §20). The URI is read when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name: words or a quoted string. `None` when there is none or only an empty one.
    pub display: Option<Text<'a>>,
    /// The URI as it stands, without its brackets.
    pub address: &'a [u8],
    /// True when angle brackets stood around the URI.
    pub in_brackets: bool,
    /// The parameters of the header.
    pub params: Params<'a>,
    name: Name,
    address_at: usize,
}

impl<'a> NameAddr<'a> {
    /// Reads a value or an element of a list; `name` is for errors.
    pub fn parse(name: Name, value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(name, value);
        let start = scanner.at();
        let display = if scanner.peek() == Some(b'"') {
            let display = scanner.quoted()?;
            scanner.skip_space();
            if scanner.peek() != Some(b'<') {
                return Err(scanner.error("an angle bracket behind the display name"));
            }
            Some(display)
        } else {
            // Unquoted words are tokens. Octets beyond ASCII are taken too, since many forget the quotes.
            let words = scanner.run(|octet| is_token(octet) || is_space(octet) || octet >= 0x80);
            (scanner.peek() == Some(b'<')).then_some(Text { raw: words.trim_ascii(), is_quoted: false })
        };
        let in_brackets = display.is_some();
        let address_at = if in_brackets {
            scanner.advance(1);
            scanner.at()
        } else {
            scanner.advance_to(start);
            start
        };
        let address = if in_brackets {
            let address = scanner.run(|octet| octet != b'>' && octet != b'<' && !is_space(octet));
            if !scanner.eat(b'>') {
                return Err(scanner.error("a closing angle bracket"));
            }
            address
        } else {
            // RFC 3261 §20: a URI with a comma, question mark or semicolon must stand in brackets.
            scanner.run(|octet| {
                octet.is_ascii_graphic() && !matches!(octet, b';' | b',' | b'?' | b'<' | b'>' | b'"')
            })
        };
        if address.is_empty() {
            return Err(scanner.error_at(address_at, "a URI"));
        }
        let params = scanner.last_params()?;
        let display = display.filter(|display| !display.raw.is_empty());
        Ok(Self { display, address, in_brackets, params, name, address_at })
    }

    /// Reads the URI.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        let place = |at| self.address_at + at;
        Uri::parse(self.address).map_err(|why| HeaderError {
            name: self.name,
            at: place(why.at),
            expected: why.expected,
        })
    }

    /// Which header it came in.
    pub const fn name(&self) -> Name {
        self.name
    }

    /// The `tag` of From or To (RFC 3261 §19.3).
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.raw(b"tag")
    }

    /// Appends it as it is written in a message, always with brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_address(out);
        self.params.write(out);
    }

    /// Appends it with another tag, or with none.
    pub fn write_with_tag(&self, tag: Option<&[u8]>, out: &mut Vec<u8>) {
        self.write_address(out);
        self.params.iter().filter(|param| !param.is(b"tag")).for_each(|param| param.write(out));
        if let Some(raw) = tag {
            Param { name: b"tag", value: Some(Text { raw, is_quoted: false }) }.write(out);
        }
    }

    fn write_address(&self, out: &mut Vec<u8>) {
        if let Some(display) = self.display {
            if display.is_quoted {
                display.write(out);
            } else {
                write_unfolded(display.raw, out);
            }
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice(self.address);
        out.push(b'>');
    }
}
