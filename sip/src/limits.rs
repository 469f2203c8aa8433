//! What a message may measure at most. Each limit has a name that the configuration uses.

/// Limits on a message. Reaching one is a counted refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message, body included. Default 65,535, the most that a datagram holds. More costs memory for
    /// each connection that sends half of one.
    pub message_bytes_max: usize,
    /// Header lines, each line of a list counted. Default 256.
    pub headers_max: usize,
    /// Octets of one header with its folds. Default 16,384. Below 8,192 some Identity and token headers are cut off.
    pub line_bytes_max: usize,
    /// Octets of a Request-URI; a longer one is answered 414. Default 2,048.
    pub uri_bytes_max: usize,
    /// Octets of a body; a longer one is answered 513. Default 65,535.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 65_535,
            headers_max: 256,
            line_bytes_max: 16_384,
            uri_bytes_max: 2_048,
            body_bytes_max: 65_535,
        }
    }
}
