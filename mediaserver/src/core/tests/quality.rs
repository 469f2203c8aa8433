//! How a call sounds, while it is up and behind it.

use proto::media::{Flow, LegStatistics, Repeat, Theirs};
use rtp::codec::Codec;
use rtp::ntp::{NtpTime, short_units};
use rtp::rtcp::{Compound, ReportBlock, Rtcp, Rule, SenderInfo, Writer};

use super::*;

impl World {
    /// Lets time pass with a look around each second; what was told of how legs are heard.
    fn look(&mut self) -> Vec<(u32, Flow)> {
        self.machine.told.clear();
        self.sessions.look_around(self.now, &mut self.machine);
        let told = self.machine.told.drain(..).filter_map(|(_, event)| match event {
            MediaEvent::Flow { leg, flow } => Some((leg.number, flow)),
            _ => None,
        });
        told.collect()
    }

    /// Both speak for a second, one or both of them perhaps silent or not at all.
    fn talk(&mut self, second: u16, alice: Option<u8>, bob: Option<u8>) -> Vec<(u32, Flow)> {
        for at in 0..50 {
            let sequence = second * 50 + at;
            for (from, port, octet) in [("192.0.2.1:4000", 30_000, alice), ("192.0.2.2:5000", 30_002, bob)] {
                if let Some(octet) = octet {
                    self.packet(from, port, &rtp(0, sequence, &[octet; 160]));
                }
            }
            self.wait(20);
        }
        self.look()
    }

    fn statistics(&mut self, leg: Leg) -> LegStatistics {
        let of = Release { call: "c", leg: Some(leg) };
        self.sessions.statistics(self.now, &of).legs[0]
    }
}

const LOUD: Option<u8> = Some(0x80);
const SILENT: Option<u8> = Some(0xff);

#[test]
fn one_way_audio_is_noticed_within_two_seconds_and_so_is_its_end() {
    let mut world = World::new();
    world.call();
    world.look();
    assert_eq!(world.talk(0, LOUD, None), [(1, Flow::OneWay)], "Bob was never heard");
    assert_eq!(world.sessions.counters().one_way_now, 1);
    assert_eq!(world.talk(1, LOUD, None), []);
    assert_eq!(world.talk(2, LOUD, LOUD), [(1, Flow::Heard)]);
    assert_eq!(world.talk(3, None, LOUD), [(0, Flow::OneWay)], "and now Alice is not");
    assert_eq!(world.talk(4, None, None), [(0, Flow::Heard)], "nobody speaks: that is silence on both sides");
    let (alice, bob) = (world.statistics(A), world.statistics(B));
    assert!((1000..1100).contains(&alice.one_way_ms), "{alice:?}");
    assert!((2000..2100).contains(&bob.one_way_ms), "{bob:?}");
    let counters = world.sessions.counters();
    assert_eq!((counters.one_way, counters.one_way_now), (2, 0));
}

#[test]
fn on_hold_nobody_has_to_be_heard() {
    let mut world = World::new();
    world.call();
    let hold = sdp(ALICE, 4000) + "a=sendonly\r\n";
    world.offer(A, B, &hold).unwrap();
    world.answer(B, A, &(sdp(BOB, 5000) + "a=recvonly\r\n")).unwrap();
    for second in 0..5 {
        assert_eq!(world.talk(second, LOUD, None), []);
    }
    assert_eq!(world.statistics(B).one_way_ms, 0);
}

#[test]
fn a_phone_that_sends_comfort_noise_and_rests_is_not_missed() {
    let mut world = World::new();
    world.call();
    assert_eq!(world.talk(0, LOUD, LOUD), []);
    world.packet("192.0.2.2:5000", 30_002, &rtp(13, 50, &[60]));
    for second in 1..5 {
        assert_eq!(world.talk(second, LOUD, None), []);
    }
    assert_eq!(world.talk(5, LOUD, LOUD), []);
}

#[test]
fn a_microphone_that_is_off_is_noticed() {
    let mut world = World::new();
    world.call();
    let mut told = Vec::new();
    for second in 0..14 {
        told.extend(world.talk(second, LOUD, SILENT).into_iter().map(|what| (second, what)));
    }
    told.extend(world.talk(14, LOUD, LOUD).into_iter().map(|what| (14, what)));
    assert_eq!(told, [(9, (1, Flow::Quiet)), (14, (1, Flow::Heard))]);
    assert!((13_000..15_000).contains(&world.statistics(B).quiet_ms));
    assert_eq!(world.statistics(A).quiet_ms, 0);
}

/// Packets of a second in some codec: noise as loud as speech, or the hiss of an idle line.
fn noise(codec: Codec, peak: i32) -> Vec<Vec<u8>> {
    let (mut encoder, mut seed) = (codec.encoder(), 1_u32);
    let mut packet = || {
        let mut sample = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (i32::from((seed >> 16) as u16) % (2 * peak + 1) - peak) as i16
        };
        let samples: Vec<i16> = (0..codec.samples(20)).map(|_| sample()).collect();
        let mut payload = Vec::new();
        encoder.encode(&samples, &mut payload);
        payload
    };
    (0..50).map(|_| packet()).collect()
}

#[test]
fn a_microphone_that_is_off_is_noticed_in_every_codec_that_we_know() {
    for (codec, number, line) in [
        (Codec::G722, 9, "9 G722/8000"),
        (Codec::Pcma, 8, "8 PCMA/8000"),
        (Codec::L16 { rate: 16_000, channels: 1 }, 97, "97 L16/16000"),
    ] {
        let mut world = World::new();
        let text = format!("m=audio PORT RTP/AVP {number}\r\na=rtpmap:{line}\r\n");
        let said = |host: &str, port: u16| {
            let media = text.replace("PORT", &port.to_string());
            format!("v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n{media}")
        };
        world.offer(A, B, &said(ALICE, 4000)).unwrap();
        world.answer(B, A, &said(BOB, 5000)).unwrap();
        let (speech, hiss) = (noise(codec, 2000), noise(codec, 16));
        let mut told = Vec::new();
        for second in 0..16 {
            let bobs = if (2..14).contains(&second) { &hiss } else { &speech };
            for (at, (alice, bob)) in speech.iter().zip(bobs).enumerate() {
                let sequence = second * 50 + at as u16;
                world.packet("192.0.2.1:4000", 30_000, &rtp(number, sequence, alice));
                world.packet("192.0.2.2:5000", 30_002, &rtp(number, sequence, bob));
                world.wait(20);
            }
            told.extend(world.look().into_iter().map(|what| (second, what)));
        }
        assert_eq!(told, [(12, (1, Flow::Quiet)), (14, (1, Flow::Heard))], "{codec:?}");
    }
}

fn sender_report(ssrc: u32, ntp: NtpTime, block: Option<ReportBlock>) -> Vec<u8> {
    let mut out = Vec::new();
    let sent = SenderInfo { ntp, timestamp: 0, packets: 1, octets: 160 };
    Writer::new(&mut out).sender_report(ssrc, &sent, block.as_slice());
    out
}

#[test]
fn the_round_trip_is_read_from_reports_that_pass_and_is_part_of_the_score() {
    let mut world = World::new();
    world.call();
    for second in 0..2 {
        world.talk(second, LOUD, LOUD);
    }
    let near = world.statistics(A);
    let clock = NtpTime::since_1970(Duration::from_secs(1_700_000_000));
    // Alice's report passes to Bob, who is 200 ms away there and back and had it for half a second.
    assert_eq!(
        world.packet("192.0.2.1:4001", 30_001, &sender_report(9, clock, None)),
        "30003>192.0.2.2:5001"
    );
    world.wait(700);
    let delay = short_units(Duration::from_millis(500));
    let block = ReportBlock { ssrc: 9, last_report: clock.middle(), delay, ..ReportBlock::default() };
    let clock = clock.plus(Duration::from_secs(1));
    world.packet("192.0.2.2:5001", 30_003, &sender_report(8, clock, Some(block)));
    let ms = |leg: LegStatistics| leg.round_trip_us.map(|us| (us + 500) / 1000);
    assert_eq!((ms(world.statistics(A)), ms(world.statistics(B))), (Some(200), Some(200)));
    // And Alice is 600 ms away: together, what both of them wait for an answer.
    world.wait(600);
    let block = ReportBlock { ssrc: 8, last_report: clock.middle(), delay: 0, ..ReportBlock::default() };
    let mut report = Vec::new();
    Writer::new(&mut report).receiver_report(9, &[block]);
    world.packet("192.0.2.1:4001", 30_001, &report);
    assert_eq!((ms(world.statistics(A)), ms(world.statistics(B))), (Some(800), Some(800)));
    assert!(world.statistics(A).mos_100 < near.mos_100.map(|mos| mos - 80));
    // A report that nobody sent is no measurement.
    let block = ReportBlock { ssrc: 8, last_report: 77, delay: 0, ..ReportBlock::default() };
    let mut report = Vec::new();
    Writer::new(&mut report).receiver_report(9, &[block]);
    world.packet("192.0.2.1:4001", 30_001, &report);
    assert_eq!(ms(world.statistics(A)), Some(800));
    let released = world.release(None);
    assert_eq!(released.legs.iter().map(|leg| ms(*leg)).collect::<Vec<_>>(), [Some(800), Some(800)]);
    let counters = world.sessions.counters();
    assert_eq!((counters.judged, counters.poor), (2, 2), "nobody likes to wait so long");
}

#[test]
fn a_leg_that_we_talk_to_has_reports_of_ours_every_few_seconds() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    world.play(A, 1, vec![1000; 8000], Repeat::Forever).unwrap();
    let mut reports = Vec::new();
    for second in 0..60u16 {
        for at in 0..50 {
            world.packet("192.0.2.1:4000", 30_000, &rtp(0, second * 50 + at, &[0x80; 160]));
            world.run(20);
        }
        world.machine.sent.clear();
        world.look();
        for (port, to, octets) in world.machine.sent.drain(..) {
            assert_eq!((port, to.to_string().as_str()), (30_001, "192.0.2.1:4001"));
            reports.push((second, octets));
        }
    }
    assert!((8..25).contains(&reports.len()), "every five seconds or so: {}", reports.len());
    let (second, octets) = reports.last().unwrap();
    let compound = Compound::read(octets, Rule::Full).unwrap();
    let packets: Vec<Rtcp<'_>> = compound.packets().collect();
    let Rtcp::SenderReport { ssrc, sent, blocks } = packets[0] else { panic!("{packets:?}") };
    assert_eq!(sent.packets, u32::from(second + 1) * 50 + 1);
    assert_eq!(sent.octets, sent.packets * 160);
    let block = blocks.iter().next().unwrap();
    assert_eq!((block.ssrc, block.fraction_lost, block.cumulative_lost), (9, 0, 0));
    let Rtcp::Description(of) = packets[1] else { panic!("{packets:?}") };
    assert_eq!(of.cname(ssrc).map(<[u8]>::len), Some(16));
    // Alice answers one after 300 ms, and 20 ms of them were her own.
    world.wait(300);
    let delay = short_units(Duration::from_millis(20));
    let block = ReportBlock { ssrc, last_report: sent.ntp.middle(), delay, ..ReportBlock::default() };
    let mut answer = Vec::new();
    Writer::new(&mut answer).receiver_report(9, &[block]);
    world.packet("192.0.2.1:4001", 30_001, &answer);
    let waited = u64::from(59 - second) * 1000 + 280;
    let trip = world.statistics(A).round_trip_us.unwrap();
    assert!(u64::from(trip / 1000).abs_diff(waited) <= 1, "{trip} µs of {waited} ms");
}

#[test]
fn a_leg_that_was_only_listened_to_is_told_what_we_received() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(sdp(ALICE, 4000).as_bytes())).unwrap();
    let mut found = None;
    for second in 0..10u16 {
        for at in (0..50).filter(|at| at % 10 != 3) {
            world.packet("192.0.2.1:4000", 30_000, &rtp(0, second * 50 + at, &[0x80; 160]));
            world.wait(20);
        }
        world.machine.sent.clear();
        world.look();
        found = world.machine.sent.pop().or(found);
    }
    let (_, _, octets) = found.expect("a report");
    let Some(Rtcp::ReceiverReport { blocks, .. }) =
        Compound::read(&octets, Rule::Full).unwrap().packets().next()
    else {
        panic!("it has sent nothing, so it is a receiver")
    };
    let block = blocks.iter().next().unwrap();
    assert!((24..28).contains(&block.fraction_lost), "a tenth of 256: {block:?}");
}
