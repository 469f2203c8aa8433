//! The proxy's decisions, pure: no socket, no clock, no randomness, no service is touched here.

pub mod route;
