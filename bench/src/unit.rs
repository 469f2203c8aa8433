//! The units of work: what is sent, what must come back. Text with the least reading that each needs, so that
//! the load costs less than what it measures.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::time::Duration;

/// One unit under way.
#[derive(Debug)]
pub struct Unit {
    /// Names it in all of its messages.
    pub number: u64,
    stage: u8,
    kept: Vec<u8>,
}

impl Unit {
    /// A unit that has sent nothing.
    pub fn new(number: u64) -> Self {
        Self { number, stage: 0, kept: Vec::new() }
    }
}

/// What an answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Wait,
    /// Send what was written.
    Send,
    /// Send what was written, and after this time what follows.
    SendLater(Duration),
    /// The unit ended as it should.
    Done,
    /// The unit ended otherwise.
    Failed,
}

/// Both ends of one kind of unit.
pub trait Role {
    /// The number of the first unit of the run; runs never share numbers.
    fn first_number(&self) -> u64;
    /// Writes the unit's first message.
    fn begin(&self, unit: &mut Unit, out: &mut Vec<u8>);
    /// An answer for the asking end.
    fn answered(&self, unit: &mut Unit, octets: &[u8], out: &mut Vec<u8>) -> Verdict;
    /// What follows a [`Verdict::SendLater`] of the asking end.
    fn later(&self, _unit: &mut Unit, _out: &mut Vec<u8>) {}
    /// A message for the end that is called: the answer in `out`, what follows later in `last`.
    fn called(&self, _octets: &[u8], _out: &mut Vec<u8>, _last: &mut Vec<u8>) -> Verdict {
        Verdict::Wait
    }
    /// The unit that a message belongs to, by its Call-ID.
    fn number(&self, octets: &[u8]) -> Option<u64> {
        let value = header(octets, b"Call-ID:")?;
        std::str::from_utf8(value).ok()?.split('-').next()?.parse().ok()
    }
    /// What tells the calls of the called end apart.
    fn call_of(&self, octets: &[u8]) -> Option<u64> {
        self.number(octets)
    }
}

/// Where a run's messages come from and go to.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// The server under test.
    pub server: SocketAddr,
    /// The end that asks.
    pub asking: SocketAddr,
    /// The end that is called.
    pub called: SocketAddr,
    /// The first unit's number.
    pub first: u64,
}

/// OPTIONS to the server itself, answered by it.
pub struct Options(pub Ends);

impl Role for Options {
    fn first_number(&self) -> u64 {
        self.0.first
    }

    fn begin(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        let target = format!("sip:{}", self.0.server);
        request(out, &self.0, unit.number, "OPTIONS", &target, &target, 1, "");
    }

    fn answered(&self, _unit: &mut Unit, octets: &[u8], _out: &mut Vec<u8>) -> Verdict {
        if status(octets) == 200 { Verdict::Done } else { Verdict::Failed }
    }
}

/// REGISTER of one contact for one of many users; with a password, challenged first.
pub struct Register {
    /// The ends.
    pub ends: Ends,
    /// Users, so many that bindings are spread: `u0`, `u1`, ...
    pub users: u64,
    /// Answers the challenge of a 401 for a user; `None` when registrations are open.
    pub answer: Option<Challenged>,
}

/// From the value of WWW-Authenticate, the user and the digest-URI to the value of Authorization.
pub type Challenged = Box<dyn Fn(&[u8], &str, &str) -> Option<String>>;

impl Register {
    fn user(&self, number: u64) -> String {
        format!("u{}", number % self.users)
    }

    fn write(&self, unit: &Unit, cseq: u32, authorization: &str, out: &mut Vec<u8>) {
        let user = self.user(unit.number);
        let registrar = format!("sip:{}", self.ends.server);
        let aor = format!("sip:{user}@{}", self.ends.server);
        let extra = format!("Contact: <sip:{user}@{}>\r\nExpires: 3600\r\n{authorization}", self.ends.asking);
        request(out, &self.ends, unit.number, "REGISTER", &registrar, &aor, cseq, &extra);
    }
}

impl Role for Register {
    fn first_number(&self) -> u64 {
        self.ends.first
    }

    fn begin(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        self.write(unit, 1, "", out);
    }

    fn answered(&self, unit: &mut Unit, octets: &[u8], out: &mut Vec<u8>) -> Verdict {
        match (status(octets), &self.answer, unit.stage) {
            (100, ..) => Verdict::Wait,
            (200, None, _) | (200, Some(_), 1) => Verdict::Done,
            (401, Some(answer), 0) => {
                let registrar = format!("sip:{}", self.ends.server);
                let challenge = header(octets, b"WWW-Authenticate:").unwrap_or_default();
                let Some(value) = answer(challenge, &self.user(unit.number), &registrar) else {
                    return Verdict::Failed;
                };
                unit.stage = 1;
                self.write(unit, 2, &format!("Authorization: {value}\r\n"), out);
                Verdict::Send
            }
            _ => Verdict::Failed,
        }
    }
}

/// REGISTER that renews: the same phone, contact and Call-ID each time, the next CSeq.
pub struct Refresh {
    /// The ends.
    pub ends: Ends,
    /// Users who renew in turn.
    pub users: u64,
}

impl Role for Refresh {
    fn first_number(&self) -> u64 {
        self.ends.first
    }

    fn begin(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        let (user, cseq) = (unit.number % self.users, unit.number / self.users + 1);
        let registrar = format!("sip:{}", self.ends.server);
        let aor = format!("sip:u{user}@{}", self.ends.server);
        let extra = format!("Contact: <sip:u{user}@{}>\r\nExpires: 3600\r\n", self.ends.asking);
        request(out, &self.ends, user, "REGISTER", &registrar, &aor, cseq as u32, &extra);
    }

    fn answered(&self, _unit: &mut Unit, octets: &[u8], _out: &mut Vec<u8>) -> Verdict {
        if status(octets) == 200 { Verdict::Done } else { Verdict::Failed }
    }
}

/// A call: INVITE, 180, 200 after 20 ms, ACK, BYE after 50 ms, 200.
pub struct Call(pub Ends);

impl Role for Call {
    fn first_number(&self) -> u64 {
        self.0.first
    }

    fn begin(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        let target = format!("sip:bob@{}", self.0.server);
        let extra = format!("Contact: <sip:alice@{}>\r\n", self.0.asking);
        request(out, &self.0, unit.number, "INVITE", &target, &target, 1, &extra);
    }

    fn answered(&self, unit: &mut Unit, octets: &[u8], out: &mut Vec<u8>) -> Verdict {
        match (status(octets), unit.stage) {
            (100..=199, _) => Verdict::Wait,
            (200, 0) => {
                unit.stage = 1;
                unit.kept = octets.to_vec();
                in_dialog(out, &self.0, unit, "ACK", 1);
                Verdict::SendLater(TALK)
            }
            (200, 1) => Verdict::Wait, // a repeated 200 of the INVITE
            (200, 2) if header(octets, b"CSeq:").is_some_and(|cseq| cseq.ends_with(b"BYE")) => Verdict::Done,
            _ => Verdict::Failed,
        }
    }

    fn later(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        unit.stage = 2;
        in_dialog(out, &self.0, unit, "BYE", 2);
    }

    fn called(&self, octets: &[u8], out: &mut Vec<u8>, last: &mut Vec<u8>) -> Verdict {
        match octets {
            [b'I', b'N', ..] => {
                response(out, octets, "180 Ringing", &self.0);
                response(last, octets, "200 OK", &self.0);
                Verdict::SendLater(RING)
            }
            [b'B', b'Y', ..] => {
                response(out, octets, "200 OK", &self.0);
                Verdict::Send
            }
            _ => Verdict::Wait,
        }
    }
}

/// A call whose ends have dialogs of their own with a server between them, and so Call-IDs of their own.
pub struct Conducted(pub Call);

impl Role for Conducted {
    fn first_number(&self) -> u64 {
        self.0.first_number()
    }

    fn begin(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        self.0.begin(unit, out);
    }

    fn answered(&self, unit: &mut Unit, octets: &[u8], out: &mut Vec<u8>) -> Verdict {
        self.0.answered(unit, octets, out)
    }

    fn later(&self, unit: &mut Unit, out: &mut Vec<u8>) {
        self.0.later(unit, out);
    }

    fn called(&self, octets: &[u8], out: &mut Vec<u8>, last: &mut Vec<u8>) -> Verdict {
        self.0.called(octets, out, last)
    }

    fn call_of(&self, octets: &[u8]) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        header(octets, b"Call-ID:")?.hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// The REGISTER by which the end that is called becomes bob's phone.
pub fn registration_of_bob(ends: &Ends) -> Vec<u8> {
    let (server, called) = (ends.server, ends.called);
    format!(
        "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {called};branch=z9hG4bKbob;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:bob@{server}>;tag=b\r\nTo: <sip:bob@{server}>\r\nCall-ID: bob-registers\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:bob@{called}>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[expect(clippy::too_many_arguments, reason = "the parts of a request, each once")]
fn request(
    out: &mut Vec<u8>,
    ends: &Ends,
    number: u64,
    method: &str,
    uri: &str,
    to: &str,
    cseq: u32,
    extra: &str,
) {
    let mut text = String::with_capacity(700);
    let asking = ends.asking;
    let body = if method == "INVITE" { sdp(asking) } else { String::new() };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let from = if method == "REGISTER" { to.to_owned() } else { format!("sip:alice@{}", ends.server) };
    let _ = write!(
        text,
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {asking};branch=z9hG4bK{number}-{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <{from}>;tag=a{number}\r\nTo: <{to}>\r\nCall-ID: {number}-carillon-bench\r\n\
         CSeq: {cseq} {method}\r\n{extra}{kind}User-Agent: carillon-bench\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    out.clear();
    out.extend_from_slice(text.as_bytes());
}

/// ACK or BYE along the route set that the kept 200 brought.
fn in_dialog(out: &mut Vec<u8>, ends: &Ends, unit: &Unit, method: &str, cseq: u32) {
    let (number, asking) = (unit.number, ends.asking);
    let kept = &unit.kept;
    let target = header(kept, b"Contact:").and_then(|value| between(value, b'<', b'>')).unwrap_or_default();
    let to = header(kept, b"To:").unwrap_or_default();
    let from = header(kept, b"From:").unwrap_or_default();
    out.clear();
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(target);
    let _ = std::io::Write::write_fmt(
        out,
        format_args!(
            " SIP/2.0\r\nVia: SIP/2.0/UDP {asking};branch=z9hG4bK{number}-{method};rport\r\nMax-Forwards: 70\r\n"
        ),
    );
    let mut routes: Vec<&[u8]> = headers(kept, b"Record-Route:").collect();
    routes.reverse();
    for route in routes {
        out.extend_from_slice(b"Route: ");
        out.extend_from_slice(route);
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in [(&b"From: "[..], from), (b"To: ", to)] {
        out.extend_from_slice(name);
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    let rest = format_args!(
        "Call-ID: {number}-carillon-bench\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
    );
    let _ = std::io::Write::write_fmt(out, rest);
}

/// A response of the called end: what RFC 3261 §8.2.6 copies, and our Contact.
fn response(out: &mut Vec<u8>, request: &[u8], status: &str, ends: &Ends) {
    out.clear();
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\n");
    for line in lines(request).skip(1) {
        let copied = [&b"Via:"[..], b"From:", b"Call-ID:", b"CSeq:", b"Record-Route:"];
        if copied.iter().any(|name| starts_with(line, name)) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        } else if starts_with(line, b"To:") {
            out.extend_from_slice(line);
            out.extend_from_slice(if line.windows(5).any(|part| part == b";tag=") {
                b"\r\n"
            } else {
                b";tag=b\r\n"
            });
        }
    }
    let body = if request.starts_with(b"INVITE") && status.starts_with('2') {
        sdp(ends.called)
    } else {
        String::new()
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let _ = std::io::Write::write_fmt(
        out,
        format_args!(
            "Contact: <sip:bob@{}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            ends.called,
            body.len()
        ),
    );
}

fn sdp(address: SocketAddr) -> String {
    let ip = address.ip();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )
}

fn status(octets: &[u8]) -> u16 {
    octets
        .get(8..11)
        .and_then(|code| std::str::from_utf8(code).ok())
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets
        .split(|octet| *octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
}

fn headers<'a>(octets: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines(octets).filter(move |line| starts_with(line, name)).map(move |line| line[name.len()..].trim_ascii())
}

fn header<'a>(octets: &'a [u8], name: &'a [u8]) -> Option<&'a [u8]> {
    headers(octets, name).next()
}

fn starts_with(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

fn between(value: &[u8], open: u8, close: u8) -> Option<&[u8]> {
    let start = value.iter().position(|octet| *octet == open)? + 1;
    let length = value[start..].iter().position(|octet| *octet == close)?;
    Some(&value[start..start + length])
}

const RING: Duration = Duration::from_millis(20);
const TALK: Duration = Duration::from_millis(50);
