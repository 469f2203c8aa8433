//! What waits in mailboxes: voicemail counts, the proxy tells phones (RFC 3842). A change is told with its counts, and
//! whoever was not listening asks; so nothing has to be repeated, and a lost change is put right by the next question.

mod client;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

pub use client::WaitingClient;
pub use server::WaitingServer;

use crate::asked::{Asked, Reply};

/// Who knows what waits. Called from any thread; no method may block.
pub trait MessageWaiting: Send + Sync + 'static {
    /// What waits for a user now; `None` for one who has no mailbox.
    fn summarise(&self, ask: &Summarise<'_>, reply: Reply<Option<Waiting>>) -> Asked<Option<Waiting>>;

    /// Who hears of every change from now on; the last one given.
    fn follow(&self, sink: Arc<dyn WaitingSink>);
}

/// Who hears of changes. Called from any thread; no method may block.
pub trait WaitingSink: Send + Sync + 'static {
    /// This waits for a user from now on. Changes of one user come in their order.
    fn post(&self, user: &str, waiting: Waiting);

    /// Changes may have been lost: what was told before may be wrong by now.
    fn lost(&self) {}
}

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summarise<'a> {
    /// The name of the user, as the directory has it ([`crate::User::name`]).
    pub user: &'a str,
}

/// How many voice messages wait in a mailbox (RFC 3842 §5.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Not listened to yet, the urgent ones among them.
    pub new: u32,
    /// Listened to and kept, the urgent ones among them.
    pub old: u32,
    /// How many of the new ones are urgent.
    pub urgent_new: u32,
    /// How many of the old ones are urgent.
    pub urgent_old: u32,
    /// What the user dials to listen: a number, or a SIP URI. Phones dial it from their message key. Empty: the user's
    /// own address.
    pub account: String,
}
