//! What a transaction costs at 300,000 live ones: `cargo run --release -p sip --example transactions`.
//!
//! A proxied call as the layer sees it: the INVITE comes and is accepted, it is sent on, 180 and 200 come and go
//! back, the BYE does the same; then all is alive until the timers end it. Time stands still but for the timers.
//! Printed are nanoseconds for each operation, parsing apart, and octets of resident memory for each transaction.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sip::branch::{BranchText, Branches, LoopHash};
use sip::build;
use sip::message::{Limits, Message, Status};
use sip::transaction::{Config, Endpoint, Event, TransactionId};
use sip::transport::{Flow, ListenerId, NextHop, Outbox, Packet, Transport};

const LIVE: usize = 300_000;

fn main() {
    let began = Instant::now();
    let mut rig = Rig {
        now: began,
        endpoint: Endpoint::new(Config { transactions_max: LIVE, ..Config::default() }, began, [1, 2]),
        branches: Branches::new(1, 0, [3, 4]),
        out: Outbox::default(),
        scratch: Vec::new(),
        spent: [Duration::ZERO; OPERATIONS.len()],
        done: [0; OPERATIONS.len()],
    };
    println!("sizes: event {}, config {}", size_of::<Event<u64>>(), size_of::<Config>());
    let before = resident();
    let mut calls = Vec::new();
    for number in 0..LIVE as u64 / 2 {
        calls.push(rig.invite(number));
    }
    let ringing = resident();
    println!("{LIVE} live, INVITE on both sides, ringing: {} octets each", (ringing - before) / LIVE as u64);
    rig.repeats(&calls);
    for (number, (server, client)) in calls.iter().enumerate() {
        rig.answer(number as u64, *server, client);
    }
    rig.print("answered by 200");
    rig.drain();
    let before = resident();
    for number in 0..LIVE as u64 / 2 {
        rig.bye(number);
    }
    println!(
        "{LIVE} live, BYE on both sides, answered: {} octets each above an empty table of that size",
        resident().saturating_sub(before) / LIVE as u64
    );
    rig.print("and BYE");
    rig.drain();
    rig.print("and all ended");
}

const OPERATIONS: [&str; 9] = [
    "branch",
    "parse",
    "receive a new request",
    "accept it",
    "send a request",
    "receive a response",
    "respond",
    "receive a repeat",
    "tick, for each timer",
];

struct Rig {
    now: Instant,
    endpoint: Endpoint<u64>,
    branches: Branches,
    out: Outbox,
    scratch: Vec<u8>,
    spent: [Duration; OPERATIONS.len()],
    done: [u64; OPERATIONS.len()],
}

impl Rig {
    fn timed<T>(&mut self, operation: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let start = Instant::now();
        let result = black_box(work(self));
        self.spent[operation] += start.elapsed();
        self.done[operation] += 1;
        result
    }

    fn invite(&mut self, number: u64) -> (TransactionId, BranchText) {
        let octets = request("INVITE", number, &format!("z9hG4bKcaller{number}"));
        let server = self.take(&octets, number);
        let branch = self.timed(0, |rig| rig.branches.draw(LoopHash::NONE));
        let octets = request("INVITE", number, branch.as_str());
        self.forward(&octets, number);
        let ringing = response(180, "INVITE", number, branch.as_str());
        self.pass(&ringing);
        self.reply(server, 180);
        self.out.clear();
        (server, branch)
    }

    fn answer(&mut self, number: u64, server: TransactionId, branch: &BranchText) {
        let ok = response(200, "INVITE", number, branch.as_str());
        self.pass(&ok);
        self.reply(server, 200);
        self.out.clear();
    }

    fn bye(&mut self, number: u64) {
        let octets = request("BYE", number, &format!("z9hG4bKcaller{number}"));
        let server = self.take(&octets, number);
        let branch = self.timed(0, |rig| rig.branches.draw(LoopHash::NONE));
        let octets = request("BYE", number, branch.as_str());
        self.forward(&octets, number);
        let ok = response(200, "BYE", number, branch.as_str());
        self.pass(&ok);
        self.reply(server, 200);
        self.out.clear();
    }

    fn repeats(&mut self, calls: &[(TransactionId, BranchText)]) {
        for number in 0..calls.len() as u64 {
            let octets = request("INVITE", number, &format!("z9hG4bKcaller{number}"));
            let message = Message::parse(&octets, &Limits::default()).expect("a message");
            self.timed(7, |rig| rig.endpoint.receive(rig.now, &message, &mut rig.out));
            self.out.clear();
        }
    }

    fn take(&mut self, octets: &[u8], number: u64) -> TransactionId {
        let packet = Packet { octets, flow: flow(), arrived: self.now };
        let message = self.timed(1, |_| Message::parse(octets, &Limits::default()).expect("a message"));
        let event = self.timed(2, |rig| rig.endpoint.receive(rig.now, &message, &mut rig.out));
        let Event::Request { key } = event else { panic!("{event:?}") };
        self.timed(3, |rig| rig.endpoint.accept(rig.now, &packet, &message, key, number).expect("room"))
    }

    fn forward(&mut self, octets: &[u8], number: u64) {
        let hop = NextHop::Flow(flow());
        self.timed(4, |rig| rig.endpoint.request(rig.now, number, hop, octets, &mut rig.out).expect("room"));
    }

    fn pass(&mut self, octets: &[u8]) {
        let message = Message::parse(octets, &Limits::default()).expect("a message");
        let event = self.timed(5, |rig| rig.endpoint.receive(rig.now, &message, &mut rig.out));
        assert!(matches!(event, Event::Response { .. }), "{event:?}");
    }

    fn reply(&mut self, server: TransactionId, status: u16) {
        self.scratch.clear();
        let kept = self.endpoint.kept_request(server).expect("kept until it is answered");
        let message = Message::parse(kept, &Limits::default()).expect("a message");
        build::response(&message, Status::of(status), &build::Extra::default(), &mut self.scratch);
        self.timed(6, |rig| rig.endpoint.respond(rig.now, server, &rig.scratch, &mut rig.out));
    }

    fn drain(&mut self) {
        let mut events = Vec::new();
        let mut worst = Duration::ZERO;
        while let Some(at) = self.endpoint.deadline() {
            self.now = self.now.max(at);
            let start = Instant::now();
            self.endpoint.tick(self.now, &mut self.out, &mut events);
            worst = worst.max(start.elapsed());
            self.spent[8] += start.elapsed();
            self.done[8] += events.len() as u64;
            events.clear();
            self.out.clear();
        }
        println!("drained, {} live; the longest tick {worst:?}", self.endpoint.live());
    }

    fn print(&self, what: &str) {
        println!("{what}:");
        for (name, (spent, done)) in OPERATIONS.iter().zip(self.spent.iter().zip(self.done)) {
            if done > 0 {
                println!("  {name:<24}{:>6} ns", spent.as_nanos() / u128::from(done));
            }
        }
    }
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        local: [192, 0, 2, 1].into(),
        remote: ([192, 0, 2, 9], 5060).into(),
        connection: None,
    }
}

fn request(method: &str, number: u64, branch: &str) -> Vec<u8> {
    let body = if method == "INVITE" { SDP } else { "" };
    format!(
        "{method} sip:bob@192.0.2.77:5062;transport=udp SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;rport;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.org>;tag={number}\r\nTo: <sip:6002@example.org>\r\n\
         Call-ID: {number}@192.0.2.9\r\nCSeq: 1 {method}\r\nContact: <sip:alice@192.0.2.9:5060>\r\nUser-Agent: bench\r\n\
         Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn response(status: u16, method: &str, number: u64, branch: &str) -> Vec<u8> {
    format!(
        "SIP/2.0 {status} Some\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;rport=5060;branch={branch};received=192.0.2.9\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKcaller{number}\r\nFrom: \"Alice\" <sip:alice@example.org>;tag={number}\r\n\
         To: <sip:6002@example.org>;tag=b{number}\r\nCall-ID: {number}@192.0.2.9\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:bob@192.0.2.77:5062>\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Octets of resident memory of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
