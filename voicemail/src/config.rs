//! `[voicemail]`: plain data, read once. Without this section nobody has a mailbox.

use std::net::IpAddr;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use node::config::{Duration, Secret};
use serde::Deserialize;
use toml::Spanned;

use crate::core::Policy;
use crate::core::webhook::key;

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
    /// How long after it was heard a message is removed. Default 0: never. New ones stay.
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
    /// Which web address is told of each message. Default: none.
    pub webhook: Option<WebhookConfig>,
    /// The file that keeps what is in the mailboxes, an SQLite database; relative to the state folder. Default
    /// `voicemail.db`. The sound is in `[media] recordings`.
    pub database: PathBuf,
    /// A PostgreSQL server that keeps it in the place of the file: `postgres://USER:PASSWORD@HOST/DATABASE`, with
    /// `?sslmode=verify-full` where others share the way. Its schema `voicemail` is made where it is missing; one exchange
    /// uses it. Default: none.
    pub postgres: Option<Secret>,
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

/// `[voicemail.webhook]`: a web address that is told of each message by a POST of JSON, as Standard Webhooks has it. What is
/// not answered by 2xx is tried again for some two hours, and over restarts; then it is given up, and the message stays in its
/// mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// `https://crm.example.org/voicemail`. Certificates are judged by what this machine trusts.
    pub url: Secret,
    /// What signs it: `whsec_` and base64, or any text of 16 octets or more. Default: nothing is signed, and whoever finds the
    /// address out can tell it anything.
    pub secret: Option<Secret>,
    /// How long an answer may take. Default 10 s.
    #[serde(default = "patience")]
    pub timeout: Duration,
    /// Whether `http://` may lead to other machines. Default false: whoever listens on the way sees who calls whom.
    #[serde(default)]
    pub in_clear: bool,
}

impl WebhookConfig {
    fn mistakes(&self, mistakes: &mut Vec<String>) {
        match reqwest::Url::parse(self.url.reveal()) {
            Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && self.in_clear) => {}
            Ok(url) if url.scheme() == "http" && is_here(&url) => {}
            Ok(url) if url.scheme() == "http" => mistakes.push(
                "webhook.url: in clear everybody on the way sees who calls whom; write https://, or in_clear = true"
                    .to_owned(),
            ),
            Ok(_) => mistakes.push("webhook.url: write https://HOST/PATH".to_owned()),
            Err(why) => mistakes.push(format!("webhook.url: {why}; write https://HOST/PATH")),
        }
        if let Some(Err(why)) = self.secret.as_ref().map(|secret| key(secret.reveal())) {
            mistakes.push(why);
        }
        if self.timeout.is_zero() || *self.timeout > WEBHOOK_TIMEOUT_MAX {
            mistakes.push("webhook.timeout: from 1s to 1m; while one waits, the others do".to_owned());
        }
    }
}

fn is_here(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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

fn patience() -> Duration {
    Duration::from_secs(10)
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
            webhook: None,
            database: "voicemail.db".into(),
            postgres: None,
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
        let is_postgres =
            |url: &Secret| ["postgres://", "postgresql://"].iter().any(|own| url.reveal().starts_with(own));
        if self.postgres.as_ref().is_some_and(|url| !is_postgres(url)) {
            mistakes.push("postgres: write postgres://USER:PASSWORD@HOST/DATABASE".to_owned());
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
        if let Some(webhook) = &self.webhook {
            webhook.mistakes(&mut mistakes);
        }
        if self.wrong_pins_max == 0 {
            mistakes.push("wrong_pins_max: at least 1, or nobody can log in".to_owned());
        }
        mistakes
    }
}

const WEBHOOK_TIMEOUT_MAX: std::time::Duration = std::time::Duration::from_secs(60);
const MESSAGE_MAX: std::time::Duration = std::time::Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_address_that_cannot_be_told_or_shows_calls_to_others_is_refused() {
        for (lines, wrong) in [
            ("url = 'https://crm.example.org/voicemail?key=1'", None),
            ("url = 'http://127.0.0.1:8080/'", None),
            ("url = 'http://[::1]:8080/'", None),
            ("url = 'http://localhost'", None),
            ("url = 'http://crm.example.org/'\nin_clear = true", None),
            ("url = 'http://crm.example.org/'", Some("in_clear = true")),
            ("url = 'http://127.0.0.1.example.org/'", Some("in_clear = true")),
            ("url = 'ftp://crm.example.org/'\nin_clear = true", Some("https://HOST/PATH")),
            ("url = 'crm.example.org'", Some("https://HOST/PATH")),
            ("url = 'https://a'\nsecret = 'short'", Some("16 octets")),
            ("url = 'https://a'\nsecret = 'whsec_!'", Some("base64")),
            ("url = 'https://a'\ntimeout = '5m'", Some("webhook.timeout")),
        ] {
            let config: Config = toml::from_str(&format!("[webhook]\n{lines}")).expect("it can be read");
            let mistakes = config.mistakes();
            match wrong {
                None => assert!(mistakes.is_empty(), "{lines}: {mistakes:?}"),
                Some(wrong) => {
                    assert!(mistakes.len() == 1 && mistakes[0].contains(wrong), "{lines}: {mistakes:?}")
                }
            }
        }
        assert!(toml::from_str::<Config>("[webhook]\nurl = 'https://a'\nsecrets = 'x'").is_err());
    }
}
