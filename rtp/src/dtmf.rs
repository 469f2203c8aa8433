//! Digits of a telephone: as events in RTP (RFC 4733), as bodies of SIP INFO, and as sound.

mod detector;
mod event;
pub mod info;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use detector::Detector;
pub use event::Event;
pub use receiver::Receiver;
pub use sender::{Sender, Step};

use crate::tone::Tone;

/// A key: 0 to 9, star, hash, A to D, or flash (the hook, pressed briefly), by its number (RFC 4733 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// It went down.
    Down(Digit),
    /// It came up, after so long.
    Up(Digit, Duration),
}

impl Digit {
    /// The hook, pressed briefly.
    pub const FLASH: Self = Self(16);

    /// All keys that have a sound.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self)
    }

    /// The digit of an event's number; events beyond 16 are no keys.
    pub const fn of_event(event: u8) -> Option<Self> {
        if event <= Self::FLASH.0 { Some(Self(event)) } else { None }
    }

    /// Its number among the events.
    pub const fn event(self) -> u8 {
        self.0
    }

    /// The digit of a letter: `0` to `9`, `*`, `#`, `A` to `D` in any case, `!` for flash.
    pub fn of_letter(letter: char) -> Option<Self> {
        let place = LETTERS.iter().position(|known| char::from(*known) == letter.to_ascii_uppercase())?;
        Some(Self(place as u8))
    }

    /// Its letter.
    pub fn letter(self) -> char {
        char::from(LETTERS[usize::from(self.0)])
    }

    /// Its two frequencies in Hz, low and high (ITU-T Q.23); flash has none.
    pub fn frequencies(self) -> Option<(f64, f64)> {
        let place = KEYPAD.iter().position(|key| char::from(*key) == self.letter())?;
        Some((LOW[place / 4], HIGH[place % 4]))
    }

    /// Its sound: the high tone 2 dB above the low one, as lines want it.
    pub fn tone(self, sample_rate: u32) -> Option<Tone> {
        let (low, high) = self.frequencies()?;
        Some(Tone::new(sample_rate, &[(low, LOW_DBM0), (high, HIGH_DBM0)]))
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.letter())
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Digit({})", self.letter())
    }
}

/// By their numbers as events.
const LETTERS: &[u8; 17] = b"0123456789*#ABCD!";
/// Row by row.
const KEYPAD: &[u8; 16] = b"123A456B789C*0#D";
const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const LOW_DBM0: f64 = -9.0;
const HIGH_DBM0: f64 = -7.0;
