//! Configuration as plain values: durations and sizes as people write them, addresses of listeners, secrets.

mod address;
mod duration;
mod load;
mod secret;
mod size;
mod watch;
mod when;

pub use address::{ListenAddress, Network};
pub use duration::Duration;
pub use load::{Problem, Report, Source};
pub use secret::{Secret, SecretError};
pub use size::Size;
pub use watch::{Stamp, Watch};
pub use when::{When, WhenError};

/// For fields of type [`std::time::Duration`]: `#[serde(with = "node::config::span")]`.
pub mod span {
    pub use super::duration::{deserialize, serialize};
}
