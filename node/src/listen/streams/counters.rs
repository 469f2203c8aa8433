//! What the stream transports count, all connections together.

use crate::shard::Count;

/// Counters of the stream connections.
#[derive(Debug, Default)]
pub struct StreamCounters {
    /// Connections accepted.
    pub accepted: Count,
    /// Connections that we made.
    pub connected: Count,
    /// Connections that are open or being opened.
    pub open: Count,
    /// Closed at once: `connections_max` is reached.
    pub refused_max: Count,
    /// Closed at once: `connections_per_peer_max` is reached.
    pub refused_peer: Count,
    /// Connecting failed or took longer than `connect_timeout`.
    pub connect_failed: Count,
    /// TLS or the WebSocket upgrade of a peer failed or took too long.
    pub handshake_failed: Count,
    /// Closed after `idle_timeout`.
    pub closed_idle: Count,
    /// Closed after `half_request_timeout`.
    pub closed_half: Count,
    /// Messages refused because a write queue was full; the connection is closed for it.
    pub closed_full: Count,
    /// Closed because what came was no SIP.
    pub closed_broken: Count,
    /// Messages received.
    pub messages: Count,
    /// Octets received.
    pub octets_in: Count,
    /// Octets sent.
    pub octets_out: Count,
    /// Keep-alives answered (RFC 5626 §4.4.1).
    pub keep_alives: Count,
    /// Messages that could not be queued or sent.
    pub unsent: Count,
}
