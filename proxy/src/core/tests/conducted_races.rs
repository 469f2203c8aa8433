//! The races of conducted calls, a ladder for each.

use proto::media::{Leg, MediaEvent};
use sip::message::Name;

use super::conducted::{SDP, body};
use super::phone::Dialog;
use super::services::Pace;
use super::world::World;
use crate::core::effect::Input;

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.wait(3000);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take("bob");
    assert_eq!(cancel.header(Name::CallId), invite.header(Name::CallId));
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.expect(
        "0    alice > INVITE
         0    alice < 100
         0    bob   < INVITE
         0    bob   > 180
         0    alice < 180
         3000 alice > CANCEL
         3000 alice < 200
         3000 bob   < CANCEL
         3000 bob   > 200
         3000 bob   > 487
         3000 bob   < ACK
         3000 alice < 487
         3000 alice > ACK",
    );
    world.finish();
}

#[test]
fn an_answer_crosses_the_cancel() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.reply("bob", &cancel, 481);
    world.take_only("bob", "ACK");
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("bob", "ACK");
    assert!(!world.has_mail("bob"), "one BYE is enough");
    world.finish();
}

#[test]
fn the_caller_gives_up_while_the_media_server_thinks_about_the_answer() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let invite = world.take("bob");
    world.services.pace = Pace::Held;
    world.reply_sdp("bob", &invite, 200, "bob");
    world.ladder();
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.expect(
        "0 alice > CANCEL
         0 alice < 200
         0 alice < 487
         0 bob   < BYE
         0 alice > ACK
         0 bob   > 200",
    );
    world.release();
    world.finish();
}

#[test]
fn the_caller_gives_up_before_the_offer_is_made() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.services.pace = Pace::Held;
    let sent = world.offer("alice", "bob");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.release();
    assert!(!world.has_mail("bob"));
    world.finish();
}

#[test]
fn two_phones_answer_at_once() {
    let mut world = World::conducted();
    world.phone("bob2", "bob", sip::transport::Transport::Udp, "10.0.0.22:5060");
    world.register(&["alice", "bob", "bob2"]);
    world.offer("alice", "bob");
    let (first, second) = (world.take("bob"), world.take("bob2"));
    world.reply_sdp("bob2", &second, 200, "two");
    world.reply_sdp("bob", &first, 200, "one");
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.expect(
        "0 alice > INVITE
         0 alice < 100
         0 bob   < INVITE
         0 bob2  < INVITE
         0 bob2  > 200
         0 bob2  < ACK
         0 alice < 200
         0 bob   > 200
         0 bob   < ACK
         0 bob   < BYE
         0 alice > ACK
         0 bob   > 200",
    );
    assert_eq!(world.edge.counters().late_successes, 1);
    world.within("alice", &mut caller, "BYE");
    let bye = world.take_only("bob2", "BYE");
    world.reply("bob2", &bye, 200);
    world.finish();
}

#[test]
fn the_answer_is_repeated_until_its_ack_comes() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.ladder();
    world.wait(4000);
    let ok = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.wait(30_000);
    world.expect(
        "500  alice < 200
         1500 alice < 200
         3500 alice < 200
         4000 alice > ACK",
    );
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_caller_who_never_acknowledges_is_hung_up() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.wait(32_500);
    let bye = world.take_only("bob", "BYE");
    assert_eq!(bye.header(Name::Reason), "SIP;cause=408;text=\"No ACK\"");
    world.reply("bob", &bye, 200);
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    world.finish();
}

#[test]
fn a_phone_that_hangs_up_before_the_ack_waits_with_the_callers_bye() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let mut callee = Dialog::of_callee(&invite, &world.at("bob").clone());
    world.within("bob", &mut callee, "BYE");
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.ladder();
    world.within("alice", &mut caller, "ACK");
    let bye = world.take("alice");
    world.reply("alice", &bye, 200);
    world.expect(
        "0 alice > ACK
         0 alice < BYE
         0 alice > 200",
    );
    world.finish();
}

#[test]
fn both_hang_up_at_once() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    let text = world.at("bob").in_dialog(&mut callee, "BYE", "");
    world.within("alice", &mut caller, "BYE");
    world.send("bob", &text);
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.expect(
        "0 alice > BYE
         0 alice < 200
         0 bob   < BYE
         0 bob   > BYE
         0 bob   < 481
         0 bob   > 200",
    );
    world.finish();
}

#[test]
fn two_offers_meet() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.within_sdp("alice", &mut caller, "INVITE", "a");
    let invite = world.take_only("bob", "INVITE");
    world.within_sdp("bob", &mut callee, "INVITE", "b");
    let glare = world.take_only("bob", "491");
    assert_eq!(glare.header(Name::CSeq), "7001 INVITE");
    world.reply("bob", &invite, 491);
    world.take_only("alice", "491");
    world.expect(
        "0 alice > INVITE
         0 alice < 100
         0 bob   < INVITE
         0 bob   > INVITE
         0 bob   < 491
         0 bob   > 491
         0 bob   < ACK
         0 alice < 491",
    );
    world.several_finals = true;
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_second_offer_before_the_first_is_answered_is_refused_for_a_while() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    world.within_sdp("alice", &mut caller, "UPDATE", "a");
    let update = world.take_only("bob", "UPDATE");
    world.within_sdp("alice", &mut caller, "UPDATE", "b");
    let refused = world.take_only("alice", "500");
    assert!(!refused.header(Name::RetryAfter).is_empty());
    world.reply_sdp("bob", &update, 200, "x");
    world.take_only("alice", "200");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_hold_is_cancelled() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    let sent = world.within_sdp("alice", &mut caller, "INVITE", "a");
    let invite = world.take_only("bob", "INVITE");
    world.reply("bob", &invite, 180);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_bye_ends_a_hold_that_is_under_way() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    let sent = world.within_sdp("alice", &mut caller, "INVITE", "a");
    let invite = world.take_only("bob", "INVITE");
    world.within("bob", &mut callee, "BYE");
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.reply("bob", &invite, 487);
    world.finish();
}

#[test]
fn a_phone_that_forgot_the_call_ends_it() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    let sent = world.within_sdp("alice", &mut caller, "INVITE", "a");
    let invite = world.take_only("bob", "INVITE");
    world.reply("bob", &invite, 481);
    let gone = world.take_only("alice", "481");
    world.hop_by_hop("alice", "ACK", &sent, Some(&gone));
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 481);
    world.finish();
}

#[test]
fn media_that_stop_end_the_call() {
    for event in [MediaEvent::Inactive { leg: Leg::new(1) }, MediaEvent::Gone] {
        let mut world = World::conducted();
        world.talk();
        let name = world.edge.means.calls.iter().next().map(|call| call.name.clone()).expect("a call");
        world.edge.handle(world.now, Input::Media(&name, event), &mut world.services);
        world.release();
        for who in ["alice", "bob"] {
            let bye = world.take_only(who, "BYE");
            assert!(bye.header(Name::Reason).starts_with("Q.850"));
            world.reply(who, &bye, 200);
        }
        assert_eq!(world.edge.counters().media_lost, 1);
        world.finish();
    }
}

#[test]
fn a_call_that_is_silent_on_hold_is_affirmed_to_the_media_server() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    let name = world.edge.means.calls.iter().next().map(|call| call.name.clone()).expect("a call");
    world.edge.handle(world.now, Input::Media(&name, MediaEvent::Idle), &mut world.services);
    world.release();
    world.edge.handle(world.now, Input::Media("nobody-knows-it", MediaEvent::Idle), &mut world.services);
    world.asked_media(&["statistics"]);
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn the_caller_ends_an_early_dialog_by_bye() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    let mut caller = Dialog::of_caller(&world.take_only("alice", "180"));
    world.within("alice", &mut caller, "BYE");
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.finish();
}

#[test]
fn a_request_that_is_older_than_the_last_is_refused() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    caller.cseq = 0;
    world.within("alice", &mut caller, "INFO");
    world.take_only("alice", "500");
    caller.cseq = 1000;
    world.say_goodbye(&mut caller);
    world.within("alice", &mut caller, "INFO");
    world.take_only("alice", "481");
    world.finish();
}

#[test]
fn nobody_else_gets_into_a_dialog() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    let mut stranger = caller.clone();
    stranger.call_id = "another".into();
    world.within("martin", &mut stranger, "BYE");
    world.take_only("martin", "481");
    let mut stranger = caller.clone();
    stranger.local = "<sip:martin@carillon.local>;tag=guess".into();
    world.within("martin", &mut stranger, "BYE");
    world.take_only("martin", "481");
    assert!(!world.has_mail("bob"));
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn the_table_of_calls_has_a_limit() {
    let config = crate::config::ProxyConfig { conducted_max: 0, ..crate::config::ProxyConfig::default() };
    let routes = std::sync::Arc::new(crate::core::route::Directly);
    let mut world = World::conducted_with(super::world::Setup { config, routes });
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let refused = world.take_only("alice", "503");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    assert_eq!(world.edge.counters().overloaded, 1);
    world.finish();
}

#[test]
fn a_media_server_that_never_answers_ends_the_call() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", SDP, "alice");
    let invite = world.take("bob");
    world.services.pace = Pace::Held;
    world.reply_sdp("bob", &invite, 200, "bob");
    world.wait(2500);
    let failed = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&failed));
    let bye = world.take_only("bob", "BYE");
    assert!(body(&bye).is_empty());
    world.reply("bob", &bye, 200);
    world.release();
    world.finish();
}

#[test]
fn a_request_that_came_by_two_ways_is_conducted_once() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let call = format!("Call-ID: {}\r\nCSeq: 999 INVITE\r\n", sent.header(Name::CallId));
    let text = world.at("alice").request_of("INVITE", "sip:bob@carillon.local", &call, SDP, "alice");
    world.send("alice", &text);
    let merged = world.take_only("alice", "482");
    let other = super::phone::Got(text.into_bytes());
    world.hop_by_hop("alice", "ACK", &other, Some(&merged));
    let invite = world.take("bob");
    assert!(!world.has_mail("bob"));
    world.reply("bob", &invite, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn an_offer_that_the_media_server_refuses_is_not_acceptable() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", SDP, "refused");
    let refused = world.take_only("alice", "488");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    let (mut caller, _) = {
        let mut other = World::conducted();
        std::mem::swap(&mut world, &mut other);
        other.finish();
        world.talk()
    };
    let sent = world.within_sdp("alice", &mut caller, "INVITE", "refused");
    let refused = world.take_only("alice", "488");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_prack_of_nothing_is_refused() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    world.within("alice", &mut caller, "PRACK");
    world.take_only("alice", "481");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn an_update_that_comes_too_early_is_refused_for_a_while() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    let mut caller = Dialog::of_caller(&world.take_only("alice", "180"));
    let number = caller.cseq;
    world.within_sdp("alice", &mut caller, "UPDATE", "more");
    assert!(!world.take_only("alice", "500").header(Name::RetryAfter).is_empty());
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("alice", "200");
    let updated = std::mem::replace(&mut caller.cseq, number);
    world.within("alice", &mut caller, "ACK");
    caller.cseq = updated;
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn an_accepted_offer_moves_the_target_of_both_phones() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    let text = world.at("alice").in_dialog(&mut caller, "INVITE", "");
    world.send("alice", &text.replace("<sip:alice@10.0.0.1:5060>", "<sip:moved@10.0.0.1:5060>"));
    let invite = world.take_only("bob", "INVITE");
    let text = world.at("bob").response(&invite, 200, SDP, "bob");
    world.send("bob", &text.replace("<sip:bob@10.0.0.2:5060>", "<sip:also@10.0.0.2:5060>"));
    world.take_only("alice", "200");
    world.within_sdp("alice", &mut caller, "ACK", "alice");
    assert_eq!(world.take_only("bob", "ACK").uri(), "sip:also@10.0.0.2:5060");
    let text = world.at("bob").in_dialog(&mut callee, "BYE", "");
    world.send("bob", &text);
    let bye = world.take_only("alice", "BYE");
    assert_eq!(bye.uri(), "sip:moved@10.0.0.1:5060");
    world.reply("alice", &bye, 200);
    world.finish();
}

#[test]
fn a_phone_behind_nat_decides_which_calls_are_conducted() {
    for (behind_nat, conducted) in [(false, 0), (true, 1)] {
        let config = crate::config::ProxyConfig {
            anchor: Some(crate::config::Anchor::Nat),
            ..crate::config::ProxyConfig::default()
        };
        let routes = std::sync::Arc::new(crate::core::route::Directly);
        let mut world = World::with(super::world::Setup { config, routes });
        if behind_nat {
            world.at("bob").local = "192.168.1.2:5060".parse().expect("an address");
        }
        world.register(&["alice", "bob"]);
        let sent = world.offer("alice", "bob");
        let invite = world.take("bob");
        world.reply("bob", &invite, 486);
        let busy = world.take_only("alice", "486");
        world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
        assert_eq!(world.edge.counters().calls_conducted, conducted, "{behind_nat}");
        world.finish();
    }
}

#[test]
fn a_panic_in_a_conducted_call_ends_it_on_both_legs() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    world.services.fuse = Some(1);
    world.within("alice", &mut caller, "INFO");
    assert_eq!(world.panics, ["a packet"]);
    world.services.media.clear();
    world.wait(1);
    for who in ["alice", "bob"] {
        let bye = world.take_only(who, "BYE");
        assert!(bye.text().contains("Internal Error"), "{}", bye.text());
        world.reply(who, &bye, 200);
    }
    assert_eq!(world.services.media, ["release"]);
    world.finish();
}

#[test]
fn a_panic_while_a_call_is_set_up_answers_its_caller() {
    let mut world = super::applications::world(vec![super::applications::step("desk/main")]);
    let sent = world.offer("alice", "7000");
    world.services.fuse = Some(0);
    world.say(1, proto::application::Command::Answer);
    assert_eq!(world.panics, ["what an application says"]);
    world.wait(1);
    let failed = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&failed));
    assert_eq!(world.services.told.last().map(String::as_str), Some("2 ended Failed"));
    world.finish();
}
