//! One stream of a description: its `m=` line and what stands below it (RFC 8866 §5.14).

use std::fmt;
use std::ops::Range;

use super::attribute::{self, Attribute, Direction, Rtcp, RtpMap};
use super::{Address, Connection, Level, Limits, Line, Sdp, Span, Words};
use crate::error::ParseError;

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Speech, music, digits.
    Audio,
    /// Pictures that move.
    Video,
    /// A fax (T.38).
    Image,
    /// Real-time text.
    Text,
    /// Data channels and others.
    Application,
    /// MSRP.
    Message,
    /// Something else.
    Other(&'a str),
}

impl<'a> Kind<'a> {
    const KNOWN: [Kind<'static>; 6] =
        [Kind::Audio, Kind::Video, Kind::Image, Kind::Text, Kind::Application, Kind::Message];

    fn of(name: &'a str) -> Self {
        let known = Self::KNOWN.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name));
        known.unwrap_or(Self::Other(name))
    }

    /// Its name in an `m=` line.
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Image => "image",
            Self::Text => "text",
            Self::Application => "application",
            Self::Message => "message",
            Self::Other(name) => name,
        }
    }
}

/// How a stream is carried (RFC 8866 §5.14 and the registry of `proto`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proto<'a> {
    /// `RTP/AVP`: RTP in the clear (RFC 3551).
    RtpAvp,
    /// `RTP/AVPF`: with early feedback (RFC 4585).
    RtpAvpf,
    /// `RTP/SAVP`: SRTP (RFC 3711), its keys in `a=crypto`.
    RtpSavp,
    /// `RTP/SAVPF`: SRTP with feedback (RFC 5124).
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP`: SRTP whose keys DTLS agrees on (RFC 5764).
    DtlsSavp,
    /// `UDP/TLS/RTP/SAVPF`: as browsers write it.
    DtlsSavpf,
    /// `udptl`: a fax (T.38).
    Udptl,
    /// Something else.
    Other(&'a str),
}

impl<'a> Proto<'a> {
    const KNOWN: [Proto<'static>; 7] = [
        Proto::RtpAvp,
        Proto::RtpAvpf,
        Proto::RtpSavp,
        Proto::RtpSavpf,
        Proto::DtlsSavp,
        Proto::DtlsSavpf,
        Proto::Udptl,
    ];

    /// The protocol of that name, compared without case.
    pub fn of(name: &'a str) -> Self {
        let known = Self::KNOWN.into_iter().find(|proto| proto.as_str().eq_ignore_ascii_case(name));
        known.unwrap_or(Self::Other(name))
    }

    /// Its name in an `m=` line.
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Self::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Udptl => "udptl",
            Self::Other(name) => name,
        }
    }

    /// True for RTP over UDP: formats are payload types.
    pub const fn is_rtp(self) -> bool {
        !matches!(self, Self::Udptl | Self::Other(_))
    }

    /// True for SRTP, however its keys come.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::RtpSavp | Self::RtpSavpf | Self::DtlsSavp | Self::DtlsSavpf)
    }
}

impl fmt::Display for Proto<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A stream as it is kept: its `m=` line, read, and its lines.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    /// Its lines among those of the description; the first is its `m=`.
    pub lines: Range<usize>,
    pub connection: Option<Connection<'a>>,
    pub port_span: Span,
    kind: Kind<'a>,
    port: u16,
    ports: u16,
    proto: Proto<'a>,
    formats: &'a str,
}

impl<'a> Section<'a> {
    pub fn read(
        octets: &'a [u8],
        line: &Line,
        lines: Range<usize>,
        limits: &Limits,
    ) -> Result<Self, ParseError> {
        let mut words = Words::of(octets, line);
        let (_, kind) = words.word("a media type")?;
        let (span, text) = words.word("a port")?;
        let (port, ports) = text.split_once('/').unwrap_or((text, "1"));
        let port_span = span.start..span.start + port.len();
        let wrong = |_| ParseError::new(span.start, "a port of 0 to 65535");
        let (port, ports) = (port.parse().map_err(wrong)?, ports.parse().map_err(wrong)?);
        let (_, proto) = words.word("a transport protocol")?;
        let (span, formats) = words.rest()?;
        if formats.is_empty() && port != 0 {
            return Err(ParseError::new(span.start, "a format"));
        }
        if formats.split_ascii_whitespace().nth(limits.sdp_formats_max).is_some() {
            return Err(ParseError::new(span.start, "no more than sdp_formats_max formats"));
        }
        let (kind, proto) = (Kind::of(kind), Proto::of(proto));
        Ok(Self { lines, connection: None, port_span, kind, port, ports, proto, formats })
    }
}

/// One stream, borrowed from its description.
#[derive(Debug, Clone, Copy)]
pub struct Media<'s, 'a> {
    pub(super) sdp: &'s Sdp<'a>,
    pub(super) index: usize,
}

impl<'s, 'a> Media<'s, 'a> {
    /// Its place among the streams, from 0: by this an answer's stream belongs to the offer's (RFC 3264 §6).
    pub fn index(&self) -> usize {
        self.index
    }

    /// What it is.
    pub fn kind(&self) -> Kind<'a> {
        self.section().kind
    }

    /// Its port; 0 when the stream is rejected or was ended.
    pub fn port(&self) -> u16 {
        self.section().port
    }

    /// How many ports it has, nearly always 1: `m=audio 4000/2`.
    pub fn ports(&self) -> u16 {
        self.section().ports
    }

    /// True when its port is 0 (RFC 3264 §6). With `a=bundle-only` that means another thing (RFC 8843 §6), and this is
    /// false.
    pub fn is_rejected(&self) -> bool {
        self.port() == 0 && self.attribute("bundle-only").is_none()
    }

    /// How it is carried.
    pub fn proto(&self) -> Proto<'a> {
        self.section().proto
    }

    /// Its formats, in order of preference: payload types when it is RTP.
    pub fn formats(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.section().formats.split_ascii_whitespace()
    }

    /// Its payload types, in order of preference, each with what it means, where that is said or known.
    pub fn codecs(&self) -> impl Iterator<Item = RtpMap<'a>> + use<'s, 'a> {
        // One pass over the lines, however many formats there are.
        let said = self.attributes().filter(|attribute| attribute.is("rtpmap"));
        let maps: Vec<RtpMap<'a>> = said.filter_map(|attribute| RtpMap::read(attribute.value)).collect();
        let numbers = self.formats().filter_map(attribute::payload_type);
        numbers.filter_map(move |number| {
            let own = maps.iter().find(|map| map.payload_type == number).copied();
            own.or_else(|| RtpMap::of_static(number))
        })
    }

    /// What a payload type means: by its rtpmap, else for good.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap<'a>> {
        let said = self.attributes().filter(|attribute| attribute.is("rtpmap"));
        let mut said = said.filter_map(|attribute| RtpMap::read(attribute.value));
        said.find(|map| map.payload_type == payload_type).or_else(|| RtpMap::of_static(payload_type))
    }

    /// The parameters of a format (RFC 8866 §6.15).
    pub fn fmtp(&self, payload_type: u8) -> Option<&'a str> {
        self.attributes().filter(|attribute| attribute.is("fmtp")).find_map(|attribute| {
            let (number, parameters) = attribute.value.split_once(' ')?;
            (attribute::payload_type(number)? == payload_type).then_some(parameters.trim())
        })
    }

    /// The connection: its own, else that of the session.
    pub fn connection(&self) -> Option<Connection<'a>> {
        self.section().connection.or_else(|| self.sdp.connection())
    }

    /// Where its packets go, when it is not rejected.
    pub fn destination(&self) -> Option<(Address<'a>, u16)> {
        let port = Some(self.port()).filter(|port| *port != 0)?;
        Some((self.connection()?.address, port))
    }

    /// Where its RTCP goes: the port of RTP when both share one (RFC 5761 §5.1.1), the one that `a=rtcp` says (RFC 3605
    /// §2.1), or the next one (RFC 3550 §11).
    pub fn rtcp_destination(&self) -> Option<(Address<'a>, u16)> {
        let (address, port) = self.destination()?;
        if self.has_rtcp_mux() {
            return Some((address, port));
        }
        match self.rtcp() {
            Some(rtcp) => Some((rtcp.address.unwrap_or(address), rtcp.port)),
            None => Some((address, port.checked_add(1)?)),
        }
    }

    /// What `a=rtcp` says.
    pub fn rtcp(&self) -> Option<Rtcp<'a>> {
        Rtcp::read(self.attribute("rtcp")?)
    }

    /// True when RTP and RTCP may share a port (RFC 5761 §5.1.1).
    pub fn has_rtcp_mux(&self) -> bool {
        self.attribute("rtcp-mux").is_some()
    }

    /// Which way media flows: as it says itself, as the session says, else both ways (RFC 8866 §6.7).
    pub fn direction(&self) -> Direction {
        let own = self.attributes().find_map(Direction::read);
        own.or_else(|| self.sdp.attributes().find_map(Direction::read)).unwrap_or_default()
    }

    /// Which way media can flow: who writes `c=0.0.0.0` receives nothing (RFC 3264 §8.4), whatever its direction says.
    pub fn flow(&self) -> Direction {
        let is_held = self.connection().is_some_and(|connection| connection.address.is_unspecified());
        let direction = self.direction();
        if is_held { Direction::of(direction.sends(), false) } else { direction }
    }

    /// Milliseconds of media in a packet that who writes it would like to get (RFC 8866 §6.4).
    pub fn ptime(&self) -> Option<u32> {
        milliseconds(self.attribute("ptime")?)
    }

    /// Most milliseconds of media in a packet that who writes it takes (RFC 8866 §6.5).
    pub fn maxptime(&self) -> Option<u32> {
        milliseconds(self.attribute("maxptime")?)
    }

    /// Its name among the streams (RFC 5888 §4).
    pub fn mid(&self) -> Option<&'a str> {
        self.attribute("mid")
    }

    /// The keys that it offers (RFC 4568 §4), each as it stands behind `a=crypto:`.
    pub fn cryptos(&self) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(|attribute| attribute.is("crypto")).map(|attribute| attribute.value)
    }

    /// True when it has candidates of ICE (RFC 8839 §5.1).
    pub fn has_ice(&self) -> bool {
        self.attribute("candidate").is_some()
    }

    /// The number of telephone-event with this clock rate (RFC 4733 §7.1).
    pub fn telephone_event(&self, rate: u32) -> Option<u8> {
        let event =
            |map: &RtpMap<'_>| map.encoding.eq_ignore_ascii_case("telephone-event") && map.rate == rate;
        self.codecs().find(event).map(|map| map.payload_type)
    }

    /// Its attributes, in their order; those of the session are not among them.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'s, 'a> {
        super::attributes(self.sdp.octets, self.sdp.lines_of(Level::Media(self.index)))
    }

    /// The value of its first attribute with this name: empty for a property attribute.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes().find(|attribute| attribute.is(name)).map(|attribute| attribute.value)
    }

    fn section(&self) -> &'s Section<'a> {
        &self.sdp.sections[self.index]
    }
}

/// `20`, and `20.0` as some phones write it.
fn milliseconds(value: &str) -> Option<u32> {
    let whole = value.split('.').next().unwrap_or_default();
    whole.trim().parse().ok().filter(|time| *time > 0)
}
