//! Over sockets, against the running binary: order and presence. Timers are short by configuration, and a
//! message that a phone has had before is passed over wherever it comes.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use sip::framer::{Frame, Framer};
use sip::message::Limits;

use super::script::{Ladder, Who, summary};
use super::{Places, World};
use crate::exchange::Exchange;
use crate::ground::Ground;

/// Whether everything is one process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All in one, with one shard.
    Whole,
    /// All in one, with so many shards: a message reaches the one of its Call-ID, wherever it arrived.
    Shards(u16),
    /// Edge and registrar as processes of their own.
    Apart,
}

/// Starts an exchange and puts a phone on each address.
pub fn begin(ladder: &Ladder, shape: Shape) -> (Places, Box<dyn World>) {
    let (start, shards): (fn(Ground, &str) -> Exchange, _) = match shape {
        Shape::Whole => (Exchange::start, 1),
        Shape::Shards(number) => (Exchange::start, number),
        Shape::Apart => (Exchange::start_apart, 1),
    };
    let shards = format!("[shard]\nshards = {shards}\n");
    let exchange = start(Ground::loopback(), &format!("{TIMERS}{shards}{}", ladder.config));
    let to = SocketAddr::from((exchange.address(), 5060));
    let open = |(number, who): (usize, &Who)| {
        let host = u8::try_from(number).expect("a ladder has few phones") + 10;
        let wire = Wire::open(exchange.ground.address(host), to, who.is_stream).expect("the address is ours");
        Line { name: who.name.clone(), wire, had: Vec::new(), ahead: VecDeque::new(), repeats: 0 }
    };
    let lines: Vec<Line> = ladder.phones.iter().enumerate().map(open).collect();
    let phones = lines.iter().map(|line| line.wire.local().expect("it is bound")).collect();
    (Places { exchange: to, phones }, Box::new(Sockets { exchange, to, lines }))
}

/// An exchange and the phones' sockets.
struct Sockets {
    exchange: Exchange,
    to: SocketAddr,
    lines: Vec<Line>,
}

/// The line of one phone.
struct Line {
    name: String,
    wire: Wire,
    /// All that it has had.
    had: Vec<Vec<u8>>,
    /// What came while a repeat was awaited.
    ahead: VecDeque<Vec<u8>>,
    /// Repeats that came since the ladder has looked at something new.
    repeats: usize,
}

/// What its messages go by.
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Framer),
}

impl Wire {
    fn open(own: Ipv4Addr, to: SocketAddr, is_stream: bool) -> io::Result<Self> {
        if is_stream {
            // The exchange is on loopback as the phone is: the kernel chooses where from.
            let stream = TcpStream::connect(to)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            return Ok(Self::Tcp(stream, Framer::new(Limits::default())));
        }
        let socket = UdpSocket::bind((own, 5060))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::Udp(socket))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Udp(_) => "UDP",
            Self::Tcp(..) => "TCP",
        }
    }

    fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(stream, _) => stream.local_addr(),
        }
    }

    /// Waits no more: what was sent on loopback is here.
    fn hurry(&self) {
        let _ = match self {
            Self::Udp(socket) => socket.set_nonblocking(true),
            Self::Tcp(stream, _) => stream.set_nonblocking(true),
        };
    }

    fn send(&mut self, octets: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send_to(octets, to).map(|_| ()),
            Self::Tcp(stream, _) => stream.write_all(octets),
        }
    }

    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 65536];
        match self {
            Self::Udp(socket) => {
                let length = socket.recv(&mut buffer)?;
                buffer.truncate(length);
                Ok(buffer)
            }
            Self::Tcp(stream, framer) => loop {
                match framer.next().map_err(|why| io::Error::other(format!("{why:?}")))? {
                    Some(Frame::Message(octets)) => return Ok(octets.to_vec()),
                    Some(Frame::KeepAlive) => {}
                    None => match stream.read(&mut buffer)? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        length => framer.push(&buffer[..length]),
                    },
                }
            },
        }
    }
}

impl Line {
    /// The next message that this phone has not had before.
    fn next(&mut self) -> Result<Vec<u8>, String> {
        self.repeats = 0;
        if let Some(octets) = self.ahead.pop_front() {
            return Ok(octets);
        }
        loop {
            let octets = self.wire.next().map_err(|why| format!("nothing came ({why})"))?;
            if !self.had.contains(&octets) {
                self.had.push(octets.clone());
                return Ok(octets);
            }
        }
    }

    /// Waits until something has come again, whatever comes before it. How often it comes is for exact times to say:
    /// with a T1 of 20 ms and ticks of 10 ms the last repeat may fall behind the end.
    fn again(&mut self) -> Result<(), String> {
        while self.repeats == 0 {
            let octets = self.wire.next().map_err(|why| format!("nothing came again ({why})"))?;
            if self.had.contains(&octets) {
                self.repeats += 1;
            } else {
                self.had.push(octets.clone());
                self.ahead.push_back(octets);
            }
        }
        Ok(())
    }

    /// Asks for an answer behind everything that was sent before: what comes until then is all there is.
    fn rest(&mut self, to: SocketAddr) -> Result<(), String> {
        let own = self.wire.local().expect("it is bound");
        let transport = self.wire.name();
        let ask = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch=z9hG4bK-the-end\r\nMax-Forwards: 70\r\n\
             From: <sip:{own}>;tag=end\r\nTo: <sip:{to}>\r\nCall-ID: the-end-{own}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.wire.send(ask.as_bytes(), to).map_err(|why| why.to_string())?;
        let octets = self.next()?;
        let text = String::from_utf8_lossy(&octets);
        if text.contains("the-end") { Ok(()) } else { Err(format!("a {} came:\n{text}", summary(&octets))) }
    }
}

impl World for Sockets {
    fn send(&mut self, _at_ms: u64, who: usize, octets: &[u8]) {
        self.lines[who].wire.send(octets, self.to).expect("loopback takes it");
    }

    fn receive(&mut self, _at_ms: u64, who: usize, again: bool) -> Result<Option<Vec<u8>>, String> {
        let line = &mut self.lines[who];
        if again {
            return line.again().map(|()| None);
        }
        line.next().map(Some)
    }

    fn services(&mut self, _at_ms: u64, _go: bool) {
        unreachable!("a ladder with this runs in the simulated world alone");
    }

    fn rest(&mut self) -> Vec<String> {
        let log = self.exchange.log();
        let mut rest = Vec::new();
        for line in &mut self.lines {
            // It is on loopback: what was sent is here.
            line.wire.hurry();
            while let Ok(octets) = line.next() {
                rest.push(format!("{} < {}", line.name, summary(&octets)));
            }
        }
        rest.push(format!("the exchange logged:\n{log}"));
        rest
    }

    fn end(self: Box<Self>) -> Result<(), String> {
        let Self { exchange, to, lines } = *self;
        for mut line in lines {
            line.rest(to)?;
        }
        exchange.end();
        Ok(())
    }
}

/// 25 times as fast as usual.
const TIMERS: &str = "[timers]\nt1 = \"20ms\"\nt2 = \"160ms\"\nt4 = \"200ms\"\n";
/// How long anything may take before we say that it does not come. Long, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(20);
