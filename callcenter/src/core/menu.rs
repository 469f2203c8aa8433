//! A menu: it greets, waits for keys, and sends the caller on.

use std::sync::Arc;

use prompt::{Fixed, Offer, Sentence};
use proto::application::{Command, Event, Sound, Started, What};
use proto::media::Ended;

use super::book::{Book, Choice, Entry, Said, Target};
use super::dialling::{DIGITS_MAX, Reading, read};
use super::talk::{Talk, sounds_in};
use super::{Effect, Input};

/// The dialogue with one who has reached a menu.
#[derive(Debug, Clone)]
pub struct Menu {
    book: Arc<Book>,
    is_night: bool,
    entry: Arc<Entry>,
    talk: Talk,
    state: State,
    /// What was pressed since the menu was said.
    digits: String,
    /// How often this menu was said in vain.
    tries: u32,
    /// How often any menu was said.
    turns: u32,
    /// The greeting's file cannot be played: the keys are spoken.
    is_spoken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    /// The caller is being connected.
    Answering,
    /// The menu is said, or was, and keys are waited for.
    Asking {
        play: u32,
        collect: u32,
    },
    /// The directory is asked for an extension.
    Finding,
    /// The caller is being sent on.
    Leaving {
        transfer: u32,
    },
    /// Some last words; then we hang up.
    Parting {
        play: u32,
    },
    /// Nothing more is done but to hear of the end.
    Closing,
    Over,
}

impl Menu {
    /// A dialogue that begins with [`What::Started`], in the menu of the book that its purpose names last:
    /// `callcenter/menu/accueil`. With `is_night` everything that has hours is closed.
    pub fn new(book: Arc<Book>, is_night: bool) -> Self {
        let talk = Talk::new(book.language);
        Menu {
            book,
            is_night,
            entry: Arc::new(Entry::default()),
            talk,
            state: State::Opening,
            digits: String::new(),
            tries: 0,
            turns: 0,
            is_spoken: false,
        }
    }

    /// True after [`Effect::Finished`].
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes one input. Commands are pushed in the order in which they are to be done.
    pub fn handle(&mut self, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Event(Event { what: What::Ended(_), .. }) => self.finish(out),
            Input::Event(Event { at_ms, what, .. }) => self.event(at_ms, what, out),
            Input::Found(is_there) if self.state == State::Finding => match is_there {
                true => self.call(self.digits.clone(), out),
                false => {
                    let nobody = self.talk.sounds(&Sentence::NobodyHas(&self.digits));
                    self.again(nobody, out);
                }
            },
            Input::Found(_) | Input::Changed(_) => {}
        }
    }

    fn event(&mut self, at_ms: u64, what: What, out: &mut Vec<Effect>) {
        match (self.state, what) {
            (State::Opening, What::Started(started)) => self.start(&started, out),
            (State::Answering, What::Answered { leg: 0 }) => self.enter(at_ms, out),
            (State::Asking { collect, .. }, What::Digit { leg: 0, digit }) => {
                self.pressed(digit, collect, at_ms, out);
            }
            (State::Asking { collect, .. }, What::Collected { id, digits, why, .. }) if id == collect => {
                self.collected(digits, why, at_ms, out);
            }
            (State::Asking { collect, .. }, What::Refused { id, .. }) if id == collect => {
                self.part(&[Fixed::Apology], out);
            }
            // A file that cannot be played any more: what the keys do is said all the same.
            (
                State::Asking { play, collect },
                What::Refused { id, .. } | What::Played { id, why: Ended::Failed, .. },
            ) if id == play && !self.is_spoken => {
                self.is_spoken = true;
                let play = self.talk.play(self.greeting(), true, out);
                self.state = State::Asking { play, collect };
            }
            // Nobody has that number, or it may not be called: the caller stays, and may choose again.
            (State::Leaving { transfer }, What::Refused { id, .. }) if id == transfer => {
                self.again(self.talk.sounds(&Sentence::Fixed(Fixed::NobodyAnswers)), out);
            }
            (State::Parting { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.talk.command(Command::HangUp { leg: 0, status: 0 }, out);
                self.state = State::Closing;
            }
            // Digits that nobody waits for, the ends of what was stopped, and what comes after the last words.
            _ => {}
        }
    }

    fn start(&mut self, started: &Started, out: &mut Vec<Effect>) {
        let name = started.purpose.rsplit('/').next().unwrap_or_default();
        let Some(entry) = self.book.menus.get(name) else {
            self.talk.command(Command::HangUp { leg: 0, status: 404 }, out);
            self.state = State::Closing;
            return;
        };
        self.entry = Arc::clone(entry);
        let of_call = prompt::Language::of(&started.language);
        self.talk.language = entry.language.or(of_call).unwrap_or(self.book.language);
        self.talk.command(Command::Answer, out);
        self.state = State::Answering;
    }

    /// The caller has come to the menu.
    fn enter(&mut self, at_ms: u64, out: &mut Vec<Effect>) {
        self.tries = 0;
        self.is_spoken = false;
        let now_s = i64::try_from(at_ms / 1000).unwrap_or(i64::MAX);
        let entry = Arc::clone(&self.entry);
        if let Some(language) = entry.language {
            self.talk.language = language;
        }
        let is_open = |hours: &super::Hours| !self.is_night && hours.hold(now_s, &self.book.zone);
        if entry.hours.as_ref().is_none_or(is_open) {
            return self.say(Vec::new(), out);
        }
        match &entry.closed {
            Some(elsewhere) => self.follow(elsewhere, at_ms, out),
            None => self.part(&[Fixed::Closed, Fixed::Goodbye], out),
        }
    }

    /// Says the menu, behind some first words, and waits for keys.
    fn say(&mut self, first: Vec<Sound>, out: &mut Vec<Effect>) {
        self.turns += 1;
        if self.turns > TURNS_MAX {
            return self.part(&[Fixed::TooManyTries, Fixed::Goodbye], out);
        }
        self.digits.clear();
        let sounds = first.into_iter().chain(self.greeting()).collect();
        let play = self.talk.play(sounds, true, out);
        let entry = &self.entry;
        let (digits_max, end_digits) = if entry.may_dial { (DIGITS_MAX as u8, "#") } else { (1, "") };
        let collect = self.talk.command(
            Command::Collect {
                leg: 0,
                digits_max,
                first: entry.wait,
                between: entry.between,
                end_digits: end_digits.to_owned(),
            },
            out,
        );
        self.state = State::Asking { play, collect };
    }

    /// The file of the administrator, or what the keys do.
    fn greeting(&self) -> Vec<Sound> {
        let entry = &self.entry;
        if let (Some(file), false) = (&entry.greeting, self.is_spoken) {
            return vec![Sound::File(file.clone())];
        }
        let mut sounds = Vec::new();
        if self.turns <= 1 {
            sounds.extend(self.talk.sounds(&Sentence::Fixed(Fixed::Welcome)));
        }
        for key in KEYS.chars() {
            let Some(choice) = entry.keys.get(&key) else { continue };
            let (language, what) = match &choice.said {
                Said::Extension(number) => (self.talk.language, Offer::Extension(number)),
                Said::Mailbox(number) => (self.talk.language, Offer::Mailbox(number)),
                Said::Operator => (self.talk.language, Offer::Operator),
                Said::Repeat => (self.talk.language, Offer::Repeat),
                Said::More => (self.talk.language, Offer::More),
                Said::HangUp => (self.talk.language, Offer::HangUp),
                Said::Language(language) => (*language, Offer::Language),
            };
            sounds.extend(sounds_in(language, &Sentence::Choice { key, what }));
        }
        if entry.may_dial && !self.book.extensions.is_empty() {
            sounds.extend(self.talk.sounds(&Sentence::Fixed(Fixed::DialExtension)));
        }
        sounds
    }

    /// A digit decides as soon as no other could change what is meant.
    fn pressed(&mut self, digit: char, collect: u32, at_ms: u64, out: &mut Vec<Effect>) {
        self.digits.push(digit);
        let reading = match self.digits.strip_suffix('#') {
            // It ends a number; where it is a key by itself, the number is empty.
            Some(number) if !number.is_empty() => {
                self.digits.truncate(number.len());
                read(&self.book, &self.entry, &self.digits, true)
            }
            _ => read(&self.book, &self.entry, &self.digits, false),
        };
        if reading != Reading::Open {
            self.talk.command(Command::Stop { leg: 0, id: collect }, out);
            self.understood(reading, at_ms, out);
        }
    }

    fn collected(&mut self, digits: String, why: Ended, at_ms: u64, out: &mut Vec<Effect>) {
        if digits.is_empty() && !matches!(why, Ended::Digit(_)) {
            return self.again(Vec::new(), out);
        }
        let reading = read(&self.book, &self.entry, &digits, true);
        self.digits = digits;
        self.understood(reading, at_ms, out);
    }

    fn understood(&mut self, reading: Reading, at_ms: u64, out: &mut Vec<Effect>) {
        match reading {
            Reading::Key(key) => {
                let entry = Arc::clone(&self.entry);
                match entry.keys.get(&key) {
                    Some(choice) => self.follow(choice, at_ms, out),
                    None => self.invalid(out),
                }
            }
            Reading::Extension => self.call(self.digits.clone(), out),
            Reading::Unknown => {
                out.push(Effect::Find { extension: self.digits.clone() });
                self.state = State::Finding;
            }
            Reading::Open | Reading::Nothing => self.invalid(out),
        }
    }

    fn follow(&mut self, choice: &Choice, at_ms: u64, out: &mut Vec<Effect>) {
        match &choice.target {
            Target::Call(target) => self.call(target.clone(), out),
            Target::Mailbox(of) => self.call(format!("{}:{of}", self.book.mailboxes), out),
            Target::Menu(name) => match self.book.menus.get(name) {
                Some(entry) if self.turns < TURNS_MAX => {
                    self.entry = Arc::clone(entry);
                    self.turns += 1;
                    self.enter(at_ms, out);
                }
                _ => self.part(&[Fixed::Goodbye], out),
            },
            Target::Language(language) => {
                self.talk.language = *language;
                self.say(Vec::new(), out);
            }
            Target::Repeat => self.say(Vec::new(), out),
            Target::Operator => match self.entry.operator.clone() {
                Some(operator) => self.follow(&operator, at_ms, out),
                None => self.invalid(out),
            },
            Target::HangUp => self.part(&[Fixed::Goodbye], out),
        }
    }

    fn call(&mut self, target: String, out: &mut Vec<Effect>) {
        let transfer = self.talk.command(Command::Transfer { leg: 0, target }, out);
        self.state = State::Leaving { transfer };
    }

    fn invalid(&mut self, out: &mut Vec<Effect>) {
        self.again(self.talk.sounds(&Sentence::Fixed(Fixed::InvalidChoice)), out);
    }

    /// Says the menu again, or gives up: the operator takes the caller, where there is one.
    fn again(&mut self, first: Vec<Sound>, out: &mut Vec<Effect>) {
        self.tries += 1;
        if self.tries < self.entry.tries {
            return self.say(first, out);
        }
        let operator = match self.entry.operator.as_ref().map(|operator| &operator.target) {
            Some(Target::Call(operator)) => Some(operator.clone()),
            Some(Target::Mailbox(of)) => Some(format!("{}:{of}", self.book.mailboxes)),
            _ => None,
        };
        match operator {
            // Who cannot be reached once cannot be reached again.
            Some(operator) if self.tries == self.entry.tries => self.call(operator, out),
            _ => self.part(&[Fixed::Goodbye], out),
        }
    }

    fn part(&mut self, last_words: &[Fixed], out: &mut Vec<Effect>) {
        let sounds = last_words.iter().flat_map(|fixed| self.talk.sounds(&Sentence::Fixed(*fixed))).collect();
        let play = self.talk.part(sounds, out);
        self.state = State::Parting { play };
    }

    fn finish(&mut self, out: &mut Vec<Effect>) {
        if self.state != State::Over {
            self.state = State::Over;
            out.push(Effect::Finished);
        }
    }
}

/// The order in which keys are spoken of.
const KEYS: &str = "1234567890*#";
/// How often menus are said in one call: whoever goes round in circles, by keys or by configuration, is let go.
const TURNS_MAX: u32 = 50;
