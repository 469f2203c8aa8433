//! Notices that files changed: by looking at them each second, which works on every file system and in containers,
//! where a mounted file is replaced behind a link.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What files looked like at one moment: time, length and number of each, links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<(i64, i64, u64, u64)>>);

impl Stamp {
    /// Looks at the files now. One that is not there counts as such.
    pub fn of(files: &[PathBuf]) -> Self {
        let look = |file: &PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some((found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
        };
        Self(files.iter().map(look).collect())
    }
}

/// Waits for changes of files, or for SIGHUP.
#[derive(Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    known: Stamp,
    period: Duration,
    hang_up: Option<Signal>,
}

impl Watch {
    /// Watches files from now on, looking each `period` (one second is usual). To be called inside a runtime.
    pub fn new(files: Vec<PathBuf>, period: Duration) -> Self {
        let known = Stamp::of(&files);
        Self { files, known, period, hang_up: signal(SignalKind::hangup()).ok() }
    }

    /// Returns when a file has changed and has stayed so for one period, or at SIGHUP.
    pub async fn changed(&mut self) {
        let mut last = self.known.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.period) => {
                    let now = Stamp::of(&self.files);
                    // Half-written files are left alone until they rest.
                    if now == last && now != self.known {
                        self.known = now;
                        return;
                    }
                    last = now;
                }
                () = hung_up(&mut self.hang_up) => {
                    self.known = Stamp::of(&self.files);
                    return;
                }
            }
        }
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_file_is_noticed() {
        let file = std::env::temp_dir().join(format!("carillon-watch-{}", std::process::id()));
        std::fs::write(&file, "one").expect("the temporary folder is writable");
        let mut watch = Watch::new(vec![file.clone()], Duration::from_millis(1));
        std::fs::write(&file, "three").expect("the temporary folder is writable");
        watch.changed().await;
        std::fs::remove_file(&file).expect("it was written above");
        watch.changed().await;
    }
}
