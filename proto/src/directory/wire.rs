//! Between the plain types and the messages of `directory.proto`.

use std::sync::Arc;

use crate::asked::ServiceError;
use crate::directory::{Change, Found, Ha1, Identified, ListedUser, NewSecret, Settings, User, UserPage};
use crate::serve;
use crate::wire::directory::v1;
use v1::answer::Answer as Kind;

impl serve::Answer for v1::Answer {
    type Kind = Kind;

    fn new(id: u64, answer: Result<Kind, ServiceError>) -> Self {
        let answer = answer.unwrap_or_else(|error| Kind::Failure(error.into()));
        v1::Answer { id, answer: Some(answer) }
    }
}

impl From<Identified> for Kind {
    fn from(identified: Identified) -> Self {
        Kind::Identified(match identified {
            Identified::Known { user, ha1 } => v1::Identified {
                user: Some(user.as_ref().into()),
                ha1: Some(ha1.into()),
                nearest: String::new(),
            },
            Identified::Unknown { nearest } => {
                v1::Identified { user: None, ha1: None, nearest: nearest.unwrap_or_default() }
            }
        })
    }
}

impl TryFrom<v1::Identified> for Identified {
    type Error = ServiceError;

    fn try_from(wire: v1::Identified) -> Result<Self, ServiceError> {
        Ok(match wire.user {
            Some(user) => Identified::Known {
                user: Arc::new(user.into()),
                ha1: wire.ha1.unwrap_or_default().try_into()?,
            },
            None => Identified::Unknown { nearest: given(wire.nearest) },
        })
    }
}

impl From<Found> for Kind {
    fn from(found: Found) -> Self {
        Kind::Found(match found {
            Found::User(user) => v1::Found { user: Some(user.as_ref().into()), nearest: String::new() },
            Found::Nobody { nearest } => v1::Found { user: None, nearest: nearest.unwrap_or_default() },
        })
    }
}

impl From<v1::Found> for Found {
    fn from(wire: v1::Found) -> Self {
        match wire.user {
            Some(user) => Found::User(Arc::new(user.into())),
            None => Found::Nobody { nearest: given(wire.nearest) },
        }
    }
}

impl From<&User> for v1::User {
    fn from(user: &User) -> Self {
        v1::User {
            name: user.name.clone(),
            extension: user.extension.clone().unwrap_or_default(),
            aor: user.aor.clone(),
            display_name: user.display_name.clone(),
            settings: settings_to(&user.settings),
        }
    }
}

impl From<v1::User> for User {
    fn from(wire: v1::User) -> Self {
        User {
            name: wire.name,
            extension: given(wire.extension),
            aor: wire.aor,
            display_name: wire.display_name,
            settings: settings_of(&wire.settings),
        }
    }
}

impl From<&Change> for v1::Setting {
    fn from(change: &Change) -> Self {
        v1::Setting { key: change.key().to_owned(), value: change.value() }
    }
}

/// Only what is set travels.
pub(super) fn settings_to(settings: &Settings) -> Vec<v1::Setting> {
    settings.changes().iter().map(v1::Setting::from).collect()
}

/// What cannot be read is of a newer directory, and left out.
pub(super) fn settings_of(wire: &[v1::Setting]) -> Settings {
    let mut settings = Settings::default();
    for change in wire.iter().filter_map(|setting| Change::read(&setting.key, &setting.value).ok()) {
        settings.apply(&change);
    }
    settings
}

impl From<Ha1> for v1::Ha1 {
    fn from(ha1: Ha1) -> Self {
        v1::Ha1 {
            md5: ha1.md5.map(Vec::from).unwrap_or_default(),
            sha256: ha1.sha256.map(Vec::from).unwrap_or_default(),
            sha512_256: ha1.sha512_256.map(Vec::from).unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::Ha1> for Ha1 {
    type Error = ServiceError;

    fn try_from(wire: v1::Ha1) -> Result<Self, ServiceError> {
        Ok(Ha1 { md5: key(wire.md5)?, sha256: key(wire.sha256)?, sha512_256: key(wire.sha512_256)? })
    }
}

impl From<&NewSecret<'_>> for v1::Secret {
    fn from(secret: &NewSecret<'_>) -> Self {
        let secret = match secret {
            NewSecret::Password(password) => v1::secret::Secret::Password((*password).to_owned()),
            NewSecret::Ha1(ha1) => v1::secret::Secret::Ha1((*ha1).into()),
        };
        v1::Secret { secret: Some(secret) }
    }
}

/// Reads a secret, which borrows from the message.
pub(super) fn secret(wire: Option<&v1::Secret>) -> Result<NewSecret<'_>, ServiceError> {
    match wire.and_then(|wire| wire.secret.as_ref()) {
        Some(v1::secret::Secret::Password(password)) => Ok(NewSecret::Password(password)),
        Some(v1::secret::Secret::Ha1(ha1)) => Ok(NewSecret::Ha1(ha1.clone().try_into()?)),
        None => Err(ServiceError::Protocol("neither password nor ha1".to_owned())),
    }
}

impl From<UserPage> for v1::ListReply {
    fn from(page: UserPage) -> Self {
        let users = page
            .users
            .iter()
            .map(|listed| v1::ListedUser { user: Some((&listed.user).into()), read_only: listed.read_only });
        v1::ListReply { users: users.collect(), next: page.next.unwrap_or_default() }
    }
}

impl From<v1::ListReply> for UserPage {
    fn from(wire: v1::ListReply) -> Self {
        let users = wire.users.into_iter().map(|listed| ListedUser {
            user: listed.user.unwrap_or_default().into(),
            read_only: listed.read_only,
        });
        UserPage { users: users.collect(), next: given(wire.next) }
    }
}

pub(super) fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn key<const N: usize>(octets: Vec<u8>) -> Result<Option<[u8; N]>, ServiceError> {
    if octets.is_empty() {
        return Ok(None);
    }
    let wrong =
        |octets: Vec<u8>| ServiceError::Protocol(format!("a key of {} octets, not {N}", octets.len()));
    octets.try_into().map(Some).map_err(wrong)
}
