//! Which messages that can be represented are refused, and what their senders are answered. A response that is
//! refused here is dropped and counted; so is an ACK, since nothing answers an ACK (RFC 3261 §17.1.1.3).

use crate::header::{CallId, ContactValue, HeaderError, Via};
use crate::message::{Limits, Message, Method, Name, Refusal};
use crate::uri::{Uri, UriError};

/// Judges a message (RFC 3261 §8.2, §16.3). Only what every element must understand is looked at: other headers
/// are judged where they are used.
pub fn check(message: &Message<'_>, limits: &Limits) -> Result<(), Refusal> {
    // RFC 3261 §25.1: CR stands before LF alone, even in quotes.
    if message.has_lone_returns() {
        return Err(Refusal::of(400, "CR Without LF"));
    }
    // RFC 3261 §7.1: the version is compared without regard to case.
    if message.version().ends_with(b" ") {
        return Err(Refusal::of(400, "Spaces Behind The Request Line"));
    }
    if !message.version().eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(Refusal::of(505, "Version Not Supported"));
    }
    if let Some(uri) = message.request_uri() {
        if uri.len() > limits.uri_bytes_max {
            return Err(Refusal::of(414, "Request-URI Too Long"));
        }
        check_uri(message.uri())?;
    }
    for (name, missing, repeated) in ONCE {
        match message.count(name) {
            1 => {}
            0 => return Err(Refusal::of(400, missing)),
            _ => return Err(Refusal::of(400, repeated)),
        }
    }
    let mut vias = message.elements(Name::Via);
    if vias.next().is_none() {
        return Err(Refusal::of(400, "Missing Via"));
    }
    message.via().map_err(bad("Bad Via"))?;
    for element in vias {
        Via::parse(element).map_err(bad("Bad Via"))?;
    }
    CallId::parse(message.call_id()).map_err(bad("Bad Call-ID"))?;
    message.from_uri().map_err(bad("Bad From"))?;
    message.to_uri().map_err(bad("Bad To"))?;
    let cseq = message.cseq().map_err(bad("Bad CSeq"))?;
    // RFC 3261 §8.1.1.5: the method of CSeq is that of the request.
    if message.method().is_some_and(|method| method != cseq.method) {
        return Err(Refusal::of(400, "CSeq Method Does Not Match"));
    }
    if message.count(Name::MaxForwards) > 1 {
        return Err(Refusal::of(400, "Repeated Max-Forwards"));
    }
    message.max_forwards().map_err(bad("Bad Max-Forwards"))?;
    // RFC 3261 §10.3: the contacts of a REGISTER are read by the registrar, all or none; elsewhere they are the peer's.
    if message.method() == Some(Method::Register) {
        for element in message.elements(Name::Contact) {
            ContactValue::parse(element).and_then(uri_of).map_err(bad("Bad Contact"))?;
        }
    }
    check_body(message, limits)
}

fn check_uri(uri: Result<Uri<'_>, UriError>) -> Result<(), Refusal> {
    match uri {
        // RFC 3261 §19.1.1: a Request-URI holds no headers.
        Ok(Uri::Sip(uri)) if !uri.headers.is_empty() => Err(Refusal::of(400, "Headers In Request-URI")),
        Ok(Uri::Sip(_) | Uri::Tel(_)) => Ok(()),
        // RFC 3261 §16.3 step 2.
        Ok(Uri::Other { .. }) => Err(Refusal::of(416, "Unsupported URI Scheme")),
        Err(_) => Err(Refusal::of(400, "Bad Request-URI")),
    }
}

fn check_body(message: &Message<'_>, limits: &Limits) -> Result<(), Refusal> {
    match message.content_length() {
        Some(Err(_)) => return Err(Refusal::of(400, "Bad Content-Length")),
        // RFC 3261 §18.3: a datagram that ends before its body is an error.
        Some(Ok(length)) if length as usize > message.octets_behind_head() => {
            return Err(Refusal::of(400, "Body Shorter Than Content-Length"));
        }
        Some(Ok(_)) | None => {}
    }
    if message.body().len() > limits.body_bytes_max {
        return Err(Refusal::of(513, "Message Too Large"));
    }
    Ok(())
}

fn uri_of(contact: ContactValue<'_>) -> Result<(), HeaderError> {
    match contact {
        ContactValue::Star => Ok(()),
        ContactValue::Contact(contact) => contact.uri().map(drop),
    }
}

fn bad(why: &'static str) -> impl Fn(HeaderError) -> Refusal {
    move |_| Refusal::of(400, why)
}

/// Headers of which there is exactly one (RFC 3261 §8.1.1, §7.3.1).
const ONCE: [(Name, &str, &str); 4] = [
    (Name::From, "Missing From", "Repeated From"),
    (Name::To, "Missing To", "Repeated To"),
    (Name::CallId, "Missing Call-ID", "Repeated Call-ID"),
    (Name::CSeq, "Missing CSeq", "Repeated CSeq"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "INVITE sip:bob@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: <sip:a@a>;tag=1\r\nTo: <sip:bob@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nbody";

    fn verdict(text: &str, limits: &Limits) -> String {
        let message = Message::parse(text.as_bytes(), limits).expect("it can be represented");
        check(&message, limits).map_or_else(|refusal| refusal.to_string(), |()| "valid".to_owned())
    }

    #[test]
    fn each_mistake_has_its_status_and_its_words() {
        let limits = Limits { uri_bytes_max: 40, body_bytes_max: 10, ..Limits::default() };
        let long = format!("sip:{}@b", "x".repeat(40));
        for (from, to, said) in [
            ("", "", "valid"),
            ("SIP/2.0\r\nVia", "sip/2.0\r\nVia", "valid"),
            ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", "505 Version Not Supported"),
            ("sip:bob@b SIP", "sip:bob@b?Subject=x SIP", "400 Headers In Request-URI"),
            ("sip:bob@b SIP", "sip:bob@b  SIP", "400 Bad Request-URI"),
            ("SIP/2.0\r\nVia", "SIP/2.0  \r\nVia", "400 Spaces Behind The Request Line"),
            ("sip:bob@b SIP", "<sip:bob@b> SIP", "400 Bad Request-URI"),
            ("sip:bob@b SIP", "soap:bob SIP", "416 Unsupported URI Scheme"),
            ("sip:bob@b SIP", "tel:+33123 SIP", "valid"),
            ("sip:bob@b SIP", &format!("{long} SIP"), "414 Request-URI Too Long"),
            (
                "Max-Forwards: 70\r\n",
                "Subject: x\rP-Asserted-Identity: <sip:boss@b>\r\n",
                "400 CR Without LF",
            ),
            ("Max-Forwards: 70\r\n", "Subject: x\r\r\n", "400 CR Without LF"),
            ("From: <sip:a@a>;tag=1\r\n", "", "400 Missing From"),
            ("To: <sip:bob@b>\r\n", "To: <sip:bob@b>\r\nt: <sip:bob@b>\r\n", "400 Repeated To"),
            ("To: <sip:bob@b>", "To: \"bob <sip:bob@b>", "400 Bad To"),
            ("Call-ID: 1\r\n", "", "400 Missing Call-ID"),
            ("Call-ID: 1\r\n", "Call-ID:\r\n", "400 Bad Call-ID"),
            ("CSeq: 1 INVITE", "CSeq: 1 BYE", "400 CSeq Method Does Not Match"),
            ("CSeq: 1 INVITE", "CSeq: 9999999999 INVITE", "400 Bad CSeq"),
            ("Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n", "", "400 Missing Via"),
            ("Via: SIP/2.0/UDP a", "Via: SIP/2.0", "400 Bad Via"),
            ("Max-Forwards: 70", "Max-Forwards: 256", "400 Bad Max-Forwards"),
            ("Max-Forwards: 70\r\n", "", "valid"),
            ("Content-Length: 4", "Content-Length: 5", "400 Body Shorter Than Content-Length"),
            ("Content-Length: 4", "Content-Length: -4", "400 Bad Content-Length"),
            ("Content-Length: 4", "l: 4\r\nContent-Length: 3", "400 Bad Content-Length"),
            ("Content-Length: 4", "Content-Length: 2", "valid"),
            ("Content-Length: 4\r\n\r\nbody", "\r\nmuch longer", "513 Message Too Large"),
        ] {
            assert_eq!(verdict(&GOOD.replacen(from, to, 1), &limits), said, "{from:?} -> {to:?}");
        }
    }
}
