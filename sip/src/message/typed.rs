//! The headers that nearly every room asks for, read when asked.

use super::Message;
use crate::header::{CSeq, HeaderError, NameAddr, Via};
use crate::name::Name;
use crate::scan;

impl<'a> Message<'a> {
    /// The topmost Via: the hop that the message came from, or that its response goes to (RFC 3261 §18.2.2).
    pub fn via(&self) -> Result<Via<'a>, HeaderError> {
        self.elements(Name::Via).next().ok_or(missing(Name::Via)).and_then(Via::parse)
    }

    /// Who asks (RFC 3261 §20.20).
    pub fn from(&self) -> Result<NameAddr<'a>, HeaderError> {
        NameAddr::parse(Name::From, self.first(Name::From).ok_or(missing(Name::From))?)
    }

    /// Who is asked (RFC 3261 §20.39).
    pub fn to(&self) -> Result<NameAddr<'a>, HeaderError> {
        NameAddr::parse(Name::To, self.first(Name::To).ok_or(missing(Name::To))?)
    }

    /// The order of a request and its method (RFC 3261 §20.16).
    pub fn cseq(&self) -> Result<CSeq<'a>, HeaderError> {
        CSeq::parse(self.first(Name::CSeq).ok_or(missing(Name::CSeq))?)
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
