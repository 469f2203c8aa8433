//! The users that tools have added.

use std::path::Path;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::database::Database;
use crate::error::{DatabaseError, DirectoryError, Key};
use crate::user::{
    Credentials, Entry, Ha1, Lookup, NewUser, SETTING_BYTES_MAX, User, check_credentials, check_text,
};

/// The users of one database. Clones share its connections.
///
/// Needs a tokio runtime. A question whose future is dropped changes nothing, or all that it would have.
#[derive(Debug, Clone)]
pub struct Directory {
    database: Database,
}

impl Directory {
    /// Opens a database, making it and its folder where they are missing.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::open(path, MIGRATIONS).await? })
    }

    /// Adds a user. Neither name nor extension may be anybody's name or extension.
    pub async fn add(&self, user: &NewUser<'_>) -> Result<(), DirectoryError> {
        user.check()?;
        let mut transaction = self.database.write().await?;
        self.check_free(&mut transaction, user).await?;
        sqlx::query(INSERT)
            .bind(user.name)
            .bind(user.extension)
            .bind(user.display_name)
            .bind(user.realm)
            .bind(user.ha1.md5.as_ref().map(<[u8; 16]>::as_slice))
            .bind(user.ha1.sha256.as_ref().map(<[u8; 32]>::as_slice))
            .bind(user.ha1.sha512_256.as_ref().map(<[u8; 32]>::as_slice))
            .bind(i64::try_from(user.created_at_s).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(|why| self.database.error("write", why))?;
        self.commit(transaction).await
    }

    /// Removes a user.
    pub async fn remove(&self, name: &str) -> Result<(), DirectoryError> {
        let mut transaction = self.database.write().await?;
        let done = sqlx::query("DELETE FROM users WHERE name = ?1")
            .bind(name)
            .execute(&mut *transaction)
            .await
            .map_err(|why| self.database.error("write", why))?;
        if done.rows_affected() == 0 {
            drop(transaction);
            return Err(self.no_user(name).await);
        }
        // Whoever gets the name later begins anew.
        sqlx::query("DELETE FROM settings WHERE user = ?1")
            .bind(name)
            .execute(&mut *transaction)
            .await
            .map_err(|why| self.database.error("write", why))?;
        self.commit(transaction).await
    }

    /// Gives a user other keys: another password, or another realm.
    pub async fn set_credentials(&self, name: &str, realm: &str, ha1: &Ha1) -> Result<(), DirectoryError> {
        check_credentials(realm, ha1)?;
        let mut transaction = self.database.write().await?;
        let done = sqlx::query(UPDATE)
            .bind(name)
            .bind(realm)
            .bind(ha1.md5.as_ref().map(<[u8; 16]>::as_slice))
            .bind(ha1.sha256.as_ref().map(<[u8; 32]>::as_slice))
            .bind(ha1.sha512_256.as_ref().map(<[u8; 32]>::as_slice))
            .execute(&mut *transaction)
            .await
            .map_err(|why| self.database.error("write", why))?;
        if done.rows_affected() == 0 {
            drop(transaction);
            return Err(self.no_user(name).await);
        }
        self.commit(transaction).await
    }

    /// The user of a name, octet for octet. It costs the same whether there is one or not, so that nobody can tell
    /// from outside.
    pub async fn named(&self, name: &str) -> Result<Lookup, DatabaseError> {
        self.look_up(NAMED, name, |user| user.name == name).await
    }

    /// The user of a name or an extension.
    pub async fn find(&self, name_or_extension: &str) -> Result<Lookup, DatabaseError> {
        let is_meant = |user: &User| {
            user.name == name_or_extension || user.extension.as_deref() == Some(name_or_extension)
        };
        self.look_up(FIND, name_or_extension, is_meant).await
    }

    /// Users by name, whose names begin with `prefix` and come behind `after`: at most `page_max`, and at most
    /// [`LISTED_MAX`]. A page that is not full is the last one.
    pub async fn list(
        &self,
        prefix: &str,
        after: &str,
        page_max: usize,
    ) -> Result<Vec<Entry>, DatabaseError> {
        let error = |why| self.database.error("read", why);
        let page_max = i64::try_from(page_max.clamp(1, LISTED_MAX)).unwrap_or(1);
        let rows = sqlx::query(LIST)
            .bind(prefix)
            .bind(after)
            // No name holds a character behind this one, so that all with the prefix are below it.
            .bind(format!("{prefix}{}", char::MAX))
            .bind(page_max)
            .fetch_all(self.database.read())
            .await
            .map_err(error)?;
        rows.iter().map(|row| entry(row).map_err(error)).collect()
    }

    /// Keeps a setting of a user, of this database or of another place: user, key, value.
    pub async fn set(&self, user: &str, key: &str, value: &str) -> Result<(), DirectoryError> {
        for (what, text, min) in [("name", user, 1), ("setting", key, 1), ("value", value, 0)] {
            check_text(what, text, min, SETTING_BYTES_MAX)?;
        }
        let mut transaction = self.database.write().await?;
        sqlx::query(
            "INSERT INTO settings VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
        )
        .bind(user)
        .bind(key)
        .bind(value)
        .execute(&mut *transaction)
        .await
        .map_err(|why| self.database.error("write", why))?;
        self.commit(transaction).await
    }

    /// All settings that are kept: user, key, value, by user and key.
    pub async fn settings(&self) -> Result<Vec<(String, String, String)>, DatabaseError> {
        let error = |why| self.database.error("read", why);
        let rows = sqlx::query("SELECT user, key, value FROM settings ORDER BY user, key")
            .fetch_all(self.database.read())
            .await
            .map_err(error)?;
        let read = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        rows.iter().map(|row| read(row).map_err(error)).collect()
    }

    /// How many users have keys of other realms, with which they cannot register here.
    pub async fn strangers_to(&self, realm: &str) -> Result<u64, DatabaseError> {
        let row = sqlx::query("SELECT count(*) FROM users WHERE realm <> ?1")
            .bind(realm)
            .fetch_one(self.database.read())
            .await
            .and_then(|row| row.try_get::<i64, _>(0));
        let count = row.map_err(|why| self.database.error("read", why))?;
        Ok(count.unsigned_abs())
    }

    /// Ends what is under way. Not needed for safety: what was answered is on the disk.
    pub async fn close(&self) {
        self.database.close().await;
    }

    async fn look_up(
        &self,
        question: &'static str,
        key: &str,
        is_meant: impl Fn(&User) -> bool,
    ) -> Result<Lookup, DatabaseError> {
        let error = |why| self.database.error("read", why);
        let row =
            sqlx::query(question).bind(key).fetch_optional(self.database.read()).await.map_err(error)?;
        let Some(row) = row else { return Ok(Lookup::Nobody { nearest: None }) };
        let entry = entry(&row).map_err(error)?;
        if is_meant(&entry.user) {
            Ok(Lookup::Entry(Box::new(entry)))
        } else {
            Ok(Lookup::Nobody { nearest: Some(entry.user.name) })
        }
    }

    /// Looks within the transaction that adds the user, so that nobody comes between.
    async fn check_free(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        user: &NewUser<'_>,
    ) -> Result<(), DirectoryError> {
        let error = |why| self.database.error("read", why);
        for (wanted, text) in [(Key::Name, Some(user.name)), (Key::Extension, user.extension)] {
            let Some(text) = text else { continue };
            let row = sqlx::query("SELECT name FROM users WHERE name = ?1 OR extension = ?1")
                .bind(text)
                .fetch_optional(&mut **transaction)
                .await
                .map_err(error)?;
            let Some(row) = row else { continue };
            let owner: String = row.try_get(0).map_err(error)?;
            let is = if owner == text { Key::Name } else { Key::Extension };
            return Err(DirectoryError::Taken { wanted, text: text.to_owned(), is, user: owner });
        }
        Ok(())
    }

    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<(), DirectoryError> {
        transaction.commit().await.map_err(|why| self.database.error("write", why).into())
    }

    async fn no_user(&self, name: &str) -> DirectoryError {
        match self.named(name).await {
            Ok(Lookup::Nobody { nearest }) => DirectoryError::NoUser { name: name.to_owned(), nearest },
            // Added since.
            Ok(Lookup::Entry(_)) => DirectoryError::NoUser { name: name.to_owned(), nearest: None },
            Err(error) => error.into(),
        }
    }
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        user: User {
            name: row.try_get("name")?,
            extension: row.try_get("extension")?,
            display_name: row.try_get("display_name")?,
            created_at_s: row.try_get::<i64, _>("created_at")?.unsigned_abs(),
        },
        credentials: Credentials {
            realm: row.try_get("realm")?,
            ha1: Ha1 {
                md5: key(row, "ha1_md5")?,
                sha256: key(row, "ha1_sha256")?,
                sha512_256: key(row, "ha1_sha512_256")?,
            },
        },
    })
}

/// A key of the right length: the table takes no other.
fn key<const N: usize>(row: &SqliteRow, column: &str) -> Result<Option<[u8; N]>, sqlx::Error> {
    let octets: Option<&[u8]> = row.try_get(column)?;
    Ok(octets.and_then(|octets| octets.try_into().ok()))
}

/// The most users of one list.
pub const LISTED_MAX: usize = 1000;

/// In order, and never changed once released.
const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/0001_users.sql"), include_str!("../migrations/0002_settings.sql")];

const INSERT: &str = "INSERT INTO users VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const UPDATE: &str =
    "UPDATE users SET realm = ?2, ha1_md5 = ?3, ha1_sha256 = ?4, ha1_sha512_256 = ?5 WHERE name = ?1";
/// Those whose name differs by case alone too, the one who is meant first.
const NAMED: &str = "SELECT * FROM users WHERE name = ?1 COLLATE NOCASE ORDER BY name = ?1 DESC LIMIT 1";
const FIND: &str = "SELECT * FROM users WHERE name = ?1 COLLATE NOCASE OR extension = ?1 \
                    ORDER BY name = ?1 OR extension IS ?1 DESC LIMIT 1";
const LIST: &str = "SELECT * FROM users WHERE name >= ?1 AND name > ?2 AND name < ?3 ORDER BY name LIMIT ?4";

#[cfg(test)]
mod tests;
