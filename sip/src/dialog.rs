//! Dialogs (RFC 3261 §12): what both ends of a call or subscription remember of each other, how that is made from
//! the messages that begin it, and how requests within it are written and judged. When a dialog ends is its
//! user's business, and so are sessions, timers and the matching of responses.

use crate::build::Request;
use crate::header::{CSeq, ContactValue, HeaderError, NameAddr, Route};
use crate::message::{Message, Method, Name, Status};
use crate::uri::{SipUri, Uri, UriHeaders, UriParams, write_number};

/// Names a dialog at one of its ends (RFC 3261 §12).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: Box<[u8]>,
    /// Our tag.
    pub local_tag: Box<[u8]>,
    /// Their tag; empty for an RFC 2543 peer that has none.
    pub remote_tag: Box<[u8]>,
}

impl DialogId {
    /// The dialog that a received message belongs to. A request comes from the remote end, so its To is ours; a
    /// response answers our request, so its From is (§12.2.1.2, §12.2.2).
    pub fn of(message: &Message<'_>) -> Result<Self, HeaderError> {
        let (from, to) = (message.from()?, message.to()?);
        let (local, remote) = if message.is_request() { (to, from) } else { (from, to) };
        Ok(Self {
            call_id: message.call_id().into(),
            local_tag: local.tag().unwrap_or_default().into(),
            remote_tag: remote.tag().unwrap_or_default().into(),
        })
    }
}

/// How far a dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Made by a provisional response with a To tag.
    Early,
    /// Made, or confirmed, by a 2xx.
    Confirmed,
}

/// A request came that is older than one before it: answered with 500 (§12.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request has a lower CSeq than one before it")]
pub struct OutOfOrder;

/// One end of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    id: DialogId,
    state: State,
    secure: bool,
    local_number: Option<u32>,
    remote_number: Option<u32>,
    /// From of our requests, without the tag.
    local: Box<[u8]>,
    /// To of our requests, without the tag.
    remote: Box<[u8]>,
    remote_target: Box<[u8]>,
    /// The elements of Route in order, as they are written.
    route_set: Vec<Box<[u8]>>,
}

/// What a request within a dialog says beside what the dialog knows.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Our Via with its branch.
    pub via: &'a [u8],
    /// Hops allowed; 70 for a request of our own (§8.1.1.6).
    pub max_forwards: u8,
    /// Our Contact, which a target refresh request and one that may make dialogs must have.
    pub contact: Option<&'a [u8]>,
    /// More header lines.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body and its type.
    pub body: Option<(&'a str, &'a [u8])>,
}

impl<'a> Outgoing<'a> {
    /// The least: a Via and 70 hops.
    pub const fn new(via: &'a [u8]) -> Self {
        Self { via, max_forwards: 70, contact: None, headers: &[], body: None }
    }
}

impl Dialog {
    /// The dialog that our response with this status and tag makes at the end that was called (§12.1.1). `secure`:
    /// the request came over TLS.
    pub fn uas(
        request: &Message<'_>,
        local_tag: &[u8],
        status: Status,
        secure: bool,
    ) -> Result<Self, HeaderError> {
        let (from, to) = (request.from()?, request.to()?);
        let uri = request.request_uri().unwrap_or_default();
        Ok(Self {
            id: DialogId {
                call_id: request.call_id().into(),
                local_tag: local_tag.into(),
                remote_tag: from.tag().unwrap_or_default().into(),
            },
            state: State::of(status),
            secure: secure && is_sips(uri),
            local_number: None,
            remote_number: Some(request.cseq()?.number),
            local: without_tag(&to),
            remote: without_tag(&from),
            remote_target: contact(request)?.unwrap_or(from.address).into(),
            route_set: routes(request),
        })
    }

    /// The dialog that a response with a To tag makes at the end that called (§12.1.2). `secure`: the request was
    /// sent over TLS. A provisional response without Contact, as some send it, leaves the target of the request.
    pub fn uac(request: &Message<'_>, response: &Message<'_>, secure: bool) -> Result<Self, HeaderError> {
        let (from, to) = (request.from()?, response.to()?);
        let uri = request.request_uri().unwrap_or_default();
        let mut dialog = Self {
            id: DialogId {
                call_id: request.call_id().into(),
                local_tag: from.tag().unwrap_or_default().into(),
                remote_tag: to.tag().unwrap_or_default().into(),
            },
            state: response.status().map_or(State::Early, State::of),
            secure: secure && is_sips(uri),
            local_number: Some(request.cseq()?.number),
            remote_number: None,
            local: without_tag(&from),
            remote: without_tag(&to),
            remote_target: contact(response)?.unwrap_or(uri).into(),
            route_set: routes(response),
        };
        // §12.1.2: what the called end sees first, we see last.
        dialog.route_set.reverse();
        Ok(dialog)
    }

    /// A 2xx to the request that made this dialog has come: it is confirmed, and its route set is what the 2xx
    /// says (§13.2.2.4).
    pub fn confirm(&mut self, response: &Message<'_>) -> Result<(), HeaderError> {
        self.state = State::Confirmed;
        self.route_set = routes(response);
        self.route_set.reverse();
        self.refresh_target(response)
    }

    /// We have sent a 2xx to the request that made this dialog.
    pub fn confirm_sent(&mut self) {
        self.state = State::Confirmed;
    }

    /// Judges the order of a request in this dialog (§12.2.2). ACK and CANCEL have the number of their INVITE and
    /// are never out of order.
    pub fn receive(&mut self, request: &Message<'_>) -> Result<(), OutOfOrder> {
        let Ok(cseq) = request.cseq() else { return Err(OutOfOrder) };
        if matches!(cseq.method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if self.remote_number.is_some_and(|last| cseq.number < last) {
            return Err(OutOfOrder);
        }
        self.remote_number = Some(cseq.number);
        Ok(())
    }

    /// Takes the Contact of a target refresh request that we accept, or of the 2xx to one of ours, as the new
    /// remote target (§12.2.1.2, §12.2.2); without a Contact nothing changes. The request is to be accepted first
    /// (RFC 6141).
    pub fn refresh_target(&mut self, message: &Message<'_>) -> Result<(), HeaderError> {
        if let Some(target) = contact(message)? {
            self.remote_target = target.into();
        }
        Ok(())
    }

    /// Writes the next request of this dialog (§12.2.1.1) and says its CSeq number.
    pub fn request(&mut self, method: Method<'_>, outgoing: &Outgoing<'_>, out: &mut Vec<u8>) -> u32 {
        let number = self.local_number.map_or(1, |last| (last + 1).min(NUMBER_MAX));
        self.local_number = Some(number);
        self.write(method, number, outgoing, out);
        number
    }

    /// Writes the ACK for a 2xx to the INVITE with that number (§13.2.2.4). It must carry the credentials of the
    /// INVITE.
    pub fn acknowledge(&self, number: u32, outgoing: &Outgoing<'_>, out: &mut Vec<u8>) {
        self.write(Method::Ack, number, outgoing, out);
    }

    /// Leaves out numbers, for those that a predecessor may have used and did not note.
    pub fn skip_numbers(&mut self, count: u32) {
        let next = self.local_number.unwrap_or(0).saturating_add(count);
        self.local_number = Some(next.min(NUMBER_MAX));
    }

    /// The URI to which a request of this dialog is sent: the first route, else the remote target (§12.2.1.1 with
    /// §8.1.2).
    pub fn next_hop(&self) -> &[u8] {
        self.route_set.first().map_or(&self.remote_target, |route| address(route))
    }

    /// Its name.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// True when it was asked for by a sips: URI over TLS (§12.1.1).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The number of our last request; none before the first.
    pub fn local_number(&self) -> Option<u32> {
        self.local_number
    }

    /// The number of their last request; none before the first.
    pub fn remote_number(&self) -> Option<u32> {
        self.remote_number
    }

    /// Us, as in our From, without the tag.
    pub fn local(&self) -> &[u8] {
        &self.local
    }

    /// Them, as in our To, without the tag.
    pub fn remote(&self) -> &[u8] {
        &self.remote
    }

    /// Their Contact.
    pub fn remote_target(&self) -> &[u8] {
        &self.remote_target
    }

    /// The elements of Route in order, as they are written.
    pub fn route_set(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.route_set.iter().map(|route| &**route)
    }

    fn write(&self, method: Method<'_>, number: u32, outgoing: &Outgoing<'_>, out: &mut Vec<u8>) {
        // §12.2.1.1: a first route without `lr` is a strict router. It gets the request itself, and the target
        // goes behind the routes.
        let strict = self.route_set.first().filter(|route| !is_loose(route));
        let target = strict.map_or(&*self.remote_target, |route| address(route));
        let uri = written(|value| write_request_uri(target, value));
        let hops = written(|value| write_number(u64::from(outgoing.max_forwards), value));
        let from = written(|value| write_tagged(&self.local, &self.id.local_tag, value));
        let to = written(|value| write_tagged(&self.remote, &self.id.remote_tag, value));
        let cseq = written(|value| CSeq { number, method }.write(value));
        let mut request =
            Request::begin(method, &uri, out).header("Via", outgoing.via).header("Max-Forwards", &hops);
        for route in self.route_set.iter().skip(usize::from(strict.is_some())) {
            request = request.header("Route", route);
        }
        if strict.is_some() {
            let target = [b"<", &*self.remote_target, b">"].concat();
            request = request.header("Route", &target);
        }
        request = request
            .header("From", &from)
            .header("To", &to)
            .header("Call-ID", &self.id.call_id)
            .header("CSeq", &cseq);
        if let Some(contact) = outgoing.contact {
            request = request.header("Contact", contact);
        }
        for (name, value) in outgoing.headers {
            request = request.header(name, value);
        }
        request.end(outgoing.body);
    }
}

impl State {
    fn of(status: Status) -> Self {
        if status.is_provisional() { Self::Early } else { Self::Confirmed }
    }
}

/// True for requests that may move the remote target (§6, RFC 3311, RFC 6665).
pub fn is_target_refresh(method: Method<'_>) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify)
}

/// The elements of Record-Route in the order of the message.
fn routes(message: &Message<'_>) -> Vec<Box<[u8]>> {
    message.elements(Name::RecordRoute).map(<[u8]>::trim_ascii).map(Box::from).collect()
}

/// The URI of the first Contact, none without one.
fn contact<'a>(message: &Message<'a>) -> Result<Option<&'a [u8]>, HeaderError> {
    let Some(element) = message.elements(Name::Contact).next() else { return Ok(None) };
    match ContactValue::parse(element)? {
        ContactValue::Contact(contact) => Ok(Some(contact.name_addr.address)),
        ContactValue::Star => Err(HeaderError { name: Name::Contact, at: 0, expected: "a URI" }),
    }
}

fn without_tag(party: &NameAddr<'_>) -> Box<[u8]> {
    let mut text = Vec::new();
    party.write_with_tag(None, &mut text);
    text.into()
}

fn write_tagged(party: &[u8], tag: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(party);
    // §12.2.1.1: without a tag for an RFC 2543 peer.
    if !tag.is_empty() {
        out.extend_from_slice(b";tag=");
        out.extend_from_slice(tag);
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut value = Vec::new();
    write(&mut value);
    value
}

/// The URI of a route element; the element itself where it cannot be read.
fn address(route: &[u8]) -> &[u8] {
    Route::parse(Name::Route, route).map_or(route, |route| route.address())
}

fn is_loose(route: &[u8]) -> bool {
    Route::parse(Name::Route, route).and_then(|route| route.sip_uri()).is_ok_and(|uri| uri.lr())
}

fn is_sips(uri: &[u8]) -> bool {
    matches!(Uri::parse(uri), Ok(Uri::Sip(SipUri { secure: true, .. })))
}

/// Writes a URI without what a Request-URI must not have: headers and `method` (§19.1.1, table 1).
fn write_request_uri(address: &[u8], out: &mut Vec<u8>) {
    let Ok(Uri::Sip(uri)) = Uri::parse(address) else {
        out.extend_from_slice(address);
        return;
    };
    if uri.headers.is_empty() && uri.method().is_none() {
        out.extend_from_slice(address);
        return;
    }
    let bare = SipUri { params: UriParams::default(), headers: UriHeaders::default(), ..uri };
    bare.write(out);
    for (name, value) in uri.params.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"method")) {
        out.push(b';');
        out.extend_from_slice(name);
        if let Some(value) = value {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

/// CSeq numbers stay below 2^31 (§8.1.1.5).
const NUMBER_MAX: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests;
