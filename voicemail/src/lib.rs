//! Voicemail as an application that conducts calls: what is said, which keys do what, and what is kept when somebody
//! hangs up.
//!
//! [`core`] decides by the events of a run and the answers of the mailboxes alone; [`service`] asks the mailboxes, files
//! what was left, and tells phones and people of it.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod config;
pub mod core;
pub mod pin;
pub mod service;

pub use config::{ArchiveConfig, Config, WebhookConfig};
pub use service::{Letter, Owner, Refused, Settings, Usage, Voicemail};
