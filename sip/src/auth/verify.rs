//! Is the proof right? (RFC 7616 §3.4.1.) The same work is done for a wrong answer as for a right one.

use super::algorithm::Ha1Set;
use super::authorization::Authorization;

/// What the proof is about.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method of the request.
    pub method: &'a [u8],
    /// Its body, for `auth-int`.
    pub body: &'a [u8],
}

/// Why a proof is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// No key is kept for the function that the client chose.
    #[error("no key is kept for that algorithm")]
    NoKey,
    /// Another password, or another request.
    #[error("the response does not match the password")]
    Wrong,
}

/// Checks the proof against the keys of a user, or of nobody ([`Ha1Set::of_nobody`]).
///
/// The digest-URI is hashed as the client wrote it; that it names the request is not demanded, since proxies before
/// us may have changed the Request-URI (RFC 3261 §22.4 item 6).
pub fn verify(
    authorization: &Authorization<'_>,
    request: Request<'_>,
    keys: &Ha1Set,
) -> Result<(), Mismatch> {
    let hash = authorization.algorithm.hash;
    let key = keys.key(hash).ok_or(Mismatch::NoKey)?;
    let (mut first, mut second, mut third) = ([0; 64], [0; 64], [0; 64]);
    let nonce = authorization.nonce.raw;
    let mut ha1 = key.hex(&mut first);
    if let (true, Some(qop)) = (authorization.algorithm.session, &authorization.qop) {
        ha1 = hash.of_parts(&[key.hex(&mut third), nonce, qop.cnonce.raw]).hex(&mut first);
    }
    let (method, uri) = (request.method, authorization.uri.raw);
    let proof = match &authorization.qop {
        None => {
            let ha2 = hash.of_parts(&[method, uri]).hex(&mut second);
            hash.of_parts(&[ha1, nonce, ha2])
        }
        Some(qop) => {
            let (ha2, name) = if qop.integrity {
                let body = hash.of_parts(&[request.body]);
                (hash.of_parts(&[method, uri, body.hex(&mut third)]), &b"auth-int"[..])
            } else {
                (hash.of_parts(&[method, uri]), &b"auth"[..])
            };
            hash.of_parts(&[ha1, nonce, qop.count_text, qop.cnonce.raw, name, ha2.hex(&mut second)])
        }
    };
    if proof.equals_hex(authorization.response) { Ok(()) } else { Err(Mismatch::Wrong) }
}
