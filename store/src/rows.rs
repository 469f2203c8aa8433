//! Rows in either kind of database: an SQLite file, or a PostgreSQL server. A question is written once, in what both
//! speak: `$1` for what is bound, `"user"` in quotes, a target for each ON CONFLICT, sums cast to BIGINT.

use sqlx::postgres::PgRow;
use sqlx::query::Query;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Encode, IntoArguments, Postgres, Row as _, Sqlite, Transaction, Type};

use crate::database::Database;
use crate::error::DatabaseError;
use crate::server::Server;

/// Where the rows are.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    File(Database),
    Server(Server),
}

/// What is bound to a question.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Number(Option<i64>),
    Octets(Option<&'a [u8]>),
}

/// One row of an answer.
pub(crate) enum Row {
    File(SqliteRow),
    Server(PgRow),
}

/// A transaction of the one writer. Dropped without commit, it changes nothing.
pub(crate) enum Change {
    File(Transaction<'static, Sqlite>),
    Server(Transaction<'static, Postgres>),
}

impl Rows {
    /// Reads.
    pub async fn ask(&self, question: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, DatabaseError> {
        let rows = match self {
            Rows::File(file) => {
                let rows = bound::<Sqlite>(question, values).fetch_all(file.read()).await;
                rows.map(|rows| rows.into_iter().map(Row::File).collect())
            }
            Rows::Server(server) => {
                let rows = bound::<Postgres>(question, values).fetch_all(server.pool()).await;
                rows.map(|rows| rows.into_iter().map(Row::Server).collect())
            }
        };
        rows.map_err(|why| self.error("read", why))
    }

    /// Begins to write. What is read in there is true until the commit: nobody else writes meanwhile.
    pub async fn change(&self) -> Result<Change, DatabaseError> {
        match self {
            Rows::File(file) => file.write().await.map(Change::File),
            Rows::Server(server) => server.write().await.map(Change::Server),
        }
    }

    /// Writes one thing.
    pub async fn write(&self, question: &'static str, values: &[Value<'_>]) -> Result<(), DatabaseError> {
        let mut change = self.change().await?;
        change.run(question, values).await.map_err(|why| self.error("write", why))?;
        change.commit().await.map_err(|why| self.error("write", why))
    }

    /// What the database says, with where it is and a way out.
    pub fn error(&self, doing: &'static str, why: sqlx::Error) -> DatabaseError {
        match self {
            Rows::File(file) => file.error(doing, why),
            Rows::Server(server) => server.error(doing, why),
        }
    }

    /// Ends what is under way.
    pub async fn close(&self) {
        match self {
            Rows::File(file) => file.close().await,
            Rows::Server(server) => server.pool().close().await,
        }
    }
}

impl Change {
    /// Changes rows, and gives those that it returns.
    pub async fn run(
        &mut self,
        question: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        match self {
            Change::File(transaction) => {
                let rows = bound::<Sqlite>(question, values).fetch_all(&mut **transaction).await?;
                Ok(rows.into_iter().map(Row::File).collect())
            }
            Change::Server(transaction) => {
                let rows = bound::<Postgres>(question, values).fetch_all(&mut **transaction).await?;
                Ok(rows.into_iter().map(Row::Server).collect())
            }
        }
    }

    /// Once it has returned, a power failure changes nothing of it.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Change::File(transaction) => transaction.commit().await,
            Change::Server(transaction) => transaction.commit().await,
        }
    }
}

impl Row {
    /// A column, by its place or name.
    pub fn get<T, I>(&self, column: I) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Row::File(row) => row.try_get(column),
            Row::Server(row) => row.try_get(column),
        }
    }

    /// A number that is never negative.
    pub fn number<I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>>(
        &self,
        column: I,
    ) -> Result<u64, sqlx::Error> {
        self.get::<i64, I>(column).map(i64::unsigned_abs)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(Some(text))
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Value::Number(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Value::Number(Some(number.into()))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Number(Some(number))
    }
}

impl From<bool> for Value<'_> {
    fn from(is_so: bool) -> Self {
        Value::Number(Some(is_so.into()))
    }
}

fn bound<'q, DB>(question: &'static str, values: &'q [Value<'q>]) -> Query<'q, DB, DB::Arguments>
where
    DB: sqlx::Database,
    DB::Arguments: IntoArguments<DB>,
    Option<String>: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<&'q [u8]>: Encode<'q, DB> + Type<DB>,
{
    values.iter().fold(sqlx::query(question), |query, value| match *value {
        // PostgreSQL keeps no NUL in a text.
        Value::Text(text) => query.bind(text.map(|text| text.replace('\0', ""))),
        Value::Number(number) => query.bind(number),
        Value::Octets(octets) => query.bind(octets),
    })
}
