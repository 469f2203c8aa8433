//! The five ways in which a rule names the numbers that it is for.
//!
//! Exact text, a prefix, a range of numbers of one length, Asterisk's `_6XXX` form and a regular expression.
//! All of them look at the user part of the Request-URI after its escapes were resolved; separators that people
//! write into telephone numbers are not removed here.

use std::fmt;

use regex::Regex;

/// What a dialled number must look like.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// The whole number, character for character.
    Exact(Box<str>),
    /// How the number begins.
    Prefix(Box<str>),
    /// Numbers of `digits` digits from `first` to `last`, both included.
    Range {
        /// The least number.
        first: u64,
        /// The greatest number.
        last: u64,
        /// How many digits each has.
        digits: usize,
    },
    /// Asterisk's form, without its underscore.
    Asterisk(Box<[Element]>),
    /// A regular expression that must match the whole number.
    Regex(Regex),
}

/// One place of an Asterisk pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// The character itself.
    Literal(u8),
    /// `X` is 0-9, `Z` is 1-9, `N` is 2-9, `[15-7]` is 1, 5, 6 and 7: a set over the octets of ASCII.
    Set(u128),
    /// `.`: one character or more, at the end only.
    Some,
    /// `!`: none or more, at the end only.
    Any,
}

/// Why a pattern cannot be read: what is wrong, and what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError(pub String);

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Reads `6000-6099`: two numbers with the same count of digits.
    pub fn range(text: &str) -> Result<Self, PatternError> {
        let refused = |why: &str| PatternError(format!("range {text:?} {why}; write it as \"6000-6099\""));
        let (first, last) = text.split_once('-').ok_or_else(|| refused("has no '-'"))?;
        let (first, last) = (first.trim(), last.trim());
        if first.len() != last.len() {
            return Err(refused("has ends of different length"));
        }
        let number = |digits: &str| match digits.bytes().all(|octet| octet.is_ascii_digit()) {
            true => {
                digits.parse::<u64>().map_err(|_| refused("has an end that is no number of up to 19 digits"))
            }
            false => Err(refused("holds something else than digits")),
        };
        let (low, high) = (number(first)?, number(last)?);
        if low > high {
            return Err(refused("ends before it begins"));
        }
        Ok(Self::Range { first: low, last: high, digits: first.len() })
    }

    /// Reads Asterisk's form, with its leading underscore.
    pub fn asterisk(text: &str) -> Result<Self, PatternError> {
        let refused = |why: &str| PatternError(format!("pattern {text:?} {why}"));
        let body = text
            .strip_prefix('_')
            .ok_or_else(|| refused("does not begin with '_'; for one number write extension = instead"))?;
        let mut elements = Vec::new();
        let mut rest = body.as_bytes();
        while let Some((&octet, after)) = rest.split_first() {
            rest = after;
            elements.push(match octet.to_ascii_uppercase() {
                b'X' => Element::Set(span(b'0', b'9')),
                b'Z' => Element::Set(span(b'1', b'9')),
                b'N' => Element::Set(span(b'2', b'9')),
                b'.' | b'!' if !rest.is_empty() => {
                    return Err(refused("has '.' or '!' before its end; they stand for all that follows"));
                }
                b'.' => Element::Some,
                b'!' => Element::Any,
                b'[' => {
                    let end = memchr(rest, b']').ok_or_else(|| refused("has '[' without ']'"))?;
                    let set =
                        set(&rest[..end]).ok_or_else(|| refused("has a set that is empty or backwards"))?;
                    rest = &rest[end + 1..];
                    Element::Set(set)
                }
                b'-' | b' ' => continue, // Asterisk ignores both, so that people may group digits.
                _ => Element::Literal(octet),
            });
        }
        if elements.is_empty() {
            return Err(refused("matches nothing; an example is \"_6XXX\""));
        }
        Ok(Self::Asterisk(elements.into()))
    }

    /// Reads a regular expression, anchored at both ends as Kamailio and Asterisk people expect of a number.
    pub fn regex(text: &str) -> Result<Self, PatternError> {
        Regex::new(&format!("^(?:{text})$")).map(Self::Regex).map_err(|why| {
            let last = why.to_string();
            let cause = last.lines().last().unwrap_or("it cannot be read").trim().to_owned();
            PatternError(format!("regular expression {text:?}: {cause}"))
        })
    }

    /// True when the whole of `number` is what the rule is for.
    pub fn matches(&self, number: &str) -> bool {
        match self {
            Self::Exact(text) => **text == *number,
            Self::Prefix(text) => number.starts_with(&**text),
            Self::Range { first, last, digits } => {
                number.len() == *digits
                    && number.bytes().all(|octet| octet.is_ascii_digit())
                    && number.parse::<u64>().is_ok_and(|value| (*first..=*last).contains(&value))
            }
            Self::Asterisk(elements) => matches_elements(elements, number.as_bytes()),
            Self::Regex(regex) => regex.is_match(number),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(formatter, "extension {text}"),
            Self::Prefix(text) => write!(formatter, "prefix {text}"),
            Self::Range { first, last, digits } => {
                write!(formatter, "range {first:0digits$}-{last:0digits$}", digits = *digits)
            }
            Self::Asterisk(_) => formatter.write_str("pattern"),
            Self::Regex(regex) => write!(formatter, "regex {regex}"),
        }
    }
}

fn matches_elements(elements: &[Element], number: &[u8]) -> bool {
    let mut rest = number;
    for element in elements {
        match (element, rest.split_first()) {
            (Element::Any, _) => return true,
            (Element::Some, next) => return next.is_some(),
            (Element::Literal(wanted), Some((octet, after))) if wanted == octet => rest = after,
            (Element::Set(set), Some((octet, after))) if octet.is_ascii() && set >> octet & 1 == 1 => {
                rest = after
            }
            _ => return false,
        }
    }
    rest.is_empty()
}

fn set(body: &[u8]) -> Option<u128> {
    let mut set = 0;
    let mut rest = body;
    loop {
        match rest {
            [first, b'-', last, after @ ..] if first.is_ascii() && last.is_ascii() && first <= last => {
                set |= span(*first, *last);
                rest = after;
            }
            [_, b'-', _, ..] => return None,
            [one, after @ ..] if one.is_ascii() => {
                set |= span(*one, *one);
                rest = after;
            }
            [_, ..] => return None,
            [] => return (set != 0).then_some(set),
        }
    }
}

fn span(first: u8, last: u8) -> u128 {
    (first..=last).fold(0, |set, octet| set | 1 << octet)
}

fn memchr(octets: &[u8], wanted: u8) -> Option<usize> {
    octets.iter().position(|octet| *octet == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_numbers_and_nothing_else() {
        let asterisk = |text| Pattern::asterisk(text).expect("a good pattern");
        let range = |text| Pattern::range(text).expect("a good range");
        let regex = |text| Pattern::regex(text).expect("a good expression");
        for (pattern, yes, no) in [
            (Pattern::Exact("6002".into()), &["6002"][..], &["600", "60021", "", "6001"][..]),
            (Pattern::Prefix("00".into()), &["00", "0033"], &["0", "6002"]),
            (
                range("6000-6099"),
                &["6000", "6042", "6099"],
                &["6100", "5999", "06042", "60421", "60x2", "+600"],
            ),
            (range("000-015"), &["000", "007", "015"], &["7", "016", "0007"]),
            (asterisk("_6XXX"), &["6000", "6999"], &["600", "60000", "7000", "6O00"]),
            (asterisk("_NZX"), &["210", "999"], &["110", "200", "2é0"]),
            (asterisk("_[15-7]X"), &["10", "59", "79"], &["20", "40", "80"]),
            (asterisk("_00."), &["001", "0033140"], &["00", "01"]),
            (asterisk("_9!"), &["9", "9123"], &["", "8"]),
            (asterisk("_*72X"), &["*721"], &["721", "*72"]),
            (asterisk("_0 800-XX"), &["080012"], &["0 800-12"]),
            (asterisk("_x"), &["4"], &["x"]),
            (regex("6\\d{3}"), &["6002"], &["60021", "x6002"]),
            (regex("a|b"), &["a", "b"], &["ab"]),
        ] {
            for number in yes {
                assert!(pattern.matches(number), "{pattern:?} takes {number}");
            }
            for number in no {
                assert!(!pattern.matches(number), "{pattern:?} refuses {number}");
            }
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_says_what_to_write() {
        for (refused, hint) in [
            (Pattern::range("6000"), "has no '-'"),
            (Pattern::range("600-6099"), "different length"),
            (Pattern::range("6099-6000"), "ends before it begins"),
            (Pattern::range("60x0-6099"), "else than digits"),
            (Pattern::range("99999999999999999998-99999999999999999999"), "19 digits"),
            (Pattern::asterisk("6XXX"), "does not begin with '_'"),
            (Pattern::asterisk("_"), "matches nothing"),
            (Pattern::asterisk("_6.X"), "before its end"),
            (Pattern::asterisk("_6[12"), "without ']'"),
            (Pattern::asterisk("_6[]"), "empty or backwards"),
            (Pattern::asterisk("_6[9-1]"), "empty or backwards"),
            (Pattern::regex("6(\\d"), "unclosed group"),
        ] {
            let said = refused.expect_err(hint).to_string();
            assert!(said.contains(hint), "{said:?} names {hint:?}");
        }
    }
}
