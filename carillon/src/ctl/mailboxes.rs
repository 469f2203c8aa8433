//! `carillon ctl voicemail`: what can be asked of the mailboxes, and how the process that keeps them answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voicemail::{Letter, Refused, Usage, Voicemail};

use super::Ask;
use super::server::{Answering, Operations};

/// A question of the mailboxes. `mailbox` is a user or an extension, `message` an id or how it begins.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Mailboxes {
    /// One mailbox, or all that hold something or are locked.
    List {
        /// Which one.
        mailbox: Option<String>,
    },
    /// The messages of one.
    Messages {
        /// Which one.
        mailbox: String,
    },
    /// A message less.
    Delete {
        /// Whose.
        mailbox: String,
        /// Which.
        message: String,
    },
    /// Where the sound of a message is on this machine.
    Sound {
        /// Whose.
        mailbox: String,
        /// Which.
        message: String,
    },
    /// The PIN of the configuration again, or another one.
    ResetPin {
        /// Whose.
        mailbox: String,
        /// In clear on this socket only; hashed before it is kept.
        pin: Option<String>,
    },
    /// PINs are taken again after too many wrong ones.
    Unlock {
        /// Whose.
        mailbox: String,
    },
}

/// Answers a question.
pub async fn answer(voicemail: &Voicemail, ask: Mailboxes) -> Result<Value, String> {
    let answered = match ask {
        Mailboxes::List { mailbox } => {
            let boxes = voicemail.usage(mailbox.as_deref()).await;
            boxes.map(|boxes| boxes.iter().map(usage).collect())
        }
        Mailboxes::Messages { mailbox } => {
            voicemail.letters(&mailbox).await.map(|letters| letters.iter().map(letter).collect())
        }
        Mailboxes::Delete { mailbox, message } => {
            voicemail.delete(&mailbox, &message).await.map(|gone| json!(format!("{} is gone.", said(&gone))))
        }
        Mailboxes::Sound { mailbox, message } => voicemail
            .sound(&mailbox, &message)
            .await
            .map(|(letter, path)| json!({ "path": path, "what": said(&letter) })),
        Mailboxes::ResetPin { mailbox, pin } => {
            voicemail.reset_pin(&mailbox, pin).await.map(|mailbox| json!(pin_said(&mailbox)))
        }
        Mailboxes::Unlock { mailbox } => voicemail.unlock(&mailbox).await.map(|was_locked| {
            json!(match was_locked {
                true => format!("The mailbox of {mailbox} takes PINs again."),
                false => format!("The mailbox of {mailbox} was not locked; its wrong PINs are forgotten."),
            })
        }),
    };
    answered.map_err(|Refused(why)| why)
}

fn usage(mailbox: &Usage) -> Value {
    json!({
        "user": mailbox.user,
        "new": mailbox.counts.new,
        "old": mailbox.counts.old,
        "urgent": mailbox.counts.new_urgent + mailbox.counts.old_urgent,
        "messages_max": mailbox.messages_max,
        "used_s": seconds(mailbox.length),
        "used_max_s": seconds(mailbox.length_max),
        "pin": mailbox.pin,
        "locked_s": seconds(mailbox.locked),
    })
}

fn letter(letter: &Letter) -> Value {
    let message = &letter.message;
    json!({
        "id": letter.id,
        "left": letter.at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        "caller": message.caller,
        "name": message.caller_name,
        "length_s": seconds(Duration::from_millis(message.length_ms.into())),
        "new": message.is_new,
        "urgent": message.is_urgent,
        "file": message.file,
    })
}

fn said(letter: &Letter) -> String {
    let message = &letter.message;
    let caller = if message.caller.is_empty() { "a withheld number" } else { &message.caller };
    format!(
        "The message of {} for {}, left {}, {} s long,",
        caller,
        message.user,
        letter.at.strftime("%Y-%m-%d %H:%M"),
        seconds(Duration::from_millis(message.length_ms.into()))
    )
}

fn pin_said(mailbox: &Usage) -> String {
    let user = &mailbox.user;
    match mailbox.pin {
        "own" => format!("{user} has a new PIN."),
        "configuration" => format!("{user} has the PIN of the configuration again."),
        _ => format!(
            "{user} has no PIN: messages are heard on the phones of {user} alone, where another PIN is set by 0; \
             or set one by --new."
        ),
    }
}

/// Begun seconds count.
fn seconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// What `carillon voicemail` answers: it has no calls, bindings or users to be asked for.
pub struct Alone(pub Voicemail);

impl Operations for Alone {
    fn answer(&self, ask: Ask) -> Answering<'_> {
        Box::pin(async move {
            match ask {
                Ask::Voicemail(ask) => answer(&self.0, ask).await,
                _ => Err("this process keeps mailboxes and nothing else; it answers `carillon ctl voicemail`. For the \
                          rest name the state folder of the edge with --state DIR"
                    .to_owned()),
            }
        })
    }
}
