//! What is received of one source: its sequence numbers judged, loss, jitter, bursts, and the report block that says so
//! (RFC 3550 §6.4.1, §A.1, §A.3, §A.8).

mod burst;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use burst::{Bursts, Density};

use crate::ntp::{NtpTime, short_units};
use crate::packet::Header;
use crate::rtcp::ReportBlock;

/// What one packet is among the others of its source (RFC 3550 §A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The source is not trusted yet: it has to send some packets in a row first.
    Probation,
    /// In order, with or without a gap before it.
    InOrder,
    /// Late, or for the second time; it counts as received.
    Misordered,
    /// The source started again with other numbers: all counts begin anew.
    Restarted,
    /// A jump that is too large for loss; it counts for nothing unless the next packet follows it.
    Stray,
}

/// One source as it is received.
#[derive(Debug, Clone)]
pub struct Reception {
    ssrc: u32,
    rate: u32,
    /// Times are counted from the first packet.
    epoch: Option<Instant>,
    probation: u32,
    max_sequence: u16,
    cycles: u32,
    base_sequence: u32,
    bad_sequence: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    transit: Option<u32>,
    last_timestamp: u32,
    jitter_16: u32,
    last_report: Option<(u32, Instant)>,
    bursts: Bursts,
}

/// What a source has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Packets that should have come.
    pub expected: u32,
    /// Packets that came, twice ones too.
    pub received: u32,
    /// The difference: below zero when more came twice than were lost.
    pub lost: i64,
    /// Jitter.
    pub jitter: Duration,
}

impl Reception {
    /// A source whose timestamps have this clock rate in Hz.
    pub fn new(ssrc: u32, rate: u32) -> Self {
        Self {
            ssrc,
            rate,
            epoch: None,
            probation: MIN_SEQUENTIAL,
            max_sequence: 0,
            cycles: 0,
            base_sequence: 0,
            bad_sequence: NO_SEQUENCE,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            last_timestamp: 0,
            jitter_16: 0,
            last_report: None,
            bursts: Bursts::default(),
        }
    }

    /// The source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Another clock rate: the codec changed. Transit times are measured anew.
    pub fn set_rate(&mut self, rate: u32) {
        if self.rate != rate {
            (self.rate, self.transit) = (rate, None);
        }
    }

    /// Takes a packet that came now.
    pub fn receive(&mut self, now: Instant, header: &Header) -> Verdict {
        let verdict = self.judge(header.sequence);
        if !matches!(verdict, Verdict::Probation | Verdict::Stray) {
            self.measure(now, header.timestamp);
        }
        verdict
    }

    /// RFC 3550 §A.1.
    fn judge(&mut self, sequence: u16) -> Verdict {
        if self.epoch.is_none() && self.received == 0 && self.probation == MIN_SEQUENTIAL {
            self.begin(sequence);
            self.max_sequence = sequence.wrapping_sub(1);
        }
        let ahead = sequence.wrapping_sub(self.max_sequence);
        if self.probation > 0 {
            if ahead != 1 {
                // Not trusted yet, and out of order: one packet of the row that has to come.
                self.probation = MIN_SEQUENTIAL - 1;
                self.max_sequence = sequence;
                return Verdict::Probation;
            }
            self.probation -= 1;
            self.max_sequence = sequence;
            if self.probation > 0 {
                return Verdict::Probation;
            }
            self.begin(sequence);
            self.count(1);
            return Verdict::InOrder;
        }
        if ahead == 0 || ahead > MAX_AHEAD {
            self.received = self.received.wrapping_add(1);
            return Verdict::Misordered;
        }
        if ahead < MAX_DROPOUT {
            if sequence < self.max_sequence {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.max_sequence = sequence;
            self.count(ahead);
            return Verdict::InOrder;
        }
        if u32::from(sequence) == self.bad_sequence {
            // Two in a row: the other end started again without a word.
            self.begin(sequence);
            self.count(1);
            return Verdict::Restarted;
        }
        self.bad_sequence = u32::from(sequence.wrapping_add(1));
        Verdict::Stray
    }

    fn begin(&mut self, sequence: u16) {
        self.base_sequence = u32::from(sequence);
        self.max_sequence = sequence;
        self.bad_sequence = NO_SEQUENCE;
        self.cycles = 0;
        (self.received, self.received_before, self.expected_before) = (0, 0, 0);
        self.transit = None;
        self.bursts = Bursts::default();
    }

    fn count(&mut self, ahead: u16) {
        self.received = self.received.wrapping_add(1);
        (1..ahead).for_each(|_| self.bursts.lost());
        self.bursts.received();
    }

    /// RFC 3550 §A.8. Packets with the timestamp of the one before say nothing of jitter: digits (RFC 4733 §2.1) keep that
    /// of their beginning.
    fn measure(&mut self, now: Instant, timestamp: u32) {
        let epoch = *self.epoch.get_or_insert(now);
        let nanos = now.saturating_duration_since(epoch).as_nanos();
        // Counted modulo 2^32, as timestamps are.
        let arrival = (nanos * u128::from(self.rate) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.filter(|_| timestamp != self.last_timestamp) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            let less = (self.jitter_16 + 8) >> 4;
            // A jump of the timestamp is no jitter; it would be seen for minutes.
            if difference < self.rate.saturating_mul(JUMP_SECONDS) {
                self.jitter_16 = (self.jitter_16 - less).saturating_add(difference);
            }
        }
        if self.transit.is_none() || timestamp != self.last_timestamp {
            (self.transit, self.last_timestamp) = (Some(transit), timestamp);
        }
    }

    /// Takes a sender's report of this source that came now.
    pub fn report_received(&mut self, now: Instant, ntp: NtpTime) {
        self.last_report = Some((ntp.middle(), now));
    }

    /// The highest sequence number, with how often it turned over in the upper half.
    pub fn highest_sequence(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.max_sequence))
    }

    /// Jitter in units of timestamps.
    pub fn jitter(&self) -> u32 {
        self.jitter_16 >> 4
    }

    /// Bursts of loss.
    pub fn bursts(&self) -> &Bursts {
        &self.bursts
    }

    /// What the source has come to.
    pub fn figures(&self) -> Figures {
        let expected = self.expected();
        let jitter = Duration::from_secs_f64(f64::from(self.jitter()) / f64::from(self.rate.max(1)));
        let lost = i64::from(expected) - i64::from(self.received);
        Figures { expected, received: self.received, lost, jitter }
    }

    /// The block of our next report (RFC 3550 §A.3); the fraction is of what came since the last one. Nothing while the
    /// source is on probation.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        if self.probation > 0 {
            return None;
        }
        let expected = self.expected();
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost_now = i64::from(expected_now) - i64::from(received_now);
        let fraction =
            if expected_now == 0 || lost_now <= 0 { 0 } else { (lost_now << 8) / i64::from(expected_now) };
        let lost = (i64::from(expected) - i64::from(self.received)).clamp(-0x80_0000, 0x7f_ffff);
        let (last_report, delay) = self
            .last_report
            .map_or((0, 0), |(middle, came)| (middle, short_units(now.saturating_duration_since(came))));
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: lost as i32,
            highest_sequence: self.highest_sequence(),
            jitter: self.jitter(),
            last_report,
            delay,
        })
    }

    fn expected(&self) -> u32 {
        if self.probation > 0 {
            return 0;
        }
        self.highest_sequence().wrapping_sub(self.base_sequence).wrapping_add(1)
    }
}

/// Packets in a row before a source is trusted.
const MIN_SEQUENTIAL: u32 = 2;
/// A gap of so many packets is no loss.
const MAX_DROPOUT: u16 = 3_000;
/// Up to 100 packets back is late; further back is a restart.
const MAX_AHEAD: u16 = u16::MAX - 100 + 1;
/// No sequence number has this value.
const NO_SEQUENCE: u32 = 1 << 17;
/// Transit times that differ by more are of another clock.
const JUMP_SECONDS: u32 = 10;
