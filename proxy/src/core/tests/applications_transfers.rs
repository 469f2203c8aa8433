//! Transfers by REFER (RFC 3515) in calls that an application holds: of whom it has called, of its caller, and of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::application::Command;
use sip::message::Name;

use super::applications::{play, step};
use super::applications_legs::{Numbers, answers, bridge, dial, leaves, rung};
use super::conducted::body;
use super::conducted_transfers::replacing;
use super::phone::Dialog;
use super::services::Pace;
use super::world::{Setup, World};
use crate::core::route::Step;

/// 7000 is a menu, 7001 voicemail; all calls are conducted.
fn company() -> World {
    let steps = |purpose: &str| -> Vec<Step> { vec![step(purpose)] };
    let numbers = BTreeMap::from([("7000", steps("desk/main")), ("7001", steps("voicemail/listen"))]);
    World::conducted_with(Setup { routes: Arc::new(Numbers(numbers)), ..Setup::default() })
}

/// The same with everybody's phone there.
fn staffed() -> World {
    let mut world = company();
    world.register(&["alice", "bob", "martin"]);
    world
}

/// Alice talks with martin, whom the application has called: their dialogs.
fn queued() -> (World, Dialog, Dialog) {
    let mut world = staffed();
    let caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    world.reply("martin", &invite, 180);
    let callee = answers(&mut world, "martin", &invite);
    world.say(3, bridge(0, Some(1)));
    world.services.told.clear();
    world.services.media.clear();
    (world, caller, callee)
}

#[test]
fn whom_an_application_has_called_transfers_its_caller() {
    let (mut world, mut caller, mut callee) = queued();
    world.refer("martin", &mut callee, "sip:6002@carillon.local");
    let invite = rung(&mut world, "bob");
    assert!(invite.header(Name::From).starts_with("<sip:alice@carillon.local>"), "{}", invite.text());
    assert_eq!(invite.header(Name::ReferredBy), "<sip:6003@carillon.local>");
    world.told(&[]);
    world.taken_by("bob", &invite);
    assert_eq!(world.notified("martin"), "SIP/2.0 200 OK\r\n");
    world.hung_up("martin");
    world.told(&["5 left 1", "6 ended Transferred"]);
    world.renewed("alice");
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 0 2"));
    world.bye(&mut caller);
    leaves(&mut world, "bob");
    world.finish();
}

#[test]
fn an_application_keeps_its_call_when_nobody_takes_the_transfer() {
    for who in ["martin", "alice"] {
        let (mut world, mut caller, mut callee) = queued();
        let dialog = if who == "alice" { &mut caller } else { &mut callee };
        world.refer(who, dialog, "sip:6002@carillon.local");
        let invite = rung(&mut world, "bob");
        world.reply("bob", &invite, 486);
        assert_eq!(world.notified(who), "SIP/2.0 486 Busy Here\r\n");
        world.told(&[]);
        world.within("martin", &mut callee, "INFO");
        let info = world.take_only("alice", "INFO");
        world.reply("alice", &info, 200);
        world.within("martin", &mut callee, "BYE");
        world.told(&["5 left 1"]);
        world.say(4, play("goodbye"));
        world.bye(&mut caller);
        world.told(&["6 ended Caller"]);
        world.finish();
    }
}

#[test]
fn who_hangs_up_behind_his_transfer_leaves_the_caller_to_the_target_or_to_the_application() {
    for answered in [true, false] {
        let (mut world, mut caller, mut callee) = queued();
        world.refer("martin", &mut callee, "sip:6002@carillon.local");
        let invite = rung(&mut world, "bob");
        world.within("martin", &mut callee, "BYE");
        world.take_only("martin", "200");
        world.told(&[]);
        if answered {
            world.taken_by("bob", &invite);
            world.told(&["5 left 1", "6 ended Transferred"]);
            world.renewed("alice");
            world.bye(&mut caller);
            leaves(&mut world, "bob");
        } else {
            world.say(4, bridge(0, Some(1)));
            world.reply("bob", &invite, 486);
            world.told(&["5 refused 4", "6 left 1"]);
            world.say(5, play("sorry"));
            world.bye(&mut caller);
            world.told(&["7 ended Caller"]);
        }
        assert!(!world.has_mail("martin"), "he hears nothing more");
        world.finish();
    }
}

#[test]
fn the_caller_transfers_whom_the_application_has_called() {
    for leaves_first in [false, true] {
        let (mut world, mut caller, mut callee) = queued();
        world.refer("alice", &mut caller, "sip:6002@carillon.local");
        let invite = rung(&mut world, "bob");
        assert!(invite.header(Name::From).starts_with("<sip:6003@carillon.local>"), "{}", invite.text());
        if leaves_first {
            world.bye(&mut caller);
            world.told(&["5 left 1", "6 ended Transferred"]);
        }
        world.taken_by("bob", &invite);
        if !leaves_first {
            assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
            world.hung_up("alice");
            world.told(&["5 left 1", "6 ended Transferred"]);
        }
        world.renewed("martin");
        assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
        world.within("martin", &mut callee, "BYE");
        leaves(&mut world, "bob");
        world.finish();
    }
}

#[test]
fn a_caller_who_hangs_up_behind_a_transfer_that_fails_leaves_nobody() {
    let (mut world, mut caller, mut callee) = queued();
    world.refer("alice", &mut caller, "sip:6002@carillon.local");
    let invite = rung(&mut world, "bob");
    world.bye(&mut caller);
    world.reply("bob", &invite, 603);
    assert_eq!(world.hung_up("martin").header(Name::Reason), "SIP;cause=480;text=\"Transfer Failed\"");
    world.within("martin", &mut callee, "BYE");
    world.take_only("martin", "481");
    world.finish();
}

#[test]
fn whom_the_caller_transfers_hangs_up_while_it_rings() {
    for by_application in [false, true] {
        let (mut world, mut caller, mut callee) = queued();
        world.refer("alice", &mut caller, "sip:6002@carillon.local");
        let invite = rung(&mut world, "bob");
        world.reply("bob", &invite, 180);
        assert_eq!(world.notified("alice"), "SIP/2.0 180 Ringing\r\n");
        if by_application {
            world.say(4, Command::HangUp { leg: 1, status: 0 });
            leaves(&mut world, "martin");
        } else {
            world.within("martin", &mut callee, "BYE");
        }
        assert_eq!(world.notified("alice"), "SIP/2.0 487 Request Terminated\r\n");
        let cancel = world.take_only("bob", "CANCEL");
        world.reply("bob", &cancel, 200);
        world.reply("bob", &invite, 487);
        world.told(&["5 left 1"]);
        world.say(5, play("menu"));
        world.bye(&mut caller);
        world.told(&["6 ended Caller"]);
        world.finish();
    }
}

#[test]
fn an_application_hangs_up_while_a_transfer_rings() {
    let (mut world, _, mut callee) = queued();
    world.refer("martin", &mut callee, "sip:6002@carillon.local");
    let invite = rung(&mut world, "bob");
    world.say(4, Command::Transfer { leg: 0, target: "6002".into() });
    world.say(5, Command::HangUp { leg: 0, status: 0 });
    world.told(&["5 refused 4", "6 left 1", "7 ended Application"]);
    leaves(&mut world, "alice");
    leaves(&mut world, "martin");
    world.reply("bob", &invite, 180);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    world.finish();
}

#[test]
fn an_application_parts_two_while_one_of_them_is_transferred() {
    let (mut world, mut caller, mut callee) = queued();
    world.refer("martin", &mut callee, "sip:6002@carillon.local");
    let invite = rung(&mut world, "bob");
    world.say(4, bridge(0, None));
    world.taken_by("bob", &invite);
    assert_eq!(world.notified("martin"), "SIP/2.0 200 OK\r\n");
    world.hung_up("martin");
    world.told(&["5 left 1", "6 ended Transferred"]);
    world.renewed("alice");
    world.bye(&mut caller);
    leaves(&mut world, "bob");
    world.finish();
}

#[test]
fn whom_an_application_has_called_asks_another_first() {
    let (mut world, mut caller, mut callee) = queued();
    world.offer("martin", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let mut consulted = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut consulted, "ACK");
    world.take_only("bob", "ACK");
    world.refer("martin", &mut callee, &replacing("bob", &consulted));
    world.hung_up("martin");
    assert_eq!(world.notified("martin"), "SIP/2.0 200 OK\r\n");
    world.hung_up("martin");
    world.told(&["5 left 1", "6 ended Transferred"]);
    world.renewed("alice");
    world.renewed("bob");
    world.bye(&mut caller);
    leaves(&mut world, "bob");
    world.finish();
}

#[test]
fn a_call_of_an_application_is_where_another_is_transferred_to() {
    let (mut world, mut caller, _) = queued();
    world.phone("bob2", "bob", sip::transport::Transport::Udp, "10.0.0.22:5060");
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let mut first = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut first, "ACK");
    world.take_only("bob", "ACK");
    let mut bob = Dialog::of_callee(&invite, &world.at("bob").clone());
    // Bob is to talk with martin, who was called for alice.
    world.refer("alice", &mut first, &replacing("7000", &caller));
    world.hung_up("alice");
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.told(&["5 left 1", "6 ended Transferred"]);
    world.renewed("bob");
    world.renewed("martin");
    world.within("bob", &mut bob, "BYE");
    leaves(&mut world, "martin");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "481");
    world.finish();
}

#[test]
fn who_talks_with_an_application_gives_it_to_somebody_else() {
    let mut world = staffed();
    let mut caller = world.attended();
    world.say(2, play("menu"));
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = rung(&mut world, "martin");
    assert!(invite.header(Name::From).starts_with("<sip:7000@carillon.local>"), "{}", invite.text());
    assert_eq!(invite.header(Name::ReferredBy), "<sip:alice@carillon.local>");
    world.told(&[]);
    let mut martin = world.taken_by("martin", &invite);
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.told(&["3 ended Transferred", "1 started desk/main martin/6003>/7000 7000 Dialled"]);
    world.say(1, Command::Answer);
    world.services.media.clear();
    world.say(2, play("menu"));
    world.asked_media(&["play 1 #2 menu"]);
    world.told(&["2 answered 0"]);
    // It may call for him, and forget nothing of who he is.
    world.say(3, dial(1, "6002"));
    let invite = rung(&mut world, "bob");
    assert!(invite.header(Name::From).starts_with("<sip:6003@carillon.local>"), "{}", invite.text());
    world.reply("bob", &invite, 486);
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.told(&["3 dialled 1 3 Busy", "4 ended Caller"]);
    world.finish();
}

#[test]
fn who_cannot_give_an_application_to_anybody_has_it_still() {
    let mut world = staffed();
    let mut caller = world.attended();
    for (target, status) in [("6003", 486), ("nobody", 404), ("7001", 480)] {
        let text = format!("Refer-To: <sip:{target}@carillon.local>\r\n");
        let text = world.at("alice").in_dialog(&mut caller, "REFER", &text);
        world.send("alice", &text);
        if status == 486 {
            let invite = rung(&mut world, "martin");
            world.reply("martin", &invite, 486);
        }
        let last = (0..2).map(|_| body(&world.take_only("alice", "NOTIFY"))).last().unwrap_or_default();
        assert!(last.starts_with("SIP/2.0 4"), "{target}: {last}");
    }
    world.told(&[]);
    world.say(2, play("menu"));
    world.bye(&mut caller);
    world.told(&["3 ended Caller"]);
    world.finish();
}

#[test]
fn who_gives_an_application_away_may_hang_up_at_once() {
    for answered in [true, false] {
        let mut world = staffed();
        let mut caller = world.attended();
        world.refer("alice", &mut caller, "sip:6003@carillon.local");
        let invite = rung(&mut world, "martin");
        world.bye(&mut caller);
        world.told(&["3 ended Transferred"]);
        if answered {
            let mut martin = world.taken_by("martin", &invite);
            world.told(&["1 started desk/main martin/6003>/7000 7000 Dialled"]);
            world.within("martin", &mut martin, "BYE");
            world.take_only("martin", "200");
            world.told(&["2 ended Caller"]);
        } else {
            world.reply("martin", &invite, 486);
            world.told(&[]);
        }
        assert!(!world.has_mail("alice"));
        world.finish();
    }
}

#[test]
fn an_application_that_has_left_meanwhile_leaves_its_caller_to_the_dial_plan() {
    let mut world = staffed();
    let mut caller = world.attended();
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = rung(&mut world, "martin");
    world.finish_run(Ok(()));
    world.reply("martin", &invite, 486);
    assert_eq!(world.notified("alice"), "SIP/2.0 486 Busy Here\r\n");
    assert_eq!(world.services.media.last().map(String::as_str), Some("play 0 #1 clip"));
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn who_talks_meets_the_application_that_the_transferor_has_dialled() {
    for hangs_up in [false, true] {
        let mut world = company();
        let (mut first, mut bob) = world.talk();
        let second = world.attended();
        world.refer("alice", &mut first, &replacing("7000", &second));
        world.hung_up("alice");
        assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
        world.hung_up("alice");
        world.told(&["3 ended Transferred"]);
        if hangs_up {
            world.take_only("bob", "INVITE");
            world.within("bob", &mut bob, "BYE");
            world.take_only("bob", "200");
            world.told(&[]);
        } else {
            world.renewed("bob");
            world.told(&["1 started desk/main bob/6002>/7000 7000 Dialled"]);
            world.services.media.clear();
            world.say(1, play("menu"));
            world.asked_media(&["play 1 #1 menu"]);
            world.within("bob", &mut bob, "BYE");
            world.told(&["2 ended Caller"]);
        }
        world.finish();
    }
}

#[test]
fn who_was_asked_first_takes_the_place_of_who_talked_with_the_application() {
    let mut world = company();
    world.register(&["alice"]);
    let mut first = world.attended();
    let (consulted, mut martin) = world.consult();
    world.refer("alice", &mut first, &replacing("martin", &consulted));
    world.hung_up("alice");
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.told(&["3 ended Transferred"]);
    world.renewed("martin");
    world.told(&["1 started desk/main martin/6003>/7000 7000 Dialled"]);
    world.within("martin", &mut martin, "BYE");
    world.told(&["2 ended Caller"]);
    world.finish();
}

#[test]
fn two_applications_are_not_joined() {
    let mut world = staffed();
    let mut first = world.attended();
    world.offer("alice", "7001");
    world.say(1, Command::Answer);
    let mut second = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut second, "ACK");
    world.services.told.clear();
    world.refer("alice", &mut first, &replacing("7001", &second));
    assert_eq!(world.notified("alice"), "SIP/2.0 603 Decline\r\n");
    world.told(&[]);
    world.bye(&mut first);
    world.bye(&mut second);
    world.finish();
}

#[test]
fn who_is_transferred_to_an_application_is_heard_by_it() {
    let mut world = company();
    let (_, mut bob) = world.talk();
    world.services.run.clear();
    let mut bob_refers = bob.clone();
    world.refer("bob", &mut bob_refers, "sip:7001@carillon.local");
    bob.cseq = bob_refers.cseq;
    assert_eq!(world.notified("bob"), "SIP/2.0 200 OK\r\n");
    world.hung_up("bob");
    world.told(&["1 started voicemail/listen alice/6001>/7001 7001 Dialled"]);
    world.say(1, Command::Answer);
    world.say(2, play("greeting"));
    world.told(&["2 answered 0"]);
    // Who was on hold before is asked to speak.
    world.renewed("alice");
    world.finish_run(Ok(()));
    world.hung_up_after_apology();
    world.finish();
}

#[test]
fn a_media_server_that_thinks_about_who_is_transferred_loses_nobody() {
    let mut world = company();
    let (mut first, _) = world.talk();
    let second = world.attended();
    world.services.pace = Pace::Held;
    world.refer("alice", &mut first, &replacing("7000", &second));
    world.hung_up("alice");
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.told(&["3 ended Transferred"]);
    world.release();
    world.services.pace = Pace::Now;
    // A phone that takes no other session talks in the one that it has.
    let invite = world.take_only("bob", "INVITE");
    world.reply("bob", &invite, 488);
    world.told(&["1 started desk/main bob/6002>/7000 7000 Dialled"]);
    world.say(1, Command::HangUp { leg: 0, status: 0 });
    leaves(&mut world, "bob");
    world.finish();
}

impl World {
    /// The last words are over, and alice hears BYE.
    fn hung_up_after_apology(&mut self) {
        self.wait(16_000);
        self.hung_up("alice");
    }
}
