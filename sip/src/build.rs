//! Requests and responses of our own: what RFC 3261 §8.2.6, §17.1.1.3 and §9.1 copy from another message.

use crate::message::{Message, Method, Name, Status};
use crate::scan::Elements;
use crate::text;

/// What a response says beside the headers that every response copies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extra<'x> {
    /// The reason phrase; the standard one without it.
    pub reason: Option<&'x str>,
    /// The To-tag, where the request has none yet (RFC 3261 §8.2.6.2). A 100 gets none.
    pub to_tag: Option<&'x str>,
    /// The Via of the request, first line's first element, with `received` and `rport` filled in (RFC 3581 §4).
    pub top_via: Option<&'x [u8]>,
    /// Copy Record-Route, as a response that makes a dialog must (RFC 3261 §12.1.1).
    pub record_route: bool,
    /// More header lines.
    pub headers: &'x [(&'x str, &'x [u8])],
    /// The body and its type.
    pub body: Option<(&'x str, &'x [u8])>,
}

/// Writes the response to `request` (RFC 3261 §8.2.6): all Vias, From, To, Call-ID and CSeq copied, Timestamp too
/// in a 100.
pub fn response(request: &Message<'_>, status: Status, extra: &Extra<'_>, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(text::decimal(u64::from(status.code()), &mut digits));
    out.push(b' ');
    out.extend_from_slice(extra.reason.unwrap_or(status.default_reason()).as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut top_via = extra.top_via;
    for field in request.fields() {
        match field.name {
            Name::Via => match (top_via, Elements::first(field.value)) {
                // An empty line or element before the first Via is not the first Via.
                (Some(_), None) => {}
                (Some(via), Some(first)) => {
                    top_via = None;
                    out.extend_from_slice(b"Via: ");
                    out.extend_from_slice(via);
                    text::lines(&field.value[first.end..], out);
                    out.extend_from_slice(b"\r\n");
                }
                (None, _) => header(out, "Via", field.value),
            },
            Name::From => header(out, "From", field.value),
            Name::To => {
                out.extend_from_slice(b"To: ");
                text::lines(field.value, out);
                if let Some(tag) = extra.to_tag.filter(|_| status.code() != 100 && !has_tag(field.value)) {
                    out.extend_from_slice(b";tag=");
                    out.extend_from_slice(tag.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
            }
            Name::CallId => header(out, "Call-ID", field.value),
            Name::CSeq => header(out, "CSeq", field.value),
            Name::Timestamp if status.code() == 100 => header(out, "Timestamp", field.value),
            Name::RecordRoute if extra.record_route => header(out, "Record-Route", field.value),
            _ => {}
        }
    }
    for (name, value) in extra.headers {
        header(out, name, value);
    }
    end(out, extra.body);
}

/// Writes the ACK to a final response other than 2xx (RFC 3261 §17.1.1.3): the INVITE's Request-URI, From, Call-ID,
/// CSeq number, top Via and Route, and the response's To.
pub fn ack(invite: &Message<'_>, response: &Message<'_>, out: &mut Vec<u8>) {
    hop_by_hop(invite, Method::Ack, response.first(Name::To), &[], out);
}

/// Writes the CANCEL of a request (RFC 3261 §9.1): as [`ack`], with the request's own To, and with `headers`
/// such as Reason (RFC 3326 §2).
pub fn cancel(request: &Message<'_>, headers: &[(&str, &[u8])], out: &mut Vec<u8>) {
    hop_by_hop(request, Method::Cancel, request.first(Name::To), headers, out);
}

fn hop_by_hop(
    request: &Message<'_>,
    method: Method<'_>,
    to: Option<&[u8]>,
    headers: &[(&str, &[u8])],
    out: &mut Vec<u8>,
) {
    start_line(out, method, request.request_uri().unwrap_or_default());
    if let Some(via) = request.elements(Name::Via).next() {
        header(out, "Via", via);
    }
    for route in request.lines(Name::Route) {
        header(out, "Route", route);
    }
    header(out, "From", request.first(Name::From).unwrap_or_default());
    header(out, "To", to.unwrap_or_default());
    header(out, "Call-ID", request.first(Name::CallId).unwrap_or_default());
    let number = request.first(Name::CSeq).unwrap_or_default();
    let number = number.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    out.extend_from_slice(b"CSeq: ");
    out.extend_from_slice(number);
    out.push(b' ');
    out.extend_from_slice(method.as_str().as_bytes());
    out.extend_from_slice(b"\r\nMax-Forwards: 70\r\n");
    for (name, value) in headers {
        header(out, name, value);
    }
    end(out, None);
}

/// A request of our own, written line by line: OPTIONS to a trunk, NOTIFY to a phone.
#[derive(Debug)]
pub struct Request<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Request<'o> {
    /// Begins with the request line. The caller adds what RFC 3261 §8.1.1 demands: Via, Max-Forwards, From, To,
    /// Call-ID and CSeq.
    pub fn begin(method: Method<'_>, uri: &[u8], out: &'o mut Vec<u8>) -> Self {
        start_line(out, method, uri);
        Self { out }
    }

    /// One header line.
    pub fn header(self, name: &str, value: &[u8]) -> Self {
        header(self.out, name, value);
        self
    }

    /// Ends the head, with a body and its type or without.
    pub fn end(self, body: Option<(&str, &[u8])>) {
        end(self.out, body);
    }
}

fn start_line(out: &mut Vec<u8>, method: Method<'_>, uri: &[u8]) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(uri);
    out.extend_from_slice(b" SIP/2.0\r\n");
}

fn header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    text::lines(value, out);
    out.extend_from_slice(b"\r\n");
}

fn end(out: &mut Vec<u8>, body: Option<(&str, &[u8])>) {
    let (kind, body) = body.unwrap_or_default();
    if !body.is_empty() {
        header(out, "Content-Type", kind.as_bytes());
    }
    let mut digits = [0; 20];
    header(out, "Content-Length", text::decimal(body.len() as u64, &mut digits));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// True when a From or To value has a tag of its own: behind the angle bracket where there is one.
fn has_tag(value: &[u8]) -> bool {
    let mut quoted = false;
    let mut params = value;
    for (at, octet) in value.iter().enumerate() {
        match octet {
            b'"' if at == 0 || value[at - 1] != b'\\' => quoted = !quoted,
            b'>' if !quoted => params = &value[at..],
            _ => {}
        }
    }
    params.split(|octet| *octet == b';').skip(1).any(|param| {
        let name = param.split(|octet| *octet == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"tag")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Limits;

    const INVITE: &str = "INVITE sip:bob@b SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1, SIP/2.0/UDP a;branch=z9hG4bK0\r\n\
        v: SIP/2.0/UDP z\r\nRecord-Route: <sip:p;lr>\r\nRoute: <sip:q;lr>\r\nf: \"a;tag=no\" <sip:a@a>;tag=1\r\n\
        t: <sip:bob@b;tag=no>\r\ni: id\r\nCSeq: 7 INVITE\r\nTimestamp: 1\r\n\r\n";

    fn message(text: &str) -> Message<'_> {
        Message::parse(text.as_bytes(), &Limits::default()).expect("a message")
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_response_copies_what_the_request_says() {
        let via = Some(&b"SIP/2.0/UDP us;branch=z9hG4bK1;received=1.2.3.4"[..]);
        let extra = Extra { to_tag: Some("t"), top_via: via, record_route: true, ..Extra::default() };
        assert_eq!(
            written(|out| response(&message(INVITE), Status::of(486), &extra, out)),
            "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1;received=1.2.3.4, SIP/2.0/UDP a;branch=z9hG4bK0\r\n\
             Via: SIP/2.0/UDP z\r\nRecord-Route: <sip:p;lr>\r\nFrom: \"a;tag=no\" <sip:a@a>;tag=1\r\n\
             To: <sip:bob@b;tag=no>;tag=t\r\nCall-ID: id\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let trying = written(|out| response(&message(INVITE), Status::of(100), &extra, out));
        assert!(
            trying.contains("To: <sip:bob@b;tag=no>\r\n") && trying.contains("Timestamp: 1\r\n"),
            "{trying}"
        );
    }

    #[test]
    fn folds_that_end_with_lf_alone_leave_with_crlf() {
        let folded = INVITE.replace("\r\n", "\n").replace(", SIP", ",\n SIP").replace("t: <", "t: b\n\t<");
        let text = written(|out| response(&message(&folded), Status::of(486), &Extra::default(), out));
        assert!(text.contains(",\r\n SIP") && text.contains("To: b\r\n\t<"), "{text}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text}");
    }

    #[test]
    fn an_empty_via_is_not_the_first_one() {
        let odd = INVITE.replacen("Via: SIP", "Via:\r\nVia: , SIP", 1);
        let extra =
            Extra { top_via: Some(b"SIP/2.0/UDP us;branch=z9hG4bK1;received=1.2.3.4"), ..Extra::default() };
        let text = written(|out| response(&message(&odd), Status::of(486), &extra, out));
        assert!(
            text.contains("Here\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1;received=1.2.3.4, SIP/2.0/UDP a;"),
            "{text}"
        );
    }

    #[test]
    fn an_ack_and_a_cancel_have_the_invites_own_top_via_alone() {
        let answer = message("SIP/2.0 486 Busy\r\nTo: <sip:bob@b>;tag=9\r\n\r\n");
        assert_eq!(
            written(|out| ack(&message(INVITE), &answer, out)),
            "ACK sip:bob@b SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1\r\nRoute: <sip:q;lr>\r\n\
             From: \"a;tag=no\" <sip:a@a>;tag=1\r\nTo: <sip:bob@b>;tag=9\r\nCall-ID: id\r\nCSeq: 7 ACK\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let text = written(|out| cancel(&message(INVITE), &[("Reason", b"SIP;cause=200")], out));
        assert!(
            text.starts_with("CANCEL sip:bob@b SIP/2.0\r\n")
                && text.contains("\r\nReason: SIP;cause=200\r\n"),
            "{text}"
        );
        assert!(text.contains("CSeq: 7 CANCEL\r\n") && text.contains("To: <sip:bob@b;tag=no>\r\n"), "{text}");
    }

    #[test]
    fn a_tag_counts_only_where_it_is_the_headers_own() {
        for (value, has) in [
            ("<sip:a@b>", false),
            ("<sip:a@b>;tag=1", true),
            ("<sip:a@b;tag=1>", false),
            ("sip:a@b;tag=1", true),
            ("sip:a@b ; Tag = 1", true),
            ("\"x>;tag=1\" <sip:a@b>", false),
            ("<sip:a@b>;tags=1", false),
        ] {
            assert_eq!(has_tag(value.as_bytes()), has, "{value}");
        }
    }
}
