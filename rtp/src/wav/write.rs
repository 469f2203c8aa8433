//! Writing a WAV file.

use super::Encoding;

/// What a file is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How samples are written.
    pub encoding: Encoding,
    /// Samples a second of a channel.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u8,
}

impl Form {
    /// Octets of a second of sound.
    pub const fn octets_a_second(&self) -> u32 {
        self.sample_rate * self.frame_octets() as u32
    }

    const fn frame_octets(&self) -> u16 {
        (self.encoding.sample_octets() * self.channels as usize) as u16
    }
}

/// The header of a file with so many octets of samples; nothing, while it is being recorded: then it is read to its end.
/// Samples follow at once. Its length is the same for any number of octets, so that it can be written again.
pub fn header(form: &Form, octets: Option<u32>) -> Vec<u8> {
    let tag: u16 = match form.encoding {
        Encoding::Pcm16 => 1,
        Encoding::Alaw => 6,
        Encoding::Ulaw => 7,
    };
    let bits = form.encoding.sample_octets() as u16 * 8;
    let mut out = Vec::with_capacity(HEADER_OCTETS);
    out.extend_from_slice(b"RIFF");
    let whole =
        octets.map_or(u32::MAX, |octets| octets.saturating_add(HEADER_OCTETS as u32 - 8 + octets % 2));
    out.extend_from_slice(&whole.to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&18_u32.to_le_bytes());
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&u16::from(form.channels).to_le_bytes());
    out.extend_from_slice(&form.sample_rate.to_le_bytes());
    out.extend_from_slice(&form.octets_a_second().to_le_bytes());
    out.extend_from_slice(&form.frame_octets().to_le_bytes());
    out.extend_from_slice(&bits.to_le_bytes());
    out.extend_from_slice(&0_u16.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&octets.unwrap_or(u32::MAX).to_le_bytes());
    debug_assert_eq!(out.len(), HEADER_OCTETS);
    out
}

/// Where a file's lengths stand and what they are when it is finished: its place and its octets, twice.
pub fn patch(octets: u32) -> [(u64, [u8; 4]); 2] {
    let whole = octets.saturating_add(HEADER_OCTETS as u32 - 8 + octets % 2);
    [(4, whole.to_le_bytes()), (HEADER_OCTETS as u64 - 4, octets.to_le_bytes())]
}

const HEADER_OCTETS: usize = 46;
