//! The races of taking a call over: pickups against the caller's CANCEL, against the answer, against each other; attended
//! transfers against their parties' hanging up. A ladder for each.

use sip::message::Name;

use super::conducted::SDP;
use super::conducted_pickups::tag;
use super::conducted_transfers::replacing;
use super::phone::{Dialog, Got};
use super::services::Pace;
use super::world::{Who, World};

impl World {
    /// Martin's INVITE for the call that rings at bob's, by its dialog.
    fn picks_up(&mut self, ringing: &Got) -> Got {
        let (call_id, ours) = (ringing.header(Name::CallId), ringing.header(Name::From));
        let replaces = format!("Replaces: {call_id};to-tag=bob-tag;from-tag={}\r\n{SDP}", tag(&ours));
        self.request("martin", "INVITE", "sip:bob@carillon.local", &replaces, "martin")
    }

    /// Martin's INVITE for a call that stands, in the place of who has this dialog.
    fn takes_over(&mut self, dialog: &Dialog) -> Got {
        let Dialog { call_id, local, remote, .. } = dialog;
        let replaces = format!("Replaces: {call_id};to-tag={};from-tag={}\r\n{SDP}", tag(remote), tag(local));
        self.request("martin", "INVITE", "sip:bob@carillon.local", &replaces, "martin")
    }

    /// Everything is answered at once from now on, and what was asked before is.
    fn hurry(&mut self) {
        self.services.pace = Pace::Now;
        self.release();
    }

    fn acknowledged(&mut self, who: Who) -> Dialog {
        let mut dialog = Dialog::of_caller(&self.take_only(who, "200"));
        self.within(who, &mut dialog, "ACK");
        dialog
    }

    fn is_refused(&mut self, who: Who, sent: &Got, status: &str) {
        let refused = self.take_only(who, status);
        self.hop_by_hop(who, "ACK", sent, Some(&refused));
    }
}

/// It rings at bob's, and martin picks it up by its dialog while the media server is slow: who picks up is known and not
/// answered yet. The INVITEs of alice, to bob, and of martin.
fn picking() -> (World, Got, Got, Got) {
    let mut world = World::conducted();
    let (sent, ringing) = world.rings_at_bob();
    world.services.pace = Pace::Held;
    let his = world.picks_up(&ringing);
    world.release_one();
    assert_eq!(world.services.media.last().map(String::as_str), Some("attend 2 offer martin"));
    (world, sent, ringing, his)
}

#[test]
fn the_caller_gives_up_before_who_picks_up_is_answered() {
    let (mut world, sent, ringing, his) = picking();
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.take_only("alice", "200");
    world.silenced(&ringing);
    world.is_refused("alice", &sent, "487");
    world.is_refused("martin", &his, "487");
    world.hurry();
    world.finish();
}

#[test]
fn the_caller_gives_up_when_who_picks_up_was_answered_and_he_was_not() {
    let (mut world, sent, ringing, _) = picking();
    world.release_one();
    world.acknowledged("martin");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.take_only("alice", "200");
    world.silenced(&ringing);
    world.is_refused("alice", &sent, "487");
    world.hung_up("martin");
    world.hurry();
    world.finish();
}

#[test]
fn the_caller_gives_up_when_who_picks_up_has_not_acknowledged() {
    let (mut world, sent, ringing, _) = picking();
    world.release_one();
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.take_only("alice", "200");
    world.silenced(&ringing);
    world.is_refused("alice", &sent, "487");
    world.acknowledged("martin");
    world.hung_up("martin");
    world.hurry();
    world.finish();
}

#[test]
fn a_cancel_behind_a_pickup_is_too_late() {
    let (mut world, sent, ringing, _) = picking();
    world.hurry();
    let mut martin = world.acknowledged("martin");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let answers: Vec<Got> = (0..2).map(|_| world.take_only("alice", "200")).collect();
    assert!(answers[1].header(Name::CSeq).ends_with("CANCEL"));
    let mut alice = Dialog::of_caller(&answers[0]);
    world.within("alice", &mut alice, "ACK");
    world.silenced(&ringing);
    world.within("alice", &mut alice, "BYE");
    world.hung_up("martin");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "481");
    world.finish();
}

#[test]
fn the_phone_answers_before_who_picks_up_is_answered() {
    let (mut world, _, ringing, his) = picking();
    world.reply_sdp("bob", &ringing, 200, "bob");
    world.is_refused("martin", &his, "487");
    world.hurry();
    world.take_only("bob", "ACK");
    let mut alice = world.acknowledged("alice");
    world.say_goodbye(&mut alice);
    world.finish();
}

#[test]
fn the_phone_answers_when_who_picks_up_was_answered_and_the_caller_was_not() {
    let (mut world, _, ringing, _) = picking();
    world.release_one();
    let mut martin = world.acknowledged("martin");
    world.reply_sdp("bob", &ringing, 200, "bob");
    world.hurry();
    // One of the two has the call, and one alone; the other is hung up on.
    let bye = world.hung_up("martin");
    assert_eq!(bye.header(Name::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    world.take_only("bob", "ACK");
    let mut alice = world.acknowledged("alice");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "481");
    world.say_goodbye(&mut alice);
    world.finish();
}

#[test]
fn the_phone_answers_behind_a_pickup_and_once_more() {
    let (mut world, _, ringing, _) = picking();
    world.hurry();
    let mut martin = world.acknowledged("martin");
    let mut alice = world.acknowledged("alice");
    let cancel = world.take_only("bob", "CANCEL");
    world.reply_sdp("bob", &ringing, 200, "bob");
    world.reply("bob", &cancel, 200);
    world.take_only("bob", "ACK");
    world.hung_up("bob");
    world.reply_sdp("bob", &ringing, 200, "bob");
    world.take_only("bob", "ACK");
    assert!(!world.has_mail("bob"), "one BYE is enough");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.within("alice", &mut alice, "BYE");
    world.finish();
}

#[test]
fn another_phone_of_the_same_user_answers_behind_a_pickup() {
    let mut world = World::conducted();
    world.phone("bob2", "bob", sip::transport::Transport::Udp, "10.0.0.22:5060");
    world.register(&["bob2"]);
    let (_, ringing) = world.rings_at_bob();
    let second = world.take("bob2");
    world.reply("bob2", &second, 180);
    world.picks_up(&ringing);
    let (mut martin, _) = world.both_answered();
    world.silenced(&ringing);
    let cancel = world.take_only("bob2", "CANCEL");
    world.reply_sdp("bob2", &second, 200, "bob2");
    world.reply("bob2", &cancel, 481);
    world.take_only("bob2", "ACK");
    world.hung_up("bob2");
    world.within("martin", &mut martin, "BYE");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn the_phone_declines_before_who_picks_up_is_answered() {
    let (mut world, sent, ringing, his) = picking();
    world.reply("bob", &ringing, 603);
    world.is_refused("alice", &sent, "603");
    world.is_refused("martin", &his, "487");
    world.hurry();
    world.finish();
}

#[test]
fn who_picks_up_gives_up_as_the_caller_does() {
    let (mut world, sent, ringing, his) = picking();
    world.hop_by_hop("martin", "CANCEL", &his, None);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.is_refused("martin", &his, "487");
    world.silenced(&ringing);
    world.is_refused("alice", &sent, "487");
    world.hurry();
    world.finish();
}

#[test]
fn who_picks_up_hangs_up_before_the_caller_is_answered() {
    let (mut world, _, ringing, _) = picking();
    world.release_one();
    let mut martin = world.acknowledged("martin");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hurry();
    // The call rings on, and its phone may answer.
    world.reply_sdp("bob", &ringing, 200, "bob");
    world.take_only("bob", "ACK");
    let mut alice = world.acknowledged("alice");
    world.say_goodbye(&mut alice);
    world.finish();
}

#[test]
fn who_picks_up_never_acknowledges() {
    let (mut world, _, ringing, _) = picking();
    world.hurry();
    world.silenced(&ringing);
    let mut alice = world.acknowledged("alice");
    world.wait(33_000);
    world.hung_up("alice");
    world.hung_up("martin");
    world.within("alice", &mut alice, "BYE");
    world.finish();
}

#[test]
fn two_pick_up_the_same_call() {
    let (mut world, _, ringing, _) = picking();
    world.phone("carol", "martin", sip::transport::Transport::Udp, "10.0.0.9:5060");
    world.hurry();
    world.register(&["carol"]);
    let mut martin = world.acknowledged("martin");
    world.silenced(&ringing);
    let (call_id, ours) = (ringing.header(Name::CallId), ringing.header(Name::From));
    let replaces = format!("Replaces: {call_id};to-tag=bob-tag;from-tag={}\r\n{SDP}", tag(&ours));
    let sent = world.request("carol", "INVITE", "sip:bob@carillon.local", &replaces, "carol");
    world.is_refused("carol", &sent, "481");
    let mut alice = world.acknowledged("alice");
    world.within("alice", &mut alice, "BYE");
    world.hung_up("martin");
    world.within("martin", &mut martin, "BYE");
    world.finish();
}

/// Alice and bob talk, and martin is about to take alice's place while the media server is slow.
fn taking_over() -> (World, Dialog, Dialog, Got) {
    let mut world = World::conducted();
    let (caller, callee) = world.talk();
    world.register(&["martin"]);
    world.services.pace = Pace::Held;
    let his = world.takes_over(&caller);
    world.release_one();
    assert_eq!(world.services.media.last().map(String::as_str), Some("attend 2 offer martin"));
    (world, caller, callee, his)
}

#[test]
fn who_is_replaced_hangs_up_before_it_is_done() {
    let (mut world, mut caller, _, his) = taking_over();
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    world.hung_up("bob");
    world.is_refused("martin", &his, "487");
    world.hurry();
    world.finish();
}

#[test]
fn who_stays_hangs_up_before_it_is_done() {
    let (mut world, _, mut callee, his) = taking_over();
    world.within("bob", &mut callee, "BYE");
    world.take_only("bob", "200");
    world.hung_up("alice");
    world.is_refused("martin", &his, "487");
    world.hurry();
    world.finish();
}

#[test]
fn who_takes_a_call_over_gives_up_before_it_is_done() {
    let (mut world, mut caller, _, his) = taking_over();
    world.hop_by_hop("martin", "CANCEL", &his, None);
    world.is_refused("martin", &his, "487");
    world.hurry();
    // The two talk as if nothing had been.
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn who_stays_hangs_up_as_he_is_asked_to_talk_with_another() {
    let (mut world, _, mut callee, _) = taking_over();
    world.hurry();
    let mut martin = world.acknowledged("martin");
    world.hung_up("alice");
    let renewed = world.take_only("bob", "INVITE");
    world.within("bob", &mut callee, "BYE");
    world.take_only("bob", "200");
    world.reply("bob", &renewed, 487);
    world.hung_up("martin");
    world.within("martin", &mut martin, "BYE");
    world.finish();
}

#[test]
fn a_call_is_not_transferred_while_somebody_takes_it_over() {
    let (mut world, mut caller, mut callee, _) = taking_over();
    for (who, dialog) in [("alice", &mut caller), ("bob", &mut callee)] {
        let text = world.at(who).in_dialog(dialog, "REFER", "Refer-To: <sip:6003@carillon.local>\r\n");
        world.send(who, &text);
        world.take_only(who, "491");
    }
    world.hurry();
    let mut martin = world.acknowledged("martin");
    world.hung_up("alice");
    world.renewed("bob");
    world.within("martin", &mut martin, "BYE");
    world.hung_up("bob");
    world.finish();
}

#[test]
fn a_call_is_not_taken_over_while_it_is_transferred() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.phone("carol", "alice", sip::transport::Transport::Udp, "10.0.0.9:5060");
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    let sent = world.takes_over(&caller);
    world.is_refused("martin", &sent, "486");
    world.taken_by("martin", &invite);
    world.renewed("bob");
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.hung_up("alice");
    world.finish();
}

/// Alice talks with bob, and has asked martin: the dialogs of alice with bob, of bob, of alice with martin, of martin.
fn consulted() -> (World, Dialog, Dialog, Dialog, Dialog) {
    let mut world = World::conducted();
    let (caller, callee) = world.talk();
    let (asked, martin) = world.consult();
    world.services.media.clear();
    (world, caller, callee, asked, martin)
}

#[test]
fn a_party_has_hung_up_before_an_attended_transfer() {
    for who in ["alice", "martin"] {
        let (mut world, mut caller, _, mut asked, mut martin) = consulted();
        if who == "alice" {
            world.within("alice", &mut asked, "BYE");
            world.hung_up("martin");
        } else {
            world.within("martin", &mut martin, "BYE");
            world.hung_up("alice");
        }
        world.refer("alice", &mut caller, &replacing("martin", &asked));
        assert!(world.notified("alice").starts_with("SIP/2.0 481"));
        world.say_goodbye(&mut caller);
        world.finish();
    }
}

#[test]
fn who_is_transferred_has_hung_up_before_the_refer() {
    let (mut world, mut caller, mut callee, mut asked, _) = consulted();
    world.within("bob", &mut callee, "BYE");
    world.hung_up("alice");
    let to = format!("Refer-To: <{}>\r\n", replacing("martin", &asked));
    let text = world.at("alice").in_dialog(&mut caller, "REFER", &to);
    world.send("alice", &text);
    world.take_only("alice", "481");
    // The consulted call stands.
    world.within("alice", &mut asked, "BYE");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn the_transferor_hangs_up_both_calls_as_they_are_joined() {
    let (mut world, mut caller, mut callee, mut asked, _) = consulted();
    world.refer("alice", &mut caller, &replacing("martin", &asked));
    for dialog in [&mut asked, &mut caller] {
        world.within("alice", dialog, "BYE");
        world.take_only("alice", "481");
    }
    world.renewed("bob");
    world.renewed("martin");
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn one_of_the_two_who_are_joined_hangs_up_before_it_is_done() {
    for who in ["bob", "martin"] {
        for answers in [false, true] {
            let (mut world, mut caller, mut callee, asked, mut martin) = consulted();
            world.refer("alice", &mut caller, &replacing("martin", &asked));
            world.hung_up("alice");
            world.hung_up("alice");
            let (first, second) = (world.take_only("bob", "INVITE"), world.take_only("martin", "INVITE"));
            let other = if who == "bob" { "martin" } else { "bob" };
            if answers {
                let invite = if who == "bob" { &second } else { &first };
                world.reply_sdp(other, invite, 200, other);
                world.take_only(other, "ACK");
            }
            let dialog = if who == "bob" { &mut callee } else { &mut martin };
            world.within(who, dialog, "BYE");
            world.take_only(who, "200");
            world.reply(who, if who == "bob" { &first } else { &second }, 487);
            world.hung_up(other);
            if !answers {
                world.reply(other, if who == "bob" { &second } else { &first }, 487);
            }
            world.finish();
        }
    }
}

#[test]
fn both_who_are_joined_hang_up_at_once() {
    let (mut world, mut caller, mut callee, asked, mut martin) = consulted();
    world.refer("alice", &mut caller, &replacing("martin", &asked));
    world.hung_up("alice");
    world.hung_up("alice");
    world.renewed("bob");
    let invite = world.take_only("martin", "INVITE");
    world.within("martin", &mut martin, "BYE");
    world.within("bob", &mut callee, "BYE");
    world.reply_sdp("martin", &invite, 200, "martin");
    world.take_only("martin", "ACK");
    world.take_only("bob", "BYE");
    world.take_only("bob", "481");
    world.several_finals = true;
    world.finish();
}

#[test]
fn one_who_is_joined_hangs_up_while_the_media_server_thinks() {
    for who in ["bob", "martin"] {
        let (mut world, mut caller, mut callee, asked, mut martin) = consulted();
        world.services.pace = Pace::Held;
        world.refer("alice", &mut caller, &replacing("martin", &asked));
        world.hung_up("alice");
        world.hung_up("alice");
        let dialog = if who == "bob" { &mut callee } else { &mut martin };
        world.within(who, dialog, "BYE");
        world.take_only(who, "200");
        world.hung_up(if who == "bob" { "martin" } else { "bob" });
        world.hurry();
        assert!(!world.has_mail("bob") && !world.has_mail("martin"), "nobody is offered anything more");
        world.finish();
    }
}

#[test]
fn a_phone_that_does_not_answer_its_new_session_ends_the_joined_call() {
    let (mut world, mut caller, _, asked, _) = consulted();
    world.refer("alice", &mut caller, &replacing("martin", &asked));
    world.hung_up("alice");
    world.hung_up("alice");
    world.renewed("bob");
    world.wait(40_000);
    world.hung_up("bob");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn whom_a_transfer_names_is_busy_with_one_of_his_own() {
    let (mut world, mut caller, _, asked, mut martin) = consulted();
    // Martin transfers the consulted call himself, to nobody yet.
    world.phone("carol", "bob", sip::transport::Transport::Udp, "10.0.0.9:5060");
    world.refer("martin", &mut martin, "sip:6002@carillon.local");
    let rings = world.take_only("bob", "INVITE");
    world.refer("alice", &mut caller, &replacing("martin", &asked));
    assert_eq!(world.notified("alice"), "SIP/2.0 603 Decline\r\n");
    world.reply("bob", &rings, 486);
    assert_eq!(world.notified("martin"), "SIP/2.0 486 Busy Here\r\n");
    world.say_goodbye(&mut caller);
    world.within("martin", &mut martin, "BYE");
    world.hung_up("alice");
    world.finish();
}
