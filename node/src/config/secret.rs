//! Secrets: written in the configuration, or in a file or an environment variable that it names. Never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

/// A password or key. `Debug` and `Display` show `***`; [`Secret::reveal`] is the one way to its text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes the text of a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for hashing and for handing to a peer, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes the one of the three that is given: `password`, `password_file` or `password_env`, for `name`
    /// `password`. A file's last line end is cut off; relative paths start at `folder`.
    pub fn one_of(
        name: &str,
        value: Option<&Self>,
        file: Option<&Path>,
        variable: Option<&str>,
        folder: &Path,
    ) -> Result<Option<Self>, SecretError> {
        match (value, file, variable) {
            (None, None, None) => Ok(None),
            (Some(secret), None, None) => Ok(Some(secret.clone())),
            (None, Some(path), None) => Self::from_file(&folder.join(path)).map(Some),
            (None, None, Some(variable)) => std::env::var(variable)
                .map(|text| Some(Self::new(text)))
                .map_err(|_| SecretError::Variable { name: variable.to_owned() }),
            _ => Err(SecretError::Several { name: name.to_owned() }),
        }
    }

    fn from_file(path: &Path) -> Result<Self, SecretError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| SecretError::File { path: path.to_owned(), cause })?;
        Ok(Self::new(text.trim_end_matches(['\r', '\n'])))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Visitor)
    }
}

/// Why a secret could not be had. It never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// More than one of the three forms stands in the configuration.
    #[error("give only one of `{name}`, `{name}_file` and `{name}_env`")]
    Several {
        /// The option.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read the secret in {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The environment variable is not set, or not text.
    #[error("the environment variable {name} holds no text")]
    Variable {
        /// The variable.
        name: String,
    },
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret in quotes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Secret, E> {
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("in-wonderland");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.reveal(), "in-wonderland");
    }

    #[test]
    fn a_secret_comes_from_one_place_only() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("carillon-secret-{}", std::process::id()));
        std::fs::write(&file, "from-a-file\n").expect("the temporary folder is writable");
        let here = Secret::new("here");
        let from_file = Secret::one_of("password", None, Some(&file), None, &folder);
        std::fs::remove_file(&file).expect("it was written above");
        assert_eq!(from_file.expect("the file is there"), Some(Secret::new("from-a-file")));
        assert_eq!(Secret::one_of("password", None, None, None, &folder).expect("none is no error"), None);
        let both = Secret::one_of("password", Some(&here), Some(&file), None, &folder).expect_err("two");
        assert_eq!(both.to_string(), "give only one of `password`, `password_file` and `password_env`");
        let gone = Secret::one_of("password", None, Some(&file), None, &folder).expect_err("no file");
        assert!(gone.to_string().starts_with("cannot read the secret in "));
        let unset =
            Secret::one_of("password", None, None, Some("CARILLON_NO_SUCH"), &folder).expect_err("unset");
        assert_eq!(unset.to_string(), "the environment variable CARILLON_NO_SUCH holds no text");
    }
}
