//! Durations as people write them: `500ms`, `15s`, `2m`, `1h30m`.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time, written as numbers with units: `500ms`, `15s`, `2m`, `1h30m`, `7d`. A bare `0` is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(pub std::time::Duration);

impl Duration {
    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(std::time::Duration::from_millis(milliseconds))
    }
}

impl Deref for Duration {
    type Target = std::time::Duration;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration; write it as `500ms`, `15s`, `2m` or `1h30m`");
        let text = text.trim();
        if text == "0" {
            return Ok(Self::default());
        }
        let mut rest = text;
        let mut total: u64 = 0;
        let mut last_unit = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit_ms = UNITS.iter().find(|(name, _)| *name == &rest[..letters]).map(|(_, ms)| *ms);
            let unit_ms = match unit_ms {
                Some(ms) if ms < last_unit => ms,
                None if letters == 0 && rest.is_empty() && last_unit == u64::MAX => {
                    return Err(format!(
                        "`{text}` has no unit; write `{text}s` for seconds, `{text}ms` for milliseconds"
                    ));
                }
                _ => return Err(wrong()),
            };
            last_unit = unit_ms;
            rest = &rest[letters..];
            total = number.checked_mul(unit_ms).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        }
        if last_unit == u64::MAX { Err(wrong()) } else { Ok(Self::from_millis(total)) }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0");
        }
        for (name, unit_ms) in UNITS {
            if rest >= unit_ms {
                write!(f, "{}{name}", rest / unit_ms)?;
                rest %= unit_ms;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Visitor)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Reads a [`std::time::Duration`] in the form of [`Duration`].
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<std::time::Duration, D::Error> {
    Duration::deserialize(from).map(Into::into)
}

/// Writes a [`std::time::Duration`] in the form of [`Duration`].
pub fn serialize<S: Serializer>(duration: &std::time::Duration, to: S) -> Result<S::Ok, S::Error> {
    Duration(*duration).serialize(to)
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration in quotes, such as \"15s\", \"2m\" or \"500ms\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(E::custom)
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("500ms", 500),
            ("15s", 15_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1s500ms", 1500),
            ("0", 0),
            ("0s", 0),
        ] {
            let read: Duration = text.parse().expect(text);
            assert_eq!(read, Duration::from_millis(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_advice() {
        for (text, advice) in [
            ("", "write it as"),
            ("15", "write `15s` for seconds"),
            ("s", "write it as"),
            ("15 s", "write it as"),
            ("-3s", "write it as"),
            ("3x", "write it as"),
            ("3s2m", "write it as"),
            ("1.5s", "write it as"),
            ("99999999999999999999d", "write it as"),
            ("999999999999999999d", "write it as"),
        ] {
            let error = text.parse::<Duration>().expect_err(text);
            assert!(error.contains(advice), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for ms in [0, 1, 999, 1000, 61_001, 86_400_000, 90_061_001] {
            let duration = Duration::from_millis(ms);
            assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
