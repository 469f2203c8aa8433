//! Escapes of a URI (RFC 3261 §19.1.2): `%` and two hexadecimal digits stand for an octet.

use std::borrow::Cow;

/// The octets of a part of a URI, each with whether it was escaped. A `%` that is no escape stands for itself.
pub(crate) fn units(text: &[u8]) -> impl Iterator<Item = (u8, bool)> + Clone + '_ {
    let mut rest = text;
    std::iter::from_fn(move || match *rest {
        [b'%', high, low, ref behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            rest = behind;
            Some((digit(high) << 4 | digit(low), true))
        }
        [octet, ref behind @ ..] => {
            rest = behind;
            Some((octet, false))
        }
        [] => None,
    })
}

/// A part of a URI with its escapes undone; copied only when it has any.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if text.contains(&b'%') {
        Cow::Owned(units(text).map(|(octet, _)| octet).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Appends any text as a user part: what may not stand there is escaped.
pub fn escape_user(text: &[u8], out: &mut Vec<u8>) {
    for &octet in text {
        if super::sip::is_user(octet) && octet != b'#' {
            out.push(octet);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        }
    }
}

/// RFC 3261 §19.1.4: an octet outside the reserved set equals its escape; letters differ by case.
pub(crate) fn same(one: &[u8], two: &[u8]) -> bool {
    one == two || units(one).map(distinct).eq(units(two).map(distinct))
}

/// As [`same`], letters of either case being one.
pub(crate) fn same_ignoring_case(one: &[u8], two: &[u8]) -> bool {
    let lower = |(octet, is_apart): (u8, bool)| (octet.to_ascii_lowercase(), is_apart);
    one.eq_ignore_ascii_case(two)
        || units(one).map(distinct).map(lower).eq(units(two).map(distinct).map(lower))
}

/// A reserved octet that was escaped is another thing than one that was not (RFC 2396 §2.2).
pub(crate) const fn distinct((octet, escaped): (u8, bool)) -> (u8, bool) {
    (octet, escaped && is_reserved(octet))
}

const fn is_reserved(octet: u8) -> bool {
    matches!(octet, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',')
}

const fn digit(octet: u8) -> u8 {
    match octet {
        b'0'..=b'9' => octet - b'0',
        b'a'..=b'f' => octet - b'a' + 10,
        _ => octet - b'A' + 10,
    }
}

pub(crate) const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
