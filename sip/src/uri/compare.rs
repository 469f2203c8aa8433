//! When two URIs are one (RFC 3261 §19.1.4, RFC 3966 §4, RFC 5954 §4).

use super::escape::{DIGITS, distinct, same, same_ignoring_case, units};
use super::tel::{TelUri, digits};
use super::{SipUri, Uri, UriParams};

/// True when both URIs name the same resource. The relation is not transitive: a parameter that one side lacks is
/// mostly ignored.
pub fn equal(one: &Uri<'_>, two: &Uri<'_>) -> bool {
    match (one, two) {
        (Uri::Sip(one), Uri::Sip(two)) => equal_sip(one, two),
        (Uri::Tel(one), Uri::Tel(two)) => equal_tel(one, two),
        (Uri::Other { scheme: one, rest: a }, Uri::Other { scheme: two, rest: b }) => {
            one.eq_ignore_ascii_case(two) && a == b
        }
        _ => false,
    }
}

/// Appends a text that is the same for URIs that differ only in what never matters: escapes, case, the order of
/// parameters, the spelling of an address. Equal keys mean equal URIs; equal URIs have equal keys but where one
/// lacks a parameter that RFC 3261 §19.1.4 would ignore, for which no key can exist. Bindings are told apart by it.
pub fn comparison_key(uri: &Uri<'_>, out: &mut String) {
    match uri {
        Uri::Sip(uri) => {
            out.push_str(if uri.secure { "sips:" } else { "sip:" });
            if let Some(user) = uri.user {
                push(user, false, out);
                if let Some(password) = uri.password {
                    out.push(':');
                    push(password, false, out);
                }
                out.push('@');
            }
            let host = out.len();
            // Writing to a `String` cannot fail.
            let _ = std::fmt::Write::write_fmt(out, format_args!("{}", uri.host));
            out[host..].make_ascii_lowercase();
            if let Some(port) = uri.port {
                let _ = std::fmt::Write::write_fmt(out, format_args!(":{port}"));
            }
            push_sorted(';', firsts(uri.params), out);
            push_sorted('?', uri.headers.iter().map(|(name, value)| (name, Some(value))), out);
        }
        Uri::Tel(uri) => {
            out.push_str("tel:");
            out.extend(uri.digits().map(char::from));
            push_sorted(';', firsts(uri.params), out);
        }
        Uri::Other { scheme, rest } => {
            push(scheme, true, out);
            out.push(':');
            push(rest, false, out);
        }
    }
}

fn equal_sip(one: &SipUri<'_>, two: &SipUri<'_>) -> bool {
    // A component with its default value is not the same as none: no port is not 5060.
    one.secure == two.secure
        && one.host == two.host
        && one.port == two.port
        && both(one.user, two.user, same)
        && both(one.password, two.password, same)
        && one.params.iter().all(|(name, _)| agree(name, one, two))
        && two.params.iter().all(|(name, _)| agree(name, two, one))
        && equal_headers(one, two)
}

/// A parameter of one URI against the other URI. Where one has it twice, which RFC 3261 §19.1.1 forbids, the first
/// counts.
fn agree(name: &[u8], one: &SipUri<'_>, two: &SipUri<'_>) -> bool {
    match (one.param(name), two.param(name)) {
        (Some(one), Some(two)) => both(one, two, same_ignoring_case),
        _ => ![&b"user"[..], b"ttl", b"method", b"maddr", b"transport"]
            .iter()
            .any(|fixed| same_ignoring_case(name, fixed)),
    }
}

/// Headers are never ignored. Their values are compared without case and not each by its own grammar.
fn equal_headers(one: &SipUri<'_>, two: &SipUri<'_>) -> bool {
    let (one, two) = (one.headers, two.headers);
    let count = |headers: super::UriHeaders<'_>, name: &[u8], value: &[u8]| {
        let is_same = |(n, v): &(&[u8], &[u8])| same_ignoring_case(n, name) && same_ignoring_case(v, value);
        headers.iter().filter(is_same).count()
    };
    one.text() == two.text()
        || one.iter().count() == two.iter().count()
            && one.iter().all(|(name, value)| count(one, name, value) == count(two, name, value))
}

/// RFC 3966 §4: digit by digit, and each parameter of one must be the other's too.
fn equal_tel(one: &TelUri<'_>, two: &TelUri<'_>) -> bool {
    let agree = |name: &[u8]| {
        let is_ext = name.eq_ignore_ascii_case(b"ext");
        let is_context = name.eq_ignore_ascii_case(b"phone-context");
        let matches = |mine: &[u8], theirs: &[u8]| {
            if is_ext || is_context && mine.starts_with(b"+") {
                digits(mine).eq(digits(theirs))
            } else {
                same_ignoring_case(mine, theirs)
            }
        };
        match (one.param(name), two.param(name)) {
            (Some(one), Some(two)) => both(one, two, matches),
            _ => false,
        }
    };
    one.digits().eq(two.digits()) && one.params.iter().chain(two.params.iter()).all(|(name, _)| agree(name))
}

fn both(one: Option<&[u8]>, two: Option<&[u8]>, same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => same(one, two),
        (None, None) => true,
        _ => false,
    }
}

/// Appends a part with only those escapes that matter.
fn push(part: &[u8], lower: bool, out: &mut String) {
    for (octet, is_apart) in units(part).map(distinct) {
        if is_apart || !octet.is_ascii_graphic() || octet == b'%' {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(octet >> 4)]));
            out.push(char::from(DIGITS[usize::from(octet & 15)]));
        } else {
            out.push(char::from(if lower { octet.to_ascii_lowercase() } else { octet }));
        }
    }
}

/// The parameters that count: of one that stands there twice the first.
fn firsts(params: UriParams<'_>) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> + Clone {
    let is_first = move |place: usize, name: &[u8]| {
        !params.iter().take(place).any(|(other, _)| same_ignoring_case(other, name))
    };
    params.iter().enumerate().filter(move |(place, (name, _))| is_first(*place, name)).map(|(_, param)| param)
}

fn push_sorted<'a>(
    sign: char,
    pairs: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
    out: &mut String,
) {
    let mut texts: smallvec::SmallVec<[String; 4]> = pairs
        .map(|(name, value)| {
            let mut text = String::from(sign);
            push(name, true, &mut text);
            if let Some(value) = value {
                text.push('=');
                push(value, true, &mut text);
            }
            text
        })
        .collect();
    texts.sort_unstable();
    texts.iter().for_each(|text| out.push_str(text));
}
