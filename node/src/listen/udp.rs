//! A UDP socket of one shard: batched receiving with the local address, sending from that address, ICMP errors.
//!
//! Measured on two shared cores over loopback, 500 octets, CPU of the answering thread for one datagram in and one
//! out, the least of six runs: one at a time, `recvfrom` until empty and `sendto` 4.4-5.2 µs, `recvmmsg` and
//! `sendto` 4.9-5.1 µs; bursts of 32, 2.37-2.46 µs against 1.97-2.08 µs; `sendmmsg` instead of `sendto` gained
//! nothing (1.94-2.55 µs), asking for the local address (PKTINFO) and `sendmsg` cost 0.2-0.3 µs. So: `recvmmsg`,
//! `sendto`, and PKTINFO only on sockets bound to every address.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use sip::transport::ListenerId;

/// One socket.
#[derive(Debug)]
pub(crate) struct UdpPort {
    pub(crate) listener: ListenerId,
    socket: UdpSocket,
    /// It is made on another socket, because making it sets options that forbid fragments (RFC 3261 §18.1.1 needs
    /// them); for receiving and sending it holds nothing of that socket.
    calls: UdpSocketState,
    bound: SocketAddr,
    /// There may be something to receive.
    is_ready: bool,
    /// There may be something in the error queue.
    has_errors: bool,
}

impl UdpPort {
    /// Takes a bound socket.
    pub(crate) fn new(listener: ListenerId, socket: UdpSocket) -> io::Result<Self> {
        let bound = socket.local_addr()?;
        let any: IpAddr = if bound.is_ipv4() { [127, 0, 0, 1].into() } else { bound.ip() };
        let other = UdpSocket::bind(SocketAddr::new(any, 0))?;
        let calls = UdpSocketState::new(UdpSockRef::from(&other))?;
        socket.set_nonblocking(true)?;
        Ok(Self { listener, socket, calls, bound, is_ready: true, has_errors: false })
    }

    /// The socket, to be watched.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes what the kernel reports.
    pub(crate) fn note(&mut self, is_ready: bool, has_errors: bool) {
        self.is_ready |= is_ready;
        self.has_errors |= has_errors;
    }

    /// Receives up to a batch. A batch that is not full has emptied the socket, and the next call returns at once
    /// until the kernel reports more.
    pub(crate) fn receive(&mut self, batch: &mut Datagrams) {
        batch.count = 0;
        if !self.is_ready {
            return;
        }
        let Datagrams { octets, metas, count } = batch;
        let mut rooms = octets.chunks_exact_mut(DATAGRAM_MAX);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(rooms.next().unwrap_or_default()));
        // Some errors are those of an earlier sending (ICMP); they are taken from the error queue elsewhere.
        let got =
            (0..3).find_map(|_| match self.calls.recv(UdpSockRef::from(&self.socket), &mut slices, metas) {
                Ok(got) => Some(got),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(0),
                Err(_) => None,
            });
        *count = got.unwrap_or(0);
        // Said without asking: it saves the call that would only find nothing.
        self.is_ready = *count == BATCH_SIZE;
    }

    /// Sends one datagram, from `local` when the socket is bound to every address.
    pub(crate) fn send(&self, octets: &[u8], remote: SocketAddr, local: Option<IpAddr>) -> io::Result<()> {
        let source = local.filter(|local| self.bound.ip().is_unspecified() && !local.is_unspecified());
        let once = || match source {
            None => self.socket.send_to(octets, remote).map(drop),
            Some(_) => {
                let transmit = Transmit {
                    destination: remote,
                    ecn: None,
                    contents: octets,
                    segment_size: None,
                    src_ip: source,
                };
                self.calls.try_send(UdpSockRef::from(&self.socket), &transmit)
            }
        };
        match once() {
            // The error of an earlier datagram may have been reported instead of sending this one.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => once(),
            result => result,
        }
    }

    /// Where it is bound.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Takes ICMP errors off the socket's error queue, as many as others can wait for; the kernel reports the rest.
    pub(crate) fn take_errors(&mut self, mut tell: impl FnMut(SocketAddr, &'static str)) {
        if !std::mem::take(&mut self.has_errors) {
            return;
        }
        for _ in 0..ERRORS_AT_ONCE {
            match take_error(&self.socket) {
                Ok(Some((remote, why))) => tell(remote, why),
                Ok(None) => {}
                Err(_) => break,
            }
        }
        // A pending error of the socket itself is cleared by being read.
        let _ = self.socket.take_error();
    }
}

/// One entry of the socket's error queue: where the datagram was to go, and what became of it.
fn take_error(socket: &UdpSocket) -> nix::Result<Option<(SocketAddr, &'static str)>> {
    let mut octet = [0; 1];
    let mut rooms = [IoSliceMut::new(&mut octet)];
    let mut control = [0; 512];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut rooms, Some(&mut control), flags)?;
    let remote = message.address.and_then(|address| {
        let four = address.as_sockaddr_in().map(|four| SocketAddr::from((four.ip(), four.port())));
        four.or_else(|| address.as_sockaddr_in6().map(|six| SocketAddr::from((six.ip(), six.port()))))
    });
    let errno = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            i32::try_from(error.ee_errno).ok()
        }
        _ => None,
    });
    Ok(remote.zip(errno.map(name_of)))
}

/// Room for one batch, and what was received into it. Pages that no datagram reached cost nothing.
pub(crate) struct Datagrams {
    octets: Vec<u8>,
    metas: Vec<RecvMeta>,
    count: usize,
}

impl Datagrams {
    pub(crate) fn new() -> Self {
        Self {
            octets: vec![0; DATAGRAM_MAX * BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
            count: 0,
        }
    }

    /// No room at all, to stand in while the real one is looked at.
    pub(crate) fn none() -> Self {
        Self { octets: Vec::new(), metas: Vec::new(), count: 0 }
    }

    /// True when the socket may hold more.
    pub(crate) fn is_full(&self) -> bool {
        self.count == BATCH_SIZE
    }

    /// Octets, where they came from, and where they were sent to when that is known.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr, Option<IpAddr>)> {
        let rooms = self.octets.chunks_exact(DATAGRAM_MAX);
        rooms.zip(&self.metas).take(self.count).map(|(room, meta)| {
            (room.get(..meta.len).unwrap_or(room), meta.addr, meta.dst_ip.map(|ip| ip.to_canonical()))
        })
    }
}

fn name_of(errno: i32) -> &'static str {
    match nix::errno::Errno::from_raw(errno) {
        nix::errno::Errno::ECONNREFUSED => "nobody listens there (ICMP port unreachable)",
        nix::errno::Errno::EHOSTUNREACH => "the host is unreachable (ICMP)",
        nix::errno::Errno::ENETUNREACH => "the network is unreachable (ICMP)",
        nix::errno::Errno::EMSGSIZE => "the message is too long for the path (ICMP)",
        nix::errno::Errno::EACCES => "forbidden on the way (ICMP)",
        _ => "an ICMP error",
    }
}

/// The most that a UDP datagram can hold, rounded up.
const DATAGRAM_MAX: usize = 65_536;
/// ICMP errors taken before others have their turn.
const ERRORS_AT_ONCE: usize = 64;
