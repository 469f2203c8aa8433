//! A shard: one thread that owns a [`Core`] and drives it in turns. What it owns, nobody else touches: no locks.
//!
//! A message goes to the shard of a keyed hash of its Call-ID ([`Spread`]), wherever it arrived; it is handed over
//! through the owner's bounded [`Door`]. A dialog that a call of another shard has taken over goes there by an exception
//! ([`Spread::detour`]). Answers of services come by its [`Inbox`].

use std::time::Instant;

use sip::transaction::TransactionId;
use sip::transport::{ConnectionId, Outbox, Packet};

mod config;
mod counters;
mod detours;
mod inbox;
mod metrics;
mod quarantine;
mod run;
mod spread;
mod start;
mod watch;

pub use config::Config;
pub use counters::{Count, Counters};
pub(crate) use inbox::Item;
pub use inbox::{Door, Full, Inbox};
pub use spread::Spread;
pub use start::{Place, Shards, StartError, start};

/// Decisions without I/O: what a shard drives. It is made on the thread that starts the shards and moved into its
/// own; all that it sends goes into the outbox, in the order in which it must reach the wire.
pub trait Core: Send + 'static {
    /// What others send to this core through its [`Inbox`]: the answers of services, and commands.
    type Posted: Send + 'static;

    /// Takes one input. A panic in here is caught, counted and logged, and [`Core::recover`] is called.
    fn handle(&mut self, now: Instant, input: Input<'_, Self::Posted>, out: &mut Outbox);

    /// When the next [`Input::Tick`] is wanted; `None` lets the shard sleep.
    fn deadline(&self) -> Option<Instant>;

    /// True when nothing is under way, so that a draining process may end.
    fn quiet(&self) -> bool;

    /// Called after a panic in [`Core::handle`], with the octets of the packet when it was one: the place to
    /// remove the call or transaction that the input named. Nothing else has been removed.
    fn recover(&mut self, now: Instant, octets: Option<&[u8]>) {
        let _ = (now, octets);
    }
}

/// What can happen to a core.
#[derive(Debug)]
pub enum Input<'a, P> {
    /// A datagram, or a framed message of a stream.
    Packet(Packet<'a>),
    /// Something that was posted into the inbox.
    Posted(P),
    /// What this transaction sent could not be sent, or was refused on the way (ICMP).
    Failed {
        /// The transaction that waits.
        transaction: TransactionId,
        /// For the log.
        why: &'static str,
    },
    /// A stream connection is gone; flows over it are dead.
    ConnectionClosed(ConnectionId),
    /// The deadline has come.
    Tick,
}

#[cfg(test)]
mod tests;
