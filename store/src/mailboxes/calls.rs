//! What calls leave behind until they are over: recordings that were begun, wrong PINs, answers, and what is to be
//! delivered.

use sqlx::Row;

use super::{Mailboxes, signed};
use crate::error::DatabaseError;

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
        let insert = "INSERT OR IGNORE INTO takes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let insert = sqlx::query(insert).bind(&take.file).bind(&take.run).bind(&take.user);
        let insert = insert.bind(&take.caller).bind(&take.caller_name).bind(signed(take.at_ms));
        let insert = insert.bind(&take.message);
        self.write(insert).await
    }

    /// Recordings that were begun and not filed, by call and in their order.
    pub async fn begun(&self) -> Result<Vec<Take>, DatabaseError> {
        let rows = sqlx::query("SELECT * FROM takes ORDER BY run, at_ms, file");
        let rows = rows.fetch_all(self.database.read()).await.map_err(|why| self.error("read", why))?;
        let takes = rows.iter().map(|row| {
            Ok(Take {
                file: row.try_get("file")?,
                run: row.try_get("run")?,
                user: row.try_get("user")?,
                caller: row.try_get("caller")?,
                caller_name: row.try_get("caller_name")?,
                at_ms: row.try_get::<i64, _>("at_ms")?.unsigned_abs(),
                message: row.try_get("message")?,
            })
        });
        takes.collect::<Result<_, _>>().map_err(|why| self.error("read", why))
    }

    /// A recording that was begun needs nothing more.
    pub async fn forget(&self, file: &str) -> Result<(), DatabaseError> {
        self.write(sqlx::query("DELETE FROM takes WHERE file = ?1").bind(file)).await
    }

    /// Wrong PINs of a mailbox, as it was typed.
    pub async fn tries(&self, mailbox: &str) -> Result<Tries, DatabaseError> {
        let row = sqlx::query("SELECT wrong, locked_ms FROM tries WHERE mailbox = ?1").bind(mailbox);
        let row = row.fetch_optional(self.database.read()).await.map_err(|why| self.error("read", why))?;
        let Some(row) = row else { return Ok(Tries::default()) };
        let number = |place: usize| row.try_get::<i64, _>(place).map_err(|why| self.error("read", why));
        let wrong = u32::try_from(number(0)?).unwrap_or(u32::MAX);
        Ok(Tries { wrong, locked_ms: number(1)?.unsigned_abs() })
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
        let count = "INSERT INTO tries VALUES (?1, 1, 0, ?2) \
                     ON CONFLICT DO UPDATE SET wrong = wrong + 1, at_ms = ?2";
        self.write(sqlx::query(count).bind(mailbox).bind(signed(at_ms))).await?;
        let lock = "UPDATE tries SET wrong = 0, locked_ms = ?3 WHERE mailbox = ?1 AND wrong >= ?2";
        self.write(sqlx::query(lock).bind(mailbox).bind(i64::from(wrong_max)).bind(signed(locked_ms)))
            .await?;
        self.tries(mailbox).await
    }

    /// The PIN was right: wrong ones before it do not count.
    pub async fn right(&self, mailbox: &str) -> Result<(), DatabaseError> {
        self.write(sqlx::query("DELETE FROM tries WHERE mailbox = ?1").bind(mailbox)).await
    }

    /// Keeps what a run was answered.
    pub async fn keep_answer(
        &self,
        run: &str,
        number: u32,
        answer: &str,
        at_ms: u64,
    ) -> Result<(), DatabaseError> {
        let insert = "INSERT OR REPLACE INTO answers VALUES (?1, ?2, ?3, ?4)";
        let insert = sqlx::query(insert).bind(run).bind(i64::from(number)).bind(answer).bind(signed(at_ms));
        self.write(insert).await
    }

    /// What a run was answered, in its order.
    pub async fn answers(&self, run: &str) -> Result<Vec<String>, DatabaseError> {
        let rows = sqlx::query("SELECT answer FROM answers WHERE run = ?1 ORDER BY number").bind(run);
        let rows = rows.fetch_all(self.database.read()).await.map_err(|why| self.error("read", why))?;
        rows.iter().map(|row| row.try_get(0).map_err(|why| self.error("read", why))).collect()
    }

    /// A run is over.
    pub async fn forget_answers(&self, run: &str) -> Result<(), DatabaseError> {
        self.write(sqlx::query("DELETE FROM answers WHERE run = ?1").bind(run)).await
    }

    /// Notes that a message is to be delivered outside; again changes nothing.
    pub async fn deliver(&self, file: &str, how: &str, due_ms: u64) -> Result<(), DatabaseError> {
        let insert = "INSERT OR IGNORE INTO deliveries (file, how, tries, due_ms) VALUES (?1, ?2, 0, ?3)";
        self.write(sqlx::query(insert).bind(file).bind(how).bind(signed(due_ms))).await
    }

    /// Nobody is to be told of this message any more, in whatever way.
    pub async fn never_deliver(&self, file: &str) -> Result<(), DatabaseError> {
        self.write(sqlx::query("DELETE FROM deliveries WHERE file = ?1").bind(file)).await
    }

    /// What is due now in one way, at most `count_max`, the longest due first. A message that is not filed yet is not due.
    pub async fn due(&self, how: &str, now_ms: u64, count_max: u32) -> Result<Vec<Delivery>, DatabaseError> {
        let rows = "SELECT id, file, how, tries FROM deliveries WHERE how = ?1 AND due_ms <= ?2 \
                    AND EXISTS (SELECT 1 FROM messages WHERE messages.file = deliveries.file) ORDER BY due_ms, id LIMIT ?3";
        let rows = sqlx::query(rows).bind(how).bind(signed(now_ms)).bind(i64::from(count_max));
        let rows = rows.fetch_all(self.database.read()).await.map_err(|why| self.error("read", why))?;
        let due = rows.iter().map(|row| {
            let tries = u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(u32::MAX);
            Ok(Delivery { id: row.try_get(0)?, file: row.try_get(1)?, how: row.try_get(2)?, tries })
        });
        due.collect::<Result<_, _>>().map_err(|why| self.error("read", why))
    }

    /// It is delivered, or given up.
    pub async fn delivered(&self, id: i64) -> Result<(), DatabaseError> {
        self.write(sqlx::query("DELETE FROM deliveries WHERE id = ?1").bind(id)).await
    }

    /// It is tried again then.
    pub async fn retry(&self, id: i64, due_ms: u64) -> Result<(), DatabaseError> {
        let change = "UPDATE deliveries SET tries = tries + 1, due_ms = ?2 WHERE id = ?1";
        self.write(sqlx::query(change).bind(id).bind(signed(due_ms))).await
    }

    /// Forgets what nobody needs: messages thrown away before `deleted_before_ms`, those heard and older than
    /// `heard_before_ms`; tries, answers and what was to be told of no message before `old_ms`. Gives mailbox and file of each message.
    pub async fn sweep(
        &self,
        deleted_before_ms: u64,
        heard_before_ms: u64,
        old_ms: u64,
    ) -> Result<Vec<(String, String)>, DatabaseError> {
        self.write(sqlx::query("DELETE FROM tries WHERE at_ms < ?1").bind(signed(old_ms))).await?;
        self.write(sqlx::query("DELETE FROM answers WHERE at_ms < ?1").bind(signed(old_ms))).await?;
        let unfiled = "DELETE FROM deliveries WHERE due_ms < ?1 AND file NOT IN (SELECT file FROM messages)";
        self.write(sqlx::query(unfiled).bind(signed(old_ms))).await?;
        let mut transaction = self.database.write().await?;
        let swept =
            "DELETE FROM messages WHERE deleted_ms < ?1 OR (is_new = 0 AND at_ms < ?2) RETURNING user, file";
        let swept = sqlx::query(swept).bind(signed(deleted_before_ms)).bind(signed(heard_before_ms));
        let rows = swept.fetch_all(&mut *transaction).await.map_err(|why| self.error("write", why))?;
        self.commit(transaction).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(|row| read(row).map_err(|why| self.error("read", why))).collect()
    }

    async fn write(
        &self,
        change: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<(), DatabaseError> {
        let mut transaction = self.database.write().await?;
        change.execute(&mut *transaction).await.map_err(|why| self.error("write", why))?;
        self.commit(transaction).await
    }
}
