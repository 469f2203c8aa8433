//! `application/simple-message-summary` (RFC 3842 §5): how many messages wait.

use std::fmt::Write;

use proto::Waiting;

/// Appends the body for the mailbox of somebody whose own address is `own`, `sip:6002@example.org`.
pub(crate) fn write(waiting: Option<&Waiting>, own: &str, out: &mut String) {
    let none = Waiting::default();
    let waiting = waiting.unwrap_or(&none);
    let Waiting { new, old, urgent_new, urgent_old, account } = waiting;
    let waits = if *new > 0 { "yes" } else { "no" };
    // Writing into memory does not fail.
    let _ = write!(out, "Messages-Waiting: {waits}\r\nMessage-Account: ");
    let is_safe = account.bytes().all(|octet| octet.is_ascii_graphic());
    let host = own.split_once('@').map(|(_, host)| host);
    let _ = match (account.as_str(), host) {
        ("", _) => write!(out, "{own}"),
        _ if !is_safe => write!(out, "{own}"),
        (uri, _) if uri.contains(':') => write!(out, "{uri}"),
        (number, Some(host)) => write!(out, "sip:{number}@{host}"),
        (_, None) => write!(out, "{own}"),
    };
    let _ = write!(out, "\r\nVoice-Message: {new}/{old} ({urgent_new}/{urgent_old})\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_those_of_the_standard() {
        let body = |waiting: Option<Waiting>| {
            let mut out = String::new();
            write(waiting.as_ref(), "sip:6002@192.0.2.1:5060", &mut out);
            out
        };
        let own = "Message-Account: sip:6002@192.0.2.1:5060\r\n";
        let nothing = format!("Messages-Waiting: no\r\n{own}Voice-Message: 0/0 (0/0)\r\n");
        assert_eq!(body(None), nothing);
        for (account, line) in [
            ("", own),
            ("6099", "Message-Account: sip:6099@192.0.2.1:5060\r\n"),
            ("sip:box@example.net", "Message-Account: sip:box@example.net\r\n"),
            ("6099\r\nX: y", own),
        ] {
            let waiting = Waiting { new: 2, old: 8, urgent_new: 0, urgent_old: 2, account: account.into() };
            let expected = format!("Messages-Waiting: yes\r\n{line}Voice-Message: 2/8 (0/2)\r\n");
            assert_eq!(body(Some(waiting)), expected);
        }
    }
}
