//! What the layer reads of a message: the top Via, the tags and the CSeq. Nothing is judged here; the validator
//! has been there before.

use crate::message::{Message, Method, Name};

/// The first element of the first Via line (RFC 3261 §20.42).
#[derive(Debug, Clone, Copy)]
pub(super) struct Top<'a> {
    /// The element as it stands.
    pub(super) element: &'a [u8],
    /// The protocol, `UDP` for one.
    pub(super) transport: &'a [u8],
    /// The host of the sent-by, without brackets.
    pub(super) host: &'a [u8],
    pub(super) port: Option<u16>,
    params: &'a [u8],
}

impl<'a> Top<'a> {
    pub(super) fn of(message: &Message<'a>) -> Option<Self> {
        let element = message.elements(Name::Via).next()?;
        let mut parts = parts(element);
        let sent = parts.next()?;
        // sent-protocol is three words with slashes between, the last one the transport; then white space.
        let slash = sent.iter().rposition(|octet| *octet == b'/')?;
        let rest = sent[slash + 1..].trim_ascii_start();
        let space = rest.iter().position(u8::is_ascii_whitespace)?;
        let (transport, sent_by) = (&rest[..space], rest[space..].trim_ascii());
        let (host, port) = match sent_by {
            [b'[', inner @ ..] => {
                let end = inner.iter().position(|octet| *octet == b']')?;
                (&inner[..end], &inner[end + 1..])
            }
            _ => {
                let end = sent_by.iter().position(|octet| *octet == b':').unwrap_or(sent_by.len());
                (sent_by[..end].trim_ascii(), &sent_by[end..])
            }
        };
        let port = port.trim_ascii().strip_prefix(b":").and_then(|port| number(port.trim_ascii()));
        let params = element.get(sent.len() + 1..).unwrap_or_default();
        Some(Self { element, transport, host, port: port.and_then(|port| u16::try_from(port).ok()), params })
    }

    pub(super) fn branch(&self) -> Option<&'a [u8]> {
        self.param(b"branch").filter(|branch| !branch.is_empty())
    }

    /// The value of a parameter, empty for one without.
    pub(super) fn param(&self, wanted: &[u8]) -> Option<&'a [u8]> {
        parts(self.params).find_map(|part| {
            let (name, value) = name_and_value(part);
            name.eq_ignore_ascii_case(wanted).then_some(value)
        })
    }
}

/// The tag of From or To, if any: a parameter behind the address (RFC 3261 §20.20).
pub(super) fn tag<'a>(message: &Message<'a>, name: Name) -> Option<&'a [u8]> {
    let value = message.first(name)?;
    let params = match value.iter().rposition(|octet| *octet == b'>') {
        Some(end) => &value[end + 1..],
        None => &value[value.iter().position(|octet| *octet == b';')?..],
    };
    parts(params).find_map(|part| {
        let (name, value) = name_and_value(part);
        name.eq_ignore_ascii_case(b"tag").then_some(value)
    })
}

/// The number and the method of CSeq.
pub(super) fn cseq<'a>(message: &Message<'a>) -> Option<(u32, Method<'a>)> {
    let value = message.first(Name::CSeq)?;
    let space = value.iter().position(u8::is_ascii_whitespace)?;
    Some((number(&value[..space])?, Method::parse(value[space..].trim_ascii())?))
}

pub(super) fn name_and_value(part: &[u8]) -> (&[u8], &[u8]) {
    match part.iter().position(|octet| *octet == b'=') {
        Some(equals) => (part[..equals].trim_ascii(), part[equals + 1..].trim_ascii()),
        None => (part.trim_ascii(), b""),
    }
}

/// The parts of a value between its semicolons, those in quoted strings left alone.
pub(super) fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |octet| {
        if quoted {
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            return false;
        }
        quoted = *octet == b'"';
        *octet == b';'
    })
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, octet| {
        let digit = octet.is_ascii_digit().then(|| u32::from(octet - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
