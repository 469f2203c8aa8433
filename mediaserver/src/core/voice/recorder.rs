//! A leg as it is heard, 20 ms at a time, until it is enough; beside it, where that is wanted, what it hears.

use std::time::{Duration, Instant};

use proto::media::{Ended, Leg, Record};
use rtp::codec::Codec;
use rtp::mix;
use rtp::packet::Packet;
use rtp::tone::{self, Tone};

use super::ear::Ear;
use crate::core::{Form, Out, Recorded};

/// A recorder at work.
#[derive(Debug)]
pub(super) struct Recorder {
    id: u32,
    /// By what the machine knows the recording.
    key: u64,
    form: Form,
    own: Ear,
    /// What the leg hears, on the second channel.
    other: Option<Ear>,
    beep: Option<Beep>,
    /// What has not been written yet; at most a second.
    buffer: Vec<i16>,
    /// Samples of a channel; so are those below.
    samples: usize,
    samples_max: usize,
    /// Silence until now.
    quiet: usize,
    quiet_max: Option<usize>,
    stop_digits: String,
}

/// The tone before a recording.
#[derive(Debug, Default)]
struct Beep {
    tone: Option<Tone>,
    frames: usize,
}

impl Recorder {
    /// What a recording of a leg with this codec holds.
    pub fn form(ask: &Record<'_>, codec: Codec) -> Form {
        Form { rate: codec.sample_rate(), channels: 1 + u8::from(ask.both_sides) }
    }

    pub fn new(ask: &Record<'_>, key: u64, form: Form) -> Self {
        let samples = |duration| samples(duration, form.rate);
        Recorder {
            id: ask.id,
            key,
            form,
            own: Ear::new(form.rate),
            other: (form.channels > 1).then(|| Ear::new(form.rate)),
            beep: ask.beep.then(Beep::default),
            buffer: Vec::with_capacity(form.rate as usize * usize::from(form.channels)),
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

    /// Takes a packet of the leg; `None` for one that holds no sound.
    pub fn take(&mut self, now: Instant, codec: Option<Codec>, packet: &Packet<'_>) {
        self.own.take(now, codec, packet);
    }

    /// Takes a packet that goes to the leg.
    pub fn take_other(&mut self, now: Instant, codec: Option<Codec>, packet: &Packet<'_>) {
        if let Some(other) = &mut self.other {
            other.take(now, codec, packet);
        }
    }

    /// True until it has begun: what is heard under the tone is not kept.
    pub fn is_waiting(&self) -> bool {
        self.beep.is_some()
    }

    /// What the leg hears of it: 20 ms of the tone, while that lasts.
    pub fn beep(&mut self, rate: u32, frame: &mut [i16]) -> bool {
        let Some(beep) = &mut self.beep else { return false };
        beep.tone.get_or_insert_with(|| Tone::new(rate, &[(BEEP_HZ, -13.0)])).fill(frame);
        beep.frames += 1;
        if beep.frames == BEEP_FRAMES {
            self.beep = None;
        }
        true
    }

    /// 20 ms further; `played` is what the leg was played meanwhile, at so many samples a second. Says why that was the
    /// end.
    pub fn listen(
        &mut self,
        now: Instant,
        is_waiting: bool,
        played: Option<(u32, &[i16])>,
        out: &mut dyn Out,
    ) -> Option<Ended> {
        let own = self.own.hear(now);
        let other = self.other.as_mut().map(|other| other.hear_played(now, played));
        if is_waiting {
            return None;
        }
        let is_quiet = |heard: &[i16]| tone::level(heard) < QUIET_DBM0;
        let all_quiet = is_quiet(own) && other.is_none_or(is_quiet);
        let length = own.len();
        match other {
            Some(other) => mix::side_by_side(own, other, &mut self.buffer),
            None => self.buffer.extend_from_slice(own),
        }
        self.samples += length;
        self.quiet = if all_quiet { self.quiet + length } else { 0 };
        if self.buffer.len() >= self.form.rate as usize * usize::from(self.form.channels) {
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
        // Whoever asks for an end by silence does not want to hear it, whatever came before that end. A little of it is
        // kept: the last word fades.
        let faded = self.quiet.saturating_sub(samples(FADE, self.form.rate));
        let cut = if self.quiet_max.is_some() { faded } else { 0 };
        out.record(self.key, Recorded::End { call, leg, id: self.id, cut, why });
    }
}

fn samples(duration: Duration, rate: u32) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX).saturating_mul(rate as usize / 1000)
}

const BEEP_HZ: f64 = 1000.0;
/// 300 ms.
const BEEP_FRAMES: usize = 15;
/// What is lower is silence: a quiet room on a telephone is at about -60 dBm0, speech at about -20.
const QUIET_DBM0: f64 = -45.0;
/// Silence that stays at the end.
const FADE: Duration = Duration::from_millis(200);
