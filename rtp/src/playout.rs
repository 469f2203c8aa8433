//! From packets to sound: jitter buffer, decoder and concealment of one stream, asked for samples when they are due.

use std::collections::VecDeque;
use std::time::Instant;

use crate::codec::{Codec, Decoder};
use crate::conceal::Concealer;
use crate::jitter::{Config, Figures, Inserted, JitterBuffer, Played};
use crate::packet::Packet;

/// The sound of one stream of one channel.
#[derive(Debug)]
pub struct Playout {
    codec: Codec,
    decoder: Decoder,
    buffer: JitterBuffer,
    concealer: Concealer,
    ready: VecDeque<i16>,
    decoded: Vec<i16>,
    is_silent: bool,
}

impl Playout {
    /// A stream of this codec.
    pub fn new(codec: Codec, config: Config) -> Self {
        Self {
            codec,
            decoder: codec.decoder(),
            buffer: JitterBuffer::new(codec.clock_rate(), config),
            concealer: Concealer::new(codec.sample_rate()),
            ready: VecDeque::new(),
            decoded: Vec::new(),
            is_silent: true,
        }
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a packet of its codec that came now.
    pub fn receive(&mut self, now: Instant, packet: &Packet<'_>) -> Inserted {
        let duration = self.codec.duration(packet.payload.len()).max(1);
        self.buffer.insert(now, &packet.header, packet.payload, duration)
    }

    /// A packet of another kind came in the stream: a digit, comfort noise.
    pub fn other(&mut self) {
        self.buffer.other();
    }

    /// Fills `out` with what is heard now, at the codec's sample rate. True when it is sound, false when nobody speaks.
    pub fn fill(&mut self, now: Instant, out: &mut [i16]) -> bool {
        let mut is_sound = !self.ready.is_empty();
        while self.ready.len() < out.len() {
            is_sound |= self.more(now, out.len() - self.ready.len());
        }
        let wanted = out.len();
        for (sample, ready) in out.iter_mut().zip(self.ready.drain(..wanted)) {
            *sample = ready;
        }
        is_sound
    }

    /// What the buffer has come to.
    pub fn figures(&self, now: Instant) -> Figures {
        self.buffer.figures(now)
    }

    /// Adds at least one sample to what is ready; of silence, as many as are asked for.
    fn more(&mut self, now: Instant, wanted: usize) -> bool {
        self.decoded.clear();
        match self.buffer.play(now) {
            Played::Packet(frame) => {
                self.decoder.decode(&frame.payload, &mut self.decoded);
                if self.decoded.is_empty() {
                    self.decoded.resize(wanted, 0);
                }
                self.concealer.heard(&mut self.decoded);
                self.is_silent = false;
            }
            Played::Missing(units) => {
                let samples = u64::from(units) * u64::from(self.codec.sample_rate());
                let samples = samples / u64::from(self.codec.clock_rate().max(1));
                self.decoded.resize((samples as usize).clamp(1, SAMPLES_MAX), 0);
                self.concealer.conceal(&mut self.decoded);
            }
            Played::Silence => {
                self.decoded.resize(wanted, 0);
                if !self.is_silent {
                    // The first silence after sound fades, so that it does not click.
                    self.concealer.conceal(&mut self.decoded);
                    self.concealer.reset();
                    self.is_silent = true;
                }
                self.ready.extend(&self.decoded);
                return false;
            }
        }
        self.ready.extend(&self.decoded);
        true
    }
}

/// More is never concealed at once.
const SAMPLES_MAX: usize = 48_000;

#[cfg(test)]
#[path = "playout/tests.rs"]
mod tests;
