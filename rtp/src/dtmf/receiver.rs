//! Keys from packets that may be lost, doubled or out of order (RFC 4733 §2.5.2): each is told once.

use std::time::{Duration, Instant};

use super::{Digit, Event, Press};
use crate::error::ParseError;

/// The events of one stream.
#[derive(Debug, Clone)]
pub struct Receiver {
    rate: u32,
    current: Option<Current>,
    /// The timestamp of the last event that was told, with whether its end was.
    last: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    digit: Digit,
    /// Where its segment began.
    timestamp: u32,
    /// Units in the segments before.
    before: u32,
    duration: u16,
    heard: Instant,
}

impl Receiver {
    /// A stream whose events have this clock rate in Hz.
    pub fn new(rate: u32) -> Self {
        Self { rate, current: None, last: None }
    }

    /// Takes a packet that came now. It may end one key, begin the next, and end that too; what it tells is in this
    /// order. Events that are no keys are nothing.
    pub fn receive(
        &mut self,
        now: Instant,
        timestamp: u32,
        payload: &[u8],
    ) -> Result<[Option<Press>; 3], ParseError> {
        let event = Event::read(payload)?;
        let Some(digit) = Digit::of_event(event.event) else { return Ok([None; 3]) };
        if self.goes_on(now, digit, timestamp, &event) {
            return Ok([event.is_end.then(|| self.end()).flatten(), None, None]);
        }
        // The end of a key comes three times, and late packets may follow the next key.
        if self.last.is_some_and(|last| timestamp.wrapping_sub(last).cast_signed() <= 0) {
            return Ok([None; 3]);
        }
        let before = self.end();
        let start = Current { digit, timestamp, before: 0, duration: event.duration, heard: now };
        (self.current, self.last) = (Some(start), Some(timestamp));
        // When all packets but the last ones were lost, it is down and up at once.
        let up = event.is_end.then(|| self.end()).flatten();
        Ok([before, Some(Press::Down(digit)), up])
    }

    /// True when the packet is of the key that is down.
    fn goes_on(&mut self, now: Instant, digit: Digit, timestamp: u32, event: &Event) -> bool {
        let Some(current) = self.current.as_mut().filter(|current| current.digit == digit) else {
            return false;
        };
        let ahead = timestamp.wrapping_sub(current.timestamp);
        let is_next_segment = ahead == u32::from(u16::MAX)
            || ahead == u32::from(current.duration) && current.duration > SEGMENT_LEAST;
        if is_next_segment {
            // RFC 4733 §2.5.1.3: the next segment of a key that is held for long.
            current.before = current.before.saturating_add(ahead);
            (current.timestamp, current.duration) = (timestamp, 0);
        } else if ahead != 0 {
            return false;
        }
        // Packets of one key may come in any order: the longest one counts.
        current.duration = current.duration.max(event.duration);
        current.heard = now;
        true
    }

    /// A key whose end got lost comes up when nothing was heard of it for a while. To be asked now and then.
    pub fn idle(&mut self, now: Instant) -> Option<Press> {
        let current = self.current.as_ref()?;
        if now.saturating_duration_since(current.heard) < GIVE_UP { None } else { self.end() }
    }

    /// The source changed: timestamps begin anew.
    pub fn restart(&mut self) -> Option<Press> {
        self.last = None;
        self.end()
    }

    fn end(&mut self) -> Option<Press> {
        let current = self.current.take()?;
        self.last = Some(current.timestamp);
        let units = current.before.saturating_add(u32::from(current.duration));
        Some(Press::Up(
            current.digit,
            Duration::from_secs_f64(f64::from(units) / f64::from(self.rate.max(1))),
        ))
    }
}

/// Some senders begin a new segment earlier than they must; shorter ones are new keys.
const SEGMENT_LEAST: u16 = u16::MAX / 2;
/// Longer than any sender waits between two packets of a key.
const GIVE_UP: Duration = Duration::from_millis(250);
