//! The service with real ports on the loopback interface.

mod dialogue;

use std::net::UdpSocket;

use proto::Ticket;
use proto::media::Leg;

use super::*;

/// An answer that a test waits for.
struct Mailbox<T>(std::sync::mpsc::Sender<Result<T, ServiceError>>);

impl<T: Send> proto::Sink<T> for Mailbox<T> {
    fn post(&self, _: Ticket, answer: Result<T, ServiceError>) {
        let _ = self.0.send(answer);
    }
}

fn ask<T: Send + 'static>(ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Result<T, ServiceError> {
    let (sender, receiver) = std::sync::mpsc::channel();
    match ask(Reply::new(Arc::new(Mailbox(sender)), Ticket(0))) {
        Asked::Now(answer) => answer,
        Asked::Later => receiver.recv_timeout(SECONDS).expect("it answers"),
    }
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(SECONDS)).expect("it is set");
    socket
}

fn sdp(phone: &UdpSocket) -> Vec<u8> {
    let port = phone.local_addr().expect("bound").port();
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
        .into_bytes()
}

fn port(described: &Described) -> u16 {
    let text = String::from_utf8(described.sdp.clone()).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("a stream");
    line.split(' ').next().and_then(|port| port.parse().ok()).expect("a port")
}

fn offer<'a>(call: &'a str, sdp: &'a [u8]) -> Offer<'a> {
    let near = Some([127, 0, 0, 1].into());
    let (from, to) = (Leg::new(0), Leg::new(1));
    Offer { call, from, to, sdp, from_address: near, to_address: near }
}

fn answer<'a>(call: &'a str, sdp: &'a [u8]) -> Answer<'a> {
    Answer { call, from: Leg::new(1), to: Leg::new(0), sdp, from_address: None }
}

#[test]
fn two_sockets_hear_each_other_and_the_ports_are_free_again() {
    let config =
        Config { ports: "41000-41199".parse().expect("a range"), threads: Some(2), ..Config::default() };
    let media = Mediaserver::start(&config).expect("it starts");
    for call in ["one", "another", "a third"] {
        let (alice, bob) = (phone(), phone());
        let to_bob = ask(|reply| media.offer(&offer(call, &sdp(&alice)), reply)).expect("offered");
        let to_alice = ask(|reply| media.answer(&answer(call, &sdp(&bob)), reply)).expect("answered");
        let packet = |n: u8| [&[0x80, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, 9][..], &[n; 160]].concat();
        let mut room = [0; 2000];
        // More than a second of voice: the sockets change meanwhile, and nobody hears it.
        for n in 0..PACKETS {
            for (from, to, port) in [(&alice, &bob, port(&to_alice)), (&bob, &alice, port(&to_bob))] {
                from.send_to(&packet(n), ("127.0.0.1", port)).expect("sent");
                let (length, _) = to.recv_from(&mut room).expect("it comes");
                assert_eq!(room[..length], packet(n));
            }
        }
        let released = ask(|reply| media.release(&Release { call, leg: None }, reply)).expect("released");
        let figures: Vec<_> = released.legs.iter().map(|leg| (leg.received, leg.sent)).collect();
        assert_eq!(figures, [(u64::from(PACKETS), u64::from(PACKETS)); 2]);
    }
    assert_eq!(ask(|reply| media.load(reply)).expect("known").ports_free, 200);
}

#[test]
fn a_port_of_another_program_is_passed_over_and_none_left_is_said() {
    let other = UdpSocket::bind("127.0.0.1:41302").expect("a port");
    let config =
        Config { ports: "41300-41305".parse().expect("a range"), threads: Some(1), ..Config::default() };
    let media = Mediaserver::start(&config).expect("it starts");
    let alice = phone();
    ask(|reply| media.offer(&offer("c", &sdp(&alice)), reply)).expect("two pairs are left");
    let refused = ask(|reply| media.offer(&offer("d", &sdp(&alice)), reply)).expect_err("none is left");
    assert!(matches!(refused, ServiceError::Overloaded { .. }), "{refused}");
    drop(other);
}

#[test]
fn a_queue_that_is_full_refuses_at_once() {
    let config = Config { queue_max: 0, ..Config::default() };
    let media = Mediaserver::start(&config).expect("it starts");
    let alice = phone();
    let refused = ask(|reply| media.offer(&offer("c", &sdp(&alice)), reply)).expect_err("no room");
    assert!(matches!(refused, ServiceError::Overloaded { .. }), "{refused}");
    let mut page = node::telemetry::Page::default();
    media.metrics(&mut page);
}

const PACKETS: u8 = 120;
const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn a_phone_hears_a_file_and_a_missing_one_is_named() {
    let folder = std::env::temp_dir().join(format!("carillon-sounds-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder of ours");
    std::fs::write(folder.join("hello.ulaw"), [0x80; 480]).expect("written");
    let ports = "41400-41499".parse().expect("a range");
    let config = Config { ports, threads: Some(1), sounds: Some(folder.clone()), ..Config::default() };
    let media = Mediaserver::start(&config).expect("it starts");
    let alice = phone();
    let sdp = sdp(&alice);
    let (leg, address) = (Leg::new(0), Some([127, 0, 0, 1].into()));
    let attend = Attend { call: "c", leg, theirs: Theirs::Offer(&sdp), address };
    ask(|reply| media.attend(&attend, reply)).expect("attended");
    let play = |name| {
        let sounds = [Sound::File(name)];
        let repeat = proto::media::Repeat::Times(1);
        ask(|reply| {
            media.play(&Play { call: "c", leg, id: 1, sounds: &sounds, repeat, stop_on_digit: false }, reply)
        })
    };
    let refused = play("goodbye").expect_err("it is not there").to_string();
    assert!(refused.contains("goodbye: not in"), "{refused}");
    play("hello").expect("it plays");
    let mut room = [0; 2000];
    for _ in 0..3 {
        let (length, _) = alice.recv_from(&mut room).expect("it comes");
        assert_eq!(room[12..length], [0x80; 160]);
    }
    std::fs::remove_dir_all(&folder).expect("a folder of ours");
}
