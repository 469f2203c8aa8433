//! A PostgreSQL server: how it is reached, who writes, and how its tables come to their newest form.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Row, Transaction};

use crate::error::{Cause, DatabaseError};

/// A schema of a database, with one writer at a time among all who use it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Its address without the password.
    shown: PathBuf,
    pool: PgPool,
}

impl Server {
    /// Reaches the server and brings the tables of the schema to their newest form. `url` is
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `?sslmode=verify-full` where others share the way.
    pub async fn connect(
        url: &str,
        schema: &'static str,
        migrations: &[&'static str],
    ) -> Result<Self, DatabaseError> {
        let error = |shown: &str, cause| DatabaseError { path: shown.into(), doing: "open", cause };
        let options =
            PgConnectOptions::from_str(url).map_err(|why| error("postgres://", Cause::of_server(why)))?;
        let database = options.get_database().unwrap_or(options.get_username());
        let place = options.get_socket().map(|path| path.display().to_string());
        let place = place.unwrap_or_else(|| format!("{}:{}", options.get_host(), options.get_port()));
        let shown = format!("postgres://{}@{place}/{database}", options.get_username());
        let options = options.application_name("carillon").options([("search_path", schema)]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(WAIT_MAX);
        let server = Server { shown: PathBuf::from(&shown), pool: pool.connect_lazy_with(options) };
        server.migrate(schema, migrations).await.map_err(|cause| error(&shown, cause))?;
        Ok(server)
    }

    /// A transaction of the one writer. Dropped without commit, it changes nothing.
    pub async fn write(&self) -> Result<Transaction<'static, Postgres>, DatabaseError> {
        let begin = async {
            let mut transaction = self.pool.begin().await?;
            lock(&mut transaction).await?;
            Ok(transaction)
        };
        begin.await.map_err(|why| self.error("write", why))
    }

    /// Those who read.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What PostgreSQL says, with where it is and a way out.
    pub fn error(&self, doing: &'static str, why: sqlx::Error) -> DatabaseError {
        DatabaseError { path: self.shown.clone(), doing, cause: Cause::of_server(why) }
    }

    async fn migrate(&self, schema: &'static str, migrations: &[&'static str]) -> Result<(), Cause> {
        let mut transaction = self.pool.begin().await.map_err(Cause::of_server)?;
        lock(&mut transaction).await.map_err(Cause::of_server)?;
        // A user who may not make schemas can do with one that somebody made for him.
        let there = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(schema);
        if there.fetch_optional(&mut *transaction).await.map_err(Cause::of_server)?.is_none() {
            let make = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
            sqlx::raw_sql(make).execute(&mut *transaction).await.map_err(Cause::of_server)?;
        }
        let make = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL);
                    INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version);";
        sqlx::raw_sql(make).execute(&mut *transaction).await.map_err(Cause::of_server)?;
        let row = sqlx::query("SELECT version FROM schema_version").fetch_one(&mut *transaction).await;
        let done: i64 = row.and_then(|row| row.try_get(0)).map_err(Cause::of_server)?;
        let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
        let Some(missing) = usize::try_from(done).ok().and_then(|done| migrations.get(done..)) else {
            return Err(Cause::Newer { found: done, known });
        };
        for migration in missing {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(Cause::of_server)?;
        }
        let note = sqlx::query("UPDATE schema_version SET version = $1").bind(known);
        note.execute(&mut *transaction).await.map_err(Cause::of_server)?;
        transaction.commit().await.map_err(Cause::of_server)
    }
}

/// As in an SQLite file, one writes at a time, so that what was read before a change is true until its commit.
async fn lock(transaction: &mut Transaction<'static, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut **transaction).await.map(drop)
}

/// "carillon" in ASCII: a number that no other program is likely to lock.
const LOCK: i64 = 0x6361_7269_6c6c_6f6e;
/// How long a question waits for a free connection, and a connection for its server.
const WAIT_MAX: Duration = Duration::from_secs(5);
const CONNECTIONS_MAX: u32 = 4;
