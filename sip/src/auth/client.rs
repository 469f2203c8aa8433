//! The client's side: answers challenges, for trunks, for tests and for the load of the bench.

use std::fmt::Write;

use super::algorithm::{Algorithm, Digest, Hash};
use super::challenge::Challenge;
use crate::name::Name;

/// What an answer is made of beside the challenge.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The user's name in that realm.
    pub user: &'a str,
    /// The password, in clear.
    pub password: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// Its body, for `auth-int`.
    pub body: &'a [u8],
    /// How often this nonce was used, this time included.
    pub count: u32,
    /// Our own nonce, random.
    pub cnonce: &'a str,
}

/// The value of Authorization that answers the best of several challenges: the first whose function is known, since
/// servers put the preferred one first (RFC 8760 §2.4). `None` when none is known.
pub fn answer<'c>(challenges: impl IntoIterator<Item = &'c [u8]>, with: &Answer<'_>) -> Option<String> {
    challenges
        .into_iter()
        .find_map(|value| Challenge::parse(Name::WwwAuthenticate, value))
        .map(|challenge| with.to(&challenge))
}

/// The same with MD5 and nothing else, for one use of a nonce.
pub fn answer_md5(challenge: &[u8], user: &str, password: &str, method: &str, uri: &str) -> Option<String> {
    let challenge = Challenge::parse(Name::WwwAuthenticate, challenge)?;
    let with = Answer { user, password, method, uri, body: b"", count: 1, cnonce: "0a4f113b" };
    (challenge.algorithm.hash == Hash::Md5).then(|| with.to(&challenge))
}

impl Answer<'_> {
    fn to(&self, challenge: &Challenge<'_>) -> String {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let (realm, nonce) = (text(challenge.realm.raw), text(challenge.nonce.raw));
        let Algorithm { hash, session } = challenge.algorithm;
        let mut ha1 =
            hex(&hash.of_parts(&[self.user.as_bytes(), realm.as_bytes(), self.password.as_bytes()]));
        if session {
            ha1 = hex(&hash.of_parts(&[ha1.as_bytes(), nonce.as_bytes(), self.cnonce.as_bytes()]));
        }
        let qop = match (challenge.offers(b"auth"), challenge.offers(b"auth-int")) {
            (true, _) => Some("auth"),
            (false, true) => Some("auth-int"),
            (false, false) => None,
        };
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let ha2 = match qop {
            Some("auth-int") => hash.of_parts(&[method, uri, hex(&hash.of_parts(&[self.body])).as_bytes()]),
            _ => hash.of_parts(&[method, uri]),
        };
        let (ha2, count) = (hex(&ha2), format!("{:08x}", self.count));
        let response = match qop {
            None => hash.of_parts(&[ha1.as_bytes(), nonce.as_bytes(), ha2.as_bytes()]),
            Some(qop) => {
                let parts = [&ha1, &nonce, &count, self.cnonce, qop, &ha2].map(str::as_bytes);
                hash.of_parts(&parts)
            }
        };
        let (user, response, cnonce, uri) = (self.user, hex(&response), self.cnonce, self.uri);
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={}",
            challenge.algorithm
        );
        // Writing to a `String` cannot fail.
        if let Some(qop) = qop {
            let _ = write!(value, ", qop={qop}, nc={count}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = challenge.opaque {
            let _ = write!(value, ", opaque=\"{}\"", text(opaque.raw));
        }
        value
    }
}

fn hex(digest: &Digest) -> String {
    let mut out = [0; 64];
    String::from_utf8_lossy(digest.hex(&mut out)).into_owned()
}
