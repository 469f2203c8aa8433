//! What is kept of a leg.

use proto::media::{Bridge, Ended, Record, Repeat, Stop, Theirs};
use rtp::codec::{Codec, g711};
use rtp::packet::Packet;
use rtp::tone::level;

use super::*;

const RECORD: Record<'static> = Record {
    call: "c",
    leg: A,
    id: 5,
    to: "bob/1",
    max: Duration::from_secs(10),
    silence: None,
    stop_digits: "#",
    both_sides: false,
    beep: false,
};

impl World {
    fn record(&mut self, silence: Option<Duration>, beep: bool) {
        self.record_as(Record { silence, beep, ..RECORD });
    }

    fn record_as(&mut self, ask: Record<'_>) {
        self.sessions.record(self.now, &ask, &mut self.machine).unwrap();
    }

    /// Speaks for so many packets, or is silent.
    fn speak(&mut self, packets: u16, from: u16, loud: bool) {
        for at in from..from + packets {
            let samples: Vec<i16> = (0..160).map(|n| if loud && n % 8 < 4 { 8000 } else { 0 }).collect();
            let mut payload = Vec::new();
            Codec::Pcmu.encoder().encode(&samples, &mut payload);
            self.packet("192.0.2.1:4000", 30_000, &rtp(0, at, &payload));
            self.run(20);
        }
    }

    /// A packet that may leave in another form.
    fn send(&mut self, from: &str, port: u16, octets: &[u8]) {
        let port = PortId(u32::from(port) - 30_000);
        let mut octets = octets.to_vec();
        self.sessions.packet(self.now, port, from.parse().unwrap(), &mut octets, &mut self.machine);
    }

    fn recorded(&mut self) -> Vec<String> {
        std::mem::take(&mut self.machine.recorded)
    }
}

#[test]
fn a_recording_ends_by_silence_which_is_not_kept() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.record(Some(Duration::from_secs(2)), false);
    world.speak(75, 0, true);
    world.speak(150, 75, false);
    let recorded = world.recorded();
    assert_eq!(recorded[..3], ["begin bob/1 8000 1", "8000 samples", "8000 samples"]);
    let end = recorded.last().unwrap();
    assert!(end.starts_with("end 0 5 cut 144") && end.ends_with("Silence"), "{recorded:?}");
    assert_eq!(world.sessions.deadline(), None);
}

#[test]
fn a_recording_ends_by_a_digit_by_its_length_and_with_its_leg() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.record(None, false);
    world.speak(10, 0, true);
    world.dial(11, 50);
    assert_eq!(world.recorded().last().unwrap(), "end 0 5 cut 0 Digit('#')");
    world.record(None, false);
    world.speak(510, 100, true);
    assert_eq!(world.recorded().last().unwrap(), "end 0 5 cut 0 Timeout");
    world.record(None, false);
    world.speak(10, 700, true);
    world.release(None);
    let recorded = world.recorded();
    assert_eq!(recorded.last().unwrap(), "end 0 5 cut 0 Stopped", "{recorded:?}");
}

#[test]
fn the_beep_is_heard_before_and_not_recorded() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.record(None, true);
    world.run(299);
    assert_eq!(world.machine.sent.len(), 15);
    let payload = Packet::read(&world.machine.sent[3].2).unwrap().payload.to_vec();
    let sound: Vec<i16> = payload.iter().map(|octet| g711::of_ulaw(*octet)).collect();
    assert!((-14.0..-12.0).contains(&rtp::tone::level(&sound)));
    world.run(100);
    assert_eq!(world.machine.sent.len(), 15);
    let stop = Stop { call: "c", leg: A, id: 5 };
    world.sessions.stop(world.now, &stop, &mut world.machine).unwrap();
    assert_eq!(world.recorded()[1..], ["800 samples".to_owned(), "end 0 5 cut 0 Stopped".to_owned()]);
}

#[test]
fn silence_is_not_kept_however_a_recording_ends_that_silence_would_end() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.record(Some(Duration::from_secs(5)), false);
    world.speak(50, 0, true);
    world.speak(100, 50, false);
    world.release(None);
    let recorded = world.recorded();
    let end = recorded.last().unwrap();
    assert!(
        end.starts_with("end 0 5 cut 14") && end.ends_with("Stopped"),
        "all but 200 ms of two seconds: {end}"
    );
}

#[test]
fn a_beep_waits_for_the_end_of_what_is_played() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.play(A, 1, vec![0; 1600], Repeat::Times(1)).unwrap();
    world.record(None, true);
    let played = MediaEvent::Played { leg: A, id: 1, why: Ended::Complete };
    assert_eq!(world.run(999), [played]);
    let levels = world.machine.sent.iter().map(|(_, _, octets)| {
        let samples: Vec<i16> =
            Packet::read(octets).unwrap().payload.iter().map(|octet| g711::of_ulaw(*octet)).collect();
        level(&samples) > -20.0
    });
    let levels: Vec<bool> = levels.collect();
    assert_eq!(levels, [vec![false; 10], vec![true; 15]].concat(), "one after the other, never both");
    let stop = Stop { call: "c", leg: A, id: 5 };
    world.sessions.stop(world.now, &stop, &mut world.machine).unwrap();
    assert_eq!(world.recorded()[1..], ["4000 samples".to_owned(), "end 0 5 cut 0 Stopped".to_owned()]);
}

#[test]
fn both_sides_are_kept_on_a_channel_each_whoever_is_heard() {
    let mut world = World::new();
    world.call();
    world.record_as(Record { both_sides: true, ..RECORD });
    // Alice says something for a second, then Bob in A-law, then we play something to Alice.
    let speak = |world: &mut World, from: &str, port: u16, at: u16, sample: i16| {
        let payload = [g711::to_ulaw(sample); 160];
        world.send(from, port, &rtp(0, at, &payload));
        world.run(20);
    };
    for at in 0..50 {
        speak(&mut world, "192.0.2.1:4000", 30_000, at, 4000);
    }
    for at in 0..50 {
        speak(&mut world, "192.0.2.2:5000", 30_002, at, 2000);
    }
    world.play(A, 1, vec![1000; 8000], Repeat::Times(1)).unwrap();
    world.run(1000);
    let stop = Stop { call: "c", leg: A, id: 5 };
    world.sessions.stop(world.now, &stop, &mut world.machine).unwrap();
    let recorded = world.recorded();
    assert_eq!(recorded[0], "begin bob/1 8000 2");
    let kept: &[[i16; 2]] = world.machine.kept.as_chunks().0;
    let around = |sample: i16, wanted: i16| (sample - wanted).abs() < 130;
    let count = |left: i16, right: i16| {
        kept.iter().filter(|[own, other]| around(*own, left) && around(*other, right)).count()
    };
    for (left, right, said) in [(4000, 0, "Alice"), (0, 2000, "Bob"), (0, 1000, "what is played")] {
        let seconds = count(left, right) as f64 / 8000.0;
        // The jitter buffer begins with some silence, and what it conceals at the end of talk fades.
        assert!((0.85..1.05).contains(&seconds), "{said}: {seconds}");
    }
}

#[test]
fn a_recording_goes_on_when_the_phone_changes_its_codec() {
    let mut world = World::new();
    let offer = sdp(ALICE, 4000).replace(" 0 101", " 9 8 0 101");
    let all = "v=0\r\no=b 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8 0 9\r\n";
    world.offer(A, B, &offer).unwrap();
    world.answer(B, A, all).unwrap();
    world.record_as(RECORD);
    let mut at = 0;
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
        let number = match codec {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            _ => 9,
        };
        let mut encoder = codec.encoder();
        let mut tone = rtp::tone::Tone::new(codec.sample_rate(), &[(500.0, -15.0)]);
        for _ in 0..50 {
            let (mut samples, mut payload) = (vec![0; codec.samples(20)], Vec::new());
            tone.fill(&mut samples);
            encoder.encode(&samples, &mut payload);
            world.send("192.0.2.1:4000", 30_000, &rtp(number, at, &payload));
            world.run(20);
            at += 1;
        }
    }
    let stop = Stop { call: "c", leg: A, id: 5 };
    world.sessions.stop(world.now, &stop, &mut world.machine).unwrap();
    assert_eq!(world.recorded()[0], "begin bob/1 8000 1", "the answer chose A-law, so that is its rate");
    let kept = &world.machine.kept;
    assert!(kept.len().abs_diff(150 * 160) <= 160);
    let loud = kept.chunks(160).filter(|frame| (level(frame) + 15.0).abs() < 2.0).count();
    assert!(loud > 130, "{loud} frames of 150");
}

#[test]
fn who_is_joined_to_another_is_recorded_and_hears_them() {
    let mut world = World::new();
    for (leg, phone) in [(A, sdp(ALICE, 4000)), (B, sdp(BOB, 5000))] {
        world.attend(leg, Theirs::Offer(phone.as_bytes())).unwrap();
    }
    let bridge = Bridge { call: "c", leg: A, with: Some(B) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    world.record_as(Record { both_sides: true, ..RECORD });
    world.machine.sent.clear();
    for at in 0..20 {
        world.send("192.0.2.2:5000", 30_002, &rtp(0, at, &[g711::to_ulaw(3000); 160]));
        world.run(20);
    }
    assert_eq!(world.machine.sent.len(), 20);
    let stop = Stop { call: "c", leg: A, id: 0 };
    world.sessions.stop(world.now, &stop, &mut world.machine).unwrap();
    let heard = world.machine.kept.as_chunks().0.iter().filter(|[own, other]| *own == 0 && *other > 2900);
    assert!(heard.count() > 2000);
}
