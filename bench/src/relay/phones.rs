//! Phones that talk without a pause: sixteen sockets, on which all calls have their two ends. What comes is stamped by
//! the kernel, so that the load's own turns are no delay.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use super::server::Server;

/// What one run came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// Packets sent.
    pub sent: u64,
    /// Packets that came.
    pub received: u64,
    /// How long half of them took at the most, in microseconds.
    pub p50_us: f64,
    /// And all but one of a hundred.
    pub p99_us: f64,
    /// How far the load was behind at its worst.
    pub lag: Duration,
}

/// Both ends of all calls.
pub struct Phones {
    sockets: Vec<UdpSocket>,
    streams: Vec<Stream>,
    headers: MultiHeaders<SockaddrStorage>,
    room: Vec<[u8; PACKET_MAX]>,
    delays_ns: Vec<u32>,
}

/// One direction of a call.
struct Stream {
    socket: usize,
    to: SocketAddr,
    sequence: u16,
}

impl Phones {
    /// Without calls.
    pub fn open() -> io::Result<Self> {
        Ok(Phones {
            sockets: (0..SOCKETS).map(|_| socket()).collect::<io::Result<_>>()?,
            streams: Vec::new(),
            headers: MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(TimeSpec))),
            room: vec![[0; PACKET_MAX]; BATCH],
            delays_ns: Vec::new(),
        })
    }

    /// So many calls more.
    pub fn join(&mut self, server: &mut Server, calls: u32) -> io::Result<()> {
        for _ in 0..calls {
            let number = self.streams.len() / 2;
            let of = [2 * number % SOCKETS, (2 * number + 1) % SOCKETS];
            let [caller, callee] = of.map(|socket| self.sockets[socket].local_addr());
            let (to_caller, to_callee) = (caller?, callee?);
            let [for_caller, for_callee] = server.call(number, to_caller, to_callee)?;
            for (socket, to) in [(of[0], for_caller), (of[1], for_callee)] {
                self.streams.push(Stream { socket, to, sequence: 0 });
            }
        }
        Ok(())
    }

    /// All talk for so long: each stream has a packet every 20 ms, and all streams together an even flow.
    pub fn talk(&mut self, time: Duration) -> io::Result<Heard> {
        let mut heard = Heard::default();
        self.delays_ns.clear();
        let mut packet = [0x55; PACKET];
        packet[..2].copy_from_slice(&[0x80, 0]);
        let (start, count) = (Instant::now(), self.streams.len() as u64);
        let all = time.as_nanos() as u64 * count / PTIME.as_nanos() as u64;
        while heard.sent < all {
            let due = (start.elapsed().as_nanos() as u64 * count / PTIME.as_nanos() as u64).min(all);
            let behind = (due - heard.sent) * PTIME.as_nanos() as u64 / count;
            heard.lag = heard.lag.max(Duration::from_nanos(behind));
            while heard.sent < due {
                let at = (heard.sent % count) as usize;
                let stream = &mut self.streams[at];
                stream.sequence = stream.sequence.wrapping_add(1);
                packet[2..4].copy_from_slice(&stream.sequence.to_be_bytes());
                packet[4..8].copy_from_slice(&(u32::from(stream.sequence) * 160).to_be_bytes());
                packet[8..12].copy_from_slice(&(at as u32 + 1).to_be_bytes());
                packet[12..20].copy_from_slice(&now_ns().to_be_bytes());
                self.sockets[stream.socket].send_to(&packet, stream.to)?;
                heard.sent += 1;
            }
            heard.received += self.drain()?;
            std::thread::sleep(TURN);
        }
        let end = Instant::now() + DRAIN;
        while Instant::now() < end && heard.received < heard.sent {
            std::thread::sleep(TURN);
            heard.received += self.drain()?;
        }
        self.delays_ns.sort_unstable();
        let of = |part: f64| {
            let at = (self.delays_ns.len() as f64 * part) as usize;
            f64::from(self.delays_ns.get(at).copied().unwrap_or(0)) / 1_000.0
        };
        (heard.p50_us, heard.p99_us) = (of(0.5), of(0.99));
        Ok(heard)
    }

    /// Takes all that has come.
    fn drain(&mut self) -> io::Result<u64> {
        let mut count = 0;
        for socket in &self.sockets {
            loop {
                let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                    self.room.iter_mut().map(|room| [IoSliceMut::new(room)]).collect();
                let came = recvmmsg(
                    socket.as_raw_fd(),
                    &mut self.headers,
                    slices.iter_mut(),
                    MsgFlags::MSG_DONTWAIT,
                    None,
                );
                let came = match came {
                    Ok(came) => came,
                    Err(nix::errno::Errno::EAGAIN) => break,
                    Err(why) => return Err(why.into()),
                };
                let mut taken = 0;
                for message in came {
                    let stamp = message.cmsgs().into_iter().flatten().find_map(|of| match of {
                        ControlMessageOwned::ScmTimestampns(at) => {
                            Some(at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64)
                        }
                        _ => None,
                    });
                    let sent = message.iovs().next().and_then(|octets| octets.get(12..20)?.try_into().ok());
                    let delay = stamp.unwrap_or(0).saturating_sub(sent.map_or(0, u64::from_be_bytes));
                    self.delays_ns.push(u32::try_from(delay).unwrap_or(u32::MAX));
                    taken += 1;
                }
                count += taken as u64;
                if taken < BATCH {
                    break;
                }
            }
        }
        Ok(count)
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn socket() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(8 << 20)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let socket: UdpSocket = socket.into();
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(socket)
}

const SOCKETS: usize = 16;
const BATCH: usize = 64;
const PACKET_MAX: usize = 256;
/// G.711 for 20 ms, with its header.
const PACKET: usize = 172;
const PTIME: Duration = Duration::from_millis(20);
const TURN: Duration = Duration::from_micros(500);
const DRAIN: Duration = Duration::from_millis(200);
