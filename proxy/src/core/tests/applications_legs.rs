//! Calls that an application sends elsewhere, and legs that it calls itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proto::application::Command;
use proto::media::{Ended, Leg, MediaEvent, Repeat};
use sip::message::Name;

use super::applications::{play, played, record, silenced, step};
use super::conducted::body;
use super::phone::{Dialog, Got};
use super::plan::ring;
use super::services::Pace;
use super::world::{Setup, World};
use crate::core::route::{Call, Decision, Directly, Routes, Step, Strategy};

/// Steps by number; other numbers are users.
pub struct Numbers(pub BTreeMap<&'static str, Vec<Step>>);

impl Routes for Numbers {
    fn decide(&self, call: &Call<'_>) -> Decision {
        match self.0.get(call.to_user) {
            Some(steps) => Decision { rule: call.to_user.into(), steps: steps.clone().into() },
            None => Directly.decide(call),
        }
    }
}

/// 7000 is a menu, 6002 bob with voicemail behind, 6003 martin without.
pub fn company() -> World {
    let bob = vec![ring(&["bob"], Some(10), Strategy::All), step("voicemail/deposit")];
    let numbers = BTreeMap::from([
        ("7000", vec![step("desk/main")]),
        ("7001", vec![step("desk/main"), ring(&["martin"], None, Strategy::All)]),
        ("6002", bob),
    ]);
    let mut world = World::with(Setup { routes: Arc::new(Numbers(numbers)), ..Setup::default() });
    world.register(&["alice", "bob", "martin"]);
    world
}

pub fn transfer(target: &str) -> Command {
    Command::Transfer { leg: 0, target: target.into() }
}

pub fn dial(leg: u32, target: &str) -> Command {
    Command::Dial { leg, target: target.into(), within: Duration::from_secs(20) }
}

pub fn bridge(leg: u32, with: Option<u32>) -> Command {
    Command::Bridge { leg, with }
}

/// Takes the INVITE of a leg that is rung.
pub fn rung(world: &mut World, who: &'static str) -> Got {
    let invite = world.take_only(who, "INVITE");
    assert_eq!(body(&invite), "media offers");
    invite
}

pub fn answers(world: &mut World, who: &'static str, invite: &Got) -> Dialog {
    world.reply_sdp(who, invite, 200, who);
    world.take_only(who, "ACK");
    Dialog::of_callee(invite, &world.at(who).clone())
}

pub fn leaves(world: &mut World, who: &'static str) {
    let bye = world.take_only(who, "BYE");
    world.reply(who, &bye, 200);
}

#[test]
fn a_menu_sends_its_caller_to_a_user() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, play("menu"));
    world.say(3, transfer("6003"));
    let invite = rung(&mut world, "martin");
    assert_eq!(invite.uri(), "sip:martin@10.0.0.3:5060");
    assert_eq!(invite.header(Name::To), "<sip:6003@carillon.local>");
    assert!(invite.header(Name::From).starts_with("<sip:alice@carillon.local>;tag="), "{}", invite.text());
    assert_eq!(invite.header(Name::Diversion), "<sip:7000@carillon.local>;reason=unconditional;counter=1");
    assert_eq!(invite.message().count(Name::ProxyAuthorization), 0);
    world.reply("martin", &invite, 180);
    world.told(&[]);
    let mut callee = answers(&mut world, "martin", &invite);
    world.told(&["3 ended Transferred"]);
    world.asked_media(&[
        "play 0 #1 menu",
        "attend 1 nothing",
        "play 0 #2 tone",
        "attend 1 answer martin",
        "stop 0 #0",
        "bridge 0 1",
        "stop 0 #0",
    ]);
    world.within_sdp("martin", &mut callee, "INVITE", "hold");
    let hold = world.take_only("alice", "INVITE");
    assert_eq!(body(&hold), "hold via media");
    world.reply_sdp("alice", &hold, 200, "held");
    world.take_only("martin", "200");
    world.within("martin", &mut callee, "ACK");
    world.take_only("alice", "ACK");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "200");
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn a_transfer_ends_at_voicemail_when_nobody_answers() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, transfer("6002"));
    let invite = rung(&mut world, "bob");
    world.reply("bob", &invite, 180);
    world.wait(10_000);
    world.told(&["3 ended Transferred", "1 started voicemail/deposit alice/6001>bob/6002 6002 NoAnswer"]);
    silenced(&mut world, "bob", &invite);
    world.say(1, Command::Answer);
    world.told(&["2 answered 0"]);
    world.say(2, record());
    world.bye(&mut caller);
    world.media_event(super::applications::recorded(2, Ended::Stopped));
    world.told(&["3 recorded 0 2 new.wav Stopped", "4 ended Caller"]);
    world.finish();
}

#[test]
fn a_mailbox_is_reached_without_ringing() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, transfer("voicemail/deposit:bob"));
    let said = "1 started voicemail/deposit alice/6001>bob/6002 voicemail/deposit:bob Menu";
    world.told(&["3 ended Transferred", said]);
    world.say(1, transfer("voicemail/deposit:nobody"));
    world.told(&["2 refused 1"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn a_transfer_that_fails_leaves_the_caller_with_the_application() {
    let mut world = company();
    let mut caller = world.attended();
    for (id, target) in [(2, "nobody"), (4, "sip:x@example.net"), (6, "6003")] {
        world.say(id, transfer(target));
        if target == "6003" {
            let invite = rung(&mut world, "martin");
            world.reply("martin", &invite, 486);
        }
        let number = id / 2 + 2;
        world.told(&[&format!("{number} refused {id}")]);
    }
    world.say(7, play("sorry"));
    world.media_event(played(4, Ended::Complete));
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn a_call_is_sent_on_five_times_at_most() {
    let mut world = company();
    let mut caller = world.attended();
    for id in 2..9 {
        world.say(id, transfer("nobody"));
    }
    assert_eq!(world.services.asked.iter().filter(|asked| *asked == "find nobody").count(), 5);
    assert_eq!(world.services.told.len(), 7);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn the_caller_hangs_up_while_a_transfer_rings() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, transfer("6003"));
    let invite = rung(&mut world, "martin");
    world.reply("martin", &invite, 180);
    world.bye(&mut caller);
    let cancel = world.take_only("martin", "CANCEL");
    world.reply_sdp("martin", &invite, 200, "martin");
    world.reply("martin", &cancel, 200);
    world.take_only("martin", "ACK");
    leaves(&mut world, "martin");
    world.told(&["3 ended Caller"]);
    world.finish();
}

#[test]
fn the_caller_hangs_up_while_the_media_server_hears_of_the_answer() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, transfer("6003"));
    let invite = rung(&mut world, "martin");
    world.services.pace = Pace::Held;
    world.reply_sdp("martin", &invite, 200, "martin");
    world.take_only("martin", "ACK");
    world.bye(&mut caller);
    world.services.pace = Pace::Now;
    world.release();
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn an_application_leaves_while_its_transfer_rings() {
    for answered in [true, false] {
        let mut world = company();
        let mut caller = world.attended();
        world.say(2, transfer("6003"));
        let invite = rung(&mut world, "martin");
        world.reply("martin", &invite, 180);
        world.finish_run(Ok(()));
        if answered {
            answers(&mut world, "martin", &invite);
            world.bye(&mut caller);
            leaves(&mut world, "martin");
        } else {
            world.reply("martin", &invite, 486);
            assert_eq!(world.services.media.last().map(String::as_str), Some("play 0 #2 clip"));
            world.media_event(played(2, Ended::Complete));
            leaves(&mut world, "alice");
        }
        world.told(&[]);
        world.finish();
    }
}

#[test]
fn an_answered_call_that_is_given_back_goes_to_the_next_step() {
    let mut world = company();
    world.offer("alice", "7001");
    world.say(1, Command::Answer);
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    world.finish_run(Err(proto::ServiceError::Gone));
    let invite = rung(&mut world, "martin");
    answers(&mut world, "martin", &invite);
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn an_answered_call_that_nobody_takes_ends_with_an_apology() {
    for heard in [true, false] {
        let mut world = company();
        world.attended();
        world.finish_run(Err(proto::ServiceError::Gone));
        world.asked_media(&["play 0 #1 clip"]);
        if heard {
            world.media_event(played(1, Ended::Complete));
        } else {
            world.wait(15_100);
        }
        leaves(&mut world, "alice");
        world.finish();
    }
}

#[test]
fn an_application_calls_somebody_and_joins_him_with_its_caller() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    assert_eq!(invite.message().count(Name::Diversion), 0);
    world.reply("martin", &invite, 180);
    let mut callee = answers(&mut world, "martin", &invite);
    world.told(&["3 dialled 1 2 Ringing", "4 answered 1"]);
    world.say(3, bridge(0, Some(1)));
    world.say(4, Command::Hold { leg: 1, on: true });
    world.say(5, Command::Hold { leg: 1, on: false });
    world.media_event(MediaEvent::Digit {
        leg: Leg::new(1),
        digit: '*',
        how: proto::media::DigitForm::Event,
    });
    let text = world.at("martin").in_dialog(&mut callee, "INFO", "");
    world.send("martin", &text);
    let info = world.take_only("alice", "INFO");
    world.reply("alice", &info, 200);
    world.within("martin", &mut callee, "BYE");
    world.told(&["5 digit 1 *", "6 left 1"]);
    world.within("martin", &mut callee, "BYE");
    world.take_only("martin", "481");
    world.asked_media(&[
        "attend 1 nothing",
        "attend 1 answer martin",
        "bridge 0 1",
        "bridge 1 nobody",
        "play 1 #3 tone",
        "stop 1 #0",
        "bridge 1 0",
        "release 1",
    ]);
    world.say(6, play("goodbye"));
    world.bye(&mut caller);
    world.told(&["7 ended Caller"]);
    world.finish();
}

#[test]
fn what_becomes_of_somebody_who_is_called() {
    for (status, rings, outcome) in
        [(486, false, "Busy"), (603, true, "Declined"), (404, false, "Unreachable"), (480, true, "NoAnswer")]
    {
        let mut world = company();
        let mut caller = world.attended();
        world.say(2, dial(1, "6003"));
        let invite = rung(&mut world, "martin");
        let mut told = vec![format!("3 dialled 1 2 {outcome}")];
        if rings {
            world.reply("martin", &invite, 180);
            told = vec!["3 dialled 1 2 Ringing".into(), format!("4 dialled 1 2 {outcome}")];
        }
        world.reply("martin", &invite, status);
        assert_eq!(std::mem::take(&mut world.services.told), told);
        world.bye(&mut caller);
        world.finish();
    }
}

#[test]
fn somebody_who_is_called_rings_for_so_long_and_voicemail_does_not_answer() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, Command::Dial { leg: 1, target: "6002".into(), within: Duration::from_secs(5) });
    let invite = rung(&mut world, "bob");
    world.reply("bob", &invite, 180);
    world.wait(5_000);
    silenced(&mut world, "bob", &invite);
    world.told(&["3 dialled 1 2 Ringing", "4 dialled 1 2 NoAnswer"]);
    world.say(3, dial(1, "6002"));
    let invite = rung(&mut world, "bob");
    world.reply("bob", &invite, 486);
    world.told(&["5 dialled 1 3 Busy"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn an_application_hangs_up_whom_it_called() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    answers(&mut world, "martin", &invite);
    world.say(3, dial(2, "6002"));
    let second = rung(&mut world, "bob");
    world.reply("bob", &second, 180);
    world.say(4, Command::HangUp { leg: 2, status: 0 });
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &second, 487);
    world.say(5, Command::HangUp { leg: 1, status: 0 });
    leaves(&mut world, "martin");
    world.say(6, Command::HangUp { leg: 1, status: 0 });
    world.told(&[
        "3 answered 1",
        "4 dialled 2 3 Ringing",
        "5 dialled 2 3 NoAnswer",
        "6 left 1",
        "7 refused 6",
    ]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn all_that_an_application_called_ends_with_its_caller() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    answers(&mut world, "martin", &invite);
    world.say(3, dial(2, "6002"));
    let second = rung(&mut world, "bob");
    world.reply("bob", &second, 180);
    world.services.told.clear();
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &second, 487);
    world.told(&["5 left 1", "6 ended Caller"]);
    world.finish();
}

#[test]
fn an_application_joins_two_and_leaves_them_to_each_other() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    let mut callee = answers(&mut world, "martin", &invite);
    world.say(3, bridge(1, Some(0)));
    world.finish_run(Ok(()));
    world.within("martin", &mut callee, "BYE");
    leaves(&mut world, "alice");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "481");
    world.finish();
}

#[test]
fn a_transfer_before_the_answer_is_a_route() {
    let mut world = company();
    let sent = world.offer("alice", "7000");
    world.say(1, transfer("6003"));
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 ended Transferred"]);
    let invite = world.take("martin");
    assert_eq!(body(&invite), "alice");
    world.reply("martin", &invite, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn legs_that_are_not_there_are_refused() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, bridge(0, Some(1)));
    world.say(3, bridge(0, Some(0)));
    world.say(4, Command::Hold { leg: 3, on: true });
    world.say(5, Command::Hold { leg: 0, on: false });
    world.say(6, Command::Transfer { leg: 1, target: "6003".into() });
    world.say(7, dial(0, "6003"));
    world.say(8, Command::Play { leg: 1, sounds: Vec::new(), repeat: Repeat::Forever, stop_on_digit: false });
    assert_eq!(world.services.told.len(), 7, "{:?}", world.services.told);
    assert!(world.services.told.iter().all(|told| told.contains("refused")));
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn who_talks_with_nobody_yet_has_nobody_to_transfer() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    let mut callee = answers(&mut world, "martin", &invite);
    let refer = world.at("martin").in_dialog(&mut callee, "REFER", "Refer-To: <sip:6002@carillon.local>\r\n");
    world.send("martin", &refer);
    world.take_only("martin", "603");
    assert!(!world.has_mail("bob"));
    world.say(3, bridge(1, Some(0)));
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}
