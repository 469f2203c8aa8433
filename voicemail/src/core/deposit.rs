//! Somebody leaves a message. What was recorded, and long enough, is filed whenever the caller hangs up; only what is
//! recorded again in its place, or too short, is dropped.

use std::time::Duration;

use prompt::{Fixed, Greeting, Sentence, Who};
use proto::application::{Command, Event, Reached, Started, What};
use proto::media::Ended;

use super::talk::{Say, Talk};
use super::{Effect, Filed, Input, Mailbox, Message, Policy};
use crate::service::RETRIEVE;

/// The dialogue with one who leaves a message.
#[derive(Debug, Clone)]
pub struct Deposit {
    run: String,
    policy: Policy,
    started: Started,
    mailbox: Mailbox,
    talk: Talk,
    state: State,
    /// Recordings that were begun: each has a name of its own.
    takes: u32,
    /// When the last one was begun.
    begun_ms: u64,
    /// The recording that will be filed.
    kept: Option<Take>,
    is_urgent: bool,
    /// Menus that were said since the last key that meant something.
    tries: u32,
}

#[derive(Debug, Clone)]
struct Take {
    file: String,
    length: Duration,
    begun_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    /// The caller is being connected.
    Answering,
    Greeting {
        play: u32,
    },
    Recording {
        record: u32,
    },
    /// The keys for what was recorded.
    Reviewing {
        collect: u32,
    },
    /// The caller hears what was recorded.
    Listening {
        play: u32,
    },
    Filing {
        then: Then,
    },
    /// Some last words; then we hang up.
    Parting {
        play: u32,
    },
    /// Nothing more is done but to hear of the end.
    Leaving,
    Over,
}

/// What follows on the filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Goodbye,
    Operator,
    /// The caller has gone.
    Nothing,
}

impl Deposit {
    /// A dialogue that begins with [`What::Started`]. `run` is unguessable, and names the recordings.
    pub fn new(run: &str, policy: Policy) -> Self {
        Deposit {
            run: run.to_owned(),
            policy,
            started: Started::default(),
            mailbox: Mailbox::default(),
            talk: Talk::new(""),
            state: State::Opening,
            takes: 0,
            begun_ms: 0,
            kept: None,
            is_urgent: false,
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
            Input::Event(Event { what: What::Ended(_), .. }) => self.ended(out),
            Input::Event(Event { at_ms, what, .. }) => self.event(at_ms, what, out),
            Input::Opened(mailbox) => self.opened(mailbox, out),
            Input::Filed(filed) => self.filed(filed, out),
            Input::LoggedIn(_) | Input::Marked(_) | Input::Changed(_) => {}
        }
    }

    fn event(&mut self, at_ms: u64, what: What, out: &mut Vec<Effect>) {
        match (self.state, what) {
            (State::Opening, What::Started(started)) => {
                self.started = *started;
                self.talk = Talk::new(&self.started.language);
                out.push(Effect::Open { mailbox: self.started.callee.number.clone() });
            }
            (State::Answering, What::Answered { leg: 0 }) if self.mailbox.is_full => {
                self.part(&[Fixed::MailboxFull, Fixed::Goodbye], out);
            }
            (State::Answering, What::Answered { leg: 0 }) => self.greet(out),
            (State::Greeting { play }, What::Digit { leg: 0, digit: '#' }) => {
                self.talk.command(Command::Stop { leg: 0, id: play }, out);
                self.record(at_ms, out);
            }
            (State::Greeting { .. }, What::Digit { leg: 0, digit: '0' }) => {
                self.transfer(self.mailbox.operator.clone(), out);
            }
            // The owner, on somebody else's phone.
            (State::Greeting { .. }, What::Digit { leg: 0, digit: '*' }) => {
                let mailbox = &self.mailbox;
                let listen = mailbox.listen.as_ref().map(|_| format!("{RETRIEVE}:{}", mailbox.number));
                self.transfer(listen, out);
            }
            // A greeting that cannot be played, or played no more, stops nobody from leaving a message.
            (State::Greeting { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.record(at_ms, out);
            }
            (State::Recording { record }, What::Recorded { id, file, length, why, .. }) if id == record => {
                self.recorded(file, length, why, out);
            }
            (State::Recording { record }, What::Refused { id, .. }) if id == record => self.cannot(out),
            (State::Reviewing { collect }, What::Collected { id, digits, .. }) if id == collect => {
                self.chosen(digits.chars().next(), at_ms, out);
            }
            (State::Reviewing { collect }, What::Refused { id, .. }) if id == collect => {
                self.file(Then::Goodbye, out);
            }
            (State::Listening { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.review(None, out);
            }
            (State::Parting { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.hang_up(0, out);
            }
            // The operator cannot be called: the caller stays, and may leave a message after all.
            (State::Leaving, What::Refused { .. }) if self.takes == 0 => {
                let play = self.talk.play(&[Fixed::LeaveMessage.into()], out);
                self.state = State::Greeting { play };
            }
            (State::Leaving, What::Refused { .. }) => self.part(&[Fixed::Apology, Fixed::Goodbye], out),
            // Digits that mean nothing here, the ends of what was stopped, and what comes after the last words.
            _ => {}
        }
    }

    fn opened(&mut self, mailbox: Option<Box<Mailbox>>, out: &mut Vec<Effect>) {
        if self.state != State::Opening {
            return;
        }
        match mailbox {
            Some(mailbox) => {
                self.mailbox = *mailbox;
                self.state = State::Answering;
                self.talk.command(Command::Answer, out);
            }
            None => self.hang_up(404, out),
        }
    }

    fn greet(&mut self, out: &mut Vec<Effect>) {
        let mailbox = &self.mailbox;
        let (kind, own) = match self.started.why {
            Reached::Busy | Reached::Declined => (Greeting::Busy, &mailbox.busy),
            Reached::NoAnswer | Reached::Dialled | Reached::Menu => (Greeting::NoAnswer, &mailbox.no_answer),
            Reached::Unreachable => (Greeting::Unreachable, &mailbox.no_answer),
        };
        let play = if let Some(own) = mailbox.temporary.as_ref().or(own.as_ref()) {
            self.talk.play(&[Say::Recording(own)], out)
        } else {
            let who = mailbox.name.as_deref().map_or(Who::Extension(&mailbox.number), Who::Name);
            let greeting = Say::Sentence(Sentence::Greeting(kind, who));
            self.talk.play(&[greeting, Fixed::LeaveMessage.into()], out)
        };
        self.state = State::Greeting { play };
    }

    fn record(&mut self, at_ms: u64, out: &mut Vec<Effect>) {
        self.takes += 1;
        self.begun_ms = at_ms;
        let stop_digits = if self.mailbox.operator.is_some() { "#0" } else { "#" };
        let record = Command::Record {
            leg: 0,
            to: format!("voicemail/{}/{}-{}", self.mailbox.number, self.run, self.takes),
            max: self.policy.message_max,
            silence: (!self.policy.silence.is_zero()).then_some(self.policy.silence),
            stop_digits: stop_digits.to_owned(),
            both_sides: false,
            beep: true,
        };
        let record = self.talk.command(record, out);
        self.state = State::Recording { record };
    }

    fn recorded(&mut self, file: String, length: Duration, why: Ended, out: &mut Vec<Effect>) {
        // What a disk that fails has kept of it is no message that another is given up for.
        let is_long_enough =
            length >= self.policy.message_min && (why != Ended::Failed || self.kept.is_none());
        let dropped = if is_long_enough {
            let kept = Take { file, length, begun_ms: self.begun_ms };
            self.kept.replace(kept).map(|before| before.file)
        } else {
            Some(file)
        };
        if let Some(file) = dropped {
            out.push(Effect::Drop { file });
        }
        match why {
            // The caller has gone; the end of the run files it.
            Ended::Stopped => self.state = State::Leaving,
            Ended::Digit('0') if self.kept.is_some() => self.file(Then::Operator, out),
            Ended::Digit('0') => self.transfer(self.mailbox.operator.clone(), out),
            Ended::Digit(_) if is_long_enough => self.review(None, out),
            // Recorded again, and worse: what there was before stands.
            Ended::Digit(_) if self.kept.is_some() => self.review(Some(Fixed::MessageTooShort), out),
            Ended::Complete | Ended::Timeout | Ended::Silence | Ended::Failed if self.kept.is_some() => {
                self.file(Then::Goodbye, out);
            }
            Ended::Failed => self.cannot(out),
            Ended::Digit(_) | Ended::Complete | Ended::Timeout | Ended::Silence => {
                self.part(&[Fixed::MessageTooShort, Fixed::Goodbye], out);
            }
        }
    }

    /// Says the keys for what was recorded.
    fn review(&mut self, first: Option<Fixed>, out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = first.into_iter().chain([Fixed::RecordingMenu]).map(Say::from).collect();
        let collect = self.talk.ask(&said, self.policy.choice_wait, out);
        self.state = State::Reviewing { collect };
    }

    fn chosen(&mut self, key: Option<char>, at_ms: u64, out: &mut Vec<Effect>) {
        if matches!(key, Some('2' | '3' | '4')) {
            self.tries = 0;
        }
        match key {
            Some('1' | '#') => self.file(Then::Goodbye, out),
            Some('2') => {
                let play = match &self.kept {
                    Some(kept) => self.talk.play(&[Say::Recording(&kept.file)], out),
                    None => return self.review(None, out),
                };
                self.state = State::Listening { play };
            }
            Some('3') => self.record(at_ms, out),
            Some('4') => {
                self.is_urgent = !self.is_urgent;
                let now = if self.is_urgent { Fixed::MarkedUrgent } else { Fixed::MarkedNormal };
                self.review(Some(now), out);
            }
            Some('0') if self.mailbox.operator.is_some() => self.file(Then::Operator, out),
            _ if self.tries + 1 >= self.policy.tries_max => self.file(Then::Goodbye, out),
            key => {
                self.tries += 1;
                let why = if key.is_some() { Fixed::InvalidChoice } else { Fixed::NothingHeard };
                self.review(Some(why), out);
            }
        }
    }

    /// Files what is kept.
    fn file(&mut self, then: Then, out: &mut Vec<Effect>) {
        let Some(kept) = &self.kept else { return self.follow_on(then, &[Fixed::Goodbye], out) };
        out.push(Effect::File(Box::new(Message {
            mailbox: self.mailbox.number.clone(),
            file: kept.file.clone(),
            length_ms: u32::try_from(kept.length.as_millis()).unwrap_or(u32::MAX),
            at_ms: kept.begun_ms,
            caller: self.started.caller.number.clone(),
            caller_name: self.started.caller.display_name.clone(),
            is_urgent: self.is_urgent,
        })));
        self.state = State::Filing { then };
    }

    fn filed(&mut self, filed: Filed, out: &mut Vec<Effect>) {
        let State::Filing { then } = self.state else { return };
        let kept = self.kept.take();
        match filed {
            Filed::Done(counts) => {
                out.push(Effect::Waiting { mailbox: self.mailbox.number.clone(), counts });
                self.follow_on(then, &[Fixed::RecordingKept, Fixed::Goodbye], out);
            }
            Filed::Full => {
                out.extend(kept.map(|kept| Effect::Drop { file: kept.file }));
                self.follow_on(then, &[Fixed::MailboxFull, Fixed::Goodbye], out);
            }
            Filed::Failed => self.follow_on(then, &[Fixed::Apology], out),
        }
    }

    fn follow_on(&mut self, then: Then, last_words: &[Fixed], out: &mut Vec<Effect>) {
        match then {
            Then::Goodbye => self.part(last_words, out),
            Then::Operator => self.transfer(self.mailbox.operator.clone(), out),
            Then::Nothing => self.finish(out),
        }
    }

    /// Without somebody there the key means nothing.
    fn transfer(&mut self, target: Option<String>, out: &mut Vec<Effect>) {
        let Some(target) = target else { return };
        self.talk.command(Command::Transfer { leg: 0, target }, out);
        self.state = State::Leaving;
    }

    fn cannot(&mut self, out: &mut Vec<Effect>) {
        match self.kept {
            Some(_) => self.file(Then::Goodbye, out),
            None => self.part(&[Fixed::Apology], out),
        }
    }

    fn part(&mut self, last_words: &[Fixed], out: &mut Vec<Effect>) {
        let said: Vec<Say<'_>> = last_words.iter().copied().map(Say::from).collect();
        let play = self.talk.part(&said, out);
        self.state = State::Parting { play };
    }

    fn hang_up(&mut self, status: u16, out: &mut Vec<Effect>) {
        self.talk.command(Command::HangUp { leg: 0, status }, out);
        self.state = State::Leaving;
    }

    /// The call is over, at whatever moment. What was being recorded was reported before.
    fn ended(&mut self, out: &mut Vec<Effect>) {
        match self.state {
            State::Filing { .. } => self.state = State::Filing { then: Then::Nothing },
            State::Over => {}
            _ => self.file(Then::Nothing, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<Effect>) {
        self.state = State::Over;
        out.push(Effect::Finished);
    }
}
