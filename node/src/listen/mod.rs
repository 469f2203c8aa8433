//! Listeners: the table that the cores read, and the sockets behind it.

mod bind;
mod config;
pub mod stun;
mod table;
mod udp;

pub use bind::BindError;
pub(crate) use bind::{Bound, bind};
pub use config::{Config, Listen, MessageLimits, Tls};
pub use table::{Advertised, Interface, Listener, Listeners};
pub(crate) use udp::{Datagrams, UdpPort};
