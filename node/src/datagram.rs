//! Many UDP ports on one thread, and the epoll loop that waits for them. A media thread is made of these.
//!
//! Each port is a socket of its own, so what comes in comes one packet for each call, and what goes out goes by another
//! socket than the last one: `recvmmsg` and `sendmmsg`, which batch the packets of one socket, have nothing to batch.
//! What is saved is the second `recvfrom` that would only find nothing (the poll is level-triggered), and a wake-up for
//! each packet under load, since one wait gives up to 256 ports. A port that talks to one peer for long gets a second socket
//! that is connected to it ([`Port::toward`]): the kernel then finds the way, and the socket, once and not for each packet.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// One UDP port.
#[derive(Debug)]
pub struct Port(UdpSocket);

impl Port {
    /// Takes a port; `dscp` (RFC 2474) marks what is sent, 46 for voice.
    pub fn bind(address: SocketAddr, dscp: u8) -> io::Result<Port> {
        let socket = open(address, dscp)?;
        socket.bind(&address.into())?;
        Ok(Port(socket.into()))
    }

    /// The same port for one peer alone: what comes from there comes here, all else as before, and what is sent
    /// ([`Port::send_on`]) goes there. Dropping it leaves all to the port itself.
    pub fn toward(&self, peer: SocketAddr, dscp: u8) -> io::Result<Port> {
        let address = self.0.local_addr()?;
        let socket = open(address, dscp)?;
        let both = [SockRef::from(&self.0), SockRef::from(&socket)];
        // Two sockets may share a port while both say so, and nobody else may join them afterwards.
        both.iter().try_for_each(|of| of.set_reuse_port(true))?;
        let bound = socket.bind(&address.into()).and_then(|()| socket.connect(&peer.into()));
        both.iter().try_for_each(|of| of.set_reuse_port(false))?;
        bound?;
        Ok(Port(socket.into()))
    }

    /// Sends a packet to the peer of [`Port::toward`]. The error of an earlier one may be reported instead of sending
    /// this one: it is tried twice.
    pub fn send_on(&self, octets: &[u8]) -> io::Result<()> {
        match self.0.send(octets) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.0.send(octets).map(drop),
            result => result.map(drop),
        }
    }

    /// Takes a packet; `None` when there is none. An error is that of an earlier sending (ICMP).
    pub fn receive(&self, room: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.0.recv_from(room) {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a packet. The error of an earlier one may be reported instead of sending this one: it is tried twice.
    pub fn send(&self, octets: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.0.send_to(octets, to) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.0.send_to(octets, to).map(drop),
            result => result.map(drop),
        }
    }
}

/// A socket that is bound to nothing yet.
fn open(address: SocketAddr, dscp: u8) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Networks may refuse the mark; then media goes unmarked.
    let _ = if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_tclass_v6(u32::from(dscp) << 2)
    } else {
        socket.set_tos_v4(u32::from(dscp) << 2)
    };
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Waits for ports, for a time, and to be woken.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
    waker: Waker,
    events: Vec<EpollEvent>,
}

/// Wakes a [`Poller`] from another thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    /// Its next or present wait ends at once.
    pub fn wake(&self) {
        // It fails only when as many wake-ups wait as fit into 64 bits.
        let _ = self.0.write(1);
    }
}

impl Poller {
    /// Waits for nothing yet.
    pub fn new() -> io::Result<Poller> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let woken = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        epoll.add(&woken, EpollEvent::new(EpollFlags::EPOLLIN, WOKEN))?;
        Ok(Poller { epoll, waker: Waker(Arc::new(woken)), events: vec![EpollEvent::empty(); EVENTS_MAX] })
    }

    /// What wakes it.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for this port too, under a number below 2^32. Dropping the port ends that.
    pub fn add(&self, port: &Port, number: u32) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::from(number));
        Ok(self.epoll.add(port.0.as_fd(), event)?)
    }

    /// Waits until there is something, or so long; writes the numbers of the ports that have something into `ready`.
    pub fn wait(&mut self, longest: Duration, ready: &mut Vec<u32>) {
        ready.clear();
        // Rounded up, so that a wait does not end just before what it was for.
        let ms = i32::try_from(longest.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        let timeout = EpollTimeout::try_from(ms).unwrap_or(EpollTimeout::ZERO);
        // An error is a signal that interrupted it.
        let count = self.epoll.wait(&mut self.events, timeout).unwrap_or(0);
        for event in self.events.iter().take(count) {
            match u32::try_from(event.data()) {
                Ok(number) => ready.push(number),
                Err(_) => {
                    let _ = self.waker.0.read();
                }
            }
        }
    }
}

/// The machine's own addresses: first those that lead to the world, last the loopback.
pub fn addresses() -> Vec<IpAddr> {
    crate::listen::interfaces().into_iter().map(|own| own.address).collect()
}

/// The local address from which the kernel would send there.
pub fn way_to(remote: IpAddr) -> Option<IpAddr> {
    crate::listen::way_to(remote)
}

const WOKEN: u64 = u64::MAX;
/// Ports that one wait gives.
const EVENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Duration = Duration::from_secs(20);

    #[test]
    fn a_packet_is_waited_for_and_comes_with_its_source() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let (one, other) = (Port::bind(any, 46).expect("a port"), Port::bind(any, 0).expect("a port"));
        let (one_at, other_at) = (one.0.local_addr().expect("bound"), other.0.local_addr().expect("bound"));
        let mut poller = Poller::new().expect("a poller");
        poller.add(&one, 7).expect("added");
        let mut ready = Vec::new();
        poller.wait(Duration::ZERO, &mut ready);
        assert!(ready.is_empty());
        let mut room = [0; 100];
        assert_eq!(one.receive(&mut room).expect("no error"), None);
        other.send(b"voice", one_at).expect("sent");
        poller.wait(SECONDS, &mut ready);
        assert_eq!(ready, [7]);
        assert_eq!(one.receive(&mut room).expect("no error"), Some((5, other_at)));
    }

    #[test]
    fn a_peer_may_have_a_socket_of_its_own_and_nobody_else_the_port() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let any: SocketAddr = host.parse().expect("an address");
            let Ok(port) = Port::bind(any, 46) else { continue };
            let at = |port: &Port| port.0.local_addr().expect("bound");
            let (peer, stranger) = (Port::bind(any, 0).expect("a port"), Port::bind(any, 0).expect("a port"));
            let toward = port.toward(at(&peer), 46).expect("connected");
            assert_eq!(at(&toward), at(&port));
            let mut room = [0; 100];
            let mut heard = |by: &Port| by.receive(&mut room).expect("no error").map(|(_, from)| from);
            for _ in 0..3 {
                peer.send(b"voice", at(&port)).expect("sent");
                stranger.send(b"noise", at(&port)).expect("sent");
                assert_eq!((heard(&toward), heard(&port)), (Some(at(&peer)), Some(at(&stranger))));
                assert_eq!((heard(&toward), heard(&port)), (None, None));
                toward.send_on(b"answer").expect("sent");
                port.send(b"answer", at(&peer)).expect("sent");
                assert_eq!([heard(&peer), heard(&peer)], [Some(at(&port)); 2]);
            }
            assert!(Port::bind(at(&port), 0).is_err(), "the port is taken");
            let intruder = open(at(&port), 0).expect("a socket");
            intruder.set_reuse_port(true).expect("it may say so");
            assert!(intruder.bind(&at(&port).into()).is_err(), "whatever the other one says");
            drop(toward);
            peer.send(b"voice", at(&port)).expect("sent");
            assert_eq!(heard(&port), Some(at(&peer)));
            let again = port.toward(at(&stranger), 46).expect("connected to another one");
            stranger.send(b"voice", at(&port)).expect("sent");
            assert_eq!(heard(&again), Some(at(&stranger)));
        }
    }

    #[test]
    fn another_thread_ends_the_wait() {
        let mut poller = Poller::new().expect("a poller");
        let waker = poller.waker();
        let waking = std::thread::spawn(move || waker.wake());
        let mut ready = vec![1];
        poller.wait(SECONDS, &mut ready);
        assert!(ready.is_empty());
        waking.join().expect("no panic");
        poller.wait(Duration::ZERO, &mut ready);
    }
}
