//! Dialogues with callers: `handle(input, out)`. Time stands in the events; nothing here waits.

mod book;
mod dialling;
mod holidays;
mod menu;
mod talk;
#[cfg(test)]
mod tests;

use proto::application::{Command, Event};

pub use book::{Book, Choice, Entry, Hours, Said, Target};
pub use holidays::{Holidays, easter};
pub use menu::Menu;

/// What a dialogue is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An event of the run.
    Event(Event),
    /// Whether somebody has the extension that was asked for.
    Found(bool),
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
    /// The dialogue is over. Nothing comes after it.
    Finished,
}
