//! The address of record: the key under which bindings are kept (RFC 3261 §10.3 step 5).

use std::fmt;

use super::escape::{DIGITS, units};
use super::{Host, Uri};

/// An address of record in its one canonical form, `user@domain`: escapes undone, domain in lower case, neither
/// scheme nor password, parameters or headers. `sip:` and `sips:` are one resource (RFC 5630 §5.3).
///
/// What cannot stand in a text (controls, octets that are no UTF-8) and the percent sign stay escaped, so that two
/// users never meet in one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Aor(String);

impl Aor {
    /// The address of record that a URI names. `canonical_domain` replaces its host and port, when the caller has
    /// seen that they are an alias of it; without one both stay, and no port is not 5060.
    pub fn of(uri: &Uri<'_>, canonical_domain: Option<&str>) -> Self {
        let mut text = String::with_capacity(48);
        Self::write(uri, canonical_domain, &mut text);
        Self(text)
    }

    /// Appends the text of [`Aor::of`], for callers who keep a buffer.
    pub fn write(uri: &Uri<'_>, canonical_domain: Option<&str>, out: &mut String) {
        match uri {
            Uri::Sip(uri) => {
                if let Some(user) = uri.user {
                    push_text(user, out);
                    out.push('@');
                }
                match canonical_domain {
                    Some(domain) => push_lower(domain, out),
                    None => push_host(&uri.host, uri.port, out),
                }
            }
            Uri::Tel(uri) => {
                if canonical_domain.is_none() {
                    out.push_str("tel:");
                }
                out.extend(uri.digits().map(char::from));
                if let Some(domain) = canonical_domain {
                    out.push('@');
                    push_lower(domain, out);
                }
            }
            Uri::Other { scheme, rest } => {
                out.extend(scheme.iter().map(|octet| char::from(octet.to_ascii_lowercase())));
                out.push(':');
                push_text(rest, out);
            }
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user, escapes undone.
    pub fn user(&self) -> Option<&str> {
        self.0.rsplit_once('@').map(|(user, _)| user)
    }

    /// The domain, with its port where it has one.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or(&self.0, |(_, domain)| domain)
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn push_host(host: &Host<'_>, port: Option<u16>, out: &mut String) {
    match host {
        Host::Name(name) => push_lower(name, out),
        // Writing to a `String` cannot fail.
        address => drop(fmt::Write::write_fmt(out, format_args!("{address}"))),
    }
    if let Some(port) = port {
        let _ = fmt::Write::write_fmt(out, format_args!(":{port}"));
    }
}

fn push_lower(text: &str, out: &mut String) {
    out.extend(text.chars().map(|letter| letter.to_ascii_lowercase()));
}

/// Appends unescaped text. Most users are plain and take the first branch.
fn push_text(part: &[u8], out: &mut String) {
    if let (false, Ok(plain)) =
        (part.iter().any(|octet| *octet == b'%' || octet.is_ascii_control()), str::from_utf8(part))
    {
        out.push_str(plain);
        return;
    }
    let octets: Vec<u8> = units(part).map(|(octet, _)| octet).collect();
    for chunk in octets.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '%' | '\0'..='\x1f' | '\x7f' => push_escape(letter as u8, out),
                letter => out.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|octet| push_escape(*octet, out));
    }
}

fn push_escape(octet: u8, out: &mut String) {
    out.push('%');
    out.push(char::from(DIGITS[usize::from(octet >> 4)]));
    out.push(char::from(DIGITS[usize::from(octet & 15)]));
}
