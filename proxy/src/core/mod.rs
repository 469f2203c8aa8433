//! The proxy's decisions, pure: no socket, no clock, no randomness, no service is touched here.

pub mod best;
pub mod flow;
pub mod plan;
pub mod route;
pub mod slots;
pub mod token;
