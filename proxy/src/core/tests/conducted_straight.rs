//! Calls that are conducted since an application may get them, and whose media go from phone to phone until somebody
//! needs the media server.

use std::sync::Arc;

use sip::message::Name;
use sip::transport::Transport;

use super::applications::step;
use super::conducted::{SDP, body};
use super::conducted_parks::Office;
use super::phone::{Dialog, Got};
use super::plan::ring;
use super::services::Pace;
use super::world::{Setup, World};
use crate::config::{Anchor, ProxyConfig};
use crate::core::route::{Call, Decision, Routes, Strategy};

/// An office in which bob has a mailbox.
struct Mailboxes;

impl Routes for Mailboxes {
    fn decide(&self, call: &Call<'_>) -> Decision {
        let known = Office.decide(call);
        if call.to_user != "bob" {
            return known;
        }
        let steps = [ring(&[call.to_user], Some(10), Strategy::All), step("voicemail/deposit")];
        Decision { rule: "mailbox".into(), steps: steps.into() }
    }

    fn park(&self, number: &str) -> Option<std::time::Duration> {
        Office.park(number)
    }

    fn music(&self, _: Option<&str>, holder: Option<&str>) -> Option<&str> {
        holder.filter(|holder| *holder == "martin").map(|_| "")
    }
}

fn office_of(anchor: Option<Anchor>) -> World {
    let config = ProxyConfig { anchor, ..ProxyConfig::default() };
    World::with(Setup { config, routes: Arc::new(Mailboxes) })
}

fn office() -> World {
    office_of(None)
}

fn described(origin: &str, more: &str) -> String {
    format!("v=0\r\no={origin}\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n{more}")
}

/// A phone holds or takes back whom it talks with; what the other one was offered.
fn hold(world: &mut World, dialog: &mut Dialog, offer: &str) -> String {
    world.within_sdp("alice", dialog, "INVITE", offer);
    let invite = world.take_only("bob", "INVITE");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("alice", "200");
    world.within("alice", dialog, "ACK");
    world.take_only("bob", "ACK");
    body(&invite)
}

#[test]
fn what_one_phone_says_of_its_session_is_told_to_the_other_as_it_is() {
    let mut world = office();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    assert_eq!(body(&invite), "alice");
    world.reply("bob", &invite, 180);
    world.take_only("alice", "180");
    world.reply_sdp("bob", &invite, 200, "bob");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    world.say_goodbye(&mut caller);
    world.asked_media(&[]);
    assert_eq!(world.edge.counters().calls_conducted, 1);
    world.finish();
}

#[test]
fn a_late_offer_and_its_answer_go_straight() {
    let mut world = office();
    world.register(&["alice", "bob"]);
    world.request("alice", "INVITE", "sip:bob@carillon.local", "", "");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob");
    let mut caller = Dialog::of_caller(&ok);
    world.within_sdp("alice", &mut caller, "ACK", "alice");
    assert_eq!(body(&world.take_only("bob", "ACK")), "alice");
    world.say_goodbye(&mut caller);
    world.asked_media(&[]);
    world.finish();
}

#[test]
fn a_hold_lets_the_media_server_in_for_its_music_and_there_it_stays() {
    let mut world = office();
    let (mut caller, _) = world.talk();
    let held = described("alice 1 1 IN IP4 10.0.0.1", "a=sendonly\r\n");
    let offered = hold(&mut world, &mut caller, &held);
    assert!(offered.ends_with("a=sendonly\r\n via media"), "{offered}");
    let asked = |what: &str| format!("{what} {held}").trim_end().to_owned();
    let media = std::mem::take(&mut world.services.media);
    assert_eq!(media[0].trim_end(), asked("offer 0.0 1.0"));
    assert_eq!(media[1..], ["answer 1.0 0.0 bob", "play 1 #1 tone"]);
    let offered = hold(&mut world, &mut caller, "alice again");
    assert_eq!(offered, "alice again via media");
    world.asked_media(&["offer 0.0 1.0 alice again", "answer 1.0 0.0 bob", "stop 1 #0"]);
    world.say_goodbye(&mut caller);
    world.asked_media(&["release"]);
    world.finish();
}

#[test]
fn a_hold_is_silent_where_nothing_is_played_or_nobody_can() {
    for (pace, held) in [
        (Pace::Broken, described("alice 1 1 IN IP4 10.0.0.1", "a=sendonly\r\n")),
        (Pace::Now, described("alice 1 1 IN IP4 10.0.0.1", "a=sendonly\r\n").replace("RTP/AVP", "RTP/SAVP")),
    ] {
        let mut world = office();
        let (mut caller, _) = world.talk();
        world.services.pace = pace;
        assert_eq!(hold(&mut world, &mut caller, &held), held);
        world.services.media.clear();
        world.services.pace = Pace::Now;
        assert_eq!(hold(&mut world, &mut caller, "alice again"), "alice again");
        world.say_goodbye(&mut caller);
        assert!(!world.services.media.iter().any(|asked| asked.starts_with("offer")));
        world.finish();
    }
}

#[test]
fn each_phone_sees_one_session_whose_version_grows_though_the_other_begins_another() {
    let mut world = office();
    world.register(&["alice", "bob"]);
    let offer = described("alice 1 1 IN IP4 10.0.0.1", "");
    world.request("alice", "INVITE", "sip:bob@carillon.local", SDP, &offer);
    let invite = world.take("bob");
    assert_eq!(body(&invite), offer);
    let answer = described("bob 70 7 IN IP4 10.0.0.2", "");
    world.reply_sdp("bob", &invite, 200, &answer);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), answer);
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    let offer = described("other 99 5 IN IP4 10.0.0.7", "a=x\r\n");
    world.within_sdp("alice", &mut caller, "INVITE", &offer);
    let invite = world.take_only("bob", "INVITE");
    assert_eq!(body(&invite), described("alice 1 2 IN IP4 10.0.0.1", "a=x\r\n"));
    world.reply_sdp("bob", &invite, 200, &described("new 5 5 IN IP4 10.0.0.8", "a=y\r\n"));
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), described("bob 70 8 IN IP4 10.0.0.2", "a=y\r\n"));
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_transfer_brings_who_is_left_to_the_media_server() {
    let mut world = office();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("bob", &mut callee, "sip:6003@carillon.local");
    let invite = world.take("martin");
    assert_eq!(body(&invite), "media offers");
    world.taken_by("martin", &invite);
    world.notified("bob");
    world.hung_up("bob");
    world.renewed("alice");
    assert_eq!(world.services.media.last().map(String::as_str), Some("bridge 0 2"));
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    world.hung_up("martin");
    world.finish();
}

#[test]
fn a_transfer_that_fails_leaves_two_phones_that_talk_straight() {
    let mut world = office();
    let (mut caller, mut callee) = world.talk();
    world.register(&["martin"]);
    world.refer("bob", &mut callee, "sip:6003@carillon.local");
    let invite = world.take("martin");
    world.reply("martin", &invite, 486);
    assert_eq!(world.notified("bob"), "SIP/2.0 486 Busy Here\r\n");
    world.services.media.clear();
    assert_eq!(hold(&mut world, &mut caller, "alice again"), "alice again");
    world.asked_media(&[]);
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn who_is_parked_hears_music_once_the_media_server_talks_to_him() {
    let mut world = office();
    let (mut caller, mut callee) = world.talk();
    world.refer("bob", &mut callee, "sip:701@carillon.local");
    world.notified("bob");
    world.hung_up("bob");
    world.asked_media(&["attend 0 nothing"]);
    world.renewed("alice");
    world.asked_media(&["attend 0 answer alice again", "play 0 #1 tone"]);
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    world.finish();
}

#[test]
fn a_call_that_rings_straight_is_picked_up() {
    let mut world = office();
    let (_, invite) = world.rings_at_bob();
    let (mut martin, _) = world.picked_by_martin();
    world.silenced(&invite);
    assert!(world.services.media.contains(&"bridge 0 2".to_owned()), "{:?}", world.services.media);
    world.within("martin", &mut martin, "BYE");
    world.take_only("martin", "200");
    world.hung_up("alice");
    world.finish();
}

#[test]
fn early_media_of_a_phone_are_ringing_and_what_it_answered_reliably_is_its_answer() {
    let mut world = office();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    let early =
        world.at("bob").response(&invite, 183, &format!("Require: 100rel\r\nRSeq: 1\r\n{SDP}"), "bob");
    world.send("bob", &early);
    let prack = world.take_only("bob", "PRACK");
    world.reply("bob", &prack, 200);
    assert_eq!(body(&world.take_only("alice", "180")), "");
    world.reply("bob", &invite, 200);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    world.say_goodbye(&mut caller);
    world.asked_media(&[]);
    world.finish();
}

fn ring_bob(world: &mut World) -> (Got, Got) {
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    (sent, world.take("bob"))
}

fn give_up(mut world: World, sent: &Got, invite: &Got) {
    world.reply("bob", invite, 180);
    world.hop_by_hop("alice", "CANCEL", sent, None);
    world.silenced(invite);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", sent, Some(&terminated));
    world.finish();
}

#[test]
fn phones_that_cannot_reach_each_other_talk_through_the_media_server() {
    type Change = fn(&mut World);
    let nat: Change = |world| world.at("bob").local = "192.168.1.5:5060".parse().expect("an address");
    let of_caller: Change = |world| world.at("alice").local = "192.168.1.6:5060".parse().expect("an address");
    for (anchor, change, expected) in [
        (None, nat, "alice via media"),
        (None, of_caller, "alice via media"),
        (Some(Anchor::Nat), nat, "alice via media"),
        (Some(Anchor::Never), nat, "alice"),
        (Some(Anchor::Always), (|_| ()) as Change, "alice via media"),
        (Some(Anchor::Nat), (|_| ()) as Change, "alice"),
    ] {
        let mut world = office_of(anchor);
        change(&mut world);
        let (sent, invite) = ring_bob(&mut world);
        assert_eq!(body(&invite), expected, "{anchor:?}");
        give_up(world, &sent, &invite);
    }
}

#[test]
fn who_is_no_user_of_ours_is_heard_before_he_answers_and_a_phone_after_him_is_offered_the_same() {
    let mut world = office();
    world.phone("trunk", "trunk", Transport::Udp, "192.0.2.9:5060");
    let (_, invite) = ring_bob(&mut world);
    let moved = world.at("bob").response(&invite, 302, "Contact: <sip:0039@192.0.2.9:5060>\r\n", "");
    world.send("bob", &moved);
    let invite = world.take_only("trunk", "INVITE");
    assert_eq!(body(&invite), "alice via media");
    world.reply_sdp("trunk", &invite, 183, "announcement");
    let early = world.take_only("alice", "183");
    assert_eq!(body(&early), "announcement via media");
    world.reply_sdp("trunk", &invite, 200, "trunk");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "trunk via media");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.take_only("trunk", "ACK");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    world.hung_up("trunk");
    assert_eq!(ok.message().count(Name::Contact), 1);
    world.finish();
}
