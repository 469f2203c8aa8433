//! Listeners: the table that the cores read, and the sockets behind it.

mod bind;
mod config;
pub(crate) mod streams;
pub mod stun;
mod table;
mod udp;

pub use bind::BindError;
pub(crate) use bind::{Bound, bind, interfaces, way_to};
pub use config::{Config, Listen, MessageLimits, Tls};
pub(crate) use streams::Streams;
pub use streams::{StreamCounters, TlsError};
pub use table::{Advertised, Interface, Listener, Listeners};
pub(crate) use udp::{Datagrams, UdpPort};
