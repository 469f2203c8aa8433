//! Runs a machine ladder in virtual time: what a peer sends (`in`), what the user does and is told (`tu`), what
//! the transport says (`net failed`), what goes out (`out`), and the end (`gone`). The ladder is the whole truth:
//! what happens must be written, in order, at that time in seconds.
//!
//! On the server's side a status after `tu` is the user's answer and all else is what the user is told; on the
//! client's side a status is what the user is told, a method or `cancel` what the user does. `(CANCEL)` behind a
//! word means the CANCEL's own transaction. After the last line the table must be empty.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::super::*;
use crate::message::{Limits, Message, Name};
use crate::transport::{ConnectionId, Flow, ListenerId, NextHop, Outbox, Packet, Transport};

/// How a ladder is run.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub transport: Transport,
    /// The peer knows RFC 2543 only: branches without the cookie.
    pub legacy: bool,
    pub intervals: Intervals,
}

impl Setup {
    pub const UDP: Self = Self {
        transport: Transport::Udp,
        legacy: false,
        intervals: Intervals {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        },
    };
    pub const TCP: Self = Self { transport: Transport::Tcp, ..Self::UDP };
    pub const LEGACY: Self = Self { legacy: true, ..Self::UDP };
}

/// Runs a ladder and compares what happened with what is written.
#[track_caller]
pub fn check(setup: Setup, ladder: &str) {
    let lines: Vec<Line<'_>> = ladder.lines().filter_map(Line::parse).collect();
    // A ladder that begins with something coming in is a server's.
    let mut bench = Bench::new(setup, lines.first().is_some_and(|line| line.side == "in"));
    for line in &lines {
        if bench.is_input(line) {
            bench.run_until(line.at);
            bench.note(line.side, line.what);
            bench.act(line);
        }
    }
    bench.run_until(Duration::MAX);
    let wanted: String = lines.iter().fold(String::new(), |text, line| text + &line.text());
    assert!(bench.happened == wanted, "\nwritten:\n{wanted}\nhappened:\n{}", bench.happened);
    assert_eq!(bench.endpoint.live(), 0, "the table is empty at the end");
    assert_eq!(bench.endpoint.deadline(), None, "no timer is left");
}

struct Line<'a> {
    at: Duration,
    side: &'a str,
    what: &'a str,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default().trim();
        let (at, rest) = text.split_once(char::is_whitespace)?;
        let rest = rest.trim();
        let (side, what) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        Some(Self { at: Duration::from_secs_f64(at.parse().ok()?), side, what: what.trim() })
    }

    fn text(&self) -> String {
        line(self.at, self.side, self.what)
    }
}

fn line(at: Duration, side: &str, what: &str) -> String {
    let at = at.as_secs_f64();
    format!("{at:<7}{side:<5}{what}\n")
}

struct Bench {
    setup: Setup,
    server: bool,
    endpoint: Endpoint<&'static str>,
    began: Instant,
    now: Duration,
    out: Outbox,
    happened: String,
    /// The last live transaction of each user.
    live: Vec<(&'static str, TransactionId)>,
    /// The request of a client's ladder.
    request: Vec<u8>,
}

impl Bench {
    fn new(setup: Setup, server: bool) -> Self {
        let began = Instant::now();
        let config = Config { intervals: setup.intervals, transactions_max: 8 };
        Self {
            setup,
            server,
            endpoint: Endpoint::new(config, began, [1, 2]),
            began,
            now: Duration::ZERO,
            out: Outbox::default(),
            happened: String::new(),
            live: Vec::new(),
            request: Vec::new(),
        }
    }

    fn is_input(&self, line: &Line<'_>) -> bool {
        match line.side {
            "in" | "net" => true,
            "tu" if self.server => line.what.starts_with(|first: char| first.is_ascii_digit()),
            "tu" => {
                !line.what.contains("failure") && !line.what.starts_with(|first: char| first.is_ascii_digit())
            }
            _ => false,
        }
    }

    fn now(&self) -> Instant {
        self.began + self.now
    }

    fn note(&mut self, side: &str, what: &str) {
        self.happened.push_str(&line(self.now, side, what));
    }

    fn run_until(&mut self, until: Duration) {
        let mut events = Vec::new();
        while let Some(at) = self.endpoint.deadline().map(|at| at - self.began).filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let now = self.now();
            self.endpoint.tick(now, &mut self.out, &mut events);
            self.note_sends();
            for event in events.drain(..) {
                self.note_event(event);
            }
        }
        if until != Duration::MAX {
            self.now = until;
        }
    }

    fn act(&mut self, line: &Line<'_>) {
        let (word, cancel) = match line.what.strip_suffix("(CANCEL)") {
            Some(word) => (word, true),
            None => (line.what, false),
        };
        let user = if cancel { "(CANCEL)" } else { "" };
        let now = self.now();
        match (line.side, word) {
            ("in", status) if !self.server => self.response_in(status, user),
            ("in", _) => self.request_in(line.what),
            ("net", "failed") => {
                let (_, id) = *self.live.last().expect("something is live");
                let mut events = Vec::new();
                self.endpoint.failed(now, id, &mut self.out, &mut events);
                self.note_sends();
                for event in events {
                    self.note_event(event);
                }
            }
            ("tu", "cancel") => {
                let id = self.id_of("");
                self.endpoint.cancel(now, id, &[("Reason", b"SIP;cause=200")], "(CANCEL)", &mut self.out);
                self.note_sends();
            }
            ("tu", status) if status.starts_with(|first: char| first.is_ascii_digit()) => {
                let octets = self.response(status, user, "us");
                let id = self.id_of(user);
                self.endpoint.respond(now, id, &octets, &mut self.out);
                self.note_sends();
            }
            ("tu", method) => {
                let octets = self.request(method, "z9hG4bKours");
                self.request.clone_from(&octets);
                let hop = NextHop::Flow(self.flow());
                let id = self.endpoint.request(now, "", hop, &octets, &mut self.out).expect("room");
                self.live.push(("", id));
                self.note_sends();
            }
            (side, word) => panic!("what is {side} {word}?"),
        }
    }

    fn request_in(&mut self, method: &str) {
        let branch = if self.setup.legacy { "1" } else { "z9hG4bKtheirs" };
        let octets = self.request(method, branch);
        let packet = Packet { octets: &octets, flow: self.flow(), arrived: self.now() };
        let message = Message::parse(&octets, &Limits::default()).expect("a message");
        let event = self.endpoint.receive(packet.arrived, &message, &mut self.out);
        self.note_sends();
        self.note_event(event);
        if let Event::Request { key } | Event::Cancel { key, .. } = event {
            let user = if method == "CANCEL" { "(CANCEL)" } else { "" };
            let id = self.endpoint.accept(packet.arrived, &packet, &message, key, user).expect("room");
            self.live.push((user, id));
        }
    }

    fn response_in(&mut self, status: &str, user: &str) {
        let octets = self.response(status, user, "peer");
        let message = Message::parse(&octets, &Limits::default()).expect("a message");
        let event = self.endpoint.receive(self.now(), &message, &mut self.out);
        // The user is told when the layer has sent its ACK or CANCEL.
        self.note_sends();
        self.note_event(event);
    }

    fn id_of(&self, user: &str) -> TransactionId {
        self.live.iter().rev().find(|(other, _)| *other == user).expect("that user has a transaction").1
    }

    fn note_sends(&mut self) {
        let sends: Vec<String> = self.out.sends().map(|(_, octets)| named(octets)).collect();
        self.out.clear();
        for what in sends {
            self.note("out", &what);
        }
    }

    fn note_event(&mut self, event: Event<&'static str>) {
        match event {
            Event::Absorbed => {}
            Event::Stray => self.note("stray", ""),
            Event::Request { .. } => self.note("tu", "request"),
            Event::Ack { invite } => self.note("tu", if invite.is_some() { "ACK" } else { "ACK of nothing" }),
            Event::Cancel { invite, .. } => {
                self.note("tu", if invite.is_some() { "CANCEL" } else { "CANCEL of nothing" });
            }
            Event::Response { user, status, .. } => self.note("tu", &format!("{status}{user}")),
            Event::Failed { user, failure, .. } => {
                let why = match failure {
                    Failure::Timeout if self.server => "no-ack",
                    Failure::Timeout => "timeout",
                    Failure::Transport => "transport",
                };
                self.note("tu", &format!("failure({why}){user}"));
            }
            Event::Gone { user, .. } => self.note("gone", user),
        }
    }

    fn flow(&self) -> Flow {
        let connection =
            self.setup.transport.is_reliable().then_some(ConnectionId { slot: 3, generation: 1 });
        Flow {
            transport: self.setup.transport,
            listener: ListenerId(0),
            local: [192, 0, 2, 1].into(),
            remote: ([192, 0, 2, 9], 5060).into(),
            connection,
        }
    }

    fn request(&self, method: &str, branch: &str) -> Vec<u8> {
        let mut text = format!("{method} sip:bob@example.org SIP/2.0\r\n");
        let via = self.setup.transport.via_name();
        let _ = write!(text, "Via: SIP/2.0/{via} 192.0.2.9;branch={branch}\r\n");
        // The ACK of an RFC 2543 client is known by the tag of our response.
        let tag = if method == "ACK" { ";tag=us" } else { "" };
        let _ = write!(text, "From: <sip:alice@example.org>;tag=a\r\nTo: <sip:bob@example.org>{tag}\r\n");
        let _ =
            write!(text, "Call-ID: c\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
        text.into_bytes()
    }

    /// A response to the request of a user: kept by the endpoint on the server's side, sent on the client's.
    fn response(&self, status: &str, user: &str, tag: &str) -> Vec<u8> {
        let request = if self.server {
            self.endpoint.kept_request(self.id_of(user)).unwrap_or(b"INVITE ")
        } else {
            &self.request
        };
        let branch = if self.server { "z9hG4bKtheirs" } else { "z9hG4bKours" };
        let end = request.iter().position(|octet| *octet == b' ').expect("a request line");
        let method = std::str::from_utf8(&request[..end]).expect("a method");
        let method = if user == "(CANCEL)" { "CANCEL" } else { method };
        let via = self.setup.transport.via_name();
        format!(
            "SIP/2.0 {status} Reason\r\nVia: SIP/2.0/{via} 192.0.2.9;branch={branch}\r\n\
             From: <sip:alice@example.org>;tag=a\r\nTo: <sip:bob@example.org>;tag={tag}\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }
}

/// A message as ladders call it.
fn named(octets: &[u8]) -> String {
    let message = Message::parse(octets, &Limits::default()).expect("what is sent is a message");
    let cancel = message.first(Name::CSeq).is_some_and(|cseq| cseq.ends_with(b"CANCEL"));
    match message.status() {
        Some(status) if cancel => format!("{}(CANCEL)", status.code()),
        Some(status) => status.code().to_string(),
        None => message.method().expect("a request").as_str().to_owned(),
    }
}
