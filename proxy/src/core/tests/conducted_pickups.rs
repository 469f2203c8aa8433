//! Pickup of calls that ring, taking over of calls that stand (RFC 3891), and music on hold.

use sip::message::Name;

use super::conducted::{SDP, body};
use super::phone::{Dialog, Got};
use super::world::World;

const HOLD: &str = "v=0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n";

pub fn tag(party: &str) -> &str {
    party.rsplit("tag=").next().unwrap_or_default()
}

impl World {
    /// A call that rings at bob's, and martin's phone is there.
    pub fn rings_at_bob(&mut self) -> (Got, Got) {
        self.register(&["alice", "bob", "martin"]);
        let sent = self.offer("alice", "bob");
        let invite = self.take("bob");
        self.reply("bob", &invite, 180);
        self.take_only("alice", "180");
        (sent, invite)
    }

    /// Martin picks it up by the code, and both ends acknowledge: the dialogs of martin and alice.
    pub fn picked_by_martin(&mut self) -> (Dialog, Dialog) {
        self.offer("martin", "*86002");
        self.both_answered()
    }

    pub fn both_answered(&mut self) -> (Dialog, Dialog) {
        let ok = self.take_only("martin", "200");
        assert_eq!(body(&ok), "media answers");
        let mut martin = Dialog::of_caller(&ok);
        self.within("martin", &mut martin, "ACK");
        let ok = self.take_only("alice", "200");
        assert_eq!(body(&ok), "media answers");
        let mut alice = Dialog::of_caller(&ok);
        self.within("alice", &mut alice, "ACK");
        (martin, alice)
    }

    pub fn silenced(&mut self, invite: &Got) {
        let cancel = self.take_only("bob", "CANCEL");
        self.reply("bob", &cancel, 200);
        self.reply("bob", invite, 487);
    }
}

#[test]
fn a_call_that_rings_is_picked_up_by_code_and_extension() {
    let mut world = World::conducted();
    let (_, invite) = world.rings_at_bob();
    let (mut martin, _) = world.picked_by_martin();
    world.silenced(&invite);
    assert!(world.services.media.contains(&"bridge 0 2".to_owned()), "{:?}", world.services.media);
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    world.finish();
}

#[test]
fn a_call_that_rings_is_picked_up_by_its_dialog() {
    let mut world = World::conducted();
    let (_, invite) = world.rings_at_bob();
    let (call_id, ours) = (invite.header(Name::CallId), invite.header(Name::From));
    let replaces = format!("Replaces: {call_id};to-tag=bob-tag;from-tag={};early-only\r\n{SDP}", tag(&ours));
    world.request("martin", "INVITE", "sip:bob@carillon.local", &replaces, "martin");
    let (_, mut alice) = world.both_answered();
    world.silenced(&invite);
    world.within("alice", &mut alice, "BYE");
    let bye = world.take_only("martin", "BYE");
    world.reply("martin", &bye, 200);
    world.finish();
}

#[test]
fn nothing_rings_there_to_be_picked_up() {
    let mut world = World::conducted();
    world.register(&["martin"]);
    let sent = world.offer("martin", "*86002");
    let refused = world.take_only("martin", "404");
    world.hop_by_hop("martin", "ACK", &sent, Some(&refused));
    world.finish();
}

#[test]
fn an_answer_crosses_a_pickup() {
    let mut world = World::conducted();
    let (_, invite) = world.rings_at_bob();
    let (mut martin, _) = world.picked_by_martin();
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("bob", "ACK");
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.within("martin", &mut martin, "BYE");
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    world.finish();
}

#[test]
fn who_picks_up_hangs_up_and_both_are_done() {
    let mut world = World::conducted();
    let (_, invite) = world.rings_at_bob();
    let (_, mut alice) = world.picked_by_martin();
    world.silenced(&invite);
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    let bye = world.take_only("martin", "BYE");
    world.reply("martin", &bye, 200);
    world.finish();
}

#[test]
fn a_call_that_stands_is_taken_over_by_its_dialog() {
    let mut world = World::conducted();
    let (caller, mut callee) = world.talk();
    world.register(&["martin"]);
    let Dialog { call_id, local, remote, .. } = &caller;
    let early = |only: &str| {
        format!("Replaces: {call_id};to-tag={};from-tag={}{only}\r\n{SDP}", tag(remote), tag(local))
    };
    let headers = early(";early-only");
    let sent = world.request("martin", "INVITE", "sip:bob@carillon.local", &headers, "martin");
    let refused = world.take_only("martin", "486");
    world.hop_by_hop("martin", "ACK", &sent, Some(&refused));
    world.request("martin", "INVITE", "sip:bob@carillon.local", &early(""), "martin");
    let mut martin = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut martin, "ACK");
    let bye = world.take_only("alice", "BYE");
    assert_eq!(bye.header(Name::Reason), "SIP;cause=200;text=\"Replaced\"");
    world.reply("alice", &bye, 200);
    let invite = world.take_only("bob", "INVITE");
    world.reply_sdp("bob", &invite, 200, "bob again");
    world.take_only("bob", "ACK");
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 1 2"));
    world.within("bob", &mut callee, "BYE");
    let bye = world.take_only("martin", "BYE");
    world.reply("martin", &bye, 200);
    world.finish();
}

#[test]
fn who_is_on_hold_hears_music_until_he_is_taken_back() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    for (offer, asked) in [(HOLD, "play 1 #1 tone"), ("v=0\r\na=sendrecv\r\n", "stop 1 #0")] {
        world.within_sdp("alice", &mut caller, "INVITE", offer);
        let invite = world.take_only("bob", "INVITE");
        world.reply_sdp("bob", &invite, 200, "bob");
        world.take_only("alice", "200");
        world.within("alice", &mut caller, "ACK");
        world.take_only("bob", "ACK");
        assert_eq!(world.services.media.last().map(String::as_str), Some(asked));
    }
    world.say_goodbye(&mut caller);
    world.finish();
}
