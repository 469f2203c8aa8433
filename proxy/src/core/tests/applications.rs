//! Calls that an application conducts: a fake application that says what the test says, and a media server that notes
//! what it was asked.

use std::sync::Arc;
use std::time::Duration;

use proto::application::{Command, Sound};
use proto::media::{DigitForm, Ended, Leg, MediaEvent, Repeat};
use sip::message::Name;

use super::conducted::{SDP, body};
use super::phone::{Dialog, Got};
use super::plan::{Fixed, ring};
use super::world::{Setup, World};
use crate::core::effect::{Input, Said};
use crate::core::route::{Step, Strategy};

pub fn step(purpose: &str) -> Step {
    Step::Application { purpose: purpose.into(), needs_user: false }
}

/// Bob for ten seconds, then voicemail.
pub fn office() -> World {
    world(vec![ring(&["bob"], Some(10), Strategy::All), step("voicemail/deposit")])
}

pub fn world(steps: Vec<Step>) -> World {
    let mut world = World::with(Setup { routes: Arc::new(Fixed(steps)), ..Setup::default() });
    world.register(&["alice", "bob", "martin"]);
    world
}

pub fn play(file: &str) -> Command {
    let sounds = vec![Sound::File(file.into())];
    Command::Play { leg: 0, sounds, repeat: Repeat::Times(1), stop_on_digit: false }
}

pub fn record() -> Command {
    Command::Record {
        leg: 0,
        to: "new".into(),
        max: Duration::from_secs(60),
        silence: None,
        stop_digits: "#".into(),
        both_sides: false,
        beep: true,
    }
}

pub fn collect() -> Command {
    let (first, between) = (Duration::from_secs(5), Duration::from_secs(3));
    Command::Collect { leg: 0, digits_max: 1, first, between, end_digits: String::new() }
}

impl World {
    /// The application of the last run says something.
    pub fn say(&mut self, id: u32, command: Command) {
        let run = self.services.run.clone();
        self.give_to(self.shard_of_run(), Input::Run(&run, Said::Command(id, command)));
        self.release_none();
    }

    fn shard_of_run(&self) -> u16 {
        let call = self.services.run.split('.').next().unwrap_or_default();
        let place = self.edges().position(|edge| edge.means.calls.named(call).is_some());
        place.and_then(|place| u16::try_from(place).ok()).unwrap_or(0)
    }

    /// It has finished, or is lost.
    pub fn finish_run(&mut self, why: Result<(), proto::ServiceError>) {
        let run = self.services.run.clone();
        self.give(Input::Run(&run, Said::Ended(why)));
        self.release_none();
    }

    pub fn media_event(&mut self, event: MediaEvent) {
        let call = self.services.run.split('.').next().unwrap_or_default().to_owned();
        self.give(Input::Media(&call, event));
        self.release_none();
    }

    /// What applications were told since this was asked last.
    #[track_caller]
    pub fn told(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.services.told), expected);
    }

    /// The same of the media server.
    #[track_caller]
    pub fn asked_media(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.services.media), expected);
    }

    /// Alice dials what an application answers at once: her dialog, acknowledged.
    pub fn attended(&mut self) -> Dialog {
        self.offer("alice", "7000");
        self.say(1, Command::Answer);
        let ok = self.take_only("alice", "200");
        let mut caller = Dialog::of_caller(&ok);
        self.within("alice", &mut caller, "ACK");
        self.ladder();
        self.services.media.clear();
        self.services.told.clear();
        caller
    }

    pub fn bye(&mut self, caller: &mut Dialog) {
        self.within("alice", caller, "BYE");
        self.take_only("alice", "200");
    }
}

pub fn played(id: u32, why: Ended) -> MediaEvent {
    MediaEvent::Played { leg: Leg::new(0), id, why }
}

pub fn recorded(id: u32, why: Ended) -> MediaEvent {
    let length = Duration::from_secs(3);
    MediaEvent::Recorded { leg: Leg::new(0), id, file: "new.wav".into(), length, why }
}

/// Takes the 487 and the CANCEL of a phone that is silenced.
pub fn silenced(world: &mut World, who: &'static str, invite: &Got) {
    let cancel = world.take_only(who, "CANCEL");
    assert_eq!(cancel.header(Name::Reason), "Q.850;cause=19;text=\"No answer from the user\"");
    world.reply(who, &cancel, 200);
    world.reply(who, invite, 487);
    world.take_only(who, "ACK");
}

#[test]
fn nobody_answers_so_voicemail_does() {
    let mut world = office();
    world.offer("alice", "6002");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    let ringing = world.take_only("alice", "180");
    world.wait(10_000);
    world.told(&["1 started voicemail/deposit alice/6001>bob/6002 6002 NoAnswer"]);
    silenced(&mut world, "bob", &invite);
    world.say(1, Command::Answer);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "media answers");
    assert_eq!(ok.header(Name::To), ringing.header(Name::To), "one To-tag");
    world.told(&[]);
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.told(&["2 answered 0"]);
    assert_eq!(world.edge.calls(world.now)[0].state, "talking");
    world.say(2, play("greeting"));
    world.media_event(played(1, Ended::Complete));
    world.say(3, record());
    world.media_event(recorded(2, Ended::Digit('#')));
    world.say(4, Command::HangUp { leg: 0, status: 0 });
    world.told(&["3 played 0 2 Complete", "4 recorded 0 3 new.wav Digit('#')", "5 ended Application"]);
    let bye = world.take_only("alice", "BYE");
    world.reply("alice", &bye, 200);
    world.expect(
        "0     alice > INVITE
         0     alice < 100
         0     bob   < INVITE
         0     bob   > 180
         0     alice < 180
         10000 bob   < CANCEL
         10000 bob   > 200
         10000 bob   > 487
         10000 bob   < ACK
         10000 alice < 200
         10000 alice > ACK
         10000 alice < BYE
         10000 alice > 200",
    );
    world.asked_media(&["attend 0 offer alice", "play 0 #1 greeting", "record 0 #2 new", "release"]);
    world.finish();
}

#[test]
fn why_the_application_is_reached() {
    for (status, rings, why) in [
        (486, true, "Busy"),
        (486, false, "Busy"),
        (600, true, "Busy"),
        (603, true, "Declined"),
        (480, true, "NoAnswer"),
        (480, false, "Unreachable"),
        (404, false, "Unreachable"),
    ] {
        let mut world = office();
        let sent = world.offer("alice", "6002");
        let invite = world.take("bob");
        if rings {
            world.reply("bob", &invite, 180);
        }
        world.reply("bob", &invite, status);
        world.told(&[&format!("1 started voicemail/deposit alice/6001>bob/6002 6002 {why}")]);
        world.say(1, Command::HangUp { leg: 0, status: 486 });
        let refused = world.take_only("alice", "486");
        world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
        world.told(&["2 ended Application"]);
        world.finish();
    }
}

#[test]
fn a_user_without_a_phone_is_unreachable_and_nobody_has_no_mailbox() {
    let mailbox = Step::Application { purpose: "voicemail/deposit".into(), needs_user: true };
    for (who, answer, told) in [
        (
            "carol",
            480,
            &["1 started voicemail/deposit alice/6001>carol/6004 100 Unreachable", "2 ended Application"][..],
        ),
        ("nobody", 404, &[]),
    ] {
        let mut world = world(vec![ring(&[who], Some(10), Strategy::All), mailbox.clone()]);
        let carol = proto::User {
            name: "carol".into(),
            extension: Some("6004".into()),
            aor: "carol@carillon.local".into(),
            ..proto::User::default()
        };
        world.services.users.insert("carol".into(), (Arc::new(carol), String::new()));
        let sent = world.offer("alice", "100");
        if answer == 480 {
            world.say(1, Command::HangUp { leg: 0, status: 0 });
        }
        let refused = world.take_only("alice", &answer.to_string());
        world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
        world.told(told);
        world.finish();
    }
}

#[test]
fn an_application_is_dialled_and_the_caller_hangs_up() {
    let mut world = world(vec![step("desk/main")]);
    world.offer("alice", "7000");
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled"]);
    world.say(1, Command::Answer);
    world.say(2, play("menu"));
    world.say(3, collect());
    let ok = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    let digit = |how| MediaEvent::Digit { leg: Leg::new(0), digit: '1', how };
    world.media_event(digit(DigitForm::Event));
    world.media_event(digit(DigitForm::Tone));
    world.media_event(MediaEvent::Collected {
        leg: Leg::new(0),
        id: 2,
        digits: "1".into(),
        why: Ended::Complete,
    });
    world.told(&["2 answered 0", "3 digit 0 1", "4 digit 0 1", "5 collected 0 3 1 Complete"]);
    world.bye(&mut caller);
    world.told(&["6 ended Caller"]);
    world.asked_media(&["attend 0 offer alice", "play 0 #1 menu", "collect 0 #2 1", "stop 0 #0", "release"]);
    world.finish();
}

#[test]
fn what_is_played_before_the_answer_is_early_media() {
    let mut world = world(vec![step("desk/main")]);
    world.offer("alice", "7000");
    world.say(1, play("wait"));
    let early = world.take_only("alice", "183");
    assert_eq!(body(&early), "media answers");
    world.say(2, Command::Answer);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "media answers");
    assert_eq!(early.header(Name::To), ok.header(Name::To));
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 answered 0"]);
    world.bye(&mut caller);
    world.asked_media(&["attend 0 offer alice", "play 0 #1 wait", "stop 0 #0", "release"]);
    world.finish();
}

#[test]
fn a_late_offer_is_answered_to_the_application() {
    let mut world = world(vec![step("desk/main")]);
    world.invite("alice", "7000");
    world.say(1, play("too early"));
    world.say(2, Command::Answer);
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "media offers");
    let mut caller = Dialog::of_caller(&ok);
    world.within_sdp("alice", &mut caller, "ACK", "alice answers");
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "2 refused 1", "3 answered 0"]);
    world.asked_media(&["attend 0 nothing", "attend 0 answer alice answers"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn an_application_learns_of_language_and_headers() {
    let mut world = world(vec![step("desk/main")]);
    let headers =
        format!("Accept-Language: fr-FR;q=0.8, en\r\nX-Account: 7\r\nSubject: hello\r\nDate: x\r\n{SDP}");
    let sent = world.request("alice", "INVITE", "sip:7000@carillon.local", &headers, "alice");
    let started = world.services.started.take().expect("a run");
    assert_eq!(started.language, "fr-FR");
    let shown: Vec<_> = started.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(shown, ["X-Account: 7", "Subject: hello"]);
    world.say(1, Command::HangUp { leg: 0, status: 0 });
    let refused = world.take_only("alice", "480");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    world.finish();
}

#[test]
fn digits_of_info_are_digits() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    for (kind, said, status, digit) in [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 200, "5"),
        ("application/dtmf-relay", "Signal= 11\r\n", 200, "#"),
        ("application/dtmf", "*", 200, "*"),
        ("application/dtmf-relay", "Duration=5", 415, ""),
        ("text/plain", "5", 415, ""),
    ] {
        let text = world.at("alice").in_dialog(&mut caller, "INFO", &format!("Content-Type: {kind}\r\n"));
        let length = format!("Content-Length: {}\r\n\r\n{said}", said.len());
        world.send("alice", &text.replace("Content-Length: 0\r\n\r\n", &length));
        world.take_only("alice", &status.to_string());
        let asked: Vec<String> = Some(digit)
            .filter(|digit| !digit.is_empty())
            .map(|digit| format!("press 0 {digit}"))
            .into_iter()
            .collect();
        assert_eq!(std::mem::take(&mut world.services.media), asked);
    }
    world.media_event(MediaEvent::Digit { leg: Leg::new(0), digit: '5', how: DigitForm::Message });
    world.told(&["3 digit 0 5"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn the_caller_holds_an_application_and_comes_back() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.within_sdp("alice", &mut caller, "INVITE", "hold");
    assert_eq!(body(&world.take_only("alice", "200")), "media answers");
    world.within("alice", &mut caller, "ACK");
    world.within_sdp("alice", &mut caller, "UPDATE", "resume");
    assert_eq!(body(&world.take_only("alice", "200")), "media answers");
    world.within("alice", &mut caller, "INVITE");
    assert_eq!(body(&world.take_only("alice", "200")), "media offers");
    world.within_sdp("alice", &mut caller, "ACK", "alice again");
    world.asked_media(&[
        "attend 0 offer hold",
        "attend 0 offer resume",
        "attend 0 nothing",
        "attend 0 answer alice again",
    ]);
    world.within("alice", &mut caller, "OPTIONS");
    world.take_only("alice", "200");
    world.within("alice", &mut caller, "NOTIFY");
    world.take_only("alice", "405");
    world.told(&[]);
    world.bye(&mut caller);
    world.told(&["3 ended Caller"]);
    world.finish();
}

#[test]
fn what_cannot_be_done_is_refused_and_nothing_else() {
    let mut world = world(vec![step("desk/main")]);
    let mut caller = world.attended();
    world.say(2, play("broken"));
    world.say(3, Command::Unknown("what".into()));
    world.say(4, Command::Play { leg: 7, sounds: Vec::new(), repeat: Repeat::Forever, stop_on_digit: true });
    world.say(5, Command::Stop { leg: 0, id: 2 });
    world.told(&["3 refused 2", "4 refused 3", "5 refused 4"]);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn where_there_is_no_such_application_the_next_step_is_taken() {
    let mut world = world(vec![step("gone/x"), ring(&["bob"], None, Strategy::All)]);
    world.offer("alice", "7000");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.say_goodbye(&mut caller);
    assert_eq!(world.edge.counters().runs_refused, 1);
    world.finish();
}

#[test]
fn an_application_gives_the_call_back_to_the_dial_plan() {
    let steps = vec![step("desk/main"), ring(&["bob"], None, Strategy::All)];
    let mut world = world(steps);
    world.offer("alice", "7000");
    world.say(1, play("wait"));
    world.take_only("alice", "183");
    world.finish_run(Ok(()));
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "bob");
    let ok = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.say_goodbye(&mut caller);
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled"]);
    world.finish();
}

#[test]
fn an_application_that_goes_away_without_an_answer_leaves_a_480() {
    let mut world = world(vec![step("desk/main")]);
    let sent = world.request("alice", "INVITE", "sip:7000@carillon.local", SDP, "alice");
    world.finish_run(Err(proto::ServiceError::Gone));
    let refused = world.take_only("alice", "480");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    assert_eq!(world.edge.counters().runs_lost, 1);
    world.finish();
}

#[test]
fn an_application_that_has_answered_does_not_keep_a_caller_in_silence_for_ever() {
    let mut world = world(vec![step("desk/main"), step("voicemail/deposit")]);
    let mut caller = world.attended();
    world.wait(299_000);
    world.media_event(MediaEvent::Digit { leg: Leg::new(0), digit: '5', how: DigitForm::Event });
    world.told(&["3 digit 0 5"]);
    world.wait(299_000);
    world.say(2, play("music"));
    // What is played is no silence, however long it is.
    world.wait(900_000);
    world.media_event(played(1, Ended::Complete));
    world.told(&["4 played 0 2 Complete"]);
    world.wait(299_000);
    world.told(&[]);
    world.wait(2_000);
    world.told(&["forget", "1 started voicemail/deposit alice/6001>/7000 7000 Dialled"]);
    assert_eq!(world.edge.counters().runs_cut, 1);
    world.bye(&mut caller);
    world.finish();
}

#[test]
fn an_application_that_says_nothing_does_not_keep_a_caller_for_ever() {
    let mut world = world(vec![step("desk/main")]);
    let sent = world.offer("alice", "7000");
    world.wait(180_100);
    let refused = world.take_only("alice", "480");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    world.told(&["1 started desk/main alice/6001>/7000 7000 Dialled", "forget"]);
    world.finish();
}
