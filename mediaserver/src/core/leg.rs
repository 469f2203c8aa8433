//! A leg: its ports, what it has said of itself, and its streams.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use proto::ServiceError;
use proto::media::{Leg, LegStatistics};
use rtp::codec::{Codec, Encoder};
use rtp::dtmf::Receiver;
use rtp::rewriter::Rewriter;
use rtp::sdp::offer_answer::{Author, Negotiation};
use rtp::sdp::{self, Direction, Edit, Sdp};

use super::flow::Watch;
use super::latch::Latch;
use super::received::Received;
use super::reports::Reports;
use super::transcoder::Transcoder;
use super::voice::{Ahead, Voice};
use super::{Family, Pair, Place, Use, overloaded};

/// One end of a session.
#[derive(Debug)]
pub(super) struct LegState {
    pub name: Leg,
    /// Its place in the session.
    pub index: u16,
    /// The leg that hears it.
    pub peer: Option<u16>,
    pub streams: Vec<Stream>,
    /// What it said in an offer that has no answer yet.
    pub offered: Option<Vec<Said>>,
    /// Where its signalling comes from or goes to.
    near: Option<IpAddr>,
    began: Instant,
    pub heard_at: Instant,
    /// Told that it is inactive, and not heard since.
    pub is_silent: bool,
    /// Its last packet was comfort noise (RFC 3389): it says nothing more until somebody speaks.
    pub is_resting: bool,
    pub watch: Watch,
    session_id: u64,
    author: Option<Author>,
    /// Our own offer to it, which has no answer yet.
    pub asked: Option<Box<Negotiation>>,
    pub voice: Option<Box<Voice>>,
    /// What was dialled while nobody collected: whoever knows a menu types ahead of it.
    pub ahead: Ahead,
}

/// One stream of a leg.
#[derive(Debug)]
pub(super) struct Stream {
    pub ports: Pair,
    pub said: Said,
    pub latch: Latch,
    /// Where its RTCP came from last.
    pub rtcp_from: Option<SocketAddr>,
    pub received: Received,
    pub sent: u64,
    pub sent_octets: u64,
    pub strays: u64,
    pub reports: Reports,
    /// The digits that it dials as events, of one source.
    pub digits: Option<(u32, Box<Receiver>)>,
    /// The numbers of what goes out, once there is more than one source of it.
    pub rewriter: Option<Box<Rewriter>>,
    /// Sound of ours on its way to it.
    pub encoder: Option<(Codec, Encoder)>,
    /// Sound of its peer on its way to it, where they speak other codecs.
    pub transcoder: Option<Box<Transcoder>>,
}

/// What a leg has said of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// Where it wants its RTP.
    pub rtp: Option<SocketAddr>,
    /// Where it wants its RTCP.
    pub rtcp: Option<SocketAddr>,
    pub direction: Direction,
    /// Of the first payload type that is ours, else of the first one.
    pub clock_hz: u32,
    /// What it can be played in, with its payload type: the first codec that it names, once there is an answer the one
    /// that was agreed on.
    pub codec: Option<(Codec, u8)>,
    /// All that it names and we can play and hear, in its order.
    pub codecs: [Option<(Codec, u8)>; CODECS],
    /// The payload type of telephone-event.
    pub events: Option<u8>,
    pub is_muxed: bool,
    /// Its payload cannot be read here.
    pub is_secure: bool,
}

impl Said {
    /// All streams of a description.
    pub fn all(sdp: &Sdp<'_>) -> Vec<Said> {
        sdp.media().map(Said::of).collect()
    }

    /// Which protocol its addresses speak.
    pub fn family(said: &[Said]) -> Option<Family> {
        said.iter().find_map(|said| said.rtp).map(|rtp| Family::of(rtp.ip()))
    }

    fn of(media: sdp::Media<'_, '_>) -> Said {
        let address = |place: Option<(sdp::Address<'_>, u16)>| {
            let (address, port) = place?;
            let ip = address.ip().filter(|ip| !ip.is_unspecified())?;
            Some(SocketAddr::new(ip, port))
        };
        let is_event = |name: &str| name.eq_ignore_ascii_case("telephone-event");
        let is_ours = |codec: &Codec| match codec {
            Codec::L16 { rate, channels } => matches!(rate, 8_000 | 16_000) && *channels == 1,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => true,
        };
        let plays = |map: sdp::RtpMap<'_>| Some((Codec::of(&map).filter(is_ours)?, map.payload_type));
        let is_secure = media.proto().is_secure();
        let mut codecs = [None; CODECS];
        let named = media.codecs().filter_map(plays).filter(|_| !is_secure);
        let first = media.codecs().next().map(|codec| codec.rate);
        codecs.iter_mut().zip(named).for_each(|(codec, named)| *codec = Some(named));
        Said {
            codec: codecs[0],
            codecs,
            rtp: address(media.destination()),
            rtcp: address(media.rtcp_destination()),
            direction: media.direction(),
            clock_hz: codecs[0].map(|(codec, _)| codec.clock_rate()).or(first).unwrap_or(8000),
            events: media.codecs().find(|codec| is_event(codec.encoding)).map(|codec| codec.payload_type),
            is_muxed: media.has_rtcp_mux(),
            is_secure,
        }
    }

    /// The codec of a payload type, where we can hear it.
    pub fn sound(&self, payload_type: u8) -> Option<Codec> {
        let (codec, _) = self.codecs.iter().flatten().find(|(_, number)| *number == payload_type)?;
        Some(*codec)
    }

    /// An offer that was answered so: its codec is the one that the answer chose.
    pub fn agree(&mut self, answer: &Said) {
        let agreed = answer.codec.and_then(|(chosen, _)| {
            self.codecs.iter().flatten().find(|(codec, _)| *codec == chosen).copied()
        });
        self.codec = agreed.or(self.codec);
        self.clock_hz = agreed.map_or(self.clock_hz, |(codec, _)| codec.clock_rate());
    }
}

impl LegState {
    pub fn new(name: Leg, index: u16, near: Option<IpAddr>, session_id: u64, now: Instant) -> Self {
        LegState {
            name,
            index,
            peer: None,
            ahead: Ahead::default(),
            streams: Vec::new(),
            offered: None,
            near,
            began: now,
            heard_at: now,
            is_silent: false,
            is_resting: false,
            watch: Watch::default(),
            session_id,
            author: None,
            asked: None,
            voice: None,
        }
    }

    /// Where its signalling is, if that is known by now.
    pub fn is_near(&mut self, near: Option<IpAddr>) {
        self.near = near.or(self.near);
    }

    /// Has ports for so many streams. What is rejected on both sides has none of its own: its place holds those that it
    /// got when it was there.
    pub fn fit(
        &mut self,
        count: usize,
        family: Option<Family>,
        place: &mut Place<'_>,
    ) -> Result<(), ServiceError> {
        while self.streams.len() < count.min(place.terms.streams_max) {
            let ports = place.out.take(self.near, family).ok_or_else(overloaded)?;
            let used = Use {
                session: place.slot,
                leg: self.index,
                stream: self.streams.len() as u16,
                is_rtcp: false,
            };
            place.uses.set(ports.rtp, Some(used));
            place.uses.set(ports.rtcp, Some(Use { is_rtcp: true, ..used }));
            self.streams.push(Stream::new(ports));
        }
        Ok(())
    }

    /// What it says holds from now on, and its sources are learnt anew.
    pub fn described(&mut self, said: &[Said], now: Instant) {
        for (stream, said) in self.streams.iter_mut().zip(said) {
            stream.said = *said;
            stream.latch.reopen(said.rtp, self.near);
            stream.rtcp_from = None;
        }
        self.heard_at = now;
        self.is_silent = false;
    }

    /// A description on its way to this leg: our addresses in the place of those in it, and an origin of ours, since a
    /// leg that talks to several others one after the other must see one session (RFC 3264).
    pub fn write(&mut self, sdp: &Sdp<'_>) -> Vec<u8> {
        let place = |stream: &Stream| Some(sdp::edit::Place::pair(stream.ports.shown));
        let places: Vec<Option<sdp::edit::Place>> = self.streams.iter().map(place).collect();
        // Streams on one port would all come to the first of our ports.
        let edit = Edit::new(sdp).through(&places).remove(sdp::Level::Session, &["group"]);
        let extra = places.len()..sdp.media().len();
        let mut out = Vec::with_capacity(sdp.octets().len() + 128);
        extra.fold(edit, |edit, index| edit.port(index, 0)).write(&mut out);
        self.sign(&out)
    }

    /// A description with this leg's own `o=` line.
    pub fn sign(&mut self, sdp: &[u8]) -> Vec<u8> {
        let address =
            self.streams.first().map_or(Ipv4Addr::UNSPECIFIED.into(), |stream| stream.ports.shown.ip());
        self.author.get_or_insert_with(|| Author::new(self.session_id, address)).sign(sdp)
    }

    /// What it can be played in, with its payload type.
    pub fn codec(&self) -> Option<(Codec, u8)> {
        self.streams.iter().find_map(|stream| stream.said.codec)
    }

    /// What the chances of its numbers and reports are drawn from.
    pub fn seed(&self) -> u64 {
        self.session_id ^ u64::from(self.index) << 48
    }

    /// Which protocol its ports speak.
    pub fn family(&self) -> Option<Family> {
        self.streams.first().map(|stream| Family::of(stream.ports.shown.ip()))
    }

    /// True when something has come from it lately.
    pub fn is_heard(&self, now: Instant, within: Duration) -> bool {
        let packets = self.streams.iter().any(|stream| stream.received.packets > 0);
        packets && now.saturating_duration_since(self.heard_at) < within
    }

    /// True when something should come from it.
    pub fn should_send(&self) -> bool {
        let mut streams = self.streams.iter();
        self.peer.is_some()
            && streams.any(|stream| stream.said.rtp.is_some() && stream.said.direction.sends())
    }

    /// True while it is played to: nobody else is heard.
    pub fn is_played_to(&self) -> bool {
        self.voice.as_ref().is_some_and(|voice| voice.is_playing())
    }

    /// Between it and us, where RTCP told it.
    pub fn round_trip(&self) -> Option<Duration> {
        self.streams.first()?.reports.round_trip
    }

    /// All that is known of it; `beyond` is the round trip between us and whoever it is joined with.
    pub fn statistics(&self, now: Instant, beyond: Option<Duration>) -> LegStatistics {
        let sum = |of: fn(&Stream) -> u64| self.streams.iter().map(of).sum();
        let first = self.streams.first();
        let own = self.round_trip();
        let round_trip = own.map(|own| own + beyond.unwrap_or_default()).or(beyond);
        let round_trip_us = round_trip.map(|trip| u32::try_from(trip.as_micros()).unwrap_or(u32::MAX));
        let codec = first.and_then(|stream| stream.said.codec).map(|(codec, _)| codec);
        LegStatistics {
            leg: self.name,
            received: sum(|stream| stream.received.packets),
            received_octets: sum(|stream| stream.received.octets),
            sent: sum(|stream| stream.sent),
            sent_octets: sum(|stream| stream.sent_octets),
            lost: sum(|stream| stream.received.lost()),
            jitter_us: first.map_or(0, |stream| stream.received.jitter().as_micros() as u32),
            round_trip_us,
            strays: sum(|stream| stream.strays),
            mos_100: first.and_then(|stream| stream.received.mos_100(codec, round_trip)),
            one_way_ms: self.watch.one_way.as_millis() as u64,
            quiet_ms: self.watch.quiet.as_millis() as u64,
            lasted_ms: now.saturating_duration_since(self.began).as_millis() as u64,
        }
    }

    /// Gives its ports back.
    pub fn end(&mut self, place: &mut Place<'_>) {
        for stream in self.streams.drain(..) {
            place.uses.set(stream.ports.rtp, None);
            place.uses.set(stream.ports.rtcp, None);
            place.out.give_back(stream.ports);
        }
    }
}

impl Stream {
    fn new(ports: Pair) -> Self {
        Stream {
            ports,
            said: Said::default(),
            latch: Latch::default(),
            rtcp_from: None,
            received: Received::default(),
            sent: 0,
            sent_octets: 0,
            strays: 0,
            reports: Reports::default(),
            digits: None,
            rewriter: None,
            encoder: None,
            transcoder: None,
        }
    }

    /// Where its RTP goes now, when it wants any.
    pub fn target(&self) -> Option<SocketAddr> {
        let wants = self.said.rtp.is_some() && self.said.direction.receives();
        if wants { self.latch.target() } else { None }
    }

    /// Where its RTCP goes, and from which of our ports.
    pub fn rtcp_target(&self) -> Option<(super::PortId, SocketAddr)> {
        if self.said.is_muxed {
            return Some((self.ports.rtp, self.latch.target()?));
        }
        let to = self.rtcp_from.or_else(|| {
            let said = self.said.rtcp?;
            // Behind NAT what SDP says of RTCP is as wrong as what it says of RTP.
            let host = self.latch.target().map_or(said.ip(), |target| target.ip());
            Some(SocketAddr::new(host, said.port()))
        });
        Some((self.ports.rtcp, to?))
    }
}

/// Codecs of ours that a leg may name: one of each kind.
const CODECS: usize = 5;

/// The payload type of comfort noise (RFC 3551 §6).
pub(super) const COMFORT_NOISE: u8 = 13;
