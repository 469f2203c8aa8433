//! The attendant: menus that answer calls, say what may be chosen, and send callers on.
//!
//! [`core`] decides by the events of a run alone; [`config`] is what an administrator writes, and
//! [`Book`](core::Book) what is made of it.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod config;
pub mod core;
pub mod service;

pub use config::Config;
pub use service::Callcenter;
