//! Codecs: what a description's name means to us, and sound to payload and back. Samples are 16 bits, channels side by
//! side. Codecs that are not here pass between phones untouched; a new one (Opus, G.729, GSM) is a variant of [`Codec`],
//! [`Encoder`] and [`Decoder`], and a line in [`Codec::of`].

pub mod g711;
pub mod g722;
mod l16;
#[cfg(test)]
mod tests;

use crate::quality::Impairment;
use crate::sdp::RtpMap;

/// A codec that we can decode and encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// 16 bits as they are, most significant octet first (RFC 3551 §4.5.11).
    L16 {
        /// Samples a second.
        rate: u32,
        /// Channels, 1 or 2.
        channels: u8,
    },
}

impl Codec {
    /// The codec that a description names.
    pub fn of(map: &RtpMap<'_>) -> Option<Self> {
        let is = |name: &str, rate: u32| {
            map.encoding.eq_ignore_ascii_case(name) && map.rate == rate && map.channels <= 1
        };
        if is("PCMU", 8_000) {
            Some(Self::Pcmu)
        } else if is("PCMA", 8_000) {
            Some(Self::Pcma)
        } else if is("G722", 8_000) {
            Some(Self::G722)
        } else if map.encoding.eq_ignore_ascii_case("L16") && (1..=2).contains(&map.channels) {
            let is_usual = (8_000..=48_000).contains(&map.rate);
            is_usual.then_some(Self::L16 { rate: map.rate, channels: map.channels })
        } else {
            None
        }
    }

    /// Samples a second of a channel.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 => 16_000,
            Self::L16 { rate, .. } => rate,
        }
    }

    /// Units a second of timestamps; for G.722 half of the samples (RFC 3551 §4.5.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::G722 => 8_000,
            _ => self.sample_rate(),
        }
    }

    /// Channels.
    pub const fn channels(self) -> u8 {
        if let Self::L16 { channels, .. } = self { channels } else { 1 }
    }

    /// Samples of all channels in so many milliseconds.
    pub const fn samples(self, ms: u32) -> usize {
        (self.sample_rate() / 1_000 * ms) as usize * self.channels() as usize
    }

    /// Octets of payload for so many milliseconds.
    pub const fn octets(self, ms: u32) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8 * ms as usize,
            Self::L16 { .. } => self.samples(ms) * 2,
        }
    }

    /// Units of timestamps that a payload of so many octets lasts.
    pub const fn duration(self, octets: usize) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => octets as u32,
            Self::L16 { channels, .. } => {
                let channels = if channels > 1 { channels as u32 } else { 1 };
                octets as u32 / 2 / channels
            }
        }
    }

    /// What it costs in quality when losses are concealed.
    pub const fn impairment(self) -> Impairment {
        match self {
            Self::Pcmu | Self::Pcma => Impairment::G711_CONCEALED,
            Self::G722 => Impairment::G722,
            Self::L16 { rate, .. } => Impairment { is_wide: rate >= 16_000, ..Impairment::G711_CONCEALED },
        }
    }

    /// An encoder at its start.
    pub fn encoder(self) -> Encoder {
        match self {
            Self::Pcmu => Encoder::Pcmu,
            Self::Pcma => Encoder::Pcma,
            Self::G722 => Encoder::G722(g722::Encoder::new()),
            Self::L16 { .. } => Encoder::L16,
        }
    }

    /// A decoder at its start.
    pub fn decoder(self) -> Decoder {
        match self {
            Self::Pcmu => Decoder::Pcmu,
            Self::Pcma => Decoder::Pcma,
            Self::G722 => Decoder::G722(g722::Decoder::new()),
            Self::L16 { .. } => Decoder::L16,
        }
    }
}

/// Sound to payload, with what the codec remembers of the sound before.
#[derive(Debug)]
pub enum Encoder {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722(g722::Encoder),
    /// 16 bits.
    L16,
}

impl Encoder {
    /// Writes the payload of these samples behind what stands in `out`. G.722 takes samples by pairs: an odd last one is
    /// left out.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        match self {
            Self::Pcmu => out.extend(samples.iter().map(|sample| g711::to_ulaw(*sample))),
            Self::Pcma => out.extend(samples.iter().map(|sample| g711::to_alaw(*sample))),
            Self::G722(state) => state.encode(samples, out),
            Self::L16 => l16::encode(samples, out),
        }
    }
}

/// Payload to sound, with what the codec remembers of the payload before.
#[derive(Debug)]
pub enum Decoder {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722(g722::Decoder),
    /// 16 bits.
    L16,
}

impl Decoder {
    /// Writes the samples of this payload behind what stands in `out`. Any octets are sound, if only noise; an octet too
    /// many of 16 bits is left out.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::Pcmu => out.extend(payload.iter().map(|octet| g711::of_ulaw(*octet))),
            Self::Pcma => out.extend(payload.iter().map(|octet| g711::of_alaw(*octet))),
            Self::G722(state) => state.decode(payload, out),
            Self::L16 => l16::decode(payload, out),
        }
    }
}
