//! Slots of which who parks hears, and their lamps.

use proto::media::{Ended, Leg, MediaEvent};
use sip::message::Name;

use super::conducted::{SDP, body};
use super::conducted_parks::office;
use super::conducted_pickups::tag;
use super::conducted_transfers::replacing;
use super::lamps::{dark, lamp, shown, states, subscribe};
use super::phone::Dialog;
use super::services::Pace;
use super::world::{Who, World};

impl World {
    /// Dials 700 and hears of a slot: the dialog.
    pub fn hears_of_a_slot(&mut self, who: Who) -> Dialog {
        self.offer(who, "700");
        let mut dialog = Dialog::of_caller(&self.take_only(who, "200"));
        self.within(who, &mut dialog, "ACK");
        assert_eq!(
            self.services.media.last().map(String::as_str),
            Some("play 0 #1 silence+clip+clip+clip+silence")
        );
        dialog
    }

    /// The calls that are left hang up: alice, who is parked.
    fn gives_up(&mut self, alice: &mut Dialog) {
        self.within("alice", alice, "BYE");
        self.take_only("alice", "200");
    }
}

#[test]
fn who_dials_the_number_hears_of_a_slot_and_parks_there() {
    let mut world = office();
    let (_, mut callee) = world.talk();
    world.register(&["martin"]);
    let slot = world.hears_of_a_slot("bob");
    world.refused("701", "404");
    world.refer("bob", &mut callee, &replacing("700", &slot));
    assert_eq!(world.hung_up("bob").header(Name::Reason), "SIP;cause=200;text=\"Transferred\"");
    assert_eq!(world.notified("bob"), "SIP/2.0 200 OK\r\n");
    world.hung_up("bob");
    world.renewed("alice");
    let mut martin = world.retrieved_by_martin();
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn a_slot_is_for_one_who_hears_of_it_until_he_hangs_up() {
    let mut world = office();
    world.register(&["alice", "bob", "martin"]);
    let mut first = world.hears_of_a_slot("alice");
    world.hears_of_a_slot("bob");
    world.refused("700", "486");
    world.within("alice", &mut first, "BYE");
    world.take_only("alice", "200");
    let mut third = world.hears_of_a_slot("martin");
    world.within("martin", &mut third, "BYE");
    // Nobody keeps it for ever.
    world.wait(61_000);
    world.hung_up("bob");
    world.finish();
}

#[test]
fn who_has_heard_enough_of_a_slot_is_hung_up_on() {
    let mut world = office();
    world.register(&["alice"]);
    world.hears_of_a_slot("alice");
    let name = world.edge.means.calls.iter().next().map(|call| call.name.clone()).expect("a call");
    let played = MediaEvent::Played { leg: Leg::new(0), id: 1, why: Ended::Complete };
    world.give(crate::core::effect::Input::Media(&name, played));
    world.release_none();
    world.hung_up("alice");
    world.finish();
}

#[test]
fn who_asks_for_a_slot_gives_up_or_cannot_be_heard() {
    for gives_up in [true, false] {
        let mut world = office();
        world.register(&["alice"]);
        let sent = if gives_up {
            world.services.pace = Pace::Held;
            let sent = world.offer("alice", "700");
            world.release_one();
            world.hop_by_hop("alice", "CANCEL", &sent, None);
            sent
        } else {
            world.request("alice", "INVITE", "sip:700@carillon.local", SDP, "broken")
        };
        let refused = world.take_only("alice", if gives_up { "487" } else { "488" });
        world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
        world.services.pace = Pace::Now;
        world.release();
        world.hears_of_a_slot("alice");
        world.wait(61_000);
        world.hung_up("alice");
        world.finish();
    }
}

#[test]
fn an_application_alone_is_not_parked() {
    let mut world = office();
    world.register(&["alice"]);
    let mut caller = world.attended();
    let slot = world.hears_of_a_slot("alice");
    for to in ["sip:700@carillon.local", "sip:701@carillon.local", &replacing("700", &slot)] {
        let text = world.at("alice").in_dialog(&mut caller, "REFER", &format!("Refer-To: <{to}>\r\n"));
        world.send("alice", &text);
        for said in ["SIP/2.0 100 Trying\r\n", "SIP/2.0 603 Decline\r\n"] {
            let notify = world.take_only("alice", "NOTIFY");
            assert_eq!(body(&notify), said);
            world.reply("alice", &notify, 200);
        }
    }
    world.bye(&mut caller);
    world.wait(61_000);
    world.hung_up("alice");
    world.finish();
}

#[test]
fn who_parks_blindly_is_told_where_by_a_text_message() {
    for takes_texts in [true, false] {
        let mut world = office();
        world.register(&["alice", "bob", "martin"]);
        world.offer("alice", "bob");
        let invite = world.take("bob");
        let allow = if takes_texts { "INVITE, ACK, BYE, MESSAGE" } else { "INVITE, ACK, BYE" };
        let text = world.at("bob").response(&invite, 200, &format!("{SDP}Allow: {allow}\r\n"), "bob");
        world.send("bob", &text);
        let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
        world.within("alice", &mut alice, "ACK");
        world.take_only("bob", "ACK");
        let mut callee = Dialog::of_callee(&invite, &world.at("bob").clone());
        world.refer("bob", &mut callee, "sip:700@carillon.local");
        if takes_texts {
            let message = world.take_only("bob", "MESSAGE");
            assert_eq!(body(&message), "701: 6001");
            assert_eq!(message.header(Name::ContentType), "text/plain;charset=utf-8");
            world.reply("bob", &message, 200);
        }
        let next = world.take("bob");
        assert!(next.text().starts_with("NOTIFY"), "{}", next.text());
        world.reply("bob", &next, 200);
        world.hung_up("bob");
        world.renewed("alice");
        world.gives_up(&mut alice);
        world.finish();
    }
}

#[test]
fn the_lamp_of_a_slot_shows_who_waits_there_and_takes_him() {
    let mut world = office();
    world.register(&["alice", "bob", "martin"]);
    let (_, dark_one) = subscribe(&mut world, "martin", "701", "Event: dialog\r\n");
    assert_eq!(states(&dark_one), "");
    world.wait(2_000);
    world.request("martin", "SUBSCRIBE", "sip:699@carillon.local", "Event: dialog\r\n", "");
    world.take_only("martin", "404");
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut alice, "ACK");
    let mut callee = Dialog::of_callee(&invite, &world.at("bob").clone());
    world.refer("bob", &mut callee, "sip:701@carillon.local");
    world.hung_up("bob");
    world.renewed("alice");
    let lit = shown(&mut world);
    assert_eq!(states(&lit), "recipient confirmed");
    for part in ["entity=\"sip:701@carillon.local\"", "<target uri=\"sip:alice@carillon.local\"/></remote>"] {
        assert!(lit.text().contains(part), "{part}: {}", lit.text());
    }
    // The key of the lamp takes the call by the dialog that it was told of.
    let Dialog { call_id, local, remote, .. } = &alice;
    assert!(
        lit.text().contains(&format!("call-id=\"{call_id}\" local-tag=\"{}\"", tag(local))),
        "{}",
        lit.text()
    );
    let replaces = format!("Replaces: {call_id};to-tag={};from-tag={}\r\n{SDP}", tag(local), tag(remote));
    world.request("martin", "INVITE", "sip:701@carillon.local", &replaces, "martin");
    let mut martin = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut martin, "ACK");
    world.renewed("alice");
    assert_eq!(states(&shown(&mut world)), "gone terminated");
    world.within("martin", &mut martin, "BYE");
    world.hung_up("alice");
    dark(world);
}

#[test]
fn the_lamp_of_a_slot_goes_out_with_who_gives_up() {
    let mut world = office();
    world.register(&["alice", "bob", "martin"]);
    subscribe(&mut world, "martin", "701", "Event: dialog\r\n");
    world.wait(2_000);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut alice, "ACK");
    let mut callee = Dialog::of_callee(&invite, &world.at("bob").clone());
    world.refer("bob", &mut callee, "sip:701@carillon.local");
    world.hung_up("bob");
    world.renewed("alice");
    assert_eq!(states(&shown(&mut world)), "recipient confirmed");
    world.gives_up(&mut alice);
    assert_eq!(states(&shown(&mut world)), "gone terminated");
    assert!(world.edge.means.settings.watched.is_empty());
    dark(world);
}

#[test]
fn the_lamp_of_who_has_transferred_a_call_goes_out_and_that_of_who_has_it_stays() {
    for attended in [false, true] {
        let mut world = office();
        world.register(&["alice", "bob", "martin"]);
        lamp(&mut world);
        world.wait(2_000);
        // Bob calls alice, and transfers her to martin, who watches him.
        world.offer("bob", "alice");
        let first = world.take("alice");
        assert_eq!(states(&shown(&mut world)), "initiator trying");
        world.reply_sdp("alice", &first, 200, "alice");
        let mut bob = Dialog::of_caller(&world.take_only("bob", "200"));
        world.within("bob", &mut bob, "ACK");
        world.take_only("alice", "ACK");
        assert_eq!(states(&shown(&mut world)), "initiator confirmed");
        let mut alice = Dialog::of_callee(&first, &world.at("alice").clone());
        let mut martin = if attended {
            world.offer("bob", "martin");
            let invite = world.take_only("martin", "INVITE");
            world.reply_sdp("martin", &invite, 200, "martin");
            let mut asked = Dialog::of_caller(&world.take_only("bob", "200"));
            world.within("bob", &mut asked, "ACK");
            world.take_only("martin", "ACK");
            world.refer("bob", &mut bob, &replacing("martin", &asked));
            world.hung_up("bob");
            world.hung_up("bob");
            world.renewed("alice");
            world.renewed("martin");
            Dialog::of_callee(&invite, &world.at("martin").clone())
        } else {
            world.refer("bob", &mut bob, "sip:6003@carillon.local");
            let invite = world.take_only("martin", "INVITE");
            let dialog = world.taken_by("martin", &invite);
            world.hung_up("bob");
            world.renewed("alice");
            dialog
        };
        let watched = std::sync::Arc::clone(&world.edge.means.settings.watched);
        let calls = |user: &str| watched.of(&user.into(), world.now).len();
        assert_eq!((calls("bob"), calls("alice"), calls("martin")), (0, 1, 1));
        world.within("alice", &mut alice, "BYE");
        world.hung_up("martin");
        world.within("martin", &mut martin, "BYE");
        assert!(world.edge.means.settings.watched.is_empty());
        dark(world);
    }
}
