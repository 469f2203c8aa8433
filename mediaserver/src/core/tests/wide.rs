//! Phones that speak G.722, and those that they are joined to.

use proto::media::{Bridge, Ended, Repeat, Theirs};
use rtp::codec::{Codec, Decoder, Encoder};
use rtp::dtmf::Event;
use rtp::packet::{HeaderMut, Packet};
use rtp::tone::{Tone, level};

use super::super::{Clip, Piece, Playing};
use super::*;

fn phone(of: &str, ip: &str, port: u16) -> String {
    sdp(ip, port).replace(" 0 101", &format!(" {of} 101"))
}

/// The sound of what was sent, from the last on forgotten.
fn heard(world: &mut World, to: &str, decoder: &mut Decoder) -> Vec<i16> {
    let mut samples = Vec::new();
    for (_, address, octets) in world.machine.sent.drain(..) {
        if address.to_string() == to {
            decoder.decode(Packet::read(&octets).unwrap().payload, &mut samples);
        }
    }
    samples
}

fn tone(rate: u32, hz: f64, ms: u32) -> Vec<i16> {
    let mut samples = vec![0; (rate / 1000 * ms) as usize];
    Tone::new(rate, &[(hz, -15.0)]).fill(&mut samples);
    samples
}

#[test]
fn a_wide_phone_is_played_to_in_g722_with_all_that_a_clip_has() {
    let mut world = World::new();
    let answer = world.attend(A, Theirs::Offer(phone("9 8", ALICE, 4000).as_bytes())).unwrap();
    assert!(answer.contains("m=audio 30000 RTP/AVP 9 101\r\n"), "{answer}");
    // A sound above what a narrow leg can carry.
    let clip = Clip { rate: 16_000, samples: tone(16_000, 5000.0, 500).into() };
    let pieces = vec![Piece::Clip(clip)];
    let playing = Playing { id: 1, pieces, repeat: Repeat::Times(1), stop_on_digit: false };
    world.sessions.play(world.now, ("c", A), playing, &mut world.machine).unwrap();
    assert_eq!(world.run(600), [MediaEvent::Played { leg: A, id: 1, why: Ended::Complete }]);
    assert_eq!(world.machine.sent.len(), 25);
    let times = world.machine.sent.iter().map(|(_, _, octets)| {
        let packet = Packet::read(octets).unwrap();
        assert_eq!((packet.header.payload_type, packet.payload.len()), (9, 160));
        packet.header.timestamp
    });
    let times: Vec<u32> = times.collect();
    assert!(
        times.windows(2).all(|two| two[1].wrapping_sub(two[0]) == 160),
        "its clock has 8000 (RFC 3551 §4.5.2)"
    );
    let sound = heard(&mut world, "192.0.2.1:4000", &mut Codec::G722.decoder());
    assert_eq!(sound.len(), 8000);
    assert!((level(&sound[1600..]) + 15.0).abs() < 2.0, "{}", level(&sound[1600..]));
}

#[test]
fn a_wide_phone_and_a_narrow_one_hear_each_other() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(phone("9", ALICE, 4000).as_bytes())).unwrap();
    world.attend(B, Theirs::Offer(phone("8", BOB, 5000).as_bytes())).unwrap();
    let bridge = Bridge { call: "c", leg: A, with: Some(B) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    let speak = |world: &mut World, codec: Codec, number: u8, from: &str, port: u32| {
        let mut encoder: Encoder = codec.encoder();
        for (at, frame) in tone(codec.sample_rate(), 1000.0, 500).chunks(codec.samples(20)).enumerate() {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            let mut octets = rtp(number, at as u16, &payload);
            world.sessions.packet(
                world.now,
                PortId(port),
                from.parse().unwrap(),
                &mut octets,
                &mut world.machine,
            );
            world.wait(20);
        }
    };
    speak(&mut world, Codec::G722, 9, "192.0.2.1:4000", 0);
    let sound = heard(&mut world, "192.0.2.2:5000", &mut Codec::Pcma.decoder());
    assert_eq!(sound.len(), 4000);
    assert!((level(&sound[800..]) + 15.0).abs() < 1.5, "{}", level(&sound[800..]));
    speak(&mut world, Codec::Pcma, 8, "192.0.2.2:5000", 2);
    let sound = heard(&mut world, "192.0.2.1:4000", &mut Codec::G722.decoder());
    assert_eq!(sound.len(), 8000);
    assert!((level(&sound[1600..]) + 15.0).abs() < 1.5, "{}", level(&sound[1600..]));
}

#[test]
fn the_codec_that_the_answer_chose_is_the_one_that_is_played_in() {
    let mut world = World::new();
    world.offer(A, B, &phone("9 0 8", ALICE, 4000)).unwrap();
    world.answer(B, A, &phone("8", BOB, 5000)).unwrap();
    world.play(A, 1, vec![0; 160], Repeat::Times(1)).unwrap();
    world.run(20);
    let payload_types: Vec<u8> = world.machine.sent.iter().map(|(_, _, octets)| octets[1] & 0x7f).collect();
    assert_eq!(payload_types, [8], "not the first of the offer, which nobody agreed to");
}

/// A phone that speaks in 16 bits alone, at some rate.
fn plain(ip: &str, port: u16, rate: u32) -> String {
    let keys = phone("97", ip, port).replace("telephone-event/8000", &format!("telephone-event/{rate}"));
    format!("{keys}a=rtpmap:97 L16/{rate}\r\n")
}

#[test]
fn a_phone_of_sixteen_bits_is_played_to_in_them() {
    for rate in [8_000, 16_000] {
        let codec = Codec::L16 { rate, channels: 1 };
        let mut world = World::new();
        let answer = world.attend(A, Theirs::Offer(plain(ALICE, 4000, rate).as_bytes())).unwrap();
        assert!(answer.contains("m=audio 30000 RTP/AVP 97 101\r\n"), "{answer}");
        let pieces = vec![Piece::Clip(Clip { rate: 16_000, samples: tone(16_000, 1000.0, 500).into() })];
        let playing = Playing { id: 1, pieces, repeat: Repeat::Times(1), stop_on_digit: false };
        world.sessions.play(world.now, ("c", A), playing, &mut world.machine).unwrap();
        world.run(600);
        let times: Vec<u32> = world
            .machine
            .sent
            .iter()
            .map(|(_, _, octets)| {
                let packet = Packet::read(octets).unwrap();
                assert_eq!((packet.header.payload_type, packet.payload.len()), (97, codec.octets(20)));
                packet.header.timestamp
            })
            .collect();
        assert!(times.windows(2).all(|two| two[1].wrapping_sub(two[0]) == rate / 50), "{times:?}");
        let sound = heard(&mut world, "192.0.2.1:4000", &mut codec.decoder());
        assert!((level(&sound[1600..]) + 15.0).abs() < 1.0, "{}", level(&sound[1600..]));
    }
}

#[test]
fn a_phone_of_sixteen_bits_and_a_narrow_one_hear_each_other_in_the_time_of_each() {
    let wide = Codec::L16 { rate: 16_000, channels: 1 };
    let mut world = World::new();
    world.attend(A, Theirs::Offer(plain(ALICE, 4000, 16_000).as_bytes())).unwrap();
    world.attend(B, Theirs::Offer(phone("8", BOB, 5000).as_bytes())).unwrap();
    let bridge = Bridge { call: "c", leg: A, with: Some(B) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    for (from, number, at, to, other, step) in [
        (wide, 97, ("192.0.2.1:4000", 0), "192.0.2.2:5000", Codec::Pcma, 160),
        (Codec::Pcma, 8, ("192.0.2.2:5000", 2), "192.0.2.1:4000", wide, 320),
    ] {
        let mut encoder = from.encoder();
        for (count, frame) in tone(from.sample_rate(), 1000.0, 500).chunks(from.samples(20)).enumerate() {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload);
            let mut octets = rtp(number, count as u16, &payload);
            let timestamp = (count * from.samples(20)) as u32;
            HeaderMut::of(&mut octets).unwrap().set_timestamp(timestamp);
            let (address, port) = at;
            let from = address.parse().unwrap();
            world.sessions.packet(world.now, PortId(port), from, &mut octets, &mut world.machine);
            world.wait(20);
        }
        let sent = world.machine.sent.iter().filter(|(_, address, _)| address.to_string() == to);
        let times: Vec<u32> =
            sent.map(|(_, _, octets)| Packet::read(octets).unwrap().header.timestamp).collect();
        assert_eq!(times.len(), 25);
        assert!(times.windows(2).all(|two| two[1].wrapping_sub(two[0]) == step), "{times:?}");
        let sound = heard(&mut world, to, &mut other.decoder());
        assert_eq!(sound.len(), 25 * other.samples(20));
        assert!((level(&sound[1600..]) + 15.0).abs() < 1.5, "{}", level(&sound[1600..]));
    }
}

#[test]
fn a_key_that_is_down_lasts_as_long_in_the_time_of_the_other_phone() {
    let mut world = World::new();
    world.attend(A, Theirs::Offer(plain(ALICE, 4000, 16_000).as_bytes())).unwrap();
    world.attend(B, Theirs::Offer(phone("8", BOB, 5000).as_bytes())).unwrap();
    let bridge = Bridge { call: "c", leg: A, with: Some(B) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    let event = Event { event: 5, is_end: false, volume: 10, duration: 1600 };
    let mut octets = rtp(101, 1, &event.octets());
    let from = "192.0.2.1:4000".parse().unwrap();
    world.sessions.packet(world.now, PortId(0), from, &mut octets, &mut world.machine);
    let (_, _, told) = world.machine.sent.last().unwrap();
    let told = Event::read(Packet::read(told).unwrap().payload).unwrap();
    assert_eq!(told, Event { duration: 800, ..event });
}
