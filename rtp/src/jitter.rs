//! A jitter buffer: packets in as they come, out as they are played, in order and in time. How long they wait follows the
//! network. It knows no codec; [`playout`](crate::playout) makes sound of what comes out.

mod delay;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::packet::Header;
use delay::Delays;

/// How packets wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The least wait. Default 20 ms.
    pub delay_min: Duration,
    /// The longest wait; what comes later is lost. Default 400 ms: more delays a conversation beyond use.
    pub delay_max: Duration,
    /// The wait at the start, before the network is known. Default 40 ms.
    pub delay_start: Duration,
    /// Packets that are kept. Default 100, which is 2 s.
    pub packets_max: usize,
    /// How long what is missing is concealed before it is silence. Default 60 ms.
    pub conceal_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            delay_min: Duration::from_millis(20),
            delay_max: Duration::from_millis(400),
            delay_start: Duration::from_millis(40),
            packets_max: 100,
            conceal_max: Duration::from_millis(60),
        }
    }
}

/// What became of a packet that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits.
    Kept,
    /// Its time was over.
    Late,
    /// It was there already.
    Double,
    /// Its timestamp is far from the others'; the next one decides.
    Stray,
}

/// What is played next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// A packet.
    Packet(Frame),
    /// Something is missing, or time is stretched: go on as before for so many units.
    Missing(u32),
    /// Nothing was said, or nothing is there yet.
    Silence,
}

/// A packet that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Units that it lasts.
    pub duration: u32,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// How long packets wait now.
    pub delay: Duration,
    /// How long they should.
    pub target: Duration,
    /// Packets that wait.
    pub depth: usize,
    /// Packets that came.
    pub received: u64,
    /// Packets that were played.
    pub played: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came twice.
    pub doubled: u64,
    /// Packets that were not there when they were due, by their numbers; late ones are among them.
    pub lost: u64,
    /// Packets thrown away because there were too many, or to wait less.
    pub discarded: u64,
    /// Packet times by which time was stretched, to wait longer.
    pub stretched: u64,
    /// How often all began anew: another source, or a jump of time.
    pub restarts: u64,
}

/// The buffer of one stream.
#[derive(Debug)]
pub struct JitterBuffer {
    config: Config,
    rate: u32,
    epoch: Option<Instant>,
    ssrc: Option<u32>,
    /// By timestamps that do not turn over.
    frames: BTreeMap<i64, Frame>,
    newest: i64,
    next: Option<i64>,
    delays: Delays,
    last_sequence: Option<u16>,
    last_duration: u32,
    missing: u32,
    since_change: u32,
    others: u16,
    strays: u8,
    figures: Figures,
}

impl JitterBuffer {
    /// The buffer of a stream with this clock rate in Hz.
    pub fn new(rate: u32, config: Config) -> Self {
        Self {
            config,
            rate: rate.max(1),
            epoch: None,
            ssrc: None,
            frames: BTreeMap::new(),
            newest: 0,
            next: None,
            delays: Delays::new(rate),
            last_sequence: None,
            last_duration: rate / 50,
            missing: 0,
            since_change: 0,
            others: 0,
            strays: 0,
            figures: Figures::default(),
        }
    }

    /// Takes a packet that came now and lasts so many units.
    pub fn insert(&mut self, now: Instant, header: &Header, payload: &[u8], duration: u32) -> Inserted {
        self.figures.received += 1;
        if self.ssrc != Some(header.ssrc) {
            self.restart(header);
        }
        self.epoch.get_or_insert(now);
        let arrival = self.units(now);
        let mut timestamp = self.unwrap(header.timestamp);
        if self.delays.is_stray(arrival - timestamp) {
            self.strays += 1;
            if self.strays < STRAYS_MAX {
                return Inserted::Stray;
            }
            // Two in a row: the source's clock was set anew.
            self.restart(header);
            timestamp = self.unwrap(header.timestamp);
        }
        self.strays = 0;
        self.delays.seen(arrival, arrival - timestamp);
        if self.next.is_some_and(|next| timestamp + i64::from(duration) <= next) {
            self.figures.late += 1;
            return Inserted::Late;
        }
        if self.frames.contains_key(&timestamp) {
            self.figures.doubled += 1;
            return Inserted::Double;
        }
        self.newest = self.newest.max(timestamp);
        self.frames.insert(timestamp, Frame { header: *header, payload: payload.to_vec(), duration });
        while self.frames.len() > self.config.packets_max.max(1) {
            self.discard_first();
        }
        Inserted::Kept
    }

    /// A packet of another kind came in the stream (a digit): its number is not lost.
    pub fn other(&mut self) {
        self.others = self.others.saturating_add(1);
    }

    /// What is played now. To be asked each time that what was played before is over.
    pub fn play(&mut self, now: Instant) -> Played {
        let arrival = self.units(now);
        let target = self.target();
        let Some(next) = self.next else { return self.begin(arrival, target) };
        let wait = arrival - next - self.delays.least();
        self.since_change = self.since_change.saturating_add(1);
        let step = i64::from(self.last_duration.max(1));
        if wait + step / 2 <= target && self.since_change > STRETCH_EVERY {
            // Longer: the same moment is played later.
            self.since_change = 0;
            self.figures.stretched += 1;
            return Played::Missing(self.last_duration);
        }
        if wait > target + 2 * step && self.since_change > SHRINK_EVERY && self.frames.len() > 1 {
            self.since_change = 0;
            self.discard_first();
        }
        self.play_next()
    }

    /// What happened so far.
    pub fn figures(&self, now: Instant) -> Figures {
        let wait = self.next.map_or(0, |next| self.units(now) - next - self.delays.least());
        let time = |units: i64| Duration::from_secs_f64(units.max(0) as f64 / f64::from(self.rate));
        Figures { delay: time(wait), target: time(self.target()), depth: self.frames.len(), ..self.figures }
    }

    /// Waits until the first packet has waited as long as it should.
    fn begin(&mut self, arrival: i64, target: i64) -> Played {
        let Some((&first, _)) = self.frames.first_key_value() else { return Played::Silence };
        if arrival - first < self.delays.least() + target {
            return Played::Silence;
        }
        (self.next, self.missing, self.since_change) = (Some(first), 0, 0);
        self.play_next()
    }

    fn play_next(&mut self) -> Played {
        let Some(next) = self.next else { return Played::Silence };
        let Some((&timestamp, frame)) = self.frames.first_key_value() else {
            return self.nothing(next, None);
        };
        if timestamp > next {
            if self.lost_before(&frame.header) == 0
                || frame.header.marker && timestamp - next > i64::from(self.rate)
            {
                // RFC 3551 §4.1: the sender was silent. The next spurt waits as long as it should by then.
                self.next = None;
                self.missing = 0;
                return Played::Silence;
            }
            return self.nothing(next, Some(timestamp));
        }
        let Some((timestamp, frame)) = self.frames.pop_first() else { return Played::Silence };
        self.next = Some(timestamp + i64::from(frame.duration));
        self.figures.lost += u64::from(self.lost_before(&frame.header));
        self.last_sequence = Some(frame.header.sequence);
        self.last_duration = frame.duration;
        (self.missing, self.others) = (0, 0);
        self.figures.played += 1;
        Played::Packet(frame)
    }

    /// How many packets between the last one and this one are not there, by their numbers.
    fn lost_before(&self, header: &Header) -> u16 {
        let follows = self.last_sequence.map_or(1, |last| header.sequence.wrapping_sub(last));
        let lost = follows.saturating_sub(1).saturating_sub(self.others);
        if lost < JUMP_MAX { lost } else { 0 }
    }

    /// Nothing is there for this moment, and perhaps something for a later one.
    fn nothing(&mut self, next: i64, later: Option<i64>) -> Played {
        let step = later
            .map_or(i64::from(self.last_duration), |later| (later - next).min(i64::from(self.last_duration)));
        self.missing = self.missing.saturating_add(step as u32);
        let is_long = f64::from(self.missing) > self.config.conceal_max.as_secs_f64() * f64::from(self.rate);
        if is_long && later.is_none() {
            // What comes next begins anew.
            (self.next, self.missing) = (None, 0);
            return Played::Silence;
        }
        self.next = Some(next + step);
        Played::Missing(step as u32)
    }

    fn discard_first(&mut self) {
        if let Some((timestamp, frame)) = self.frames.pop_first() {
            self.figures.discarded += 1;
            self.last_sequence = Some(frame.header.sequence);
            let after = timestamp + i64::from(frame.duration);
            self.next = self.next.map(|next| next.max(after));
        }
    }

    fn restart(&mut self, header: &Header) {
        self.figures.restarts += u64::from(self.ssrc.is_some());
        self.ssrc = Some(header.ssrc);
        self.frames.clear();
        self.delays = Delays::new(self.rate);
        self.newest = i64::from(header.timestamp);
        (self.next, self.last_sequence, self.missing, self.strays) = (None, None, 0, 0);
    }

    /// How many units packets should wait.
    fn target(&self) -> i64 {
        let units = |time: Duration| (time.as_secs_f64() * f64::from(self.rate)) as i64;
        let wanted = self.delays.wanted().unwrap_or(units(self.config.delay_start));
        let least = units(self.config.delay_min);
        wanted.clamp(least, units(self.config.delay_max).max(least))
    }

    /// Units since the first packet came.
    fn units(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.epoch.unwrap_or(now));
        (since.as_nanos() * u128::from(self.rate) / 1_000_000_000) as i64
    }

    /// A timestamp that does not turn over.
    fn unwrap(&self, timestamp: u32) -> i64 {
        let ahead = timestamp.wrapping_sub(self.newest as u32).cast_signed();
        self.newest + i64::from(ahead)
    }
}

/// A gap of so many packets is no loss.
const JUMP_MAX: u16 = 3_000;
/// After so many strays in a row the stream is taken for another.
const STRAYS_MAX: u8 = 2;
/// Time is stretched at most every third packet.
const STRETCH_EVERY: u32 = 2;
/// A packet is thrown away at most every tenth, so that speech stays whole.
const SHRINK_EVERY: u32 = 10;
