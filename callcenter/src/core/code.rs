//! Feature codes: a user changes by the phone what becomes of his calls, and hears what was done.

use prompt::{Fixed, Language, Sentence};
use proto::application::{Command, Event, Sound, Started, What};
use proto::directory::{Change, When};

use super::dialling::DIGITS_MAX;
use super::talk::{PAUSE, Talk};
use super::{Effect, Input};

/// What a code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sets a forwarding to the number that follows the code, or that is asked for.
    Forward(When),
    /// Ends a forwarding.
    Unforward(When),
    /// Sets do-not-disturb, or ends it.
    Peace(bool),
    /// Turns do-not-disturb round.
    TogglePeace,
    /// Turns night mode round.
    ToggleNight,
}

/// The dialogue with one who has dialled a feature code.
#[derive(Debug, Clone)]
pub struct Code {
    action: Action,
    /// What was dialled before the number that may follow.
    prefix: String,
    user: String,
    number: String,
    talk: Talk,
    state: State,
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    /// The caller is being connected.
    Answering,
    /// A number is asked for.
    Asking {
        collect: u32,
    },
    /// The directory, or the night, is told.
    Changing,
    /// The last words; then we hang up.
    Parting {
        play: u32,
    },
    /// Nothing more is done but to hear of the end.
    Closing,
    Over,
}

impl Code {
    /// A dialogue that begins with [`What::Started`].
    pub fn new(action: Action, code: &str, language: Language) -> Self {
        Code {
            action,
            prefix: code.to_owned(),
            user: String::new(),
            number: String::new(),
            talk: Talk::new(language),
            state: State::Opening,
            tries: 0,
        }
    }

    /// True after [`Effect::Finished`].
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes one input. Commands are pushed in the order in which they are to be done.
    pub fn handle(&mut self, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Event(Event { what: What::Ended(_), .. }) if self.state != State::Over => {
                self.state = State::Over;
                out.push(Effect::Finished);
            }
            Input::Event(Event { what, .. }) => self.event(what, out),
            Input::Changed(now) if self.state == State::Changing => match now {
                Some(is_on) => self.say_changed(is_on, out),
                None => self.part(vec![Sentence::Fixed(Fixed::Apology)], out),
            },
            Input::Changed(_) | Input::Found(_) => {}
        }
    }

    fn event(&mut self, what: What, out: &mut Vec<Effect>) {
        match (self.state, what) {
            (State::Opening, What::Started(started)) => self.start(&started, out),
            (State::Answering, What::Answered { leg: 0 }) => self.begin(out),
            (State::Asking { collect }, What::Collected { id, digits, .. }) if id == collect => {
                self.number = digits;
                self.begin(out);
            }
            (State::Asking { collect }, What::Refused { id, .. }) if id == collect => {
                self.part(vec![Sentence::Fixed(Fixed::Apology)], out);
            }
            (State::Parting { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.talk.command(Command::HangUp { leg: 0, status: 0 }, out);
                self.state = State::Closing;
            }
            // Digits that nobody waits for, and what comes after the last words.
            _ => {}
        }
    }

    fn start(&mut self, started: &Started, out: &mut Vec<Effect>) {
        if started.caller.user.is_empty() {
            // Only a phone of ours has settings, or may close the company.
            self.talk.command(Command::HangUp { leg: 0, status: 403 }, out);
            self.state = State::Closing;
            return;
        }
        self.user.clone_from(&started.caller.user);
        let behind = started.dialled.strip_prefix(&self.prefix).unwrap_or_default();
        behind.clone_into(&mut self.number);
        self.talk.language = Language::of(&started.language).unwrap_or(self.talk.language);
        self.talk.command(Command::Answer, out);
        self.state = State::Answering;
    }

    /// Does it, or asks for the number that it needs.
    fn begin(&mut self, out: &mut Vec<Effect>) {
        let change = match self.action {
            Action::Forward(_) if self.number.is_empty() => return self.ask(out),
            Action::Forward(when) => Change::Forward(when, Some(self.number.clone())),
            Action::Unforward(when) => Change::Forward(when, None),
            Action::Peace(on) => Change::DoNotDisturb(on),
            Action::TogglePeace => {
                out.push(Effect::TogglePeace { user: self.user.clone() });
                self.state = State::Changing;
                return;
            }
            Action::ToggleNight => {
                out.push(Effect::ToggleNight);
                self.state = State::Changing;
                return;
            }
        };
        out.push(Effect::Configure { user: self.user.clone(), change });
        self.state = State::Changing;
    }

    fn ask(&mut self, out: &mut Vec<Effect>) {
        self.tries += 1;
        if self.tries > TRIES_MAX {
            return self.part(vec![Sentence::Fixed(Fixed::Goodbye)], out);
        }
        let sounds = self.talk.sounds(&Sentence::Fixed(Fixed::EnterExtension));
        self.talk.play(sounds, true, out);
        let collect = Command::Collect {
            leg: 0,
            digits_max: DIGITS_MAX as u8,
            first: WAIT,
            between: WAIT,
            end_digits: "#".to_owned(),
        };
        let collect = self.talk.command(collect, out);
        self.state = State::Asking { collect };
    }

    fn say_changed(&mut self, is_on: bool, out: &mut Vec<Effect>) {
        let number = std::mem::take(&mut self.number);
        let said = match self.action {
            Action::Forward(when) => {
                let when = match when {
                    When::Always => None,
                    When::Busy => Some(Fixed::WhenBusy),
                    When::NoAnswer => Some(Fixed::WhenNoAnswer),
                    When::Unreachable => Some(Fixed::WhenUnreachable),
                };
                let mut said = vec![Sentence::ForwardedTo(&number)];
                said.extend(when.map(Sentence::Fixed));
                said
            }
            Action::Unforward(_) => vec![Sentence::Fixed(Fixed::ForwardingOff)],
            Action::Peace(_) | Action::TogglePeace if is_on => vec![Sentence::Fixed(Fixed::DoNotDisturbOn)],
            Action::Peace(_) | Action::TogglePeace => vec![Sentence::Fixed(Fixed::DoNotDisturbOff)],
            Action::ToggleNight if is_on => vec![Sentence::Fixed(Fixed::NightOn)],
            Action::ToggleNight => vec![Sentence::Fixed(Fixed::NightOff)],
        };
        self.part(said, out);
    }

    fn part(&mut self, said: Vec<Sentence<'_>>, out: &mut Vec<Effect>) {
        let mut sounds = vec![Sound::Silence(PAUSE)];
        sounds.extend(said.iter().flat_map(|sentence| self.talk.sounds(sentence)));
        let play = self.talk.part(sounds, out);
        self.state = State::Parting { play };
    }
}

/// How often a number is asked for.
const TRIES_MAX: u32 = 3;
/// How long to wait for a digit.
const WAIT: std::time::Duration = std::time::Duration::from_secs(5);
