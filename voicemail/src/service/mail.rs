//! E-mails: what a message looks like in one, and the server that takes it. When they are sent is `outbox.rs`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use prompt::Language;
use store::StoredMessage;

use super::{Settings, Shared};
use crate::config::MailConfig;

impl Shared {
    /// Sends a message to its owner, where that is still wanted.
    pub(super) async fn mail(&self, message: &StoredMessage) -> Result<(), String> {
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
        let letter = letter(&settings, mail, to, message, sound)?;
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
    let who = match (name.is_empty(), number.is_empty()) {
        (true, true) => None,
        (true, false) => Some(number.clone()),
        (false, true) => Some(name.clone()),
        (false, false) => Some(format!("{name} ({number})")),
    };
    let listen = settings.config.extension.as_ref().map(|number| number.get_ref().as_str());
    if language == Language::French {
        let of = |who: &str| if begins_with_vowel(who) { format!("d'{who}") } else { format!("de {who}") };
        let of = who.as_deref().map_or("d'un numéro masqué".into(), of);
        let who = who.as_deref().unwrap_or("Un numéro masqué");
        let urgent = if message.is_urgent { "URGENT : " } else { "" };
        let mut text = format!(
            "Bonjour,\n\n{who} vous a laissé un message le {} à {}, d'une durée de {minutes} min {seconds:02} s.\n",
            at.strftime("%d/%m/%Y"),
            at.strftime("%Hh%M")
        );
        if let Some(number) = listen {
            text.push_str(&format!("Pour écouter vos messages, composez le {number}.\n"));
        }
        (format!("{urgent}Message vocal {of}"), text)
    } else {
        let from = who.as_deref().unwrap_or("an unknown number");
        let who = who.as_deref().unwrap_or("An unknown number");
        let urgent = if message.is_urgent { "URGENT: " } else { "" };
        let mut text = format!(
            "Hello,\n\n{who} left you a message on {} at {}, {minutes} min {seconds:02} s long.\n",
            at.strftime("%-d %B %Y"),
            at.strftime("%H:%M")
        );
        if let Some(number) = listen {
            text.push_str(&format!("To listen to your messages, dial {number}.\n"));
        }
        (format!("{urgent}Voice message from {from}"), text)
    }
}

/// French elides before these.
fn begins_with_vowel(name: &str) -> bool {
    name.chars()
        .next()
        .is_some_and(|letter| letter.to_lowercase().any(|letter| "aàâeéèêëiîïoôuùûœ".contains(letter)))
}

/// How long a server may take.
const SEND_MAX: Duration = Duration::from_secs(20);
