//! WAV and what is in it, as samples of one channel.

use rtp::codec::g711;

/// Samples of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Samples {
    /// How many a second.
    pub rate: u32,
    /// 16 bits each.
    pub samples: Vec<i16>,
}

/// Reads a WAV: linear with 8, 16, 24 or 32 bits, µ-law or A-law, any rate, any number of channels, which are mixed.
/// The error is a sentence for the log.
pub(super) fn read(octets: &[u8]) -> Result<Samples, String> {
    if octets.get(..4) != Some(b"RIFF") || octets.get(8..12) != Some(b"WAVE") {
        return Err(guess(octets).to_owned());
    }
    let mut rest = &octets[12..];
    let mut format = None;
    while let (Some(name), Some(length)) =
        (rest.first_chunk::<4>(), rest.get(4..8).and_then(|four| four.first_chunk()))
    {
        let length = u32::from_le_bytes(*length) as usize;
        // A file whose writer was interrupted says more than there is.
        let end = length.saturating_add(8).min(rest.len());
        let chunk = &rest[8..end];
        match name {
            b"fmt " => format = Some(Format::read(chunk)?),
            b"data" => return format.ok_or("the WAV does not say what is in it")?.samples(chunk),
            _ => {}
        }
        rest = rest.get(end + length % 2..).unwrap_or_default();
    }
    Err("the WAV holds no sound".to_owned())
}

/// What a file is that is no WAV.
fn guess(octets: &[u8]) -> &'static str {
    match octets {
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => {
            "this is an MP3, which cannot be played yet; convert it: sox FILE.mp3 -r 16000 -c 1 FILE.wav"
        }
        [b'O', b'g', b'g', b'S', ..] => {
            "this is OGG, which cannot be played yet; convert it: sox FILE.ogg -r 16000 -c 1 FILE.wav"
        }
        [b'f', b'L', b'a', b'C', ..] => {
            "this is FLAC, which cannot be played yet; convert it: sox FILE.flac -r 16000 -c 1 FILE.wav"
        }
        [] => "the file is empty",
        _ => "this is no WAV",
    }
}

#[derive(Debug, Clone, Copy)]
struct Format {
    coding: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Format, String> {
        let two = |at: usize| chunk.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let four = chunk.get(4..8).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let (Some(coding), Some(channels), Some(rate), Some(bits)) = (two(0), two(2), four, two(14)) else {
            return Err("the WAV does not say what is in it".to_owned());
        };
        // The extensible form says the coding further behind.
        let coding = if coding == 0xfffe { two(24).unwrap_or(coding) } else { coding };
        if channels == 0 || !(4000..=192_000).contains(&rate) {
            return Err(format!("{channels} channels at {rate} Hz cannot be played"));
        }
        Ok(Format { coding, channels, rate, bits })
    }

    fn samples(self, chunk: &[u8]) -> Result<Samples, String> {
        let one: fn(&[u8]) -> i16 = match (self.coding, self.bits) {
            (1, 8) => |octets| (i16::from(octets[0]) - 128) << 8,
            (1, 16 | 24 | 32) => {
                |octets| i16::from_le_bytes([octets[octets.len() - 2], octets[octets.len() - 1]])
            }
            (6, 8) => |octets| g711::of_alaw(octets[0]),
            (7, 8) => |octets| g711::of_ulaw(octets[0]),
            (3, 32) => |octets| {
                let sample = f32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]]);
                // Saturates at the ends of the range.
                (sample * 32_767.0) as i16
            },
            (coding, bits) => {
                return Err(format!("a WAV with coding {coding} of {bits} bits cannot be played"));
            }
        };
        let width = usize::from(self.bits / 8);
        let mixed = chunk.chunks_exact(width * usize::from(self.channels)).map(|frame| {
            let sum: i32 = frame.chunks_exact(width).map(|octets| i32::from(one(octets))).sum();
            (sum / i32::from(self.channels)) as i16
        });
        Ok(Samples { rate: self.rate, samples: mixed.collect() })
    }
}

#[cfg(test)]
pub(super) fn write(coding: u16, channels: u16, rate: u32, bits: u16, sound: &[u8]) -> Vec<u8> {
    let mut octets = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    for two in [coding, channels] {
        octets.extend(two.to_le_bytes());
    }
    octets.extend(rate.to_le_bytes());
    octets.extend([0; 6]);
    octets.extend(bits.to_le_bytes());
    octets.extend(b"data");
    octets.extend((sound.len() as u32).to_le_bytes());
    octets.extend(sound);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_coding_is_read_and_channels_are_mixed() {
        for (coding, channels, bits, sound, wanted) in [
            (1, 1, 16, &[1, 0, 0xff, 0xff][..], &[1, -1][..]),
            (1, 2, 16, &[2, 0, 4, 0, 6, 0, 8, 0], &[3, 7]),
            (1, 1, 8, &[128, 255, 0], &[0, 127 << 8, -32_768]),
            (1, 1, 24, &[9, 1, 0], &[1]),
            (1, 1, 32, &[9, 9, 1, 0], &[1]),
            (3, 1, 32, &[0, 0, 128, 63], &[32_767]),
            (7, 1, 8, &[0xff], &[0]),
            (6, 1, 8, &[0xd5], &[8]),
            (1, 1, 16, &[1, 0, 7], &[1]),
        ] {
            let read = read(&write(coding, channels, 8000, bits, sound)).expect("it can be read");
            assert_eq!((read.rate, &read.samples[..]), (8000, wanted), "{coding} {channels} {bits}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_played_is_refused_with_its_reason() {
        for (octets, said) in [
            (b"ID3\x04".to_vec(), "this is an MP3"),
            (b"OggS".to_vec(), "this is OGG"),
            (b"fLaC".to_vec(), "this is FLAC"),
            (Vec::new(), "the file is empty"),
            (b"text".to_vec(), "this is no WAV"),
            (write(2, 1, 8000, 4, &[]), "coding 2 of 4 bits"),
            (write(1, 0, 8000, 16, &[]), "0 channels"),
            (b"RIFF\0\0\0\0WAVE".to_vec(), "holds no sound"),
            (b"RIFF\0\0\0\0WAVEdata\xff\xff\xff\xff".to_vec(), "does not say"),
        ] {
            let refused = read(&octets).expect_err("it cannot be played");
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn what_was_cut_off_is_played_as_far_as_it_goes() {
        let whole = write(1, 1, 8000, 16, &[1, 0, 2, 0, 3, 0]);
        assert_eq!(read(&whole[..whole.len() - 2]).expect("two samples").samples, [1, 2]);
        for length in 0..whole.len() {
            let _ = read(&whole[..length]);
        }
    }
}
