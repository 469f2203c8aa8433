//! `[voicemail]`: plain data, read once. Without this section nobody has a mailbox.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use node::config::{Duration, Secret};
use serde::Deserialize;
use toml::Spanned;

use crate::core::Policy;

/// `[voicemail]`: every user has a mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The number where people listen to their messages. Default: none, they only come by e-mail.
    pub extension: Option<Spanned<String>>,
    /// How long a user's phones ring before the mailbox answers. Default 20 s. Who is busy, declines, or has no phone that
    /// can be reached is not waited for. Rules of the dial plan that name their own steps are not touched.
    pub after: Duration,
    /// Where `0` leads while a message is left: a user, an extension or a number. Default: nowhere.
    pub operator: Option<String>,
    /// The longest message. Default 3 min.
    pub message_max: Duration,
    /// What is shorter is dropped. Default 2 s: above it, people who just say "it's me" are lost; below it, mailboxes
    /// fill with the sound of receivers being put down.
    pub message_min: Duration,
    /// A silence that ends a message, and is cut off. Default 10 s; 0 for never.
    pub silence: Duration,
    /// How many messages a mailbox holds. Default 100. Callers of a full one are told so.
    pub messages_max: u32,
    /// How much sound a mailbox holds in all, some 1 MB a minute. Default 1 h. Callers of a full one are told so.
    pub total_max: Duration,
    /// After how long a message that was heard is removed. Default 0: never. New ones stay.
    pub retention: Duration,
    /// Whether the PIN is asked for on the user's own phone too. Default false: whoever can dial on that phone can
    /// listen. From other phones a mailbox without PIN cannot be opened.
    pub own_phone_pin: bool,
    /// The fewest digits of a PIN. Default 4. All the same, and 1234 and its like, are never taken.
    pub pin_digits_min: usize,
    /// After how many wrong PINs in a row a mailbox is locked, whoever typed them and in however many calls. Default 5.
    pub wrong_pins_max: u32,
    /// For how long. Default 15 min: so a PIN of four digits holds out for weeks.
    pub lock: Duration,
    /// Who sends messages to users whose `email` is known. Default: nobody.
    pub mail: Option<MailConfig>,
    /// The file that keeps what is in the mailboxes, an SQLite database; relative to the state folder. Default
    /// `voicemail.db`. The sound is in `[media] recordings`.
    pub database: PathBuf,
    /// Where sound is kept beside the folder. Default: nowhere.
    pub archive: Option<ArchiveConfig>,
    /// How many calls may be in voicemail at a time, some 20 KB each. Default 2000. More are given back to the dial plan.
    pub runs_max: usize,
}

/// `[voicemail.mail]`: the mail server, by which each message is sent to its owner. A server that is away holds up no call:
/// it is tried again for some two hours, then the e-mail is given up and the message stays in its mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Where it is: `smtps://USER:PASSWORD@mail.example.org` (TLS, port 465), `smtp://USER:PASSWORD@HOST:587?tls=required`
    /// (STARTTLS), or `smtp://127.0.0.1:25` in clear, for this machine alone.
    pub url: Secret,
    /// Who it is from: `"Carillon <carillon@example.org>"`.
    pub from: String,
    /// Whether the sound is attached. Default true.
    #[serde(default = "yes")]
    pub attach: bool,
}

/// `[voicemail.archive]`: a bucket of an S3-compatible store. Sound is recorded into the folder and copied there within five
/// seconds; what the folder does not have is brought from there. While it is away, recordings wait in the folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveConfig {
    /// The bucket.
    pub bucket: String,
    /// What the names of all records in it begin with, such as `site-1`. Default: nothing.
    #[serde(default)]
    pub prefix: String,
    /// `"https://s3.example.org"`; `http://` for this machine alone. Default: Amazon's of the region.
    pub endpoint: Option<String>,
    /// Default `us-east-1`, which stores other than Amazon's take for their own.
    #[serde(default = "region")]
    pub region: String,
    /// The key's name.
    pub access_key: String,
    /// The key.
    pub secret_key: Secret,
    /// For how long a copy stays in the folder once it is there. Default 7 days.
    #[serde(default = "local")]
    pub local: Duration,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn local() -> Duration {
    Duration::from_secs(7 * 24 * 3600)
}

fn yes() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        let policy = Policy::default();
        Config {
            extension: None,
            after: Duration::from_secs(20),
            operator: None,
            message_max: policy.message_max.into(),
            message_min: policy.message_min.into(),
            silence: policy.silence.into(),
            messages_max: 100,
            total_max: Duration::from_secs(3600),
            retention: Duration::default(),
            own_phone_pin: false,
            pin_digits_min: 4,
            wrong_pins_max: 5,
            lock: Duration::from_secs(900),
            mail: None,
            database: "voicemail.db".into(),
            archive: None,
            runs_max: 2000,
        }
    }
}

impl Config {
    /// How dialogues behave; days and hours are said as they are in `zone`.
    pub fn policy(&self, zone: TimeZone) -> Policy {
        Policy {
            message_max: *self.message_max,
            message_min: *self.message_min,
            silence: *self.silence,
            zone,
            ..Policy::default()
        }
    }

    /// What is wrong with the values, as sentences for people.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.message_max.is_zero() || *self.message_max > MESSAGE_MAX {
            mistakes.push("message_max: from one second to one hour".to_owned());
        }
        if *self.message_min >= *self.message_max {
            mistakes.push("message_min is not below message_max: every message would be dropped".to_owned());
        }
        if self.after.is_zero() {
            mistakes.push("after: at least 1s, or phones do not ring".to_owned());
        }
        if self.messages_max == 0 || self.total_max.is_zero() {
            mistakes
                .push("messages_max and total_max: a mailbox that holds nothing is always full".to_owned());
        }
        let in_clear = |endpoint: &String| {
            !endpoint.starts_with("https://")
                && !["http://127.", "http://[::1]", "http://localhost"]
                    .iter()
                    .any(|own| endpoint.starts_with(own))
        };
        if self.archive.as_ref().and_then(|archive| archive.endpoint.as_ref()).is_some_and(in_clear) {
            mistakes.push(
                "archive.endpoint: write https://HOST; in clear it is reached on this machine alone, http://127.0.0.1:9000"
                    .to_owned(),
            );
        }
        if self.wrong_pins_max == 0 {
            mistakes.push("wrong_pins_max: at least 1, or nobody can log in".to_owned());
        }
        mistakes
    }
}

const MESSAGE_MAX: std::time::Duration = std::time::Duration::from_secs(3600);
