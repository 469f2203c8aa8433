//! Sessions in virtual time: a machine of ports that are only numbers.

mod ladders;
mod limits;
mod long;
mod quality;
mod recorder;
mod voice;
mod wide;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use proto::ServiceError;
use proto::media::{Answer, Leg, MediaEvent, Offer, Release, Released};

use super::{Family, Form, Out, Pair, PortId, Recorded, Sessions, Terms};

/// The machine's side.
struct Machine {
    free: VecDeque<u32>,
    sent: Vec<(u16, SocketAddr, Vec<u8>)>,
    told: Vec<(String, MediaEvent)>,
    recorded: Vec<String>,
    /// All samples of recordings, channels side by side.
    kept: Vec<i16>,
}

/// RTP ports are even, from 30000; that of pair n has the id 2n.
impl Out for Machine {
    fn take(&mut self, near: Option<IpAddr>, family: Option<Family>) -> Option<Pair> {
        let pair = self.free.pop_front()?;
        let family = family.or(near.map(Family::of)).unwrap_or(Family::V4);
        let ip: IpAddr = match family {
            Family::V4 => "198.51.100.1".parse().unwrap(),
            Family::V6 => "2001:db8::1".parse().unwrap(),
        };
        let shown = SocketAddr::new(ip, 30_000 + 2 * pair as u16);
        Some(Pair { rtp: PortId(2 * pair), rtcp: PortId(2 * pair + 1), shown })
    }

    fn give_back(&mut self, pair: Pair) {
        self.free.push_back(pair.rtp.0 / 2);
    }

    fn send(&mut self, from: PortId, to: SocketAddr, octets: &[u8]) {
        self.sent.push((30_000 + from.0 as u16, to, octets.to_vec()));
    }

    fn begin_recording(&mut self, name: &str, form: Form) -> Option<u64> {
        self.recorded.push(format!("begin {name} {} {}", form.rate, form.channels));
        Some(7)
    }

    fn record(&mut self, key: u64, recorded: Recorded<'_>) {
        assert_eq!(key, 7);
        self.recorded.push(match recorded {
            Recorded::Samples(samples) => {
                self.kept.extend(samples);
                format!("{} samples", samples.len())
            }
            Recorded::End { leg, id, cut, why, .. } => format!("end {} {id} cut {cut} {why:?}", leg.number),
        });
    }

    fn tell(&mut self, call: &str, event: MediaEvent) {
        self.told.push((call.to_owned(), event));
    }
}

struct World {
    now: Instant,
    sessions: Sessions,
    machine: Machine,
}

const A: Leg = Leg::new(0);
const B: Leg = Leg::new(1);
const ALICE: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

impl World {
    fn new() -> World {
        World::with(Terms::default(), 100)
    }

    fn with(terms: Terms, pairs: u32) -> World {
        let machine = Machine {
            free: (0..pairs).collect(),
            sent: Vec::new(),
            told: Vec::new(),
            recorded: Vec::new(),
            kept: Vec::new(),
        };
        World { now: Instant::now(), sessions: Sessions::new(terms, 1), machine }
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn offer(&mut self, from: Leg, to: Leg, sdp: &str) -> Result<String, ServiceError> {
        self.offer_near(from, to, sdp, None)
    }

    fn offer_near(
        &mut self,
        from: Leg,
        to: Leg,
        sdp: &str,
        near: Option<&str>,
    ) -> Result<String, ServiceError> {
        let from_address = near.map(|near| near.parse().unwrap());
        let sdp = sdp.as_bytes();
        let ask = Offer { call: "c", from, to, sdp, from_address, to_address: None };
        let described = self.sessions.offer(self.now, &ask, &mut self.machine)?;
        Ok(String::from_utf8(described.sdp).unwrap())
    }

    fn answer(&mut self, from: Leg, to: Leg, sdp: &str) -> Result<String, ServiceError> {
        let ask = Answer { call: "c", from, to, sdp: sdp.as_bytes(), from_address: None };
        let described = self.sessions.answer(self.now, &ask, &mut self.machine)?;
        Ok(String::from_utf8(described.sdp).unwrap())
    }

    /// Alice at 192.0.2.1:4000 sends to 30000, Bob at 192.0.2.2:5000 to 30002.
    fn call(&mut self) {
        let to_bob = self.offer(A, B, &sdp(ALICE, 4000)).unwrap();
        assert_eq!(places(&to_bob), "198.51.100.1 30002");
        let to_alice = self.answer(B, A, &sdp(BOB, 5000)).unwrap();
        assert_eq!(places(&to_alice), "198.51.100.1 30000");
    }

    fn release(&mut self, leg: Option<Leg>) -> Released {
        self.sessions.release(self.now, &Release { call: "c", leg }, &mut self.machine)
    }

    /// A packet from somewhere to one of our ports; what went out, as `port>address` for each.
    fn packet(&mut self, from: &str, port: u16, octets: &[u8]) -> String {
        self.machine.sent.clear();
        let from = from.parse().unwrap();
        let mut octets = octets.to_vec();
        let port = PortId(u32::from(port) - 30_000);
        self.sessions.packet(self.now, port, from, &mut octets, &mut self.machine);
        let sent = self.machine.sent.iter().map(|(from, to, sent)| {
            assert_eq!(sent, &octets);
            format!("{from}>{to}")
        });
        sent.collect::<Vec<_>>().join(" ")
    }
}

fn rtp(payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x80, payload_type];
    octets.extend(sequence.to_be_bytes());
    octets.extend((u32::from(sequence) * 160).to_be_bytes());
    octets.extend([0, 0, 0, 9]);
    octets.extend(payload);
    octets
}

fn voice(sequence: u16) -> Vec<u8> {
    rtp(0, sequence, &[0xff; 160])
}

const RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

fn sdp(ip: &str, port: u16) -> String {
    let family = if ip.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=phone 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}

/// The address of a description and its ports.
fn places(sdp: &str) -> String {
    let address = sdp.lines().find(|line| line.starts_with("c=")).and_then(|line| line.split(' ').nth(2));
    let ports = sdp.lines().filter(|line| line.starts_with("m=")).filter_map(|line| line.split(' ').nth(1));
    std::iter::once(address.unwrap_or("?")).chain(ports).collect::<Vec<_>>().join(" ")
}

fn origin(sdp: &str) -> &str {
    sdp.lines().find(|line| line.starts_with("o=")).unwrap_or_default()
}
