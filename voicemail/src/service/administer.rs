//! What an administrator asks and changes from outside of calls. Phones are told at once, as of every change.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use proto::{Find, Found, ServiceError, User, awaited};
use store::{MailboxCounts, MessageMark, StoredMessage};

use super::answers::total_ms;
use super::{FIND_MAX, Shared, Voicemail};
use crate::core::webhook;
use crate::pin;

/// How a mailbox is used, and how much of it there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whose it is.
    pub user: String,
    /// Its messages.
    pub counts: MailboxCounts,
    /// How long they are together.
    pub length: Duration,
    /// How many it may hold.
    pub messages_max: u32,
    /// How long they may be together.
    pub length_max: Duration,
    /// For how long no PIN is taken; zero where it is not locked.
    pub locked: Duration,
    /// Who chose its PIN.
    pub pin: &'static str,
}

/// A message, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Names it, here and in webhooks.
    pub id: String,
    /// When it was left, where the company is.
    pub at: Zoned,
    /// What is kept of it.
    pub message: StoredMessage,
}

/// Why something is not done, as a sentence with cause and next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl From<ServiceError> for Refused {
    fn from(why: ServiceError) -> Self {
        Refused(why.to_string())
    }
}

impl Voicemail {
    /// The mailbox of a user or extension, or all that hold something or are locked.
    pub async fn usage(&self, whose: Option<&str>) -> Result<Vec<Usage>, Refused> {
        let shared = &self.shared;
        let user = match whose {
            Some(whose) => Some(shared.one(whose).await?),
            None => None,
        };
        let now = node::clock::unix_ms();
        let boxes = shared.mailboxes.list(user.as_ref().map(|user| &*user.name), now).await;
        let settings = shared.settings();
        let of_file = |user: &str| settings.owners.get(user).is_some_and(|owner| owner.pin.is_some());
        let usages = boxes.map_err(|why| shared.failed(&why))?.into_iter().map(|used| Usage {
            counts: used.counts,
            length: Duration::from_millis(used.length_ms),
            messages_max: settings.config.messages_max,
            length_max: Duration::from_millis(total_ms(&settings.config)),
            locked: Duration::from_millis(used.locked_ms.saturating_sub(now)),
            pin: match (used.has_own_pin, of_file(&used.user)) {
                (true, _) => "own",
                (false, true) => "configuration",
                (false, false) => "none",
            },
            user: used.user,
        });
        Ok(usages.collect())
    }

    /// The messages of a mailbox, the oldest first.
    pub async fn letters(&self, whose: &str) -> Result<Vec<Letter>, Refused> {
        let user = self.shared.one(whose).await?;
        self.shared.letters(&user.name).await
    }

    /// Throws a message away. Its sound stays for a day, and goes then.
    pub async fn delete(&self, whose: &str, id: &str) -> Result<Letter, Refused> {
        let shared = &self.shared;
        let letter = self.letter(whose, id).await?;
        let user = &letter.message.user;
        let mark = MessageMark::Deleted { at_ms: node::clock::unix_ms() };
        let marked = shared.mailboxes.mark(user, &letter.message.file, mark).await;
        marked.map_err(|why| shared.failed(&why))?;
        tracing::info!(user, file = letter.message.file, "an operator threw a message away");
        shared.tell(user).await;
        Ok(letter)
    }

    /// A message, and the WAV file with its sound.
    pub async fn sound(&self, whose: &str, id: &str) -> Result<(Letter, PathBuf), Refused> {
        let letter = self.letter(whose, id).await?;
        let file = letter.message.file.clone();
        let path = self.shared.on_disk(move |records| records.bring(&file)).await;
        let path = path.ok_or_else(|| {
            let file = &letter.message.file;
            Refused(format!(
                "the sound of this message, {file}, cannot be read; the log of the exchange says why"
            ))
        })?;
        tracing::info!(
            user = letter.message.user,
            file = letter.message.file,
            "an operator took a message out"
        );
        Ok((letter, path))
    }

    /// Lets PINs be tried again. True where the mailbox was locked.
    pub async fn unlock(&self, whose: &str) -> Result<bool, Refused> {
        let shared = &self.shared;
        let user = shared.one(whose).await?;
        let tries = shared.mailboxes.tries(&user.name).await.map_err(|why| shared.failed(&why))?;
        shared.mailboxes.right(&user.name).await.map_err(|why| shared.failed(&why))?;
        Ok(tries.locked_ms > node::clock::unix_ms())
    }

    /// Forgets the PIN that the owner chose, or sets one in its place; the mailbox is not locked any more. Gives it as it is
    /// now.
    pub async fn reset_pin(&self, whose: &str, pin: Option<String>) -> Result<Usage, Refused> {
        let shared = &self.shared;
        let user = shared.one(whose).await?;
        if let Some(pin) = &pin {
            let number = user.extension.as_deref().unwrap_or(&user.name);
            pin::check(pin, shared.settings().config.pin_digits_min, number).map_err(Refused)?;
        }
        shared.set_pin(&user.name, pin).await?;
        tracing::info!(user = user.name, "an operator set the PIN of a mailbox anew");
        self.unlock(&user.name).await?;
        let mailbox = self.usage(Some(&user.name)).await?.pop();
        mailbox.ok_or_else(|| Refused(format!("the mailbox of {} cannot be read", user.name)))
    }

    async fn letter(&self, whose: &str, id: &str) -> Result<Letter, Refused> {
        let user = self.shared.one(whose).await?;
        let wanted = id.strip_prefix(webhook::ID).unwrap_or(id);
        let letters = self.shared.letters(&user.name).await?.into_iter();
        let is_it = |letter: &Letter| {
            !wanted.is_empty() && letter.id.strip_prefix(webhook::ID).is_some_and(|id| id.starts_with(wanted))
        };
        let mut found: Vec<_> = letters.filter(is_it).collect();
        let name = &user.name;
        match (found.pop(), found.len()) {
            (Some(letter), 0) => Ok(letter),
            (Some(_), more) => Err(Refused(format!(
                "{id} begins the ids of {} messages of {name}; type more of it",
                more + 1
            ))),
            (None, _) => Err(Refused(format!(
                "{name} has no message {id}; `carillon ctl voicemail messages {name}` lists them with their ids"
            ))),
        }
    }
}

impl Shared {
    async fn one(&self, whose: &str) -> Result<std::sync::Arc<User>, Refused> {
        let (reply, answer) = awaited();
        let asked = self.directory.find(&Find { name_or_extension: whose }, reply.within(FIND_MAX));
        match answer.answer(asked).await? {
            Found::User(user) => Ok(user),
            Found::Nobody { nearest: Some(nearest) } => {
                Err(Refused(format!("no user {whose}, so no mailbox; {nearest} exists")))
            }
            Found::Nobody { nearest: None } => Err(Refused(format!(
                "no user {whose}, so no mailbox; `carillon ctl users list` says who exists"
            ))),
        }
    }

    async fn letters(&self, user: &str) -> Result<Vec<Letter>, Refused> {
        let zone = self.settings().zone.clone();
        let messages = self.mailboxes.messages(user).await.map_err(|why| self.failed(&why))?;
        let letters = messages.into_iter().map(|message| Letter {
            id: webhook::id(&message.file),
            at: at(message.at_ms).to_zoned(zone.clone()),
            message,
        });
        Ok(letters.collect())
    }
}

/// What lies beyond the calendar is a clock that is wrong: it is its beginning.
fn at(ms: u64) -> Timestamp {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}
