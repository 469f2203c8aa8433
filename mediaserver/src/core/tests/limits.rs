//! What runs out, what ends, and what is counted.

use super::*;

#[test]
fn statistics_are_those_of_each_leg() {
    let mut world = World::new();
    world.call();
    for sequence in (0..100).filter(|sequence| sequence % 20 != 7) {
        world.packet("192.0.2.1:4000", 30_000, &voice(sequence));
        world.packet("192.0.2.2:5000", 30_002, &voice(sequence));
        world.packet("192.0.2.2:5000", 30_002, &voice(sequence + 1000));
        world.wait(20);
    }
    let released = world.release(None);
    let [alice, bob] = &released.legs[..] else { panic!("{released:?}") };
    assert_eq!((alice.leg, alice.received, alice.received_octets, alice.lost), (A, 95, 95 * 172, 5));
    assert_eq!((alice.sent, alice.sent_octets, alice.lasted_ms), (190, 190 * 172, 1900));
    assert_eq!((bob.received, bob.sent), (190, 95));
    assert!(alice.mos_100.is_some_and(|mos| (330..430).contains(&mos)), "{alice:?}");
    assert_eq!(world.release(None), Released::default());
}

#[test]
fn all_ports_come_back() {
    let mut world = World::with(Terms::default(), 4);
    for _ in 0..10 {
        world.call_at_random_ports();
        world.release(None);
        assert_eq!(world.machine.free.len(), 4);
        assert_eq!(world.sessions.counters().sessions, 0);
    }
}

impl World {
    fn call_at_random_ports(&mut self) {
        self.offer(A, B, &sdp(ALICE, 4000)).unwrap();
        self.answer(B, A, &sdp(BOB, 5000)).unwrap();
    }
}

#[test]
fn when_ports_run_out_the_offer_is_refused_and_leaves_nothing() {
    let mut world = World::with(Terms::default(), 1);
    let refused = world.offer(A, B, &sdp(ALICE, 4000)).unwrap_err();
    assert!(matches!(refused, ServiceError::Overloaded { .. }), "{refused}");
    assert_eq!(world.machine.free.len(), 1);
    assert_eq!((world.sessions.counters().sessions, world.sessions.counters().overloaded), (0, 1));
}

#[test]
fn sessions_and_legs_have_a_limit() {
    let mut world = World::with(Terms { sessions_max: 0, ..Terms::default() }, 10);
    assert!(matches!(world.offer(A, B, &sdp(ALICE, 1)), Err(ServiceError::Overloaded { .. })));
    let mut world = World::with(Terms { legs_max: 2, ..Terms::default() }, 10);
    world.call();
    assert!(matches!(world.offer(A, Leg::new(2), &sdp(ALICE, 1)), Err(ServiceError::Overloaded { .. })));
    let mut world = World::with(Terms { streams_max: 1, ..Terms::default() }, 10);
    let two = sdp(ALICE, 4000) + "m=video 4002 RTP/AVP 96\r\n";
    assert_eq!(places(&world.offer(A, B, &two).unwrap()), "198.51.100.1 30002 0");
}

#[test]
fn a_server_that_drains_takes_no_new_calls_and_keeps_those_that_stand() {
    let mut world = World::new();
    world.call();
    world.sessions.drain();
    assert!(world.offer(A, B, &sdp(ALICE, 4000)).is_ok());
    world.release(None);
    assert!(matches!(world.offer(A, B, &sdp(ALICE, 4000)), Err(ServiceError::Overloaded { .. })));
}

#[test]
fn what_cannot_be_read_or_is_not_there_is_refused_with_its_reason() {
    let mut world = World::new();
    let refused = world.offer(A, B, "no sdp").unwrap_err();
    assert!(refused.to_string().starts_with("refused: SDP: octet 0"), "{refused}");
    assert_eq!(world.sessions.counters().sessions, 0);
    let refused = world.answer(B, A, &sdp(BOB, 5000)).unwrap_err();
    assert_eq!(refused.to_string(), "refused: no such call here");
    world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    let refused = world.answer(Leg::new(9), A, &sdp(BOB, 5000)).unwrap_err();
    assert_eq!(refused.to_string(), "refused: no leg 9 in this call");
    assert!(world.offer(A, A, &sdp(ALICE, 4000)).is_err());
}

#[test]
fn a_leg_that_falls_silent_is_told_once_until_it_is_heard_again() {
    let mut world = World::new();
    world.call();
    let silent = |world: &mut World| {
        world.machine.told.clear();
        world.sessions.look_around(world.now, &mut world.machine);
        let told = world.machine.told.iter().map(|(_, event)| event.clone());
        told.filter(|event| *event != MediaEvent::Idle).collect::<Vec<_>>()
    };
    for second in 0..60 {
        assert_eq!(silent(&mut world), []);
        world.packet("192.0.2.1:4000", 30_000, &voice(second));
        world.wait(1000);
    }
    assert_eq!(silent(&mut world), [MediaEvent::Inactive { leg: B }]);
    assert_eq!(silent(&mut world), []);
    world.packet("192.0.2.2:5000", 30_002, &voice(1));
    world.wait(61_000);
    assert_eq!(silent(&mut world), [MediaEvent::Inactive { leg: A }, MediaEvent::Inactive { leg: B }]);
    // On hold nothing is expected of Bob.
    world.offer(A, B, &(sdp(ALICE, 4000) + "a=sendonly\r\n")).unwrap();
    world.answer(B, A, &(sdp(BOB, 5000) + "a=recvonly\r\n")).unwrap();
    world.wait(61_000);
    assert_eq!(silent(&mut world), [MediaEvent::Inactive { leg: A }]);
}

#[test]
fn a_session_that_nobody_speaks_in_or_asks_for_ends_and_one_that_is_asked_for_stands() {
    for is_known in [true, false] {
        let mut world = World::new();
        world.call();
        // On hold nothing is expected of either.
        world.offer(A, B, &(sdp(ALICE, 4000) + "a=inactive\r\n")).unwrap();
        world.answer(B, A, &(sdp(BOB, 5000) + "a=inactive\r\n")).unwrap();
        let mut idle = 0;
        for _ in 0..240 {
            world.machine.told.clear();
            world.sessions.look_around(world.now, &mut world.machine);
            if world.machine.told.iter().any(|(_, event)| *event == MediaEvent::Idle) {
                idle += 1;
                if is_known {
                    world.sessions.statistics(world.now, &Release { call: "c", leg: None });
                }
            }
            world.wait(1000);
        }
        let counters = world.sessions.counters();
        let wanted = if is_known { (1, 0, 3) } else { (0, 1, 1) };
        assert_eq!((counters.sessions, counters.forsaken, idle), wanted);
    }
}

#[test]
fn a_packet_for_nobody_is_counted() {
    let mut world = World::new();
    world.call();
    world.release(None);
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "");
    assert_eq!(world.packet("192.0.2.1:4000", 30_999, &voice(1)), "");
    assert_eq!(world.sessions.counters().orphans, 2);
}

#[test]
fn no_datagram_of_any_length_breaks_a_session() {
    let mut world = World::new();
    world.call();
    let mut seed = 1u64;
    for length in (0..80).chain([1500, 65_000]) {
        for first in [0x00, 0x16, 0x80, 0x90, 0xbf, 0xff] {
            let octets: Vec<u8> = (0..length)
                .map(|at| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if at == 0 { first } else { (seed >> 33) as u8 }
                })
                .collect();
            for port in [30_000, 30_001, 30_002, 30_003] {
                world.packet("192.0.2.1:4000", port, &octets);
                world.packet("203.0.113.1:1", port, &octets);
            }
        }
    }
}
