//! `Session-Expires`: when a session ends that nobody refreshes (RFC 4028 §4).

use super::HeaderError;
use super::param::{Params, Scanner};
use crate::name::Name;
use crate::uri::write_number;

/// A time and who refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires<'a> {
    /// Seconds.
    pub seconds: u32,
    /// Who sends the refreshes, where it has been said.
    pub refresher: Option<Refresher>,
    /// All parameters.
    pub params: Params<'a>,
}

/// A side of the transaction that carries the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

impl<'a> SessionExpires<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::SessionExpires, value);
        let seconds = scanner.seconds()?;
        let at = scanner.at();
        let params = scanner.last_params()?;
        let refresher = match params.raw(b"refresher") {
            None => None,
            Some(side) if side.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            Some(_) => return Err(scanner.error_at(at, "uac or uas as refresher")),
        };
        Ok(Self { seconds, refresher, params })
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(u64::from(self.seconds), out);
        self.params.write(out);
    }
}

impl Refresher {
    /// As the parameter is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}
