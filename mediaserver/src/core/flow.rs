//! Whether a leg is heard as it should be: packets that do not come while the other side's do, and packets that hold
//! nothing but silence.

use std::time::{Duration, Instant};

use proto::media::Flow;
use rtp::codec::{Codec, g711, g722};

/// What is known of how one leg is heard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watch {
    /// Since when there has been silence in what comes.
    quiet_since: Option<Instant>,
    is_quiet: bool,
    is_one_way: bool,
    /// What a payload of G.722 is judged by.
    loudness: g722::Loudness,
    pub one_way: Duration,
    pub quiet: Duration,
    looked_at: Option<Instant>,
}

/// What a look finds of a leg.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// For how long nothing has come.
    pub unheard: Duration,
    /// It should send, and packets come from its peer.
    pub is_expected: bool,
    /// After so long without a packet audio is one-way.
    pub one_way_after: Duration,
    /// After so long of silence that is said.
    pub quiet_after: Duration,
}

impl Watch {
    /// Takes a packet's payload: now and then it is heard, which is enough.
    pub fn hear(&mut self, now: Instant, codec: Codec, payload: &[u8]) {
        let is_low = |sample: i16| sample.unsigned_abs() <= SILENT;
        let is_silent = match codec {
            Codec::Pcmu => payload.iter().all(|octet| is_low(g711::of_ulaw(*octet))),
            Codec::Pcma => payload.iter().all(|octet| is_low(g711::of_alaw(*octet))),
            Codec::L16 { .. } => {
                payload.as_chunks().0.iter().all(|sample| is_low(i16::from_be_bytes(*sample)))
            }
            Codec::G722 => self.loudness.hear(payload) <= SILENT_STEP,
        };
        if is_silent {
            self.quiet_since.get_or_insert(now);
        } else {
            self.quiet_since = None;
        }
    }

    /// Whether nothing comes from it just now.
    pub fn is_one_way(&self) -> bool {
        self.is_one_way
    }

    /// Looks, about once a second; says what has changed.
    pub fn look(&mut self, now: Instant, look: &Look) -> Option<Flow> {
        let passed = self.looked_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.looked_at = Some(now);
        let before = (self.is_one_way, self.is_quiet);
        self.is_one_way = look.is_expected && look.unheard >= look.one_way_after;
        if self.is_one_way {
            self.quiet_since = None;
            self.one_way += if before.0 { passed } else { look.unheard };
        }
        let quiet = self.quiet_since.map(|since| now.saturating_duration_since(since));
        self.is_quiet = look.is_expected && quiet.is_some_and(|quiet| quiet >= look.quiet_after);
        if self.is_quiet {
            self.quiet += if before.1 { passed } else { quiet.unwrap_or_default() };
        }
        match (before, (self.is_one_way, self.is_quiet)) {
            ((false, _), (true, _)) => Some(Flow::OneWay),
            ((_, false), (_, true)) => Some(Flow::Quiet),
            ((true, _) | (_, true), (false, false)) => Some(Flow::Heard),
            _ => None,
        }
    }
}

/// One packet in so many is heard.
pub(super) const ONE_OF: u16 = 8;
/// Samples up to here, about -52 dB of the whole range, are silence or the hiss of an idle line.
const SILENT: u16 = 80;
/// Steps of G.722 up to here are silence, hiss below -65 dB, or a steady tone, which is no speech either: the lower it is, the
/// better it is foretold, below -24 dB at 100 Hz, -35 dB at 440 Hz, -50 dB at 1 kHz.
const SILENT_STEP: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_once_and_that_it_is_over_too() {
        let start = Instant::now();
        let mut watch = Watch::default();
        let mut look = |second: u64, unheard_ms: u64, is_expected: bool, payload: Option<[u8; 160]>| {
            let now = start + Duration::from_secs(second);
            if let Some(payload) = payload {
                watch.hear(now, Codec::Pcmu, &payload);
            }
            let (unheard, second) = (Duration::from_millis(unheard_ms), Duration::from_secs(1));
            let look = Look { unheard, is_expected, one_way_after: second, quiet_after: second * 3 };
            (watch.look(now, &look), watch.one_way.as_millis(), watch.quiet.as_millis())
        };
        let (loud, silent) = (Some([0x80; 160]), Some([0xff; 160]));
        assert_eq!(look(1, 20, true, loud), (None, 0, 0));
        assert_eq!(look(2, 1020, true, None), (Some(Flow::OneWay), 1020, 0));
        assert_eq!(look(3, 2020, true, None), (None, 2020, 0));
        assert_eq!(look(4, 20, true, loud), (Some(Flow::Heard), 2020, 0));
        for second in 5..8 {
            assert_eq!(look(second, 20, true, silent), (None, 2020, 0));
        }
        assert_eq!(look(8, 20, true, silent), (Some(Flow::Quiet), 2020, 3000));
        assert_eq!(look(9, 1020, true, None), (Some(Flow::OneWay), 3040, 3000), "that is worse");
        assert_eq!(look(10, 2020, false, None), (Some(Flow::Heard), 3040, 3000), "on hold nothing is wrong");
    }
}
