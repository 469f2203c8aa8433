//! What we play, hear and answer ourselves.

use proto::media::{Attend, Collect, DigitForm, Ended, Repeat, Stop, Theirs};
use rtp::codec::{Codec, g711};
use rtp::dtmf::Digit;
use rtp::packet::Packet;

use super::super::{Clip, Piece, Playing};
use super::*;

impl World {
    pub(super) fn attend(&mut self, leg: Leg, theirs: Theirs<'_>) -> Result<String, ServiceError> {
        let ask = Attend { call: "c", leg, theirs, address: None };
        let described = self.sessions.attend(self.now, &ask, &mut self.machine)?;
        Ok(String::from_utf8(described.sdp).unwrap())
    }

    pub(super) fn play(
        &mut self,
        leg: Leg,
        id: u32,
        samples: Vec<i16>,
        repeat: Repeat,
    ) -> Result<(), ServiceError> {
        let pieces = vec![Piece::Clip(Clip { rate: 8000, samples: samples.into() })];
        let playing = Playing { id, pieces, repeat, stop_on_digit: true };
        self.sessions.play(self.now, ("c", leg), playing, &mut self.machine)
    }

    fn collect(&mut self, digits_max: u8) {
        let (first, between) = (Duration::from_secs(5), Duration::from_secs(2));
        let ask = Collect { call: "c", leg: A, id: 9, digits_max, first, between, end_digits: "#" };
        self.sessions.collect(self.now, &ask, &mut self.machine).unwrap();
    }

    /// Lets so much time pass, in ticks; what was told meanwhile.
    pub(super) fn run(&mut self, ms: u64) -> Vec<MediaEvent> {
        self.machine.told.clear();
        let end = self.now + Duration::from_millis(ms);
        while let Some(due) = self.sessions.deadline().filter(|due| *due <= end) {
            self.now = due;
            self.sessions.tick(due, &mut self.machine);
        }
        self.now = end;
        self.told()
    }

    pub(super) fn told(&mut self) -> Vec<MediaEvent> {
        self.machine.told.drain(..).map(|(_, event)| event).collect()
    }

    /// A digit as an event, in the middle of a call.
    pub(super) fn dial(&mut self, digit: u8, at: u16) {
        self.packet("192.0.2.1:4000", 30_000, &rtp(101, at, &[digit, 10, 0, 160]));
    }
}

const ALAW_PHONE: &str = "v=0\r\no=phone 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                          m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

#[test]
fn a_leg_that_we_attend_is_answered_and_played_to_in_a_codec_that_it_knows() {
    let mut world = World::new();
    let answer = world.attend(A, Theirs::Offer(ALAW_PHONE.as_bytes())).unwrap();
    assert_eq!(places(&answer), "198.51.100.1 30000");
    assert!(answer.contains("m=audio 30000 RTP/AVP 8 101\r\n"), "{answer}");
    world.play(A, 1, vec![1000; 480], Repeat::Times(1)).unwrap();
    assert_eq!(world.run(200), [MediaEvent::Played { leg: A, id: 1, why: Ended::Complete }]);
    let sent: Vec<_> = world.machine.sent.drain(..).collect();
    assert_eq!(sent.len(), 3);
    let mut last: Option<rtp::packet::Header> = None;
    for (port, to, octets) in &sent {
        assert_eq!((*port, to.to_string().as_str()), (30_000, "192.0.2.1:4000"));
        let packet = Packet::read(octets).unwrap();
        assert_eq!((packet.header.payload_type, packet.payload.len()), (8, 160));
        assert!((i32::from(g711::of_alaw(packet.payload[7])) - 1000).abs() < 40);
        if let Some(last) = last {
            assert_eq!(packet.header.sequence, last.sequence.wrapping_add(1));
            assert_eq!(packet.header.timestamp, last.timestamp.wrapping_add(160));
        }
        last = Some(packet.header);
    }
    assert_eq!(world.sessions.deadline(), None, "nothing goes on, so nothing ticks");
}

#[test]
fn without_a_codec_that_both_know_an_offer_is_refused() {
    let mut world = World::new();
    let opus = ALAW_PHONE
        .replace("8 101", "96")
        .replace("a=rtpmap:101 telephone-event/8000", "a=rtpmap:96 opus/48000/2");
    let refused = world.attend(A, Theirs::Offer(opus.as_bytes())).unwrap_err();
    assert!(refused.to_string().contains("no codec"), "{refused}");
    assert_eq!((world.machine.free.len(), world.sessions.counters().sessions), (100, 0));
}

#[test]
fn we_offer_where_nothing_was_offered() {
    let mut world = World::new();
    let offer = world.attend(A, Theirs::Nothing).unwrap();
    assert!(offer.contains("m=audio 30000 RTP/AVP 9 8 0 101\r\n"), "{offer}");
    assert!(world.play(A, 1, vec![0; 160], Repeat::Forever).is_err(), "it has not answered");
    assert_eq!(world.attend(A, Theirs::Answer(sdp(ALICE, 4000).as_bytes())).unwrap(), "");
    world.play(A, 1, vec![0; 160], Repeat::Forever).unwrap();
    assert_eq!(world.run(99), []);
    assert_eq!(world.machine.sent.len(), 5);
    assert!(world.attend(B, Theirs::Answer(sdp(BOB, 4000).as_bytes())).is_err(), "nobody asked");
}

#[test]
fn who_is_heard_before_he_answers_may_answer_from_elsewhere() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.attend(B, Theirs::Nothing).unwrap();
    // The announcement of a network comes from one place, the phone behind it from another.
    for (address, port) in [(BOB, 5000), ("192.0.2.3", 6000)] {
        world.attend(B, Theirs::Answer(sdp(address, port).as_bytes())).unwrap();
        let bridge = proto::media::Bridge { call: "c", leg: B, with: Some(A) };
        world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
        world.machine.sent.clear();
        let from = format!("{address}:{port}").parse().unwrap();
        let mut said = rtp(0, 9, &[g711::to_ulaw(1000); 160]);
        world.sessions.packet(world.now, PortId(2), from, &mut said, &mut world.machine);
        let (_, to, _) = world.machine.sent.pop().unwrap();
        assert_eq!(to.to_string(), "192.0.2.1:4000", "{address} is heard");
        let alice = "192.0.2.1:4000".parse().unwrap();
        let mut said = rtp(0, 9, &[g711::to_ulaw(1000); 160]);
        world.sessions.packet(world.now, PortId(0), alice, &mut said, &mut world.machine);
        let (_, to, _) = world.machine.sent.pop().unwrap();
        assert_eq!(to.to_string(), format!("{address}:{port}"), "alice is heard there");
    }
}

#[test]
fn who_is_asked_for_a_digit_has_time_until_what_is_read_was_played() {
    for fails in [false, true] {
        let mut world = World::new();
        world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
        world.sessions.expect(world.now, ("c", A), true, &mut world.machine).unwrap();
        let half = Duration::from_millis(500);
        let ask =
            Collect { call: "c", leg: A, id: 2, digits_max: 1, first: half, between: half, end_digits: "" };
        world.sessions.collect(world.now, &ask, &mut world.machine).unwrap();
        // The disk takes its time.
        assert_eq!(world.run(2000), []);
        world.sessions.expect(world.now, ("c", A), false, &mut world.machine).unwrap();
        if !fails {
            world.play(A, 1, vec![0; 8000], Repeat::Times(1)).unwrap();
            assert_eq!(world.run(1100), [MediaEvent::Played { leg: A, id: 1, why: Ended::Complete }]);
        }
        let late = MediaEvent::Collected { leg: A, id: 2, digits: String::new(), why: Ended::Timeout };
        assert_eq!(world.run(600), [late]);
    }
}

#[test]
fn what_was_dialled_before_all_was_stopped_is_forgotten() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.play(A, 1, vec![0; 8000], Repeat::Times(1)).unwrap();
    let press = proto::media::Press { call: "c", leg: A, digit: '*' };
    world.sessions.press(world.now, &press, &mut world.machine).unwrap();
    world.sessions.stop(world.now, &Stop { call: "c", leg: A, id: 0 }, &mut world.machine).unwrap();
    world.told();
    let second = Duration::from_secs(1);
    let ask =
        Collect { call: "c", leg: A, id: 2, digits_max: 9, first: second, between: second, end_digits: "#" };
    world.sessions.collect(world.now, &ask, &mut world.machine).unwrap();
    let late = MediaEvent::Collected { leg: A, id: 2, digits: String::new(), why: Ended::Timeout };
    assert_eq!(world.run(1100), [late]);
}

#[test]
fn digits_are_collected_until_there_are_enough() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.collect(2);
    world.dial(4, 1);
    world.run(1900);
    world.dial(2, 100);
    let digit = |digit| MediaEvent::Digit { leg: A, digit, how: DigitForm::Event };
    let collected = MediaEvent::Collected { leg: A, id: 9, digits: "42".into(), why: Ended::Complete };
    assert_eq!(world.told(), [digit('2'), collected]);
    assert_eq!(world.run(10_000), []);
}

#[test]
fn what_is_dialled_before_it_is_asked_for_waits_for_who_asks() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    for (digit, at) in [(1, 1), (4, 100), (2, 200)] {
        world.dial(digit, at);
        world.wait(200);
    }
    world.told();
    // The menu is over before it is heard, and the two digits more are for the next one.
    world.play(A, 1, vec![1; 80_000], Repeat::Times(1)).unwrap();
    world.collect(1);
    let played = MediaEvent::Played { leg: A, id: 1, why: Ended::Digit('1') };
    let collected =
        |digits: &str| MediaEvent::Collected { leg: A, id: 9, digits: digits.into(), why: Ended::Complete };
    assert_eq!(world.told(), [played, collected("1")]);
    world.collect(2);
    assert_eq!(world.told(), [collected("42")]);
    world.collect(1);
    assert_eq!(world.told(), []);
    world.dial(5, 500);
    assert_eq!(world.told()[1], collected("5"));
    // What stops a sound was meant for it.
    world.play(A, 2, vec![1; 80_000], Repeat::Times(1)).unwrap();
    world.dial(6, 800);
    assert_eq!(world.told()[1], MediaEvent::Played { leg: A, id: 2, why: Ended::Digit('6') });
    world.collect(1);
    assert_eq!(world.told(), []);
}

#[test]
fn a_digit_that_a_message_told_counts_like_one_that_is_heard() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.collect(1);
    let press = |digit| proto::media::Press { call: "c", leg: A, digit };
    world.sessions.press(world.now, &press('7'), &mut world.machine).unwrap();
    let digit = MediaEvent::Digit { leg: A, digit: '7', how: DigitForm::Message };
    let collected = MediaEvent::Collected { leg: A, id: 9, digits: "7".into(), why: Ended::Complete };
    assert_eq!(world.told(), [digit, collected]);
    assert!(world.sessions.press(world.now, &press('x'), &mut world.machine).is_err());
}

#[test]
fn an_end_digit_ends_and_time_ends() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.collect(10);
    world.dial(7, 1);
    world.run(500);
    world.dial(11, 100);
    let collected = |digits: &str, why| MediaEvent::Collected { leg: A, id: 9, digits: digits.into(), why };
    assert_eq!(world.told()[1], collected("7", Ended::Digit('#')));
    world.collect(10);
    assert_eq!(world.run(4900), []);
    assert_eq!(world.run(200), [collected("", Ended::Timeout)]);
    world.collect(10);
    world.run(100);
    world.dial(1, 300);
    assert_eq!(world.run(1900), []);
    assert_eq!(world.run(200), [collected("1", Ended::Timeout)]);
}

#[test]
fn a_menu_waits_from_the_end_of_its_greeting_and_a_digit_cuts_the_greeting_off() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.play(A, 1, vec![1; 80_000], Repeat::Times(1)).unwrap();
    world.collect(1);
    let played = |why| MediaEvent::Played { leg: A, id: 1, why };
    let nothing = MediaEvent::Collected { leg: A, id: 9, digits: String::new(), why: Ended::Timeout };
    assert_eq!(world.run(9_900), []);
    assert_eq!(world.run(5_000), [played(Ended::Complete)], "five seconds from its end on");
    assert_eq!(world.run(200), [nothing]);
    world.play(A, 1, vec![1; 80_000], Repeat::Times(1)).unwrap();
    world.collect(1);
    world.run(1_000);
    world.dial(3, 1);
    let told = world.told();
    assert_eq!(told[1], played(Ended::Digit('3')));
    assert_eq!(told[2], MediaEvent::Collected { leg: A, id: 9, digits: "3".into(), why: Ended::Complete });
    world.machine.sent.clear();
    world.run(1_000);
    assert_eq!(world.machine.sent, []);
}

#[test]
fn a_phone_without_events_dials_by_tones_while_digits_are_collected() {
    let mut world = World::new();
    let plain = sdp(ALICE, 4000).replace(" 101\r\na=rtpmap:101 telephone-event/8000", "");
    world.attend(A, Theirs::Offer(plain.as_bytes())).unwrap();
    world.collect(1);
    let mut samples = vec![0; 1600];
    Digit::of_letter('5').unwrap().tone(8000).unwrap().fill(&mut samples[320..1120]);
    for (at, frame) in samples.chunks(160).enumerate() {
        let mut payload = Vec::new();
        Codec::Pcmu.encoder().encode(frame, &mut payload);
        world.packet("192.0.2.1:4000", 30_000, &rtp(0, at as u16, &payload));
        world.wait(20);
    }
    let digit = MediaEvent::Digit { leg: A, digit: '5', how: DigitForm::Tone };
    let collected = MediaEvent::Collected { leg: A, id: 9, digits: "5".into(), why: Ended::Complete };
    assert_eq!(world.told(), [digit, collected]);
}

#[test]
fn what_is_stopped_or_replaced_is_said() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.play(A, 1, vec![1; 8000], Repeat::Forever).unwrap();
    world.play(A, 2, vec![1; 8000], Repeat::Forever).unwrap();
    assert_eq!(world.told(), [MediaEvent::Played { leg: A, id: 1, why: Ended::Stopped }]);
    world.sessions.stop(world.now, &Stop { call: "c", leg: A, id: 7 }, &mut world.machine).unwrap();
    assert_eq!(world.told(), []);
    world.sessions.stop(world.now, &Stop { call: "c", leg: A, id: 0 }, &mut world.machine).unwrap();
    assert_eq!(world.told(), [MediaEvent::Played { leg: A, id: 2, why: Ended::Stopped }]);
    world.run(100);
    assert_eq!(world.sessions.deadline(), None);
}

#[test]
fn after_a_greeting_the_callee_is_joined_and_the_caller_hears_one_stream() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(ALAW_PHONE.as_bytes())).unwrap();
    world.play(A, 1, vec![1; 480], Repeat::Times(1)).unwrap();
    world.run(100);
    let last = Packet::read(&world.machine.sent.last().unwrap().2).unwrap().header;
    // Bob knows µ-law alone, and other numbers for digits.
    world.attend(B, Theirs::Nothing).unwrap();
    let bob = sdp(BOB, 5000).replace("101", "96");
    world.attend(B, Theirs::Answer(bob.as_bytes())).unwrap();
    let bridge = proto::media::Bridge { call: "c", leg: A, with: Some(B) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    world.machine.sent.clear();
    let mut heard = rtp(0, 9, &[g711::to_ulaw(1000); 160]);
    let from = "192.0.2.2:5000".parse().unwrap();
    world.sessions.packet(world.now, PortId(2), from, &mut heard, &mut world.machine);
    let (_, to, octets) = world.machine.sent.pop().unwrap();
    let packet = Packet::read(&octets).unwrap();
    assert_eq!((to.to_string().as_str(), packet.header.payload_type), ("192.0.2.1:4000", 8));
    assert_eq!((packet.header.ssrc, packet.header.sequence), (last.ssrc, last.sequence.wrapping_add(1)));
    assert!((i32::from(g711::of_alaw(packet.payload[0])) - 1000).abs() < 60);
    let mut event = rtp(101, 3, &[1, 10, 0, 160]);
    let from = "192.0.2.1:4000".parse().unwrap();
    world.sessions.packet(world.now, PortId(0), from, &mut event, &mut world.machine);
    let (_, _, octets) = world.machine.sent.pop().unwrap();
    assert_eq!(Packet::read(&octets).unwrap().header.payload_type, 96);
}
