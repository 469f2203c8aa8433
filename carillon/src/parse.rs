//! `carillon parse`: the verdict on one SIP message, and the message as JSON.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sip::message::{Limits, Message};
use sip::validate;

/// What becomes of the octets: the verdict's line, and the message where it can be represented.
pub struct Parsed {
    /// `valid`, `refused STATUS reason` or `unparseable reason`.
    pub verdict: String,
    /// The message.
    pub message: Option<Value>,
}

/// Reads a file, or standard input for `-`, and prints verdict and message.
pub fn run(file: &Path) -> Result<()> {
    let mut octets = Vec::new();
    if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut octets).context("standard input cannot be read")?;
    } else {
        octets = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    }
    let parsed = parse(&octets);
    println!("{}", parsed.verdict);
    if let Some(message) = parsed.message {
        println!("{}", serde_json::to_string_pretty(&message)?);
    }
    Ok(())
}

/// Judges one message, as a datagram would be.
pub fn parse(octets: &[u8]) -> Parsed {
    let limits = Limits::default();
    match Message::parse(octets, &limits) {
        Err(why) => Parsed { verdict: format!("unparseable {why}"), message: None },
        Ok(message) => {
            let verdict = match validate::check(&message, &limits) {
                Ok(()) => "valid".to_owned(),
                Err(refusal) => format!("refused {} {}", refusal.status, refusal.why),
            };
            Parsed { verdict, message: Some(shown(&message)) }
        }
    }
}

fn shown(message: &Message<'_>) -> Value {
    let start = match (message.method(), message.status()) {
        (Some(method), _) => json!({
            "method": method.as_str(),
            "request_uri": text(message.request_uri().unwrap_or_default()),
            "version": text(message.version()),
        }),
        (None, status) => json!({
            "version": text(message.version()),
            "status": status.map(sip::message::Status::code),
            "reason": text(message.reason().unwrap_or_default()),
        }),
    };
    let header = |field: sip::message::Field<'_>| {
        let known = field.name.as_str();
        let name = if known.is_empty() { text(field.name_text) } else { known.to_owned() };
        json!({ "name": name, "value": text(&unfolded(field.value)) })
    };
    json!({
        "start": start,
        "headers": message.fields().map(header).collect::<Vec<_>>(),
        "body": body(message.body()),
    })
}

/// Folds are one space (RFC 3261 §7.3.1).
fn unfolded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n')) {
        out.extend_from_slice(rest[..at].trim_ascii_end());
        out.push(b' ');
        rest = rest[at..].trim_ascii_start();
    }
    out.extend_from_slice(rest);
    out
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Text as it is; octets that are none as hexadecimal digits.
fn body(octets: &[u8]) -> Value {
    match str::from_utf8(octets) {
        Ok(text) => json!(text),
        Err(_) => json!({ "hex": octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_is_one_line() {
        let good = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nf: <sip:a@b>;tag=1\r\n\
            To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nX-Fold: a\r\n b\r\n\r\n";
        let parsed = parse(good.as_bytes());
        assert_eq!(parsed.verdict, "valid");
        let message = parsed.message.expect("a message");
        assert_eq!(message["headers"][2], json!({"name": "From", "value": "<sip:a@b>;tag=1"}));
        assert_eq!(message["headers"][6]["value"], "a b");
        assert!(parse(good.replace("1 OPTIONS", "1 BYE").as_bytes()).verdict.starts_with("refused 400 "));
        assert!(parse(b"hello").verdict.starts_with("unparseable "));
    }
}
