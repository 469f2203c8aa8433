//! The payload of an event (RFC 4733 §2.3).

use crate::error::ParseError;

/// One event as a packet says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its number: 0 to 16 are keys.
    pub event: u8,
    /// It is over.
    pub is_end: bool,
    /// How far below 0 dBm0 it would sound, 0 to 63 dB.
    pub volume: u8,
    /// How long it lasts until now, in units of the clock, from the packet's timestamp on.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; what stands behind the first event is left alone.
    pub fn read(payload: &[u8]) -> Result<Self, ParseError> {
        let Some(&[event, flags, d0, d1]) = payload.get(..4) else {
            return Err(ParseError::new(payload.len(), "an event of 4 octets"));
        };
        let duration = u16::from_be_bytes([d0, d1]);
        Ok(Self { event, is_end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// The payload.
    pub fn octets(&self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, u8::from(self.is_end) << 7 | self.volume & 0x3f, d0, d1]
    }
}
