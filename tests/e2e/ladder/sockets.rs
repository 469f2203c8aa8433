//! Over sockets of UDP, against the running binary: order and presence. Timers are short by configuration, and a
//! message that a phone has had before is passed over wherever it comes.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::script::{Ladder, Who, summary};
use super::{Places, World};
use crate::exchange::Exchange;
use crate::ground::Ground;

/// Whether everything is one process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All in one.
    Whole,
    /// Edge and registrar as processes of their own.
    Apart,
}

/// Starts an exchange and puts a phone on each address.
pub fn begin(ladder: &Ladder, shape: Shape) -> (Places, Box<dyn World>) {
    let start = match shape {
        Shape::Whole => Exchange::start,
        Shape::Apart => Exchange::start_apart,
    };
    let exchange = start(Ground::loopback(), TIMERS);
    let open = |(number, who): (usize, &Who)| {
        let host = u8::try_from(number).expect("a ladder has few phones") + 10;
        let socket = UdpSocket::bind((exchange.ground.address(host), 5060)).expect("the address is ours");
        socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        Line { name: who.name.clone(), socket, had: Vec::new(), repeats: 0, expected_repeats: false }
    };
    let lines: Vec<Line> = ladder.phones.iter().enumerate().map(open).collect();
    let to = SocketAddr::from((exchange.address(), 5060));
    let phones = lines.iter().map(|line| line.socket.local_addr().expect("it is bound")).collect();
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
    socket: UdpSocket,
    /// All that it has had.
    had: Vec<Vec<u8>>,
    repeats: usize,
    expected_repeats: bool,
}

impl Line {
    /// The next message that this phone has not had before.
    fn next(&mut self) -> Result<Vec<u8>, String> {
        let mut buffer = vec![0; 65536];
        loop {
            let length = self.socket.recv(&mut buffer).map_err(|why| format!("nothing came ({why})"))?;
            let octets = buffer[..length].to_vec();
            if self.had.contains(&octets) {
                self.repeats += 1;
            } else {
                self.had.push(octets.clone());
                return Ok(octets);
            }
        }
    }

    /// Asks for an answer behind everything that was sent before: what comes until then is all there is.
    fn rest(&mut self, to: SocketAddr) -> Result<(), String> {
        let own = self.socket.local_addr().expect("it is bound");
        let ask = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK-the-end\r\nMax-Forwards: 70\r\n\
             From: <sip:{own}>;tag=end\r\nTo: <sip:{to}>\r\nCall-ID: the-end-{own}\r\nCSeq: 1 OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(ask.as_bytes(), to).map_err(|why| why.to_string())?;
        let octets = self.next()?;
        let text = String::from_utf8_lossy(&octets);
        if text.contains("the-end") { Ok(()) } else { Err(format!("a {} came:\n{text}", summary(&octets))) }
    }
}

impl World for Sockets {
    fn send(&mut self, _at_ms: u64, who: usize, octets: &[u8]) {
        self.lines[who].socket.send_to(octets, self.to).expect("loopback takes it");
    }

    fn receive(&mut self, _at_ms: u64, who: usize, again: bool) -> Result<Option<Vec<u8>>, String> {
        let line = &mut self.lines[who];
        if again {
            // It is passed over wherever it comes; that it did is asked at the end.
            line.expected_repeats = true;
            return Ok(None);
        }
        line.next().map(Some)
    }

    fn rest(&mut self) -> Vec<String> {
        let log = self.exchange.log();
        let mut rest = Vec::new();
        for line in &mut self.lines {
            // It is on loopback: what was sent is here.
            let _ = line.socket.set_nonblocking(true);
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
            if line.expected_repeats && line.repeats == 0 {
                return Err("nothing came again".to_owned());
            }
        }
        exchange.end();
        Ok(())
    }
}

/// 25 times as fast as usual.
const TIMERS: &str = "[timers]\nt1 = \"20ms\"\nt2 = \"160ms\"\nt4 = \"200ms\"\n";
/// How long anything may take before we say that it does not come. Long, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(20);
