//! Listeners: the table that the cores read, and the sockets behind it.

mod table;

pub use table::{Advertised, Interface, Listener, Listeners};
