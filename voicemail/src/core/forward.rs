//! A message is sent on: to which mailbox, with which comment. Who hangs up while speaking has sent it; what is too short
//! is no comment.

use std::time::Duration;

use prompt::Fixed;
use proto::application::{Command, What};
use proto::media::Ended;

use super::talk::Talk;
use super::{Effect, Filed, Mailbox, Policy};

/// What is asked from `8` until the keys for a message come again.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    /// The message.
    message: String,
    /// What recordings are named by.
    name: String,
    policy: Policy,
    to: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Asking {
        collect: u32,
    },
    /// Whether there is such a mailbox.
    Opening,
    /// What to record is said.
    Prompting {
        play: u32,
    },
    Recording {
        record: u32,
    },
    Sending,
    /// This is said, then the keys for the message.
    Over(Option<Fixed>),
}

impl Forward {
    /// Asks for the mailbox. `name` is unguessable, and of this forwarding alone.
    pub(crate) fn begin(
        message: &str,
        name: String,
        policy: &Policy,
        talk: &mut Talk,
        out: &mut Vec<Effect>,
    ) -> Self {
        let collect = talk.ask_number(&[Fixed::EnterExtension.into()], policy.choice_wait, out);
        let state = State::Asking { collect };
        Forward { message: message.to_owned(), name, policy: policy.clone(), to: String::new(), state }
    }

    /// The number of the mailbox, once it was typed.
    pub(crate) fn to(&self) -> &str {
        &self.to
    }

    /// True while the store files it.
    pub(crate) fn is_sending(&self) -> bool {
        self.state == State::Sending
    }

    /// True when the keys for the message come next.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// What is said before those.
    pub(crate) fn last_words(&self) -> Option<Fixed> {
        match self.state {
            State::Over(said) => said,
            _ => None,
        }
    }

    /// Takes an event of the run.
    pub(crate) fn event(&mut self, what: What, talk: &mut Talk, out: &mut Vec<Effect>) {
        match (self.state, what) {
            (State::Asking { collect }, What::Collected { id, digits, .. }) if id == collect => {
                self.chosen(digits, out);
            }
            (State::Prompting { play }, What::Played { id, .. } | What::Refused { id, .. }) if id == play => {
                self.record(talk, out);
            }
            (State::Recording { record }, What::Recorded { id, file, length, why, .. }) if id == record => {
                self.recorded(file, length, why, out);
            }
            (State::Recording { record }, What::Refused { id, .. }) if id == record => {
                out.push(Effect::Drop { file: self.comment() });
                self.state = State::Over(Some(Fixed::Apology));
            }
            // Each digit by itself, and the ends of what was stopped.
            _ => {}
        }
    }

    /// The mailbox of that number, where there is one.
    pub(crate) fn opened(&mut self, mailbox: Option<&Mailbox>, talk: &mut Talk, out: &mut Vec<Effect>) {
        if self.state != State::Opening {
            return;
        }
        self.state = match mailbox {
            Some(mailbox) if mailbox.is_full => State::Over(Some(Fixed::MailboxFull)),
            Some(_) => State::Prompting { play: talk.play(&[Fixed::RecordComment.into()], out) },
            None => State::Over(Some(Fixed::NoSuchMailbox)),
        };
    }

    /// What became of it.
    pub(crate) fn filed(&mut self, filed: Filed) {
        if self.state == State::Sending {
            self.state = State::Over(Some(match filed {
                Filed::Done(_) => Fixed::MessageForwarded,
                Filed::Full => Fixed::MailboxFull,
                Filed::Failed => Fixed::Apology,
            }));
        }
    }

    fn chosen(&mut self, digits: String, out: &mut Vec<Effect>) {
        if digits.is_empty() {
            self.state = State::Over(Some(Fixed::NothingHeard));
        } else if !digits.chars().all(|digit| digit.is_ascii_digit()) {
            // `*` takes it back.
            self.state = State::Over(None);
        } else {
            self.to = digits;
            out.push(Effect::Open { mailbox: self.to.clone() });
            self.state = State::Opening;
        }
    }

    fn record(&mut self, talk: &mut Talk, out: &mut Vec<Effect>) {
        let comment = self.comment();
        out.push(Effect::Comment {
            mailbox: self.to.clone(),
            message: self.message.clone(),
            file: comment.clone(),
        });
        let record = Command::Record {
            leg: 0,
            to: comment.trim_end_matches(".wav").to_owned(),
            max: self.policy.message_max,
            silence: (!self.policy.silence.is_zero()).then_some(self.policy.silence),
            stop_digits: "#*".to_owned(),
            both_sides: false,
            beep: true,
        };
        self.state = State::Recording { record: talk.command(record, out) };
    }

    fn recorded(&mut self, file: String, length: Duration, why: Ended, out: &mut Vec<Effect>) {
        match why {
            Ended::Digit('*') | Ended::Failed => {
                out.push(Effect::Drop { file });
                let said = if why == Ended::Failed { Fixed::Apology } else { Fixed::RecordingDropped };
                self.state = State::Over(Some(said));
            }
            Ended::Digit(_) | Ended::Complete | Ended::Timeout | Ended::Silence | Ended::Stopped => {
                let is_comment = length >= SHORTEST;
                out.push(Effect::Forward {
                    mailbox: self.to.clone(),
                    message: self.message.clone(),
                    comment: is_comment.then(|| file.clone()),
                    file: sent_on_as(&file),
                });
                if !is_comment {
                    out.push(Effect::Drop { file });
                }
                self.state = State::Sending;
            }
        }
    }

    fn comment(&self) -> String {
        format!("voicemail/{}/{}{COMMENT}", self.to, self.name)
    }
}

/// Under which name a message with this comment is filed: always the same, so that it is filed once.
pub(crate) fn sent_on_as(comment: &str) -> String {
    format!("{}.wav", comment.strip_suffix(COMMENT).unwrap_or(comment))
}

/// What is shorter says nothing.
const SHORTEST: Duration = Duration::from_millis(700);
const COMMENT: &str = "-comment.wav";
