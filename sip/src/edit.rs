//! Forwarding is one copy with edits (RFC 3261 §16.6): what is not named here is carried octet for octet.

use smallvec::SmallVec;

use crate::message::{Message, Name};
use crate::scan::Elements;
use crate::text;

/// The edits of one copy. Nothing is written before [`Edit::write`].
#[derive(Debug)]
pub struct Edit<'m, 'a> {
    message: &'m Message<'a>,
    request_uri: Option<&'m [u8]>,
    front: SmallVec<[(Name, &'m [u8]); 4]>,
    pop: SmallVec<[(Name, usize); 2]>,
    set: SmallVec<[(Name, &'m [u8]); 2]>,
    remove: SmallVec<[Name; 4]>,
    append: SmallVec<[(&'m str, &'m [u8]); 2]>,
    body: Option<(&'m str, &'m [u8])>,
}

impl<'m, 'a> Edit<'m, 'a> {
    /// A copy without edits.
    pub fn new(message: &'m Message<'a>) -> Self {
        Self {
            message,
            request_uri: None,
            front: SmallVec::new(),
            pop: SmallVec::new(),
            set: SmallVec::new(),
            remove: SmallVec::new(),
            append: SmallVec::new(),
            body: None,
        }
    }

    /// Another Request-URI (RFC 3261 §16.6 step 2). Without effect on a response.
    pub fn request_uri(mut self, uri: &'m [u8]) -> Self {
        self.request_uri = Some(uri);
        self
    }

    /// A new first line of that name, as Via, Record-Route, Route and Path need. Of several, the last one pushed
    /// comes first.
    pub fn push_front(mut self, name: Name, value: &'m [u8]) -> Self {
        self.front.push((name, value));
        self
    }

    /// Takes away the first element of a list header: the rest of its line stays.
    pub fn pop(mut self, name: Name) -> Self {
        match self.pop.iter_mut().find(|(popped, _)| *popped == name) {
            Some((_, count)) => *count += 1,
            None => self.pop.push((name, 1)),
        }
        self
    }

    /// One line with this value in the place of all lines of that name, or behind the last header.
    pub fn set(mut self, name: Name, value: &'m [u8]) -> Self {
        self.set.retain(|(set, _)| *set != name);
        self.set.push((name, value));
        self
    }

    /// Takes away all lines of that name.
    pub fn remove(mut self, name: Name) -> Self {
        self.remove.push(name);
        self
    }

    /// One more line behind the last header.
    pub fn append(mut self, name: &'m str, value: &'m [u8]) -> Self {
        self.append.push((name, value));
        self
    }

    /// Another body, with its type; Content-Length follows.
    pub fn body(mut self, content_type: &'m str, octets: &'m [u8]) -> Self {
        self.body = Some((content_type, octets));
        self
    }

    /// Writes the copy behind what stands in `out`.
    pub fn write(self, out: &mut Vec<u8>) {
        let message = self.message;
        out.reserve(message.octets().len() + 512);
        self.write_start_line(out);
        for (name, value) in self.front.iter().rev() {
            line(out, name.as_str(), value);
        }
        // Runs of lines without an edit are copied at once.
        let octets = message.octets();
        let (mut copied, mut done, mut pops) = (message.fields_start(), 0_u64, self.pop.clone());
        for field in message.fields() {
            if !self.touches(field.name, &pops) {
                continue;
            }
            self.copy(&octets[copied..field.start], out);
            copied = field.end;
            if let Some((_, count)) = pops.iter_mut().find(|(name, count)| *name == field.name && *count > 0)
            {
                let rest = after_elements(field.value, count);
                if !rest.is_empty() {
                    line(out, field.name.as_str(), rest);
                }
            } else if let Some(place) = self.set.iter().position(|(name, _)| *name == field.name)
                && done >> place & 1 == 0
            {
                line(out, field.name.as_str(), self.set[place].1);
                done |= 1 << place;
            }
        }
        self.copy(&octets[copied..message.fields_end()], out);
        for (place, (name, value)) in self.set.iter().enumerate() {
            if done >> place & 1 == 0 {
                line(out, name.as_str(), value);
            }
        }
        for (name, value) in &self.append {
            line(out, name, value);
        }
        let body = if let Some((content_type, body)) = self.body {
            if !body.is_empty() {
                line(out, "Content-Type", content_type.as_bytes());
            }
            content_length(out, body.len());
            body
        } else {
            // RFC 3261 §18.3: a stream needs the length that a datagram may leave out.
            if message.count(Name::ContentLength) == 0 {
                content_length(out, message.body().len());
            }
            message.body()
        };
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
    }

    fn write_start_line(&self, out: &mut Vec<u8>) {
        let message = self.message;
        if let (Some(method), Some(uri)) = (message.method(), self.request_uri) {
            out.extend_from_slice(method.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(uri);
            out.extend_from_slice(b" SIP/2.0\r\n");
        } else {
            out.extend_from_slice(message.start_line());
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Header lines are carried as they came, but with CRLF where LF stood alone.
    fn copy(&self, octets: &[u8], out: &mut Vec<u8>) {
        if self.message.has_lone_feeds() {
            text::lines(octets, out);
        } else {
            out.extend_from_slice(octets);
        }
    }

    fn touches(&self, name: Name, pops: &[(Name, usize)]) -> bool {
        if name == Name::Other {
            return false;
        }
        let body = self.body.is_some()
            && matches!(name, Name::ContentType | Name::ContentLength | Name::ContentEncoding);
        body || self.remove.contains(&name)
            || self.set.iter().any(|(set, _)| *set == name)
            || pops.iter().any(|(popped, count)| *popped == name && *count > 0)
    }
}

/// What remains of a list line when up to `count` elements are gone; `count` falls by those that were.
fn after_elements<'a>(value: &'a [u8], count: &mut usize) -> &'a [u8] {
    let mut rest = value.trim_ascii();
    while *count > 0 && !rest.is_empty() {
        let end = Elements::first_end(rest).min(rest.len());
        *count -= usize::from(!rest[..end].trim_ascii().is_empty());
        rest = rest.get(end + 1..).unwrap_or_default().trim_ascii();
    }
    rest
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    text::lines(value, out);
    out.extend_from_slice(b"\r\n");
}

fn content_length(out: &mut Vec<u8>, length: usize) {
    let mut digits = [0; 20];
    line(out, "Content-Length", text::decimal(length as u64, &mut digits));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Limits;

    const INVITE: &str = "INVITE sip:bob@b SIP/2.0\r\nv: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2\r\n\
        Route: <sip:p;lr>,\r\n <sip:q;lr>\r\nRoute: <sip:r;lr>\r\nMax-Forwards: 70\r\nX-Odd:  kept \r\n\
        Content-Length: 4\r\n\r\nbody";

    fn edited(edit: impl for<'m> FnOnce(Edit<'m, '_>) -> Edit<'m, 'm>) -> String {
        let message = Message::parse(INVITE.as_bytes(), &Limits::default()).expect("a message");
        let mut out = Vec::new();
        edit_of(&message, edit).write(&mut out);
        String::from_utf8(out).expect("text")
    }

    fn edit_of<'m>(
        message: &'m Message<'m>,
        edit: impl FnOnce(Edit<'m, 'm>) -> Edit<'m, 'm>,
    ) -> Edit<'m, 'm> {
        edit(Edit::new(message))
    }

    #[test]
    fn a_copy_without_edits_is_the_message() {
        assert_eq!(edited(|edit| edit), INVITE);
    }

    #[test]
    fn each_edit_changes_its_lines_alone() {
        let forwarded = edited(|edit| {
            edit.request_uri(b"sip:bob@phone")
                .push_front(Name::RecordRoute, b"<sip:us;lr>")
                .push_front(Name::Via, b"SIP/2.0/UDP us;branch=0")
                .pop(Name::Route)
                .set(Name::MaxForwards, b"69")
                .append("X-More", b"yes")
        });
        let wanted = "INVITE sip:bob@phone SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=0\r\nRecord-Route: <sip:us;lr>\r\n\
            v: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2\r\nRoute: <sip:q;lr>\r\nRoute: <sip:r;lr>\r\n\
            Max-Forwards: 69\r\nX-Odd:  kept \r\nContent-Length: 4\r\nX-More: yes\r\n\r\nbody";
        assert_eq!(forwarded, wanted);
    }

    #[test]
    fn elements_are_taken_over_several_lines() {
        let text = edited(|edit| edit.pop(Name::Route).pop(Name::Route).pop(Name::Route).pop(Name::Via));
        assert!(!text.contains("Route:") && text.contains("\r\nVia: SIP/2.0/UDP b;branch=2\r\n"), "{text}");
    }

    #[test]
    fn lines_that_end_with_lf_alone_leave_with_crlf() {
        let message = INVITE.replace("\r\n", "\n");
        let message = Message::parse(message.as_bytes(), &Limits::default()).expect("a message");
        let mut out = Vec::new();
        Edit::new(&message).write(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), INVITE);
        out.clear();
        Edit::new(&message).pop(Name::Via).write(&mut out);
        let via = "v: SIP/2.0/UDP a;branch=1, SIP";
        assert_eq!(String::from_utf8_lossy(&out), INVITE.replace(via, "Via: SIP"));
    }

    #[test]
    fn another_body_brings_its_length_and_type() {
        let text = edited(|edit| edit.body("application/sdp", b"v=0\r\n"));
        assert!(
            text.ends_with(
                "X-Odd:  kept \r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
            ),
            "{text}"
        );
    }
}
