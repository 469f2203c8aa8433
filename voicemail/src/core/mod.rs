//! Dialogues with callers: `handle(input, out)`. Time stands in the events; nothing here waits.

mod deposit;
mod envelope;
mod forward;
mod options;
pub(crate) mod outbox;
mod policy;
mod retrieve;
mod talk;
#[cfg(test)]
mod tests;
pub(crate) mod webhook;

use proto::application::{Command, Event};
use serde::{Deserialize, Serialize};

pub use deposit::Deposit;
pub(crate) use forward::sent_on_as;
pub use policy::Policy;
pub use retrieve::Retrieve;

/// What a dialogue is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An event of the run.
    Event(Event),
    /// The mailbox that was asked for, where there is one.
    Opened(Option<Box<Mailbox>>),
    /// What became of a message that was to be filed.
    Filed(Filed),
    /// Whether the mailbox is open to the caller.
    LoggedIn(Verdict),
    /// A message is marked; how many there are now.
    Marked(Counts),
    /// What became of a change that the owner of the mailbox makes.
    Changed(Changed),
}

/// What a dialogue wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A command of the run. Ids rise from 1, and the same events give the same ids.
    Command {
        /// Its id.
        id: u32,
        /// What to do.
        command: Command,
    },
    /// Asks for the mailbox of a number; answered by [`Input::Opened`].
    Open {
        /// The extension.
        mailbox: String,
    },
    /// Files a message; answered by [`Input::Filed`]. Filing the same recording again changes nothing.
    File(Box<Message>),
    /// Says of a recording that begins with the next command that it is the comment to a message on its way to a mailbox:
    /// after a crash both are filed.
    Comment {
        /// The extension.
        mailbox: String,
        /// Names the message.
        message: String,
        /// The comment's name in the record store.
        file: String,
    },
    /// Files a message in another mailbox too; answered by [`Input::Filed`]. Doing so again changes nothing.
    Forward {
        /// The extension.
        mailbox: String,
        /// Names the message.
        message: String,
        /// What is heard before it: a recording, which is not needed any more once it is filed.
        comment: Option<String>,
        /// What names it in the other mailbox.
        file: String,
    },
    /// Throws a recording away.
    Drop {
        /// Its name in the record store.
        file: String,
    },
    /// Asks whether a mailbox is open to the caller; answered by [`Input::LoggedIn`]. Wrong PINs are counted, for each
    /// mailbox and over all calls, where the answer is made.
    LogIn {
        /// The extension.
        mailbox: String,
        /// What was typed; nothing yet where the caller's own phone may be enough.
        pin: Option<String>,
        /// The call comes from the mailbox's own user.
        is_own: bool,
    },
    /// Marks a message; answered by [`Input::Marked`]. Marking it so again changes nothing.
    Mark {
        /// The extension.
        mailbox: String,
        /// Names the message.
        file: String,
        /// How.
        mark: Mark,
    },
    /// Puts a recording into its place, or takes away what is there; answered by [`Input::Changed`].
    SetOwn {
        /// The extension.
        mailbox: String,
        /// Which place.
        which: Own,
        /// The recording in the record store.
        file: Option<String>,
    },
    /// Gives the mailbox another PIN; answered by [`Input::Changed`].
    ChangePin {
        /// The extension.
        mailbox: String,
        /// What was typed twice.
        pin: String,
    },
    /// The messages of a mailbox are other ones now: its phones are told (RFC 3842).
    Waiting {
        /// The extension.
        mailbox: String,
        /// How many there are now.
        counts: Counts,
    },
    /// The dialogue is over. Nothing comes after it.
    Finished,
}

/// A mailbox, as far as a caller hears of it. Files are names in the record store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mailbox {
    /// The extension.
    pub number: String,
    /// Its owner's name, as the owner said it.
    pub name: Option<String>,
    /// Stands above the other greetings while it is there.
    pub temporary: Option<String>,
    /// When nobody answers, or no phone was reached.
    pub no_answer: Option<String>,
    /// When the phone is busy, or its user declines.
    pub busy: Option<String>,
    /// Where `0` leads, for who would rather talk to somebody.
    pub operator: Option<String>,
    /// Where `*` leads during the greeting: the number at which messages are heard.
    pub listen: Option<String>,
    /// Takes no more.
    pub is_full: bool,
}

/// A message to be filed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The extension whose mailbox it is for.
    pub mailbox: String,
    /// The recording in the record store: names the message.
    pub file: String,
    /// How long it is, in ms.
    pub length_ms: u32,
    /// When it was begun: Unix time in ms.
    pub at_ms: u64,
    /// The caller's number; empty where it is withheld.
    pub caller: String,
    /// What phones show of the caller.
    pub caller_name: String,
    /// Heard before the others.
    pub is_urgent: bool,
}

/// The answer to [`Effect::File`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filed {
    /// It is on the disk.
    Done(Counts),
    /// The mailbox was filled meanwhile.
    Full,
    /// The store is away. The recording stays where it is.
    Failed,
}

/// A recording of the mailbox's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// The owner's name.
    Name,
    /// The greeting when nobody answers, or no phone was reached.
    NoAnswer,
    /// The greeting when the phone is busy, or its user declines.
    Busy,
    /// The greeting above the others.
    Temporary,
}

/// The answer to [`Effect::SetOwn`] and [`Effect::ChangePin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Changed {
    /// It is on the disk.
    Done,
    /// A PIN that everybody tries first, or a short one.
    TooSimple,
    /// The store is away.
    Failed,
}

/// The answer to [`Effect::LogIn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is; these are its messages.
    Open(Vec<Kept>),
    /// The caller's own phone is not enough.
    NeedsPin,
    /// Mailbox and PIN do not fit, or there is no such mailbox: nobody can tell which.
    Wrong,
    /// Too many wrong PINs.
    LockedFor {
        /// How long.
        minutes: u32,
    },
    /// The store is away.
    Failed,
}

/// A message that was left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The recording in the record store: names the message.
    pub file: String,
    /// When it was left: Unix time in ms.
    pub at_ms: u64,
    /// The caller's number; empty where it was withheld.
    pub caller: String,
    /// Heard before the others.
    pub is_urgent: bool,
    /// Not heard yet.
    pub is_new: bool,
    /// Thrown away, and can still be brought back.
    pub is_deleted: bool,
}

/// What a listener does to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It was heard.
    Heard,
    /// It is thrown away.
    Deleted,
    /// It is back.
    Restored,
}

/// The messages of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// New, the urgent ones among them.
    pub new: u32,
    /// Heard before, the urgent ones among them.
    pub old: u32,
    /// New and urgent.
    pub new_urgent: u32,
    /// Old and urgent.
    pub old_urgent: u32,
}
