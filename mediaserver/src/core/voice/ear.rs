//! What comes of a stream as even sound: 20 ms each time, whatever the network and the codec do.

use std::time::Instant;

use rtp::codec::Codec;
use rtp::jitter;
use rtp::packet::Packet;
use rtp::playout::Playout;
use rtp::resample::Resampler;

/// One side of a call.
#[derive(Debug)]
pub(super) struct Ear {
    /// Samples a second of what it gives.
    rate: u32,
    playout: Option<Playout>,
    /// Where what is heard has another rate.
    resampler: Option<(u32, Resampler)>,
    decoded: Vec<i16>,
    heard: Vec<i16>,
}

impl Ear {
    pub fn new(rate: u32) -> Self {
        Ear { rate, playout: None, resampler: None, decoded: Vec::new(), heard: Vec::new() }
    }

    /// Takes a packet of this codec; without one it holds no sound (a digit, comfort noise).
    pub fn take(&mut self, now: Instant, codec: Option<Codec>, packet: &Packet<'_>) {
        let Some(codec) = codec else {
            if let Some(playout) = &mut self.playout {
                playout.other();
            }
            return;
        };
        let playout = self.playout.take().filter(|playout| playout.codec() == codec);
        let playout = playout.unwrap_or_else(|| Playout::new(codec, jitter::Config::default()));
        self.playout.insert(playout).receive(now, packet);
    }

    /// The next 20 ms.
    pub fn hear(&mut self, now: Instant) -> &[i16] {
        let rate = self.playout.as_ref().map_or(self.rate, |playout| playout.codec().sample_rate());
        self.decoded.clear();
        self.decoded.resize(rate as usize / 50, 0);
        if let Some(playout) = &mut self.playout {
            playout.fill(now, &mut self.decoded);
        }
        self.give(rate)
    }

    /// The next 20 ms, where what is played goes before what comes.
    pub fn hear_played(&mut self, now: Instant, played: Option<(u32, &[i16])>) -> &[i16] {
        let Some((rate, played)) = played else { return self.hear(now) };
        self.decoded.clear();
        self.decoded.extend_from_slice(played);
        self.give(rate)
    }

    fn give(&mut self, rate: u32) -> &[i16] {
        self.heard.clear();
        if rate == self.rate {
            self.heard.extend_from_slice(&self.decoded);
        } else {
            let known = self.resampler.take().filter(|(from, _)| *from == rate);
            let known = known.unwrap_or_else(|| (rate, Resampler::new(rate, self.rate)));
            self.resampler.insert(known).1.resample(&self.decoded, &mut self.heard);
        }
        // All rates here are whole in 20 ms; both channels go in step whatever they become.
        self.heard.resize(self.rate as usize / 50, 0);
        &self.heard
    }
}
