//! E-mails: written down before the message is filed, sent by one task beside all calls, tried again for some two hours.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use prompt::Language;
use store::{Delivery, StoredMessage};
use tokio::time::MissedTickBehavior;

use super::{Settings, Shared};
use crate::config::MailConfig;

/// Sends what is due, again and again.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        shared.send_due(node::clock::unix_ms()).await;
    }
}

impl Shared {
    /// Notes that the owner is to be sent this message, where that is wanted.
    pub(super) async fn promise(&self, user: &str, file: &str) {
        let settings = self.settings();
        let wants = settings.owners.get(user).is_some_and(|owner| owner.email.is_some());
        if settings.config.mail.is_some() && wants {
            let due = node::clock::unix_ms();
            let _ = self.mailboxes.deliver(file, MAIL, due).await.map_err(|why| self.failed(&why));
        }
    }

    pub(super) async fn send_due(&self, now_ms: u64) {
        let due = match self.mailboxes.due(now_ms, DUE_MAX).await {
            Ok(due) => due,
            Err(why) => {
                self.failed(&why);
                return;
            }
        };
        for delivery in due {
            let sent = self.send(&delivery).await;
            let noted = match sent {
                Ok(()) => self.mailboxes.delivered(delivery.id).await,
                Err(why) if delivery.tries + 1 >= TRIES_MAX => {
                    self.counts.mails_failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(
                        file = delivery.file,
                        why,
                        "an e-mail is given up; the message stays in its mailbox"
                    );
                    self.mailboxes.delivered(delivery.id).await
                }
                Err(why) => {
                    tracing::warn!(file = delivery.file, why, "an e-mail cannot be sent; it is tried again");
                    let wait = FIRST_WAIT_MS << delivery.tries.min(TRIES_MAX);
                    self.mailboxes.retry(delivery.id, now_ms.saturating_add(wait)).await
                }
            };
            let _ = noted.map_err(|why| self.failed(&why));
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), String> {
        let message = self.mailboxes.message(&delivery.file).await.map_err(|why| why.to_string())?;
        // The call has not filed it, and may still; or it was swept.
        let message = message.ok_or("the message is not in a mailbox")?;
        let settings = self.settings();
        let Some(mail) = &settings.config.mail else { return Ok(()) };
        let owner = settings.owners.get(&message.user);
        let Some(to) = owner.and_then(|owner| owner.email.as_deref()) else { return Ok(()) };
        let sound = if mail.attach {
            let file = message.file.clone();
            Some(
                self.on_disk(move |records| records.read(&file))
                    .await
                    .ok_or("the recording cannot be read")?,
            )
        } else {
            None
        };
        let letter = letter(&settings, mail, to, &message, sound)?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(mail.url.reveal());
        let transport = transport.map_err(|why| why.to_string())?.timeout(Some(SEND_MAX)).build();
        transport.send(letter).await.map_err(|why| why.to_string())?;
        self.counts.mails.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn letter(
    settings: &Settings,
    mail: &MailConfig,
    to: &str,
    message: &StoredMessage,
    sound: Option<Vec<u8>>,
) -> Result<Message, String> {
    let owner = settings.owners.get(&message.user).and_then(|owner| owner.language);
    let (subject, text) = words(owner.unwrap_or(settings.language), settings, message);
    let from = mail.from.parse().map_err(|why| format!("from {:?}: {why}", mail.from))?;
    let to = to.parse().map_err(|why| format!("{to:?}: {why}"))?;
    let letter = Message::builder().from(from).to(to).subject(subject).message_id(None);
    let text = SinglePart::plain(text);
    let whole = match sound {
        Some(sound) => {
            let kind = ContentType::parse("audio/wav").map_err(|why| why.to_string())?;
            let name = message.file.rsplit('/').next().unwrap_or("message.wav").to_owned();
            letter.multipart(
                MultiPart::mixed().singlepart(text).singlepart(Attachment::new(name).body(sound, kind)),
            )
        }
        None => letter.singlepart(text),
    };
    whole.map_err(|why| why.to_string())
}

/// Subject and text, in the owner's language.
fn words(language: Language, settings: &Settings, message: &StoredMessage) -> (String, String) {
    let name: String = message.caller_name.chars().filter(|letter| !letter.is_control()).take(80).collect();
    let number: String = message.caller.chars().filter(|letter| !letter.is_control()).take(80).collect();
    let at = i64::try_from(message.at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.unwrap_or_default().to_zoned(settings.zone.clone());
    let (minutes, seconds) = (message.length_ms / 60_000, message.length_ms / 1000 % 60);
    let who = |unknown: &str| match (name.is_empty(), number.is_empty()) {
        (true, true) => unknown.to_owned(),
        (true, false) => number.clone(),
        (false, true) => name.clone(),
        (false, false) => format!("{name} ({number})"),
    };
    let listen = settings.config.extension.as_ref().map(|number| number.get_ref().as_str());
    if language == Language::French {
        let who = who("un numéro masqué");
        let urgent = if message.is_urgent { "URGENT : " } else { "" };
        let mut text = format!(
            "Bonjour,\n\n{who} vous a laissé un message le {} à {}, d'une durée de {minutes} min {seconds:02} s.\n",
            at.strftime("%d/%m/%Y"),
            at.strftime("%Hh%M")
        );
        if let Some(number) = listen {
            text.push_str(&format!("Pour écouter vos messages, composez le {number}.\n"));
        }
        (format!("{urgent}Message vocal de {who}"), text)
    } else {
        let who = who("an unknown number");
        let urgent = if message.is_urgent { "URGENT: " } else { "" };
        let mut text = format!(
            "Hello,\n\n{who} left you a message on {} at {}, {minutes} min {seconds:02} s long.\n",
            at.strftime("%-d %B %Y"),
            at.strftime("%H:%M")
        );
        if let Some(number) = listen {
            text.push_str(&format!("To listen to your messages, dial {number}.\n"));
        }
        (format!("{urgent}Voice message from {who}"), text)
    }
}

const MAIL: &str = "mail";
/// How often is looked.
const LOOK: Duration = Duration::from_secs(2);
/// E-mails of one look.
const DUE_MAX: u32 = 16;
/// How long a server may take.
const SEND_MAX: Duration = Duration::from_secs(20);
/// Then 30 s, 1 min, 2 min and so on: some two hours in all.
const TRIES_MAX: u32 = 9;
const FIRST_WAIT_MS: u64 = 30_000;
