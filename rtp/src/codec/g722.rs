//! G.722 at 64 kbit/s, by the `audio-codec` crate: 16,000 samples a second, an octet for two of them.

mod loudness;

use std::fmt;

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};

pub use loudness::Loudness;

/// An encoder with its state.
pub struct Encoder(Box<G722Encoder>);

impl Encoder {
    pub(super) fn new() -> Self {
        Self(Box::new(G722Encoder::new()))
    }

    pub(super) fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let (pairs, start) = (samples.len() / 2, out.len());
        out.resize(start + self.0.max_encode_bytes(pairs * 2), 0);
        let written = self.0.encode_into(&samples[..pairs * 2], &mut out[start..]).unwrap_or(0);
        out.truncate(start + written);
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Encoder(G722)")
    }
}

/// A decoder with its state.
pub struct Decoder(Box<G722Decoder>);

impl Decoder {
    pub(super) fn new() -> Self {
        Self(Box::new(G722Decoder::new()))
    }

    pub(super) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        let start = out.len();
        out.resize(start + self.0.max_decode_samples(payload.len()), 0);
        let written = self.0.decode_into(payload, &mut out[start..]).unwrap_or(0);
        out.truncate(start + written);
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Decoder(G722)")
    }
}
