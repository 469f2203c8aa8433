//! What we can do: codecs in order, digits, packet times.

use std::borrow::Cow;

use crate::sdp::{Kind, Media, Proto, RtpMap};

/// One codec as descriptions name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Its name, compared without case.
    pub encoding: Cow<'static, str>,
    /// Clock rate in Hz.
    pub rate: u32,
    /// Channels.
    pub channels: u8,
    /// Its parameters, written as they are.
    pub fmtp: Option<Cow<'static, str>>,
    /// The number that we would like for it; without effect for codecs with a number of their own.
    pub payload_type: Option<u8>,
}

impl Format {
    /// G.711 µ-law.
    pub const PCMU: Self = Self::fixed("PCMU", 8_000);
    /// G.711 A-law.
    pub const PCMA: Self = Self::fixed("PCMA", 8_000);
    /// G.722 at 64 kbit/s: 16,000 samples a second, and a clock of 8,000 (RFC 3551 §4.5.2).
    pub const G722: Self = Self::fixed("G722", 8_000);

    /// 16 bits as they are (RFC 3551 §4.5.11), at a rate whose 20 ms fit into a datagram.
    pub const L16_WIDE: Self = Self::fixed("L16", 16_000);
    /// The same at the rate of G.711.
    pub const L16: Self = Self::fixed("L16", 8_000);

    const fn fixed(encoding: &'static str, rate: u32) -> Self {
        Self { encoding: Cow::Borrowed(encoding), rate, channels: 1, fmtp: None, payload_type: None }
    }

    /// Digits by RFC 4733 with this clock: 0 to 9, star, hash, A to D, and flash.
    pub fn telephone_event(rate: u32) -> Self {
        let number = if rate == 8_000 { 101 } else { 110 };
        let fmtp = Some(Cow::Borrowed("0-16"));
        Self { fmtp, payload_type: Some(number), ..Self::fixed("telephone-event", rate) }
    }

    /// The codec that a description names.
    pub fn of(map: &RtpMap<'_>, fmtp: Option<&str>) -> Self {
        Self {
            encoding: Cow::Owned(map.encoding.to_owned()),
            rate: map.rate,
            channels: map.channels,
            fmtp: fmtp.map(|fmtp| Cow::Owned(fmtp.to_owned())),
            payload_type: Some(map.payload_type),
        }
    }

    /// The same as an rtpmap.
    pub fn map(&self, payload_type: u8) -> RtpMap<'_> {
        RtpMap { payload_type, encoding: &self.encoding, rate: self.rate, channels: self.channels }
    }

    /// True when both are the same codec, whatever their numbers and parameters.
    pub fn is_same_codec(&self, other: &Self) -> bool {
        self.map(0).is_same_codec(&other.map(0))
    }

    /// True for what carries sound by itself: no digits, no comfort noise, no redundancy.
    pub fn is_sound(&self) -> bool {
        !["telephone-event", "CN", "red"].iter().any(|other| self.encoding.eq_ignore_ascii_case(other))
    }

    /// True for digits.
    pub fn is_digits(&self) -> bool {
        self.encoding.eq_ignore_ascii_case("telephone-event")
    }

    /// The number that is this codec's for good (RFC 3551 §6).
    pub(super) fn static_number(&self) -> Option<u8> {
        (0..35).find(|number| {
            RtpMap::of_static(*number).is_some_and(|map| map.is_same_codec(&self.map(*number)))
        })
    }
}

/// Whose order of codecs counts in our answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preference {
    /// That of the offer, as RFC 3264 §6.1 recommends.
    #[default]
    Theirs,
    /// Ours.
    Ours,
}

/// How many codecs an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answering {
    /// The best one: nobody changes codec in mid-call without a word.
    #[default]
    One,
    /// All that both can do.
    All,
}

/// What we can do with audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Codecs, best first.
    pub formats: Vec<Format>,
    /// Digits by RFC 4733, with the clock of each codec.
    pub has_digits: bool,
    /// Milliseconds of sound in a packet that we would like to get, and that we send when the other says nothing.
    /// Default 20.
    pub ptime: u32,
    /// Most milliseconds in a packet that we take; nothing is said when it is none. Default none.
    pub maxptime: Option<u32>,
    /// One port for RTP and RTCP, where the other can do it too (RFC 5761 §5.1.1). Default no.
    pub rtcp_mux: bool,
    /// Feedback at once: offers say `RTP/AVPF`, which many phones reject. Default no; offers of either are taken.
    pub has_feedback: bool,
    /// Whose order of codecs counts in answers.
    pub preference: Preference,
    /// How many codecs answers name.
    pub answering: Answering,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            formats: vec![Format::G722, Format::PCMA, Format::PCMU],
            has_digits: true,
            ptime: 20,
            maxptime: None,
            rtcp_mux: false,
            has_feedback: false,
            preference: Preference::default(),
            answering: Answering::default(),
        }
    }
}

impl Profile {
    /// True when a stream can be taken: audio over RTP in the clear, not rejected, with a codec of ours. SRTP is not done
    /// here yet.
    pub fn accepts(&self, media: &Media<'_, '_>) -> bool {
        media.kind() == Kind::Audio
            && matches!(media.proto(), Proto::RtpAvp | Proto::RtpAvpf)
            && !media.is_rejected()
            && media.destination().is_some()
            && media.codecs().any(|map| self.format(&map).is_some_and(Format::is_sound))
    }

    /// Our codec of that name.
    pub(super) fn format(&self, map: &RtpMap<'_>) -> Option<&Format> {
        self.formats.iter().find(|format| format.map(0).is_same_codec(map))
    }

    /// All that an offer names: the codecs, and digits once for each clock among them (RFC 4733 §7.1).
    pub(super) fn offered(&self) -> Vec<Format> {
        let mut formats = self.formats.clone();
        if self.has_digits {
            let mut rates: Vec<u32> =
                formats.iter().filter(|format| format.is_sound()).map(|format| format.rate).collect();
            rates.sort_unstable();
            rates.dedup();
            formats.extend(rates.into_iter().map(Format::telephone_event));
        }
        formats
    }

    pub(super) fn proto(&self) -> Proto<'static> {
        if self.has_feedback { Proto::RtpAvpf } else { Proto::RtpAvp }
    }
}
