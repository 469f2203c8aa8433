//! Next hops that a name led to, one after the other (RFC 3263 §4.3), in ladders of virtual time.

use sip::message::Name;
use sip::transport::{NextHop, Transport};

use super::services::hop;
use super::world::World;

/// A world where example.org has these hops, and alice is registered.
fn world(hops: &[&str]) -> World {
    let mut world = World::new();
    world.services.hosts.insert("example.org".into(), hops.iter().map(|remote| hop(remote)).collect());
    world.register(&["alice"]);
    world.services.tried.clear();
    world
}

fn gate(world: &mut World, name: &'static str, address: &str) {
    world.phone(name, name, Transport::Udp, address);
}

#[test]
fn a_call_goes_to_the_next_address_after_a_timeout_with_a_branch_of_its_own() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    gate(&mut world, "first", "10.0.0.50:5060");
    gate(&mut world, "second", "10.0.0.51:5060");
    world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    let silent = world.take("first");
    world.wait(31_999);
    assert!(!world.has_mail("second"), "before timer B ends");
    world.wait(1);
    let invite = world.take("second");
    assert_eq!(invite.uri(), silent.uri());
    assert_ne!(invite.elements(Name::Via)[0], silent.elements(Name::Via)[0], "a new branch");
    assert_eq!(invite.elements(Name::Via).len(), silent.elements(Name::Via).len());
    world.reply("second", &invite, 180);
    world.reply("second", &invite, 200);
    assert_eq!(world.take_only("alice", "180").status(), 180);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    assert_eq!(world.services.tried, ["10.0.0.50:5060 died", "10.0.0.51:5060 answered"]);
    world.finish();
}

#[test]
fn after_timer_f_nobody_waits_for_another_address_but_the_dead_one_is_remembered() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    gate(&mut world, "second", "10.0.0.51:5060");
    world.request("alice", "MESSAGE", "sip:carol@example.org", "", "");
    world.wait(40_000);
    // RFC 4320 §4.2: the sender's own transaction has ended; a MESSAGE delivered now would be told as lost.
    assert!(!world.has_mail("second"));
    assert_eq!(world.services.tried, ["10.0.0.50:5060 died"]);
    world.finish();
}

#[test]
fn an_icmp_error_or_a_503_sends_a_call_on_at_once() {
    let mut world = World::new();
    let gone = NextHop::Address {
        transport: Transport::Tcp,
        remote: "10.0.0.49:5060".parse().unwrap(),
        host: None,
        listener: None,
    };
    let hops = vec![gone, hop("10.0.0.50:5060"), hop("10.0.0.51:5060")];
    world.services.hosts.insert("example.org".into(), hops);
    gate(&mut world, "busy", "10.0.0.50:5060");
    gate(&mut world, "second", "10.0.0.51:5060");
    world.register(&["alice"]);
    world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    let invite = world.take("busy");
    world.reply_with("busy", &invite, 503, "Retry-After: 120\r\n");
    let invite = world.take("second");
    world.reply("second", &invite, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.expect(
        "0 alice > INVITE
         0 alice < 100
         0 10.0.0.49:5060 < INVITE
         0 busy < INVITE
         0 busy > 503
         0 busy < ACK
         0 second < INVITE
         0 second > 200
         0 alice < 200",
    );
    let tried = ["10.0.0.49:5060 died", "10.0.0.50:5060 died for 120 s", "10.0.0.51:5060 answered"];
    assert_eq!(world.services.tried, tried);
    world.finish();
}

#[test]
fn when_all_have_failed_the_caller_is_told_500_and_never_503() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    gate(&mut world, "first", "10.0.0.50:5060");
    gate(&mut world, "second", "10.0.0.51:5060");
    let sent = world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    for who in ["first", "second"] {
        let invite = world.take(who);
        world.reply(who, &invite, 503);
    }
    let refused = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    // A 503 without Retry-After is about this request alone (RFC 3261 §21.5.4).
    assert_eq!(world.services.tried, ["10.0.0.50:5060 answered", "10.0.0.51:5060 answered"]);
    world.finish();
}

#[test]
fn another_refusal_than_503_is_the_answer() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    gate(&mut world, "first", "10.0.0.50:5060");
    gate(&mut world, "second", "10.0.0.51:5060");
    let sent = world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    let invite = world.take("first");
    world.reply("first", &invite, 500);
    let refused = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    assert!(!world.has_mail("second"));
    world.finish();
}

#[test]
fn who_has_answered_provisionally_is_not_left_for_another_by_a_timeout() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    gate(&mut world, "first", "10.0.0.50:5060");
    gate(&mut world, "second", "10.0.0.51:5060");
    world.request("alice", "MESSAGE", "sip:carol@example.org", "", "");
    let message = world.take("first");
    world.reply("first", &message, 100);
    world.wait(64_000);
    assert!(!world.has_mail("second"), "it may be at work on it");
    world.finish();
}

#[test]
fn a_cancel_ends_the_trying_whichever_hop_it_meets() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060", "10.0.0.52:5060"]);
    gate(&mut world, "second", "10.0.0.51:5060");
    gate(&mut world, "third", "10.0.0.52:5060");
    // It rings at the second: that one alone is cancelled.
    let sent = world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    world.wait(32_000);
    let invite = world.take("second");
    world.reply("second", &invite, 180);
    world.ladder();
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.take("second");
    world.reply("second", &invite, 487);
    let ended = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&ended));
    assert_eq!(world.ladder().matches("10.0.0.50").count(), 0, "the first one has been given up");
    // Nobody has said anything yet: the caller is told at once, and no further hop is tried.
    let sent = world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let ended = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&ended));
    world.wait(100_000);
    assert!(!world.has_mail("third"));
    world.finish();
}

#[test]
fn an_earlier_hop_that_fails_once_more_does_not_end_the_later_one() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    gate(&mut world, "first", "10.0.0.50:5060");
    gate(&mut world, "second", "10.0.0.51:5060");
    world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    let invite = world.take("first");
    world.reply("first", &invite, 503);
    let later = world.take("second");
    world.reply("second", &later, 180);
    // The ACK to the 503 comes back as an ICMP error.
    world.fail_next_to("10.0.0.50:5060");
    world.reply("first", &invite, 503);
    world.ladder();
    world.reply("second", &later, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}

#[test]
fn a_large_request_is_tried_by_tcp_and_by_udp_at_each_address_and_a_phone_by_udp_alone() {
    let mut world = world(&["10.0.0.50:5060", "10.0.0.51:5060"]);
    world.register(&["bob"]);
    gate(&mut world, "first", "10.0.0.50:5060");
    world.phone("second", "second", Transport::Tcp, "10.0.0.51:5060");
    let body = "x".repeat(1400);
    world.request("alice", "MESSAGE", "sip:carol@example.org", "", &body);
    let message = world.take("first");
    assert!(message.elements(Name::Via)[0].starts_with("SIP/2.0/UDP"), "{}", message.text());
    world.reply("first", &message, 503);
    let message = world.take("second");
    assert!(message.elements(Name::Via)[0].starts_with("SIP/2.0/TCP"), "{}", message.text());
    world.reply("second", &message, 200);
    world.take_only("alice", "200");
    world.ladder();
    // Bob registered by UDP: no connection is tried, and nothing is lost on it.
    world.request("alice", "MESSAGE", "sip:bob@carillon.local", "", &body);
    let message = world.take("bob");
    world.reply("bob", &message, 200);
    world.expect("0 alice > MESSAGE\n0 bob < MESSAGE\n0 bob > 200\n0 alice < 200");
    world.finish();
}

#[test]
fn a_response_that_comes_back_goes_where_the_name_in_the_via_leads() {
    let mut world = World::new();
    world.phone("standby", "alice", Transport::Udp, "10.0.0.60:5070");
    world.services.hosts.insert("pbx.example.net".into(), vec![hop("10.0.0.60:5070")]);
    world.register(&["alice", "bob"]);
    world.services.asked.clear();
    let invite = world.at("alice").request("INVITE", "sip:bob@carillon.local", "", "");
    let invite = invite.replace("UDP 10.0.0.1:5060;rport", "UDP pbx.example.net");
    // The 100 comes back as an ICMP error: the standby of the client gets it, and all that follows.
    world.fail_next_to("10.0.0.1:5060");
    world.send("alice", &invite);
    assert!(world.services.asked.contains(&"resolve pbx.example.net".to_owned()));
    let call = world.take("bob");
    world.reply("bob", &call, 180);
    world.reply("bob", &call, 200);
    for status in [100, 180, 200] {
        assert_eq!(world.take("standby").status(), status);
    }
    assert!(!world.has_mail("alice"));
    world.finish();
}

#[test]
fn a_response_that_comes_back_from_there_too_is_lost() {
    let mut world = World::new();
    world.services.hosts.insert("pbx.example.net".into(), vec![hop("10.0.0.1:5060")]);
    world.register(&["alice", "bob"]);
    let invite = world.at("alice").request("INVITE", "sip:bob@carillon.local", "", "");
    let invite = invite.replace("UDP 10.0.0.1:5060;rport", "UDP pbx.example.net");
    world.fail_next_to("10.0.0.1:5060");
    world.send("alice", &invite);
    assert_eq!(world.take("alice").status(), 100);
    world.services.asked.clear();
    let call = world.take("bob");
    world.fail_next_to("10.0.0.1:5060");
    world.reply("bob", &call, 180);
    assert_eq!(world.services.asked, [""; 0], "no other way is looked for");
    world.reply("bob", &call, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}
