//! Every message of RFC 4475 and RFC 5118, octet for octet, with our verdict: as a datagram and through the framer
//! of a stream. What each of them is about, and why a verdict is the one it is, stands beside it.

mod torture {
    pub mod facts;
    pub mod verdicts;
}

use std::path::PathBuf;

/// The octets of a message.
fn octets(name: &str) -> Vec<u8> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(name).with_extension("msg");
    std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
