//! Typed headers: one header, one file. Each reads a borrowed value, in which the line ends of folds may still
//! stand (they count as white space), allocates nothing, and writes itself back in one normal form.
//!
//! Values come cut out by [`crate::scan`]: a list header is read element by element
//! ([`crate::message::Message::elements`]). The digest headers are in `auth`.

mod call_id;
mod contact;
mod content_type;
mod cseq;
mod diversion;
mod event;
mod expires;
mod history_info;
mod identity;
mod join;
mod max_breadth;
mod max_forwards;
mod min_se;
mod name_addr;
pub mod param;
mod privacy;
mod rack;
mod reason;
mod refer_to;
mod replaces;
mod retry_after;
mod route;
mod rseq;
mod session_expires;
mod subscription_state;
#[cfg(test)]
mod tests;
mod via;
mod warning;

pub use call_id::CallId;
pub use contact::{Contact, ContactValue};
pub use content_type::ContentType;
pub use cseq::CSeq;
pub use diversion::Diversion;
pub use event::Event;
pub use expires::Expires;
pub use history_info::HistoryInfo;
pub use identity::AssertedIdentity;
pub use join::Join;
pub use max_breadth::MaxBreadth;
pub use max_forwards::MaxForwards;
pub use min_se::MinSe;
pub use name_addr::NameAddr;
pub use param::{Param, Params, Scanner, Text};
pub use privacy::Privacy;
pub use rack::RAck;
pub use reason::Reason;
pub use refer_to::ReferTo;
pub use replaces::Replaces;
pub use retry_after::RetryAfter;
pub use route::Route;
pub use rseq::RSeq;
pub use session_expires::{Refresher, SessionExpires};
pub use subscription_state::SubscriptionState;
pub use via::{ReplyTo, Via};
pub use warning::Warning;

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
