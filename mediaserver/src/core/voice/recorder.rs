//! A leg as it is heard, 20 ms at a time, until it is enough.

use std::time::{Duration, Instant};

use proto::media::{Ended, Leg, Record};
use rtp::codec::Codec;
use rtp::jitter;
use rtp::packet::Packet;
use rtp::playout::Playout;
use rtp::tone::{self, Tone};

use crate::core::{Out, Recorded};

/// A recorder at work.
#[derive(Debug)]
pub(super) struct Recorder {
    id: u32,
    /// By what the machine knows the recording.
    key: u64,
    codec: (Codec, u8),
    playout: Playout,
    beep: Option<Beep>,
    /// What has not been written yet; at most a second.
    buffer: Vec<i16>,
    samples: usize,
    samples_max: usize,
    /// Samples of silence until now.
    quiet: usize,
    quiet_max: Option<usize>,
    stop_digits: String,
}

/// The tone before a recording.
#[derive(Debug)]
struct Beep {
    tone: Tone,
    left: usize,
}

impl Recorder {
    pub fn new(ask: &Record<'_>, key: u64, codec: (Codec, u8)) -> Self {
        let beep = || Beep { tone: Tone::new(RATE, &[(BEEP_HZ, -13.0)]), left: BEEP_FRAMES };
        Recorder {
            id: ask.id,
            key,
            codec,
            playout: Playout::new(codec.0, jitter::Config::default()),
            beep: ask.beep.then(beep),
            buffer: Vec::with_capacity(SECOND),
            samples: 0,
            samples_max: samples(ask.max).max(1),
            quiet: 0,
            quiet_max: ask.silence.map(samples),
            stop_digits: ask.stop_digits.to_owned(),
        }
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// True when this digit ends it.
    pub fn stops_on(&self, digit: char) -> bool {
        self.stop_digits.contains(digit)
    }

    /// Takes a packet of the leg.
    pub fn take(&mut self, now: Instant, packet: &Packet<'_>) {
        if packet.header.payload_type == self.codec.1 {
            self.playout.receive(now, packet);
        } else {
            self.playout.other();
        }
    }

    /// What the leg hears of it: 20 ms of the tone, while that lasts.
    pub fn beep(&mut self, frame: &mut [i16]) -> bool {
        let Some(beep) = &mut self.beep else { return false };
        beep.tone.fill(frame);
        beep.left -= 1;
        if beep.left == 0 {
            self.beep = None;
        }
        true
    }

    /// 20 ms further; says why that was the end. What is heard under the tone is not kept.
    pub fn listen(&mut self, now: Instant, is_beeping: bool, out: &mut dyn Out) -> Option<Ended> {
        let mut frame = [0; super::FRAME];
        self.playout.fill(now, &mut frame);
        if is_beeping {
            return None;
        }
        self.buffer.extend(frame);
        self.samples += frame.len();
        self.quiet = if tone::level(&frame) < QUIET_DBM0 { self.quiet + frame.len() } else { 0 };
        if self.buffer.len() >= SECOND {
            out.record(self.key, Recorded::Samples(&self.buffer));
            self.buffer.clear();
        }
        if self.quiet_max.is_some_and(|quiet_max| self.quiet >= quiet_max) {
            return Some(Ended::Silence);
        }
        (self.samples >= self.samples_max).then_some(Ended::Timeout)
    }

    /// It is over: the machine finishes the file, and tells of it then.
    pub fn end(self, call: &str, leg: Leg, why: Ended, out: &mut dyn Out) {
        out.record(self.key, Recorded::Samples(&self.buffer));
        // The silence that ended it is not kept.
        let cut = if why == Ended::Silence { self.quiet.min(self.samples) } else { 0 };
        out.record(self.key, Recorded::End { call, leg, id: self.id, cut, why });
    }
}

fn samples(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX).saturating_mul(8)
}

const RATE: u32 = 8000;
const SECOND: usize = 8000;
const BEEP_HZ: f64 = 1000.0;
/// 300 ms.
const BEEP_FRAMES: usize = 15;
/// What is lower is silence: a quiet room on a telephone is at about -60 dBm0, speech at about -20.
const QUIET_DBM0: f64 = -45.0;
