//! How a process ends: the first SIGTERM or Ctrl-C drains it, the second ends it at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether the process drains or ends. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// A process that goes on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens for SIGTERM and SIGINT from now on. To be called inside a runtime.
    pub fn watch_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = shutdown.stop.cancelled() => return,
                }
                shutdown.ask();
            }
        });
        Ok(())
    }

    /// What a signal does: drains, or ends a process that drains already.
    pub fn ask(&self) {
        if self.is_draining() {
            tracing::warn!("asked to end a second time: ending at once");
            self.stop();
        } else {
            tracing::info!("draining: no new calls; once more ends at once");
            self.drain();
        }
    }

    /// Refuses new work from now on, and lets what is under way end.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Ends the process.
    pub fn stop(&self) {
        self.drain.cancel();
        self.stop.cancel();
    }

    /// True once the process drains.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Waits for the drain.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Waits for the end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// For servers that take a token.
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_request_drains_and_the_second_ends() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_draining());
        shutdown.ask();
        shutdown.draining().await;
        assert!(!shutdown.token().is_cancelled());
        shutdown.ask();
        shutdown.stopped().await;
    }
}
