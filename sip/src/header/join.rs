//! `Join`: the dialog that a new one is to be mixed with (RFC 3911 §7.1).

use super::HeaderError;
use super::param::Params;
use super::replaces::{Named, named};
use crate::name::Name;

/// A dialog, as its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// The tag of the receiver's side.
    pub to_tag: &'a [u8],
    /// The tag of the other side.
    pub from_tag: &'a [u8],
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Join<'a> {
    /// Reads a value.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        let Named { call_id, to_tag, from_tag, params } = named(Name::Join, value)?;
        Ok(Self { call_id, to_tag, from_tag, params })
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.call_id);
        self.params.write(out);
    }
}
