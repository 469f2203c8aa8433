//! The state folder: where it is, and the passwords that the first start makes.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rand::{Rng, RngExt};

/// The folder that was asked for, or the usual one: `$XDG_STATE_HOME/carillon`, `~/.local/state/carillon`, and
/// `/var/lib/carillon` where there is no home.
pub fn folder(asked: Option<&Path>) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    asked
        .map(Path::to_path_buf)
        .or_else(|| variable("XDG_STATE_HOME").map(|home| home.join("carillon")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/carillon")))
        .unwrap_or_else(|| PathBuf::from("/var/lib/carillon"))
}

/// Makes the folder, for its owner only.
pub fn create(folder: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!(
            "the state folder {} cannot be made; choose one that can be written with --state DIR",
            folder.display()
        )
    })
}

/// A user of the built-in example and the password that was made for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleUser {
    /// The name that phones register with.
    pub name: &'static str,
    /// The number to dial.
    pub extension: &'static str,
    /// In clear, as a softphone wants it typed.
    pub password: String,
}

/// The example users with their passwords; those that have none yet get one. True when one was made.
pub fn example_users(folder: &Path) -> Result<(Vec<ExampleUser>, bool)> {
    let passwords = folder.join("passwords");
    create(&passwords)?;
    let mut made = false;
    let mut users = Vec::new();
    for (name, extension) in EXAMPLE_USERS {
        let path = passwords.join(name);
        let password = match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
            Ok(_) => keep_new(&path, &mut made)?,
            Err(why) if why.kind() == io::ErrorKind::NotFound => keep_new(&path, &mut made)?,
            Err(why) => return Err(why).with_context(|| format!("{} cannot be read", path.display())),
        };
        users.push(ExampleUser { name, extension, password });
    }
    Ok((users, made))
}

/// Secrets that outlive the process: with them the tokens and nonces of the one before are still good, so calls that
/// stand and phones that registered go on after a restart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys(pub [u8; KEY_OCTETS]);

impl Keys {
    /// Reads them, or makes and keeps them at the first start.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("keys");
        match fs::read(&path) {
            Ok(octets) => match octets.try_into() {
                Ok(keys) => Ok(Self(keys)),
                Err(_) => {
                    bail!("{} is damaged; remove it, and calls that stand now end unheard", path.display())
                }
            },
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let mut keys = [0; KEY_OCTETS];
                rand::rng().fill_bytes(&mut keys);
                keep(&path, &keys)?;
                Ok(Self(keys))
            }
            Err(why) => Err(why).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// So many octets of them from `start` on.
    pub fn part<const N: usize>(&self, start: usize) -> [u8; N] {
        self.0[start..start + N].try_into().expect("the parts lie within the keys")
    }
}

fn keep(path: &Path, octets: &[u8]) -> Result<()> {
    node::files::keep(path, octets).with_context(|| format!("{} cannot be written", path.display()))
}

fn keep_new(path: &Path, made: &mut bool) -> Result<String> {
    let password = new_password();
    keep(path, format!("{password}\n").as_bytes())?;
    *made = true;
    Ok(password)
}

/// Sixteen characters, 78 bits, without those that people confuse.
fn new_password() -> String {
    let mut rng = rand::rng();
    let group = |rng: &mut rand::rngs::ThreadRng| -> String {
        (0..4).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
    };
    (0..4).map(|_| group(&mut rng)).collect::<Vec<_>>().join("-")
}

const KEY_OCTETS: usize = 64;
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const EXAMPLE_USERS: [(&str, &str); 3] = [("alice", "6001"), ("bob", "6002"), ("martin", "6003")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_made_once_and_kept() {
        let folder = std::env::temp_dir().join(format!("carillon-state-{}", std::process::id()));
        let (first, made) = example_users(&folder).expect("a folder that can be written");
        let (again, made_again) = example_users(&folder).expect("a folder that can be read");
        fs::remove_dir_all(&folder).expect("our own folder");
        assert!(made && !made_again);
        assert_eq!(first, again);
        assert_ne!(first[0].password, first[1].password);
        assert!(first.iter().all(|user| user.password.len() == 19));
    }
}
