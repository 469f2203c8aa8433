//! Transfers by REFER (RFC 3515) in conducted calls, blind and attended, and their races.

use sip::message::Name;

use super::conducted::body;
use super::phone::{Dialog, Got};
use super::world::{Who, World};

impl World {
    /// A REFER to somebody; its 202 and the NOTIFY of its 100 are taken.
    pub fn refer(&mut self, who: Who, dialog: &mut Dialog, to: &str) {
        let text = self.at(who).in_dialog(dialog, "REFER", &format!("Refer-To: <{to}>\r\n"));
        self.send(who, &text);
        self.take_only(who, "202");
        assert_eq!(self.notified(who), "SIP/2.0 100 Trying\r\n");
    }

    /// What the next NOTIFY of a transfer says.
    pub fn notified(&mut self, who: Who) -> String {
        let notify = self.take_only(who, "NOTIFY");
        assert_eq!(notify.header(Name::Event), "refer");
        assert_eq!(notify.header(Name::ContentType), "message/sipfrag;version=2.0");
        let ends = notify.header(Name::SubscriptionState).starts_with("terminated");
        assert_eq!(ends, !body(&notify).starts_with("SIP/2.0 1"));
        self.reply(who, &notify, 200);
        body(&notify)
    }

    /// A phone takes the session that it is offered anew.
    pub fn renewed(&mut self, who: Who) {
        let invite = self.take_only(who, "INVITE");
        assert_eq!(body(&invite), "media offers");
        self.reply_sdp(who, &invite, 200, &format!("{who} again"));
        self.take_only(who, "ACK");
    }

    /// Whom a transfer names takes the call: his dialog.
    pub fn taken_by(&mut self, who: Who, invite: &Got) -> Dialog {
        self.reply_sdp(who, invite, 200, who);
        self.take_only(who, "ACK");
        Dialog::of_callee(invite, &self.at(who).clone())
    }

    pub fn hung_up(&mut self, who: Who) -> Got {
        let bye = self.take_only(who, "BYE");
        self.reply(who, &bye, 200);
        bye
    }
}

#[test]
fn the_caller_transfers_the_called_one_blindly() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    assert!(invite.header(Name::From).starts_with("<sip:bob@carillon.local>"), "{}", invite.text());
    assert_eq!(invite.header(Name::ReferredBy), "<sip:alice@carillon.local>");
    assert_eq!(body(&invite), "media offers");
    world.reply("martin", &invite, 180);
    assert_eq!(world.notified("alice"), "SIP/2.0 180 Ringing\r\n");
    let mut martin = world.taken_by("martin", &invite);
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    assert_eq!(world.hung_up("alice").header(Name::Reason), "SIP;cause=200;text=\"Transferred\"");
    world.renewed("bob");
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
    // The two that are left talk as any two do.
    world.within_sdp("martin", &mut martin, "INVITE", "hold");
    let held = world.take_only("bob", "INVITE");
    world.reply_sdp("bob", &held, 200, "held");
    world.take_only("martin", "200");
    world.within("martin", &mut martin, "ACK");
    world.take_only("bob", "ACK");
    world.within("bob", &mut callee, "BYE");
    world.take_only("bob", "200");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn who_transfers_asks_for_another_session_and_is_gone_before_its_acknowledgement() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "SIPS:6003@carillon.local");
    let invite = world.take("martin");
    // Alice takes the call off hold; her phone is slow to acknowledge.
    world.within_sdp("alice", &mut caller, "INVITE", "again");
    let again = world.take_only("bob", "INVITE");
    world.reply_sdp("bob", &again, 200, "bob again");
    world.take_only("alice", "200");
    let mut martin = world.taken_by("martin", &invite);
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.take("bob");
    world.renewed("bob");
    world.ladder();
    world.wait(40_000);
    assert!(!world.has_mail("bob") && !world.has_mail("martin"), "they talk on");
    world.within("bob", &mut callee, "BYE");
    world.take_only("bob", "200");
    world.hung_up("martin");
    let _ = &mut martin;
    world.finish();
}

#[test]
fn who_is_asked_for_another_session_transfers_and_is_gone() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.within_sdp("bob", &mut callee, "INVITE", "hold");
    let asked = world.take_only("alice", "INVITE");
    world.taken_by("martin", &invite);
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.take_only("bob", "491");
    world.reply("alice", &asked, 481);
    world.renewed("bob");
    world.within("bob", &mut callee, "BYE");
    world.take_only("bob", "200");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn the_called_one_transfers_the_caller_blindly() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("bob", &mut callee, "sip:martin@carillon.local");
    let invite = world.take("martin");
    assert!(invite.header(Name::From).starts_with("<sip:alice@carillon.local>"));
    world.taken_by("martin", &invite);
    assert_eq!(world.notified("bob"), "SIP/2.0 200 OK\r\n");
    world.hung_up("bob");
    world.renewed("alice");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_transfer_to_somebody_busy_leaves_the_call_as_it_was() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    world.register(&["martin"]);
    for id in [None, Some(())] {
        let text = world.at("alice").in_dialog(&mut caller, "REFER", "Refer-To: sip:6003@carillon.local\r\n");
        let number = caller.cseq;
        world.send("alice", &text);
        world.take_only("alice", "202");
        let invite = world.take_only("martin", "INVITE");
        world.reply("martin", &invite, 486);
        world.take_only("martin", "ACK");
        // RFC 3515 §2.4.6: from the second on the events have ids.
        let event = id.map_or("refer".to_owned(), |()| format!("refer;id={number}"));
        for said in ["SIP/2.0 100 Trying\r\n", "SIP/2.0 486 Busy Here\r\n"] {
            let notify = world.take_only("alice", "NOTIFY");
            assert_eq!((body(&notify).as_str(), notify.header(Name::Event)), (said, event.clone()));
            world.reply("alice", &notify, 200);
        }
    }
    world.within_sdp("alice", &mut caller, "INVITE", "resume");
    let invite = world.take_only("bob", "INVITE");
    world.reply_sdp("bob", &invite, 200, "resumed");
    assert_eq!(body(&world.take_only("alice", "200")), "resumed via media");
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_transferor_who_hangs_up_at_once_does_not_end_the_transfer() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    assert!(!world.has_mail("bob"));
    world.taken_by("martin", &invite);
    world.renewed("bob");
    assert!(!world.has_mail("alice"), "nobody is told of it");
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_transfer_that_fails_behind_one_who_has_hung_up_ends_the_call() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.within("alice", &mut caller, "BYE");
    world.reply("martin", &invite, 603);
    assert_eq!(world.hung_up("bob").header(Name::Reason), "SIP;cause=480;text=\"Transfer Failed\"");
    world.finish();
}

#[test]
fn who_is_transferred_hangs_up_while_it_rings() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.reply("martin", &invite, 180);
    world.within("bob", &mut callee, "BYE");
    world.take_only("bob", "200");
    world.hung_up("alice");
    let cancel = world.take_only("martin", "CANCEL");
    world.reply("martin", &cancel, 200);
    world.reply("martin", &invite, 487);
    world.finish();
}

#[test]
fn an_answer_crosses_the_hanging_up_of_who_is_transferred() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.reply("martin", &invite, 180);
    world.within("bob", &mut callee, "BYE");
    world.reply_sdp("martin", &invite, 200, "martin");
    world.take_only("martin", "ACK");
    world.hung_up("martin");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn nobody_is_called_whom_the_transferor_might_not_call() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    for target in ["sip:nobody@carillon.local", "sip:someone@elsewhere.example", "mailto:bob"] {
        let text = world.at("alice").in_dialog(&mut caller, "REFER", &format!("Refer-To: <{target}>\r\n"));
        world.send("alice", &text);
        world.take_only("alice", "202");
        let statuses: Vec<String> = (0..2).map(|_| body(&world.take_only("alice", "NOTIFY"))).collect();
        assert!(statuses[1].starts_with("SIP/2.0 4"), "{target}: {statuses:?}");
    }
    for (headers, status) in [
        ("", "400"),
        ("Refer-To: <sip:a@b>, <sip:c@d>\r\n", "400"),
        ("Refer-To: <sip:6003@carillon.local;method=BYE>\r\n", "603"),
    ] {
        let text = world.at("alice").in_dialog(&mut caller, "REFER", headers);
        world.send("alice", &text);
        world.take_only("alice", status);
    }
    world.several_finals = true;
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_second_transfer_waits_for_the_first() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    let text = world.at("bob").in_dialog(&mut callee, "REFER", "Refer-To: <sip:6001@carillon.local>\r\n");
    world.send("bob", &text);
    world.take_only("bob", "491");
    world.reply("martin", &invite, 486);
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_phone_that_refuses_another_session_is_joined_as_it_is() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.taken_by("martin", &invite);
    world.hung_up("alice");
    let invite = world.take_only("bob", "INVITE");
    world.reply("bob", &invite, 488);
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_phone_whose_own_offer_meets_the_new_session_is_offered_it_again() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.taken_by("martin", &invite);
    world.hung_up("alice");
    let invite = world.take_only("bob", "INVITE");
    // Its own one is on its way.
    world.within_sdp("bob", &mut callee, "INVITE", "hold");
    let refused = world.take_only("bob", "491");
    world.within("bob", &mut callee, "ACK");
    assert!(refused.header(Name::CSeq).ends_with("INVITE"));
    world.reply("bob", &invite, 491);
    world.take_only("bob", "ACK");
    world.wait(2_900);
    assert!(!world.has_mail("bob"), "the Call-ID is ours, so that he goes first");
    world.wait(200);
    world.renewed("bob");
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_phone_whose_offers_meet_ours_again_and_again_is_joined_as_it_is() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("alice", &mut caller, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.taken_by("martin", &invite);
    world.hung_up("alice");
    for _ in 0..4 {
        let invite = world.take_only("bob", "INVITE");
        world.reply("bob", &invite, 491);
        world.take_only("bob", "ACK");
        world.wait(3_000);
    }
    assert!(!world.has_mail("bob"));
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}

impl World {
    /// A second call of alice, to martin.
    pub fn consult(&mut self) -> (Dialog, Dialog) {
        self.register(&["martin"]);
        self.offer("alice", "martin");
        let invite = self.take("martin");
        self.reply_sdp("martin", &invite, 200, "martin");
        let mut caller = Dialog::of_caller(&self.take_only("alice", "200"));
        self.within("alice", &mut caller, "ACK");
        self.take_only("martin", "ACK");
        (caller, Dialog::of_callee(&invite, &self.at("martin").clone()))
    }
}

fn tag(party: &str) -> &str {
    party.rsplit("tag=").next().unwrap_or_default()
}

/// Refer-To of an attended transfer: to whom that dialog leads.
pub fn replacing(user: &str, dialog: &Dialog) -> String {
    let Dialog { call_id, local, remote, .. } = dialog;
    let (to, from) = (tag(remote), tag(local));
    format!("sip:{user}@carillon.local?Replaces={call_id}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}")
}

#[test]
fn an_attended_transfer_joins_the_two_others() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    let (consulted, mut martin) = world.consult();
    world.refer("alice", &mut caller, &replacing("martin", &consulted));
    world.hung_up("alice");
    assert_eq!(world.notified("alice"), "SIP/2.0 200 OK\r\n");
    world.hung_up("alice");
    world.renewed("bob");
    world.renewed("martin");
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
    assert_eq!(world.edge.gauges().conducted, 1);
    world.within("martin", &mut martin, "INFO");
    let info = world.take_only("bob", "INFO");
    world.reply("bob", &info, 200);
    world.take_only("martin", "200");
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_transfer_to_one_who_rings_still_rings_him_for_the_other() {
    for names in [true, false] {
        let mut world = World::conducted();
        let (mut caller, mut callee) = world.talk();
        world.register(&["martin"]);
        let sent = world.offer("alice", "martin");
        let first = world.take("martin");
        world.reply("martin", &first, 180);
        let ringing = world.take_only("alice", "180");
        let early = Dialog::of_caller(&ringing);
        // Some phones name whom they have called, some the Contact that he had for them, which is ours.
        let by_contact = ringing.header(Name::Contact);
        let ours = by_contact.trim_start_matches("<sip:").split('@').next().unwrap_or_default().to_owned();
        world.refer("alice", &mut caller, &replacing(if names { "martin" } else { &ours }, &early));
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
        world.finish();
    }
}

#[test]
fn an_attended_transfer_to_a_dialog_of_nobody_leaves_the_call_as_it_was() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    let stranger = Dialog { call_id: "elsewhere".into(), ..caller.clone() };
    world.refer("alice", &mut caller, &replacing("martin", &stranger));
    assert!(world.notified("alice").starts_with("SIP/2.0 481"));
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_subscription_that_is_not_wanted_is_none() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    let headers = "Refer-To: <sip:6003@carillon.local>\r\nRefer-Sub: false\r\n";
    let text = world.at("alice").in_dialog(&mut caller, "REFER", headers);
    world.send("alice", &text);
    assert_eq!(world.take_only("alice", "202").message().unknown(b"Refer-Sub"), Some(&b"false"[..]));
    let invite = world.take("martin");
    world.taken_by("martin", &invite);
    let bye = world.take("alice");
    assert!(bye.text().starts_with("BYE"), "{}", bye.text());
    world.reply("alice", &bye, 200);
    world.renewed("bob");
    world.within("bob", &mut callee, "BYE");
    world.hung_up("martin");
    world.finish();
}
