//! The headers that nearly every room asks for: read when asked, or once for all by [`Message::remember`], since the
//! validator, the transaction layer and its user all ask.

use super::Message;
use crate::header::{CSeq, HeaderError, NameAddr, Via};
use crate::name::Name;
use crate::scan;
use crate::uri::{Uri, UriError};

/// What was read of one message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen<'a> {
    via: Option<Result<Via<'a>, HeaderError>>,
    from: Option<Result<NameAddr<'a>, HeaderError>>,
    to: Option<Result<NameAddr<'a>, HeaderError>>,
    cseq: Option<Result<CSeq<'a>, HeaderError>>,
    uri: Option<Result<Uri<'a>, UriError>>,
    from_uri: Option<Result<Uri<'a>, HeaderError>>,
    to_uri: Option<Result<Uri<'a>, HeaderError>>,
}

impl<'a> Message<'a> {
    /// Reads what nearly every room asks for, so that asking costs nothing from now on. For messages from the
    /// network, which are asked often; what is asked once is read then.
    pub fn remember(&mut self) {
        self.seen.via = Some(self.via());
        self.seen.from = Some(self.from());
        self.seen.to = Some(self.to());
        self.seen.cseq = Some(self.cseq());
        self.seen.from_uri = Some(self.from_uri());
        self.seen.to_uri = Some(self.to_uri());
        self.seen.uri = self.is_request().then(|| self.uri());
    }

    /// The topmost Via: the hop that the message came from, or that its response goes to (RFC 3261 §18.2.2).
    pub fn via(&self) -> Result<Via<'a>, HeaderError> {
        let read = || self.elements(Name::Via).next().ok_or(missing(Name::Via)).and_then(Via::parse);
        self.seen.via.unwrap_or_else(read)
    }

    /// The Request-URI. Of a response, an error.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        self.seen.uri.unwrap_or_else(|| Uri::parse(self.request_uri().unwrap_or_default()))
    }

    /// Who asks (RFC 3261 §20.20).
    pub fn from(&self) -> Result<NameAddr<'a>, HeaderError> {
        self.seen.from.unwrap_or_else(|| self.name_addr(Name::From))
    }

    /// The URI of who asks.
    pub fn from_uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.seen.from_uri.unwrap_or_else(|| self.from()?.uri())
    }

    /// Who is asked (RFC 3261 §20.39).
    pub fn to(&self) -> Result<NameAddr<'a>, HeaderError> {
        self.seen.to.unwrap_or_else(|| self.name_addr(Name::To))
    }

    /// The URI of who is asked.
    pub fn to_uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.seen.to_uri.unwrap_or_else(|| self.to()?.uri())
    }

    fn name_addr(&self, name: Name) -> Result<NameAddr<'a>, HeaderError> {
        NameAddr::parse(name, self.first(name).ok_or(missing(name))?)
    }

    /// The order of a request and its method (RFC 3261 §20.16).
    pub fn cseq(&self) -> Result<CSeq<'a>, HeaderError> {
        self.seen.cseq.unwrap_or_else(|| CSeq::parse(self.first(Name::CSeq).ok_or(missing(Name::CSeq))?))
    }

    /// The Call-ID; empty without one, which the validator refuses.
    pub fn call_id(&self) -> &'a [u8] {
        self.first(Name::CallId).unwrap_or_default()
    }

    /// The hops that are left (RFC 3261 §20.22): 0 to 255, or `None` without the header.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        let Some(value) = self.first(Name::MaxForwards) else { return Ok(None) };
        let number = scan::decimal(value).and_then(|number| u8::try_from(number).ok());
        let wrong = HeaderError { name: Name::MaxForwards, at: 0, expected: "a number from 0 to 255" };
        number.map(Some).ok_or(wrong)
    }

    /// Seconds of validity (RFC 3261 §20.19). A value that is no number is as if it were not there, and one beyond
    /// 2^32 is as long as can be: RFC 3261 §10.2 lets registrars choose then.
    pub fn expires(&self) -> Option<u32> {
        let value = self.first(Name::Expires)?;
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(scan::decimal(value).unwrap_or(u32::MAX))
    }
}

fn missing(name: Name) -> HeaderError {
    HeaderError { name, at: 0, expected: "the header" }
}
