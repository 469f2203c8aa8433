//! The one scanner: where lines, headers and the head end. The parser and the stream framer both read by it, so
//! they cannot disagree where a message ends.

use crate::error::ParseError;
use crate::name::Name;

/// One header line of a head: places in the octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawField {
    /// Which header.
    pub name: Name,
    /// The first octet of the name.
    pub name_start: usize,
    /// Behind the last octet of the name.
    pub name_end: usize,
    /// The first octet of the value, white space skipped.
    pub value_start: usize,
    /// Behind the last octet of the value, white space skipped. Folds inside stay.
    pub value_end: usize,
    /// The first octet of the next line.
    pub next: usize,
    /// A line of it ends with LF alone.
    pub lone_feed: bool,
    /// How many of its lines end with CRLF.
    pub returns: u32,
}

/// Where a header line with its folds ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldedEnd {
    /// Behind its last octet.
    pub end: usize,
    /// The first octet of the next line.
    pub next: usize,
    /// A line of it ends with LF alone.
    pub lone_feed: bool,
    /// How many of its lines end with CRLF.
    pub returns: u32,
}

/// What stands at the start of a line of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A header.
    Field(RawField),
    /// The empty line; the body begins there.
    End(usize),
    /// The octets end before the line does.
    Partial,
}

/// Where an octet stands first. Eight octets at a time and without a call: what is looked through here are lines of
/// some forty octets, of which a vectorised search spends most on getting ready.
#[inline]
pub fn find(octet: u8, octets: &[u8]) -> Option<usize> {
    let wanted = LOW * u64::from(octet);
    let (words, rest) = octets.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        // The lowest octet that is zero has its highest bit set here; what lies above it may be wrong.
        let word = u64::from_le_bytes(*word) ^ wanted;
        let zeros = word.wrapping_sub(LOW) & !word & (LOW << 7);
        if zeros != 0 {
            return Some(place * 8 + (zeros.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|other| *other == octet).map(|at| words.len() * 8 + at)
}

/// How often an octet stands there.
pub fn count(octet: u8, octets: &[u8]) -> usize {
    // So many at a time that their sum fits an octet: compilers make it a few wide instructions.
    let of = |part: &[u8]| part.iter().map(|other| u8::from(*other == octet)).sum::<u8>();
    octets.chunks(usize::from(u8::MAX)).map(|part| usize::from(of(part))).sum()
}

/// Skips the empty lines that may stand before a start line (RFC 3261 §7.5).
pub fn skip_empty_lines(octets: &[u8], mut at: usize) -> usize {
    while let Some(b'\r' | b'\n') = octets.get(at) {
        at += 1;
    }
    at
}

/// The line from `at`: behind its last octet, and where the next one starts. `None` when it does not end.
/// LF alone ends a line too, as RFC 3261 §7 does not allow and much software writes.
pub fn line_end(octets: &[u8], at: usize) -> Option<(usize, usize)> {
    let feed = at + find(b'\n', octets.get(at..)?)?;
    let end = if feed > at && octets[feed - 1] == b'\r' { feed - 1 } else { feed };
    Some((end, feed + 1))
}

/// The end of the header line that goes on at `from`, over its folds (RFC 3261 §7.3.1). `Err` says from where to look
/// again when there are more octets, so that a line which comes octet by octet is still looked at once.
pub fn folded_end(octets: &[u8], mut from: usize) -> Result<FoldedEnd, usize> {
    let (mut lone_feed, mut returns) = (false, 0);
    loop {
        let (end, next) = line_end(octets, from).ok_or(octets.len())?;
        let is_lone = end + 1 == next;
        lone_feed |= is_lone;
        returns += u32::from(!is_lone);
        match octets.get(next) {
            Some(b' ' | b'\t') => from = next,
            Some(_) => return Ok(FoldedEnd { end, next, lone_feed, returns }),
            // Whether a fold follows cannot be known yet.
            None => return Err(next - 1),
        }
    }
}

/// Reads the header line that starts at `at`, with its folds.
pub fn field(octets: &[u8], at: usize) -> Result<Line, ParseError> {
    match octets.get(at..) {
        Some([b'\r', b'\n', ..]) => return Ok(Line::End(at + 2)),
        Some([b'\n', ..]) => return Ok(Line::End(at + 1)),
        Some([] | [b'\r']) | None => return Ok(Line::Partial),
        Some(_) => {}
    }
    let name_end = at + octets[at..].iter().take_while(|octet| is_token(**octet)).count();
    let colon =
        name_end + octets[name_end..].iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    match octets.get(colon) {
        Some(b':') if name_end > at => {}
        None => return Ok(Line::Partial),
        _ => return Err(ParseError { at, expected: "a header name and a colon" }),
    }
    let Ok(FoldedEnd { end, next, lone_feed, returns }) = folded_end(octets, colon + 1) else {
        return Ok(Line::Partial);
    };
    let value_start = skip_space(octets, colon + 1, end);
    Ok(Line::Field(RawField {
        name: Name::parse(&octets[at..name_end]),
        name_start: at,
        name_end,
        value_start,
        value_end: trim_end(octets, value_start, end),
        next,
        lone_feed,
        returns,
    }))
}

/// The Call-ID of a message, found without reading the rest: the shard of a message hangs on it. `None` where
/// there is none, or more than a glance would be needed.
pub fn call_id(octets: &[u8]) -> Option<&[u8]> {
    let start = skip_empty_lines(octets, 0);
    let (_, mut at) = line_end(octets, start)?;
    loop {
        // Only lines that begin as the header does are worth a look.
        match octets.get(at)? {
            b'C' | b'c' | b'I' | b'i' => match field(octets, at).ok()? {
                Line::Field(found) if found.name == Name::CallId => {
                    return Some(&octets[found.value_start..found.value_end]);
                }
                Line::Field(found) => at = found.next,
                Line::End(_) | Line::Partial => return None,
            },
            b'\r' | b'\n' => return None,
            _ => at = line_end(octets, at)?.1,
        }
    }
}

/// Reads a count such as that of Content-Length: digits alone. `None` otherwise, and when it is beyond 2^32.
pub fn decimal(octets: &[u8]) -> Option<u32> {
    if octets.is_empty() || octets.len() > 10 {
        return None;
    }
    let number = octets.iter().try_fold(0_u64, |number, octet| {
        octet.is_ascii_digit().then(|| number * 10 + u64::from(octet - b'0'))
    })?;
    u32::try_from(number).ok()
}

/// True for the characters of a token (RFC 3261 §25.1).
#[inline]
pub const fn is_token(octet: u8) -> bool {
    TOKEN[octet as usize]
}

/// True for white space inside a value, line ends of folds included.
pub const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// The first octet from `at` on that is no white space, at most `end`.
pub fn skip_space(octets: &[u8], mut at: usize, end: usize) -> usize {
    while at < end && is_space(octets[at]) {
        at += 1;
    }
    at
}

/// Behind the last octet before `end` that is no white space, at least `start`.
pub fn trim_end(octets: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && is_space(octets[end - 1]) {
        end -= 1;
    }
    end
}

/// Cuts a list value at its commas, not at those in quotes, angle brackets or comments (RFC 3261 §7.3.1).
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Elements<'a> {
    /// The elements of one value.
    pub const fn of(value: &'a [u8]) -> Self {
        Self { rest: Some(value) }
    }

    /// Where the first element that is not empty stands.
    pub fn first(value: &[u8]) -> Option<std::ops::Range<usize>> {
        let mut start = 0;
        loop {
            let end = start + Self::first_end(&value[start..]).min(value.len() - start);
            if !value[start..end].trim_ascii().is_empty() {
                return Some(start..end);
            }
            start = end + 1;
            if start >= value.len() {
                return None;
            }
        }
    }

    /// Where the first element ends: at its comma, or at the end of the value.
    pub fn first_end(value: &[u8]) -> usize {
        let (mut at, mut quoted, mut angle, mut comment) = (0, false, false, 0_u32);
        while at < value.len() {
            match value[at] {
                b'\\' if quoted || comment > 0 => at += 1,
                b'"' if comment == 0 && !angle => quoted = !quoted,
                _ if quoted => {}
                b'(' if !angle => comment += 1,
                b')' => comment = comment.saturating_sub(1),
                b'<' if comment == 0 => angle = true,
                b'>' => angle = false,
                b',' if !angle && comment == 0 => return at,
                _ => {}
            }
            at += 1;
        }
        value.len()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    /// Empty elements, as in `a,,b`, are skipped.
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let value = self.rest?;
            // Most values are one element, which one search finds out.
            let end = find(b',', value).map_or(value.len(), |_| Self::first_end(value).min(value.len()));
            self.rest = value.get(end + 1..);
            let element = value[..end].trim_ascii();
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// One in each octet.
const LOW: u64 = u64::MAX / 255;

/// The characters of a token, as a table: each octet of each header name is looked up.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0_u8;
    while octet < 128 {
        let mark = matches!(octet, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        table[octet as usize] = octet.is_ascii_alphanumeric() || mark;
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_at_its_own_commas_alone() {
        for (value, elements) in [
            ("a, b,c", &["a", "b", "c"][..]),
            ("a,,b,", &["a", "b"]),
            ("", &[]),
            (",", &[]),
            (" , ,a,b", &["a", "b"]),
            ("\"a, b\" <sip:x,y@z>, <sip:b>", &["\"a, b\" <sip:x,y@z>", "<sip:b>"]),
            ("\"a\\\", b\" <sip:x>, c", &["\"a\\\", b\" <sip:x>", "c"]),
            ("SIP/2.0/UDP a (x, (y)), b", &["SIP/2.0/UDP a (x, (y))", "b"]),
            ("a,\r\n b", &["a", "b"]),
            ("\"open, b", &["\"open, b"]),
            ("<sip:a\"b>, <sip:c>", &["<sip:a\"b>", "<sip:c>"]),
        ] {
            let found: Vec<_> =
                Elements::of(value.as_bytes()).map(|one| String::from_utf8_lossy(one)).collect();
            assert_eq!(found, elements, "{value:?}");
            let first = Elements::first(value.as_bytes()).map(|place| value[place].trim());
            assert_eq!(first, elements.first().copied(), "{value:?}");
        }
    }

    #[test]
    fn an_octet_is_found_where_it_stands_first() {
        for length in 0..40 {
            for at in 0..length {
                for other in [0, b'a' - 1, b'a' + 1, 0x80 | b'a', 0xff] {
                    let mut octets = vec![other; length];
                    octets[at..].fill(b'a');
                    assert_eq!(find(b'a', &octets), Some(at), "{length} {other}");
                    assert_eq!(find(b'\n', &octets), None, "{length} {other}");
                }
            }
        }
    }

    #[test]
    fn the_call_id_is_found_at_a_glance() {
        for (text, wanted) in [
            ("OPTIONS sip:a SIP/2.0\r\nVia: x\r\nCall-ID: abc\r\n\r\n", Some("abc")),
            ("\r\n\r\nOPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\ni :\r\n abc \r\n\r\n", Some("abc")),
            ("OPTIONS sip:a SIP/2.0\nVia: x\n Call-ID: no\nCALL-ID:abc\n\n", Some("abc")),
            ("OPTIONS sip:a SIP/2.0\r\n\r\nCall-ID: abc\r\n", None),
            ("OPTIONS sip:a SIP/2.0\r\nCall-ID: ab", None),
            ("", None),
        ] {
            assert_eq!(
                call_id(text.as_bytes()).map(|id| str::from_utf8(id).unwrap_or("?")),
                wanted,
                "{text:?}"
            );
        }
    }
}
