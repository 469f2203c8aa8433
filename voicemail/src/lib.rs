//! Voicemail as an application that conducts calls: what is said, which keys do what, and what is kept when somebody
//! hangs up. It decides by the events of its run and the answers of the mailbox store alone.
//!
//! So far this is the core; nothing starts it yet.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod core;
