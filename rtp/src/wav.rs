//! Files of sound: WAV with 16 bits, µ-law or A-law, read and written, and µ-law and A-law without a header. What cannot
//! be read is refused with a reason that tells its owner what to do.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::Wav;
pub use write::{Form, header, patch};

use crate::codec::g711;

/// How samples are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 16 bits, least significant octet first.
    Pcm16,
    /// G.711 µ-law.
    Ulaw,
    /// G.711 A-law.
    Alaw,
}

impl Encoding {
    /// How a file without a header is written, by what its name ends with; always 8,000 samples a second of one channel.
    pub fn of_raw(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "ul" | "ulaw" | "mulaw" | "pcmu" => Some(Self::Ulaw),
            "al" | "alaw" | "pcma" => Some(Self::Alaw),
            _ => None,
        }
    }

    /// Octets of a sample.
    pub const fn sample_octets(self) -> usize {
        if matches!(self, Self::Pcm16) { 2 } else { 1 }
    }

    /// Writes the samples of these octets behind what stands in `out`.
    pub fn decode(self, octets: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::Pcm16 => out.extend(octets.as_chunks().0.iter().map(|two| i16::from_le_bytes(*two))),
            Self::Ulaw => out.extend(octets.iter().map(|octet| g711::of_ulaw(*octet))),
            Self::Alaw => out.extend(octets.iter().map(|octet| g711::of_alaw(*octet))),
        }
    }

    /// Writes the octets of these samples behind what stands in `out`.
    pub fn encode(self, samples: &[i16], out: &mut Vec<u8>) {
        match self {
            Self::Pcm16 => out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
            Self::Ulaw => out.extend(samples.iter().map(|sample| g711::to_ulaw(*sample))),
            Self::Alaw => out.extend(samples.iter().map(|sample| g711::to_alaw(*sample))),
        }
    }
}

/// Limits on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest sound in seconds. Default 3,600.
    pub seconds_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { seconds_max: 3_600 }
    }
}

/// Why a file is not taken. Each says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// It is of another kind, whatever its name ends with.
    #[error(
        "this is {0}, not a WAV file; convert it: ffmpeg -i FILE -ar 16000 -ac 1 -sample_fmt s16 NEW.wav"
    )]
    Kind(&'static str),
    /// It is none that we know.
    #[error("this is not a WAV file: it does not begin with RIFF and WAVE")]
    Unknown,
    /// Its samples are written in another way.
    #[error(
        "its samples are {0}; convert it to 16 bits: ffmpeg -i FILE -ar 16000 -ac 1 -sample_fmt s16 NEW.wav"
    )]
    Samples(&'static str),
    /// It ends before its header does.
    #[error("the file is cut off: {0} is missing; copy or export it again")]
    Cut(&'static str),
    /// What its header says cannot be.
    #[error("its header is wrong: {0}; export it again")]
    Header(&'static str),
    /// No channel, or more than two.
    #[error("it has {0} channels; mix it down to one: ffmpeg -i FILE -ac 1 NEW.wav")]
    Channels(u16),
    /// A sample rate that is not between 8,000 and 48,000.
    #[error("it has {0} samples a second, not 8000 to 48000; convert it: ffmpeg -i FILE -ar 16000 NEW.wav")]
    Rate(u32),
    /// It is too long.
    #[error("it lasts {seconds} s, longer than the {max} s of seconds_max")]
    Long {
        /// How long it lasts in seconds.
        seconds: u32,
        /// How long it may last.
        max: u32,
    },
}
