//! Who signs a description: its `o=` line over time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::sdp::{Address, Origin};

/// The `o=` line of one end of one dialog. Its version rises by one when what it signs is another description than the
/// last one, and stays when it is the same (RFC 3264 §8). A relay signs too: what comes from two phones one after the
/// other, by a transfer, is one session to the phone that stays.
#[derive(Debug, Clone)]
pub struct Author {
    session_id: u64,
    version: u64,
    address: IpAddr,
    last: Option<u64>,
}

impl Author {
    /// An author with a session id, which is unique among our sessions (RFC 8866 §5.2), and the address of our machine.
    pub fn new(session_id: u64, address: IpAddr) -> Self {
        // RFC 3264 §5: both fit 62 bits, so that the version never overflows.
        let session_id = session_id & (u64::MAX >> 2);
        Self { session_id, version: session_id, address, last: None }
    }

    /// An author who goes on where another instance stopped.
    pub fn resumed(session_id: u64, version: u64, address: IpAddr) -> Self {
        Self { version, ..Self::new(session_id, address) }
    }

    /// Session id and version, as they were last signed.
    pub fn position(&self) -> (u64, u64) {
        (self.session_id, self.version)
    }

    /// The address that it signs with.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The description with this author's `o=` in the place of its own.
    pub fn sign(&mut self, text: &[u8]) -> Vec<u8> {
        let (before, after) = around_origin(text);
        let mut hasher = DefaultHasher::new();
        (before, after).hash(&mut hasher);
        let own = hasher.finish();
        if self.last.is_some_and(|last| last != own) {
            self.version += 1;
        }
        self.last = Some(own);
        let (session_id, version) = (self.session_id.to_string(), self.version.to_string());
        let address = Address::Ip(self.address);
        let origin = Origin { user: "-", session_id: &session_id, version: &version, address };
        [before, format!("o={origin}").as_bytes(), after].concat()
    }
}

/// What stands before the `o=` line, and from its end on.
fn around_origin(text: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b"o=") {
            let length = line.trim_ascii_end().len();
            return (&text[..start], &text[start + length..]);
        }
        start += line.len();
    }
    (text, b"")
}
