//! What calls leave behind until they are over: recordings that were begun, wrong PINs, answers, and what is to be
//! delivered.

use super::Mailboxes;
use crate::error::DatabaseError;
use crate::rows::{Row, Value};

/// A recording that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Take {
    /// The name in the record store, as its message will have it.
    pub file: String,
    /// In which call.
    pub run: String,
    /// Whose mailbox.
    pub user: String,
    /// The caller's number; empty where it was withheld.
    pub caller: String,
    /// What phones show of the caller.
    pub caller_name: String,
    /// When: Unix time in ms.
    pub at_ms: u64,
    /// The message to which it is a comment, where it is one: both are for `user`.
    pub message: Option<String>,
}

/// Wrong PINs of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tries {
    /// How many there were since the last right one, or the last lock.
    pub wrong: u32,
    /// Until when nobody may try: Unix time in ms.
    pub locked_ms: u64,
}

/// Something to be delivered outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names it.
    pub id: i64,
    /// The message.
    pub file: String,
    /// `mail` or `webhook`.
    pub how: String,
    /// How often it was tried.
    pub tries: u32,
}

impl Mailboxes {
    /// Notes that a recording begins.
    pub async fn begin(&self, take: &Take) -> Result<(), DatabaseError> {
        let insert = "INSERT INTO takes VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (file) DO NOTHING";
        let values = [
            (&take.file).into(),
            (&take.run).into(),
            (&take.user).into(),
            (&take.caller).into(),
            (&take.caller_name).into(),
            take.at_ms.into(),
            Value::Text(take.message.as_deref()),
        ];
        self.rows.write(insert, &values).await
    }

    /// Recordings that were begun and not filed, by call and in their order.
    pub async fn begun(&self) -> Result<Vec<Take>, DatabaseError> {
        let rows = self.rows.ask("SELECT * FROM takes ORDER BY run, at_ms, file", &[]).await?;
        self.read(&rows, |row| {
            Ok(Take {
                file: row.get("file")?,
                run: row.get("run")?,
                user: row.get("user")?,
                caller: row.get("caller")?,
                caller_name: row.get("caller_name")?,
                at_ms: row.number("at_ms")?,
                message: row.get("message")?,
            })
        })
    }

    /// A recording that was begun needs nothing more.
    pub async fn forget(&self, file: &str) -> Result<(), DatabaseError> {
        self.rows.write("DELETE FROM takes WHERE file = $1", &[file.into()]).await
    }

    /// Wrong PINs of a mailbox, as it was typed.
    pub async fn tries(&self, mailbox: &str) -> Result<Tries, DatabaseError> {
        let rows = "SELECT wrong, locked_ms FROM tries WHERE mailbox = $1";
        let rows = self.rows.ask(rows, &[mailbox.into()]).await?;
        let read = |row: &Row| {
            let wrong = u32::try_from(row.number(0)?).unwrap_or(u32::MAX);
            Ok(Tries { wrong, locked_ms: row.number(1)? })
        };
        Ok(self.read(&rows, read)?.pop().unwrap_or_default())
    }

    /// Counts one more wrong PIN. With `wrong_max` of them the mailbox is locked until `locked_ms`, and the count
    /// begins anew.
    pub async fn wrong(
        &self,
        mailbox: &str,
        at_ms: u64,
        wrong_max: u32,
        locked_ms: u64,
    ) -> Result<Tries, DatabaseError> {
        let count = "INSERT INTO tries VALUES ($1, 1, 0, $2) \
                     ON CONFLICT (mailbox) DO UPDATE SET wrong = tries.wrong + 1, at_ms = $2";
        self.rows.write(count, &[mailbox.into(), at_ms.into()]).await?;
        let lock = "UPDATE tries SET wrong = 0, locked_ms = $3 WHERE mailbox = $1 AND wrong >= $2";
        self.rows.write(lock, &[mailbox.into(), wrong_max.into(), locked_ms.into()]).await?;
        self.tries(mailbox).await
    }

    /// The PIN was right: wrong ones before it do not count.
    pub async fn right(&self, mailbox: &str) -> Result<(), DatabaseError> {
        self.rows.write("DELETE FROM tries WHERE mailbox = $1", &[mailbox.into()]).await
    }

    /// Keeps what a run was answered.
    pub async fn keep_answer(
        &self,
        run: &str,
        number: u32,
        answer: &str,
        at_ms: u64,
    ) -> Result<(), DatabaseError> {
        let insert = "INSERT INTO answers VALUES ($1, $2, $3, $4) \
                      ON CONFLICT (run, number) DO UPDATE SET answer = $3, at_ms = $4";
        self.rows.write(insert, &[run.into(), number.into(), answer.into(), at_ms.into()]).await
    }

    /// What a run was answered, in its order.
    pub async fn answers(&self, run: &str) -> Result<Vec<String>, DatabaseError> {
        let rows = "SELECT answer FROM answers WHERE run = $1 ORDER BY number";
        self.read(&self.rows.ask(rows, &[run.into()]).await?, |row| row.get(0))
    }

    /// A run is over.
    pub async fn forget_answers(&self, run: &str) -> Result<(), DatabaseError> {
        self.rows.write("DELETE FROM answers WHERE run = $1", &[run.into()]).await
    }

    /// Notes that a message is to be delivered outside; again changes nothing.
    pub async fn deliver(&self, file: &str, how: &str, due_ms: u64) -> Result<(), DatabaseError> {
        let insert = "INSERT INTO deliveries (file, how, tries, due_ms) VALUES ($1, $2, 0, $3) \
                      ON CONFLICT (file, how) DO NOTHING";
        self.rows.write(insert, &[file.into(), how.into(), due_ms.into()]).await
    }

    /// Nobody is to be told of this message any more, in whatever way.
    pub async fn never_deliver(&self, file: &str) -> Result<(), DatabaseError> {
        self.rows.write("DELETE FROM deliveries WHERE file = $1", &[file.into()]).await
    }

    /// What is due now in one way, at most `count_max`, the longest due first. A message that is not filed yet is not due.
    pub async fn due(&self, how: &str, now_ms: u64, count_max: u32) -> Result<Vec<Delivery>, DatabaseError> {
        let rows = "SELECT id, file, how, tries FROM deliveries WHERE how = $1 AND due_ms <= $2 \
                    AND EXISTS (SELECT 1 FROM messages WHERE messages.file = deliveries.file) \
                    ORDER BY due_ms, id LIMIT $3";
        let rows = self.rows.ask(rows, &[how.into(), now_ms.into(), count_max.into()]).await?;
        self.read(&rows, |row| {
            let tries = u32::try_from(row.number(3)?).unwrap_or(u32::MAX);
            Ok(Delivery { id: row.get(0)?, file: row.get(1)?, how: row.get(2)?, tries })
        })
    }

    /// It is delivered, or given up.
    pub async fn delivered(&self, id: i64) -> Result<(), DatabaseError> {
        self.rows.write("DELETE FROM deliveries WHERE id = $1", &[id.into()]).await
    }

    /// It is tried again then.
    pub async fn retry(&self, id: i64, due_ms: u64) -> Result<(), DatabaseError> {
        let change = "UPDATE deliveries SET tries = tries + 1, due_ms = $2 WHERE id = $1";
        self.rows.write(change, &[id.into(), due_ms.into()]).await
    }

    /// Forgets what nobody needs: messages thrown away before `deleted_before_ms`, those heard before
    /// `heard_before_ms`; tries, answers and what was to be told of no message before `old_ms`. Gives mailbox and file of each message.
    pub async fn sweep(
        &self,
        deleted_before_ms: u64,
        heard_before_ms: u64,
        old_ms: u64,
    ) -> Result<Vec<(String, String)>, DatabaseError> {
        self.rows.write("DELETE FROM tries WHERE at_ms < $1", &[old_ms.into()]).await?;
        self.rows.write("DELETE FROM answers WHERE at_ms < $1", &[old_ms.into()]).await?;
        let unfiled = "DELETE FROM deliveries WHERE due_ms < $1 AND file NOT IN (SELECT file FROM messages)";
        self.rows.write(unfiled, &[old_ms.into()]).await?;
        let mut change = self.rows.change().await?;
        let swept = "DELETE FROM messages WHERE deleted_ms < $1 OR (is_new = 0 AND COALESCE(heard_ms, at_ms) < $2) \
                     RETURNING \"user\", file";
        let rows = self.run(&mut change, swept, &[deleted_before_ms.into(), heard_before_ms.into()]).await?;
        self.commit(change).await?;
        self.read(&rows, |row| Ok((row.get(0)?, row.get(1)?)))
    }
}
