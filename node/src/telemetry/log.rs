//! Sets up the log: readable lines for people or JSON for machines, on standard error.

use std::io::IsTerminal as _;

use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

/// Options of the log: `[log]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or per room: `info,proxy=debug`. Default `info`. `debug` writes
    /// several lines for each call, `trace` more than a busy exchange can.
    pub level: Option<String>,
    /// Lines as JSON. Default no.
    pub json: bool,
}

/// Changes the running log.
#[derive(Debug, Clone)]
pub struct LogControl(reload::Handle<EnvFilter, Registry>);

/// Why the log could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error("the log level {level:?} cannot be read; write info, debug, or info,proxy=debug")]
    Level {
        /// What was written.
        level: String,
    },
    /// A log is set up already, or is gone.
    #[error("the log cannot be set up: {0}")]
    Set(String),
}

impl Log {
    /// Sets up the log of the process, once. `level` stands above the configuration's (the command line's).
    pub fn start(&self, level: Option<&str>) -> Result<LogControl, LogError> {
        let level = level.or(self.level.as_deref()).unwrap_or(USUAL);
        let (filter, handle) = reload::Layer::new(filter(level)?);
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
        let lines = if self.json {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        } else {
            lines.with_target(false).boxed()
        };
        let set = tracing_subscriber::registry().with(filter).with(lines).try_init();
        set.map_err(|error| LogError::Set(error.to_string()))?;
        Ok(LogControl(handle))
    }
}

impl LogControl {
    /// Changes what is logged from now on.
    pub fn set(&self, level: &str) -> Result<(), LogError> {
        let filter = filter(level)?;
        self.0.reload(filter).map_err(|error| LogError::Set(error.to_string()))
    }
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(level).map_err(|_| LogError::Level { level: level.to_owned() })
}

const USUAL: &str = "info";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_set_up_once_and_its_level_changes() {
        let log = Log { level: Some("warn,proxy=debug".to_owned()), json: true };
        let control = log.start(None).expect("the first");
        assert!(matches!(log.start(None), Err(LogError::Set(_))));
        control.set("debug").expect("a level");
        let error = control.set("info,proxy=loud").expect_err("no level").to_string();
        assert!(error.contains("write info, debug, or info,proxy=debug"), "{error}");
    }
}
