//! The way of a packet allocates nothing once a call is up: counted for each kind of packet that a call has.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mediaserver::core::{Clip, Family, Form, Out, Pair, Piece, Playing, PortId, Recorded, Sessions, Terms};
use proto::media::{Answer, Attend, Bridge, Leg, MediaEvent, Offer, Repeat, Theirs};

/// A machine that counts what is sent.
#[derive(Default)]
struct Machine {
    pairs: u32,
    sent: u64,
}

impl Out for Machine {
    fn take(&mut self, _: Option<IpAddr>, _: Option<Family>) -> Option<Pair> {
        let at = self.pairs;
        self.pairs += 1;
        let shown = SocketAddr::from(([198, 51, 100, 1], 30_000 + 2 * at as u16));
        Some(Pair { rtp: PortId(2 * at), rtcp: PortId(2 * at + 1), shown })
    }

    fn give_back(&mut self, _: Pair) {}

    fn send(&mut self, _: PortId, _: SocketAddr, _: &[u8]) {
        self.sent += 1;
    }

    fn begin_recording(&mut self, _: &str, _: Form) -> Option<u64> {
        None
    }

    fn record(&mut self, _: u64, _: Recorded<'_>) {}

    fn tell(&mut self, _: &str, _: MediaEvent) {}
}

struct Call {
    now: Instant,
    sessions: Sessions,
    machine: Machine,
    sequence: u16,
}

const A: Leg = Leg::new(0);
const B: Leg = Leg::new(1);

fn sdp(ip: &str, port: u16, formats: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats} 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n"
    )
}

impl Call {
    fn new() -> Call {
        let sessions = Sessions::new(Terms::default(), 1);
        Call { now: Instant::now(), sessions, machine: Machine::default(), sequence: 0 }
    }

    /// Two phones that described themselves to each other.
    fn relayed() -> Call {
        let mut call = Call::new();
        let (alice, bob) = (sdp("192.0.2.1", 4000, "0"), sdp("192.0.2.2", 5000, "0"));
        let (from_address, to_address) = (None, None);
        let offer = Offer { call: "c", from: A, to: B, sdp: alice.as_bytes(), from_address, to_address };
        call.sessions.offer(call.now, &offer, &mut call.machine).expect("offered");
        let answer = Answer { call: "c", from: B, to: A, sdp: bob.as_bytes(), from_address };
        call.sessions.answer(call.now, &answer, &mut call.machine).expect("answered");
        call
    }

    /// Two phones that we talked to before they were joined.
    fn joined(of_bob: &str) -> Call {
        let mut call = Call::new();
        for (leg, sdp) in [(A, sdp("192.0.2.1", 4000, "0")), (B, sdp("192.0.2.2", 5000, of_bob))] {
            let attend = Attend { call: "c", leg, theirs: Theirs::Offer(sdp.as_bytes()), address: None };
            call.sessions.attend(call.now, &attend, &mut call.machine).expect("attended");
        }
        let bridge = Bridge { call: "c", leg: A, with: Some(B) };
        call.sessions.bridge(call.now, &bridge, &mut call.machine).expect("joined");
        call
    }

    /// A packet of Alice's; `port` is 0 for RTP and 1 for RTCP.
    fn packet(&mut self, from: &str, port: u32, octets: &[u8]) {
        let mut room = [0; 300];
        room[..octets.len()].copy_from_slice(octets);
        if port == 0 {
            self.sequence = self.sequence.wrapping_add(1);
            room[2..4].copy_from_slice(&self.sequence.to_be_bytes());
            room[4..8].copy_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
        }
        self.now += Duration::from_millis(20);
        let from = from.parse().expect("an address");
        self.sessions.packet(self.now, PortId(port), from, &mut room[..octets.len()], &mut self.machine);
    }
}

/// How often a hundred of these allocate, once as many have warmed it up; and how many packets left.
fn count(call: &mut Call, mut act: impl FnMut(&mut Call)) -> (u64, u64) {
    for _ in 0..100 {
        act(call);
    }
    let sent = call.machine.sent;
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| act(call)));
    (counted.count_total, call.machine.sent - sent)
}

const VOICE: [u8; 172] = {
    let mut octets = [0x90; 172];
    (octets[0], octets[1]) = (0x80, 0);
    octets
};
const ALICE: &str = "192.0.2.1:4000";
/// A receiver's report with a block.
const REPORT: [u8; 32] = {
    let mut octets = [0; 32];
    (octets[0], octets[1], octets[3]) = (0x81, 201, 7);
    octets
};
const DIGIT: [u8; 16] = [0x80, 101, 0, 1, 0, 0, 0, 160, 0x90, 0x90, 0x90, 0x90, 5, 10, 0, 160];

#[test]
fn a_packet_of_a_call_allocates_nothing() {
    let mut relayed = Call::relayed();
    assert_eq!(count(&mut relayed, |call| call.packet(ALICE, 0, &VOICE)), (0, 100), "relayed");
    assert_eq!(count(&mut relayed, |call| call.packet("192.0.2.1:4001", 1, &REPORT)), (0, 100), "a report");
    assert_eq!(count(&mut relayed, |call| call.packet("203.0.113.6:9", 0, &VOICE)), (0, 0), "a stray");
    assert_eq!(count(&mut relayed, |call| call.packet(ALICE, 0, &DIGIT)), (0, 100), "a digit that goes on");
    let mut joined = Call::joined("0");
    assert_eq!(count(&mut joined, |call| call.packet(ALICE, 0, &VOICE)), (0, 100), "with numbers of ours");
    let mut narrow = Call::joined("8");
    assert_eq!(count(&mut narrow, |call| call.packet(ALICE, 0, &VOICE)), (0, 100), "µ-law to A-law");
    let mut wide = Call::joined("9");
    assert_eq!(count(&mut wide, |call| call.packet(ALICE, 0, &VOICE)), (0, 100), "µ-law to G.722");
}

#[test]
fn what_is_played_allocates_nothing() {
    for (formats, rate) in [("0", 8000), ("0", 16_000), ("9", 16_000), ("9", 8000)] {
        let mut call = Call::joined("0");
        let sdp = sdp("192.0.2.1", 4000, formats);
        let attend = Attend { call: "c", leg: A, theirs: Theirs::Offer(sdp.as_bytes()), address: None };
        call.sessions.attend(call.now, &attend, &mut call.machine).expect("attended");
        let clip = Clip { rate, samples: vec![900; 3000].into() };
        let (pieces, repeat) = (vec![Piece::Clip(clip)], Repeat::Forever);
        let playing = Playing { id: 1, pieces, repeat, stop_on_digit: false };
        call.sessions.play(call.now, ("c", A), playing, &mut call.machine).expect("it plays");
        let ticks = count(&mut call, |call| {
            call.now += Duration::from_millis(20);
            call.sessions.tick(call.now, &mut call.machine);
        });
        assert_eq!(ticks, (0, 100), "{formats} from {rate}");
    }
}
