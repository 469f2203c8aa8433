//! The users of the configuration file: checked, hashed, and looked up by name or extension.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use proto::{Ha1, User};
use thiserror::Error;

use crate::config::{Ha1Config, UserConfig};

/// A set of users, read-only. A reload makes a new one.
#[derive(Debug, Default)]
pub struct Users {
    listed: Vec<(Arc<User>, Ha1)>,
    /// By name and by extension.
    keys: HashMap<Box<str>, usize>,
    /// By name without case, for the hint to the administrator.
    folded: HashMap<Box<str>, usize>,
}

/// What is wrong with a user of the configuration.
#[derive(Debug, Error)]
#[error("user {user}: {why}")]
pub struct UserError {
    /// The name, or which `[[user]]` it is where that is what is wrong.
    pub user: String,
    /// What is wrong, as a sentence for people.
    pub why: String,
}

impl Users {
    /// Checks and hashes. `folder` is where relative password files start.
    ///
    /// # Errors
    /// The first user that cannot be taken, and why.
    pub fn load(
        configs: &[UserConfig],
        domain: &str,
        realm: &str,
        folder: &Path,
    ) -> Result<Users, UserError> {
        let mut users = Users::default();
        for (index, config) in configs.iter().enumerate() {
            let name = config.name.as_str();
            let user = if name.is_empty() { format!("number {}", index + 1) } else { name.to_owned() };
            let wrong = |why: String| UserError { user: user.clone(), why };
            check_name(name).map_err(|why| wrong(why.to_owned()))?;
            if let Some(extension) = &config.extension {
                check_name(extension).map_err(|why| wrong(format!("extension {extension}: {why}")))?;
            }
            let ha1 = ha1(config, realm, folder).map_err(wrong)?;
            users
                .insert(
                    User {
                        name: name.to_owned(),
                        extension: config.extension.clone(),
                        aor: aor_of(name, domain),
                        display_name: config.display_name.clone(),
                        settings: config.settings().map_err(wrong)?,
                    },
                    ha1,
                )
                .map_err(wrong)?;
        }
        Ok(users)
    }

    fn insert(&mut self, user: User, ha1: Ha1) -> Result<(), String> {
        let index = self.listed.len();
        for key in [Some(&user.name), user.extension.as_ref()].into_iter().flatten() {
            if let Some(taken) = self.keys.insert(key.as_str().into(), index)
                && taken != index
            {
                return Err(format!(
                    "{key} is already the name or extension of {}",
                    self.listed[taken].0.name
                ));
            }
        }
        self.folded.entry(user.name.to_lowercase().into()).or_insert(index);
        self.listed.push((Arc::new(user), ha1));
        Ok(())
    }

    /// The user with this name; extensions do not count.
    pub fn named(&self, name: &str) -> Option<&(Arc<User>, Ha1)> {
        self.find(name).filter(|(user, _)| user.name == name)
    }

    /// The user with this name or extension.
    pub fn find(&self, name_or_extension: &str) -> Option<&(Arc<User>, Ha1)> {
        self.keys.get(name_or_extension).map(|index| &self.listed[*index])
    }

    /// A name that differs from this one by case alone. It costs the same whether there is one or not, so that
    /// nobody can tell from outside.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        self.folded.get(name.to_lowercase().as_str()).map(|index| self.listed[*index].0.name.as_str())
    }

    /// All, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<User>> {
        self.listed.iter().map(|(user, _)| user)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

/// The canonical address of record of a user.
pub fn aor_of(name: &str, domain: &str) -> String {
    let mut uri = b"sip:".to_vec();
    sip::uri::escape_user(name.as_bytes(), &mut uri);
    uri.extend_from_slice(b"@h");
    match sip::uri::Uri::parse(&uri) {
        Ok(uri) => sip::uri::Aor::of(&uri, Some(domain)).as_str().to_owned(),
        // `check_name` lets no such name in.
        Err(_) => format!("{name}@{}", domain.to_ascii_lowercase()),
    }
}

/// What a name or an extension may be.
///
/// # Errors
/// What is wrong with it, as a sentence for people.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a name has at least one character");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("a name has at most 128 octets");
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("a name holds no blanks");
    }
    if name.contains(['@', ':', '"', '\\', '<', '>']) {
        // RFC 7616 §3.4.2: a colon would make another name of the same digest key.
        return Err("a name holds none of @ : \" \\ < >");
    }
    Ok(())
}

fn ha1(config: &UserConfig, realm: &str, folder: &Path) -> Result<Ha1, String> {
    let (value, file, variable) =
        (config.password.as_ref(), config.password_file.as_deref(), config.password_env.as_deref());
    let password = node::config::Secret::one_of("password", value, file, variable, folder)
        .map_err(|error| error.to_string())?;
    match (password, &config.ha1) {
        (Some(_), Some(_)) => Err("give a password or ha1, not both".to_owned()),
        (Some(password), None) if password.reveal().is_empty() => Err("the password is empty".to_owned()),
        (Some(password), None) => Ok(crate::ha1::of(&config.name, realm, password.reveal())),
        (None, Some(Ha1Config::One(key))) => crate::ha1::read_one(key.reveal()),
        (None, Some(Ha1Config::Several(table))) => crate::ha1::read(
            table.md5.as_ref().map(node::config::Secret::reveal),
            table.sha256.as_ref().map(node::config::Secret::reveal),
            table.sha512_256.as_ref().map(node::config::Secret::reveal),
        ),
        (None, None) => Err("give password, password_file, password_env or ha1".to_owned()),
    }
}

const NAME_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests;
