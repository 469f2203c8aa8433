//! Attributes (`a=` lines, RFC 8866 §5.13) that somebody here reads. All others are carried.

use std::fmt;

use super::Address;

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its name; names are compared with their case, as RFC 8866 §9 says, but for those of [`Attribute::is`].
    pub name: &'a str,
    /// What stands behind the colon; empty when there is none.
    pub value: &'a str,
}

impl<'a> Attribute<'a> {
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        Some(Self { name: name.trim(), value: value.trim() })
    }

    /// True when it has this name. Some phones write `SendRecv`: the case is not looked at.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Attributes of ICE (RFC 8839 §5): they go when a relay stands between the ends, since its ports are in none of them.
pub const ICE: [&str; 8] = [
    "candidate",
    "end-of-candidates",
    "ice-lite",
    "ice-mismatch",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "remote-candidates",
];

/// Which way media flows, seen by who writes it (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways; what holds when nothing is said.
    #[default]
    SendRecv,
    /// From who writes it to who reads it.
    SendOnly,
    /// From who reads it to who writes it.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The one that sends, or not, and receives, or not.
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction that this attribute says, if it says one.
    pub fn read(attribute: Attribute<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| attribute.is(direction.as_str()))
    }

    /// True when who writes it sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// True when who writes it receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow as the other end says it.
    pub const fn reversed(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What flows by both.
    pub const fn and(self, other: Self) -> Self {
        Self::of(self.sends() && other.sends(), self.receives() && other.receives())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// `a=rtpmap:96 opus/48000/2` (RFC 8866 §6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// The number that packets carry, 0 to 127.
    pub payload_type: u8,
    /// The encoding's name, compared without case.
    pub encoding: &'a str,
    /// Clock rate in Hz: that of timestamps, which for G.722 is not that of samples (RFC 3551 §4.5.2).
    pub rate: u32,
    /// Channels, 1 when nothing is said.
    pub channels: u8,
}

impl<'a> RtpMap<'a> {
    /// Reads the attribute's value.
    pub fn read(value: &'a str) -> Option<Self> {
        let (number, mapping) = value.split_once(' ')?;
        let payload_type = payload_type(number)?;
        let mut parts = mapping.trim().split('/');
        let encoding = parts.next().filter(|name| !name.is_empty())?;
        let rate = parts.next()?.trim().parse().ok().filter(|rate| *rate > 0)?;
        let channels = parts.next().map_or(Some(1), |channels| channels.trim().parse().ok())?;
        Some(Self { payload_type, encoding, rate, channels })
    }

    /// What a number means when no rtpmap says it (RFC 3551 §6).
    pub fn of_static(payload_type: u8) -> Option<RtpMap<'static>> {
        let (_, encoding, rate, channels) = STATIC.iter().find(|(number, ..)| *number == payload_type)?;
        Some(RtpMap { payload_type, encoding, rate: *rate, channels: *channels })
    }

    /// True when both are the same codec, whatever their numbers.
    pub fn is_same_codec(&self, other: &RtpMap<'_>) -> bool {
        self.encoding.eq_ignore_ascii_case(other.encoding)
            && self.rate == other.rate
            && self.channels.max(1) == other.channels.max(1)
    }
}

impl fmt::Display for RtpMap<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}/{}", self.payload_type, self.encoding, self.rate)?;
        if self.channels > 1 { write!(out, "/{}", self.channels) } else { Ok(()) }
    }
}

/// A number of 0 to 127.
pub(super) fn payload_type(text: &str) -> Option<u8> {
    text.trim().parse().ok().filter(|number| *number < 128)
}

/// Payload types that are assigned for good (RFC 3551 §6).
const STATIC: [(u8, &str, u32, u8); 24] = [
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (5, "DVI4", 8_000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8_000, 1),
    (13, "CN", 8_000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8_000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8_000, 1),
    (25, "CelB", 90_000, 1),
    (26, "JPEG", 90_000, 1),
    (28, "nv", 90_000, 1),
    (31, "H261", 90_000, 1),
    (32, "MPV", 90_000, 1),
    (33, "MP2T", 90_000, 1),
    (34, "H263", 90_000, 1),
];

/// `a=rtcp:53020 IN IP4 192.0.2.7` (RFC 3605 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp<'a> {
    /// The port of RTCP.
    pub port: u16,
    /// Its address, when it is not that of RTP.
    pub address: Option<Address<'a>>,
}

impl<'a> Rtcp<'a> {
    /// Reads the attribute's value.
    pub fn read(value: &'a str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let port = words.next()?.parse().ok()?;
        // Behind the network's and the address's type.
        let address = words.nth(2).map(Address::of);
        Some(Self { port, address })
    }
}
