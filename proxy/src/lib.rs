//! The SIP edge: a stateful proxy (RFC 3261 §16), the authentication of registrations and calls, and the dial plan.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod config;
pub mod core;
pub mod service;

pub use config::{Anchor, ProxyConfig};
pub use core::settings::Settings;
pub use service::{Changes, Command, Commands, MediaEvents, Names, Posted, Service, Services, Snapshot};
