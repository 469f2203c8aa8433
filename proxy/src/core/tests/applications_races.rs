//! Calls that an application conducts, when two things happen at once.

use proto::application::Command;
use proto::media::{Ended, MediaEvent};

use super::applications::{collect, office, play, played, record, recorded, silenced, step, world};
use super::conducted::body;
use super::phone::Dialog;
use super::services::Pace;
use super::world::World;
use crate::core::route::Strategy;
use crate::core::tests::plan::ring;

/// Bob rang for his seconds, and voicemail has the call; bob has not heard of it.
fn bob_is_late() -> (World, super::phone::Got) {
    let mut world = office();
    world.offer("alice", "6002");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.wait(10_000);
    world.take_only("bob", "CANCEL");
    world.ladder();
    (world, invite)
}

#[test]
fn a_2xx_before_the_answer_of_the_application_wins() {
    let (mut world, invite) = bob_is_late();
    world.say(1, play("one moment"));
    world.take_only("alice", "183");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("bob", "ACK");
    // She keeps the session that she heard first; bob, who was offered her own, is offered one that meets it.
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "media answers");
    world.say(2, Command::Answer);
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    let renewed = world.take_only("bob", "INVITE");
    assert_eq!(body(&renewed), "media offers");
    world.reply_sdp("bob", &renewed, 200, "bob anew");
    world.take_only("bob", "ACK");
    assert_eq!(
        world.services.media.split_off(3),
        ["attend 1 nothing", "attend 1 answer bob anew", "bridge 0 1"]
    );
    world.told(&["1 started voicemail/deposit alice/6001>bob/6002 6002 NoAnswer", "2 ended Transferred"]);
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_2xx_while_the_application_answers_wins() {
    let (mut world, invite) = bob_is_late();
    world.services.pace = Pace::Held;
    world.say(1, Command::Answer);
    world.reply_sdp("bob", &invite, 200, "bob");
    world.release();
    world.services.pace = Pace::Now;
    world.release();
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_2xx_after_the_answer_of_the_application_is_ended() {
    let (mut world, invite) = bob_is_late();
    world.say(1, Command::Answer);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "media answers");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("bob", "ACK");
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.bye(&mut caller);
    world.told(&[
        "1 started voicemail/deposit alice/6001>bob/6002 6002 NoAnswer",
        "2 answered 0",
        "3 ended Caller",
    ]);
    world.finish();
}

#[test]
fn a_cancel_before_during_and_after_the_answer() {
    for (held, answered) in [(true, false), (false, false), (false, true)] {
        let mut world = world(vec![step("desk/main")]);
        let sent = world.offer("alice", "7000");
        if held {
            world.services.pace = Pace::Held;
        }
        if held || answered {
            world.say(1, Command::Answer);
        }
        world.hop_by_hop("alice", "CANCEL", &sent, None);
        world.services.pace = Pace::Now;
        world.release();
        if answered {
            let ok = world.take_only("alice", "200");
            let mut caller = Dialog::of_caller(&ok);
            world.within("alice", &mut caller, "ACK");
            world.bye(&mut caller);
        } else {
            let gone = world.take_only("alice", "487");
            world.hop_by_hop("alice", "ACK", &sent, Some(&gone));
        }
        let last = world.services.told.last().map(String::as_str);
        assert!(last.is_some_and(|last| last.ends_with("ended Caller")), "{last:?}");
        world.say(2, play("too late"));
        world.finish();
    }
}

#[test]
fn a_cancel_in_early_media() {
    let mut world = world(vec![step("desk/main")]);
    let sent = world.offer("alice", "7000");
    world.services.pace = Pace::Held;
    world.say(1, play("wait"));
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.services.pace = Pace::Now;
    world.release();
    let gone = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&gone));
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 ended Caller"]);
    world.finish();
}

#[test]
fn a_bye_that_crosses_a_command() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.services.pace = Pace::Held;
    world.say(2, play("menu"));
    world.bye(&mut caller);
    world.say(3, play("more"));
    world.services.pace = Pace::Now;
    world.release();
    world.told(&["3 ended Caller"]);
    world.media_event(played(1, Ended::Stopped));
    world.told(&[]);
    world.finish();
}

#[test]
fn a_hang_up_that_crosses_a_bye() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.say(2, Command::HangUp { leg: 0, status: 0 });
    let bye = world.take_only("alice", "BYE");
    world.within("alice", &mut caller, "BYE");
    world.take_only("alice", "481");
    world.reply("alice", &bye, 200);
    world.told(&["3 ended Application"]);
    world.finish();
}

#[test]
fn a_hang_up_before_the_ack_waits_for_it() {
    let mut world = world(vec![step("desk/main")]);
    world.offer("alice", "7000");
    world.say(1, Command::Answer);
    world.say(2, Command::HangUp { leg: 0, status: 0 });
    let ok = world.take_only("alice", "200");
    assert!(!world.has_mail("alice"), "no BYE before the ACK");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 ended Application"]);
    world.finish();
}

#[test]
fn an_answer_that_is_never_acknowledged_ends() {
    let mut world = world(vec![step("desk/main")]);
    world.offer("alice", "7000");
    world.say(1, Command::Answer);
    world.wait(33_000);
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    let last = world.services.told.last().map(String::as_str);
    assert_eq!(last, Some("2 ended Caller"));
    world.finish();
}

#[test]
fn a_recording_is_reported_before_the_end() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.say(2, record());
    world.say(3, play("beep"));
    world.bye(&mut caller);
    world.told(&[]);
    world.asked_media(&["record 0 #1 new", "play 0 #2 beep", "stop 0 #0", "release"]);
    world.media_event(played(2, Ended::Stopped));
    world.media_event(recorded(1, Ended::Stopped));
    world.told(&["3 recorded 0 2 new.wav Stopped", "4 ended Caller"]);
    world.finish();
}

#[test]
fn a_recording_that_is_never_reported_does_not_keep_the_run() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.say(2, record());
    world.bye(&mut caller);
    world.wait(5_100);
    world.told(&["3 ended Caller"]);
    world.media_event(recorded(1, Ended::Stopped));
    world.told(&[]);
    world.finish();
}

#[test]
fn a_media_server_that_is_lost_ends_the_call() {
    let mut world = world(vec![step("desk/main")]);
    world.attended();
    world.say(2, collect());
    world.media_event(MediaEvent::Gone);
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    world.wait(6_000);
    world.told(&["3 ended Failed"]);
    world.finish();
}

#[test]
fn events_that_may_have_been_missed_are_not_waited_for() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.say(2, collect());
    world.say(3, play("menu"));
    world.give(crate::core::effect::Input::MediaLost);
    world.told(&["3 collected 0 2  Failed", "4 played 0 3 Failed"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn media_that_are_lost_before_the_answer() {
    let mut world = world(vec![step("desk/main")]);
    let sent = world.offer("alice", "7000");
    world.say(1, play("wait"));
    world.media_event(MediaEvent::Gone);
    let failed = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&failed));
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 ended Failed"]);
    world.finish();
}

#[test]
fn an_answer_without_media_is_refused_and_the_application_goes_on() {
    let mut world = world(vec![step("desk/main")]);
    let sent = world.offer("alice", "7000");
    world.services.pace = Pace::Broken;
    world.say(1, Command::Answer);
    world.say(2, Command::HangUp { leg: 0, status: 503 });
    let refused = world.take_only("alice", "503");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 refused 1", "3 ended Application"]);
    world.finish();
}

#[test]
fn a_phone_that_never_answers_its_cancel_holds_nobody_up() {
    let (mut world, _) = bob_is_late();
    world.say(1, Command::Answer);
    let ok = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.wait(120_000);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn two_applications_one_after_the_other() {
    let steps = vec![step("desk/main"), ring(&["bob"], Some(5), Strategy::All), step("voicemail/deposit")];
    let mut world = world(steps);
    world.offer("alice", "7000");
    let first = world.services.run.clone();
    world.finish_run(Ok(()));
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.wait(5_000);
    silenced(&mut world, "bob", &invite);
    assert_ne!(first, world.services.run);
    world.give(crate::core::effect::Input::Run(
        &first,
        crate::core::effect::Said::Command(9, Command::HangUp { leg: 0, status: 0 }),
    ));
    world.say(1, Command::Answer);
    let ok = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.bye(&mut caller);
    world.told(&[
        "1 started desk/main alice/6001>/7000 7000 Dialled",
        "1 started voicemail/deposit alice/6001>bob/6002 7000 NoAnswer",
        "2 answered 0",
        "3 ended Caller",
    ]);
    world.finish();
}
