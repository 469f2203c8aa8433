//! SIP as data and machines (RFC 3261 and its companions). No I/O, no clock, no randomness of its own.

pub mod transaction;
pub mod transport;
pub mod wheel;
