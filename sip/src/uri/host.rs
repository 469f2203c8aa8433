//! The host of a URI or of a Via: a name, an IPv4 address or an IPv6 reference.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::UriError;

/// Where a URI or a Via points to. Names are not resolved here.
#[derive(Debug, Clone, Copy)]
pub enum Host<'a> {
    /// A domain name as it was written; compared without case.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host that stands alone, such as the value of `maddr` or `received`. An IPv6 address may come
    /// without its brackets, as in the `received` of RFC 3261 §25.1.
    pub fn parse(octets: &'a [u8]) -> Result<Self, UriError> {
        if octets.contains(&b':') && octets.first() != Some(&b'[') {
            return v6(octets, 0).map(Self::V6);
        }
        match Self::scan(octets, 0)? {
            (host, end) if end == octets.len() => Ok(host),
            (_, at) => Err(UriError { at, expected: "the end of the host" }),
        }
    }

    /// Reads the host at `at` and says where it ends.
    pub(crate) fn scan(octets: &'a [u8], at: usize) -> Result<(Self, usize), UriError> {
        if octets.get(at) == Some(&b'[') {
            let close = memchr::memchr(b']', &octets[at..]).map(|found| at + found);
            let close =
                close.ok_or(UriError { at, expected: "a closing bracket behind the IPv6 address" })?;
            return Ok((Self::V6(v6(&octets[at + 1..close], at + 1)?), close + 1));
        }
        let rest = &octets[at..];
        // Most hosts of a message are addresses in their plain form, which needs no second look.
        if let Some((address, length)) = plain_v4(rest) {
            return Ok((Self::V4(address), at + length));
        }
        let length = rest.iter().position(|octet| !is_host(*octet)).unwrap_or(rest.len());
        let text = &rest[..length];
        let wrong = |expected| UriError { at, expected };
        // RFC 3261 §25.1: the top label of a name begins with a letter, so a numeric one means an address.
        let top = text.strip_suffix(b".").unwrap_or(text).rsplit(|octet| *octet == b'.').next();
        if top.is_some_and(|label| !label.is_empty() && label.iter().all(u8::is_ascii_digit)) {
            let address = v4(text).ok_or(wrong("an IPv4 address"))?;
            return Ok((Self::V4(address), at + length));
        }
        let labels = text.strip_suffix(b".").unwrap_or(text);
        if labels.split(|octet| *octet == b'.').any(|label| !is_label(label)) {
            return Err(wrong("a host name, an IPv4 address or an IPv6 address in brackets"));
        }
        let name = str::from_utf8(text).map_err(|_| wrong("a host name"))?;
        Ok((Self::Name(name), at + length))
    }

    /// The address, where it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Appends the host as it is written in a URI, an IPv6 address in brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Name(name) => out.extend_from_slice(name.as_bytes()),
            Self::V4(address) => write_v4(*address, out),
            Self::V6(_) => {
                use std::io::Write;
                // Writing to a `Vec` cannot fail.
                let _ = write!(out, "{self}");
            }
        }
    }
}

impl From<IpAddr> for Host<'_> {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

/// RFC 3261 §19.1.4: names without regard to case, addresses by their value (RFC 5954 §4.2). A name never equals
/// an address.
impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::V4(one), Self::V4(two)) => one == two,
            (Self::V6(one), Self::V6(two)) => one == two,
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::V4(address) => address.fmt(formatter),
            Self::V6(address) => write!(formatter, "[{address}]"),
        }
    }
}

/// Appends an address in its usual form.
pub(crate) fn write_v4(address: Ipv4Addr, out: &mut Vec<u8>) {
    for (place, part) in address.octets().into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(crate::text::decimal(u64::from(part), &mut [0; 20]));
    }
}

/// Letters, digits and inner hyphens; the underscore too, which names inside companies have.
fn is_label(label: &[u8]) -> bool {
    label.first().is_some_and(|first| *first != b'-') && label.last().is_some_and(|last| *last != b'-')
}

/// True for what may stand in a name or an IPv4 address.
const fn is_host(octet: u8) -> bool {
    HOST[octet as usize]
}

/// The IPv4 address in front and its length, when it has four numbers and nothing of a host behind.
fn plain_v4(octets: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let (mut parts, mut at) = ([0_u8; 4], 0);
    for (place, part) in parts.iter_mut().enumerate() {
        if place > 0 {
            if octets.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let start = at;
        let mut number = 0_u16;
        while at < start + 3
            && let Some(digit) =
                octets.get(at).map(|octet| octet.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            number = number * 10 + u16::from(digit);
            at += 1;
        }
        if at == start {
            return None;
        }
        *part = u8::try_from(number).ok()?;
    }
    let ends = octets.get(at).is_none_or(|octet| !is_host(*octet));
    ends.then(|| (Ipv4Addr::from(parts), at))
}

/// Four numbers of one to three decimal digits; leading zeros mean nothing (RFC 3261 §25.1).
fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = [0_u8; 4];
    let mut labels = text.split(|octet| *octet == b'.');
    for part in &mut parts {
        let label = labels.next().filter(|label| (1..=3).contains(&label.len()))?;
        let number = label.iter().try_fold(0_u16, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
        })?;
        *part = u8::try_from(number).ok()?;
    }
    labels.next().is_none().then(|| Ipv4Addr::from(parts))
}

/// An IPv6 address without its brackets. Before an IPv4 part three colons are read as two, since the grammar of
/// RFC 3261 makes them so (RFC 5118 §4.10).
fn v6(text: &[u8], at: usize) -> Result<Ipv6Addr, UriError> {
    let wrong = UriError { at, expected: "an IPv6 address" };
    let text = str::from_utf8(text).map_err(|_| wrong)?;
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (before, v4) = text.split_once(":::").ok_or(wrong)?;
    let v4: Ipv4Addr = v4.parse().map_err(|_| wrong)?;
    // The part before is read with `::` behind it, which leaves the last 32 bits to the IPv4 part.
    let mut buffer = [0_u8; 48];
    let whole = buffer.get_mut(..before.len() + 2).ok_or(wrong)?;
    whole[..before.len()].copy_from_slice(before.as_bytes());
    whole[before.len()..].copy_from_slice(b"::");
    let high: Ipv6Addr = str::from_utf8(whole).ok().and_then(|text| text.parse().ok()).ok_or(wrong)?;
    match high.to_bits() {
        high if high.trailing_zeros() >= 48 => Ok(Ipv6Addr::from_bits(high | u128::from(v4.to_bits()))),
        _ => Err(wrong),
    }
}

const HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0_u8;
    while octet < 128 {
        table[octet as usize] = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
        octet += 1;
    }
    table
};
