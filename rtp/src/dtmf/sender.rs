//! A key as a row of packets (RFC 4733 §2.5.1).

use std::time::Duration;

use super::{Digit, Event};

/// A key that is being sent: one packet for each packet time.
#[derive(Debug, Clone)]
pub struct Sender {
    digit: Digit,
    /// Units from the key's beginning to its end.
    length: u32,
    /// Units of one packet time.
    step: u32,
    /// Where the segment that is being sent began.
    segment: u32,
    timestamp: u32,
    sent: u32,
    is_first: bool,
    ends: u8,
}

/// One packet of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// True for the first packet (RFC 4733 §2.5.1.1).
    pub marker: bool,
    /// That of the key's beginning, or of its segment.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; 4],
}

impl Sender {
    /// A key that is held for so long, in packets of `packet_time`, by a clock of `rate` Hz, from this timestamp on. It is
    /// held for at least one packet time.
    pub fn new(digit: Digit, held: Duration, packet_time: Duration, rate: u32, timestamp: u32) -> Self {
        let units = |time: Duration| (time.as_micros() * u128::from(rate) / 1_000_000).min(1 << 30) as u32;
        // A segment holds a packet time at least.
        let step = units(packet_time).clamp(1, u32::from(u16::MAX));
        Self {
            digit,
            length: units(held).max(step),
            step,
            segment: 0,
            timestamp,
            sent: 0,
            is_first: true,
            ends: 0,
        }
    }

    /// How many units of the clock have gone by since the key began: sound goes on there.
    pub fn elapsed(&self) -> u32 {
        self.sent
    }

    /// True when nothing is left to send.
    pub fn is_done(&self) -> bool {
        self.ends == ENDS
    }

    /// The packet of this packet time. The last one comes three times, so that its loss does no harm (RFC 4733
    /// §2.5.1.4).
    pub fn step(&mut self) -> Option<Step> {
        if self.is_done() {
            return None;
        }
        self.sent = self.sent.saturating_add(self.step);
        let now = self.sent.min(self.length);
        // RFC 4733 §2.5.1.3: what does not fit 16 bits goes on in another segment, without a marker or an end between.
        let mut duration = now - self.segment;
        if duration > u32::from(u16::MAX) {
            self.segment += u32::from(u16::MAX);
            duration = now - self.segment;
        }
        let is_end = self.sent >= self.length;
        self.ends += u8::from(is_end);
        let event = Event { event: self.digit.event(), is_end, volume: VOLUME, duration: duration as u16 };
        let marker = std::mem::take(&mut self.is_first);
        let timestamp = self.timestamp.wrapping_add(self.segment);
        Some(Step { marker, timestamp, payload: event.octets() })
    }
}

/// How often the end is sent.
const ENDS: u8 = 3;
/// dB below 0 dBm0.
const VOLUME: u8 = 10;
