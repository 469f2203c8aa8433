//! A call of an hour, and calls over bad networks, in virtual time.

use proto::media::{Bridge, Ended, Record, Theirs};
use rtp::codec::Codec;
use rtp::packet::Packet;
use rtp::rtcp::{SenderInfo, Writer};
use rtp::tone::{Tone, level};

use super::*;

const MS: Duration = Duration::from_millis(1);
const BOTH: Record<'static> = Record {
    call: "c",
    leg: A,
    id: 5,
    to: "hour",
    max: Duration::from_secs(7200),
    silence: None,
    stop_digits: "",
    both_sides: true,
    beep: false,
};

impl World {
    /// A packet that may leave in another form.
    fn carry(&mut self, from: &str, port: u32, octets: &mut [u8]) {
        let from = from.parse().unwrap();
        self.sessions.packet(self.now, PortId(port), from, octets, &mut self.machine);
    }

    /// Both sides speak for so many packets from this one on; every second is looked around.
    fn converse(&mut self, from: u32, packets: u32) {
        for at in from..from + packets {
            // An hour has 180,000 packets: sequence numbers turn over twice.
            let mut octets = rtp(0, at as u16, &[0x90; 160]);
            octets[4..8].copy_from_slice(&(at.wrapping_mul(160).wrapping_add(0xffff_0000)).to_be_bytes());
            for (from, port) in [("192.0.2.1:4000", 0), ("192.0.2.2:5000", 2)] {
                self.carry(from, port, &mut octets.clone());
            }
            if self.sessions.deadline().is_some_and(|due| due <= self.now) {
                self.sessions.tick(self.now, &mut self.machine);
            }
            self.wait(20);
            if at % 50 == 49 {
                self.sessions.look_around(self.now, &mut self.machine);
            }
            if at % 250 == 249 {
                let mut report = Vec::new();
                Writer::new(&mut report).sender_report(9, &SenderInfo::default(), &[]);
                self.carry("192.0.2.1:4001", 1, &mut report);
            }
        }
    }
}

#[test]
fn an_hour_of_talk_loses_nothing_and_keeps_its_figures() {
    let mut world = World::new();
    world.call();
    world.converse(0, HOUR);
    let mut sent = world.machine.sent.iter().filter(|(port, ..)| *port == 30_002).map(|(_, _, octets)| {
        Packet::read(octets).map(|packet| (packet.header.sequence, packet.header.timestamp)).unwrap()
    });
    let first = sent.next().unwrap();
    let (last, count) = sent.fold((first, 1), |(before, count), next| {
        let (sequence, timestamp) = (next.0.wrapping_sub(before.0), next.1.wrapping_sub(before.1));
        assert_eq!((sequence, timestamp), (1, 160), "packet {count}");
        (next, count + 1)
    });
    assert_eq!((count, last.0), (HOUR, (HOUR - 1) as u16));
    assert_eq!(world.told(), [], "nothing went wrong");
    for leg in world.release(None).legs {
        let packets = u64::from(HOUR);
        assert_eq!((leg.received, leg.sent, leg.lost, leg.strays), (packets, packets, 0, 0));
        assert_eq!((leg.jitter_us, leg.lasted_ms, leg.one_way_ms), (0, 3_600_000, 0));
        assert!(leg.mos_100 > Some(430), "{leg:?}");
    }
    assert_eq!((world.machine.free.len(), world.sessions.counters().sessions), (100, 0));
}

#[test]
fn an_hour_that_is_recorded_is_an_hour_on_both_channels() {
    let mut world = World::new();
    for (leg, phone) in [(A, sdp(ALICE, 4000)), (B, sdp(BOB, 5000))] {
        world.attend(leg, Theirs::Offer(phone.as_bytes())).unwrap();
    }
    let bridge = Bridge { call: "c", leg: A, with: Some(B) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    world.sessions.record(world.now, &BOTH, &mut world.machine).unwrap();
    let mut kept = 0;
    for minute in 0..60 {
        world.converse(minute * 3000, 3000);
        world.machine.sent.clear();
        let frames = world.machine.kept.as_chunks::<2>().0;
        let loud = frames.iter().filter(|[own, other]| *own != 0 && *other != 0).count();
        assert!(loud >= frames.len() - 4000, "minute {minute}: {loud} of {} are heard", frames.len());
        kept += frames.len();
        world.machine.kept.clear();
    }
    assert!(kept.abs_diff(3600 * 8000) <= 8000, "{kept} samples");
    world.release(None);
    assert!(world.machine.recorded.last().unwrap().contains("Stopped"));
}

/// A network that loses, delays and so reorders, the same for the same seed.
struct Link {
    seed: u64,
    loss_percent: u64,
    delay_ms: u64,
    jitter_ms: u64,
}

impl Link {
    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below.max(1)
    }

    /// When what is sent at this millisecond arrives, if it does.
    fn arrival(&mut self, at: u64) -> Option<u64> {
        let (loss, late) = (self.draw(100), self.draw(self.jitter_ms + 1));
        (loss >= self.loss_percent).then_some(at + self.delay_ms + late)
    }
}

/// Alice speaks a tone for ten seconds over this link to Bob and to a recorder. Gives what came of it.
fn over(mut link: Link) -> (World, Vec<u16>, usize) {
    let mut world = World::new();
    world.call();
    let record = Record { both_sides: false, ..BOTH };
    world.sessions.record(world.now, &record, &mut world.machine).unwrap();
    // What goes to Alice has numbers of ours now, what goes to Bob is as she sent it.
    let mut tone = Tone::new(8000, &[(1000.0, -15.0)]);
    let mut arrivals: Vec<(u64, Vec<u8>)> = Vec::new();
    for at in 0..500u16 {
        let (mut samples, mut payload) = ([0; 160], Vec::new());
        tone.fill(&mut samples);
        Codec::Pcmu.encoder().encode(&samples, &mut payload);
        if let Some(arrival) = link.arrival(u64::from(at) * 20) {
            arrivals.push((arrival, rtp(0, at, &payload)));
        }
    }
    arrivals.sort_by_key(|(at, _)| *at);
    let mut arrivals = arrivals.into_iter().peekable();
    let mut came = 0;
    for ms in 0..10_500 {
        while let Some((_, mut octets)) = arrivals.next_if(|(at, _)| *at <= ms) {
            world.carry("192.0.2.1:4000", 0, &mut octets);
            came += 1;
        }
        if world.sessions.deadline().is_some_and(|due| due <= world.now) {
            world.sessions.tick(world.now, &mut world.machine);
        }
        world.now += MS;
    }
    let passed =
        world.machine.sent.drain(..).map(|(_, _, octets)| Packet::read(&octets).unwrap().header.sequence);
    let passed = passed.collect();
    (world, passed, came)
}

#[test]
fn what_a_bad_network_leaves_passes_as_it_came_and_is_recorded_without_holes() {
    for seed in 1..=20 {
        for (loss_percent, delay_ms, jitter_ms) in [(0, 40, 60), (2, 40, 30), (5, 150, 80), (10, 40, 20)] {
            let link = Link { seed, loss_percent, delay_ms, jitter_ms };
            let (mut world, passed, came) = over(link);
            let of = format!("seed {seed}, {loss_percent} %, {jitter_ms} ms");
            assert_eq!(passed.len(), came, "{of}: the relay neither loses nor doubles");
            let leg = world.release(Some(A)).legs[0];
            let missing = 500 - came as u64;
            // What is missing before a source is trusted, or behind its last packet, nobody can know.
            assert!(leg.lost.abs_diff(missing) <= 8, "{of}: {} lost, {missing} missing", leg.lost);
            assert!(
                u64::from(leg.jitter_us) < 1000 * (jitter_ms + 1),
                "{of}: {} µs of jitter",
                leg.jitter_us
            );
            assert!(loss_percent < 5 || leg.mos_100 < Some(425), "{of}: {:?}", leg.mos_100);
            // Between the first second and the last one the tone is heard, and what is missing is concealed.
            let frames: Vec<f64> = world.machine.kept[8000..8000 * 9].chunks(160).map(level).collect();
            let heard = frames.iter().filter(|level| (**level + 15.0).abs() < 3.0).count();
            let silent = frames.iter().filter(|level| **level < -40.0).count();
            let wanted = frames.len() as u64 * (96 - loss_percent) / 100;
            assert!(
                heard as u64 >= wanted && silent * 50 <= frames.len(),
                "{of}: {heard} heard, {silent} silent"
            );
            assert!(
                world.machine.recorded.iter().any(|line| line.contains(&format!("{:?}", Ended::Stopped)))
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_call() {
    let link = || Link { seed: 7, loss_percent: 5, delay_ms: 40, jitter_ms: 60 };
    let (mut one, passed, _) = over(link());
    let (mut other, again, _) = over(link());
    assert_eq!(passed, again);
    assert_eq!(one.machine.kept, other.machine.kept);
    assert_eq!(one.release(None), other.release(None));
}

const HOUR: u32 = 180_000;
