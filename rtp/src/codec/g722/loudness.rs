//! How loud a payload of G.722 is, without decoding it. The codes alone move the steps of the two quantizers (ITU-T
//! G.722, blocks 3L and 3H): an addition and a look-up an octet for each, where a decoder has two predictors to adapt
//! and a filter to run. A step forgets half of what was in 11 ms, so that packets may be left out.

/// The steps of both bands: logarithms to the base of two, times 2048, of how many least steps of that band they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loudness {
    low: i32,
    high: i32,
}

impl Loudness {
    /// Takes a payload; gives the larger step at its end, in units of 16-bit samples. A step follows what the predictors
    /// could not foretell: it is 64 for silence, about as large as noise is loud, and less than a steady tone.
    pub fn hear(&mut self, payload: &[u8]) -> u32 {
        for octet in payload {
            let (low, high) = (LOW[usize::from((octet >> 2) & 0x0f)], HIGH[usize::from(octet >> 6)]);
            self.low = (((self.low * 127) >> 7) + low).clamp(0, LOW_MAX);
            self.high = (((self.high * 127) >> 7) + high).clamp(0, HIGH_MAX);
        }
        // Two to the power of it, in straight pieces.
        let power = self.low.max(self.high - BETWEEN) as u32;
        ((LEAST * (2048 + power % 2048)) << (power / 2048)) / 2048
    }
}

/// What each code of the lower band, its first four bits, adds to the logarithm (W_L of I_L4).
const LOW: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// What each code of the higher band adds (W_H of I_H).
const HIGH: [i32; 4] = [798, -214, 798, -214];
const LOW_MAX: i32 = 18_432;
const HIGH_MAX: i32 = 22_528;
/// The least step of the higher band is a quarter of the lower band's.
const BETWEEN: i32 = 2 * 2048;
/// The least step of the lower band.
const LEAST: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, g722};

    /// A second of a sound, as packets of 20 ms.
    fn packets(mut sound: impl FnMut(f64) -> f64) -> Vec<Vec<u8>> {
        let (mut encoder, mut octets) = (Codec::G722.encoder(), Vec::new());
        let samples: Vec<i16> = (0..16_000).map(|n| sound(f64::from(n) / 16_000.0) as i16).collect();
        encoder.encode(&samples, &mut octets);
        octets.chunks(160).map(<[u8]>::to_vec).collect()
    }

    fn tone(hz: f64, peak: f64) -> Vec<Vec<u8>> {
        packets(|at| peak * (at * hz * std::f64::consts::TAU).sin())
    }

    /// White noise, and such as has less of the high sounds, as speech has.
    fn noise(peak: f64, is_soft: bool) -> Vec<Vec<u8>> {
        let (mut seed, mut last) = (1_u32, 0.0);
        packets(move |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = f64::from(seed >> 8) / f64::from(1 << 23) - 1.0;
            last += if is_soft { (3.0 * white - last) / 10.0 } else { white - last };
            last * peak
        })
    }

    /// What is heard from a third of a second on, in each packet and in one of eight: the least and the most.
    fn heard(packets: &[Vec<u8>]) -> [u32; 4] {
        let hear = |one_of: usize| {
            let mut loudness = Loudness::default();
            let all: Vec<u32> = packets.iter().step_by(one_of).map(|packet| loudness.hear(packet)).collect();
            let later = &all[16 / one_of..];
            [*later.iter().min().expect("a second"), *later.iter().max().expect("a second")]
        };
        let ([low, high], [low_of_some, high_of_some]) = (hear(1), hear(8));
        [low, high, low_of_some, high_of_some]
    }

    #[test]
    fn silence_is_told_from_tones_and_noise_by_every_packet_and_by_one_of_eight() {
        for (what, packets, least, most) in [
            ("silence", packets(|_| 0.0), 64, 200),
            ("the last bit", noise(2.0, false), 64, 200),
            ("hiss at -70 dB", noise(16.0, false), 64, 240),
            ("soft noise at -50 dB", noise(200.0, true), 300, 1_000),
            ("soft noise at -30 dB", noise(2_000.0, true), 2_500, 8_000),
            ("noise at -20 dB", noise(6_000.0, false), 10_000, 32_768),
            ("440 Hz at -23 dB", tone(440.0, 3_276.0), 600, 2_000),
            ("1 kHz at -23 dB", tone(1_000.0, 3_276.0), 2_000, 6_000),
            ("5 kHz at -23 dB", tone(5_000.0, 3_276.0), 1_200, 16_000),
        ] {
            let heard = heard(&packets);
            assert!(heard.iter().all(|step| (least..=most).contains(step)), "{what}: {heard:?}");
        }
    }

    #[test]
    fn no_payload_is_out_of_range() {
        let mut loudness = Loudness::default();
        for octet in 0..=255 {
            let step = loudness.hear(&[octet; 400]);
            assert!((64..=32_768).contains(&step), "{octet:02x}: {step}");
        }
    }

    /// What was before, of which nothing is known, is forgotten.
    #[test]
    fn the_end_of_silence_is_heard_in_its_first_packet_and_its_start_in_the_third() {
        let (silent, loud) = (packets(|_| 0.0), noise(2_000.0, true));
        let mut loudness = Loudness::default();
        loudness.hear(&silent[20]);
        assert!(loudness.hear(&loud[20]) > 1_000);
        let steps: Vec<u32> = silent[20..23].iter().map(|packet| loudness.hear(packet)).collect();
        assert!(steps[0] > steps[1] && steps[2] < 200, "{steps:?}");
    }

    #[test]
    fn a_decoder_agrees_that_what_is_heard_as_silence_is() {
        let mut decoder = g722::Decoder::new();
        let mut samples = Vec::new();
        for packet in packets(|_| 0.0) {
            decoder.decode(&packet, &mut samples);
        }
        assert!(samples.iter().all(|sample| sample.unsigned_abs() < 40), "{:?}", samples.iter().max());
    }
}
