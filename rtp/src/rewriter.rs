//! One stream out of several sources: what leaves a relay or a player keeps one SSRC, and its sequence numbers and
//! timestamps go on when the source changes (a transfer, music on hold, a phone that started again).

use std::time::{Duration, Instant};

use crate::packet::Header;

/// Numbers of an outgoing stream.
#[derive(Debug, Clone)]
pub struct Rewriter {
    ssrc: u32,
    rate: u32,
    source: Option<Source>,
    /// The highest packet that left, and when.
    last: Option<(u16, u32, Instant)>,
    first: (u16, u32),
}

/// Where the numbers of the present source lie.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    sequence_shift: u16,
    timestamp_shift: u32,
    /// The highest numbers that came.
    sequence: u16,
    timestamp: u32,
}

impl Rewriter {
    /// A stream with this SSRC and clock rate in Hz, which begins with these numbers; all three are drawn by chance (RFC
    /// 3550 §5.1).
    pub fn new(ssrc: u32, rate: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, rate, source: None, last: None, first: (sequence, timestamp) }
    }

    /// The SSRC of what leaves.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What its timestamps stand at now, once something has left: what a sender's report says (RFC 3550 §6.4.1).
    pub fn timestamp(&self, now: Instant) -> Option<u32> {
        let (_, timestamp, at) = self.last?;
        Some(timestamp.wrapping_add(self.units(now.saturating_duration_since(at))))
    }

    /// The clock rate of what leaves, from the next source on.
    pub fn set_rate(&mut self, rate: u32) {
        if self.rate != rate {
            (self.rate, self.source) = (rate, None);
        }
    }

    /// The next packet is of another source, even when its SSRC is the same.
    pub fn switch(&mut self) {
        self.source = None;
    }

    /// The header with which a packet that came now leaves. Order, gaps and doubles of a source stay as they are. The first
    /// packet of a source has the next number, a timestamp that is as much later as time has passed, and a marker.
    pub fn rewrite(&mut self, now: Instant, header: &Header) -> Header {
        let source = match self.source.filter(|source| self.goes_on(now, source, header)) {
            Some(source) => source,
            None => self.begin(now, header),
        };
        let is_new = self.source.is_none();
        let sequence = header.sequence.wrapping_add(source.sequence_shift);
        let timestamp = header.timestamp.wrapping_add(source.timestamp_shift);
        let is_ahead = |number: u16, before: u16| number.wrapping_sub(before).cast_signed() > 0;
        let source = if is_new || is_ahead(header.sequence, source.sequence) {
            Source { sequence: header.sequence, timestamp: header.timestamp, ..source }
        } else {
            source
        };
        self.source = Some(source);
        if self.last.is_none_or(|(last, ..)| is_ahead(sequence, last)) {
            self.last = Some((sequence, timestamp, now));
        }
        Header { marker: header.marker || is_new, sequence, timestamp, ssrc: self.ssrc, ..*header }
    }

    /// The header of a packet of our own (a prompt, a digit) that lasts until the next: numbers go on from whatever left
    /// before.
    pub fn own(&mut self, now: Instant, payload_type: u8, duration: u32) -> Header {
        let (sequence, timestamp) = match (&self.source, self.last) {
            (Some(source), Some((sequence, ..))) if source.ssrc == self.ssrc => {
                (sequence.wrapping_add(1), source.timestamp)
            }
            _ => self.next(now),
        };
        let marker = self.source.is_none_or(|source| source.ssrc != self.ssrc);
        let timestamp_after = timestamp.wrapping_add(duration);
        self.source = Some(Source {
            ssrc: self.ssrc,
            sequence_shift: 0,
            timestamp_shift: 0,
            sequence,
            timestamp: timestamp_after,
        });
        self.last = Some((sequence, timestamp, now));
        Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    fn begin(&mut self, now: Instant, header: &Header) -> Source {
        self.source = None;
        let (sequence, timestamp) = self.next(now);
        Source {
            ssrc: header.ssrc,
            sequence_shift: sequence.wrapping_sub(header.sequence),
            timestamp_shift: timestamp.wrapping_sub(header.timestamp),
            sequence: header.sequence,
            timestamp: header.timestamp,
        }
    }

    /// The numbers of the next packet when it is of another source.
    fn next(&self, now: Instant) -> (u16, u32) {
        let Some((sequence, timestamp, at)) = self.last else { return self.first };
        let passed = self.units(now.saturating_duration_since(at)).max(1);
        (sequence.wrapping_add(1), timestamp.wrapping_add(passed))
    }

    /// False when the numbers jump so far that the source must have started again.
    fn goes_on(&self, now: Instant, source: &Source, header: &Header) -> bool {
        let jump = header.sequence.wrapping_sub(source.sequence).cast_signed().unsigned_abs();
        let passed = self.last.map_or(0, |(.., at)| self.units(now.saturating_duration_since(at)));
        let stray =
            header.timestamp.wrapping_sub(source.timestamp).wrapping_sub(passed).cast_signed().unsigned_abs();
        source.ssrc == header.ssrc && jump < JUMP_MAX && stray < self.rate.saturating_mul(STRAY_SECONDS)
    }

    fn units(&self, time: Duration) -> u32 {
        (time.as_nanos() * u128::from(self.rate) / 1_000_000_000) as u32
    }
}

/// A gap of so many packets is no loss.
const JUMP_MAX: u16 = 3_000;
/// A timestamp that strays so far from the time that has passed is of another clock.
const STRAY_SECONDS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    struct Flow {
        rewriter: Rewriter,
        start: Instant,
    }

    impl Flow {
        fn new() -> Self {
            Self { rewriter: Rewriter::new(9, 8_000, 65_534, 0xffff_ff00), start: Instant::now() }
        }

        /// A packet that comes at this millisecond; how it leaves: number, timestamp, marker.
        fn at(&mut self, ms: u64, ssrc: u32, sequence: u16, timestamp: u32) -> (u16, u32, bool) {
            let header = Header { ssrc, sequence, timestamp, payload_type: 8, marker: false };
            let out = self.rewriter.rewrite(self.start + Duration::from_millis(ms), &header);
            assert_eq!((out.ssrc, out.payload_type), (9, 8));
            (out.sequence, out.timestamp, out.marker)
        }
    }

    #[test]
    fn a_source_keeps_its_order_gaps_and_doubles() {
        let mut flow = Flow::new();
        assert_eq!(flow.at(0, 1, 100, 5_000), (65_534, 0xffff_ff00, true));
        assert_eq!(flow.at(20, 1, 101, 5_160), (65_535, 0xffff_ffa0, false));
        assert_eq!(flow.at(60, 1, 103, 5_480), (1, 0x0000_00e0, false), "one is lost");
        assert_eq!(flow.at(61, 1, 102, 5_320), (0, 0x0000_0040, false), "no, it was late");
        assert_eq!(flow.at(62, 1, 102, 5_320), (0, 0x0000_0040, false), "and came twice");
    }

    #[test]
    fn another_source_goes_on_where_the_last_one_was() {
        let mut flow = Flow::new();
        flow.at(0, 1, 100, 5_000);
        flow.at(20, 1, 101, 5_160);
        // 100 ms later somebody else: the next number, 800 units later.
        assert_eq!(flow.at(120, 2, 7, 77), (0, 0xffff_ffa0_u32.wrapping_add(800), true));
        assert_eq!(flow.at(140, 2, 8, 237), (1, 0xffff_ffa0_u32.wrapping_add(960), false));
        // The same SSRC, but its clock and numbers jump: it started again.
        let (sequence, timestamp, marker) = flow.at(160, 2, 30_000, 0x8000_0000);
        assert_eq!((sequence, timestamp, marker), (2, 0xffff_ffa0_u32.wrapping_add(1_120), true));
        flow.rewriter.switch();
        assert_eq!(flow.at(180, 2, 30_001, 0x8000_00a0).0, 3);
    }

    #[test]
    fn a_report_says_what_the_timestamps_stand_at() {
        let mut flow = Flow::new();
        assert_eq!(flow.rewriter.timestamp(flow.start), None);
        flow.at(0, 1, 100, 5_000);
        let later = flow.start + Duration::from_millis(1_000);
        assert_eq!(flow.rewriter.timestamp(later), Some(0xffff_ff00_u32.wrapping_add(8_000)));
    }

    #[test]
    fn silence_for_long_is_no_jump() {
        let mut flow = Flow::new();
        flow.at(0, 1, 100, 5_000);
        let hour = 3_600_000;
        assert_eq!(flow.at(hour, 1, 101, 5_000 + 3_600 * 8_000).0, 65_535);
        assert!(!flow.at(hour + 20, 1, 102, 5_160 + 3_600 * 8_000).2);
    }

    #[test]
    fn packets_of_our_own_go_between() {
        let mut flow = Flow::new();
        flow.at(0, 1, 100, 5_000);
        let start = flow.start;
        let own = |flow: &mut Flow, ms| {
            let header = flow.rewriter.own(start + Duration::from_millis(ms), 0, 160);
            (header.sequence, header.timestamp, header.marker)
        };
        assert_eq!(own(&mut flow, 20), (65_535, 0xffff_ffa0, true));
        // Sent a little early or late: timestamps follow what is played, not the clock.
        assert_eq!(own(&mut flow, 43), (0, 0x0000_0040, false));
        assert_eq!(own(&mut flow, 59), (1, 0x0000_00e0, false));
        assert_eq!(flow.at(79, 1, 104, 5_600), (2, 0x0000_0180, true), "and the source comes back");
    }
}
