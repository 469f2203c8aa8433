//! What the administrator's web address is told of a message: the body, and the signature by which it is known as ours.
//!
//! Both follow Standard Webhooks 1.0.0, for which there are libraries in most languages: `webhook-id` is the same in each
//! try, `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{MailboxCounts, StoredMessage};

/// What is told, as JSON; `counts` are those of the mailbox now.
pub(crate) fn body(message: &StoredMessage, counts: MailboxCounts) -> String {
    let at = i64::try_from(message.at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.unwrap_or_default().to_string();
    json!({
        "type": "voicemail.message",
        "timestamp": at,
        "data": {
            "mailbox": message.user,
            "caller": message.caller,
            "caller_name": message.caller_name,
            "length_ms": message.length_ms,
            "urgent": message.is_urgent,
            "file": message.file,
            "counts": {
                "new": counts.new,
                "old": counts.old,
                "new_urgent": counts.new_urgent,
                "old_urgent": counts.old_urgent,
            },
        },
    })
    .to_string()
}

/// What names the telling of a message: always the same, so that one told twice after a crash is known.
pub(crate) fn id(file: &str) -> String {
    let digest = Sha256::digest(file);
    let hex: String = digest.iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    format!("{ID}{hex}")
}

/// The value of `webhook-signature`; `at_s` is that of `webhook-timestamp`, seconds of Unix time.
pub(crate) fn signature(key: &[u8], id: &str, at_s: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{at_s}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The key of a secret: what `whsec_` stands before in base64, or else its text.
///
/// # Errors
/// What is wrong with it, as a sentence for people.
pub(crate) fn key(secret: &str) -> Result<Vec<u8>, String> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| "webhook.secret: what follows whsec_ is no base64".to_owned())?,
        None => secret.as_bytes().to_vec(),
    };
    if key.len() < KEY_OCTETS_MIN {
        return Err(format!(
            "webhook.secret: {KEY_OCTETS_MIN} octets at least, or it is guessed; `openssl rand -base64 32` makes one"
        ));
    }
    Ok(key)
}

/// What ids begin with.
pub(crate) const ID: &str = "msg_";
const KEY_OCTETS_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        // The example of the libraries of Standard Webhooks.
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn secrets_that_protect_nothing_are_not_taken() {
        for (secret, is_good) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true),
            ("whsec_MfKQ9r8G", false),
            ("whsec_not base64 at all, is it", false),
            ("a sentence of our own", true),
            ("short", false),
            ("", false),
        ] {
            assert_eq!(key(secret).is_ok(), is_good, "{secret}");
        }
    }

    #[test]
    fn a_message_is_told_with_who_when_and_how_much() {
        let message = StoredMessage {
            file: "voicemail/6002/r.1-1.wav".into(),
            user: "bob".into(),
            caller: "0123456789".into(),
            caller_name: "Zo\u{eb} \"Z\"".into(),
            at_ms: 1_794_781_800_000,
            length_ms: 4000,
            is_urgent: true,
            is_new: true,
        };
        let counts = MailboxCounts { new: 2, old: 1, new_urgent: 1, old_urgent: 0 };
        let told: serde_json::Value = serde_json::from_str(&body(&message, counts)).expect("JSON");
        assert_eq!(told["timestamp"], "2026-11-15T22:30:00Z");
        let told = &told["data"];
        assert_eq!((&told["mailbox"], &told["caller"]), (&json!("bob"), &json!("0123456789")));
        assert_eq!((&told["length_ms"], &told["urgent"]), (&json!(4000), &json!(true)));
        assert_eq!((&told["caller_name"], &told["counts"]["new"]), (&json!("Zo\u{eb} \"Z\""), &json!(2)));
        assert_eq!(id(&message.file), id("voicemail/6002/r.1-1.wav"));
        assert_ne!(id(&message.file), id("voicemail/6002/r.1-2.wav"));
    }
}
