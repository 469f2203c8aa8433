//! What each process is made of: sockets, shards, name resolution, configuration, telemetry, channels between
//! services, and the real clock. Decisions about calls live elsewhere; here is where they meet the machine.
//!
//! A service implements [`Core`]; [`shard`] drives it in turns with packets, answers and time.

pub mod clock;
pub mod config;
pub mod datagram;
pub mod dns;
pub mod files;
pub mod limits;
pub mod listen;
pub mod rpc;
pub mod shard;
pub mod shutdown;
pub mod telemetry;

pub use listen::{Listener, Listeners};
pub use shard::{Core, Inbox, Input};
