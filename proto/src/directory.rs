//! Who exists here: credentials for digest, and users by name or extension.

mod client;
mod server;
mod settings;
mod wire;

use std::sync::Arc;

pub use client::DirectoryClient;
pub use server::DirectoryServer;
pub use settings::{Change, FOLLOW_MAX, Follow, Forward, Settings, When};

use crate::asked::{Asked, Reply, ServiceError};

/// The users of this exchange. Names and extensions share one lookup; names are compared octet for octet.
pub trait Directory: Send + Sync + 'static {
    /// The keys of a user for digest (RFC 7616).
    fn credentials(&self, ask: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified>;

    /// The user of a name or an extension.
    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found>;

    /// Users for people, in pages by name. Default: refused.
    fn list(&self, ask: &ListUsers<'_>, reply: Reply<UserPage>) -> Asked<UserPage> {
        let _ = ask;
        reply.now(Err(read_only()))
    }

    /// Adds a user. Default: refused.
    fn add(&self, ask: &AddUser<'_>, reply: Reply<User>) -> Asked<User> {
        let _ = ask;
        reply.now(Err(read_only()))
    }

    /// Removes a user that was added. Default: refused.
    fn remove(&self, name: &str, reply: Reply<()>) -> Asked<()> {
        let _ = name;
        reply.now(Err(read_only()))
    }

    /// Gives a user that was added another password. Default: refused.
    fn set_secret(&self, name: &str, secret: &NewSecret<'_>, reply: Reply<()>) -> Asked<()> {
        let _ = (name, secret);
        reply.now(Err(read_only()))
    }

    /// Changes what becomes of the calls to a user of that name, and gives all of it. Default: refused.
    fn configure(&self, name: &str, change: &Change, reply: Reply<Settings>) -> Asked<Settings> {
        let _ = (name, change);
        reply.now(Err(read_only()))
    }
}

fn read_only() -> ServiceError {
    ServiceError::Refused("this directory can only be read".to_owned())
}

/// Whose credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identify<'a> {
    /// The realm of the challenge.
    pub realm: &'a str,
    /// The user name, unquoted and unescaped.
    pub username: &'a str,
}

/// The answer to [`Identify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identified {
    /// The user exists.
    Known {
        /// Who it is; shared, so that an answer copies no text.
        user: Arc<User>,
        /// The keys.
        ha1: Ha1,
    },
    /// No such user in this realm.
    Unknown {
        /// An existing name that looks like the one asked for. For the administrator's log alone.
        nearest: Option<String>,
    },
}

/// Which user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Find<'a> {
    /// A name or an extension, unescaped.
    pub name_or_extension: &'a str,
}

/// The answer to [`Find`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The user exists.
    User(Arc<User>),
    /// No such name or extension.
    Nobody {
        /// An existing name that looks like the one asked for. For the administrator's log alone.
        nearest: Option<String>,
    },
}

/// A user of this exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The name, as in `sip:NAME@domain` and in digest.
    pub name: String,
    /// The number that others dial, where there is one.
    pub extension: Option<String>,
    /// The address of record under which the user's phones are registered: the canonical key.
    pub aor: String,
    /// What a phone shows; empty when not given.
    pub display_name: String,
    /// What becomes of calls.
    pub settings: Settings,
}

/// The keys of digest, `H(name:realm:password)`, for each algorithm that was stored.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ha1 {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512-256.
    pub sha512_256: Option<[u8; 32]>,
}

/// Says which keys there are, never the keys: whoever has one can register.
impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ha1")
            .field("md5", &self.md5.is_some())
            .field("sha256", &self.sha256.is_some())
            .field("sha512_256", &self.sha512_256.is_some())
            .finish()
    }
}

/// Which users to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListUsers<'a> {
    /// How the name begins; empty for all.
    pub prefix: &'a str,
    /// The most that a page holds.
    pub page_max: usize,
    /// [`UserPage::next`] of the page before; empty for the first.
    pub from: &'a str,
}

/// Part of a list of users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserPage {
    /// The users, by name.
    pub users: Vec<ListedUser>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<String>,
}

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// The user.
    pub user: User,
    /// Stands in the configuration file: tools cannot change it.
    pub read_only: bool,
}

/// A user to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddUser<'a> {
    /// The name.
    pub name: &'a str,
    /// The number that others dial, where there is one.
    pub extension: Option<&'a str>,
    /// What a phone shows; empty when not given.
    pub display_name: &'a str,
    /// What the user authenticates with.
    pub secret: NewSecret<'a>,
}

/// What a user will authenticate with. Only digest keys are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NewSecret<'a> {
    /// The password in clear, to be hashed for each algorithm.
    Password(&'a str),
    /// The keys themselves.
    Ha1(Ha1),
}

impl std::fmt::Debug for NewSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
