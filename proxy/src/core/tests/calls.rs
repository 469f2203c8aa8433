//! Calls between two phones (RFC 3665 §3).

use sip::message::Name;
use sip::transport::Transport;

use super::phone::Dialog;
use super::world::World;

#[test]
fn a_call_is_set_up_and_ended() {
    let mut world = World::new();
    world.register(&["bob"]);
    let first = world.invite("alice", "6002");
    let challenge = world.take("alice");
    world.hop_by_hop("alice", "ACK", &first, Some(&challenge));
    world.at("alice").challenged(&challenge);
    world.wait(10);
    world.invite("alice", "6002");
    let invite = world.take("bob");
    assert_eq!(invite.uri(), "sip:bob@10.0.0.2:5060");
    assert_eq!(invite.header(Name::MaxForwards), "69");
    assert_eq!(invite.elements(Name::Via).len(), 2);
    assert!(invite.elements(Name::Via)[1].contains(";received=10.0.0.1"), "{}", invite.text());
    assert_eq!(invite.header(Name::ProxyAuthorization), "", "credentials go no further");
    world.wait(90);
    world.reply("bob", &invite, 180);
    world.wait(900);
    world.reply("bob", &invite, 200);
    let answer = world.take_only("alice", "200");
    assert_eq!(answer.elements(Name::Via).len(), 1);
    let mut caller = Dialog::of_caller(&answer);
    world.within("alice", &mut caller, "ACK");
    assert_eq!(world.take("bob").uri(), "sip:bob@10.0.0.2:5060");
    world.wait(5000);
    let mut callee = Dialog::of_callee(&invite, &world.phones["bob"]);
    world.within("bob", &mut callee, "BYE");
    let bye = world.take("alice");
    assert_eq!(bye.uri(), "sip:alice@10.0.0.1:5060");
    assert_eq!(bye.header(Name::Route), "", "our own Route is taken out");
    world.reply("alice", &bye, 200);
    assert_eq!(world.take("bob").status(), 200);
    world.expect(
        "0    alice > INVITE
         0    alice < 407
         0    alice > ACK
         10   alice > INVITE
         10   alice < 100
         10   bob   < INVITE
         100  bob   > 180
         100  alice < 180
         1000 bob   > 200
         1000 alice < 200
         1000 alice > ACK
         1000 bob   < ACK
         6000 bob   > BYE
         6000 alice < BYE
         6000 alice > 200
         6000 bob   < 200",
    );
    assert_eq!(world.edge.counters().calls_answered, 1);
    world.finish();
}

#[test]
fn a_repeated_invite_is_not_forwarded_twice() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    world.send("alice", &sent.text());
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.send("alice", &sent.text());
    world.reply("bob", &invite, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.expect(
        "0 alice > INVITE
         0 alice < 100
         0 bob   < INVITE
         0 alice > INVITE
         0 alice < 100
         0 bob   > 180
         0 alice < 180
         0 alice > INVITE
         0 alice < 180
         0 bob   > 486
         0 bob   < ACK
         0 alice < 486
         0 alice > ACK",
    );
    world.finish();
}

#[test]
fn a_2xx_that_is_repeated_goes_upstream_each_time() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    world.invite("alice", "bob");
    let invite = world.take("bob");
    for _ in 0..3 {
        world.reply("bob", &invite, 200);
        world.wait(500);
    }
    world.expect(
        "0    alice > INVITE
         0    alice < 100
         0    bob   < INVITE
         0    bob   > 200
         0    alice < 200
         500  bob   > 200
         500  alice < 200
         1000 bob   > 200
         1000 alice < 200",
    );
    // Beyond 64*T1 it is a stray, and dropped (RFC 6026 §7.3).
    world.wait(40_000);
    world.reply("bob", &invite, 200);
    world.expect("41500 bob > 200");
    assert_eq!(world.edge.counters().stray_responses, 1);
    world.finish();
}

#[test]
fn nobody_answers_a_phone_that_is_gone() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    world.wait(31_900);
    world.ladder();
    world.wait(200);
    let timeout = world.take_only("alice", "408");
    world.hop_by_hop("alice", "ACK", &sent, Some(&timeout));
    world.expect(
        "32000 alice < 408
         32100 alice > ACK",
    );
    world.finish();
}

#[test]
fn timer_c_ends_a_phone_that_rings_for_ever() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.wait(100_000);
    // Each provisional response but 100 starts it again (RFC 3261 §16.7 step 2).
    world.reply("bob", &invite, 183);
    world.ladder();
    world.wait(180_000);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let timeout = world.take_only("alice", "408");
    world.hop_by_hop("alice", "ACK", &sent, Some(&timeout));
    world.expect(
        "280000 bob   < CANCEL
         280000 bob   > 200
         280000 bob   > 487
         280000 bob   < ACK
         280000 alice < 408
         280000 alice > ACK",
    );
    world.finish();
}

#[test]
fn each_refusal_of_a_phone_reaches_the_caller() {
    for (said, told) in [(486, 486), (404, 404), (603, 603), (488, 488), (500, 500), (503, 500), (302, 302)] {
        let mut world = World::new();
        world.register(&["alice", "bob"]);
        let sent = world.invite("alice", "bob");
        let invite = world.take("bob");
        world.reply("bob", &invite, said);
        let refusal = world.take_only("alice", &told.to_string());
        world.hop_by_hop("alice", "ACK", &sent, Some(&refusal));
        world.finish();
    }
}

#[test]
fn any_method_passes_and_408_is_never_said_of_them() {
    for method in ["MESSAGE", "OPTIONS", "INFO", "UPDATE", "REFER", "NOTIFY", "PUBLISH", "FROBNICATE"] {
        let mut world = World::new();
        world.register(&["alice", "bob"]);
        world.request("alice", method, "sip:bob@carillon.local", "X-Odd: kept\r\n", "hello");
        let got = world.take("bob");
        assert_eq!(got.message().body(), b"hello");
        assert!(got.text().contains("X-Odd: kept"));
        world.reply("bob", &got, 202);
        assert_eq!(world.take("alice").status(), 202);
        world.ladder();
        // RFC 4320 §4.2: nobody waits any more when the time is over.
        world.request("alice", method, "sip:bob@carillon.local", "", "");
        world.wait(60_000);
        let seen = world.ladder();
        assert!(!seen.contains("408"), "{seen}");
        world.finish();
    }
}

#[test]
fn a_phone_behind_nat_is_reached_by_its_flow() {
    let mut world = World::new();
    world.phone("nated", "bob", Transport::Udp, "198.51.100.7:31000");
    world.at("nated").local = "192.168.1.5:5060".parse().unwrap();
    world.register(&["alice", "nated"]);
    world.invite("alice", "6002");
    let invite = world.take("nated");
    assert_eq!(invite.uri(), "sip:bob@192.168.1.5:5060");
    world.reply("nated", &invite, 200);
    let answer = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&answer);
    world.within("alice", &mut caller, "ACK");
    assert_eq!(world.take("nated").uri(), "sip:bob@192.168.1.5:5060");
    world.within("alice", &mut caller, "BYE");
    let bye = world.take("nated");
    world.reply("nated", &bye, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}

#[test]
fn transports_change_between_the_sides_with_two_record_routes() {
    let mut world = World::new();
    world.phone("desk", "bob", Transport::Tls, "10.0.0.20:40000");
    world.register(&["alice", "desk"]);
    world.invite("alice", "bob");
    let invite = world.take("desk");
    let routes = invite.elements(Name::RecordRoute);
    assert_eq!(routes.len(), 2, "{}", invite.text());
    assert!(routes[0].contains("10.0.0.100:5061;transport=tls;lr"), "{routes:?}");
    assert!(routes[1].contains("@10.0.0.100:5060;lr"), "{routes:?}");
    world.reply("desk", &invite, 200);
    let answer = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&answer);
    world.within("alice", &mut caller, "ACK");
    assert_eq!(world.take("desk").header(Name::Route), "");
    let mut callee = Dialog::of_callee(&invite, &world.phones["desk"]);
    world.within("desk", &mut callee, "BYE");
    let bye = world.take("alice");
    assert_eq!(bye.header(Name::Route), "");
    world.reply("alice", &bye, 200);
    assert_eq!(world.take("desk").status(), 200);
    world.finish();
}
