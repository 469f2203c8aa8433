//! What joins the pure rooms to the sockets: where octets came from, where they are to go, and the arena in
//! which a turn collects what it sends. No socket is touched here.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::transaction::TransactionId;

/// A SIP transport protocol (RFC 3261 §18, RFC 7118 for WebSocket).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams: lossy, and at most one message each.
    Udp,
    /// A stream framed by Content-Length.
    Tcp,
    /// TCP under TLS 1.2 or 1.3.
    Tls,
    /// WebSocket: one message a frame.
    Ws,
    /// WebSocket under TLS.
    Wss,
}

impl Transport {
    /// True when the transport itself repeats what was lost, so that timers A, E and G do not run.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// True when the hop is under TLS, as `sips:` demands.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The name in the sent-protocol of a Via, `UDP` for one.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The name in a `transport` URI parameter and in the configuration, `udp` for one.
    pub const fn param_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The port that is meant where none is written (RFC 3261 §19.1.2, RFC 7118 §5).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Reads either form, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|transport| transport.via_name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// A listening socket of the configuration, by its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// A stream connection of this process. The generation makes an old id harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The place in the connection table.
    pub slot: u32,
    /// Counts the uses of that place.
    pub generation: u32,
}

/// A way to a peer that has been seen to work: the listener and both addresses, and the connection of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The protocol.
    pub transport: Transport,
    /// The local listener.
    pub listener: ListenerId,
    /// The local address that the peer sent to; unspecified when the kernel may choose.
    pub local: IpAddr,
    /// The peer's address as seen from here.
    pub remote: SocketAddr,
    /// The connection, for streams.
    pub connection: Option<ConnectionId>,
}

/// Octets with the way they came and when.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// One datagram, or one framed message of a stream.
    pub octets: &'a [u8],
    /// How it came, and so how its response goes back.
    pub flow: Flow,
    /// When it was received.
    pub arrived: Instant,
}

/// Where a message is to go: a flow that is known, or an address to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextHop {
    /// Along a flow; its end is a [`crate::transaction::Failure::Transport`], never another connection.
    Flow(Flow),
    /// To an address, over an open connection when there is one.
    Address {
        /// The protocol.
        transport: Transport,
        /// Where to.
        remote: SocketAddr,
        /// The name that a certificate must hold, for TLS.
        host: Option<Arc<str>>,
        /// The listener to send from, when it matters.
        listener: Option<ListenerId>,
    },
}

impl NextHop {
    /// The protocol of the hop.
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Flow(flow) => flow.transport,
            Self::Address { transport, .. } => *transport,
        }
    }

    /// The address of the peer.
    pub const fn remote(&self) -> SocketAddr {
        match self {
            Self::Flow(flow) => flow.remote,
            Self::Address { remote, .. } => *remote,
        }
    }
}

/// One message to be sent; its octets lie in the [`Outbox`].
#[derive(Debug, Clone)]
pub struct Sending {
    /// Where to.
    pub to: NextHop,
    /// Who is told when it cannot be sent.
    pub transaction: Option<TransactionId>,
    range: Range<usize>,
}

/// What one turn sends, in wire order. It belongs to a shard and is reused, so a send allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    octets: Vec<u8>,
    sends: Vec<Sending>,
}

impl Outbox {
    /// Appends one message that `write` puts behind what stands in the buffer.
    pub fn send(
        &mut self,
        to: NextHop,
        transaction: Option<TransactionId>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.octets.len();
        write(&mut self.octets);
        self.sends.push(Sending { to, transaction, range: start..self.octets.len() });
    }

    /// Appends one message that is already written.
    pub fn send_octets(&mut self, to: NextHop, transaction: Option<TransactionId>, octets: &[u8]) {
        self.send(to, transaction, |buffer| buffer.extend_from_slice(octets));
    }

    /// What was sent since the last [`Outbox::clear`], in order.
    pub fn sends(&self) -> impl ExactSizeIterator<Item = (&Sending, &[u8])> {
        self.sends.iter().map(|sending| (sending, &self.octets[sending.range.clone()]))
    }

    /// True when nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// Forgets what was sent and keeps the room for the next turn.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.sends.clear();
    }
}
