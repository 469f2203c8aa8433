//! The registrar: where phones are (RFC 3261 §10), and who exists.
//!
//! [`core`] decides and stores; [`Registrar`] and [`UserDirectory`] (over [`Users`] of the file and [`Added`] of the
//! database) answer the questions of `proto`. Whether they are asked by a function call or over gRPC they do not know.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod added;
pub mod config;
pub mod core;
pub mod directory;
pub mod ha1;
pub mod preferences;
pub mod service;
pub mod users;

pub use added::{Added, AddedError};
pub use config::{Config, DirectoryConfig, Ha1Config, UserConfig};
pub use directory::UserDirectory;
pub use preferences::Preferences;
pub use service::Registrar;
pub use users::{UserError, Users};
