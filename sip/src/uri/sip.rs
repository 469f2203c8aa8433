//! `sip:` and `sips:` URIs (RFC 3261 §19.1.1).

use std::borrow::Cow;

use super::escape::{same_ignoring_case, unescape};
use super::{Host, UriError};

/// A `sip:` or `sips:` URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// True for `sips:`.
    pub secure: bool,
    /// The user part, escapes as they were; never empty.
    pub user: Option<&'a [u8]>,
    /// The password, which may be empty. Not to be used for anything (RFC 3261 §19.1.1).
    pub password: Option<&'a [u8]>,
    /// The host.
    pub host: Host<'a>,
    /// The port, where it was written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: UriParams<'a>,
    /// The headers.
    pub headers: UriHeaders<'a>,
}

/// The parameters of a URI as they stand, from their first semicolon on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UriParams<'a>(&'a [u8]);

/// The headers of a URI as they stand, without the question mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UriHeaders<'a>(&'a [u8]);

impl<'a> SipUri<'a> {
    /// Reads what stands behind the scheme.
    pub(super) fn parse(octets: &'a [u8], start: usize, secure: bool) -> Result<Self, UriError> {
        let mut at = start;
        let (mut user, mut password) = (None, None);
        if let Some(sign) = crate::scan::find(b'@', &octets[at..]).map(|found| at + found) {
            let end = run(octets, at, USER)?;
            let expected = "a user part";
            user = (end > at).then(|| &octets[at..end]).ok_or(UriError { at, expected }).map(Some)?;
            at = end;
            if octets[at] == b':' {
                at += 1;
                let end = run(octets, at, PASSWORD)?;
                password = Some(&octets[at..end]);
                at = end;
            }
            if at != sign {
                return Err(UriError { at, expected: "a character that a user part may hold" });
            }
            at += 1;
        }
        let (host, end) = Host::scan(octets, at)?;
        let (port, end) = port(octets, end)?;
        let (params, end) = UriParams::scan(octets, end)?;
        let (headers, at) = UriHeaders::scan(octets, end)?;
        if at < octets.len() {
            return Err(UriError { at, expected: "a port, a parameter, a header or the end of the URI" });
        }
        Ok(Self { secure, user, password, host, port, params, headers })
    }

    /// A URI of host and port alone, to be written.
    pub fn of_host(host: Host<'a>, port: Option<u16>) -> Self {
        let (params, headers) = (UriParams::default(), UriHeaders::default());
        Self { secure: false, user: None, password: None, host, port, params, headers }
    }

    /// The user part with its escapes undone.
    pub fn unescaped_user(&self) -> Option<Cow<'a, [u8]>> {
        self.user.map(unescape)
    }

    /// A parameter by name, in any case: `Some(None)` when it has no value.
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params.find(name)
    }

    /// True when the URI names a loose router (RFC 3261 §19.1.1).
    pub fn lr(&self) -> bool {
        self.param(b"lr").is_some()
    }

    /// The `transport` parameter, as it stands; [`crate::transport::Transport::from_name`] reads it.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param(b"transport").flatten()
    }

    /// The `maddr` parameter: the address to send to in place of the host.
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(self.param(b"maddr").flatten()?).ok()
    }

    /// The `user` parameter, `phone` for one.
    pub fn user_param(&self) -> Option<&'a [u8]> {
        self.param(b"user").flatten()
    }

    /// The `method` parameter.
    pub fn method(&self) -> Option<&'a [u8]> {
        self.param(b"method").flatten()
    }

    /// The `ttl` parameter.
    pub fn ttl(&self) -> Option<u8> {
        let value = self.param(b"ttl").flatten()?;
        u8::try_from(crate::scan::decimal(value)?).ok()
    }

    /// True when the peer speaks Outbound (RFC 5626 §4.2.1).
    pub fn ob(&self) -> bool {
        self.param(b"ob").is_some()
    }

    /// The `gr` parameter of a GRUU (RFC 5627 §7): `Some(None)` for a temporary one.
    pub fn gr(&self) -> Option<Option<&'a [u8]>> {
        self.param(b"gr")
    }

    /// Appends the URI as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.secure { b"sips:" } else { b"sip:" });
        if let Some(user) = self.user {
            out.extend_from_slice(user);
            if let Some(password) = self.password {
                out.push(b':');
                out.extend_from_slice(password);
            }
            out.push(b'@');
        }
        self.host.write(out);
        if let Some(port) = self.port {
            out.push(b':');
            write_number(u64::from(port), out);
        }
        out.extend_from_slice(self.params.0);
        if !self.headers.is_empty() {
            out.push(b'?');
            out.extend_from_slice(self.headers.0);
        }
    }
}

impl<'a> UriParams<'a> {
    /// Reads parameters at `at` and says where they end.
    pub(super) fn scan(octets: &'a [u8], at: usize) -> Result<(Self, usize), UriError> {
        let (mut end, mut left) = (at, PARAMS_MAX);
        while octets.get(end) == Some(&b';') {
            left = left.checked_sub(1).ok_or(UriError { at: end, expected: "fewer parameters" })?;
            let name = end + 1;
            end = run(octets, name, PARAM)?;
            if end == name {
                return Err(UriError { at: end, expected: "the name of a parameter" });
            }
            if octets.get(end) == Some(&b'=') {
                let value = end + 1;
                end = run(octets, value, PARAM_VALUE)?;
                if end == value {
                    return Err(UriError { at: end, expected: "the value of a parameter" });
                }
            }
        }
        Ok((Self(&octets[at..end]), end))
    }

    /// As they stand, from the first semicolon on; empty without any.
    pub const fn text(&self) -> &'a [u8] {
        self.0
    }

    /// True without any.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order, as they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone + use<'a> {
        self.0.split(|octet| *octet == b';').skip(1).map(|param| cut(param, b'='))
    }

    /// The first parameter of that name, in any case and with any escapes.
    pub fn find(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        if self.0.is_empty() {
            return None;
        }
        self.iter().find(|(other, _)| same_ignoring_case(other, name)).map(|(_, value)| value)
    }
}

impl<'a> UriHeaders<'a> {
    fn scan(octets: &'a [u8], at: usize) -> Result<(Self, usize), UriError> {
        if octets.get(at) != Some(&b'?') {
            return Ok((Self::default(), at));
        }
        let (mut end, mut left) = (at, PARAMS_MAX);
        while end == at || octets.get(end) == Some(&b'&') {
            left = left.checked_sub(1).ok_or(UriError { at: end, expected: "fewer headers" })?;
            let name = end + 1;
            end = run(octets, name, HEADER)?;
            if end == name {
                return Err(UriError { at: end, expected: "the name of a header" });
            }
            if octets.get(end) != Some(&b'=') {
                return Err(UriError { at: end, expected: "an equals sign behind the name of a header" });
            }
            end = run(octets, end + 1, HEADER_VALUE)?;
        }
        Ok((Self(&octets[at + 1..end]), end))
    }

    /// As they stand, without the question mark; empty without any.
    pub const fn text(&self) -> &'a [u8] {
        self.0
    }

    /// True without any.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order, as they stand. Values may be empty.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a> {
        self.0.split(|octet| *octet == b'&').filter(|header| !header.is_empty()).map(|header| {
            let (name, value) = cut(header, b'=');
            (name, value.unwrap_or_default())
        })
    }

    /// The first header of that name, in any case, its value as it stands.
    pub fn find(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| same_ignoring_case(other, name)).map(|(_, value)| value)
    }
}

/// Reads `:` and a port at `at`, where they stand.
pub(super) fn port(octets: &[u8], at: usize) -> Result<(Option<u16>, usize), UriError> {
    if octets.get(at) != Some(&b':') {
        return Ok((None, at));
    }
    let digits = &octets[at + 1..];
    let length = digits.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits[..length]
        .iter()
        .fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    match u16::try_from(number) {
        Ok(port) if length > 0 => Ok((Some(port), at + 1 + length)),
        _ => Err(UriError { at: at + 1, expected: "a port of at most 65535" }),
    }
}

/// Appends a number in decimal digits.
pub(crate) fn write_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(crate::text::decimal(number, &mut [0; 20]));
}

/// True for what may stand in a user part without an escape.
pub(super) const fn is_user(octet: u8) -> bool {
    CLASSES[octet as usize] & USER != 0
}

/// Where the run of characters of a class that starts at `at` ends; escapes are of every class.
pub(super) fn run(octets: &[u8], mut at: usize, class: u8) -> Result<usize, UriError> {
    loop {
        match octets.get(at) {
            Some(b'%') => match octets.get(at + 1..at + 3) {
                Some([high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => at += 3,
                _ => return Err(UriError { at, expected: "two hexadecimal digits behind %" }),
            },
            Some(octet) if CLASSES[usize::from(*octet)] & class != 0 => at += 1,
            _ => return Ok(at),
        }
    }
}

/// A part at the first of its separators.
fn cut(part: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match crate::scan::find(separator, part) {
        Some(at) => (&part[..at], Some(&part[at + 1..])),
        None => (part, None),
    }
}

/// Parameters of a URI, and its headers. Comparing two URIs costs the square of it.
const PARAMS_MAX: usize = 64;

const USER: u8 = 1;
const PASSWORD: u8 = 2;
const PARAM: u8 = 4;
const PARAM_VALUE: u8 = 8;
const HEADER: u8 = 16;
const HEADER_VALUE: u8 = 32;
const UNRESERVED: u8 = USER | PASSWORD | PARAM | PARAM_VALUE | HEADER | HEADER_VALUE;

/// Which parts of a URI an octet may stand in without an escape (RFC 3261 §25.1, with the liberties above).
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        classes[octet] = match octet as u8 {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => UNRESERVED,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => UNRESERVED,
            b'&' => USER | PASSWORD | PARAM | PARAM_VALUE,
            b'=' => USER | PASSWORD | PARAM_VALUE | HEADER_VALUE,
            b'+' | b'$' => UNRESERVED,
            b',' => USER | PASSWORD | HEADER_VALUE,
            b';' => USER | HEADER_VALUE,
            b'?' => USER | HEADER | HEADER_VALUE,
            b'/' => USER | PARAM | PARAM_VALUE | HEADER | HEADER_VALUE,
            b'#' => USER,
            b'[' | b']' | b':' => PARAM | PARAM_VALUE | HEADER | HEADER_VALUE,
            b'@' => HEADER_VALUE,
            _ => 0,
        };
        octet += 1;
    }
    classes
};
