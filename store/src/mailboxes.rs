//! What was left in mailboxes, and what their owners changed. The sound is in [`crate::Records`].

mod calls;
mod rows;
#[cfg(test)]
mod tests;

use std::path::Path;

use sqlx::{Row, Sqlite, Transaction};

use crate::database::Database;
use crate::error::DatabaseError;
pub use calls::{Delivery, Take, Tries};
pub use rows::{MailboxCounts, MailboxSettings, MailboxUse, Recording, StoredMessage};

/// The mailboxes of one database. Clones share its connections. Users are named as the directory names them; times are
/// ms of Unix time.
///
/// Needs a tokio runtime. A question whose future is dropped changes nothing, or all that it would have.
#[derive(Debug, Clone)]
pub struct Mailboxes {
    database: Database,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageMark {
    /// It was heard.
    Heard,
    /// It is thrown away; it can be brought back until [`Mailboxes::sweep`] takes it.
    Deleted {
        /// When.
        at_ms: u64,
    },
    /// It is back.
    Restored,
}

impl Mailboxes {
    /// Opens a database, making it and its folder where they are missing.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::open(path, MIGRATIONS).await? })
    }

    /// Files a message, and forgets that it was begun; again changes nothing. False: the mailbox holds `messages_max`
    /// or more than `total_ms_max` of sound, and nothing was filed.
    pub async fn file(
        &self,
        message: &StoredMessage,
        messages_max: u32,
        total_ms_max: u64,
    ) -> Result<bool, DatabaseError> {
        let mut transaction = self.database.write().await?;
        let there: i64 = self
            .number(&mut transaction, "SELECT count(*) FROM messages WHERE file = ?1", &message.file)
            .await?;
        if there == 0 {
            let kept = self.number(&mut transaction, KEPT, &message.user).await?;
            let total = self.number(&mut transaction, TOTAL, &message.user).await?;
            if kept >= i64::from(messages_max) || total.unsigned_abs() >= total_ms_max {
                return Ok(false);
            }
            let done = sqlx::query(INSERT)
                .bind(&message.file)
                .bind(&message.user)
                .bind(&message.caller)
                .bind(&message.caller_name)
                .bind(signed(message.at_ms))
                .bind(i64::from(message.length_ms))
                .bind(message.is_urgent)
                .bind(message.is_new)
                .execute(&mut *transaction)
                .await;
            done.map_err(|why| self.error("write", why))?;
        }
        let forget = sqlx::query("DELETE FROM takes WHERE file = ?1").bind(&message.file);
        forget.execute(&mut *transaction).await.map_err(|why| self.error("write", why))?;
        self.commit(transaction).await?;
        Ok(true)
    }

    /// Whether a mailbox takes one more.
    pub async fn has_room(
        &self,
        user: &str,
        messages_max: u32,
        total_ms_max: u64,
    ) -> Result<bool, DatabaseError> {
        let row = sqlx::query(USED).bind(user).fetch_one(self.database.read()).await;
        let row = row.map_err(|why| self.error("read", why))?;
        let read = |place: usize| row.try_get::<i64, _>(place).map_err(|why| self.error("read", why));
        Ok(read(0)? < i64::from(messages_max) && read(1)?.unsigned_abs() < total_ms_max)
    }

    /// The messages of a mailbox that are not thrown away, the oldest first.
    pub async fn messages(&self, user: &str) -> Result<Vec<StoredMessage>, DatabaseError> {
        let rows = sqlx::query(LIST).bind(user).fetch_all(self.database.read()).await;
        let rows = rows.map_err(|why| self.error("read", why))?;
        rows.iter().map(|row| rows::message(row).map_err(|why| self.error("read", why))).collect()
    }

    /// One message.
    pub async fn message(&self, file: &str) -> Result<Option<StoredMessage>, DatabaseError> {
        let row = sqlx::query("SELECT * FROM messages WHERE file = ?1").bind(file);
        let row = row.fetch_optional(self.database.read()).await.map_err(|why| self.error("read", why))?;
        row.as_ref().map(rows::message).transpose().map_err(|why| self.error("read", why))
    }

    /// How many there are.
    pub async fn counts(&self, user: &str) -> Result<MailboxCounts, DatabaseError> {
        let row = sqlx::query(COUNTS).bind(user).fetch_one(self.database.read()).await;
        row.and_then(|row| rows::counts(&row, 0)).map_err(|why| self.error("read", why))
    }

    /// The mailbox of a user, or all that hold something or are locked, by user.
    pub async fn list(&self, user: Option<&str>, now_ms: u64) -> Result<Vec<MailboxUse>, DatabaseError> {
        let rows = sqlx::query(ALL).bind(user).bind(signed(now_ms)).fetch_all(self.database.read()).await;
        let rows = rows.map_err(|why| self.error("read", why))?;
        rows.iter().map(|row| rows::usage(row).map_err(|why| self.error("read", why))).collect()
    }

    /// Marks a message of a mailbox; again changes nothing.
    pub async fn mark(&self, user: &str, file: &str, mark: MessageMark) -> Result<(), DatabaseError> {
        let change = match mark {
            MessageMark::Heard => "UPDATE messages SET is_new = 0 WHERE user = ?1 AND file = ?2",
            MessageMark::Deleted { .. } | MessageMark::Restored => {
                "UPDATE messages SET deleted_ms = ?3 WHERE user = ?1 AND file = ?2"
            }
        };
        let mut change = sqlx::query(change).bind(user).bind(file);
        match mark {
            MessageMark::Heard => {}
            MessageMark::Deleted { at_ms } => change = change.bind(signed(at_ms)),
            MessageMark::Restored => change = change.bind(None::<i64>),
        }
        let mut transaction = self.database.write().await?;
        change.execute(&mut *transaction).await.map_err(|why| self.error("write", why))?;
        self.commit(transaction).await
    }

    /// What the owner of a mailbox changed.
    pub async fn settings(&self, user: &str) -> Result<MailboxSettings, DatabaseError> {
        let row = sqlx::query("SELECT * FROM mailboxes WHERE user = ?1").bind(user);
        let row = row.fetch_optional(self.database.read()).await.map_err(|why| self.error("read", why))?;
        let read = row.as_ref().map(rows::settings).transpose();
        Ok(read.map_err(|why| self.error("read", why))?.unwrap_or_default())
    }

    /// Puts a recording into its place, or takes it away; gives the one that was there before.
    pub async fn set_recording(
        &self,
        user: &str,
        which: Recording,
        file: Option<&str>,
    ) -> Result<Option<String>, DatabaseError> {
        let before = self.settings(user).await?.recording(which).map(str::to_owned);
        let change = match which {
            Recording::Name => {
                "INSERT INTO mailboxes (user, name) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET name = ?2"
            }
            Recording::NoAnswer => {
                "INSERT INTO mailboxes (user, no_answer) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET no_answer = ?2"
            }
            Recording::Busy => {
                "INSERT INTO mailboxes (user, busy) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET busy = ?2"
            }
            Recording::Temporary => {
                "INSERT INTO mailboxes (user, temporary) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET temporary = ?2"
            }
        };
        let mut transaction = self.database.write().await?;
        let change = sqlx::query(change).bind(user).bind(file);
        change.execute(&mut *transaction).await.map_err(|why| self.error("write", why))?;
        self.commit(transaction).await?;
        Ok(before)
    }

    /// Gives a mailbox another PIN, hashed by whoever asks; with none, what its owner chose is forgotten.
    pub async fn set_pin(&self, user: &str, pin: Option<&[u8]>) -> Result<(), DatabaseError> {
        let mut transaction = self.database.write().await?;
        let change = "INSERT INTO mailboxes (user, pin) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET pin = ?2";
        let change = sqlx::query(change).bind(user).bind(pin);
        change.execute(&mut *transaction).await.map_err(|why| self.error("write", why))?;
        self.commit(transaction).await
    }

    /// Ends what is under way. Not needed for safety: what was answered is on the disk.
    pub async fn close(&self) {
        self.database.close().await;
    }

    async fn number(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        question: &'static str,
        of: &str,
    ) -> Result<i64, DatabaseError> {
        let row = sqlx::query(question).bind(of).fetch_one(&mut **transaction).await;
        row.and_then(|row| row.try_get(0)).map_err(|why| self.error("read", why))
    }

    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<(), DatabaseError> {
        transaction.commit().await.map_err(|why| self.error("write", why))
    }

    fn error(&self, doing: &'static str, why: sqlx::Error) -> DatabaseError {
        self.database.error(doing, why)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// In order, and never changed once released.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/voicemail/0001_mailboxes.sql"),
    include_str!("../migrations/voicemail/0002_comments.sql"),
];

const INSERT: &str = "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)";
const KEPT: &str = "SELECT count(*) FROM messages WHERE user = ?1 AND deleted_ms IS NULL";
const TOTAL: &str = "SELECT coalesce(sum(length_ms), 0) FROM messages WHERE user = ?1 AND deleted_ms IS NULL";
const USED: &str = "SELECT count(*), coalesce(sum(length_ms), 0) FROM messages \
                    WHERE user = ?1 AND deleted_ms IS NULL";
const LIST: &str = "SELECT * FROM messages WHERE user = ?1 AND deleted_ms IS NULL ORDER BY at_ms, file";
const COUNTS: &str = "SELECT coalesce(sum(is_new), 0), coalesce(sum(1 - is_new), 0), \
                      coalesce(sum(is_new * is_urgent), 0), coalesce(sum((1 - is_new) * is_urgent), 0) \
                      FROM messages WHERE user = ?1 AND deleted_ms IS NULL";
const ALL: &str = "WITH boxes (user) AS ( \
                       SELECT ?1 WHERE ?1 IS NOT NULL \
                       UNION SELECT user FROM messages WHERE ?1 IS NULL AND deleted_ms IS NULL \
                       UNION SELECT mailbox FROM tries WHERE ?1 IS NULL AND locked_ms > ?2) \
                   SELECT boxes.user, coalesce(sum(is_new), 0), coalesce(sum(1 - is_new), 0), \
                       coalesce(sum(is_new * is_urgent), 0), coalesce(sum((1 - is_new) * is_urgent), 0), \
                       coalesce(sum(length_ms), 0), \
                       coalesce((SELECT locked_ms FROM tries WHERE mailbox = boxes.user), 0), \
                       EXISTS (SELECT 1 FROM mailboxes own WHERE own.user = boxes.user AND pin IS NOT NULL) \
                   FROM boxes LEFT JOIN messages ON messages.user = boxes.user AND deleted_ms IS NULL \
                   GROUP BY boxes.user ORDER BY boxes.user";
