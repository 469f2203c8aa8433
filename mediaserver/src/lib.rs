//! The media server: sessions that relay, and the threads that run them.
//!
//! [`core`] decides, without a socket or a clock; [`Mediaserver`] gives it ports and packets, and answers the questions
//! of [`proto::Media`].

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod config;
pub mod core;
pub mod service;
pub mod sound;

pub use config::Config;
pub use service::Mediaserver;
