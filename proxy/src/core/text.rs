//! Short texts that are made for one message and thrown away: on the stack as long as they are short.

use std::fmt;
use std::net::SocketAddr;

use sip::text;
use smallvec::SmallVec;

/// A text of mostly less than 192 octets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text(SmallVec<[u8; 192]>);

impl Text {
    /// A text made by `write!`.
    pub fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self::default();
        // Writing into memory does not fail, and an implementation of Display that fails leaves its part out.
        let _ = fmt::Write::write_fmt(&mut text, arguments);
        text
    }

    /// Appends octets as they are.
    pub fn push(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    /// Appends a text.
    pub fn push_str(&mut self, text: &str) {
        self.push(text.as_bytes());
    }

    /// Appends a number. Formatting it costs ten times as much.
    pub fn push_number(&mut self, number: impl Into<u64>) {
        self.push(text::decimal(number.into(), &mut [0; 20]));
    }

    /// Appends an address, with brackets around IPv6.
    pub fn push_address(&mut self, address: SocketAddr) {
        let SocketAddr::V4(v4) = address else {
            // Writing into memory does not fail.
            let _ = fmt::Write::write_fmt(self, format_args!("{address}"));
            return;
        };
        let [first, rest @ ..] = v4.ip().octets();
        self.push_number(first);
        for part in rest {
            self.push(b".");
            self.push_number(part);
        }
        self.push(b":");
        self.push_number(v4.port());
    }

    /// The text; empty where octets were pushed that are none.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
