//! Session timers (RFC 4028) of conducted calls: each leg has its own.

use sip::message::Name;

use super::conducted::{SDP, body};
use super::phone::{Dialog, Got};
use super::world::World;

const TIMER: &str = "Supported: timer\r\nContent-Type: application/sdp\r\n";

impl World {
    /// A call whose ends say that of their sessions; the caller's dialog, the callee's, and the 200 of the caller.
    fn timed(&mut self, caller: &str, callee: &str) -> (Dialog, Dialog, Got) {
        self.register(&["alice", "bob"]);
        self.request("alice", "INVITE", "sip:bob@carillon.local", &format!("{caller}{SDP}"), "alice");
        let invite = self.take("bob");
        let text = self.at("bob").response(&invite, 200, &format!("{callee}{SDP}"), "bob");
        self.send("bob", &text);
        let ok = self.take_only("alice", "200");
        let mut caller = Dialog::of_caller(&ok);
        self.within("alice", &mut caller, "ACK");
        let callee = Dialog::of_callee(&invite, &self.at("bob").clone());
        self.take_only("bob", "ACK");
        self.ladder();
        (caller, callee, ok)
    }
}

#[test]
fn each_leg_agrees_on_its_own_session() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let headers = format!("Session-Expires: 600;refresher=uas\r\n{TIMER}");
    world.request("alice", "INVITE", "sip:bob@carillon.local", &headers, "alice");
    let invite = world.take("bob");
    assert_eq!(invite.header(Name::SessionExpires), "1800");
    assert!(invite.elements(Name::Supported).contains(&"timer".to_owned()));
    world.reply_sdp("bob", &invite, 200, "bob");
    let ok = world.take_only("alice", "200");
    assert_eq!(ok.header(Name::SessionExpires), "600;refresher=uas");
    assert_eq!(ok.header(Name::Require), "timer");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_caller_who_supports_it_refreshes() {
    let mut world = World::conducted();
    let (mut caller, _, ok) = world.timed("Supported: timer\r\n", "");
    assert_eq!(ok.header(Name::SessionExpires), "1800;refresher=uac");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_phone_that_knows_no_session_timer_is_left_alone() {
    let mut world = World::conducted();
    let (mut caller, _, ok) = world.timed("", "");
    assert_eq!(ok.message().count(Name::SessionExpires), 0);
    world.wait(7_200_000);
    assert!(!world.has_mail("alice"), "the session lasts");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_session_that_is_too_short_is_refused_with_the_least() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let headers = format!("Session-Expires: 60\r\n{TIMER}");
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", &headers, "alice");
    let refused = world.take_only("alice", "422");
    assert_eq!(refused.header(Name::MinSe), "90");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    assert!(!world.has_mail("bob"));
    world.finish();
}

#[test]
fn a_phone_that_wants_longer_sessions_is_asked_again() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_with("bob", &invite, 422, "Min-SE: 3600\r\n");
    world.take_only("bob", "ACK");
    let again = world.take("bob");
    assert_eq!(again.header(Name::CallId), invite.header(Name::CallId));
    assert_eq!(again.header(Name::CSeq), "2 INVITE");
    assert_eq!(
        (again.header(Name::SessionExpires), again.header(Name::MinSe)),
        ("3600".into(), "3600".into())
    );
    world.reply_sdp("bob", &again, 200, "bob");
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    assert_eq!(world.take_only("bob", "ACK").header(Name::CSeq), "2 ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn we_refresh_by_update_where_the_phone_knows_it() {
    let mut world = World::conducted();
    let callee = "Allow: INVITE, ACK, BYE, UPDATE\r\nSession-Expires: 200;refresher=uac\r\n";
    let (mut caller, ..) = world.timed("", callee);
    world.wait(100_000);
    let update = world.take_only("bob", "UPDATE");
    assert_eq!(update.header(Name::SessionExpires), "200;refresher=uac");
    assert!(body(&update).is_empty());
    world.reply_with("bob", &update, 200, "Session-Expires: 200;refresher=uac\r\n");
    world.wait(100_000);
    let update = world.take_only("bob", "UPDATE");
    world.reply_with("bob", &update, 200, "Session-Expires: 200;refresher=uas\r\n");
    assert!(!world.has_mail("alice"), "it is no business of hers");
    world.wait(130_000);
    assert!(!world.has_mail("bob"), "now it is his turn");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn we_refresh_by_re_invite_where_it_does_not() {
    let mut world = World::conducted();
    let (mut caller, _, _) = world.timed("Session-Expires: 200;refresher=uas\r\nSupported: timer\r\n", "");
    world.wait(100_000);
    let invite = world.take_only("alice", "INVITE");
    assert_eq!(body(&invite), "bob via media", "the session is what it was");
    assert_eq!(invite.header(Name::SessionExpires), "200;refresher=uac");
    // Glare: her own re-INVITE crosses ours, and both are told to wait (RFC 3261 §14.1).
    world.within_sdp("alice", &mut caller, "INVITE", "hold");
    world.take_only("alice", "491");
    world.reply("alice", &invite, 491);
    world.take_only("alice", "ACK");
    world.wait(1000);
    let invite = world.take_only("alice", "INVITE");
    world.reply_with("alice", &invite, 200, "Session-Expires: 200;refresher=uac\r\n");
    let ack = world.take_only("alice", "ACK");
    assert_eq!(ack.message().cseq().map(|cseq| cseq.number), invite.message().cseq().map(|cseq| cseq.number));
    world.reply_with("alice", &invite, 200, "Session-Expires: 200;refresher=uac\r\n");
    assert_eq!(world.take_only("alice", "ACK"), ack, "a repeated 2xx gets the same ACK");
    assert!(!world.has_mail("bob"));
    world.several_finals = true;
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_phone_that_forgot_to_refresh_is_hung_up_on() {
    let mut world = World::conducted();
    world.timed("Supported: timer\r\nSession-Expires: 90\r\n", "");
    world.wait(60_000);
    let bye = world.take_only("alice", "BYE");
    assert_eq!(bye.header(Name::Reason), "SIP;cause=408;text=\"Session Expired\"");
    world.reply("alice", &bye, 200);
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.expect(
        "60000 bob   < BYE
         60000 alice < BYE
         60000 alice > 200
         60000 bob   > 200",
    );
    world.finish();
}

#[test]
fn a_refresh_of_a_phone_is_answered_by_us_alone() {
    let mut world = World::conducted();
    let (mut caller, ..) = world.timed("Supported: timer\r\nSession-Expires: 90\r\n", "");
    for _ in 0..3 {
        world.wait(45_000);
        let headers = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
        let text = world.at("alice").in_dialog(&mut caller, "UPDATE", headers);
        world.send("alice", &text);
        let ok = world.take_only("alice", "200");
        assert_eq!(ok.header(Name::SessionExpires), "90;refresher=uac");
        assert!(!world.has_mail("bob"));
    }
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_re_invite_refreshes_both_legs() {
    let mut world = World::conducted();
    let (mut caller, ..) =
        world.timed("Supported: timer\r\nSession-Expires: 300\r\n", "Session-Expires: 300;refresher=uac\r\n");
    world.wait(140_000);
    let text = world.at("alice").in_dialog(
        &mut caller,
        "INVITE",
        "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n",
    );
    world.send("alice", &text);
    let invite = world.take_only("bob", "INVITE");
    assert_eq!(invite.header(Name::SessionExpires), "300;refresher=uac");
    let text = world.at("bob").response(
        &invite,
        200,
        &format!("Session-Expires: 300;refresher=uac\r\n{SDP}"),
        "bob",
    );
    world.send("bob", &text);
    assert_eq!(world.take_only("alice", "200").header(Name::SessionExpires), "300;refresher=uac");
    world.within_sdp("alice", &mut caller, "ACK", "alice");
    world.take_only("bob", "ACK");
    world.wait(140_000);
    assert!(!world.has_mail("bob") && !world.has_mail("alice"));
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_phone_that_does_not_answer_our_refresh_is_gone() {
    let mut world = World::conducted();
    let (..) = world.timed("", "Allow: UPDATE\r\nSession-Expires: 400;refresher=uac\r\n");
    world.wait(200_000);
    let update = world.take_only("bob", "UPDATE");
    world.reply("bob", &update, 481);
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 481);
    world.finish();
}
