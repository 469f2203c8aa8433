//! `Replaces`: the dialog whose place a new one takes (RFC 3891 §6.1).

use super::HeaderError;
use super::param::{Params, Scanner};
use crate::name::Name;

/// A dialog, as its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The tag of the receiver's side.
    pub to_tag: &'a [u8],
    /// The tag of the other side.
    pub from_tag: &'a [u8],
    /// True when only a dialog that is not yet answered may be replaced.
    pub early_only: bool,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Replaces<'a> {
    /// Reads a value. One from the headers of a Refer-To URI must be unescaped before ([`crate::uri::unescape`]).
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let Named { call_id, to_tag, from_tag, params } = named(Name::Replaces, value)?;
        let early_only = params.find(b"early-only").is_some();
        Ok(Self { call_id, to_tag, from_tag, early_only, params })
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.call_id);
        self.params.write(out);
    }
}

/// What names a dialog in this header and in Join.
pub(super) struct Named<'a> {
    pub(super) call_id: &'a [u8],
    pub(super) to_tag: &'a [u8],
    pub(super) from_tag: &'a [u8],
    pub(super) params: Params<'a>,
}

/// A Call-ID and both tags, each of which must be there once.
pub(super) fn named(name: Name, value: &[u8]) -> Result<Named<'_>, HeaderError> {
    let mut scanner = Scanner::new(name, value);
    let call_id = scanner.run(|octet| octet.is_ascii_graphic() && octet != b';' && octet != b',');
    if call_id.is_empty() {
        return Err(scanner.error("a Call-ID"));
    }
    let at = scanner.at();
    let params = scanner.last_params()?;
    let tag = |name: &[u8], expected| {
        let once = params.iter().filter(|param| param.is(name)).count() == 1;
        params.raw(name).filter(|_| once).ok_or(scanner.error_at(at, expected))
    };
    let (to_tag, from_tag) = (tag(b"to-tag", "one to-tag")?, tag(b"from-tag", "one from-tag")?);
    Ok(Named { call_id, to_tag, from_tag, params })
}
