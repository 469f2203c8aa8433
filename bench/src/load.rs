//! The load: an open loop of units at a fixed rate, on one thread, over UDP on loopback.
//!
//! A unit is done when its last answer has come. Nothing is repeated: an answer that does not come within
//! [`PATIENCE`] is a failure, and a run with one does not count.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use bench::unit::{Role, Unit, Verdict};

/// What one run came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Units that were begun.
    pub begun: u64,
    /// Units that ended as they should.
    pub done: u64,
    /// Units that got a wrong answer or none.
    pub failed: u64,
    /// Messages that came a second time.
    pub repeated: u64,
}

/// Both ends of all units: the socket that asks and the one that is called.
pub struct Load {
    asking: UdpSocket,
    called: UdpSocket,
    server: SocketAddr,
    buffer: Vec<u8>,
}

impl Load {
    /// Opens both sockets on loopback.
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        Ok(Self { asking: socket()?, called: socket()?, server, buffer: vec![0; 65_536] })
    }

    /// The address that is called.
    pub fn called_address(&self) -> io::Result<SocketAddr> {
        self.called.local_addr()
    }

    /// The address that asks.
    pub fn asking_address(&self) -> io::Result<SocketAddr> {
        self.asking.local_addr()
    }

    /// Runs `rate` units a second for `time`, then waits for those under way.
    pub fn run(&mut self, role: &dyn Role, rate: u32, time: Duration) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut units: HashMap<u64, (Unit, Instant)> = HashMap::new();
        let mut later: BinaryHeap<Reverse<(Instant, u64, bool)>> = BinaryHeap::new();
        let mut answers: HashMap<u64, Vec<u8>> = HashMap::new();
        let start = Instant::now();
        let (mut begun, end) = (0_u64, start + time);
        let mut out = Vec::new();
        loop {
            let now = Instant::now();
            let due = if now < end { (now - start).as_secs_f64() * f64::from(rate) } else { begun as f64 };
            while begun < due as u64 {
                let number = role.first_number() + begun;
                let mut unit = Unit::new(number);
                role.begin(&mut unit, &mut out);
                self.asking.send_to(&out, self.server)?;
                units.insert(number, (unit, now));
                begun += 1;
            }
            while let Some(length) = receive(&self.asking, &mut self.buffer)? {
                let octets = &self.buffer[..length];
                let Some(number) = role.number(octets) else { continue };
                let Some((unit, _)) = units.get_mut(&number) else {
                    outcome.repeated += 1;
                    continue;
                };
                match role.answered(unit, octets, &mut out) {
                    Verdict::Wait => {}
                    Verdict::Send => {
                        self.asking.send_to(&out, self.server)?;
                    }
                    Verdict::SendLater(delay) => {
                        self.asking.send_to(&out, self.server)?;
                        later.push(Reverse((now + delay, number, true)));
                    }
                    Verdict::Done => {
                        outcome.done += 1;
                        units.remove(&number);
                    }
                    Verdict::Failed => {
                        outcome.failed += 1;
                        units.remove(&number);
                    }
                }
            }
            while let Some(length) = receive(&self.called, &mut self.buffer)? {
                let octets = &self.buffer[..length];
                let Some(number) = role.call_of(octets) else { continue };
                let mut last = Vec::new();
                match role.called(octets, &mut out, &mut last) {
                    Verdict::Send => {
                        self.called.send_to(&out, self.server)?;
                    }
                    Verdict::SendLater(delay) => {
                        self.called.send_to(&out, self.server)?;
                        answers.insert(number, last);
                        later.push(Reverse((now + delay, number, false)));
                    }
                    Verdict::Wait | Verdict::Done | Verdict::Failed => {}
                }
            }
            while later.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
                let Some(Reverse((_, number, asks))) = later.pop() else { break };
                if asks {
                    if let Some((unit, _)) = units.get_mut(&number) {
                        role.later(unit, &mut out);
                        self.asking.send_to(&out, self.server)?;
                    }
                } else if let Some(answer) = answers.remove(&number) {
                    self.called.send_to(&answer, self.server)?;
                }
            }
            if now >= end && (units.is_empty() || now >= end + PATIENCE) {
                break;
            }
            std::thread::sleep(TURN);
        }
        outcome.begun = begun;
        outcome.failed += units.len() as u64;
        Ok(outcome)
    }

    /// Sends one message and waits for its answer.
    pub fn ask(&mut self, octets: &[u8], from_called: bool) -> io::Result<Vec<u8>> {
        let socket = if from_called { &self.called } else { &self.asking };
        socket.send_to(octets, self.server)?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(length) = receive(socket, &mut self.buffer)? {
                return Ok(self.buffer[..length].to_vec());
            }
            std::thread::sleep(TURN);
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))
    }
}

fn socket() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(SOCKET_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match socket.recv_from(buffer) {
        Ok((length, _)) => Ok(Some(length)),
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(None),
        // An ICMP error of an earlier send: the unit's patience will tell.
        Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(why) => Err(why),
    }
}

/// How long the last answers may take.
pub const PATIENCE: Duration = Duration::from_secs(3);
const TURN: Duration = Duration::from_micros(500);
const SOCKET_BYTES: usize = 4 << 20;
