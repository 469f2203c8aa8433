//! Somebody listens to messages. Each key is done when it is pressed, so that who hangs up loses nothing, and what was
//! only skipped stays new.

use prompt::{Fixed, Sentence};
use proto::application::{Command, Event, Started, What};
use proto::media::Ended;

use super::envelope;
use super::forward::Forward;
use super::options::Options;
use super::talk::{Say, Talk};
use super::{Effect, Filed, Input, Kept, Mark, Policy, Verdict};

/// The dialogue with one who listens to messages.
#[derive(Debug, Clone)]
pub struct Retrieve {
    run: String,
    policy: Policy,
    started: Started,
    talk: Talk,
    state: State,
    mailbox: String,
    /// The user's own phone calls: the mailbox need not be typed.
    is_own: bool,
    messages: Vec<Kept>,
    /// Which of them are gone through: places in `messages`, urgent ones first.
    folder: Vec<usize>,
    is_old_folder: bool,
    at: usize,
    /// Wrong PINs of this call.
    wrong: u32,
    /// Menus that were said since the last key that meant something.
    tries: u32,
    /// Marks that the store has not answered.
    marks: u32,
    /// What is done while the state is [`State::Options`].
    options: Option<Options>,
    /// What is done while the state is [`State::Forwarding`], and until the store has filed it.
    forward: Option<Forward>,
    /// How many were begun.
    forwards: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Answering,
    AskingMailbox {
        collect: u32,
    },
    AskingPin {
        collect: u32,
    },
    Checking,
    /// The keys of the mailbox.
    Menu {
        collect: u32,
    },
    /// A message is heard.
    Hearing {
        play: u32,
        collect: u32,
    },
    /// The keys for a message.
    Choosing {
        collect: u32,
    },
    /// The mailbox's own greetings, name and PIN.
    Options,
    /// The message is sent on.
    Forwarding,
    CallingBack {
        play: u32,
    },
    /// The caller is sent to the one who left the message.
    Sending,
    Parting {
        play: u32,
    },
    Leaving,
    /// The caller has gone; the store has marks to make, or a message to send on.
    Marking,
    Over,
}

impl Retrieve {
    /// A dialogue that begins with [`What::Started`]. `run` is unguessable, and names recordings.
    pub fn new(run: &str, policy: Policy) -> Self {
        Retrieve {
            run: run.to_owned(),
            policy,
            started: Started::default(),
            talk: Talk::new(""),
            state: State::Opening,
            mailbox: String::new(),
            is_own: false,
            messages: Vec::new(),
            folder: Vec::new(),
            is_old_folder: false,
            at: 0,
            wrong: 0,
            tries: 0,
            marks: 0,
            options: None,
            forward: None,
            forwards: 0,
        }
    }

    /// True after [`Effect::Finished`].
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes one input. Commands are pushed in the order in which they are to be done.
    pub fn handle(&mut self, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Event(Event { what: What::Ended(_), .. }) => self.ended(out),
            Input::Event(Event { at_ms, what, .. }) => self.event(at_ms, what, out),
            Input::LoggedIn(verdict) if self.state == State::Checking => self.logged_in(verdict, out),
            Input::Marked(counts) if self.marks > 0 => {
                self.marks -= 1;
                out.push(Effect::Waiting { mailbox: self.mailbox.clone(), counts });
                self.finish_when_marked(out);
            }
            Input::Changed(changed) => {
                if let Some(options) = &mut self.options {
                    options.changed(changed, &mut self.talk, out);
                }
            }
            Input::Opened(mailbox) => {
                self.go_forward(out, |forward, talk, out| forward.opened(mailbox.as_deref(), talk, out));
            }
            Input::Filed(filed) => self.filed(filed, out),
            Input::LoggedIn(_) | Input::Marked(_) => {}
        }
    }

    fn event(&mut self, at_ms: u64, what: What, out: &mut Vec<Effect>) {
        match (self.state, what) {
            (State::Opening, What::Started(started)) => {
                self.started = *started;
                self.talk = Talk::new(&self.started.language);
                let Started { caller, callee, .. } = &self.started;
                // A mailbox that was named is another's, unless it is the caller's.
                let is_user = !caller.user.is_empty();
                let is_named = is_user && !callee.user.is_empty() && callee.user != caller.user;
                self.is_own = is_user && !is_named;
                if is_named {
                    self.mailbox.clone_from(&callee.number);
                }
                self.talk.command(Command::Answer, out);
                self.state = State::Answering;
            }
            (State::Answering, What::Answered { leg: 0 }) if self.is_own => {
                self.mailbox = self.started.caller.number.clone();
                self.log_in(None, out);
            }
            (State::Answering, What::Answered { leg: 0 }) if !self.mailbox.is_empty() => {
                self.ask_pin(None, out);
            }
            (State::Answering, What::Answered { leg: 0 }) => self.ask_mailbox(None, out),
            (State::Forwarding, what) => {
                self.go_forward(out, |forward, talk, out| forward.event(what, talk, out));
            }
            (State::Options, what) => self.choose_option(what, out),
            (state, What::Collected { id, digits, .. }) => self.collected(state, id, &digits, at_ms, out),
            (
                State::AskingMailbox { collect: begun }
                | State::AskingPin { collect: begun }
                | State::Menu { collect: begun }
                | State::Hearing { collect: begun, .. }
                | State::Choosing { collect: begun },
                What::Refused { id, .. },
            ) if id == begun => self.part(&[Fixed::Apology.into()], out),
            // What cannot be played was not heard.
            (
                State::Hearing { play, .. },
                What::Refused { id, .. } | What::Played { id, why: Ended::Failed, .. },
            ) if id == play => self.choose(Some(Fixed::Apology), out),
            (State::CallingBack { play }, What::Played { id, .. } | What::Refused { id, .. })
                if id == play =>
            {
                let target = self.message().map(|message| message.caller.clone()).unwrap_or_default();
                self.talk.command(Command::Transfer { leg: 0, target }, out);
                self.state = State::Sending;
            }
            (State::Sending, What::Refused { .. }) => self.choose(Some(Fixed::CannotCallBack), out),
            (State::Parting { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.talk.command(Command::HangUp { leg: 0, status: 0 }, out);
                self.state = State::Leaving;
            }
            // Each digit by itself, the ends of what was stopped, and what comes after the last words.
            _ => {}
        }
    }

    fn collected(&mut self, state: State, id: u32, digits: &str, at_ms: u64, out: &mut Vec<Effect>) {
        let key = digits.chars().next();
        match state {
            State::AskingMailbox { collect } if collect == id => {
                if key.is_none() {
                    return self
                        .again(out, |retrieve, out| retrieve.ask_mailbox(Some(Fixed::NothingHeard), out));
                }
                digits.clone_into(&mut self.mailbox);
                self.ask_pin(None, out);
            }
            // An empty PIN is a wrong one: it is counted where wrong ones are.
            State::AskingPin { collect } if collect == id => self.log_in(Some(digits.to_owned()), out),
            State::Menu { collect } if collect == id => self.menu_key(key, at_ms, out),
            State::Hearing { collect, .. } if collect == id => match key {
                None => {
                    self.mark(Mark::Heard, out);
                    self.choose(None, out);
                }
                Some(key) => self.message_key(key, at_ms, out),
            },
            State::Choosing { collect } if collect == id => match key {
                None => self.again(out, |retrieve, out| retrieve.choose(None, out)),
                Some(key) => self.message_key(key, at_ms, out),
            },
            _ => {}
        }
    }

    fn log_in(&mut self, pin: Option<String>, out: &mut Vec<Effect>) {
        out.push(Effect::LogIn { mailbox: self.mailbox.clone(), pin, is_own: self.is_own });
        self.state = State::Checking;
    }

    fn logged_in(&mut self, verdict: Verdict, out: &mut Vec<Effect>) {
        match verdict {
            Verdict::Open(messages) => {
                self.messages = messages;
                self.tries = 0;
                self.menu(&[self.you_have()], out);
            }
            Verdict::NeedsPin => self.ask_pin(None, out),
            Verdict::Wrong => {
                self.wrong += 1;
                if self.wrong >= self.policy.tries_max {
                    let said = [Fixed::WrongPin, Fixed::TooManyTries, Fixed::Goodbye].map(Say::from);
                    self.part(&said, out);
                } else if self.is_own {
                    self.ask_pin(Some(Fixed::WrongPin), out);
                } else {
                    self.ask_mailbox(Some(Fixed::WrongPin), out);
                }
            }
            Verdict::LockedFor { minutes } => {
                let locked = Say::Sentence(Sentence::LockedFor { minutes });
                self.part(&[locked, Fixed::Goodbye.into()], out);
            }
            Verdict::Failed => self.part(&[Fixed::Apology.into()], out),
        }
    }

    fn menu_key(&mut self, key: Option<char>, at_ms: u64, out: &mut Vec<Effect>) {
        match key {
            Some('1') => {
                self.tries = 0;
                self.open_folder(self.is_old_folder);
                if self.folder.is_empty() {
                    self.open_folder(!self.is_old_folder);
                }
                self.hear(at_ms, out);
            }
            Some('2') => {
                self.tries = 0;
                let before = self.is_old_folder;
                self.open_folder(!before);
                if self.folder.is_empty() {
                    self.is_old_folder = before;
                }
                self.hear(at_ms, out);
            }
            Some('0') => {
                self.tries = 0;
                let (mailbox, run, policy) = (&self.mailbox, &self.run, &self.policy);
                self.options = Some(Options::begin(mailbox, run, policy, &mut self.talk, out));
                self.state = State::Options;
            }
            // The owner of another one, on somebody else's phone.
            Some('*') => {
                (self.is_own, self.tries) = (false, 0);
                self.ask_mailbox(None, out);
            }
            Some('#') => self.part(&[Fixed::Goodbye.into()], out),
            Some(_) => self.again(out, |retrieve, out| retrieve.menu(&[Fixed::InvalidChoice.into()], out)),
            None => self.again(out, |retrieve, out| retrieve.menu(&[], out)),
        }
    }

    fn choose_option(&mut self, what: What, out: &mut Vec<Effect>) {
        let Some(options) = &mut self.options else { return };
        options.event(what, &mut self.talk, out);
        if options.is_over() {
            self.options = None;
            self.menu(&[], out);
        }
    }

    fn forward(&mut self, out: &mut Vec<Effect>) {
        let Some(message) = self.message().map(|message| message.file.clone()) else {
            return self.choose(Some(Fixed::InvalidChoice), out);
        };
        self.forwards += 1;
        let name = format!("{}-f{}", self.run, self.forwards);
        self.forward = Some(Forward::begin(&message, name, &self.policy, &mut self.talk, out));
        self.state = State::Forwarding;
    }

    fn go_forward(
        &mut self,
        out: &mut Vec<Effect>,
        go: impl FnOnce(&mut Forward, &mut Talk, &mut Vec<Effect>),
    ) {
        let Some(forward) = &mut self.forward else { return };
        go(forward, &mut self.talk, out);
        if forward.is_over() {
            let said = forward.last_words();
            self.forward = None;
            // The caller may have gone meanwhile.
            if self.state == State::Forwarding {
                self.choose(said, out);
            }
        }
    }

    /// A message that was sent on was heard.
    fn filed(&mut self, filed: Filed, out: &mut Vec<Effect>) {
        let Some(forward) = self.forward.as_ref().filter(|forward| forward.is_sending()) else { return };
        if let Filed::Done(counts) = filed {
            out.push(Effect::Waiting { mailbox: forward.to().to_owned(), counts });
            self.mark(Mark::Heard, out);
        }
        self.go_forward(out, |forward, _, _| forward.filed(filed));
        self.finish_when_marked(out);
    }

    fn message_key(&mut self, key: char, at_ms: u64, out: &mut Vec<Effect>) {
        if "3456789*#".contains(key) {
            self.tries = 0;
        }
        match key {
            '3' if self.message().is_none_or(|message| message.caller.is_empty()) => {
                self.choose(Some(Fixed::CannotCallBack), out);
            }
            '3' => {
                let play = self.talk.play(&[Fixed::CallingBack.into()], out);
                self.state = State::CallingBack { play };
            }
            '4' if self.at == 0 => self.choose(Some(Fixed::FirstMessage), out),
            '4' => {
                self.at -= 1;
                self.hear(at_ms, out);
            }
            '5' => self.hear(at_ms, out),
            '6' if self.at + 1 >= self.folder.len() => self.menu(&[Fixed::NoMoreMessages.into()], out),
            '6' => {
                self.at += 1;
                self.hear(at_ms, out);
            }
            '7' if self.message().is_some_and(|message| message.is_deleted) => {
                self.mark(Mark::Restored, out);
                self.choose(Some(Fixed::MessageRestored), out);
            }
            '7' => {
                self.mark(Mark::Deleted, out);
                self.choose(Some(Fixed::MessageDeleted), out);
            }
            '8' => self.forward(out),
            '9' => {
                self.mark(Mark::Heard, out);
                self.choose(Some(Fixed::MessageKept), out);
            }
            '*' => self.choose(None, out),
            '#' => self.menu(&[self.you_have()], out),
            _ => self.again(out, |retrieve, out| retrieve.choose(Some(Fixed::InvalidChoice), out)),
        }
    }

    fn ask_mailbox(&mut self, first: Option<Fixed>, out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = first.into_iter().chain([Fixed::EnterMailbox]).map(Say::from).collect();
        let collect = self.talk.ask_number(&said, self.policy.choice_wait, out);
        self.state = State::AskingMailbox { collect };
    }

    fn ask_pin(&mut self, first: Option<Fixed>, out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = first.into_iter().chain([Fixed::EnterPin]).map(Say::from).collect();
        let collect = self.talk.ask_number(&said, self.policy.choice_wait, out);
        self.state = State::AskingPin { collect };
    }

    fn menu(&mut self, first: &[Say<'_>], out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = first.iter().copied().chain([Fixed::MailboxMenu.into()]).collect();
        let collect = self.talk.ask(&said, self.policy.choice_wait, out);
        self.state = State::Menu { collect };
    }

    fn choose(&mut self, first: Option<Fixed>, out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = first.into_iter().chain([Fixed::MessageMenu]).map(Say::from).collect();
        let collect = self.talk.ask(&said, self.policy.choice_wait, out);
        self.state = State::Choosing { collect };
    }

    /// Plays the message with what is known of it; the keys are those of [`Retrieve::choose`], which comes after.
    fn hear(&mut self, now_ms: u64, out: &mut Vec<Effect>) {
        let Some(message) = self.folder.get(self.at).and_then(|place| self.messages.get(*place)) else {
            return self.menu(&[Fixed::NoMessages.into()], out);
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut said = Vec::with_capacity(5);
        if message.is_urgent {
            said.push(Fixed::UrgentMessage.into());
        }
        let place = Sentence::Message { number: number(self.at + 1), of: number(self.folder.len()) };
        said.push(Say::Sentence(place));
        said.push(Say::Sentence(envelope::received(message.at_ms, now_ms, &self.policy.zone)));
        said.push(Say::Sentence(Sentence::From(envelope::caller(&message.caller))));
        said.push(Say::Recording(&message.file));
        let collect = self.talk.ask(&said, envelope::AFTER_MESSAGE, out);
        // It is played by the command before.
        self.state = State::Hearing { play: collect - 1, collect };
    }

    /// What is gone through is settled when a folder is opened: a message that is marked stays in its place.
    fn open_folder(&mut self, is_old: bool) {
        self.is_old_folder = is_old;
        let is_here = |message: &Kept| message.is_new != self.is_old_folder && !message.is_deleted;
        self.folder = (0..self.messages.len()).filter(|place| is_here(&self.messages[*place])).collect();
        self.folder.sort_by_key(|place| (!self.messages[*place].is_urgent, self.messages[*place].at_ms));
        self.at = 0;
    }

    fn you_have(&self) -> Say<'static> {
        let count = |is: fn(&Kept) -> bool| {
            let count = self.messages.iter().filter(|message| !message.is_deleted && is(message)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        Say::Sentence(Sentence::YouHave {
            urgent: count(|message| message.is_new && message.is_urgent),
            new: count(|message| message.is_new && !message.is_urgent),
            old: count(|message| !message.is_new),
        })
    }

    fn message(&self) -> Option<&Kept> {
        self.messages.get(*self.folder.get(self.at)?)
    }

    /// Marks the message, here and in the store, where that changes it.
    fn mark(&mut self, mark: Mark, out: &mut Vec<Effect>) {
        let place = self.folder.get(self.at).copied();
        let Some(message) = place.and_then(|place| self.messages.get_mut(place)) else { return };
        match mark {
            Mark::Heard if !message.is_new => return,
            Mark::Heard => message.is_new = false,
            Mark::Deleted => message.is_deleted = true,
            Mark::Restored => message.is_deleted = false,
        }
        self.marks += 1;
        out.push(Effect::Mark { mailbox: self.mailbox.clone(), file: message.file.clone(), mark });
    }

    /// Says something once more, until that was too often.
    fn again(&mut self, out: &mut Vec<Effect>, say: impl FnOnce(&mut Self, &mut Vec<Effect>)) {
        self.tries += 1;
        if self.tries >= self.policy.tries_max {
            return self.part(&[Fixed::TooManyTries.into(), Fixed::Goodbye.into()], out);
        }
        say(self, out);
    }

    fn part(&mut self, last_words: &[Say<'_>], out: &mut Vec<Effect>) {
        let play = self.talk.part(last_words, out);
        self.state = State::Parting { play };
    }

    fn ended(&mut self, out: &mut Vec<Effect>) {
        if let Some(options) = &mut self.options {
            options.ended(out);
        }
        if self.state != State::Over {
            self.state = State::Marking;
            self.finish_when_marked(out);
        }
    }

    fn finish_when_marked(&mut self, out: &mut Vec<Effect>) {
        let is_sending = self.forward.as_ref().is_some_and(Forward::is_sending);
        if self.state == State::Marking && self.marks == 0 && !is_sending {
            self.state = State::Over;
            out.push(Effect::Finished);
        }
    }
}
