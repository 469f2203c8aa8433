//! Dialogues with callers: `handle(input, out)`. Time stands in the events; nothing here waits.

mod book;
mod code;
mod dialling;
mod holidays;
mod menu;
mod talk;
#[cfg(test)]
mod tests;

use proto::application::{Command, Event};
use proto::directory::Change;

pub use book::{Book, Choice, Entry, Hours, Said, Target};
pub use code::{Action, Code};
pub use holidays::{Holidays, easter};
pub use menu::Menu;

/// What a dialogue is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An event of the run.
    Event(Event),
    /// Whether somebody has the extension that was asked for.
    Found(bool),
    /// A change is made, and whether it is on now; `None` where it could not be made.
    Changed(Option<bool>),
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
    /// Asks the directory whether somebody has an extension; answered by [`Input::Found`].
    Find {
        /// What was dialled.
        extension: String,
    },
    /// Changes what becomes of the calls to a user; answered by [`Input::Changed`].
    Configure {
        /// Whose.
        user: String,
        /// What.
        change: Change,
    },
    /// Turns a user's do-not-disturb round; answered by [`Input::Changed`].
    TogglePeace {
        /// Whose.
        user: String,
    },
    /// Turns night mode round; answered by [`Input::Changed`].
    ToggleNight,
    /// The dialogue is over. Nothing comes after it.
    Finished,
}
