//! A flow as octets: what the registrar keeps with a binding without reading it, and what a token carries.
//!
//! A connection's name means something only to the process that gave it, so whoever keeps a flow keeps the number
//! of that process's start beside it; a datagram flow needs a listener and an address, and outlives a restart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sip::transport::{ConnectionId, Flow, ListenerId, Transport};

/// What the registrar keeps: the start of this process, whether the phone is behind NAT, and the flow.
pub fn write_binding(flow: &Flow, behind_nat: bool, start: u32, out: &mut impl Extend<u8>) {
    out.extend(start.to_be_bytes());
    out.extend([u8::from(behind_nat)]);
    write(flow, out);
}

/// Reads what [`write_binding`] wrote: the flow, and whether the phone is behind NAT. `None` for the flow of
/// somebody else.
pub fn read_binding(mut octets: &[u8], start: u32) -> Option<(Read, bool)> {
    let written = u32::from_be_bytes(take(&mut octets)?);
    let [behind_nat] = take(&mut octets)?;
    let read = read(&mut octets, written == start)?;
    octets.is_empty().then_some((read, behind_nat != 0))
}

/// Appends the octets of a flow: 9 to 29 of them.
///
/// Layout: one octet of transport (low 3 bits) and marks, the listener, the remote address and port, the local
/// address when it is known and of IPv4 (of a datagram flow), and for streams the connection.
pub fn write(flow: &Flow, out: &mut impl Extend<u8>) {
    let mut head = number(flow.transport);
    let local = match flow.local {
        IpAddr::V4(local) if !local.is_unspecified() && flow.connection.is_none() => Some(local),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    };
    let remote = flow.remote.ip().to_canonical();
    head |= if remote.is_ipv6() { V6 } else { 0 };
    head |= if local.is_some() { LOCAL } else { 0 };
    head |= if flow.connection.is_some() { CONNECTION } else { 0 };
    out.extend([head]);
    out.extend(flow.listener.0.to_be_bytes());
    match remote {
        IpAddr::V4(remote) => out.extend(remote.octets()),
        IpAddr::V6(remote) => out.extend(remote.octets()),
    }
    out.extend(flow.remote.port().to_be_bytes());
    if let Some(local) = local {
        out.extend(local.octets());
    }
    if let Some(connection) = flow.connection {
        out.extend(connection.slot.to_be_bytes());
        out.extend(connection.generation.to_be_bytes());
    }
}

/// What was read of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// It can be used.
    Usable(Flow),
    /// It was a connection of an earlier start, which is gone for certain.
    Gone,
}

/// Reads the octets of [`write()`] from the front of `octets` and moves it behind them. `same_start`: this very
/// process wrote them.
pub fn read(octets: &mut &[u8], same_start: bool) -> Option<Read> {
    let head = take::<1>(octets)?[0];
    let transport = transport(head & TRANSPORT)?;
    let listener = ListenerId(u16::from_be_bytes(take(octets)?));
    let remote = if head & V6 == 0 {
        IpAddr::V4(Ipv4Addr::from(take::<4>(octets)?))
    } else {
        IpAddr::V6(Ipv6Addr::from(take::<16>(octets)?))
    };
    let remote = SocketAddr::new(remote, u16::from_be_bytes(take(octets)?));
    let local = if head & LOCAL == 0 {
        if remote.is_ipv6() { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) }
    } else {
        IpAddr::V4(Ipv4Addr::from(take::<4>(octets)?))
    };
    let mut connection = None;
    if head & CONNECTION != 0 {
        let slot = u32::from_be_bytes(take(octets)?);
        let generation = u32::from_be_bytes(take(octets)?);
        if !same_start {
            return Some(Read::Gone);
        }
        connection = Some(ConnectionId { slot, generation });
    }
    Some(Read::Usable(Flow { transport, listener, local, remote, connection }))
}

/// Takes `N` octets from the front.
pub fn take<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = octets.split_first_chunk::<N>()?;
    *octets = rest;
    Some(*head)
}

const fn number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
    }
}

const fn transport(number: u8) -> Option<Transport> {
    match number {
        0 => Some(Transport::Udp),
        1 => Some(Transport::Tcp),
        2 => Some(Transport::Tls),
        3 => Some(Transport::Ws),
        4 => Some(Transport::Wss),
        _ => None,
    }
}

const TRANSPORT: u8 = 0x07;
const V6: u8 = 0x08;
const LOCAL: u8 = 0x10;
const CONNECTION: u8 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(transport: Transport, local: &str, remote: &str, connection: Option<ConnectionId>) -> Flow {
        Flow {
            transport,
            listener: ListenerId(3),
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let connection = Some(ConnectionId { slot: 7, generation: 9 });
        for flow in [
            flow(Transport::Udp, "192.0.2.1", "198.51.100.7:5062", None),
            flow(Transport::Udp, "0.0.0.0", "198.51.100.7:5062", None),
            flow(Transport::Udp, "::", "[2001:db8::9]:5060", None),
            flow(Transport::Tls, "0.0.0.0", "198.51.100.7:49152", connection),
            flow(Transport::Wss, "::", "[2001:db8::9]:49152", connection),
        ] {
            let mut octets = Vec::new();
            write(&flow, &mut octets);
            assert!((9..=29).contains(&octets.len()), "{}", octets.len());
            let mut rest = octets.as_slice();
            assert_eq!(read(&mut rest, true), Some(Read::Usable(flow)));
            assert!(rest.is_empty());
            for end in 0..octets.len() {
                assert_eq!(read(&mut &octets[..end], true), None, "cut at {end}");
            }
        }
    }

    #[test]
    fn a_connection_of_an_earlier_start_is_gone_and_a_datagram_flow_is_not() {
        let connection = Some(ConnectionId { slot: 7, generation: 9 });
        let stream = flow(Transport::Tcp, "0.0.0.0", "198.51.100.7:49152", connection);
        let datagrams = flow(Transport::Udp, "192.0.2.1", "198.51.100.7:5060", None);
        for (flow, later) in [(stream, Read::Gone), (datagrams, Read::Usable(datagrams))] {
            let mut octets = Vec::new();
            write_binding(&flow, true, 1, &mut octets);
            assert_eq!(read_binding(&octets, 1), Some((Read::Usable(flow), true)));
            assert_eq!(read_binding(&octets, 2), Some((later, true)));
        }
        assert_eq!(read_binding(b"", 1), None);
    }
}
