//! The way back (RFC 3261 §18.2, RFC 3581): where the response to a request goes, and what is added to the
//! request's top Via so that the response tells it.

use std::net::{IpAddr, SocketAddr};

use super::top::{Top, name_and_value, parts};
use crate::build;
use crate::message::{Message, Status};
use crate::transport::{Flow, NextHop, Outbox, Packet};

/// Where responses go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) hop: NextHop,
    /// For a stream that is gone: the port at the peer's address (§18.2.2, first rule).
    pub(super) fallback_port: Option<u16>,
}

/// The way back to whom a packet came from (§18.2.2 and RFC 3581 §4).
pub(super) fn way(packet: &Packet<'_>, message: &Message<'_>) -> Way {
    let flow = packet.flow;
    let via = Top::of(message);
    let port = via.and_then(|via| via.port).unwrap_or(flow.transport.default_port());
    if flow.transport.is_reliable() {
        return Way { hop: NextHop::Flow(flow), fallback_port: Some(port) };
    }
    let remote = match via {
        // §18.2.2: maddr goes first; a name there would have to be resolved, and only multicast needs it.
        Some(via) if maddr(&via).is_some() => {
            SocketAddr::new(maddr(&via).unwrap_or(flow.remote.ip()), port)
        }
        // RFC 3581 §4: back to where it came from.
        Some(via) if via.param(b"rport").is_some() => flow.remote,
        // §18.2.2: the source address, which is the sent-by or what `received` will say, at the port of the sent-by.
        Some(_) => SocketAddr::new(flow.remote.ip(), port),
        None => flow.remote,
    };
    let hop = Flow { remote, ..flow };
    Way { hop: NextHop::Flow(hop), fallback_port: None }
}

/// Answers without a transaction (§8.2.7): along the way of §18.2.2, with `received` and `rport` in the Via, and
/// else as `extra` says.
pub fn answer_statelessly(
    packet: &Packet<'_>,
    message: &Message<'_>,
    status: Status,
    extra: &build::Extra<'_>,
    out: &mut Outbox,
) {
    out.send(way(packet, message).hop, None, |buffer| {
        let marked = mark(packet, message);
        let top_via = marked.as_ref().map(|(_, via)| &via[..]);
        build::response(message, status, &build::Extra { top_via, ..*extra }, buffer);
    });
}

/// The octets of a request in one exact allocation, with its top Via marked.
pub(super) fn marked(packet: &Packet<'_>, message: &Message<'_>) -> Vec<u8> {
    let octets = message.octets();
    match mark(packet, message) {
        None => octets.to_vec(),
        Some((range, via)) => {
            let mut whole = Vec::with_capacity(octets.len() - range.len() + via.len());
            whole.extend_from_slice(&octets[..range.start]);
            whole.extend_from_slice(&via);
            whole.extend_from_slice(&octets[range.end..]);
            whole
        }
    }
}

type Marked = smallvec::SmallVec<[u8; 256]>;

/// Where the top Via stands in the message and what it should be: with `received` when its host is not the
/// source address (§18.2.1) or the client asked for `rport`, which then gets the source port (RFC 3581 §4).
/// What a client wrote into either itself goes. None when nothing changes.
fn mark(packet: &Packet<'_>, message: &Message<'_>) -> Option<(std::ops::Range<usize>, Marked)> {
    let via = Top::of(message)?;
    let source = packet.flow.remote.ip().to_canonical();
    let received = via.param(b"rport").is_some() || !is_host(&via, source);
    if !received && via.param(b"received").is_none() {
        return None;
    }
    let element = via.element;
    let start = element.as_ptr() as usize - message.octets().as_ptr() as usize;
    let mut marked = Marked::new();
    for (place, part) in parts(element).enumerate() {
        let (name, _) = name_and_value(part);
        if place > 0 && name.eq_ignore_ascii_case(b"received") {
            continue;
        }
        if place > 0 {
            marked.push(b';');
        }
        if place > 0 && name.eq_ignore_ascii_case(b"rport") {
            write(&mut marked, format_args!("rport={}", packet.flow.remote.port()));
        } else {
            marked.extend_from_slice(part);
        }
    }
    if received {
        write(&mut marked, format_args!(";received={source}"));
    }
    Some((start..start + element.len(), marked))
}

fn is_host(via: &Top<'_>, source: IpAddr) -> bool {
    address(via.host).is_some_and(|host| host.to_canonical() == source)
}

fn maddr(via: &Top<'_>) -> Option<IpAddr> {
    let value = via.param(b"maddr")?;
    address(value.strip_prefix(b"[").and_then(|value| value.strip_suffix(b"]")).unwrap_or(value))
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn write(into: &mut Marked, text: std::fmt::Arguments<'_>) {
    struct Octets<'a>(&'a mut Marked);
    impl std::fmt::Write for Octets<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    std::fmt::Write::write_fmt(&mut Octets(into), text).expect("a buffer in memory takes what it is given");
}
