//! Nonces: signed, so that nothing is kept of a challenge until it is answered. A nonce says which edge issued it
//! and when; without the key nobody can make one.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::algorithm::hex;

/// Issues and checks nonces. All edges of a site share the key.
#[derive(Clone)]
pub struct Nonces {
    key: [u8; 32],
    before: Option<[u8; 32]>,
    edge: u16,
    lifetime_s: u32,
}

/// A nonce as it stands in a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; NONCE_LENGTH]);

/// What a nonce in an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// One of ours, and young enough.
    Fresh {
        /// The edge that issued it and counts its uses.
        edge: u16,
        /// Names it: no two nonces of an edge share one.
        id: u64,
        /// When it was issued, in seconds of Unix time.
        issued_s: u32,
    },
    /// One of ours, too old: the client may try again with the same password (`stale=true`).
    Stale,
    /// Not one of ours.
    Forged,
}

impl Nonces {
    /// Nonces that live for `lifetime_s` seconds. Of `edge` and `key` see [`Nonces`].
    pub const fn new(key: [u8; 32], edge: u16, lifetime_s: u32) -> Self {
        Self { key, before: None, edge, lifetime_s }
    }

    /// Takes a new key; nonces of the one before stay good for their lifetime.
    pub fn rotate(&mut self, key: [u8; 32]) {
        self.before = Some(std::mem::replace(&mut self.key, key));
    }

    /// Issues one. `random` must not repeat.
    pub fn issue(&self, now_s: u64, random: u64) -> Nonce {
        let mut octets = [0; RAW];
        octets[..2].copy_from_slice(&self.edge.to_be_bytes());
        octets[2..6].copy_from_slice(&(now_s as u32).to_be_bytes());
        octets[6..BODY].copy_from_slice(&random.to_be_bytes());
        let mac = sign(&self.key, &octets[..BODY]);
        octets[BODY..].copy_from_slice(&mac);
        let mut text = [0; 64];
        let mut nonce = [0; NONCE_LENGTH];
        nonce.copy_from_slice(hex(&octets, &mut text));
        Nonce(nonce)
    }

    /// Judges the nonce of an answer.
    pub fn check(&self, nonce: &[u8], now_s: u64) -> Freshness {
        let Some(octets) = raw(nonce) else { return Freshness::Forged };
        let (body, mac) = octets.split_at(BODY);
        let is_signed = |key: &[u8; 32]| bool::from(sign(key, body).ct_eq(mac));
        if !is_signed(&self.key) && !self.before.as_ref().is_some_and(is_signed) {
            return Freshness::Forged;
        }
        let edge = u16::from_be_bytes([body[0], body[1]]);
        let issued_s = u32::from_be_bytes([body[2], body[3], body[4], body[5]]);
        let id = body[6..].iter().fold(0, |id, octet| id << 8 | u64::from(*octet));
        // Both ends of the clock's error: a nonce from the future is as stale as an old one.
        let age = (now_s as u32).wrapping_sub(issued_s);
        if age <= self.lifetime_s { Freshness::Fresh { edge, id, issued_s } } else { Freshness::Stale }
    }
}

impl Nonce {
    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits are text")
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces")
            .field("edge", &self.edge)
            .field("lifetime_s", &self.lifetime_s)
            .finish_non_exhaustive()
    }
}

fn sign(key: &[u8; 32], body: &[u8]) -> [u8; MAC] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(body);
    let mut cut = [0; MAC];
    cut.copy_from_slice(&mac.finalize().into_bytes()[..MAC]);
    cut
}

fn raw(nonce: &[u8]) -> Option<[u8; RAW]> {
    let mut octets = [0; RAW];
    if nonce.len() != NONCE_LENGTH {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(nonce.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *octet = (high << 4 | low) as u8;
    }
    Some(octets)
}

/// Octets of a nonce's text.
pub const NONCE_LENGTH: usize = 2 * RAW;
const BODY: usize = 14;
const MAC: usize = 16;
const RAW: usize = BODY + MAC;
