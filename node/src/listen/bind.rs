//! Takes the ports: everything that can fail before the first message.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{setsockopt, sockopt};
use sip::transport::{ListenerId, Transport};
use socket2::{Domain, Protocol, Socket, Type};

use super::config::{Config, Listen};
use super::table::{Interface, Listener, Listeners};
use crate::config::{ListenAddress, Network};

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error(
        "{address} is taken: another program listens there. Stop it, or choose another port under [sip] listen \
         or with --listen {}:ADDRESS:PORT", address.transport.param_name()
    )]
    Taken {
        /// What was asked for.
        address: ListenAddress,
    },
    /// The machine has no such address.
    #[error(
        "{address}: this machine has no such address; take one of its own under [sip] listen, or 0.0.0.0"
    )]
    NoSuchAddress {
        /// What was asked for.
        address: ListenAddress,
    },
    /// Ports below 1024 need a privilege.
    #[error(
        "{address}: ports below 1024 need the privilege CAP_NET_BIND_SERVICE; choose another under [sip] listen"
    )]
    Privilege {
        /// What was asked for.
        address: ListenAddress,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {cause}")]
    Other {
        /// What was asked for.
        address: ListenAddress,
        /// What the system said.
        cause: io::Error,
    },
}

/// The sockets and what they are called.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listeners: Arc<Listeners>,
    /// For each UDP listener one socket for each shard.
    pub(crate) udp: Vec<(ListenerId, Vec<UdpSocket>)>,
    pub(crate) streams: Vec<(ListenerId, Transport, TcpListener)>,
}

/// Binds every listener; UDP sockets once for each shard.
pub(crate) fn bind(config: &Config, shards: u16) -> Result<Bound, BindError> {
    let mut udp = Vec::new();
    let mut streams = Vec::new();
    let mut table = Vec::new();
    for (number, listen) in config.listen.iter().enumerate() {
        let id = ListenerId(u16::try_from(number).unwrap_or(u16::MAX));
        let address = listen.address;
        let told = |cause| explain(address, cause);
        let bound = if address.transport == Transport::Udp {
            let sockets = bind_udp(address.address, shards, config.socket_buffer.bytes()).map_err(told)?;
            let bound = sockets[0].local_addr().map_err(told)?;
            udp.push((id, sockets));
            bound
        } else {
            let socket = bind_stream(address.address).map_err(told)?;
            let bound = socket.local_addr().map_err(told)?;
            streams.push((id, address.transport, socket));
            bound
        };
        table.push(entry(id, listen, bound));
    }
    let listeners = Arc::new(Listeners::new(table, interfaces(), config.names.iter().cloned()));
    Ok(Bound { listeners, udp, streams })
}

/// The machine's addresses: first those that lead to the world, last the loopback.
pub(crate) fn interfaces() -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    for one in getifaddrs().into_iter().flatten().filter(|one| one.flags.contains(InterfaceFlags::IFF_UP)) {
        let ip = |address: Option<nix::sys::socket::SockaddrStorage>| -> Option<IpAddr> {
            let address = address?;
            let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
        };
        let Some(address) = ip(one.address) else {
            continue;
        };
        let prefix = match ip(one.netmask) {
            Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones(),
            Some(IpAddr::V6(mask)) => mask.to_bits().leading_ones(),
            None if address.is_ipv4() => 32,
            None => 128,
        };
        let network = Network { address, prefix: prefix as u8 };
        if !found.iter().any(|known| known.address == address) {
            found.push(Interface { address, network });
        }
    }
    let world = [
        way_to(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        way_to(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
    ];
    found.sort_by_key(|own| match own.address {
        address if world.contains(&Some(address)) => 0,
        address if address.is_loopback() => 3,
        IpAddr::V6(address) if address.is_unicast_link_local() => 2,
        _ => 1,
    });
    found
}

/// The local address from which the kernel would send there. Connecting a datagram socket sends nothing.
pub(crate) fn way_to(remote: IpAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(remote, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

fn entry(id: ListenerId, listen: &Listen, bound: SocketAddr) -> Listener {
    Listener {
        id,
        transport: listen.address.transport,
        bound,
        advertised: listen.advertise.clone(),
        local_networks: listen.local_networks.clone(),
    }
}

fn bind_udp(address: SocketAddr, shards: u16, buffer: usize) -> io::Result<Vec<UdpSocket>> {
    let mut address = address;
    if shards > 1 && address.port() != 0 {
        // SO_REUSEPORT would share the port with a second exchange of the same user: ask once without it.
        udp_socket(address, false, 0)?;
    }
    let mut sockets = Vec::new();
    for _ in 0..shards {
        let socket = udp_socket(address, shards > 1, buffer)?;
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn udp_socket(address: SocketAddr, shared: bool, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // `udp:[::]` and `udp:0.0.0.0` stand side by side.
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    if buffer > 0 {
        // Linux cuts these to its own limit without an error; it doubles what it grants.
        socket.set_recv_buffer_size(buffer)?;
        socket.set_send_buffer_size(buffer)?;
        let granted = socket.recv_buffer_size()? / 2;
        if granted < buffer {
            tracing::info!(
                asked = buffer,
                granted,
                "the kernel gives smaller socket buffers (net.core.rmem_max)"
            );
        }
    }
    let wildcard = address.ip().is_unspecified();
    let asked = if address.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true).and_then(|()| {
            if wildcard { setsockopt(&socket, sockopt::Ipv4PacketInfo, &true) } else { Ok(()) }
        })
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true).and_then(|()| {
            if wildcard { setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true) } else { Ok(()) }
        })
    };
    asked.map_err(io::Error::from)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn bind_stream(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of the last run may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn explain(address: ListenAddress, cause: io::Error) -> BindError {
    match cause.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { address },
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress { address },
        io::ErrorKind::PermissionDenied => BindError::Privilege { address },
        _ => BindError::Other { address, cause },
    }
}

const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_the_option_that_chooses_another() {
        for (transport, shards) in [("udp", 1), ("udp", 2), ("tcp", 1)] {
            let free = Config {
                listen: vec![format!("{transport}:127.0.0.1:0").parse().expect("free")],
                ..Config::default()
            };
            let first = bind(&free, shards).expect("a free port");
            let port = first.listeners.iter().next().expect("one").bound.port();
            let text = format!("{transport}:127.0.0.1:{port}");
            let taken = Config { listen: vec![text.parse().expect("the same")], ..Config::default() };
            let error = bind(&taken, shards).expect_err("taken").to_string();
            assert!(error.starts_with(&format!("{text} is taken")), "{error}");
            assert!(
                error.contains("[sip] listen") && error.contains(&format!("--listen {transport}:")),
                "{error}"
            );
        }
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        let config =
            Config { listen: vec!["udp:192.0.2.77:5060".parse().expect("an address")], ..Config::default() };
        let error = bind(&config, 1).expect_err("not ours").to_string();
        assert!(error.contains("no such address"), "{error}");
    }

    #[test]
    fn both_families_listen_on_one_port_and_each_shard_has_its_socket() {
        let four = Config { listen: vec!["udp:0.0.0.0:0".parse().expect("wild")], ..Config::default() };
        let bound = bind(&four, 3).expect("a free port");
        assert_eq!(bound.udp[0].1.len(), 3);
        let port = bound.listeners.iter().next().expect("one").bound.port();
        let six =
            Config { listen: vec![format!("udp:[::]:{port}").parse().expect("wild")], ..Config::default() };
        assert!(
            bind(&six, 1).is_ok()
                || getifaddrs().is_ok_and(|mut all| !all
                    .any(|one| { one.address.is_some_and(|address| address.as_sockaddr_in6().is_some()) }))
        );
    }

    #[test]
    fn the_loopback_comes_last() {
        let found = interfaces();
        assert!(found.iter().any(|own| own.address.is_loopback()));
        assert!(found.iter().is_sorted_by_key(|own| own.address.is_loopback()));
    }
}
