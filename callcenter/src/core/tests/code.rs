//! Feature codes.

use prompt::Language;
use proto::application::{Command, Event, Parting, Party, Started, What};
use proto::directory::When;
use proto::media::Ended;

use super::super::{Action, Code, Effect, Input};
use super::ladder::seen;

/// A code of one action, and what it is told and wants.
struct World {
    code: Code,
    number: u64,
    play: u32,
    collect: u32,
}

fn dial(action: Action, dialled: &str, user: &str) -> (World, Vec<String>) {
    let code = Code::new(action, "*72", Language::French);
    let mut world = World { code, number: 0, play: 0, collect: 0 };
    let caller = Party { user: user.to_owned(), ..Party::default() };
    let started = Started { caller, dialled: dialled.to_owned(), ..Started::default() };
    let mut said = world.tell(What::Started(Box::new(started)));
    said.extend(world.tell(What::Answered { leg: 0 }));
    (world, said)
}

impl World {
    fn tell(&mut self, what: What) -> Vec<String> {
        self.number += 1;
        self.give(Input::Event(Event { number: self.number, at_ms: 0, what }))
    }

    fn give(&mut self, input: Input) -> Vec<String> {
        let mut out = Vec::new();
        self.code.handle(input, &mut out);
        for effect in &out {
            match effect {
                Effect::Command { id, command: Command::Play { .. } } => self.play = *id,
                Effect::Command { id, command: Command::Collect { .. } } => self.collect = *id,
                _ => {}
            }
        }
        out.iter().map(seen).collect()
    }

    fn collected(&mut self, digits: &str) -> Vec<String> {
        let digits = digits.to_owned();
        self.tell(What::Collected { leg: 0, id: self.collect, digits, why: Ended::Timeout })
    }
}

#[test]
fn a_number_behind_the_code_is_where_calls_go() {
    let (mut world, said) = dial(Action::Forward(When::NoAnswer), "*726003", "bob");
    assert_eq!(said, ["answer", "configure bob forward-no-answer 6003"]);
    assert_eq!(world.give(Input::Changed(Some(false))), ["play forwarded-to … when-no-answer"]);
    let (play, why) = (world.play, Ended::Complete);
    assert_eq!(world.tell(What::Played { leg: 0, id: play, why }), ["hang-up"]);
    assert_eq!(world.tell(What::Ended(Parting::Application)), ["finished"]);
    assert!(world.code.is_over() && world.tell(What::Ended(Parting::Caller)).is_empty());
}

#[test]
fn without_a_number_it_is_asked_for_and_at_last_given_up() {
    let (mut world, said) = dial(Action::Forward(When::Always), "*72", "bob");
    assert_eq!(said, ["answer", "play enter-extension", "collect 16 for 5s then 5s until #"]);
    assert_eq!(world.collected(""), ["play enter-extension", "collect 16 for 5s then 5s until #"]);
    assert_eq!(world.collected("0601"), ["configure bob forward-always 0601"]);
    let (mut world, _) = dial(Action::Forward(When::Always), "*72", "bob");
    world.collected("");
    world.collected("");
    assert_eq!(world.collected(""), ["play goodbye"]);
}

#[test]
fn each_code_says_what_it_did() {
    for (action, wanted, is_on, said) in [
        (Action::Unforward(When::Busy), "configure bob forward-busy off", false, "play forwarding-off"),
        (Action::Peace(true), "configure bob do-not-disturb on", true, "play do-not-disturb-on"),
        (Action::Peace(false), "configure bob do-not-disturb off", false, "play do-not-disturb-off"),
        (Action::TogglePeace, "toggle-peace bob", true, "play do-not-disturb-on"),
        (Action::TogglePeace, "toggle-peace bob", false, "play do-not-disturb-off"),
        (Action::ToggleNight, "toggle-night", true, "play night-on"),
        (Action::ToggleNight, "toggle-night", false, "play night-off"),
    ] {
        let (mut world, begun) = dial(action, "*72", "bob");
        assert_eq!(begun, ["answer", wanted]);
        assert_eq!(world.give(Input::Changed(Some(is_on))), [said]);
    }
}

#[test]
fn what_cannot_be_changed_is_said_and_strangers_change_nothing() {
    let (mut world, _) = dial(Action::Peace(true), "*72", "bob");
    assert_eq!(world.give(Input::Changed(None)), ["play apology"]);
    let (_, said) = dial(Action::Peace(true), "*72", "");
    assert_eq!(said, ["hang-up 403"]);
    let (_, said) = dial(Action::ToggleNight, "*28", "");
    assert_eq!(said, ["hang-up 403"]);
}
