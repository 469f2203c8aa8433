//! From the codec of one leg to that of another, packet by packet.

use rtp::codec::{Codec, Decoder, Encoder};
use rtp::resample::Resampler;

/// One direction between two legs.
#[derive(Debug)]
pub(super) struct Transcoder {
    from: Codec,
    to: Codec,
    decoder: Decoder,
    resampler: Option<Resampler>,
    encoder: Encoder,
}

impl Transcoder {
    pub fn new(from: Codec, to: Codec) -> Self {
        let (rate, other) = (from.sample_rate(), to.sample_rate());
        let resampler = (rate != other).then(|| Resampler::new(rate, other));
        Transcoder { from, to, decoder: from.decoder(), resampler, encoder: to.encoder() }
    }

    /// True when it is the one between these.
    pub fn is_between(&self, from: Codec, to: Codec) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Writes what a payload becomes behind what stands in `out`. `samples` and `resampled` are room.
    pub fn transcode(&mut self, payload: &[u8], [samples, resampled]: [&mut Vec<i16>; 2], out: &mut Vec<u8>) {
        samples.clear();
        self.decoder.decode(payload, samples);
        let Some(resampler) = &mut self.resampler else { return self.encoder.encode(samples, out) };
        resampled.clear();
        resampler.resample(samples, resampled);
        self.encoder.encode(resampled, out);
    }
}
