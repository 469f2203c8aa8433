//! Digest authentication (RFC 7616, RFC 8760 for SIP): challenges, nonces, replay, verification, and the client's
//! side. Passwords are seen only where [`Ha1Set`] hashes them.

mod algorithm;
mod authorization;
mod challenge;
mod client;
mod nonce;
mod replay;
mod verify;

pub use algorithm::{Algorithm, Digest, Ha1Set, Hash};
pub use authorization::{Authorization, AuthorizationError, Qop};
pub use challenge::{Challenge, write_authentication_info};
pub use client::{Answer, answer, answer_md5};
pub use nonce::{Freshness, NONCE_LENGTH, Nonce, Nonces};
pub use replay::{Replay, Use};
pub use verify::{Mismatch, Request, verify};

#[cfg(test)]
mod tests;
