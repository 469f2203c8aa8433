//! What can be seen of a process from outside: its log, its metrics in Prometheus' text form, and whether it is
//! alive and ready.
//!
//! Names of fields in log lines: `call_id` in each line that concerns a call, `remote` for a peer's address, `user`,
//! `shard`. No line is written for each message; what happens often is counted.

mod health;
mod http;
mod log;
mod metrics;
mod process;

pub use health::Health;
pub use http::{Http, HttpError, serve};
pub use log::{Log, LogControl, LogError};
pub use metrics::{Histogram, Page, Registry};
pub use process::process;
