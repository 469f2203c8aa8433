//! `WWW-Authenticate` and `Proxy-Authenticate`: what a client is asked (RFC 7616 §3.3), and `Authentication-Info`.

use super::algorithm::{Algorithm, Hash};
use crate::header::{Scanner, Text};
use crate::name::Name;

/// A challenge. Several may stand in one response, the preferred one first (RFC 8760 §2.4).
#[derive(Debug, Clone, Copy)]
pub struct Challenge<'a> {
    /// Whose passwords are meant.
    pub realm: Text<'a>,
    /// What the answer must hash.
    pub nonce: Text<'a>,
    /// With which function.
    pub algorithm: Algorithm,
    /// Protections that are offered; `None` for the form of RFC 2069.
    pub qop: Option<Text<'a>>,
    /// To be sent back as it is.
    pub opaque: Option<Text<'a>>,
    /// The nonce was too old, the password may be right: answer again without asking the user.
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// A challenge of our own, with `qop="auth"`: phones that meet a list of two take neither.
    pub const fn of(realm: &'a str, nonce: &'a str, hash: Hash, stale: bool) -> Self {
        Self {
            realm: Text { raw: realm.as_bytes(), is_quoted: true },
            nonce: Text { raw: nonce.as_bytes(), is_quoted: true },
            algorithm: Algorithm { hash, session: false },
            qop: Some(Text { raw: b"auth", is_quoted: true }),
            opaque: None,
            stale,
        }
    }

    /// Reads a value. `None` for another scheme, an unknown algorithm, or one that cannot be read: the client looks
    /// at the next one then.
    pub fn parse(name: Name, value: &'a [u8]) -> Option<Self> {
        let mut scanner = Scanner::new(name, value);
        scanner.token("a scheme").ok().filter(|scheme| scheme.eq_ignore_ascii_case(b"Digest"))?;
        let (mut realm, mut nonce, mut qop, mut opaque) = (None, None, None, None);
        let mut algorithm = Algorithm { hash: Hash::Md5, session: false };
        let mut stale = false;
        loop {
            scanner.skip_space();
            if scanner.eat(b',') {
                continue;
            }
            if scanner.peek().is_none() {
                break;
            }
            let param = scanner.param().ok()?;
            let value = param.value;
            match () {
                () if param.is(b"realm") => realm = value,
                () if param.is(b"nonce") => nonce = value,
                () if param.is(b"qop") => qop = value,
                () if param.is(b"opaque") => opaque = value,
                () if param.is(b"algorithm") => algorithm = Algorithm::parse(value?.raw)?,
                () if param.is(b"stale") => stale = value.is_some_and(|value| value.eq_ignore_case(b"true")),
                () => {}
            }
        }
        Some(Self { realm: realm?, nonce: nonce?, algorithm, qop, opaque, stale })
    }

    /// True when the challenge takes answers with this protection.
    pub fn offers(&self, protection: &[u8]) -> bool {
        self.qop.is_some_and(|qop| {
            qop.raw.split(|octet| *octet == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(protection))
        })
    }

    /// Writes the header's value.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (before, value) in [("Digest realm=\"", self.realm), ("\", nonce=\"", self.nonce)] {
            out.extend_from_slice(before.as_bytes());
            write_inside_quotes(value, out);
        }
        out.extend_from_slice(b"\", algorithm=");
        out.extend_from_slice(self.algorithm.hash.name().as_bytes());
        out.extend_from_slice(if self.algorithm.session { b"-sess" } else { b"" });
        for (before, value) in [(", qop=\"", self.qop), (", opaque=\"", self.opaque)] {
            if let Some(value) = value {
                out.extend_from_slice(before.as_bytes());
                write_inside_quotes(value, out);
                out.push(b'"');
            }
        }
        if self.stale {
            out.extend_from_slice(b", stale=true");
        }
    }
}

/// What came without quotes may hold a backslash, which means something inside them.
fn write_inside_quotes(value: Text<'_>, out: &mut Vec<u8>) {
    for &octet in value.raw {
        if octet == b'\\' && !value.is_quoted {
            out.push(b'\\');
        }
        out.push(octet);
    }
}

/// Writes the value of `Authentication-Info`: the nonce to use next (RFC 7616 §3.5).
pub fn write_authentication_info(next_nonce: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"nextnonce=\"");
    out.extend_from_slice(next_nonce.as_bytes());
    out.push(b'"');
}
