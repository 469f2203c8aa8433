//! Calls that are parked and taken back, and pickup within a group.

use std::sync::Arc;
use std::time::Duration;

use sip::message::Name;

use super::phone::Dialog;
use super::services::Pace;
use super::world::{Setup, World};
use crate::core::route::{Call, Decision, Directly, Routes, Step};

/// Users by name; a menu at 7000; calls wait at 701 and 702, or at 700 for the first of them, for a minute; bob and martin pick up each other's calls.
pub struct Office;

impl Routes for Office {
    fn decide(&self, call: &Call<'_>) -> Decision {
        match self.park(call.to_user) {
            None if call.to_user == "7000" => Decision {
                rule: "menu".into(),
                steps: [Step::Application { purpose: "desk/main".into(), needs_user: false }].into(),
            },
            _ if call.to_user == "700" => Directly.decide(call),
            Some(_) => Decision {
                rule: "park".into(),
                steps: [Step::Answer { status: 404, reason: Some("Nobody Is Parked Here".into()) }].into(),
            },
            None => Directly.decide(call),
        }
    }

    fn park(&self, number: &str) -> Option<Duration> {
        ["701", "702"].contains(&number).then_some(Duration::from_secs(60))
    }

    fn park_anywhere(&self, number: &str, place: u64) -> Option<(Box<str>, Duration)> {
        let slot = ["701", "702"].get(usize::try_from(place).ok()?).filter(|_| number == "700")?;
        Some(((*slot).into(), Duration::from_secs(60)))
    }

    fn music(&self, _: Option<&str>, holder: Option<&str>) -> Option<&str> {
        holder.filter(|holder| ["martin", "6003"].contains(holder)).map(|_| "martin.wav")
    }

    fn pick_up_together(&self, one: &[&str], other: &[&str]) -> bool {
        let has = |user: &[&str]| user.iter().any(|name| ["bob", "martin"].contains(name));
        has(one) && has(other)
    }
}

pub fn office() -> World {
    World::conducted_with(Setup { routes: Arc::new(Office), ..Setup::default() })
}

impl World {
    /// Bob parks alice at 701, and is gone: her dialog.
    pub fn parked(&mut self) -> Dialog {
        let (caller, mut callee) = self.talk();
        self.register(&["martin"]);
        self.refer("bob", &mut callee, "sip:701@carillon.local");
        assert_eq!(self.notified("bob"), "SIP/2.0 200 OK\r\n");
        self.hung_up("bob");
        assert!(self.services.media.iter().any(|asked| asked.starts_with("play 0 ")), "music");
        self.renewed("alice");
        caller
    }

    /// Martin dials the slot and has alice: his dialog.
    pub fn retrieved_by_martin(&mut self) -> Dialog {
        self.offer("martin", "701");
        let mut martin = Dialog::of_caller(&self.take_only("martin", "200"));
        self.within("martin", &mut martin, "ACK");
        self.renewed("alice");
        let joined = self.services.media.last().map(String::as_str);
        assert!(joined.is_some_and(|joined| joined.starts_with("bridge 0 ")), "{joined:?}");
        martin
    }

    pub fn refused(&mut self, user: &str, status: &str) {
        let sent = self.offer("martin", user);
        let refused = self.take_only("martin", status);
        self.hop_by_hop("martin", "ACK", &sent, Some(&refused));
    }
}

#[test]
fn a_call_is_parked_and_taken_back_from_any_phone() {
    let mut world = office();
    world.parked();
    let mut martin = world.retrieved_by_martin();
    assert!(world.services.media.contains(&"stop 0 #0".to_owned()), "{:?}", world.services.media);
    // The slot is free again.
    world.refused("701", "404");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn who_holds_or_parks_somebody_says_what_he_hears() {
    let mut world = office();
    world.register(&["alice", "martin"]);
    world.offer("alice", "martin");
    let invite = world.take("martin");
    world.reply_sdp("martin", &invite, 200, "martin");
    let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut alice, "ACK");
    world.take_only("martin", "ACK");
    let mut martin = Dialog::of_callee(&invite, &world.at("martin").clone());
    let hold = "v=0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n";
    for (who, other, heard) in
        [("martin", "alice", "play 0 #1 martin.wav"), ("alice", "martin", "play 1 #2 tone")]
    {
        let dialog = if who == "martin" { &mut martin } else { &mut alice };
        for offer in [hold, "v=0\r\na=sendrecv\r\n"] {
            world.within_sdp(who, dialog, "INVITE", offer);
            let invite = world.take_only(other, "INVITE");
            world.reply_sdp(other, &invite, 200, other);
            world.take_only(who, "200");
            world.within(who, dialog, "ACK");
            world.take_only(other, "ACK");
            if offer == hold {
                assert_eq!(world.services.media.last().map(String::as_str), Some(heard));
            }
        }
    }
    world.refer("martin", &mut martin, "sip:701@carillon.local");
    world.hung_up("martin");
    assert!(world.services.media.contains(&"play 0 #3 martin.wav".to_owned()), "{:?}", world.services.media);
    world.renewed("alice");
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    world.finish();
}

#[test]
fn nobody_is_parked_there() {
    let mut world = office();
    world.register(&["martin"]);
    world.refused("702", "404");
    world.finish();
}

#[test]
fn who_is_parked_gives_up() {
    let mut world = office();
    let mut alice = world.parked();
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    world.refused("701", "404");
    world.finish();
}

#[test]
fn a_slot_that_is_taken_is_refused_and_the_call_goes_on() {
    let mut world = office();
    let mut alice = world.parked();
    world.phone("carol", "alice", sip::transport::Transport::Udp, "10.0.0.9:5060");
    world.register(&["carol"]);
    world.request("carol", "INVITE", "sip:martin@carillon.local", super::conducted::SDP, "carol");
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

#[test]
fn who_parked_a_call_is_rung_back_and_takes_it() {
    let mut world = office();
    let mut alice = world.parked();
    world.wait(60_000);
    let invite = world.take("bob");
    assert!(invite.header(Name::From).starts_with("<sip:alice@carillon.local>"), "{}", invite.text());
    world.taken_by("bob", &invite);
    world.renewed("alice");
    world.refused("701", "404");
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    world.hung_up("bob");
    world.finish();
}

#[test]
fn who_parked_a_call_does_not_want_it_back_and_after_three_times_it_ends() {
    let mut world = office();
    world.parked();
    for _ in 0..3 {
        world.wait(60_000);
        let invite = world.take_only("bob", "INVITE");
        world.reply("bob", &invite, 486);
        world.take_only("bob", "ACK");
    }
    world.wait(60_000);
    let bye = world.hung_up("alice");
    assert_eq!(bye.header(Name::Reason), "SIP;cause=480;text=\"Nobody Retrieved The Call\"");
    world.finish();
}

#[test]
fn a_call_is_taken_back_while_who_parked_it_is_rung() {
    let mut world = office();
    world.parked();
    world.wait(60_000);
    let invite = world.take_only("bob", "INVITE");
    world.reply("bob", &invite, 180);
    let mut martin = world.retrieved_by_martin();
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    world.take_only("bob", "ACK");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn who_parked_a_call_answers_as_it_is_taken_back() {
    let mut world = office();
    world.parked();
    world.wait(60_000);
    let invite = world.take_only("bob", "INVITE");
    let mut martin = world.retrieved_by_martin();
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("bob", "ACK");
    world.hung_up("bob");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn two_dial_the_slot_at_once_and_the_second_is_told_that_it_is_busy() {
    let mut world = office();
    let mut alice = world.parked();
    world.services.pace = Pace::Held;
    world.offer("martin", "701");
    world.release_one();
    let sent = world.request("bob", "INVITE", "sip:701@carillon.local", super::conducted::SDP, "bob");
    // The keys of bob, behind the media of martin.
    world.services.answers.rotate_left(1);
    world.release_one();
    let refused = world.take_only("bob", "486");
    world.hop_by_hop("bob", "ACK", &sent, Some(&refused));
    world.services.pace = Pace::Now;
    world.release();
    let mut martin = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut martin, "ACK");
    world.renewed("alice");
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn who_is_parked_hangs_up_as_he_is_taken_back() {
    let mut world = office();
    let mut alice = world.parked();
    world.services.pace = Pace::Held;
    let sent = world.offer("martin", "701");
    world.release_one();
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    let refused = world.take_only("martin", "487");
    world.hop_by_hop("martin", "ACK", &sent, Some(&refused));
    world.services.pace = Pace::Now;
    world.release();
    world.finish();
}

#[test]
fn two_dial_the_slot_and_one_has_the_call() {
    let mut world = office();
    let mut alice = world.parked();
    world.retrieved_by_martin();
    let sent = world.request("bob", "INVITE", "sip:701@carillon.local", super::conducted::SDP, "bob");
    let refused = world.take_only("bob", "404");
    world.hop_by_hop("bob", "ACK", &sent, Some(&refused));
    world.within("alice", &mut alice, "BYE");
    world.take_only("alice", "200");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_call_of_ones_own_group_is_picked_up_by_the_code_alone() {
    let mut world = office();
    world.register(&["alice", "bob", "martin"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.take_only("alice", "180");
    world.offer("martin", "*8");
    let mut martin = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut martin, "ACK");
    let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut alice, "ACK");
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    world.take_only("bob", "ACK");
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn a_call_of_another_group_is_not_picked_up_by_the_code_alone() {
    let mut world = office();
    world.register(&["alice", "bob", "martin"]);
    let sent = world.offer("bob", "alice");
    let invite = world.take("alice");
    world.reply("alice", &invite, 180);
    world.take_only("bob", "180");
    world.refused("*8", "404");
    world.hop_by_hop("bob", "CANCEL", &sent, None);
    world.take_only("bob", "200");
    let cancel = world.take_only("alice", "CANCEL");
    world.reply("alice", &cancel, 200);
    world.reply("alice", &invite, 487);
    let refused = world.take_only("bob", "487");
    world.hop_by_hop("bob", "ACK", &sent, Some(&refused));
    world.finish();
}

#[test]
fn who_gives_a_pickup_up_leaves_the_call_to_others() {
    let mut world = office();
    world.register(&["alice", "bob", "martin"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.take_only("alice", "180");
    // The media server is slow: his CANCEL comes before the answer to him is there.
    world.services.pace = Pace::Held;
    let gone = world.offer("martin", "*8");
    world.release_one();
    assert_eq!(world.services.media.last().map(String::as_str), Some("attend 2 offer alice"));
    world.hop_by_hop("martin", "CANCEL", &gone, None);
    world.take_only("martin", "200");
    let refused = world.take_only("martin", "487");
    world.hop_by_hop("martin", "ACK", &gone, Some(&refused));
    world.services.pace = Pace::Now;
    world.release();
    world.offer("martin", "*8");
    let mut martin = Dialog::of_caller(&world.take_only("martin", "200"));
    world.within("martin", &mut martin, "ACK");
    let mut alice = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut alice, "ACK");
    world.silenced(&invite);
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}
