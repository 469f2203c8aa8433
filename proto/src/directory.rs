//! Who exists here: credentials for digest, and users by name or extension.

use std::sync::Arc;

use crate::asked::{Asked, Reply};

/// The users of this exchange. Names and extensions share one lookup; names are compared octet for octet.
pub trait Directory: Send + Sync + 'static {
    /// The keys of a user for digest (RFC 7616).
    fn credentials(&self, ask: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified>;

    /// The user of a name or an extension.
    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found>;
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
