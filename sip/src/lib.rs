//! SIP as data and machines (RFC 3261 and its companions). No I/O, no clock, no randomness of its own.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod auth;
pub mod branch;
pub mod build;
pub mod dialog;
pub mod edit;
pub mod error;
pub mod framer;
pub mod fuzz;
pub mod header;
pub mod limits;
pub mod message;
pub mod method;
pub mod name;
pub mod scan;
pub mod status;
pub mod text;
pub mod transaction;
pub mod transport;
pub mod uri;
pub mod validate;
pub mod wheel;
