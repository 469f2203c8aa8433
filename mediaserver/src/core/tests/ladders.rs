//! What goes where, from offer to release.

use super::*;

#[test]
fn two_phones_hear_each_other_through_our_ports() {
    let mut world = World::new();
    world.call();
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "30002>192.0.2.2:5000");
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "30000>192.0.2.1:4000");
    assert_eq!(world.packet("192.0.2.1:4001", 30_001, &RTCP), "30003>192.0.2.2:5001");
    assert_eq!(world.packet("192.0.2.2:5001", 30_003, &RTCP), "30001>192.0.2.1:4001");
}

#[test]
fn nothing_flows_before_the_answer() {
    let mut world = World::new();
    world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "");
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "");
}

#[test]
fn a_phone_behind_nat_is_answered_where_it_sends_from() {
    let mut world = World::new();
    world.offer_near(A, B, &sdp("192.168.1.5", 4000), Some("203.0.113.9")).unwrap();
    world.answer(B, A, &sdp(BOB, 5000)).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "30000>192.168.1.5:4000");
    assert_eq!(world.packet("203.0.113.9:31000", 30_000, &voice(1)), "");
    assert_eq!(world.packet("203.0.113.9:31000", 30_000, &voice(2)), "30002>192.0.2.2:5000");
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(2)), "30000>203.0.113.9:31000");
    assert_eq!(world.packet("203.0.113.9:31007", 30_001, &RTCP), "30003>192.0.2.2:5001");
    assert_eq!(world.packet("192.0.2.2:5001", 30_003, &RTCP), "30001>203.0.113.9:31007");
}

#[test]
fn a_stranger_is_neither_heard_nor_answered() {
    let mut world = World::new();
    world.call();
    world.packet("192.0.2.1:4000", 30_000, &voice(1));
    for sequence in 2..50 {
        assert_eq!(world.packet("198.51.100.66:6", 30_000, &voice(sequence)), "");
        assert_eq!(world.packet("198.51.100.66:7", 30_001, &RTCP), "");
        assert_eq!(world.packet("198.51.100.66:6", 30_000, &[22, 254, 253, 0]), "");
        world.wait(20);
        world.packet("192.0.2.1:4000", 30_000, &voice(sequence));
    }
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "30000>192.0.2.1:4000");
    assert_eq!(world.release(None).legs[0].strays, 48 * 3);
}

#[test]
fn a_call_crosses_from_ipv4_to_ipv6() {
    let mut world = World::new();
    let offered = sdp(ALICE, 4000);
    let ask = Offer {
        call: "c",
        from: A,
        to: B,
        sdp: offered.as_bytes(),
        from_address: None,
        to_address: Some("2001:db8::2".parse().unwrap()),
    };
    let described = world.sessions.offer(world.now, &ask, &mut world.machine).unwrap();
    let to_bob = String::from_utf8(described.sdp).unwrap();
    assert!(to_bob.contains("c=IN IP6 2001:db8::1\r\n"), "{to_bob}");
    assert!(origin(&to_bob).ends_with("IN IP6 2001:db8::1"), "{to_bob}");
    let to_alice = world.answer(B, A, &sdp("2001:db8::2", 5000)).unwrap();
    assert!(to_alice.contains("c=IN IP4 198.51.100.1\r\n"), "{to_alice}");
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "30002>[2001:db8::2]:5000");
    assert_eq!(world.packet("[2001:db8::2]:5000", 30_002, &voice(1)), "30000>192.0.2.1:4000");
}

#[test]
fn an_answer_of_another_family_than_was_offered_is_refused() {
    let mut world = World::new();
    world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    let refused = world.answer(B, A, &sdp("2001:db8::2", 5000)).unwrap_err();
    assert!(refused.to_string().contains("another family"), "{refused}");
}

#[test]
fn rtcp_on_the_port_of_rtp_stays_there_where_both_agreed() {
    let mut world = World::new();
    let muxed = |ip, port| sdp(ip, port) + "a=rtcp-mux\r\n";
    world.offer(A, B, &muxed(ALICE, 4000)).unwrap();
    world.answer(B, A, &sdp(BOB, 5000)).unwrap();
    // Bob did not agree: his RTCP has its own port. Alice's offer stands, so she may use one for both.
    world.packet("192.0.2.1:4000", 30_000, &voice(1));
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &RTCP), "30003>192.0.2.2:5001");
    let mut world = World::new();
    world.offer(A, B, &muxed(ALICE, 4000)).unwrap();
    world.answer(B, A, &muxed(BOB, 5000)).unwrap();
    world.packet("192.0.2.1:4000", 30_000, &voice(1));
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &RTCP), "30002>192.0.2.2:5000");
}

#[test]
fn hold_is_obeyed_once_it_is_answered() {
    let mut world = World::new();
    world.call();
    let held = sdp(ALICE, 4000) + "a=sendonly\r\n";
    let to_bob = world.offer(A, B, &held).unwrap();
    assert!(to_bob.contains("a=sendonly"), "{to_bob}");
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "30000>192.0.2.1:4000");
    world.answer(B, A, &(sdp(BOB, 5000) + "a=recvonly\r\n")).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(2)), "");
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "30002>192.0.2.2:5000");
    // Old phones hold by an address that is none.
    world.offer(A, B, &sdp("0.0.0.0", 4000)).unwrap();
    world.answer(B, A, &sdp(BOB, 5000)).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(3)), "");
}

#[test]
fn an_offer_that_was_refused_changes_nothing() {
    let mut world = World::new();
    world.call();
    world.packet("192.0.2.1:4000", 30_000, &voice(1));
    world.offer(A, B, &(sdp("192.0.2.9", 4444) + "a=inactive\r\n")).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "30000>192.0.2.1:4000");
}

#[test]
fn a_phone_that_moves_is_followed_at_its_new_offer() {
    let mut world = World::new();
    world.call();
    world.packet("192.0.2.2:5000", 30_002, &voice(1));
    world.offer(B, A, &sdp("192.0.2.77", 6000)).unwrap();
    world.answer(A, B, &sdp(ALICE, 4000)).unwrap();
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "30002>192.0.2.77:6000");
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(2)), "");
    assert_eq!(world.packet("192.0.2.77:6000", 30_002, &voice(3)), "30000>192.0.2.1:4000");
}

#[test]
fn a_late_offer_goes_the_other_way_round() {
    let mut world = World::new();
    let to_alice = world.offer(B, A, &sdp(BOB, 5000)).unwrap();
    assert_eq!(places(&to_alice), "198.51.100.1 30002");
    world.answer(A, B, &sdp(ALICE, 4000)).unwrap();
    assert_eq!(world.packet("192.0.2.1:4000", 30_002, &voice(1)), "30000>192.0.2.2:5000");
}

#[test]
fn of_several_branches_the_one_that_answered_last_is_heard() {
    let mut world = World::new();
    world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    let branch = |branch| Leg { number: 1, branch };
    let early = world.answer(branch(7), A, &sdp(BOB, 5000)).unwrap();
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "30002>192.0.2.2:5000");
    let other = world.answer(branch(8), A, &sdp("192.0.2.3", 6000)).unwrap();
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(2)), "30002>192.0.2.3:6000");
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(2)), "");
    // The caller sees one session, whoever is at its other end.
    assert_eq!(origin(&early), origin(&other));
    world.answer(branch(7), A, &sdp(BOB, 5000)).unwrap();
    assert_eq!(world.release(Some(branch(8))), Released::default(), "it is over already");
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(3)), "30002>192.0.2.2:5000");
}

#[test]
fn each_target_that_is_rung_has_ports_of_its_own() {
    let mut world = World::new();
    let second = Leg::new(2);
    world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    assert_eq!(places(&world.offer(A, second, &sdp(ALICE, 4000)).unwrap()), "198.51.100.1 30004");
    world.answer(second, A, &sdp("192.0.2.3", 6000)).unwrap();
    assert_eq!(world.release(Some(B)).legs.len(), 1);
    assert_eq!(world.packet("192.0.2.3:6000", 30_004, &voice(1)), "30000>192.0.2.1:4000");
}

#[test]
fn a_session_version_grows_when_what_is_shown_changes_and_only_then() {
    let mut world = World::new();
    let first = world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    let again = world.offer(A, B, &sdp(ALICE, 4000)).unwrap();
    let held = world.offer(A, B, &(sdp(ALICE, 4000) + "a=sendonly\r\n")).unwrap();
    let version = |sdp: &str| origin(sdp).split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert_eq!((version(&again), version(&held)), (version(&first), version(&first) + 1));
    let name = |sdp: &str| origin(sdp).split(' ').nth(1).unwrap().to_owned();
    assert_eq!(name(&first), name(&held));
}

#[test]
fn legs_are_joined_anew_and_the_third_hears_nothing() {
    let mut world = World::new();
    let carol = Leg::new(2);
    world.call();
    world.offer(A, carol, &sdp(ALICE, 4000)).unwrap();
    world.answer(carol, A, &sdp("192.0.2.3", 6000)).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(1)), "", "Bob is not with Alice any more");
    let bridge = proto::media::Bridge { call: "c", leg: B, with: Some(carol) };
    world.sessions.bridge(world.now, &bridge, &mut world.machine).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(2)), "30004>192.0.2.3:6000");
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "");
    let part = proto::media::Bridge { with: None, ..bridge };
    world.sessions.bridge(world.now, &part, &mut world.machine).unwrap();
    assert_eq!(world.packet("192.0.2.2:5000", 30_002, &voice(3)), "");
}

#[test]
fn two_streams_go_each_its_way_and_a_rejected_one_goes_nowhere() {
    let mut world = World::new();
    let video = |port| format!("m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
    let to_bob = world.offer(A, B, &(sdp(ALICE, 4000) + &video(4002))).unwrap();
    assert_eq!(places(&to_bob), "198.51.100.1 30004 30006");
    let to_alice = world.answer(B, A, &(sdp(BOB, 5000) + &video(0))).unwrap();
    assert_eq!(places(&to_alice), "198.51.100.1 30000 0");
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &voice(1)), "30004>192.0.2.2:5000");
    assert_eq!(world.packet("192.0.2.1:4002", 30_002, &rtp(96, 1, b"x")), "");
}

#[test]
fn a_digit_is_told_once_however_often_it_is_repeated() {
    let mut world = World::new();
    world.call();
    for (sequence, duration) in [(1, 160u16), (2, 320), (3, 480)] {
        let mut event = rtp(101, sequence, &[5, 10, 0, 0]);
        event[4..8].copy_from_slice(&7777u32.to_be_bytes());
        event[14..16].copy_from_slice(&duration.to_be_bytes());
        assert_eq!(world.packet("192.0.2.1:4000", 30_000, &event), "30002>192.0.2.2:5000");
    }
    let how = proto::DigitForm::Event;
    assert_eq!(world.machine.told, [("c".to_owned(), MediaEvent::Digit { leg: A, digit: '5', how })]);
}

#[test]
fn dtls_between_two_phones_passes_from_the_addresses_they_named() {
    let mut world = World::new();
    world.call();
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(world.packet("192.0.2.1:4000", 30_000, &hello), "30002>192.0.2.2:5000");
    assert_eq!(world.packet("192.0.2.9:4000", 30_000, &hello), "");
}
