//! `Contact`: where its sender can be reached (RFC 3261 §20.10, RFC 5626 §4.1, RFC 5627 §5.2).

use super::param::{Params, saturating_number};
use super::{HeaderError, NameAddr};
use crate::name::Name;
use crate::uri::Uri;

/// What an element of Contact may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactValue<'a> {
    /// `*`: all bindings, in a REGISTER that removes them (RFC 3261 §10.2.2).
    Star,
    /// One contact.
    Contact(Contact<'a>),
}

/// One contact with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact<'a> {
    /// Name, address and parameters.
    pub name_addr: NameAddr<'a>,
    /// The preference in thousandths, 1000 being the most. `None` without one.
    pub q: Option<u16>,
}

impl<'a> ContactValue<'a> {
    /// Reads an element.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        if element.trim_ascii() == b"*" {
            return Ok(Self::Star);
        }
        Contact::parse(element).map(Self::Contact)
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Star => out.push(b'*'),
            Self::Contact(contact) => contact.write(out),
        }
    }
}

impl<'a> Contact<'a> {
    /// Reads an element that is no star.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        let name_addr = NameAddr::parse(Name::Contact, element)?;
        if name_addr.address == b"*" {
            return Err(HeaderError { name: Name::Contact, at: 0, expected: "a URI, or a star alone" });
        }
        let wrong =
            HeaderError { name: Name::Contact, at: element.len(), expected: "a preference from 0 to 1 as q" };
        let q = name_addr.params.find(b"q").map(|value| {
            let text = value.filter(|value| !value.is_quoted).ok_or(wrong)?;
            thousandths(text.raw).ok_or(wrong)
        });
        Ok(Self { name_addr, q: q.transpose()? })
    }

    /// Reads the URI.
    pub fn uri(&self) -> Result<Uri<'a>, HeaderError> {
        self.name_addr.uri()
    }

    /// All parameters of the header.
    pub const fn params(&self) -> Params<'a> {
        self.name_addr.params
    }

    /// How long it is to be valid, in seconds. One that is no number counts as 3600 (RFC 3261 §20.10).
    pub fn expires(&self) -> Option<u32> {
        let value = self.params().find(b"expires")?;
        let digits = value.filter(|value| !value.is_quoted && value.raw.iter().all(u8::is_ascii_digit));
        Some(digits.map_or(3600, |digits| saturating_number(digits.raw)))
    }

    /// The URN of the device, without its brackets (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<&'a [u8]> {
        let value = self.params().raw(b"+sip.instance")?.trim_ascii();
        Some(value.strip_prefix(b"<").and_then(|value| value.strip_suffix(b">")).unwrap_or(value))
    }

    /// Which of the device's flows this is: 1 or more (RFC 5626 §4.2).
    pub fn reg_id(&self) -> Option<u32> {
        self.params().number(b"reg-id").filter(|id| *id > 0)
    }

    /// The lasting GRUU that the registrar gave (RFC 5627 §5.2).
    pub fn pub_gruu(&self) -> Option<&'a [u8]> {
        self.params().raw(b"pub-gruu")
    }

    /// The passing GRUU that the registrar gave (RFC 5627 §5.2).
    pub fn temp_gruu(&self) -> Option<&'a [u8]> {
        self.params().raw(b"temp-gruu")
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.name_addr.write(out);
    }
}

/// `0`, `0.5`, `1.000`; digits beyond the third are dropped.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    if !matches!(whole, b"0" | b"1" | b"") || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut q = if whole == b"1" { 1000 } else { 0 };
    for (digit, worth) in fraction.iter().zip([100, 10, 1].into_iter().chain(std::iter::repeat(0))) {
        q += digit.is_ascii_digit().then(|| u16::from(digit - b'0') * worth)?;
    }
    (q <= 1000).then_some(q)
}
