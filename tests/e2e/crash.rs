//! How an exchange ends, by `kill -9` and by a drain, and what of it stands afterwards. The phones are two sockets, so
//! that a test says when each message goes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::Duration;

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::NOTHING;

tests! {
    NOTHING => a_call_that_stands_outlives_a_kill_and_either_side_hangs_up,
        users_that_were_added_outlive_a_kill_and_phones_register_again,
        a_registrar_that_was_killed_is_found_again,
        a_drain_refuses_new_calls_and_lets_ringing_ones_be_answered,
        metrics_and_health_are_told;
}

fn a_call_that_stands_outlives_a_kill_and_either_side_hangs_up() {
    for hangs_up in ["alice", "bob"] {
        let mut exchange = trusting("");
        let [alice, mut bob] = phones(&exchange);
        bob.register("bob");
        let (caller, callee) = call(&alice, &bob);
        exchange.crash();
        exchange.restart();
        let (one, other, dialog) =
            if hangs_up == "alice" { (alice, bob, caller) } else { (bob, alice, callee) };
        one.send(&dialog.request(&one, "BYE"));
        let bye = other.receive("BYE ");
        other.send(&answer(&bye, "200 OK", ""));
        assert!(one.receive("SIP/2.0 200").contains("BYE"), "{hangs_up} hung up");
        exchange.end();
    }
}

fn users_that_were_added_outlive_a_kill_and_phones_register_again() {
    let mut exchange = trusting("");
    let [_, mut bob] = phones(&exchange);
    exchange.ctl_typing(&["users", "add", "zoe", "6004"], "over-the-hills\n");
    bob.register("bob");
    assert!(exchange.ctl(&["bindings"]).contains("bob"));
    exchange.crash();
    exchange.restart();
    assert!(exchange.ctl(&["users", "list"]).contains("6004"));
    // Bindings are memory here: a phone is reached again when it has refreshed its registration.
    assert!(!exchange.ctl(&["bindings"]).contains("bob"));
    bob.register("bob");
    assert!(exchange.ctl(&["bindings"]).contains("bob"));
    exchange.end();
}

fn a_registrar_that_was_killed_is_found_again() {
    let ground = Ground::loopback();
    let trusted = format!("[proxy]\ntrusted = [\"{}/24\"]", ground.address(0));
    let mut exchange = Exchange::start_apart(ground, &trusted);
    let [alice, mut bob] = phones(&exchange);
    bob.register("bob");
    exchange.part("registrar").kill();
    exchange.part("registrar").restart();
    // Refused with 503 while nobody answers, taken as soon as the registrar is back.
    bob.register("bob");
    let (caller, _) = call(&alice, &bob);
    alice.send(&caller.request(&alice, "BYE"));
    bob.send(&answer(&bob.receive("BYE "), "200 OK", ""));
    alice.receive("SIP/2.0 200");
    exchange.end();
}

fn a_drain_refuses_new_calls_and_lets_ringing_ones_be_answered() {
    let mut exchange = trusting("");
    let [alice, mut bob] = phones(&exchange);
    bob.register("bob");
    alice.send(&alice.invite("ringing", "6002"));
    let invite = bob.receive("INVITE ");
    bob.send(&answer(&invite, "180 Ringing", ""));
    alice.receive("SIP/2.0 180");
    exchange.signal("TERM");
    exchange.wait_for("draining");
    alice.send(&alice.invite("too-late", "6002"));
    let refused = alice.receive("SIP/2.0 503");
    assert!(refused.contains("Retry-After:"), "{refused}");
    bob.send(&answer(&invite, "200 OK", &format!("Contact: <sip:bob@{}>\r\n", bob.address)));
    let answered = alice.receive("SIP/2.0 200");
    alice.send(&Dialog::of_caller(&answered).request(&alice, "ACK"));
    bob.receive("ACK ");
    exchange.ended();
}

fn metrics_and_health_are_told() {
    let ground = Ground::loopback();
    let at = format!("{}:9560", ground.address(1));
    let network = ground.address(0);
    let more = format!("[http]\nlisten = \"{at}\"\n[proxy]\ntrusted = [\"{network}/24\"]");
    let exchange = Exchange::start(ground, &more);
    let [alice, mut bob] = phones(&exchange);
    bob.register("bob");
    call(&alice, &bob);
    for page in ["/healthz", "/readyz"] {
        assert!(get(&at, page).starts_with("HTTP/1.1 200"), "{page}");
    }
    let page = get(&at, "/metrics");
    for line in [
        "carillon_bindings 1",
        "carillon_calls_total{shard=\"0\"} 1",
        "carillon_calls_answered_total{shard=\"0\"} 1",
        "carillon_registrations_total{shard=\"0\"} 1",
        "carillon_requests_under_way{shard=\"0\"} 0",
    ] {
        assert!(page.lines().any(|own| own == line), "{line} is not in\n{page}");
    }
    exchange.end();
}

/// An exchange whose neighbours need no password.
fn trusting(more: &str) -> Exchange {
    let ground = Ground::loopback();
    let network = ground.address(0);
    Exchange::start(ground, &format!("[shard]\nshards = 1\n[proxy]\ntrusted = [\"{network}/24\"]\n{more}"))
}

fn phones(exchange: &Exchange) -> [Phone; 2] {
    [("alice", 20), ("bob", 21)].map(|(name, host)| Phone::new(name, exchange, host))
}

/// From INVITE to ACK; how each of the two sees the dialog.
fn call(alice: &Phone, bob: &Phone) -> (Dialog, Dialog) {
    alice.send(&alice.invite("the-call", "6002"));
    let invite = bob.receive("INVITE ");
    bob.send(&answer(&invite, "200 OK", &format!("Contact: <sip:bob@{}>\r\n", bob.address)));
    let answered = alice.receive("SIP/2.0 200");
    let caller = Dialog::of_caller(&answered);
    alice.send(&caller.request(alice, "ACK"));
    bob.receive("ACK ");
    (caller, Dialog::of_callee(&invite))
}

/// A phone that says what it is told to.
struct Phone {
    name: &'static str,
    socket: UdpSocket,
    address: SocketAddrV4,
    server: Ipv4Addr,
    registered: u32,
}

impl Phone {
    fn new(name: &'static str, exchange: &Exchange, host: u8) -> Self {
        let address = SocketAddrV4::new(exchange.ground.address(host), 5060);
        let socket = UdpSocket::bind(address).expect("an address of our own");
        socket.connect((exchange.address(), 5060)).expect("it is near");
        socket.set_read_timeout(Some(REPEAT)).expect("a time above zero");
        Self { name, socket, address, server: exchange.address(), registered: 0 }
    }

    fn send(&self, text: &str) {
        // While the exchange is away the kernel may report what the last datagram met.
        let _ = self.socket.send(text.as_bytes()).or_else(|_| self.socket.send(text.as_bytes()));
    }

    /// The next message that begins so; others are repeats of what was seen.
    fn receive(&self, start: &str) -> String {
        self.receive_within(start, PATIENCE).unwrap_or_else(|| panic!("{} got no {start:?}", self.name))
    }

    fn receive_within(&self, start: &str, tries: u32) -> Option<String> {
        let mut room = [0; 4096];
        let mut left = tries;
        while left > 0 {
            match self.socket.recv(&mut room) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&room[..length]);
                    if text.starts_with(start) {
                        return Some(text.into_owned());
                    }
                }
                Err(_) => left -= 1,
            }
        }
        None
    }

    /// Registers, again and again until it is accepted.
    fn register(&mut self, user: &str) {
        let (address, server) = (self.address, self.server);
        for _ in 0..PATIENCE {
            self.registered += 1;
            let number = self.registered;
            self.send(&format!(
                "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKr{user}{number}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:{user}@{server}>;tag=r\r\nTo: <sip:{user}@{server}>\r\n\
                 Call-ID: register-{user}\r\nCSeq: {number} REGISTER\r\nContact: <sip:{user}@{address}>\r\n\
                 Expires: 600\r\nContent-Length: 0\r\n\r\n"
            ));
            // A refusal is no reason to ask again at once: the look lasts until the 200 or its end.
            if self.receive_within("SIP/2.0 200", 1).is_some() {
                return;
            }
        }
        panic!("{user} cannot register");
    }

    fn invite(&self, call: &str, number: &str) -> String {
        let Self { name, address, server, .. } = self;
        format!(
            "INVITE sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKi{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{name}@{server}>;tag=f\r\nTo: <sip:{number}@{server}>\r\n\
             Call-ID: {call}\r\nCSeq: 1 INVITE\r\nContact: <sip:{name}@{address}>\r\nContent-Length: 0\r\n\r\n"
        )
    }
}

/// One end's view of a dialog (RFC 3261 §12).
struct Dialog {
    call: String,
    local: String,
    remote: String,
    target: String,
    routes: String,
}

impl Dialog {
    fn of_caller(answered: &str) -> Self {
        let routes = lines(answered, "Record-Route").rev().map(|route| format!("Route: {route}\r\n"));
        Self::of(answered, "From", "To", routes.collect())
    }

    fn of_callee(invite: &str) -> Self {
        let routes = lines(invite, "Record-Route").map(|route| format!("Route: {route}\r\n"));
        let mut dialog = Self::of(invite, "To", "From", routes.collect());
        dialog.local.push_str(TAG);
        dialog
    }

    fn of(message: &str, local: &str, remote: &str, routes: String) -> Self {
        let one = |name| lines(message, name).next().unwrap_or_else(|| panic!("no {name} in {message}"));
        let target = one("Contact").trim_start_matches('<').trim_end_matches('>').to_owned();
        let [call, local, remote] = ["Call-ID", local, remote].map(|name| one(name).to_owned());
        Self { call, local, remote, target, routes }
    }

    fn request(&self, phone: &Phone, method: &str) -> String {
        let Self { call, local, remote, target, routes } = self;
        let number = if method == "ACK" { 1 } else { 2 };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{method}{call}\r\nMax-Forwards: 70\r\n\
             {routes}From: {local}\r\nTo: {remote}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            phone.address
        )
    }
}

/// A response with what RFC 3261 §8.2.6 copies, and a To-tag.
fn answer(request: &str, status: &str, more: &str) -> String {
    let copied = |name: &'static str| lines(request, name).map(move |value| format!("{name}: {value}\r\n"));
    let copied: String =
        ["Via", "Record-Route", "From", "Call-ID", "CSeq"].into_iter().flat_map(copied).collect();
    let to = lines(request, "To").next().unwrap_or_default();
    let tag = if to.contains(";tag=") { "" } else { TAG };
    format!("SIP/2.0 {status}\r\n{copied}To: {to}{tag}\r\n{more}Content-Length: 0\r\n\r\n")
}

/// The values of a header, from top to bottom.
fn lines<'a>(message: &'a str, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
    let value = move |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    message.lines().filter_map(value)
}

fn get(at: &str, page: &str) -> String {
    let mut stream = TcpStream::connect(at).expect("it listens");
    let request = format!("GET {page} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

const TAG: &str = ";tag=t";
/// How long one look at the socket lasts, and how many there are.
const REPEAT: Duration = Duration::from_millis(500);
const PATIENCE: u32 = 60;
