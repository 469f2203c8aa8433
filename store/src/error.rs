//! What can go wrong, as sentences for people: the cause, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A change of the directory that is not made.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// Names and extensions share one lookup, and this one belongs to somebody.
    #[error("{wanted} {text} already {}", belonging(*wanted, *is, text, user))]
    Taken {
        /// As what it was wanted.
        wanted: Key,
        /// The name or extension.
        text: String,
        /// As what it is taken.
        is: Key,
        /// Whose it is.
        user: String,
    },
    /// Nobody is called so.
    #[error("there is no user {name}{}", nearest.as_ref().map(|nearest| format!("; {nearest} exists")).unwrap_or_default())]
    NoUser {
        /// The name that was asked for.
        name: String,
        /// A name that differs by case alone.
        nearest: Option<String>,
    },
    /// A text is too short or too long.
    #[error("the {what} has {octets} octets, and may have {min} to {max}")]
    Length {
        /// Which.
        what: &'static str,
        /// The least.
        min: usize,
        /// The most.
        max: usize,
        /// What it has.
        octets: usize,
    },
    /// A text holds control characters.
    #[error("the {what} holds a control character")]
    Control {
        /// Which.
        what: &'static str,
    },
    /// There is nothing to authenticate with.
    #[error("a user needs a password or a digest key")]
    NoKey,
    /// Ours to mend.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// As what a text names a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// By name.
    Name,
    /// By extension.
    Extension,
}

/// A database that cannot be opened, read or written.
#[derive(Debug, Error)]
#[error("cannot {doing} {}: {cause}{}", path.display(), cause.next_step(path))]
pub struct DatabaseError {
    /// The file, or the address of a server without its password.
    pub path: PathBuf,
    /// What was tried: `open`, `read`, `write`.
    pub doing: &'static str,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a database fails.
#[derive(Debug, Error)]
pub enum Cause {
    /// The folder or the file cannot be made.
    #[error("{0}")]
    Io(std::io::Error),
    /// SQLite may not read or write the file or its folder.
    #[error("permission denied, or a read-only file system")]
    Denied,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// Another process has held the database for all of the time that we wait.
    #[error("another process is writing to it and does not end")]
    Busy,
    /// Damaged.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// Not of SQLite, or of another program.
    #[error("it is not a database of this program")]
    Foreign,
    /// Written by a newer program.
    #[error("its version is {found}, and this program knows versions up to {known}")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The greatest that we know.
        known: i64,
    },
    /// A PostgreSQL server that cannot be reached, or refuses.
    #[error("{what}")]
    Server {
        /// What it says.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// Anything else.
    #[error("{0}")]
    Other(sqlx::Error),
}

impl Cause {
    pub(crate) fn of(error: sqlx::Error) -> Self {
        match code(&error) {
            Some(PERM | READONLY | CANTOPEN | AUTH) => Self::Denied,
            _ if is_busy(&error) => Self::Busy,
            Some(CORRUPT) => Self::Damaged(error.to_string()),
            Some(FULL) => Self::Full,
            Some(NOTADB) => Self::Foreign,
            _ => Self::Other(error),
        }
    }

    /// Why a PostgreSQL server does not do it (its appendix A has the codes).
    pub(crate) fn of_server(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
        let next = match (&error, &*code) {
            (sqlx::Error::Configuration(_), _) => "write postgres://USER:PASSWORD@HOST/DATABASE",
            (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut, _) => {
                "start PostgreSQL there, or mend host and port of the address"
            }
            (sqlx::Error::Tls(_), _) => "mend its certificate, or the sslmode of the address",
            (_, "3D000") => "make the database there with `createdb`, or mend its name",
            (_, "42501") => "let this user make a schema: GRANT CREATE ON DATABASE",
            (_, "53100") => "make room on its disk",
            (_, "53300") => "raise its max_connections, or end programs that use it",
            (_, code) if code.starts_with("28") => {
                "mend user and password of the address, or its pg_hba.conf"
            }
            _ => return Self::Other(error),
        };
        let what = match &error {
            sqlx::Error::PoolTimedOut => "no connection within five seconds".to_owned(),
            sqlx::Error::Database(error) => error.message().to_owned(),
            error => error.to_string(),
        };
        Self::Server { what, next }
    }

    /// What to do, behind a semicolon; empty when we do not know.
    fn next_step(&self, path: &Path) -> String {
        let folder = path.parent().unwrap_or(path).display();
        match self {
            Self::Io(_) | Self::Denied => {
                format!(
                    "; let the user of this process write to the file and to its folder {folder}, or choose another folder"
                )
            }
            Self::Full => format!("; make room below {folder}"),
            Self::Busy => "; find it with `fuser` on that file, or try again".to_owned(),
            Self::Damaged(_) => "; put a copy in its place, or move it away to begin anew".to_owned(),
            Self::Foreign => "; move it away, or choose another folder".to_owned(),
            Self::Newer { .. } => "; start the program that wrote it, or a newer one".to_owned(),
            Self::Server { next, .. } => format!("; {next}"),
            Self::Other(_) => String::new(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Extension => "extension",
        })
    }
}

fn belonging(wanted: Key, is: Key, text: &str, user: &str) -> String {
    match (wanted, is) {
        _ if wanted == is && text == user => "belongs to a user".to_owned(),
        _ if wanted == is => format!("belongs to {user}"),
        (_, Key::Name) => "is the name of another user".to_owned(),
        (_, Key::Extension) => format!("is the extension of {user}"),
    }
}

/// Another process holds what we want.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || matches!(code(error), Some(BUSY | LOCKED))
}

/// The primary code of SQLite: the low octet (sqlite.org/rescode.html).
fn code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const AUTH: u32 = 23;
const NOTADB: u32 = 26;
