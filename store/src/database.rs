//! One SQLite file: how it is made and opened, who writes, and how its tables come to their newest form.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection, Row, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::error::{Cause, DatabaseError, is_busy};

/// A database with one writer and several readers, who never wait for each other (write-ahead log).
#[derive(Debug, Clone)]
pub(crate) struct Database {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens a file, making it and its folder where they are missing, for us alone to read: it holds secrets.
    /// `migrations` bring its tables from any version to the newest, in order; other processes may do so meanwhile.
    pub async fn open(path: &Path, migrations: &[&'static str]) -> Result<Self, DatabaseError> {
        let error = |cause| DatabaseError { path: path.to_owned(), doing: "open", cause };
        create(path).map_err(|why| error(Cause::Io(why)))?;
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(WAIT_MAX).foreign_keys(true);
        // A user who was added is still there after a power failure.
        let writing = options.clone().synchronous(SqliteSynchronous::Full);
        let mut first =
            SqliteConnection::connect_with(&writing).await.map_err(|why| error(Cause::of(why)))?;
        write_ahead(&mut first).await.map_err(|why| error(Cause::of(why)))?;
        migrate(&mut first, migrations).await.map_err(error)?;
        first.close().await.map_err(|why| error(Cause::of(why)))?;
        let reading = options.pragma("query_only", "ON");
        let pool = |connections| {
            PoolOptions::<Sqlite>::new()
                .max_connections(connections)
                .acquire_timeout(WAIT_MAX)
                // A file does not hang up: what a connection has to say, it says when it is used.
                .test_before_acquire(false)
        };
        Ok(Self {
            path: path.to_owned(),
            writer: pool(1).connect_lazy_with(writing),
            readers: pool(READERS_MAX).connect_lazy_with(reading),
        })
    }

    /// A transaction of the one writer. Dropped without commit, it changes nothing.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, DatabaseError> {
        // IMMEDIATE: other processes wait at the beginning, so that what is read here is true until the commit.
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|why| self.error("write", why))
    }

    /// Those who read.
    pub fn read(&self) -> &SqlitePool {
        &self.readers
    }

    /// What SQLite says, with the file and a way out.
    pub fn error(&self, doing: &'static str, why: sqlx::Error) -> DatabaseError {
        DatabaseError { path: self.path.clone(), doing, cause: Cause::of(why) }
    }

    /// Ends what is under way, and folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// SQLite would make the file for everybody to read. A file that is there is not touched: opening and closing it would
/// take from another connection of this process the locks that it holds (sqlite.org/howtocorrupt.html §2.2).
fn create(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new();
    let mut folder = DirBuilder::new();
    file.write(true).create_new(true);
    folder.recursive(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => folder.create(parent)?,
        _ => {}
    }
    match file.open(path) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
            Err(ErrorKind::IsADirectory.into())
        }
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        file => file.map(drop),
    }
}

/// The journal changes its form once in the life of a file. While another process is at that, SQLite may say "busy"
/// at once, without the wait that it has for all else; an empty transaction waits for its end.
async fn write_ahead(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for _ in 0..WAL_TRIES_MAX {
        let done = sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *connection).await;
        let Err(error) = done else { return Ok(()) };
        if !is_busy(&error) {
            return Err(error);
        }
        connection.begin_with("BEGIN IMMEDIATE").await?.rollback().await?;
    }
    sqlx::query("PRAGMA journal_mode = WAL").execute(connection).await.map(drop)
}

async fn migrate(connection: &mut SqliteConnection, migrations: &[&'static str]) -> Result<(), Cause> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(Cause::of)?;
    let done = version(&mut transaction).await?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let Some(missing) = usize::try_from(done).ok().and_then(|done| migrations.get(done..)) else {
        return Err(Cause::Newer { found: done, known });
    };
    if missing.is_empty() {
        return transaction.rollback().await.map_err(Cause::of);
    }
    for migration in missing {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(Cause::of)?;
    }
    let note = "UPDATE schema_version SET version = ?1";
    sqlx::query(note).bind(known).execute(&mut *transaction).await.map_err(Cause::of)?;
    transaction.commit().await.map_err(Cause::of)
}

/// How many migrations the file has seen. A file with tables that does not say so is not ours.
async fn version(transaction: &mut Transaction<'_, Sqlite>) -> Result<i64, Cause> {
    let count = "SELECT count(*), coalesce(sum(name = 'schema_version'), 0) FROM sqlite_schema";
    let tables = sqlx::query(count).fetch_one(&mut **transaction).await.map_err(Cause::of)?;
    let (all, ours): (i64, i64) =
        (tables.try_get(0).map_err(Cause::of)?, tables.try_get(1).map_err(Cause::of)?);
    if ours == 0 && all > 0 {
        return Err(Cause::Foreign);
    }
    let make = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT;
                INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version);";
    sqlx::raw_sql(make).execute(&mut **transaction).await.map_err(Cause::of)?;
    let row = sqlx::query("SELECT version FROM schema_version")
        .fetch_one(&mut **transaction)
        .await
        .map_err(Cause::of)?;
    row.try_get(0).map_err(Cause::of)
}

/// How long a writer waits for another process, and a question for a free connection.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Each has a thread and some hundred kilobytes; a lookup takes some ten microseconds.
const READERS_MAX: u32 = 2;
const WAL_TRIES_MAX: u32 = 16;
