//! The socket by which an operator asks a running process: one JSON line a question, one a answer.
//!
//! It is a Unix socket in the state folder that only its owner may open, so it needs no password of its own.

pub mod client;
pub mod mailboxes;
pub mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A question to a running process.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// The bindings whose address of record begins so.
    Bindings {
        /// Empty for all.
        prefix: String,
    },
    /// Calls and requests under way.
    Calls,
    /// What the dial plan would do.
    Route {
        /// What is dialled.
        number: String,
        /// The authenticated user who dials.
        from: Option<String>,
        /// Seconds of Unix time.
        unix_s: u64,
    },
    /// Read the configuration again.
    Reload,
    /// Take no new calls, then stop.
    Drain,
    /// All users.
    ListUsers,
    /// A new user of the database.
    AddUser {
        /// The name that phones register with.
        user: String,
        /// The number to dial.
        extension: String,
        /// The name that is shown.
        display_name: String,
        /// In clear on this socket only; hashed before it is kept.
        password: String,
    },
    /// One user of the database less.
    RemoveUser {
        /// Whom.
        user: String,
    },
    /// What becomes of the calls to a user, after a change where there is one.
    Settings {
        /// Whose.
        user: String,
        /// Its name and value.
        change: Option<(String, String)>,
    },
    /// Something of the mailboxes.
    Voicemail(mailboxes::Mailboxes),
    /// A new password for a user of the database.
    SetPassword {
        /// Whose.
        user: String,
        /// In clear on this socket only; hashed before it is kept.
        password: String,
    },
}

/// What a process answers: a value whose shape the question fixes, or a sentence with cause and next step.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The value.
    Ok(serde_json::Value),
    /// Cause and next step.
    Error(String),
}

/// Where the socket of a process with this state folder is.
pub fn socket_path(state: &Path) -> PathBuf {
    state.join("carillon.sock")
}

/// The longest question or answer, in octets: a hundred thousand bindings fit.
pub const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
