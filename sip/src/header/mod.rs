//! Typed headers: one header, one file. Each reads a borrowed value, in which the line ends of folds may still
//! stand (they count as white space), allocates nothing, and writes itself back in one normal form.
//!
//! Values come cut out by [`crate::scan`]: a list header is read element by element
//! ([`crate::message::Message::elements`]). The digest headers are in `auth`.

mod call_id;
mod cseq;
mod name_addr;
pub mod param;
mod via;

pub use call_id::CallId;
pub use cseq::CSeq;
pub use name_addr::NameAddr;
pub use param::{Param, Params, Scanner, Text};
pub use via::{ReplyTo, Via};

use crate::name::Name;

/// What is wrong with the value of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}, octet {at}: expected {expected}", .name.as_str())]
pub struct HeaderError {
    /// Which header.
    pub name: Name,
    /// The octet of the value at which reading ended.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}
