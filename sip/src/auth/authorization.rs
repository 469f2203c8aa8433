//! `Authorization` and `Proxy-Authorization`: what a client answers to a challenge (RFC 7616 §3.4).

use std::borrow::Cow;

use super::algorithm::{Algorithm, Hash};
use crate::header::{HeaderError, Scanner, Text};
use crate::name::Name;

/// The answer to a challenge, borrowed from the header's value. Escapes in quoted strings still stand.
#[derive(Debug, Clone, Copy)]
pub struct Authorization<'a> {
    /// Who; with [`Authorization::userhash`], a hash of it.
    pub username: Text<'a>,
    /// The realm of the challenge.
    pub realm: Text<'a>,
    /// The nonce of the challenge.
    pub nonce: Text<'a>,
    /// What the request was for (RFC 7616 §3.4.1).
    pub uri: Text<'a>,
    /// The proof, in hexadecimal.
    pub response: &'a [u8],
    /// With which function. MD5 when the client says nothing.
    pub algorithm: Algorithm,
    /// The protection, with the count and the client's own nonce; `None` for the form of RFC 2069.
    pub qop: Option<Qop<'a>>,
    /// The challenge's opaque.
    pub opaque: Option<Text<'a>>,
    /// The user name is hashed (RFC 7616 §3.4.4).
    pub userhash: bool,
}

/// The protection of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Qop<'a> {
    /// The body is covered too.
    pub integrity: bool,
    /// How often this nonce was used, as eight hexadecimal digits.
    pub count: u32,
    /// Those digits as they were written: they are hashed.
    pub count_text: &'a [u8],
    /// The client's own nonce.
    pub cnonce: Text<'a>,
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Another scheme than Digest.
    #[error("the scheme is not Digest")]
    Scheme,
    /// The value cannot be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A parameter is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter stands twice.
    #[error("{0} stands twice")]
    Twice(&'static str),
    /// A parameter has a value that is not known.
    #[error("{0} is not known")]
    Unknown(&'static str),
}

impl<'a> Authorization<'a> {
    /// Reads a value.
    pub fn parse(name: Name, value: &'a [u8]) -> Result<Self, AuthorizationError> {
        let mut scanner = Scanner::new(name, value);
        scanner.skip_space();
        if !scanner.token("a scheme")?.eq_ignore_ascii_case(b"Digest") {
            return Err(AuthorizationError::Scheme);
        }
        let mut found: [Option<Text<'a>>; KNOWN.len()] = [None; KNOWN.len()];
        loop {
            scanner.skip_space();
            // Empty elements of the list do no harm (RFC 7230 §7).
            if scanner.eat(b',') {
                continue;
            }
            if scanner.peek().is_none() {
                break;
            }
            let param = scanner.param()?;
            let Some(place) = KNOWN.iter().position(|known| param.is(known.as_bytes())) else { continue };
            let Some(value) = param.value else { return Err(AuthorizationError::Missing(KNOWN[place])) };
            if found[place].replace(value).is_some() {
                return Err(AuthorizationError::Twice(KNOWN[place]));
            }
            scanner.skip_space();
            if scanner.peek().is_some_and(|octet| octet != b',') {
                return Err(scanner.error("a comma").into());
            }
        }
        Self::of_params(&found)
    }

    /// The user name with its escapes resolved.
    pub fn unescaped_username(&self) -> Cow<'a, [u8]> {
        self.username.unescape()
    }

    fn of_params(found: &[Option<Text<'a>>; KNOWN.len()]) -> Result<Self, AuthorizationError> {
        let need = |place: usize| found[place].ok_or(AuthorizationError::Missing(KNOWN[place]));
        let algorithm = match found[ALGORITHM] {
            None => Algorithm { hash: Hash::Md5, session: false },
            Some(name) => Algorithm::parse(name.raw).ok_or(AuthorizationError::Unknown("algorithm"))?,
        };
        let qop = match found[QOP] {
            None if algorithm.session => return Err(AuthorizationError::Missing("qop")),
            None => None,
            Some(qop) => {
                let integrity = qop.eq_ignore_case(b"auth-int");
                if !integrity && !qop.eq_ignore_case(b"auth") {
                    return Err(AuthorizationError::Unknown("qop"));
                }
                let count_text = need(NC)?.raw;
                let count = count(count_text).ok_or(AuthorizationError::Unknown("nc"))?;
                Some(Qop { integrity, count, count_text, cnonce: need(CNONCE)? })
            }
        };
        Ok(Self {
            username: need(USERNAME)?,
            realm: need(REALM)?,
            nonce: need(NONCE)?,
            uri: need(URI)?,
            response: need(RESPONSE)?.raw,
            algorithm,
            qop,
            opaque: found[OPAQUE],
            userhash: found[USERHASH].is_some_and(|value| value.eq_ignore_case(b"true")),
        })
    }
}

/// RFC 7616 §3.4: eight hexadecimal digits. Fewer are taken, since phones send them.
fn count(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 8 {
        return None;
    }
    u32::from_str_radix(str::from_utf8(text).ok()?, 16).ok().filter(|_| text[0] != b'+')
}

const KNOWN: [&str; 11] = [
    "username",
    "realm",
    "nonce",
    "uri",
    "response",
    "algorithm",
    "qop",
    "nc",
    "cnonce",
    "opaque",
    "userhash",
];
const USERNAME: usize = 0;
const REALM: usize = 1;
const NONCE: usize = 2;
const URI: usize = 3;
const RESPONSE: usize = 4;
const ALGORITHM: usize = 5;
const QOP: usize = 6;
const NC: usize = 7;
const CNONCE: usize = 8;
const OPAQUE: usize = 9;
const USERHASH: usize = 10;
