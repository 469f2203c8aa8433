//! Event packages that are the exchange's own (RFC 6665): those that [`super::notifier`] does not take are refused,
//! never forked to the subscriber's own phone.

use sip::message::{Message, Method, Name};

/// The packages.
const OWN: [&[u8]; 4] = [b"message-summary", b"dialog", b"presence", b"reg"];

/// True for a SUBSCRIBE or PUBLISH outside a dialog whose package is ours.
pub(crate) fn is_own_package(method: Method<'_>, message: &Message<'_>) -> bool {
    if !matches!(method, Method::Subscribe | Method::Publish) {
        return false;
    }
    let event = message.first(Name::Event).unwrap_or_default();
    let package = event.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
    // RFC 6665 §8.2.1: a template (`presence.winfo`) is a package of its own; it belongs to whose it is of.
    let base = package.split(|octet| *octet == b'.').next().unwrap_or_default();
    OWN.iter().any(|own| own.eq_ignore_ascii_case(base))
}

#[cfg(test)]
mod tests {
    use sip::message::Limits;

    use super::*;

    #[test]
    fn own_packages_are_known_in_any_writing() {
        for (method, event, own) in [
            ("SUBSCRIBE", "Event: message-summary", true),
            ("SUBSCRIBE", "o: Dialog;id=7", true),
            ("PUBLISH", "Event: presence", true),
            ("SUBSCRIBE", "Event: presence.winfo", true),
            ("SUBSCRIBE", "Event: refer;id=7", false),
            ("NOTIFY", "Event: dialog", false),
            ("SUBSCRIBE", "X-Odd: dialog", false),
        ] {
            let text = format!("{method} sip:a@b SIP/2.0\r\n{event}\r\n\r\n");
            let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(is_own_package(message.method().unwrap(), &message), own, "{method} {event}");
        }
    }
}
