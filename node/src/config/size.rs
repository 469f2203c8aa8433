//! Amounts of octets as people write them: `512`, `64KiB`, `4MiB`, `1GB`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of octets: a bare number, or a number with `KB MB GB` (thousands) or `KiB MiB GiB` (1024s).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub usize);

impl Size {
    /// So many times 1024 octets.
    pub const fn kib(count: usize) -> Self {
        Self(count * 1024)
    }

    /// So many times 1024 times 1024 octets.
    pub const fn mib(count: usize) -> Self {
        Self(count * 1024 * 1024)
    }

    /// The octets.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size; write octets as `4096`, or `64KiB`, `4MiB`, `1GB`");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = text[..digits].parse().map_err(|_| wrong())?;
        let unit = text[digits..].trim_start();
        let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1;
        number.checked_mul(factor).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(f, "{}{name}", self.0 / factor);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Visitor)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size: octets as a number, or in quotes such as \"64KiB\" or \"4MiB\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, octets: i64) -> Result<Size, E> {
        usize::try_from(octets).map(Size).map_err(|_| E::custom("a size is not negative"))
    }

    fn visit_u64<E: serde::de::Error>(self, octets: u64) -> Result<Size, E> {
        usize::try_from(octets).map(Size).map_err(|_| E::custom("a size is not so large"))
    }
}

const UNITS: [(&str, usize); 8] = [
    ("", 1),
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, octets) in
            [("512", 512), ("64KiB", 65_536), ("4 MiB", 4_194_304), ("1GB", 1_000_000_000), ("2kb", 2000)]
        {
            assert_eq!(text.parse(), Ok(Size(octets)), "{text}");
        }
        for text in ["", "MiB", "4MB/s", "-1", "1.5GB", "99999999999999999999GB"] {
            let error = text.parse::<Size>().expect_err(text);
            assert!(error.contains("write octets as"), "{error}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for octets in [0, 1, 1000, 1024, 4 << 20, 3 << 30] {
            assert_eq!(Size(octets).to_string().parse(), Ok(Size(octets)));
        }
    }
}
