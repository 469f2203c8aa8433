//! The hash functions of digest, and what is kept of a password: one HA1 for each of them.

use std::fmt;

use hmac::digest::{FixedOutput, Update};
use md5::Md5;
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq;

/// A hash function that digest may use (RFC 8760 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// For phones that know nothing better.
    Md5,
    /// The one that every implementation of RFC 8760 knows.
    Sha256,
    /// SHA-512 cut to 256 bits.
    Sha512_256,
}

/// A hash function, and whether HA1 is bound to the nonces of the session (RFC 7616 §3.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Algorithm {
    /// The function.
    pub hash: Hash,
    /// The `-sess` form.
    pub session: bool,
}

/// What a hash function gives, and its form in hexadecimal.
#[derive(Clone, Copy)]
pub struct Digest {
    octets: [u8; 32],
    length: usize,
}

/// The hash of `user:realm:password` for each function: all that is kept of a password.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Ha1Set {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512-256.
    pub sha512_256: Option<[u8; 32]>,
}

impl Hash {
    /// All, the strongest first.
    pub const ALL: [Self; 3] = [Self::Sha512_256, Self::Sha256, Self::Md5];

    /// The name in a challenge.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// Hashes the parts with a colon between them.
    pub fn of_parts(self, parts: &[&[u8]]) -> Digest {
        match self {
            Self::Md5 => joined(Md5::default(), parts),
            Self::Sha256 => joined(Sha256::default(), parts),
            Self::Sha512_256 => joined(Sha512_256::default(), parts),
        }
    }
}

impl Algorithm {
    /// Reads a name in any case; `None` for one that is not known.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let session = name.len() > 5 && name[name.len() - 5..].eq_ignore_ascii_case(b"-sess");
        let base = if session { &name[..name.len() - 5] } else { name };
        let hash = Hash::ALL.into_iter().find(|hash| hash.name().as_bytes().eq_ignore_ascii_case(base))?;
        Some(Self { hash, session })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        if self.session { f.write_str("-sess") } else { Ok(()) }
    }
}

impl Digest {
    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// Hexadecimal, in lower case: twice as many octets, in `out`.
    pub fn hex<'o>(&self, out: &'o mut [u8; 64]) -> &'o [u8] {
        hex(self.octets(), out)
    }

    /// Compares with hexadecimal text of any case, in a time that does not tell where they differ.
    pub fn equals_hex(&self, text: &[u8]) -> bool {
        let mut own = [0; 64];
        let own = self.hex(&mut own);
        let mut other = [0; 64];
        let length_is_right = text.len() == own.len();
        for (to, from) in other.iter_mut().zip(text) {
            *to = from.to_ascii_lowercase();
        }
        length_is_right & bool::from(own.ct_eq(&other[..own.len()]))
    }

    fn of(octets: &[u8]) -> Self {
        let mut digest = Self { octets: [0; 32], length: octets.len() };
        digest.octets[..octets.len()].copy_from_slice(octets);
        digest
    }
}

impl Ha1Set {
    /// Hashes a password with every function.
    pub fn of(user: &str, realm: &str, password: &str) -> Self {
        let hash = |hash: Hash| hash.of_parts(&[user.as_bytes(), realm.as_bytes(), password.as_bytes()]);
        let mut set = Self::default();
        for function in Hash::ALL {
            set.put(function, hash(function).octets());
        }
        set
    }

    /// A set that belongs to nobody: verifying against it costs what verifying against a user's costs, so that an
    /// unknown name is answered no faster than a wrong password. `secret` is drawn when the process starts.
    pub fn of_nobody(secret: &[u8; 16]) -> Self {
        let mut set = Self::default();
        for function in Hash::ALL {
            set.put(function, function.of_parts(&[secret]).octets());
        }
        set
    }

    /// The key for one function.
    pub fn key(&self, hash: Hash) -> Option<Digest> {
        match hash {
            Hash::Md5 => self.md5.as_ref().map(|key| Digest::of(key)),
            Hash::Sha256 => self.sha256.as_ref().map(|key| Digest::of(key)),
            Hash::Sha512_256 => self.sha512_256.as_ref().map(|key| Digest::of(key)),
        }
    }

    /// Takes a key in hexadecimal, as `htdigest` and configurations hold it: 32 digits are MD5, 64 SHA-256.
    /// `None` for anything else.
    pub fn of_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let digit = |octet: u8| char::from(octet).to_digit(16).map(|digit| digit as u8);
        let mut octets = [0; 32];
        if text.len() != 32 && text.len() != 64 {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(text.chunks_exact(2)) {
            *octet = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        let mut set = Self::default();
        set.put(if text.len() == 32 { Hash::Md5 } else { Hash::Sha256 }, &octets[..text.len() / 2]);
        Some(set)
    }

    fn put(&mut self, hash: Hash, octets: &[u8]) {
        match hash {
            Hash::Md5 => self.md5 = octets.try_into().ok(),
            Hash::Sha256 => self.sha256 = octets.try_into().ok(),
            Hash::Sha512_256 => self.sha512_256 = octets.try_into().ok(),
        }
    }
}

/// Says which keys there are, never the keys: whoever has one can register.
impl fmt::Debug for Ha1Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Hash::ALL.into_iter().filter(|hash| self.key(*hash).is_some());
        f.debug_list().entries(known.map(Hash::name)).finish()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

/// Writes octets in hexadecimal.
pub(super) fn hex<'o>(octets: &[u8], out: &'o mut [u8; 64]) -> &'o [u8] {
    for (pair, octet) in out.chunks_exact_mut(2).zip(octets) {
        pair[0] = DIGITS[usize::from(octet >> 4)];
        pair[1] = DIGITS[usize::from(octet & 15)];
    }
    &out[..octets.len() * 2]
}

fn joined<H: Update + FixedOutput>(mut hash: H, parts: &[&[u8]]) -> Digest {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    Digest::of(&hash.finalize_fixed())
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
