//! Who wrote a description, and where media goes.

use std::fmt;
use std::net::IpAddr;

use super::line::{Line, Words};
use crate::error::ParseError;

/// Where media goes: an address, or a name that somebody has to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// An IP address.
    Ip(IpAddr),
    /// A host name, which RFC 8866 §5.7 allows and few phones write.
    Name(&'a str),
}

impl<'a> Address<'a> {
    /// `192.0.2.1`, `2001:db8::1`, `host.example`, without what a multicast address has behind its slash.
    pub fn of(text: &'a str) -> Self {
        let own = text.split('/').next().unwrap_or_default();
        own.parse().map_or(Self::Name(own), Self::Ip)
    }

    /// The address, unless it is a name.
    pub fn ip(self) -> Option<IpAddr> {
        if let Self::Ip(ip) = self { Some(ip) } else { None }
    }

    /// `0.0.0.0` or `::`, by which old phones put a call on hold (RFC 3264 §8.4).
    pub fn is_unspecified(self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(out),
            Self::Name(name) => out.write_str(name),
        }
    }
}

/// How an address is named before it: `IP4` or `IP6`.
pub(super) fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

/// A `c=` line (RFC 8866 §5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Where to send.
    pub address: Address<'a>,
}

impl<'a> Connection<'a> {
    pub(super) fn read(octets: &'a [u8], line: &Line) -> Result<Self, ParseError> {
        let mut words = Words::of(octets, line);
        let (span, network) = words.word("a network type")?;
        if !network.eq_ignore_ascii_case("IN") {
            return Err(ParseError::new(span.start, "IN"));
        }
        address(&mut words).map(|address| Self { address })
    }
}

/// `IP4 192.0.2.1`.
fn address<'a>(words: &mut Words<'a>) -> Result<Address<'a>, ParseError> {
    let (span, kind) = words.word("an address type")?;
    if !["IP4", "IP6"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(ParseError::new(span.start, "IP4 or IP6"));
    }
    let (span, text) = words.word("an address")?;
    let address = Address::of(text);
    if address == Address::Name("") {
        return Err(ParseError::new(span.start, "an address"));
    }
    Ok(address)
}

/// An `o=` line (RFC 8866 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user, `-` when there is none.
    pub user: &'a str,
    /// The session's id: digits, of any length.
    pub session_id: &'a str,
    /// The session's version: digits; a new one says that something changed (RFC 3264 §8).
    pub version: &'a str,
    /// The address of the machine that wrote it. It says nothing of where media goes.
    pub address: Address<'a>,
}

impl<'a> Origin<'a> {
    pub(super) fn read(octets: &'a [u8], line: &Line) -> Result<Self, ParseError> {
        let mut words = Words::of(octets, line);
        let (_, user) = words.word("a user")?;
        let (_, session_id) = words.word("a session id")?;
        let (_, version) = words.word("a session version")?;
        let (_, _network) = words.word("a network type")?;
        let address = address(&mut words)?;
        Ok(Self { user, session_id, version, address })
    }

    /// True when this and the other describe the same session, of whatever version (RFC 8866 §5.2: all but the version
    /// together are its name).
    pub fn is_same_session(&self, other: &Self) -> bool {
        self.user == other.user && self.session_id == other.session_id && self.address == other.address
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = self.address.ip().map_or("IP4", family);
        write!(out, "{} {} {} IN {family} {}", self.user, self.session_id, self.version, self.address)
    }
}
