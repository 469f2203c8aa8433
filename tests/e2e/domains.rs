//! Calls to another domain, found by a name server that others wrote (RFC 3263): dnsmasq tells NAPTR, SRV and
//! addresses, SIPp calls and answers.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::DNSMASQ;
use super::sipp::Run;

tests! {
    DNSMASQ => a_call_to_another_domain_goes_to_the_server_that_answers,
        a_server_that_is_not_there_is_left_at_once;
}

/// The first server takes everything and says nothing, as one does behind a broken firewall.
fn a_call_to_another_domain_goes_to_the_server_that_answers() {
    let ground = Ground::loopback();
    let silent = UdpSocket::bind((ground.address(DEAD), 5060)).expect("the network is ours");
    let (mut exchange, _names) = asking(ground);
    let called = Run::of(&exchange, ALIVE, "answer.xml", 2, &[]);
    // Within 64*T1 of the first call the silent one is given up.
    Run::of(&exchange, ALICE, "domain-call.xml", 1, &[]).judge(&mut exchange);
    assert_eq!(invites(&silent), 1, "the better server was tried first");
    let page = metrics(&exchange);
    assert!(page.contains("carillon_dns_dead_targets 1"), "{page}");
    // The second call does not go there again.
    Run::of(&exchange, ALICE, "domain-call.xml", 1, &[]).judge(&mut exchange);
    called.judge(&mut exchange);
    assert_eq!(invites(&silent), 0, "it is known to be dead");
    let page = metrics(&exchange);
    assert!(
        page.contains("carillon_dns_hosts_total{how=\"asked\"} 1\n"),
        "one question for both calls: {page}"
    );
    exchange.end();
}

/// The first server's host is up, and nobody listens there: its ICMP error says so.
fn a_server_that_is_not_there_is_left_at_once() {
    let (mut exchange, _names) = asking(Ground::loopback());
    let called = Run::of(&exchange, ALIVE, "answer.xml", 20, &[]);
    Run::of(&exchange, ALICE, "domain-call.xml", 20, &["-r", "20"]).judge(&mut exchange);
    called.judge(&mut exchange);
    let page = metrics(&exchange);
    assert!(page.contains("carillon_dns_dead_targets 1"), "{page}");
    exchange.end();
}

/// An exchange that trusts its network and asks this name server. T1 is that of a network without ways.
fn asking(ground: Ground) -> (Exchange, NameServer) {
    let names = NameServer::start(&ground);
    let network = ground.address(0);
    let (server, http) = (ground.address(NAMES), ground.address(1));
    let more = format!(
        "[proxy]\ntrusted = [\"{network}/24\"]\n[timers]\nt1 = \"20ms\"\n[http]\nlisten = \"{http}:9360\"\n\
         [dns]\nnameservers = [\"{server}:{NAMES_PORT}\"]\n"
    );
    (Exchange::start(ground, &more), names)
}

/// dnsmasq with one domain: NAPTR leads to SRV of UDP, and that to a better server and one to fall back to.
struct NameServer(Child);

impl NameServer {
    fn start(ground: &Ground) -> Self {
        let address = ground.address(NAMES);
        let mut command: Command = ground.command("dnsmasq");
        command.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--pid-file=",
        ]);
        command.args(["--user=root", "--bind-interfaces", "--cache-size=0", "--local-ttl=60"]);
        command.arg(format!("--listen-address={address}")).arg(format!("--port={NAMES_PORT}"));
        command.arg("--naptr-record=other.example,10,10,s,SIP+D2U,,_sip._udp.other.example");
        command.arg("--srv-host=_sip._udp.other.example,dead.other.example,5060,10,1");
        command.arg("--srv-host=_sip._udp.other.example,alive.other.example,5060,20,1");
        command.arg(format!("--host-record=dead.other.example,{}", ground.address(DEAD)));
        command.arg(format!("--host-record=alive.other.example,{}", ground.address(ALIVE)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self(child.expect("it is installed"));
        Self::wait_for(address);
        server
    }

    fn wait_for(address: Ipv4Addr) {
        let socket = UdpSocket::bind((address, 0)).expect("the network is ours");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time above zero");
        let end = Instant::now() + PATIENCE;
        let mut answer = [0; 512];
        while Instant::now() < end {
            let _ = socket.send_to(QUESTION, (address, NAMES_PORT));
            if socket.recv(&mut answer).is_ok() {
                return;
            }
        }
        panic!("dnsmasq does not answer at {address}:{NAMES_PORT}");
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many INVITEs, repeats not counted, wait at a socket that nobody reads otherwise.
fn invites(socket: &UdpSocket) -> usize {
    socket.set_nonblocking(true).expect("a socket of ours");
    let mut branches = std::collections::BTreeSet::new();
    let mut room = [0; 4096];
    while let Ok(length) = socket.recv(&mut room) {
        let text = String::from_utf8_lossy(&room[..length]);
        if text.starts_with("INVITE sip:carol@other.example ") {
            let branch =
                text.split_once(";branch=").map(|(_, rest)| rest.chars().take(40).collect::<String>());
            branches.insert(branch.expect("our Via has a branch"));
        }
    }
    branches.len()
}

/// What the exchange tells Prometheus.
fn metrics(exchange: &Exchange) -> String {
    let mut stream = TcpStream::connect((exchange.address(), 9360)).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers with text");
    page
}

const ALICE: u8 = 20;
const ALIVE: u8 = 21;
const DEAD: u8 = 40;
const NAMES: u8 = 53;
/// High, so that no rights are needed for it.
const NAMES_PORT: u16 = 5353;
/// The addresses of `alive.other.example`.
const QUESTION: &[u8] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x05alive\x05other\x07example\0\0\x01\0\x01";
/// How long dnsmasq may take to start. Long, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(30);
