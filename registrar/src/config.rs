//! `[registrar]`, `[directory]` and `[[user]]`. Plain data, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use node::config::{Duration, Secret};
use proto::directory::{Change, Settings};
use serde::Deserialize;

use crate::core::Terms;

/// `[registrar]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// For how long a phone is bound that does not say (RFC 3261 §10.2.1.1). Default 1 h. Longer keeps phones that
    /// are gone; shorter costs a REGISTER more often.
    pub default_expires: Duration,
    /// The shortest time that a phone may ask for; below it the answer is 423 with Min-Expires (RFC 3261 §10.3
    /// step 7). Default 60 s, at most 1 h. Too short lets one phone send a flood of REGISTERs.
    pub min_expires: Duration,
    /// What longer wishes are cut to. Default 2 h. A phone that vanished rings for so long.
    pub max_expires: Duration,
    /// How many phones one user may have registered. Default 10. More are refused with 403.
    pub contacts_max: u32,
    /// How many bindings there may be in all. Default 4000000, some 400 octets each. More are refused with 503.
    pub bindings_max: usize,
    /// How many octets one binding may keep: URI, Path, Call-ID and the like. Default 4096. A longer one is
    /// refused with 400.
    pub binding_bytes_max: usize,
    /// How many changes a proxy may fall behind before it must forget all that it copied. Default 8192, some 50
    /// octets each.
    pub changes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        let terms = Terms::default();
        Config {
            default_expires: Duration::from_secs(terms.default_expires_s.into()),
            min_expires: Duration::from_secs(terms.min_expires_s.into()),
            max_expires: Duration::from_secs(terms.max_expires_s.into()),
            contacts_max: terms.contacts_max,
            bindings_max: terms.bindings_max,
            binding_bytes_max: terms.binding_bytes_max,
            changes_max: 8192,
        }
    }
}

impl Config {
    /// The terms of the registrar core.
    ///
    /// # Errors
    /// Which rule they break, as a sentence for people.
    pub fn terms(&self) -> Result<Terms, &'static str> {
        let seconds = |duration: Duration| u32::try_from(duration.0.as_secs()).unwrap_or(u32::MAX);
        Terms {
            default_expires_s: seconds(self.default_expires),
            min_expires_s: seconds(self.min_expires),
            max_expires_s: seconds(self.max_expires),
            contacts_max: self.contacts_max,
            bindings_max: self.bindings_max,
            binding_bytes_max: self.binding_bytes_max,
        }
        .checked()
    }
}

/// `[directory]`: the users that tools add.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DirectoryConfig {
    /// The file that keeps them, an SQLite database; relative to the state folder. Default `users.db`. Not on a
    /// network file system, and one file for one process: what another one writes is seen after a restart.
    pub database: PathBuf,
    /// How many users it may hold. Default 100000, some 500 octets of memory each. More are refused.
    pub users_max: usize,
    /// How many changes may wait for the disk. Default 64. More are refused with a wish to try again.
    pub in_flight_max: usize,
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        DirectoryConfig { database: "users.db".into(), users_max: 100_000, in_flight_max: 64 }
    }
}

/// `[[user]]`: a user that only this file can change. Give one of `password`, `password_file`, `password_env` and
/// `ha1`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// The name, as in `sip:NAME@domain` and in the phone's set-up. Case matters.
    pub name: String,
    /// The number that others dial. Default: none, the user is reached by name.
    pub extension: Option<String>,
    /// What phones show. Default: nothing.
    #[serde(default)]
    pub display_name: String,
    /// `"always"`: the media of this user's calls go through a media server, whatever `[proxy] anchor` says. Default: as
    /// it says.
    pub anchor: Option<Anchor>,
    /// What whoever this user puts on hold or parks hears, in calls whose media go through us: a sound file, or `""`
    /// for silence. Default: as the route or `[proxy] music_on_hold` says.
    pub music_on_hold: Option<String>,
    /// The password in clear. It is hashed when loaded and then forgotten.
    pub password: Option<Secret>,
    /// A file whose first line is the password; relative to the configuration's folder.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds the password.
    pub password_env: Option<String>,
    /// Callers hear that the user is busy. Default false. Users change this and what follows by their phone; what they
    /// have changed stands above the file.
    #[serde(default)]
    pub do_not_disturb: bool,
    /// Where calls go by themselves, `{ always = "6002" }`, also `busy`, `no-answer` (20 s, where no voicemail comes
    /// before) and `unreachable`. A forwarded call may do what its user may. Default: nowhere.
    #[serde(default)]
    pub forward: BTreeMap<String, String>,
    /// Numbers that ring for the user, one after the other, when nobody has answered: `["0601020304 20s"]`. At most 5.
    /// Default: none.
    #[serde(default)]
    pub follow_me: Vec<String>,
    /// The digest key instead of the password: `H(name:realm:password)` in hexadecimal. It is worth as much as the
    /// password, and only for this realm.
    pub ha1: Option<Ha1Config>,
    /// The first PIN of the user's mailbox, of digits. Default: none, the mailbox opens from the user's own phone alone.
    /// One that the user chose since stands in its place.
    pub pin: Option<Secret>,
    /// Where messages of the user's mailbox are sent as e-mail. Default: nowhere.
    pub email: Option<String>,
    /// What is spoken and written to the user, `"fr"` or `"en"`. Default: the language of the whole exchange.
    pub language: Option<String>,
}

/// Whose media go through a media server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// All of this user's.
    Always,
}

impl UserConfig {
    /// What becomes of calls.
    ///
    /// # Errors
    /// What cannot be dialled or is not known, as a sentence for people.
    pub fn settings(&self) -> Result<Settings, String> {
        let mut settings = Settings { do_not_disturb: self.do_not_disturb, ..Settings::default() };
        for (when, to) in &self.forward {
            let change = Change::read(&format!("forward-{when}"), to).map_err(|why| match why {
                why if why.starts_with("no setting") => {
                    format!("forward: no {when:?}; there are always, busy, no-answer and unreachable")
                }
                why => format!("forward {when}: {why}"),
            })?;
            settings.apply(&change);
        }
        settings.apply(&Change::read("follow-me", &self.follow_me.join(","))?);
        Ok(settings)
    }
}

/// Digest keys in hexadecimal.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "a key of 32 (MD5) or 64 (SHA-256) hexadecimal digits, or a table of them")]
pub enum Ha1Config {
    /// 32 digits are MD5, 64 are SHA-256.
    One(Secret),
    /// By algorithm.
    Several(Ha1Table),
}

/// Digest keys by algorithm.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ha1Table {
    /// 32 hexadecimal digits.
    pub md5: Option<Secret>,
    /// 64 hexadecimal digits.
    pub sha256: Option<Secret>,
    /// 64 hexadecimal digits.
    pub sha512_256: Option<Secret>,
}

impl std::fmt::Debug for Ha1Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
