//! What the proxy reads of a request, once: everything that its decisions hang on, borrowed from the octets.

use std::borrow::Cow;

use sip::header::NameAddr;
use sip::message::{Message, Method, Name, Refusal};
use sip::uri::{SipUri, Uri};

/// A request that can be answered and forwarded.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub message: &'a Message<'a>,
    pub method: Method<'a>,
    /// The Request-URI.
    pub uri: Uri<'a>,
    /// The same, as it stands.
    pub uri_text: &'a [u8],
    /// The URI of From.
    pub from: Uri<'a>,
    pub from_tag: &'a [u8],
    /// The URI of To.
    pub to: Uri<'a>,
    /// Empty outside a dialog.
    pub to_tag: &'a [u8],
    pub call_id: &'a [u8],
    pub cseq: u32,
    /// Hops left.
    pub max_forwards: Option<u8>,
}

impl<'a> Request<'a> {
    /// Reads a request that [`sip::validate`] has let pass.
    pub fn read(message: &'a Message<'a>) -> Result<Self, Refusal> {
        let bad = |why| Refusal::of(400, why);
        let method = message.method().ok_or(bad("Malformed Method"))?;
        let uri_text = message.request_uri().ok_or(bad("Malformed Request-URI"))?;
        let uri = message.uri().map_err(|_| bad("Malformed Request-URI"))?;
        let from = message.from().map_err(|_| bad("Malformed From"))?;
        let to = message.to().map_err(|_| bad("Malformed To"))?;
        Ok(Self {
            message,
            method,
            uri,
            uri_text,
            from: message.from_uri().map_err(|_| bad("Malformed From"))?,
            from_tag: from.tag().unwrap_or_default(),
            to: message.to_uri().map_err(|_| bad("Malformed To"))?,
            to_tag: to.tag().unwrap_or_default(),
            call_id: message.call_id(),
            cseq: message.cseq().map_err(|_| bad("Malformed CSeq"))?.number,
            max_forwards: message.max_forwards().map_err(|_| bad("Malformed Max-Forwards"))?,
        })
    }

    /// Its Call-ID as the log shows it.
    pub fn shown_call_id(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.call_id)
    }

    /// True when it belongs to a dialog.
    pub fn is_in_dialog(&self) -> bool {
        !self.to_tag.is_empty()
    }
}

/// The user part of a URI, its escapes resolved; the digits of a `tel:` URI. Empty when there is none.
pub(crate) fn user_of<'a>(uri: &Uri<'a>) -> Cow<'a, str> {
    let octets: Cow<'a, [u8]> = match uri {
        Uri::Sip(uri) => uri.unescaped_user().unwrap_or_default(),
        Uri::Tel(uri) => Cow::Owned(uri.digits().collect()),
        Uri::Other { .. } => Cow::Borrowed(b""),
    };
    lossy(octets)
}

/// Octets as text, what is no UTF-8 replaced.
pub(crate) fn lossy(octets: Cow<'_, [u8]>) -> Cow<'_, str> {
    match octets {
        Cow::Borrowed(octets) => String::from_utf8_lossy(octets),
        Cow::Owned(octets) => Cow::Owned(String::from_utf8_lossy(&octets).into_owned()),
    }
}

/// The URI of an element of Route or Path, and whether it is a loose router. `None` when it cannot be read.
pub(crate) fn route_uri(route: &[u8]) -> Option<(&[u8], bool)> {
    let address = NameAddr::parse(Name::Route, route).ok()?.address;
    let loose = match Uri::parse(address).ok()? {
        Uri::Sip(uri) => uri.lr(),
        Uri::Tel(_) | Uri::Other { .. } => false,
    };
    Some((address, loose))
}

/// The same as a SIP URI.
pub(crate) fn sip_route(route: &[u8]) -> Option<SipUri<'_>> {
    let (address, _) = route_uri(route)?;
    match Uri::parse(address).ok()? {
        Uri::Sip(uri) => Some(uri),
        Uri::Tel(_) | Uri::Other { .. } => None,
    }
}
