//! A user as it is kept, and what may be kept of one.

use crate::error::DirectoryError;

/// A user that tools have added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, as in `sip:NAME@domain` and in digest.
    pub name: String,
    /// The number that others dial, where there is one.
    pub extension: Option<String>,
    /// What a phone shows; it may be empty.
    pub display_name: String,
    /// When the user was added, in seconds of Unix time.
    pub created_at_s: u64,
}

/// A user, and what the user authenticates with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub user: User,
    /// With what.
    pub credentials: Credentials,
}

/// Digest keys, and the realm that they were made for: they are good for no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The realm.
    pub realm: String,
    /// The keys.
    pub ha1: Ha1,
}

/// `H(name:realm:password)` for each algorithm. All that is kept of a password, and enough to register with.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ha1 {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512-256.
    pub sha512_256: Option<[u8; 32]>,
}

/// Says which keys there are, never the keys.
impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ha1")
            .field("md5", &self.md5.is_some())
            .field("sha256", &self.sha256.is_some())
            .field("sha512_256", &self.sha512_256.is_some())
            .finish()
    }
}

/// A user to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewUser<'a> {
    /// The name: 1 to [`NAME_BYTES_MAX`] octets.
    pub name: &'a str,
    /// The extension, of the same length, where there is one.
    pub extension: Option<&'a str>,
    /// At most [`DISPLAY_NAME_BYTES_MAX`] octets.
    pub display_name: &'a str,
    /// The realm of the keys: 1 to [`REALM_BYTES_MAX`] octets.
    pub realm: &'a str,
    /// The keys, at least one.
    pub ha1: &'a Ha1,
    /// Now, in seconds of Unix time.
    pub created_at_s: u64,
}

/// What a lookup has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The user.
    Entry(Box<Entry>),
    /// No such user.
    Nobody {
        /// A name that differs by the case of ASCII letters alone. For the administrator's log.
        nearest: Option<String>,
    },
}

impl NewUser<'_> {
    /// Looks whether it can be kept.
    pub(crate) fn check(&self) -> Result<(), DirectoryError> {
        check_text("name", self.name, 1, NAME_BYTES_MAX)?;
        if let Some(extension) = self.extension {
            check_text("extension", extension, 1, NAME_BYTES_MAX)?;
        }
        check_text("display name", self.display_name, 0, DISPLAY_NAME_BYTES_MAX)?;
        check_credentials(self.realm, self.ha1)
    }
}

pub(crate) fn check_credentials(realm: &str, ha1: &Ha1) -> Result<(), DirectoryError> {
    check_text("realm", realm, 1, REALM_BYTES_MAX)?;
    if *ha1 == Ha1::default() {
        return Err(DirectoryError::NoKey);
    }
    Ok(())
}

pub(crate) fn check_text(
    what: &'static str,
    text: &str,
    min: usize,
    max: usize,
) -> Result<(), DirectoryError> {
    if text.len() < min || text.len() > max {
        return Err(DirectoryError::Length { what, min, max, octets: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(DirectoryError::Control { what });
    }
    Ok(())
}

/// The most octets of a name or an extension.
pub const NAME_BYTES_MAX: usize = 128;
/// The most octets of a display name.
pub const DISPLAY_NAME_BYTES_MAX: usize = 256;
/// The most octets of a setting.
pub const SETTING_BYTES_MAX: usize = 1024;
/// The most octets of a realm.
pub const REALM_BYTES_MAX: usize = 255;
