//! Stream transports over the loopback: framing, limits, timeouts, connecting, TLS and WebSocket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sip::transaction::TransactionId;
use sip::transport::{ConnectionId, Flow, NextHop, Outbox, Transport};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::tls::make_self_signed;
use crate::shard::{Core, Input, Shards};
use crate::{listen, shard};

mod secure;
mod websocket;

/// Answers each packet along its flow with the packet, and tells the test.
struct Echo {
    tell: UnboundedSender<Met>,
    gate: Option<std::sync::mpsc::Receiver<()>>,
    silent: bool,
}

#[derive(Debug)]
enum Met {
    Packet(String, Flow),
    Failed(TransactionId, &'static str),
    Closed(ConnectionId),
}

#[derive(Debug)]
enum Order {
    Send(NextHop, TransactionId, Vec<u8>),
}

impl Core for Echo {
    type Posted = Order;

    fn handle(&mut self, _now: Instant, input: Input<'_, Order>, out: &mut Outbox) {
        let met = match input {
            Input::Packet(packet) => {
                if let Some(gate) = &self.gate {
                    let _ = gate.recv();
                }
                if !self.silent {
                    out.send_octets(NextHop::Flow(packet.flow), None, packet.octets);
                }
                Met::Packet(String::from_utf8_lossy(packet.octets).into_owned(), packet.flow)
            }
            Input::Posted(Order::Send(to, transaction, octets)) => {
                out.send_octets(to, Some(transaction), &octets);
                return;
            }
            Input::Failed { transaction, why } => Met::Failed(transaction, why),
            Input::ConnectionClosed(id) => Met::Closed(id),
            Input::Tick => return,
        };
        let _ = self.tell.send(met);
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn quiet(&self) -> bool {
        true
    }
}

struct World {
    shards: Option<Shards<Order>>,
    met: UnboundedReceiver<Met>,
    address: SocketAddr,
}

impl World {
    fn new(listen: &str, change: impl FnOnce(&mut listen::Config)) -> Self {
        Self::with(listen, 1, None, false, change)
    }

    fn with(
        listen: &str,
        shards: u16,
        gate: Option<std::sync::mpsc::Receiver<()>>,
        silent: bool,
        change: impl FnOnce(&mut listen::Config),
    ) -> Self {
        let (tell, met) = unbounded_channel();
        let mut sockets =
            listen::Config { listen: vec![listen.parse().expect(listen)], ..listen::Config::default() };
        change(&mut sockets);
        let config = shard::Config { shards: Some(shards), queue_packets_max: 2, ..shard::Config::default() };
        let mut gate = gate;
        let shards =
            shard::start(&config, &sockets, |_| Echo { tell: tell.clone(), gate: gate.take(), silent });
        let shards = shards.expect("free ports");
        let address = shards.listeners().iter().next().expect("one listener").bound;
        Self { shards: Some(shards), met, address }
    }

    fn shards(&self) -> &Shards<Order> {
        self.shards.as_ref().expect("not ended")
    }

    fn counters(&self) -> &super::StreamCounters {
        self.shards().stream_counters().expect("there are streams")
    }

    fn order(&self, to: NextHop, slot: u32, octets: &[u8]) {
        let order = Order::Send(to, TransactionId { slot, generation: 1 }, octets.to_vec());
        self.shards().inboxes()[0].post(order).expect("room");
    }

    async fn next(&mut self) -> Met {
        timeout(PATIENCE, self.met.recv()).await.expect("the core meets something in time").expect("it lives")
    }

    async fn packet(&mut self) -> (String, Flow) {
        match self.next().await {
            Met::Packet(text, flow) => (text, flow),
            other => panic!("a packet was expected, not {other:?}"),
        }
    }

    async fn failed(&mut self) -> (u32, &'static str) {
        match self.next().await {
            Met::Failed(transaction, why) => (transaction.slot, why),
            other => panic!("a failure was expected, not {other:?}"),
        }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket option");
        stream
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(shards) = self.shards.take() {
            shards.stop();
        }
    }
}

fn message(call: usize, number: usize) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: {call}@c\r\nCSeq: {number} OPTIONS\r\nContent-Length: 4\r\n\r\nbody"
    )
}

fn towards(transport: Transport, remote: SocketAddr, host: Option<&str>) -> NextHop {
    NextHop::Address { transport, remote, host: host.map(Into::into), listener: None }
}

async fn read_exactly<S: AsyncRead + Unpin>(stream: &mut S, octets: usize) -> Vec<u8> {
    let mut room = vec![0; octets];
    timeout(PATIENCE, stream.read_exact(&mut room)).await.expect("in time").expect("the connection stays");
    room
}

/// Waits for the end of a stream.
async fn ends<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut room = [0; 4096];
    loop {
        match timeout(PATIENCE, stream.read(&mut room)).await.expect("it ends in time") {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_cut_wherever_the_segments_end() {
    let mut world = World::new("tcp:127.0.0.1:0", |_| {});
    let mut phone = world.connect().await;
    let (one, two) = (message(1, 1), message(1, 2));
    for octet in one.as_bytes() {
        phone.write_all(&[*octet]).await.expect("sent");
    }
    assert_eq!(world.packet().await.0, one);
    assert_eq!(read_exactly(&mut phone, one.len()).await, one.as_bytes());
    let both = [two.as_bytes(), one.as_bytes(), &two.as_bytes()[..20]].concat();
    phone.write_all(&both).await.expect("sent");
    assert_eq!(world.packet().await.0, two);
    assert_eq!(world.packet().await.0, one);
    phone.write_all(&two.as_bytes()[20..]).await.expect("sent");
    let (text, flow) = world.packet().await;
    assert_eq!(
        (text, flow.transport, flow.remote),
        (two, Transport::Tcp, phone.local_addr().expect("bound"))
    );
    assert_eq!(flow.local, world.address.ip());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_crlf_is_answered_with_one() {
    let world = World::new("tcp:127.0.0.1:0", |_| {});
    let mut phone = world.connect().await;
    phone.write_all(b"\r\n\r\n").await.expect("sent");
    assert_eq!(read_exactly(&mut phone, 2).await, b"\r\n");
    assert_eq!(world.counters().keep_alives.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_message_then_silence_is_closed() {
    let mut world = World::new("tcp:127.0.0.1:0", |config| config.half_request_timeout = millis(30));
    let mut phone = world.connect().await;
    phone.write_all(&message(1, 1).as_bytes()[..30]).await.expect("sent");
    ends(&mut phone).await;
    assert!(matches!(world.next().await, Met::Closed(_)));
    assert_eq!(world.counters().closed_half.read(), 1);
    assert_eq!(world.counters().open.read(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickle_does_not_hold_a_connection() {
    let world = World::new("tcp:127.0.0.1:0", |config| config.half_request_timeout = millis(60));
    let mut phone = world.connect().await;
    let text = "OPTIONS sip:a@b SIP/2.0\r\nX: ".to_owned() + &"x".repeat(10_000);
    for octet in text.as_bytes() {
        if phone.write_all(&[*octet]).await.is_err() {
            break;
        }
        if timeout(Duration::from_millis(1), phone.read(&mut [0])).await.is_ok() {
            break;
        }
    }
    assert_eq!(world.counters().closed_half.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_closed_after_the_idle_time() {
    let mut world = World::new("tcp:127.0.0.1:0", |config| config.idle_timeout = millis(30));
    let mut phone = world.connect().await;
    ends(&mut phone).await;
    assert!(matches!(world.next().await, Met::Closed(_)));
    assert_eq!(world.counters().closed_idle.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sip_closes_the_connection() {
    let mut world = World::new("tcp:127.0.0.1:0", |_| {});
    let mut phone = world.connect().await;
    let twice = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    phone.write_all(twice.as_bytes()).await.expect("sent");
    ends(&mut phone).await;
    assert!(matches!(world.next().await, Met::Closed(_)));
    assert_eq!(world.counters().closed_broken.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_is_closed_and_its_transactions_fail() {
    let mut world =
        World::new("tcp:127.0.0.1:0", |config| config.write_queue_max = crate::config::Size::kib(64));
    let mut phone = world.connect().await;
    phone.write_all(message(1, 1).as_bytes()).await.expect("sent");
    let (_, flow) = world.packet().await;
    let long = vec![b'x'; 30_000];
    let mut slot = 0;
    let why = loop {
        slot += 1;
        world.order(NextHop::Flow(flow), slot, &long);
        match world.met.try_recv() {
            Ok(Met::Failed(_, why)) => break why,
            Ok(other) => panic!("a failure was expected, not {other:?}"),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(why, "the write queue of the connection is full");
    let mut failed = 1;
    loop {
        match world.next().await {
            Met::Failed(..) => failed += 1,
            Met::Closed(id) => {
                assert_eq!(Some(id), flow.connection);
                break;
            }
            Met::Packet(..) => panic!("nothing was sent"),
        }
    }
    assert!(failed > 2, "those that waited in the queue are told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_shard_stops_the_reading_and_loses_nothing() {
    let (open, gate) = std::sync::mpsc::channel();
    let mut world = World::with("tcp:127.0.0.1:0", 1, Some(gate), true, |_| {});
    let mut phone = world.connect().await;
    for number in 0..100 {
        phone.write_all(message(1, number).as_bytes()).await.expect("sent");
    }
    for number in 0..100 {
        open.send(()).expect("the core waits");
        assert_eq!(world.packet().await.0, message(1, number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_within_a_call_holds_on_a_stream_with_several_shards() {
    for shards in [1, 2, 4] {
        let mut world = World::with("tcp:127.0.0.1:0", shards, None, true, |_| {});
        let mut phone = world.connect().await;
        for number in 0..50 {
            for call in 0..4 {
                phone.write_all(message(call, number).as_bytes()).await.expect("sent");
            }
        }
        let mut seen = [0; 4];
        for _ in 0..200 {
            let (text, _) = world.packet().await;
            let call = (0..4).find(|call| text.contains(&format!("Call-ID: {call}@c"))).expect("a call");
            assert_eq!(text, message(call, seen[call]));
            seen[call] += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_for_a_peer_and_in_all() {
    let world = World::new("tcp:127.0.0.1:0", |config| config.connections_per_peer_max = 1);
    let mut first = world.connect().await;
    first.write_all(b"\r\n\r\n").await.expect("sent");
    read_exactly(&mut first, 2).await;
    let mut second = world.connect().await;
    ends(&mut second).await;
    assert_eq!(world.counters().refused_peer.read(), 1);
    drop(world);
    let world = World::new("tcp:127.0.0.1:0", |config| config.connections_max = 0);
    ends(&mut world.connect().await).await;
    assert_eq!(world.counters().refused_max.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_is_made_for_a_destination_and_used_again() {
    let mut world = World::new("tcp:127.0.0.1:0", |_| {});
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let remote = server.local_addr().expect("bound");
    let (one, two) = (message(1, 1), message(1, 2));
    world.order(towards(Transport::Tcp, remote, None), 1, one.as_bytes());
    world.order(towards(Transport::Tcp, remote, None), 2, two.as_bytes());
    let (mut stream, _) = timeout(PATIENCE, server.accept()).await.expect("in time").expect("accepted");
    assert_eq!(
        read_exactly(&mut stream, one.len() + two.len()).await,
        [one.as_bytes(), two.as_bytes()].concat()
    );
    assert_eq!(world.counters().connected.read(), 1);
    let answer = "SIP/2.0 200 OK\r\nCall-ID: 1@c\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.expect("sent");
    let (text, flow) = world.packet().await;
    assert_eq!((text.as_str(), flow.remote), (answer, remote));
    read_exactly(&mut stream, answer.len()).await;
    drop(stream);
    // Both requests are unanswered as far as the transport knows.
    assert_eq!(world.failed().await, (1, "the peer closed the connection"));
    assert_eq!(world.failed().await, (2, "the peer closed the connection"));
    assert!(matches!(world.next().await, Met::Closed(id) if Some(id) == flow.connection));
    // The flow is dead for good; the address is reached anew.
    world.order(NextHop::Flow(flow), 3, one.as_bytes());
    assert_eq!(world.failed().await, (3, "the connection is gone"));
    world.order(towards(Transport::Tcp, remote, None), 4, one.as_bytes());
    let (mut stream, _) = timeout(PATIENCE, server.accept()).await.expect("in time").expect("accepted");
    read_exactly(&mut stream, one.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_fails_its_transactions() {
    let mut world = World::new("tcp:127.0.0.1:0", |_| {});
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("bound");
    world.order(towards(Transport::Tcp, gone, None), 1, message(1, 1).as_bytes());
    assert_eq!(world.failed().await, (1, "the connection could not be made"));
    assert!(matches!(world.next().await, Met::Closed(_)));
    world.order(towards(Transport::Ws, gone, None), 2, message(1, 1).as_bytes());
    assert_eq!(world.failed().await, (2, "the WebSocket client is not connected"));
    world.order(towards(Transport::Tls, gone, None), 3, message(1, 1).as_bytes());
    assert_eq!(world.failed().await, (3, "no listener of that transport reaches the address"));
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_closes_all_connections() {
    let mut world = World::new("tcp:127.0.0.1:0", |_| {});
    let mut phones = Vec::new();
    for number in 0..5 {
        let mut phone = world.connect().await;
        phone.write_all(message(1, number).as_bytes()).await.expect("sent");
        world.packet().await;
        phones.push(phone);
    }
    world.shards().close_streams(Duration::from_millis(5)).await;
    for mut phone in phones {
        ends(&mut phone).await;
        assert!(matches!(world.next().await, Met::Closed(_)));
    }
}

fn millis(milliseconds: u64) -> crate::config::Duration {
    crate::config::Duration::from_millis(milliseconds)
}

const PATIENCE: Duration = Duration::from_secs(20);
