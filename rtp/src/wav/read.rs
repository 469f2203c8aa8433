//! Reading a WAV file.

use super::{Encoding, Limits, Refused};

/// A WAV file that was read: what it is, and its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wav<'a> {
    /// How its samples are written.
    pub encoding: Encoding,
    /// Samples a second of a channel.
    pub sample_rate: u32,
    /// Channels, 1 or 2.
    pub channels: u8,
    /// The samples, channels side by side, whole ones alone.
    pub octets: &'a [u8],
}

impl<'a> Wav<'a> {
    /// Reads a file. One whose length was never written, because who recorded it was stopped, is read to its end.
    pub fn read(file: &'a [u8], limits: &Limits) -> Result<Self, Refused> {
        if file.is_empty() {
            return Err(Refused::Empty);
        }
        let Some((b"RIFF", rest)) = file.split_first_chunk::<4>() else { return Err(kind(file)) };
        let Some(mut rest) = rest.get(4..).and_then(|rest| rest.strip_prefix(b"WAVE")) else {
            return Err(if file.len() < 12 { Refused::Cut("its header") } else { Refused::Unknown });
        };
        let mut format = None;
        loop {
            let Some((head, body)) = rest.split_first_chunk::<8>() else {
                return Err(Refused::Cut(if format.is_some() { "its sound" } else { "its format" }));
            };
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            let size = usize::try_from(length).unwrap_or(usize::MAX);
            match (&head[..4], format) {
                (b"fmt ", _) => {
                    let own = body.get(..size).ok_or(Refused::Cut("its format"))?;
                    format = Some(Format::read(own)?);
                }
                (b"data", Some(format)) => {
                    let is_unfinished = length == 0 || length == u32::MAX;
                    let size = if is_unfinished { body.len() } else { size };
                    // Many tools cut a file without writing the length anew.
                    return format.wav(&body[..size.min(body.len())], limits);
                }
                (b"data", None) => return Err(Refused::Header("the sound stands before the format")),
                _ => {}
            }
            // Chunks begin at even places.
            let next = size.saturating_add(size % 2);
            rest = body.get(next..).unwrap_or_default();
        }
    }

    /// All its samples, channels side by side.
    pub fn samples(&self) -> Vec<i16> {
        let mut samples = Vec::with_capacity(self.octets.len() / self.encoding.sample_octets());
        self.encoding.decode(self.octets, &mut samples);
        samples
    }

    /// All its samples as one channel: of two, the mean.
    pub fn mono(&self) -> Vec<i16> {
        let samples = self.samples();
        if self.channels < 2 {
            return samples;
        }
        let mean = |two: &[i16; 2]| i32::midpoint(i32::from(two[0]), i32::from(two[1])) as i16;
        samples.as_chunks().0.iter().map(mean).collect()
    }
}

/// What a `fmt ` chunk says.
#[derive(Debug, Clone, Copy)]
struct Format {
    encoding: Encoding,
    sample_rate: u32,
    channels: u8,
}

impl Format {
    fn read(own: &[u8]) -> Result<Self, Refused> {
        let fixed: &[u8; 16] = own.first_chunk().ok_or(Refused::Header("its format is too short"))?;
        let two = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let (mut tag, channels, bits) = (two(0), two(2), two(14));
        let sample_rate = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
        if tag == EXTENSIBLE {
            // The real one stands in the first octets of a longer name.
            let sub = own.get(24..26).ok_or(Refused::Header("its format is too short"))?;
            tag = u16::from_le_bytes([sub[0], sub[1]]);
        }
        let encoding = match (tag, bits) {
            (1, 16) => Encoding::Pcm16,
            (7, _) => Encoding::Ulaw,
            (6, _) => Encoding::Alaw,
            (1, 8) => return Err(Refused::Samples("of 8 bits")),
            (1, 24) => return Err(Refused::Samples("of 24 bits")),
            (1, 32) => return Err(Refused::Samples("of 32 bits")),
            (3, _) => return Err(Refused::Samples("floating-point numbers")),
            (2 | 17, _) => return Err(Refused::Samples("compressed as ADPCM")),
            (0x31, _) => return Err(Refused::Samples("compressed as GSM")),
            (0x50 | 0x55, _) => return Err(Refused::Samples("compressed as MPEG audio")),
            _ => return Err(Refused::Samples("of a kind that is not known here")),
        };
        if !(1..=2).contains(&channels) {
            return Err(Refused::Channels(channels));
        }
        if !(8_000..=48_000).contains(&sample_rate) {
            return Err(Refused::Rate(sample_rate));
        }
        Ok(Self { encoding, sample_rate, channels: channels as u8 })
    }

    fn wav<'a>(self, octets: &'a [u8], limits: &Limits) -> Result<Wav<'a>, Refused> {
        let Self { encoding, sample_rate, channels } = self;
        let frame = encoding.sample_octets() * usize::from(channels);
        let frames = octets.len() / frame;
        if frames == 0 {
            return Err(Refused::Empty);
        }
        let seconds = (frames as u64 / u64::from(sample_rate)) as u32;
        if seconds > limits.seconds_max {
            return Err(Refused::Long { seconds, max: limits.seconds_max });
        }
        Ok(Wav { encoding, sample_rate, channels, octets: &octets[..frames * frame] })
    }
}

/// What a file is that is no WAV, by its first octets.
fn kind(file: &[u8]) -> Refused {
    match file {
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => Refused::Kind("an MP3 file"),
        [b'O', b'g', b'g', b'S', ..] => Refused::Kind("an OGG file"),
        [b'f', b'L', b'a', b'C', ..] => Refused::Kind("a FLAC file"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Refused::Kind("an MP4 or M4A file"),
        [b'F', b'O', b'R', b'M', ..] => Refused::Kind("an AIFF file"),
        [b'.', b's', b'n', b'd', ..] => Refused::Kind("an AU file"),
        [b'R', b'F', b'6', b'4', ..] => Refused::Kind("a file of more than 4 GB"),
        [b'#', b'!', b'A', b'M', b'R', ..] => Refused::Kind("an AMR file"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Refused::Kind("a WebM file"),
        [b'<', ..] => Refused::Kind("a web page"),
        _ => Refused::Unknown,
    }
}

/// WAVE_FORMAT_EXTENSIBLE.
const EXTENSIBLE: u16 = 0xfffe;
