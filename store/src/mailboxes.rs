//! What was left in mailboxes, and what their owners changed. The sound is in [`crate::Records`].

mod calls;
mod rows;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::database::Database;
use crate::error::DatabaseError;
use crate::rows::{Change, Row, Rows, Value};
use crate::server::Server;
pub use calls::{Delivery, Take, Tries};
pub use rows::{MailboxCounts, MailboxSettings, MailboxUse, Recording, StoredMessage};

/// The mailboxes of one database. Clones share its connections. Users are named as the directory names them; times are
/// ms of Unix time.
///
/// Needs a tokio runtime. A question whose future is dropped changes nothing, or all that it would have.
#[derive(Debug, Clone)]
pub struct Mailboxes {
    rows: Rows,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageMark {
    /// It was heard.
    Heard {
        /// When.
        at_ms: u64,
    },
    /// It is thrown away; it can be brought back until [`Mailboxes::sweep`] takes it.
    Deleted {
        /// When.
        at_ms: u64,
    },
    /// It is back.
    Restored,
}

impl Mailboxes {
    /// Opens an SQLite file, making it and its folder where they are missing.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { rows: Rows::File(Database::open(path, MIGRATIONS).await?) })
    }

    /// Reaches a PostgreSQL server, `postgres://USER:PASSWORD@HOST/DATABASE`, and makes the schema `voicemail` there where it
    /// is missing.
    pub async fn connect(url: &str) -> Result<Self, DatabaseError> {
        Ok(Self { rows: Rows::Server(Server::connect(url, "voicemail", SERVER_MIGRATIONS).await?) })
    }

    /// Files a message, and forgets that it was begun; again changes nothing. False: the mailbox holds `messages_max`
    /// or more than `total_ms_max` of sound, and nothing was filed.
    pub async fn file(
        &self,
        message: &StoredMessage,
        messages_max: u32,
        total_ms_max: u64,
    ) -> Result<bool, DatabaseError> {
        let mut change = self.rows.change().await?;
        let there = "SELECT 1 FROM messages WHERE file = $1";
        let there = self.run(&mut change, there, &[(&message.file).into()]).await?;
        if there.is_empty() {
            let used = self.run(&mut change, USED, &[(&message.user).into()]).await?;
            if !self.fits(&used, messages_max, total_ms_max)? {
                return Ok(false);
            }
            let values = [
                (&message.file).into(),
                (&message.user).into(),
                (&message.caller).into(),
                (&message.caller_name).into(),
                message.at_ms.into(),
                message.length_ms.into(),
                message.is_urgent.into(),
                message.is_new.into(),
            ];
            self.run(&mut change, INSERT, &values).await?;
        }
        self.run(&mut change, "DELETE FROM takes WHERE file = $1", &[(&message.file).into()]).await?;
        self.commit(change).await?;
        Ok(true)
    }

    /// Whether a mailbox takes one more.
    pub async fn has_room(
        &self,
        user: &str,
        messages_max: u32,
        total_ms_max: u64,
    ) -> Result<bool, DatabaseError> {
        let used = self.rows.ask(USED, &[user.into()]).await?;
        self.fits(&used, messages_max, total_ms_max)
    }

    fn fits(&self, used: &[Row], messages_max: u32, total_ms_max: u64) -> Result<bool, DatabaseError> {
        let Some(used) = used.first() else { return Ok(true) };
        let read = |place: usize| used.number(place).map_err(|why| self.error("read", why));
        Ok(read(0)? < u64::from(messages_max) && read(1)? < total_ms_max)
    }

    /// The messages of a mailbox that are not thrown away, the oldest first.
    pub async fn messages(&self, user: &str) -> Result<Vec<StoredMessage>, DatabaseError> {
        self.read(&self.rows.ask(LIST, &[user.into()]).await?, rows::message)
    }

    /// One message.
    pub async fn message(&self, file: &str) -> Result<Option<StoredMessage>, DatabaseError> {
        let rows = self.rows.ask("SELECT * FROM messages WHERE file = $1", &[file.into()]).await?;
        Ok(self.read(&rows, rows::message)?.pop())
    }

    /// How many there are.
    pub async fn counts(&self, user: &str) -> Result<MailboxCounts, DatabaseError> {
        let rows = self.rows.ask(COUNTS, &[user.into()]).await?;
        Ok(self.read(&rows, |row| rows::counts(row, 0))?.pop().unwrap_or_default())
    }

    /// The mailbox of a user, or all that hold something or are locked, by user.
    pub async fn list(&self, user: Option<&str>, now_ms: u64) -> Result<Vec<MailboxUse>, DatabaseError> {
        self.read(&self.rows.ask(ALL, &[Value::Text(user), now_ms.into()]).await?, rows::usage)
    }

    /// Marks a message of a mailbox; again changes nothing.
    pub async fn mark(&self, user: &str, file: &str, mark: MessageMark) -> Result<(), DatabaseError> {
        let (heard, thrown) = (
            "UPDATE messages SET is_new = 0, heard_ms = $3 WHERE \"user\" = $1 AND file = $2 AND is_new = 1",
            "UPDATE messages SET deleted_ms = $3 WHERE \"user\" = $1 AND file = $2",
        );
        match mark {
            MessageMark::Heard { at_ms } => {
                self.rows.write(heard, &[user.into(), file.into(), at_ms.into()]).await
            }
            MessageMark::Deleted { at_ms } => {
                self.rows.write(thrown, &[user.into(), file.into(), at_ms.into()]).await
            }
            MessageMark::Restored => {
                self.rows.write(thrown, &[user.into(), file.into(), Value::Number(None)]).await
            }
        }
    }

    /// What the owner of a mailbox changed.
    pub async fn settings(&self, user: &str) -> Result<MailboxSettings, DatabaseError> {
        let rows = self.rows.ask("SELECT * FROM mailboxes WHERE \"user\" = $1", &[user.into()]).await?;
        Ok(self.read(&rows, rows::settings)?.pop().unwrap_or_default())
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
                "INSERT INTO mailboxes (\"user\", name) VALUES ($1, $2) ON CONFLICT (\"user\") DO UPDATE SET name = $2"
            }
            Recording::NoAnswer => {
                "INSERT INTO mailboxes (\"user\", no_answer) VALUES ($1, $2) \
                 ON CONFLICT (\"user\") DO UPDATE SET no_answer = $2"
            }
            Recording::Busy => {
                "INSERT INTO mailboxes (\"user\", busy) VALUES ($1, $2) ON CONFLICT (\"user\") DO UPDATE SET busy = $2"
            }
            Recording::Temporary => {
                "INSERT INTO mailboxes (\"user\", temporary) VALUES ($1, $2) \
                 ON CONFLICT (\"user\") DO UPDATE SET temporary = $2"
            }
        };
        self.rows.write(change, &[user.into(), Value::Text(file)]).await?;
        Ok(before)
    }

    /// Gives a mailbox another PIN, hashed by whoever asks; with none, what its owner chose is forgotten.
    pub async fn set_pin(&self, user: &str, pin: Option<&[u8]>) -> Result<(), DatabaseError> {
        let change = "INSERT INTO mailboxes (\"user\", pin) VALUES ($1, $2) ON CONFLICT (\"user\") DO UPDATE SET pin = $2";
        self.rows.write(change, &[user.into(), Value::Octets(pin)]).await
    }

    /// Ends what is under way. Not needed for safety: what was answered is on the disk.
    pub async fn close(&self) {
        self.rows.close().await;
    }

    async fn run(
        &self,
        change: &mut Change,
        question: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, DatabaseError> {
        change.run(question, values).await.map_err(|why| self.error("write", why))
    }

    async fn commit(&self, change: Change) -> Result<(), DatabaseError> {
        change.commit().await.map_err(|why| self.error("write", why))
    }

    fn read<T>(
        &self,
        rows: &[Row],
        read: impl Fn(&Row) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, DatabaseError> {
        rows.iter().map(|row| read(row).map_err(|why| self.error("read", why))).collect()
    }

    fn error(&self, doing: &'static str, why: sqlx::Error) -> DatabaseError {
        self.rows.error(doing, why)
    }
}

/// In order, and never changed once released.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/voicemail/0001_mailboxes.sql"),
    include_str!("../migrations/voicemail/0002_comments.sql"),
    include_str!("../migrations/voicemail/0003_heard.sql"),
];

/// The same for PostgreSQL.
const SERVER_MIGRATIONS: &[&str] = &[
    include_str!("../migrations/voicemail/postgres/0001_mailboxes.sql"),
    include_str!("../migrations/voicemail/postgres/0002_heard.sql"),
];

const INSERT: &str = "INSERT INTO messages VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)";
const USED: &str = "SELECT count(*), CAST(coalesce(sum(length_ms), 0) AS BIGINT) FROM messages \
                    WHERE \"user\" = $1 AND deleted_ms IS NULL";
const LIST: &str = "SELECT * FROM messages WHERE \"user\" = $1 AND deleted_ms IS NULL ORDER BY at_ms, file";
const COUNTS: &str = "SELECT CAST(coalesce(sum(is_new), 0) AS BIGINT), \
                      CAST(coalesce(sum(1 - is_new), 0) AS BIGINT), \
                      CAST(coalesce(sum(is_new * is_urgent), 0) AS BIGINT), \
                      CAST(coalesce(sum((1 - is_new) * is_urgent), 0) AS BIGINT) \
                      FROM messages WHERE \"user\" = $1 AND deleted_ms IS NULL";
const ALL: &str = "WITH boxes (box) AS ( \
                       SELECT CAST($1 AS TEXT) WHERE $1 IS NOT NULL \
                       UNION SELECT \"user\" FROM messages WHERE $1 IS NULL AND deleted_ms IS NULL \
                       UNION SELECT mailbox FROM tries WHERE $1 IS NULL AND locked_ms > $2) \
                   SELECT box, CAST(coalesce(sum(is_new), 0) AS BIGINT), \
                       CAST(coalesce(sum(1 - is_new), 0) AS BIGINT), \
                       CAST(coalesce(sum(is_new * is_urgent), 0) AS BIGINT), \
                       CAST(coalesce(sum((1 - is_new) * is_urgent), 0) AS BIGINT), \
                       CAST(coalesce(sum(length_ms), 0) AS BIGINT), \
                       coalesce((SELECT locked_ms FROM tries WHERE mailbox = box), 0), \
                       (SELECT count(*) FROM mailboxes own WHERE own.\"user\" = box AND pin IS NOT NULL) \
                   FROM boxes LEFT JOIN messages ON messages.\"user\" = box AND deleted_ms IS NULL \
                   GROUP BY box ORDER BY box";
