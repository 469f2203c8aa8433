//! Digits as bodies of SIP INFO: `application/dtmf-relay` and `application/dtmf`, which no standard describes and many
//! phones send.

use std::time::Duration;

use super::Digit;
use crate::error::ParseError;

/// A digit and how long its key was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The digit.
    pub digit: Digit,
    /// How long; 160 ms when nothing is said.
    pub duration: Duration,
}

/// What names a relay's body: `Signal=5`, `Duration=160`.
pub const RELAY_TYPE: &str = "application/dtmf-relay";
/// What names a body that is the digit alone.
pub const PLAIN_TYPE: &str = "application/dtmf";

impl Info {
    /// Reads a body of one of both types; which it is, it shows itself.
    pub fn read(body: &[u8]) -> Result<Self, ParseError> {
        let text = std::str::from_utf8(body).map_err(|wrong| ParseError::new(wrong.valid_up_to(), "text"))?;
        let (mut digit, mut duration) = (None, DURATION);
        for (number, line) in text.lines().enumerate() {
            match line.split_once(['=', ':']) {
                Some((name, value)) if name.trim().eq_ignore_ascii_case("signal") => digit = signal(value),
                Some((name, value)) if name.trim().eq_ignore_ascii_case("duration") => {
                    let ms = value.trim().parse().map_or(DURATION, Duration::from_millis);
                    duration = ms.clamp(DURATION_MIN, DURATION_MAX);
                }
                None if number == 0 => digit = signal(line),
                _ => {}
            }
        }
        let digit = digit.ok_or(ParseError::new(0, "a digit"))?;
        Ok(Self { digit, duration })
    }

    /// The body of a relay.
    pub fn relay(&self) -> String {
        format!("Signal={}\r\nDuration={}\r\n", self.digit, self.duration.as_millis())
    }

    /// The body that is the digit alone.
    pub fn plain(&self) -> String {
        self.digit.to_string()
    }
}

/// `5`, `*`, `A`, or the number of an event: `11` is hash.
fn signal(text: &str) -> Option<Digit> {
    let text = text.trim();
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Digit::of_letter(letter),
        _ => text.parse().ok().filter(|event| *event >= 10).and_then(Digit::of_event),
    }
}

const DURATION: Duration = Duration::from_millis(160);
const DURATION_MIN: Duration = Duration::from_millis(40);
const DURATION_MAX: Duration = Duration::from_secs(10);
