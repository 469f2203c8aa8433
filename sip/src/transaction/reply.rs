//! The way back (RFC 3261 §18.2, RFC 3581): where the response to a request goes, and what is added to the
//! request's top Via so that the response tells it.

use std::net::SocketAddr;
use std::ops::Range;

use crate::branch;
use crate::header::Via;
use crate::message::{Index, Message, Name};
use crate::transport::{Flow, NextHop, Packet};

/// Where responses go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) hop: NextHop,
    /// For a stream that is gone: the port at the peer's address (§18.2.2, first rule).
    pub(super) fallback_port: Option<u16>,
    /// The client knows RFC 2543 only (§17.2.3).
    pub(super) is_legacy: bool,
}

/// The way back to whom a packet came from (§18.2.2 and RFC 3581 §4).
pub(super) fn way(packet: &Packet<'_>, via: Option<Via<'_>>) -> Way {
    let flow = packet.flow;
    let is_legacy = !via.and_then(|via| via.branch()).is_some_and(branch::has_cookie);
    let port = via.and_then(|via| via.port).unwrap_or(flow.transport.default_port());
    if flow.transport.is_reliable() {
        return Way { hop: NextHop::Flow(flow), fallback_port: Some(port), is_legacy };
    }
    let remote = match via {
        Some(via) => remote(packet, &via, port),
        None => flow.remote,
    };
    Way { hop: NextHop::Flow(Flow { remote, ..flow }), fallback_port: None, is_legacy }
}

fn remote(packet: &Packet<'_>, via: &Via<'_>, port: u16) -> SocketAddr {
    let source = packet.flow.remote;
    // §18.2.2: maddr goes first; a name there would have to be resolved, and only multicast needs it.
    if let Some(address) = via.maddr().and_then(|host| host.ip()) {
        return SocketAddr::new(address, port);
    }
    // RFC 3581 §4: back to where it came from.
    if via.rport().is_some() {
        return source;
    }
    // §18.2.2: the source address, which is the sent-by or what `received` will say, at the port of the sent-by.
    SocketAddr::new(source.ip(), port)
}

/// Writes the top Via of a request as it is kept and answered, into an emptied buffer: with `received` when its
/// host is not the source address (§18.2.1) or the client asked for `rport`, which then gets the source port
/// (RFC 3581 §4). The answer is where it stands in the message; none when nothing changes.
pub(super) fn mark(
    packet: &Packet<'_>,
    message: &Message<'_>,
    via: Option<Via<'_>>,
    marked: &mut Vec<u8>,
) -> Option<Range<usize>> {
    marked.clear();
    let via = via?;
    let source = packet.flow.remote.ip().to_canonical();
    let is_source = via.host.ip().is_some_and(|host| host.to_canonical() == source);
    if is_source && via.rport().is_none() && via.params.raw(b"received").is_none() {
        return None;
    }
    let element = message.elements(Name::Via).next()?;
    // An element is a part of the octets that the message was read from.
    let start = element.as_ptr() as usize - message.octets().as_ptr() as usize;
    via.write_received(packet.flow.remote, marked);
    Some(start..start + element.len())
}

/// The octets of a request in one allocation, with its top Via marked, and with a little room: where nothing else is
/// kept, the response takes the place of the request, and it is longer by our tag and a line or two. Its index follows.
pub(super) fn marked(
    packet: &Packet<'_>,
    message: &Message<'_>,
    via: Option<Via<'_>>,
    buffer: &mut Vec<u8>,
    index: &mut Index,
) -> Vec<u8> {
    let octets = message.octets();
    index.copy_from(message.index());
    let Some(range) = mark(packet, message, via, buffer) else {
        let mut whole = Vec::with_capacity(octets.len() + ROOM);
        whole.extend_from_slice(octets);
        return whole;
    };
    let mut whole = Vec::with_capacity(octets.len() - range.len() + buffer.len() + ROOM);
    whole.extend_from_slice(&octets[..range.start]);
    whole.extend_from_slice(buffer);
    whole.extend_from_slice(&octets[range.end..]);
    index.replace(range, buffer.len());
    whole
}

/// What a 200 to REGISTER with one Contact has more than its request.
const ROOM: usize = 96;
