//! The options of a mailbox: its greetings, its owner's name, its PIN. A recording that says nothing removes what there
//! was.

use std::time::Duration;

use prompt::Fixed;
use proto::application::{Command, What};
use proto::media::Ended;

use super::talk::{Say, Talk};
use super::{Changed, Effect, Own, Policy};

/// What is chosen among the options, from `0` in the mailbox's menu until `*`.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    mailbox: String,
    /// What recordings are named by.
    run: String,
    policy: Policy,
    state: State,
    takes: u32,
    /// Menus that were said since the last key that meant something.
    tries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Choosing {
        collect: u32,
    },
    /// What to record is said.
    Prompting {
        play: u32,
        which: Own,
    },
    Recording {
        record: u32,
        which: Own,
    },
    Reviewing {
        collect: u32,
        which: Own,
        file: String,
    },
    Listening {
        play: u32,
        which: Own,
        file: String,
    },
    NewPin {
        collect: u32,
    },
    Repeating {
        collect: u32,
        pin: String,
    },
    /// The store makes a change; then this is said.
    Changing {
        then: Fixed,
    },
    /// The end of the run comes next.
    Gone,
    Over,
}

impl Options {
    /// Says what may be chosen.
    pub(crate) fn begin(
        mailbox: &str,
        run: &str,
        policy: &Policy,
        talk: &mut Talk,
        out: &mut Vec<Effect>,
    ) -> Self {
        let mut options = Options {
            mailbox: mailbox.to_owned(),
            run: run.to_owned(),
            policy: policy.clone(),
            state: State::Over,
            takes: 0,
            tries: 0,
        };
        options.menu(None, talk, out);
        options
    }

    /// True when the mailbox's own menu comes next.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes an event of the run.
    pub(crate) fn event(&mut self, what: What, talk: &mut Talk, out: &mut Vec<Effect>) {
        match (std::mem::replace(&mut self.state, State::Over), what) {
            (State::Choosing { collect }, What::Collected { id, digits, .. }) if id == collect => {
                self.chosen(digits.chars().next(), talk, out);
            }
            (State::Prompting { play, which }, What::Played { id, .. } | What::Refused { id, .. })
                if id == play =>
            {
                self.record(which, talk, out);
            }
            (State::Recording { record, which }, What::Recorded { id, file, length, why, .. })
                if id == record =>
            {
                self.recorded(which, file, length, why, talk, out);
            }
            (State::Recording { record, .. }, What::Refused { id, .. }) if id == record => {
                self.menu(Some(Fixed::Apology), talk, out);
            }
            (State::Reviewing { collect, which, file }, What::Collected { id, digits, .. })
                if id == collect =>
            {
                self.reviewed(which, file, digits.chars().next(), talk, out);
            }
            (State::Listening { play, which, file }, What::Played { id, .. } | What::Refused { id, .. })
                if id == play =>
            {
                self.review(None, which, file, talk, out);
            }
            (State::NewPin { collect }, What::Collected { id, digits, .. }) if id == collect => {
                if digits.is_empty() {
                    return self.menu(Some(Fixed::NothingHeard), talk, out);
                }
                let collect = talk.ask_number(&[Fixed::RepeatNewPin.into()], self.policy.choice_wait, out);
                self.state = State::Repeating { collect, pin: digits };
            }
            (State::Repeating { collect, pin }, What::Collected { id, digits, .. }) if id == collect => {
                if pin != digits {
                    return self.menu(Some(Fixed::PinsDiffer), talk, out);
                }
                out.push(Effect::ChangePin { mailbox: self.mailbox.clone(), pin });
                self.state = State::Changing { then: Fixed::PinChanged };
            }
            // Each digit by itself, and the ends of what was stopped.
            (state, _) => self.state = state,
        }
    }

    /// A change is made, or not.
    pub(crate) fn changed(&mut self, changed: Changed, talk: &mut Talk, out: &mut Vec<Effect>) {
        let State::Changing { then } = self.state else { return };
        let said = match changed {
            Changed::Done => then,
            Changed::TooSimple => Fixed::PinTooSimple,
            Changed::Failed => Fixed::Apology,
        };
        self.menu(Some(said), talk, out);
    }

    /// The listener has gone: what was not kept is thrown away.
    pub(crate) fn ended(&mut self, out: &mut Vec<Effect>) {
        let state = std::mem::replace(&mut self.state, State::Over);
        if let State::Reviewing { file, .. } | State::Listening { file, .. } = state {
            out.push(Effect::Drop { file });
        }
    }

    fn menu(&mut self, first: Option<Fixed>, talk: &mut Talk, out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = first.into_iter().chain([Fixed::OptionsMenu]).map(Say::from).collect();
        let collect = talk.ask(&said, self.policy.choice_wait, out);
        self.state = State::Choosing { collect };
    }

    fn chosen(&mut self, key: Option<char>, talk: &mut Talk, out: &mut Vec<Effect>) {
        let (which, said) = match key {
            Some('1') => (Own::NoAnswer, Fixed::RecordNoAnswerGreeting),
            Some('2') => (Own::Busy, Fixed::RecordBusyGreeting),
            Some('3') => (Own::Name, Fixed::RecordName),
            Some('4') => (Own::Temporary, Fixed::RecordTemporaryGreeting),
            Some('5') => {
                self.tries = 0;
                let collect = talk.ask_number(&[Fixed::EnterNewPin.into()], self.policy.choice_wait, out);
                self.state = State::NewPin { collect };
                return;
            }
            // The state is `Over`: the mailbox's menu comes next.
            Some('*' | '#') => return,
            key => {
                self.tries += 1;
                if self.tries < self.policy.tries_max {
                    self.menu(key.map(|_| Fixed::InvalidChoice), talk, out);
                }
                return;
            }
        };
        self.tries = 0;
        let play = talk.play(&[said.into()], out);
        self.state = State::Prompting { play, which };
    }

    fn record(&mut self, which: Own, talk: &mut Talk, out: &mut Vec<Effect>) {
        self.takes += 1;
        let record = Command::Record {
            leg: 0,
            to: format!("voicemail/{}/own/{}-{}", self.mailbox, self.run, self.takes),
            max: if which == Own::Name { NAME_MAX } else { self.policy.message_max },
            silence: (!self.policy.silence.is_zero()).then_some(self.policy.silence),
            stop_digits: "#".to_owned(),
            both_sides: false,
            beep: true,
        };
        let record = talk.command(record, out);
        self.state = State::Recording { record, which };
    }

    fn recorded(
        &mut self,
        which: Own,
        file: String,
        length: Duration,
        why: Ended,
        talk: &mut Talk,
        out: &mut Vec<Effect>,
    ) {
        if why == Ended::Stopped {
            // The listener has gone.
            out.push(Effect::Drop { file });
            self.state = State::Gone;
        } else if length >= SHORTEST && why != Ended::Failed {
            self.review(None, which, file, talk, out);
        } else {
            out.push(Effect::Drop { file });
            if !matches!(why, Ended::Digit(_)) {
                return self.menu(Some(Fixed::MessageTooShort), talk, out);
            }
            let then = if which == Own::Temporary {
                Fixed::TemporaryGreetingRemoved
            } else {
                Fixed::RecordingDropped
            };
            self.set(which, None, then, out);
        }
    }

    fn review(
        &mut self,
        first: Option<Fixed>,
        which: Own,
        file: String,
        talk: &mut Talk,
        out: &mut Vec<Effect>,
    ) {
        let said: Vec<Say<'_>> = first.into_iter().chain([Fixed::RecordingMenu]).map(Say::from).collect();
        let collect = talk.ask(&said, self.policy.choice_wait, out);
        self.state = State::Reviewing { collect, which, file };
    }

    fn reviewed(
        &mut self,
        which: Own,
        file: String,
        key: Option<char>,
        talk: &mut Talk,
        out: &mut Vec<Effect>,
    ) {
        match key {
            Some('1' | '#') => self.set(which, Some(file), Fixed::RecordingKept, out),
            Some('2') => {
                let play = talk.play(&[Say::Recording(&file)], out);
                self.state = State::Listening { play, which, file };
            }
            Some('3') => {
                out.push(Effect::Drop { file });
                self.record(which, talk, out);
            }
            _ if self.tries + 1 >= self.policy.tries_max => {
                self.set(which, Some(file), Fixed::RecordingKept, out)
            }
            key => {
                self.tries += 1;
                let why = if key.is_some() { Fixed::InvalidChoice } else { Fixed::NothingHeard };
                self.review(Some(why), which, file, talk, out);
            }
        }
    }

    fn set(&mut self, which: Own, file: Option<String>, then: Fixed, out: &mut Vec<Effect>) {
        self.tries = 0;
        out.push(Effect::SetOwn { mailbox: self.mailbox.clone(), which, file });
        self.state = State::Changing { then };
    }
}

/// The longest name.
const NAME_MAX: Duration = Duration::from_secs(10);
/// What is shorter says nothing.
const SHORTEST: Duration = Duration::from_millis(700);
