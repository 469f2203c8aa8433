//! The proxy's decisions, pure: no socket, no clock, no randomness, no service is touched here.

pub mod calls;
pub mod counters;
pub mod effect;
pub mod flow;
pub mod plan;
pub mod route;
pub mod settings;
pub mod slots;
pub mod token;

mod ack;
mod admit;
mod answer;
mod authenticate;
mod begin;
mod best;
mod cancel;
mod date;
mod dialog_flow;
mod edge;
mod events;
mod fork;
mod forward;
mod loops;
mod means;
mod nat;
mod questions;
mod record_route;
mod redirect;
mod register;
mod request;
mod response;
mod response_context;
mod route_headers;
mod steps;
mod targets;
#[cfg(test)]
mod tests;
mod text;
mod timer_c;

pub use edge::Edge;
