//! What callers are to hear, as WAV files that the rig compares recordings with.

use prompt::{Language, Piece, Sentence};
use rtp::codec::Codec;
use rtp::resample::Resampler;
use rtp::wav::{Encoding, Form, header};

/// Sentences as the exchange speaks them, at the rate of G.711.
pub fn sentences(language: Language, said: &[Sentence<'_>]) -> Vec<u8> {
    let mut samples = Vec::new();
    for piece in said.iter().flat_map(|sentence| language.say(sentence)) {
        let Piece::Clip(clip) = piece else { panic!("{said:?} holds a recording") };
        Codec::G722.decoder().decode(language.clip_sound(clip), &mut samples);
    }
    let mut narrow = Vec::new();
    Resampler::new(Codec::G722.sample_rate(), RATE).resample(&samples, &mut narrow);
    wav(&narrow)
}

/// A greeting that an administrator made: tones that nothing else here has, for three seconds.
pub fn greeting(seed: u32) -> Vec<u8> {
    let mut samples = Vec::new();
    let (mut state, mut phase) = (seed, 0.0_f64);
    for _ in 0..STEPS {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hz = 300.0 + f64::from(state >> 16 & 0xff) * 10.0;
        for _ in 0..RATE / STEPS_A_SECOND {
            phase += std::f64::consts::TAU * hz / f64::from(RATE);
            samples.push((phase.sin() * 12_000.0) as i16);
        }
    }
    wav(&samples)
}

fn wav(samples: &[i16]) -> Vec<u8> {
    let form = Form { encoding: Encoding::Pcm16, sample_rate: RATE, channels: 1 };
    let mut file = header(&form, Some(samples.len() as u32 * 2));
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

const RATE: u32 = 8_000;
const STEPS_A_SECOND: u32 = 10;
const STEPS: u32 = 30;
