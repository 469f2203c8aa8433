//! The transaction layer (RFC 3261 §17 with RFC 6026 and RFC 4320).
//!
//! [`Endpoint`] owns the live transactions of a shard. Each message passes through [`Endpoint::receive`], CANCEL
//! and ACK too, and what it means for the user comes back as one [`Event`]. The four machines (`invite_server`,
//! `invite_client`, `server`, `client`) are pure: they know neither octets nor addresses nor the table; they
//! give orders (`output`), and only the endpoint carries them out. Timer C and the building of responses are not
//! here: they are the proxy's and `build`'s.
//!
//! The turn of a shard:
//! ```text
//! match endpoint.receive(now, &packet, &message, out) {
//!     Event::Request { key } => { let id = endpoint.accept(now, &packet, &message, key, user)?; … endpoint.respond(now, id, &octets, out) }
//!     Event::Response { transaction, user, status } => …
//!     …
//! }
//! while endpoint.deadline().is_some_and(|at| at <= now) { endpoint.tick(now, out, &mut events); … }
//! ```

mod carry;
mod class;
mod client;
mod endpoint;
mod invite_client;
mod invite_server;
mod key;
mod machine;
mod output;
mod reply;
mod server;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod timer;

use thiserror::Error;

use crate::message::Status;

pub use endpoint::{Config, Counters, Endpoint};
pub use timer::Intervals;

/// A live transaction of an endpoint. The generation makes an old id harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId {
    /// The place in the table.
    pub slot: u32,
    /// Counts the uses of that place.
    pub generation: u32,
}

/// What two messages of one transaction have in common (RFC 3261 §17.1.3 and §17.2.3), as a keyed hash, so that
/// nobody outside can aim at one bucket or make two transactions meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionKey(pub(crate) u128);

/// What a message, a timer or the transport means for the user of the transaction layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<U> {
    /// A new request of any method but ACK and CANCEL: accept it, or answer it statelessly.
    Request {
        /// For [`Endpoint::accept`].
        key: TransactionKey,
    },
    /// An ACK that is the user's: for a 2xx, or for what was answered without a transaction.
    Ack {
        /// The INVITE whose 2xx it acknowledges, when the INVITE was answered here (RFC 6026 §7.1).
        invite: Option<(TransactionId, U)>,
    },
    /// A new CANCEL, which is a request with a transaction of its own (RFC 3261 §9.2): accept it and answer 200,
    /// or 481 when it matches nothing.
    Cancel {
        /// For [`Endpoint::accept`].
        key: TransactionKey,
        /// The INVITE that it wants to end.
        invite: Option<(TransactionId, U)>,
    },
    /// A response to pass up; repeated 2xx to an INVITE come each time (RFC 6026 §7.2).
    Response {
        /// The client transaction.
        transaction: TransactionId,
        /// Its user.
        user: U,
        /// Its status.
        status: Status,
    },
    /// A response that matches nothing: to be dropped (RFC 6026).
    Stray,
    /// The layer has dealt with the message: a repeat, or an ACK for what it answered itself.
    Absorbed,
    /// Nobody answers, or nobody acknowledges. [`Event::Gone`] follows unless the machine stays (RFC 6026 §7.1:
    /// an INVITE server stays after a transport failure).
    Failed {
        /// The transaction.
        transaction: TransactionId,
        /// Its user.
        user: U,
        /// Why.
        failure: Failure,
    },
    /// The transaction has ended; its id is now stale. It comes once for each transaction, at the latest in the
    /// tick after the event that ended it.
    Gone {
        /// The transaction.
        transaction: TransactionId,
        /// Its user.
        user: U,
    },
}

/// What we suffer: nobody is to blame whom we could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Failure {
    /// No answer within 64*T1, or no ACK for a failure response of ours.
    #[error("nobody answered in time")]
    Timeout,
    /// The transport could not deliver.
    #[error("the transport could not deliver")]
    Transport,
}

/// The table holds `transactions_max` transactions. A server answers 503 with Retry-After statelessly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the transaction table is full")]
pub struct Full;
