//! What is kept of a mailbox, as it is read.

use crate::rows::Row;

/// A message, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredMessage {
    /// Its sound: the name in the record store.
    pub file: String,
    /// Whose mailbox.
    pub user: String,
    /// The caller's number; empty where it was withheld.
    pub caller: String,
    /// What phones show of the caller.
    pub caller_name: String,
    /// When it was begun: Unix time in ms.
    pub at_ms: u64,
    /// How long it is, in ms.
    pub length_ms: u32,
    /// Heard before the others.
    pub is_urgent: bool,
    /// Not heard yet.
    pub is_new: bool,
}

/// How many messages a mailbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailboxCounts {
    /// New, the urgent ones among them.
    pub new: u32,
    /// Heard before, the urgent ones among them.
    pub old: u32,
    /// New and urgent.
    pub new_urgent: u32,
    /// Old and urgent.
    pub old_urgent: u32,
}

/// How a mailbox is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxUse {
    /// Whose it is.
    pub user: String,
    /// Its messages.
    pub counts: MailboxCounts,
    /// How long they are together, in ms.
    pub length_ms: u64,
    /// Until when nobody may try a PIN: Unix time in ms, maybe past; 0 for never.
    pub locked_ms: u64,
    /// Its owner has chosen a PIN.
    pub has_own_pin: bool,
}

/// What the owner of a mailbox changed. Recordings are names in the record store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxSettings {
    /// The PIN, hashed; `None` where it was never changed.
    pub pin: Option<Vec<u8>>,
    /// The owner's name.
    pub name: Option<String>,
    /// The greeting when nobody answers.
    pub no_answer: Option<String>,
    /// The greeting of a busy phone.
    pub busy: Option<String>,
    /// The greeting above the others.
    pub temporary: Option<String>,
}

/// Which recording of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// The owner's name.
    Name,
    /// The greeting when nobody answers.
    NoAnswer,
    /// The greeting of a busy phone.
    Busy,
    /// The greeting above the others.
    Temporary,
}

impl MailboxSettings {
    /// The file of a recording.
    pub fn recording(&self, which: Recording) -> Option<&str> {
        let file = match which {
            Recording::Name => &self.name,
            Recording::NoAnswer => &self.no_answer,
            Recording::Busy => &self.busy,
            Recording::Temporary => &self.temporary,
        };
        file.as_deref()
    }
}

pub(super) fn message(row: &Row) -> Result<StoredMessage, sqlx::Error> {
    Ok(StoredMessage {
        file: row.get("file")?,
        user: row.get("user")?,
        caller: row.get("caller")?,
        caller_name: row.get("caller_name")?,
        at_ms: row.number("at_ms")?,
        length_ms: u32::try_from(row.number("length_ms")?).unwrap_or(u32::MAX),
        is_urgent: row.number("is_urgent")? != 0,
        is_new: row.number("is_new")? != 0,
    })
}

pub(super) fn counts(row: &Row, first: usize) -> Result<MailboxCounts, sqlx::Error> {
    let count =
        |place: usize| row.number(first + place).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Ok(MailboxCounts { new: count(0)?, old: count(1)?, new_urgent: count(2)?, old_urgent: count(3)? })
}

pub(super) fn usage(row: &Row) -> Result<MailboxUse, sqlx::Error> {
    Ok(MailboxUse {
        user: row.get(0)?,
        counts: counts(row, 1)?,
        length_ms: row.number(5)?,
        locked_ms: row.number(6)?,
        has_own_pin: row.number(7)? != 0,
    })
}

pub(super) fn settings(row: &Row) -> Result<MailboxSettings, sqlx::Error> {
    Ok(MailboxSettings {
        pin: row.get("pin")?,
        name: row.get("name")?,
        no_answer: row.get("no_answer")?,
        busy: row.get("busy")?,
        temporary: row.get("temporary")?,
    })
}
