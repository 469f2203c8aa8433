//! Calls that are named by others on other shards: the same flows, wherever the keyed hash puts each call.

use std::sync::Arc;

use sip::message::Name;

use super::conducted::{SDP, body};
use super::conducted_parks::Office;
use super::conducted_pickups::tag;
use super::conducted_transfers::replacing;
use super::phone::{Dialog, Got};
use super::services::Pace;
use super::world::{Setup, Who, World};

/// Plays a flow on two and on four shards, with keys that put its calls together and apart; it says how often something
/// went elsewhere.
fn wherever(flow: fn(World) -> usize) {
    for shards in [2, 4] {
        let handed: Vec<usize> = (0..24).map(|key| flow(world(shards, key))).collect();
        assert!(handed.contains(&0) && handed.iter().any(|often| *often > 0), "{shards} shards: {handed:?}");
    }
}

fn world(shards: u16, key: u64) -> World {
    World::sharded(Setup { routes: Arc::new(Office), ..Setup::default() }, shards, key)
}

/// Plays a flow once, on two shards that have one of its calls each: with the first key of which that is true.
fn apart(is_apart: fn(&World) -> bool, flow: fn(World)) {
    let found = (0..64).map(|key| world(2, key)).find(is_apart);
    flow(found.expect("a key that puts them apart"));
}

impl World {
    fn is_apart(&self, one: &str, other: &str) -> bool {
        self.spread.shard_of(one.as_bytes()) != self.spread.shard_of(other.as_bytes())
    }

    /// The end of a flow: how often something went elsewhere.
    #[track_caller]
    fn done(self) -> usize {
        let handed = self.services.handed;
        self.finish();
        handed
    }

    /// Says 200 to all that a phone gets until it has heard BYE so often; the bodies of the NOTIFYs among that.
    fn hears_byes(&mut self, who: Who, mut often: usize) -> Vec<String> {
        let mut told = Vec::new();
        while often > 0 {
            let got = self.take(who);
            let text = got.text();
            if text.starts_with("SIP/2.0") {
                continue;
            }
            self.reply(who, &got, 200);
            often -= usize::from(text.starts_with("BYE"));
            if text.starts_with("NOTIFY") {
                told.push(body(&got));
            }
        }
        told
    }

    fn refers(&mut self, who: Who, dialog: &mut Dialog, to: &str) {
        let text = self.at(who).in_dialog(dialog, "REFER", &format!("Refer-To: <{to}>\r\n"));
        self.send(who, &text);
    }
}

#[test]
fn an_attended_transfer_joins_calls_of_two_shards() {
    wherever(|mut world| {
        let (mut caller, mut callee) = world.talk();
        let (mut consulted, mut martin) = world.consult();
        world.refers("alice", &mut caller, &replacing("martin", &consulted));
        let told = world.hears_byes("alice", 2);
        assert_eq!(told, ["SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n"]);
        world.renewed("bob");
        world.renewed("martin");
        assert_eq!(world.edges().map(|edge| edge.gauges().conducted).sum::<usize>(), 1);
        world.within("martin", &mut martin, "INFO");
        let info = world.take_only("bob", "INFO");
        world.reply("bob", &info, 200);
        world.take_only("martin", "200");
        // Long after, the way of his messages is still known.
        world.wait(600_000);
        world.within_sdp("bob", &mut callee, "INVITE", "hold");
        let held = world.take_only("martin", "INVITE");
        world.reply_sdp("martin", &held, 200, "held");
        world.take_only("bob", "200");
        world.within("bob", &mut callee, "ACK");
        world.take_only("martin", "ACK");
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "200");
        world.hung_up("bob");
        // What is over is over wherever it comes.
        world.within("alice", &mut consulted, "BYE");
        world.take_only("alice", "481");
        world.done()
    });
}

#[test]
fn an_attended_transfer_meets_an_application_of_any_shard() {
    wherever(|mut world| {
        let (mut caller, mut callee) = world.talk();
        let mut second = world.attended();
        world.refers("alice", &mut caller, &replacing("7000", &second));
        let told = world.hears_byes("alice", 2);
        assert_eq!(told, ["SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n"]);
        world.renewed("bob");
        world.told(&["3 ended Transferred", "1 started desk/main bob/6002>/7000 7000 Dialled"]);
        world.within("bob", &mut callee, "BYE");
        world.take_only("bob", "200");
        world.told(&["2 ended Caller"]);
        world.within("alice", &mut second, "BYE");
        world.take_only("alice", "481");
        world.done()
    });
}

#[test]
fn a_slot_that_was_heard_of_on_any_shard_takes_the_call() {
    wherever(|mut world| {
        let (_, mut callee) = world.talk();
        world.register(&["martin"]);
        let slot = world.hears_of_a_slot("bob");
        world.refers("bob", &mut callee, &replacing("700", &slot));
        let told = world.hears_byes("bob", 2);
        assert_eq!(told, ["SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n"]);
        world.renewed("alice");
        let mut martin = world.retrieved_by_martin();
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "200");
        world.hung_up("alice");
        world.done()
    });
}

#[test]
fn two_applications_of_two_shards_are_not_joined() {
    wherever(|mut world| {
        world.register(&["alice"]);
        let mut first = world.attended();
        let mut second = world.attended();
        world.refers("alice", &mut first, &replacing("7000", &second));
        let trying = world.take_only("alice", "NOTIFY");
        world.reply("alice", &trying, 200);
        let refused = world.take_only("alice", "NOTIFY");
        assert_eq!(body(&refused), "SIP/2.0 603 Decline\r\n");
        world.reply("alice", &refused, 200);
        world.bye(&mut first);
        world.bye(&mut second);
        world.told(&["3 ended Caller", "3 ended Caller"]);
        world.done()
    });
}

#[test]
fn who_rings_on_another_shard_is_rung_for_who_is_transferred() {
    wherever(|mut world| {
        let (mut caller, mut callee) = world.talk();
        world.register(&["martin"]);
        let sent = world.offer("alice", "martin");
        let first = world.take("martin");
        world.reply("martin", &first, 180);
        let early = Dialog::of_caller(&world.take_only("alice", "180"));
        world.refer("alice", &mut caller, &replacing("martin", &early));
        let cancel = world.take_only("martin", "CANCEL");
        world.reply("martin", &cancel, 200);
        world.reply("martin", &first, 487);
        let ended = world.take_only("alice", "487");
        world.hop_by_hop("alice", "ACK", &sent, Some(&ended));
        let invite = world.take_only("martin", "INVITE");
        world.taken_by("martin", &invite);
        world.hung_up("alice");
        world.renewed("bob");
        world.within("bob", &mut callee, "BYE");
        world.hung_up("martin");
        world.done()
    });
}

#[test]
fn a_dialog_that_no_shard_has_fails_the_transfer_alone() {
    wherever(|mut world| {
        let (mut caller, _) = world.talk();
        let stranger = Dialog { call_id: "elsewhere".into(), ..caller.clone() };
        world.refer("alice", &mut caller, &replacing("martin", &stranger));
        assert!(world.notified("alice").starts_with("SIP/2.0 481"));
        world.say_goodbye(&mut caller);
        world.done()
    });
}

/// Martin takes alice's place towards bob.
fn replaces_alice(world: &mut World, callee: &Dialog) -> Dialog {
    let Dialog { call_id, local, remote, .. } = callee;
    let headers = format!("Replaces: {call_id};to-tag={};from-tag={}\r\n{SDP}", tag(remote), tag(local));
    world.request("martin", "INVITE", "sip:alice@carillon.local", &headers, "martin");
    let mut martin = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut martin, "ACK");
    martin
}

#[test]
fn who_replaces_another_takes_over_a_call_of_another_shard() {
    wherever(|mut world| {
        let (_, mut callee) = world.talk();
        world.register(&["martin"]);
        let mut martin = replaces_alice(&mut world, &callee);
        let bye = world.hung_up("bob");
        assert_eq!(bye.header(Name::Reason), "SIP;cause=200;text=\"Replaced\"");
        world.renewed("alice");
        world.within_sdp("martin", &mut martin, "INVITE", "hold");
        let held = world.take_only("alice", "INVITE");
        world.reply_sdp("alice", &held, 200, "held");
        world.take_only("martin", "200");
        world.within("martin", &mut martin, "ACK");
        world.take_only("alice", "ACK");
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "200");
        world.hung_up("alice");
        world.within("bob", &mut callee, "BYE");
        world.take_only("bob", "481");
        world.done()
    });
}

#[test]
fn a_call_that_rings_on_any_shard_is_picked_up() {
    wherever(|mut world| {
        let (_, invite) = world.rings_at_bob();
        let (mut martin, _) = world.picked_by_martin();
        world.silenced(&invite);
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "200");
        world.hung_up("alice");
        world.done()
    });
}

#[test]
fn a_call_of_ones_own_group_is_picked_up_from_any_shard() {
    wherever(|mut world| {
        let (_, invite) = world.rings_at_bob();
        world.offer("martin", "*8");
        let (_, mut alice) = world.both_answered();
        world.silenced(&invite);
        world.within("alice", &mut alice, "BYE");
        world.hung_up("martin");
        world.done()
    });
}

#[test]
fn a_call_is_picked_up_by_its_dialog_from_any_shard() {
    wherever(|mut world| {
        let (_, invite) = world.rings_at_bob();
        let (call_id, ours) = (invite.header(Name::CallId), invite.header(Name::From));
        let replaces = format!("Replaces: {call_id};to-tag=any;from-tag={}\r\n{SDP}", tag(&ours));
        world.request("martin", "INVITE", "sip:bob@carillon.local", &replaces, "martin");
        let (_, mut alice) = world.both_answered();
        world.silenced(&invite);
        world.within("alice", &mut alice, "BYE");
        world.hung_up("martin");
        world.done()
    });
}

#[test]
fn a_parked_call_is_taken_back_from_any_shard() {
    wherever(|mut world| {
        world.parked();
        let mut martin = world.retrieved_by_martin();
        world.refused("701", "404");
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "200");
        world.hung_up("alice");
        world.done()
    });
}

#[test]
fn a_slot_is_for_one_call_of_all_shards() {
    for key in 0..8 {
        let mut world = world(4, key);
        let mut alice = world.parked();
        world.phone("carol", "alice", sip::transport::Transport::Udp, "10.0.0.9:5060");
        world.register(&["carol"]);
        world.offer("carol", "martin");
        let invite = world.take("martin");
        world.reply_sdp("martin", &invite, 200, "martin");
        let mut carol = Dialog::of_caller(&world.take_only("carol", "200"));
        world.within("carol", &mut carol, "ACK");
        world.take_only("martin", "ACK");
        let mut martin = Dialog::of_callee(&invite, &world.at("martin").clone());
        world.refer("martin", &mut martin, "sip:701@carillon.local");
        assert_eq!(world.notified("martin"), "SIP/2.0 486 Busy Here\r\n");
        world.within("carol", &mut carol, "BYE");
        world.take_only("carol", "200");
        world.hung_up("martin");
        world.within("alice", &mut alice, "BYE");
        world.take_only("alice", "200");
        world.finish();
    }
}

#[test]
fn what_no_shard_has_is_refused_by_the_last() {
    for (shards, rounds) in [(1, 0), (2, 1), (4, 3)] {
        let mut world = world(shards, 3);
        world.register(&["martin"]);
        world.refused("*86002", "404");
        assert_eq!(world.done(), rounds, "it goes once round {shards} shards");
    }
}

/// What martin sent, and the call that rings at bob's, on two shards; the media server is slow.
fn picks_up_slowly(world: &mut World) -> (Got, Got) {
    let (_, invite) = world.rings_at_bob();
    world.services.pace = Pace::Held;
    let sent = world.offer("martin", "*86002");
    world.release_one();
    assert_eq!(world.services.media.last().map(String::as_str), Some("attend 2 offer alice"));
    (sent, invite)
}

fn picks_up_elsewhere(world: &World) -> bool {
    // The Call-IDs of the INVITEs that follow three registrations of two requests each.
    world.is_apart("alice-5", "martin-5")
}

#[test]
fn who_gives_a_pickup_up_is_found_on_the_shard_where_it_went() {
    apart(picks_up_elsewhere, |mut world| {
        let (sent, invite) = picks_up_slowly(&mut world);
        assert_eq!(world.services.handed, 1);
        // Lost on the way, the INVITE comes again: it is absorbed there too.
        world.send("martin", &sent.text());
        world.hop_by_hop("martin", "CANCEL", &sent, None);
        world.take_only("martin", "200");
        let refused = world.take_only("martin", "487");
        world.hop_by_hop("martin", "ACK", &sent, Some(&refused));
        world.services.pace = Pace::Now;
        world.release();
        world.reply_sdp("bob", &invite, 200, "bob");
        let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
        world.within("alice", &mut alice, "ACK");
        world.take_only("bob", "ACK");
        world.say_goodbye(&mut alice);
        world.finish();
    });
}

#[test]
fn a_shard_whose_inbox_is_full_is_not_waited_for() {
    apart(picks_up_elsewhere, |mut world| {
        let (_, invite) = world.rings_at_bob();
        world.services.is_full = true;
        world.refused("*86002", "503");
        assert_eq!(world.spread.detours(), 0);
        world.services.is_full = false;
        let (mut martin, _) = world.picked_by_martin();
        world.silenced(&invite);
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "200");
        world.hung_up("alice");
        world.finish();
    });
}

/// A transfer of bob to martin, whose calls are on two shards: the dialogs of alice, bob and martin, with the question on
/// its way to the other shard.
fn transfers_slowly(world: &mut World) -> ([Dialog; 2], Dialog, Dialog) {
    let (mut caller, callee) = world.talk();
    let (consulted, martin) = world.consult();
    world.services.is_slow = true;
    world.refer("alice", &mut caller, &replacing("martin", &consulted));
    ([caller, consulted], callee, martin)
}

fn transfers_across(world: &World) -> bool {
    // The INVITEs behind a registration of two requests, and behind the ACK of the first call.
    world.is_apart("alice-5", "alice-8")
}

#[test]
fn a_shard_that_does_not_answer_fails_the_transfer_alone() {
    apart(transfers_across, |mut world| {
        let ([mut caller, consulted], _, mut martin) = transfers_slowly(&mut world);
        world.wait(5_000);
        assert!(world.notified("alice").starts_with("SIP/2.0 503"));
        // It answers too late: whom it gives is hung up on, since his call has ended there.
        world.hand_over();
        world.hung_up("alice");
        world.hand_over();
        let bye = world.hung_up("martin");
        assert_eq!(bye.header(Name::Reason), "SIP;cause=480;text=\"Transfer Failed\"");
        world.say_goodbye(&mut caller);
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", "481");
        drop(consulted);
        world.finish();
    });
}

#[test]
fn who_is_transferred_hangs_up_while_the_other_shard_is_asked() {
    apart(transfers_across, |mut world| {
        let (_, mut callee, _) = transfers_slowly(&mut world);
        world.hand_over();
        world.hung_up("alice");
        world.within("bob", &mut callee, "BYE");
        world.take_only("bob", "200");
        world.hung_up("alice");
        world.hand_over();
        world.hung_up("martin");
        world.finish();
    });
}

#[test]
fn the_transferor_hangs_up_while_the_other_shard_is_asked() {
    for hangs_up_first in [true, false] {
        let mut world = (0..64).map(|key| world(2, key)).find(transfers_across).expect("a key");
        let ([mut caller, _], mut callee, _) = transfers_slowly(&mut world);
        if !hangs_up_first {
            world.hand_over();
            world.hung_up("alice");
        }
        world.within("alice", &mut caller, "BYE");
        world.take_only("alice", "200");
        if hangs_up_first {
            world.hand_over();
            world.hung_up("alice");
        }
        world.hand_over();
        world.renewed("bob");
        world.renewed("martin");
        world.within("bob", &mut callee, "BYE");
        world.take_only("bob", "200");
        world.hung_up("martin");
        world.finish();
    }
}

#[test]
fn whom_a_transfer_wants_hangs_up_before_or_after_his_leg_has_gone() {
    for has_gone in [false, true] {
        let mut world = (0..64).map(|key| world(2, key)).find(transfers_across).expect("a key");
        let ([mut caller, _], _, mut martin) = transfers_slowly(&mut world);
        if has_gone {
            world.hand_over();
            world.hung_up("alice");
        }
        world.within("martin", &mut martin, "BYE");
        world.take_only("martin", if has_gone { "481" } else { "200" });
        if has_gone {
            // His leg is there before long, and is found to be over when it is offered a session.
            world.hand_over();
            let invite = world.take_only("martin", "INVITE");
            world.reply("martin", &invite, 481);
            world.take_only("martin", "ACK");
            world.hears_byes("alice", 1);
            let invite = world.take_only("bob", "INVITE");
            world.reply_sdp("bob", &invite, 200, "bob again");
            world.hung_up("bob");
        } else {
            world.hung_up("alice");
            world.hand_over();
            world.hand_over();
            assert!(world.notified("alice").starts_with("SIP/2.0 481"));
            world.say_goodbye(&mut caller);
        }
        world.finish();
    }
}

#[test]
fn a_shard_that_cannot_be_asked_or_cannot_answer_loses_nobody() {
    for answers in [false, true] {
        let mut world = (0..64).map(|key| world(2, key)).find(transfers_across).expect("a key");
        if answers {
            let ([mut caller, _], ..) = transfers_slowly(&mut world);
            world.services.is_full = true;
            world.hand_over();
            world.hung_up("alice");
            world.hung_up("martin");
            world.wait(5_000);
            assert!(world.notified("alice").starts_with("SIP/2.0 503"));
            world.say_goodbye(&mut caller);
        } else {
            let (mut caller, _) = world.talk();
            let (mut consulted, _) = world.consult();
            world.services.is_full = true;
            world.refer("alice", &mut caller, &replacing("martin", &consulted));
            assert!(world.notified("alice").starts_with("SIP/2.0 481"));
            world.say_goodbye(&mut caller);
            world.within("alice", &mut consulted, "BYE");
            world.hung_up("martin");
        }
        world.finish();
    }
}
