//! What somebody who is rung for a call that has its caller already says before he answers.

use proto::application::Command;
use proto::media::Repeat;

use super::applications_legs::{answers, bridge, company, dial, leaves, rung, transfer};
use super::conducted::{SDP, body};
use super::phone::{Dialog, Got};
use super::services::Pace;
use super::world::World;

/// Alice hears a menu, which sends her to martin or calls him, and he says something before he answers.
fn speaks(command: Command) -> (World, Dialog, Got) {
    let mut world = company();
    let caller = world.attended();
    world.say(2, command);
    let invite = rung(&mut world, "martin");
    world.reply_sdp("martin", &invite, 183, "early");
    (world, caller, invite)
}

#[test]
fn who_is_sent_on_hears_what_is_said_before_the_answer() {
    let (mut world, mut caller, invite) = speaks(transfer("6003"));
    answers(&mut world, "martin", &invite);
    world.told(&["3 ended Transferred"]);
    world.asked_media(&[
        "attend 1 nothing",
        "play 0 #1 tone",
        "attend 1 answer early",
        "stop 0 #0",
        "bridge 1 0",
        "attend 1 answer martin",
        "stop 0 #0",
        "bridge 0 1",
    ]);
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn an_answer_that_was_given_before_need_not_be_said_again() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    let reliable = format!("Require: 100rel\r\nRSeq: 7\r\n{SDP}");
    let text = world.at("martin").response(&invite, 183, &reliable, "early");
    world.send("martin", &text);
    let prack = world.take_only("martin", "PRACK");
    world.reply("martin", &prack, 200);
    world.reply("martin", &invite, 200);
    let ack = world.take_only("martin", "ACK");
    let number = |got: &Got| got.message().cseq().map(|cseq| cseq.number);
    assert_eq!(number(&ack), number(&invite), "RFC 3261 §13.2.2.4, whatever PRACKs there were");
    world.told(&["3 dialled 1 2 Ringing", "4 dialled 1 2 EarlyMedia", "5 answered 1"]);
    world.asked_media(&["attend 1 nothing", "attend 1 answer early", "attend 1 answer early"]);
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn an_application_lets_its_caller_hear_whom_it_calls() {
    let (mut world, mut caller, invite) = speaks(dial(1, "6003"));
    world.told(&["3 dialled 1 2 Ringing", "4 dialled 1 2 EarlyMedia"]);
    world.say(3, bridge(0, Some(1)));
    world.say(4, bridge(1, None));
    world.say(5, bridge(1, Some(0)));
    answers(&mut world, "martin", &invite);
    world.told(&["5 answered 1"]);
    world.asked_media(&[
        "attend 1 nothing",
        "attend 1 answer early",
        "bridge 1 0",
        "bridge 1 nobody",
        "bridge 1 0",
        "attend 1 answer martin",
        "bridge 0 1",
    ]);
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn what_rings_in_silence_cannot_be_joined() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    world.reply("martin", &invite, 180);
    world.say(3, bridge(0, Some(1)));
    world.reply_sdp("martin", &invite, 183, "early");
    world.say(4, bridge(1, Some(2)));
    let told = ["3 dialled 1 2 Ringing", "4 refused 3", "5 dialled 1 2 EarlyMedia", "6 refused 4"];
    world.told(&told);
    world.reply("martin", &invite, 486);
    world.told(&["7 dialled 1 2 Busy"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn a_caller_who_is_not_answered_hears_it_as_early_media() {
    let mut world = company();
    world.offer("alice", "7000");
    world.say(1, super::applications::play("welcome"));
    let early = world.take_only("alice", "183");
    world.say(2, dial(1, "6003"));
    let invite = rung(&mut world, "martin");
    world.reply_sdp("martin", &invite, 183, "network");
    world.say(3, bridge(0, Some(1)));
    answers(&mut world, "martin", &invite);
    world.say(4, Command::Answer);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), body(&early));
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.say(5, bridge(0, Some(1)));
    world.services.told.clear();
    world.services.media.clear();
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn when_the_phone_that_was_heard_fails_the_caller_hears_ringing_again() {
    let (mut world, mut caller, invite) = speaks(transfer("6003"));
    world.services.media.clear();
    world.reply("martin", &invite, 486);
    world.told(&["3 refused 2"]);
    world.asked_media(&["bridge 0 nobody", "play 0 #3 tone", "release 1", "stop 0 #0"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn the_caller_hangs_up_while_he_hears_it() {
    for held in [false, true] {
        let mut world = company();
        let mut caller = world.attended();
        world.say(2, transfer("6003"));
        let invite = rung(&mut world, "martin");
        if held {
            world.services.pace = Pace::Held;
        }
        world.reply_sdp("martin", &invite, 183, "early");
        world.bye(&mut caller);
        world.services.pace = Pace::Now;
        world.release();
        let cancel = world.take_only("martin", "CANCEL");
        world.reply("martin", &cancel, 200);
        world.reply("martin", &invite, 487);
        world.told(&["3 ended Caller"]);
        world.finish();
    }
}

#[test]
fn an_answer_overtakes_the_question_of_early_media() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, transfer("6003"));
    let invite = rung(&mut world, "martin");
    world.services.pace = Pace::Held;
    world.reply_sdp("martin", &invite, 183, "early");
    world.reply_sdp("martin", &invite, 200, "martin");
    world.take_only("martin", "ACK");
    world.services.pace = Pace::Now;
    world.release();
    world.told(&["3 ended Transferred"]);
    assert_eq!(world.services.media.iter().filter(|asked| asked.starts_with("bridge")).count(), 1);
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn who_waits_in_a_queue_has_as_many_phones_rung_as_it_takes() {
    let mut world = company();
    let mut caller = world.attended();
    for round in 0..200 {
        world.say(2 + round, dial(1 + round, "6003"));
        let invite = rung(&mut world, "martin");
        world.reply("martin", &invite, 486);
        world.services.told.clear();
    }
    let released = world.services.media.iter().filter(|asked| asked.starts_with("release")).count();
    assert_eq!(released, 200, "no port is kept");
    world.say(300, dial(300, "6003"));
    let invite = rung(&mut world, "martin");
    let play = Command::Play { leg: 300, sounds: Vec::new(), repeat: Repeat::Forever, stop_on_digit: false };
    answers(&mut world, "martin", &invite);
    world.say(301, play);
    world.say(302, bridge(0, Some(300)));
    assert!(world.services.told.iter().all(|told| !told.contains("refused")), "{:?}", world.services.told);
    world.bye(&mut caller);
    leaves(&mut world, "martin");
    world.finish();
}

#[test]
fn a_phone_that_was_rung_before_says_something_late() {
    let mut world = company();
    let mut caller = world.attended();
    world.say(2, dial(1, "6003"));
    let first = rung(&mut world, "martin");
    world.reply("martin", &first, 180);
    world.say(3, Command::HangUp { leg: 1, status: 0 });
    let cancel = world.take_only("martin", "CANCEL");
    world.say(4, dial(2, "6002"));
    let second = rung(&mut world, "bob");
    // It has answered before the CANCEL reached it, and its ringing comes again too.
    let reliable = format!("Require: 100rel\r\nRSeq: 7\r\n{SDP}");
    let text = world.at("martin").response(&first, 183, &reliable, "early");
    world.send("martin", &text);
    world.reply_sdp("martin", &first, 200, "martin");
    world.reply("martin", &cancel, 200);
    world.take_only("martin", "ACK");
    leaves(&mut world, "martin");
    answers(&mut world, "bob", &second);
    world.say(5, bridge(0, Some(2)));
    world.bye(&mut caller);
    leaves(&mut world, "bob");
    world.finish();
}
