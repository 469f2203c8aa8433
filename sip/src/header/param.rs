//! The scanner of header values, and what most headers are made of: tokens, quoted strings, parameters
//! (RFC 3261 §25.1).

use std::borrow::Cow;

use super::HeaderError;
use crate::name::Name;
use crate::scan::{is_space, is_token};
use crate::uri::Host;

/// A place in the value of a header, moved on by what is read. After an error it stands where reading ended.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    name: Name,
    octets: &'a [u8],
    at: usize,
}

/// A token, or the inside of a quoted string with its escapes still in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The octets, without the quotes.
    pub raw: &'a [u8],
    /// True when quotes stood around them.
    pub is_quoted: bool,
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name, as it was written.
    pub name: &'a [u8],
    /// Its value, where it has one.
    pub value: Option<Text<'a>>,
}

/// Parameters behind semicolons, known to be well-formed, as they stand from the first semicolon on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    /// Starts at the first octet of a value that is no white space. The name is for errors.
    pub fn new(name: Name, octets: &'a [u8]) -> Self {
        let mut scanner = Self { name, octets, at: 0 };
        scanner.skip_space();
        scanner
    }

    /// An error at this place.
    pub const fn error(&self, expected: &'static str) -> HeaderError {
        self.error_at(self.at, expected)
    }

    /// An error at another place.
    pub const fn error_at(&self, at: usize, expected: &'static str) -> HeaderError {
        HeaderError { name: self.name, at, expected }
    }

    /// The place: octets from the start of the value.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What stands from `start` to this place.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.octets[start..self.at]
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    /// The next octet.
    pub fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    /// Moves on by some octets, at most to the end.
    pub fn advance(&mut self, octets: usize) {
        self.at = (self.at + octets).min(self.octets.len());
    }

    /// Goes to another place.
    pub(super) fn advance_to(&mut self, at: usize) {
        self.at = at.min(self.octets.len());
    }

    /// Moves on over white space and folds.
    pub fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Moves on over one octet when it is the one.
    pub fn eat(&mut self, octet: u8) -> bool {
        let is_here = self.peek() == Some(octet);
        self.at += usize::from(is_here);
        is_here
    }

    /// Moves on over a separator with white space on both sides, or over nothing.
    pub fn eat_separator(&mut self, octet: u8) -> bool {
        let start = self.at;
        self.skip_space();
        if self.eat(octet) {
            self.skip_space();
            return true;
        }
        self.at = start;
        false
    }

    /// A separator that must stand here, with white space on both sides.
    pub fn separator(&mut self, octet: u8, expected: &'static str) -> Result<(), HeaderError> {
        if self.eat_separator(octet) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// The longest run of octets of a kind; it may be empty.
    pub fn run(&mut self, is_of_kind: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|octet| !is_of_kind(*octet)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// A token.
    pub fn token(&mut self, expected: &'static str) -> Result<&'a [u8], HeaderError> {
        let token = self.run(is_token);
        if token.is_empty() { Err(self.error(expected)) } else { Ok(token) }
    }

    /// A quoted string; this place is its opening quote.
    pub fn quoted(&mut self) -> Result<Text<'a>, HeaderError> {
        if !self.eat(b'"') {
            return Err(self.error("a quoted string"));
        }
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let raw = self.since(start);
                    self.at += 1;
                    return Ok(Text { raw, is_quoted: true });
                }
                Some(b'\\') => self.advance(2),
                Some(_) => self.at += 1,
                None => return Err(self.error("a closing quote")),
            }
        }
    }

    /// A comment in parentheses, its escapes and inner comments still in it; this place is its opening parenthesis.
    pub fn comment(&mut self) -> Result<&'a [u8], HeaderError> {
        if !self.eat(b'(') {
            return Err(self.error("a comment"));
        }
        let (start, mut depth) = (self.at, 1_u32);
        loop {
            match self.peek() {
                Some(b'(') => depth += 1,
                Some(b')') if depth == 1 => {
                    let inner = self.since(start);
                    self.at += 1;
                    return Ok(inner);
                }
                Some(b')') => depth -= 1,
                Some(b'\\') => self.advance(1),
                Some(_) => {}
                None => return Err(self.error("a closing parenthesis")),
            }
            self.advance(1);
        }
    }

    /// The value of a parameter: a quoted string, or anything without white space, quotes, brackets, commas and
    /// semicolons. That is more than a token or a host (RFC 3261 §25.1): many write base64 or a URI unquoted.
    pub fn value(&mut self) -> Result<Text<'a>, HeaderError> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let raw = self.run(is_value);
        if raw.is_empty() {
            Err(self.error("the value of a parameter"))
        } else {
            Ok(Text { raw, is_quoted: false })
        }
    }

    /// A parameter without its semicolon: a token, and a value behind `=`.
    pub fn param(&mut self) -> Result<Param<'a>, HeaderError> {
        let name = self.token("the name of a parameter")?;
        let value = if self.eat_separator(b'=') { Some(self.value()?) } else { None };
        Ok(Param { name, value })
    }

    /// The next parameter, when a semicolon stands before it.
    pub fn next_param(&mut self) -> Result<Option<Param<'a>>, HeaderError> {
        if self.eat_separator(b';') { self.param().map(Some) } else { Ok(None) }
    }

    /// All parameters from here on, each with its semicolon.
    pub fn params(&mut self) -> Result<Params<'a>, HeaderError> {
        self.skip_space();
        let start = self.at;
        while self.next_param()?.is_some() {}
        Ok(Params(self.since(start)))
    }

    /// All parameters, which must end the value.
    pub fn last_params(&mut self) -> Result<Params<'a>, HeaderError> {
        let params = self.params()?;
        self.end()?;
        Ok(params)
    }

    /// A number in decimal digits below 2^32.
    pub fn number(&mut self, expected: &'static str) -> Result<u32, HeaderError> {
        let start = self.at;
        let digits = self.run(|octet| octet.is_ascii_digit());
        let number = digits
            .iter()
            .try_fold(0_u32, |number, digit| number.checked_mul(10)?.checked_add(u32::from(digit - b'0')));
        number.filter(|_| !digits.is_empty()).ok_or(self.error_at(start, expected))
    }

    /// A time in seconds. One beyond 2^32-1 is that (RFC 3261 §20.19 allows no more, and no less is meant).
    pub fn seconds(&mut self) -> Result<u32, HeaderError> {
        let digits = self.run(|octet| octet.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.error("a number of seconds"));
        }
        Ok(saturating_number(digits))
    }

    /// A host, and a port behind a colon; white space may stand around the colon.
    pub fn host_port(&mut self) -> Result<(Host<'a>, Option<u16>), HeaderError> {
        let (host, end) =
            Host::scan(self.octets, self.at).map_err(|why| self.error_at(why.at, why.expected))?;
        self.at = end;
        if !self.eat_separator(b':') {
            return Ok((host, None));
        }
        let start = self.at;
        let port = u16::try_from(self.number("a port")?);
        port.map(|port| (host, Some(port))).map_err(|_| self.error_at(start, "a port of at most 65535"))
    }

    /// The end of the value, which must be here.
    pub fn end(&mut self) -> Result<(), HeaderError> {
        self.skip_space();
        if self.at == self.octets.len() { Ok(()) } else { Err(self.error("the end of the value")) }
    }
}

impl<'a> Text<'a> {
    /// What it means: escapes undone and a fold being one space. Copied only when that changes it.
    pub fn unescape(&self) -> Cow<'a, [u8]> {
        if !self.is_quoted || !self.raw.iter().any(|octet| matches!(octet, b'\\' | b'\r' | b'\n')) {
            return Cow::Borrowed(self.raw);
        }
        let mut plain = Vec::with_capacity(self.raw.len());
        let mut octets = self.raw.iter().copied().peekable();
        while let Some(octet) = octets.next() {
            match octet {
                b'\\' => plain.extend(octets.next()),
                b'\r' | b'\n' => {
                    while octets.next_if(|octet| is_space(*octet)).is_some() {}
                    plain.push(b' ');
                }
                octet => plain.push(octet),
            }
        }
        Cow::Owned(plain)
    }

    /// True when it means these octets, in any case.
    pub fn eq_ignore_case(&self, octets: &[u8]) -> bool {
        self.unescape().eq_ignore_ascii_case(octets)
    }

    /// Appends it as it is written, without its folds.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.is_quoted {
            out.push(b'"');
            write_unfolded(self.raw, out);
            out.push(b'"');
        } else {
            out.extend_from_slice(self.raw);
        }
    }
}

impl<'a> Param<'a> {
    /// True when this is its name, in any case.
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The octets of its value, escapes of a quoted one still in them.
    pub fn raw(&self) -> Option<&'a [u8]> {
        self.value.map(|value| value.raw)
    }

    /// Appends it as it is written, behind its semicolon.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b';');
        out.extend_from_slice(self.name);
        if let Some(value) = self.value {
            out.push(b'=');
            value.write(out);
        }
    }
}

impl<'a> Params<'a> {
    /// What a scanner has been over by [`Scanner::next_param`].
    pub(super) const fn read(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// As they stand, from the first semicolon on; empty without any.
    pub const fn text(&self) -> &'a [u8] {
        self.0
    }

    /// True without any.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + Clone + use<'a> {
        let mut scanner = Scanner { name: Name::Other, octets: self.0, at: 0 };
        std::iter::from_fn(move || scanner.next_param().ok().flatten())
    }

    /// The first parameter of that name, in any case: `Some(None)` when it has no value.
    pub fn find(&self, name: &[u8]) -> Option<Option<Text<'a>>> {
        self.iter().find(|param| param.is(name)).map(|param| param.value)
    }

    /// The octets of the value of the first parameter of that name, escapes of a quoted one still in them.
    pub fn raw(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.find(name).flatten().map(|value| value.raw)
    }

    /// The value of the first parameter of that name as a number below 2^32.
    pub fn number(&self, name: &[u8]) -> Option<u32> {
        crate::scan::decimal(self.raw(name)?)
    }

    /// Appends them as they are written, without white space.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|param| param.write(out));
    }
}

/// Reads digits alone; what is beyond 2^32-1 is that.
pub(crate) fn saturating_number(digits: &[u8]) -> u32 {
    digits.iter().fold(0_u32, |number, digit| {
        number.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')))
    })
}

/// Appends text with each fold as one space.
pub(crate) fn write_unfolded(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b' ');
        rest = rest[at..].trim_ascii_start();
    }
    out.extend_from_slice(rest);
}

const fn is_value(octet: u8) -> bool {
    !matches!(octet, 0..=b' ' | 0x7f | b'"' | b',' | b';' | b'<' | b'>')
}
