//! Copies sound to the archive, and brings it back for those who listen.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proto::application::{Command, Sound};
use tokio::time::MissedTickBehavior;

use super::{NAME, Shared};

/// Looks now, and again and again, for what is to be copied.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_away = false;
    loop {
        looks.tick().await;
        let carried = shared.carry().await;
        match &carried {
            Ok(()) if is_away => tracing::info!("the archive of voicemail is back"),
            Err(why) if !is_away => tracing::error!(
                %why,
                "the archive of voicemail does not take recordings; they wait in the folder: look at [voicemail.archive]"
            ),
            _ => {}
        }
        is_away = carried.is_err();
    }
}

impl Shared {
    /// Does what is left to do for the archive.
    pub(super) async fn carry(&self) -> io::Result<()> {
        let records = self.records.clone();
        let local = self.settings().config.archive.as_ref().map_or(Duration::MAX, |archive| *archive.local);
        let now = node::clock::unix_ms();
        let carry = move || records.carry(NAME, local, now);
        let carried =
            self.runtime.spawn_blocking(carry).await.unwrap_or_else(|why| Err(io::Error::other(why)));
        match carried {
            Ok(carried) => {
                self.counts.archived.fetch_add(carried.kept, Ordering::Relaxed);
                Ok(())
            }
            Err(why) => {
                self.counts.archive_failed.fetch_add(1, Ordering::Relaxed);
                Err(why)
            }
        }
    }

    /// Brings what a command plays to where the media server looks for it.
    pub(super) async fn bring(&self, command: &Command) {
        let Command::Play { sounds, .. } = command else { return };
        if !self.records.has_archive() {
            return;
        }
        for sound in sounds {
            let Sound::File(name) = sound else { continue };
            if let Some(name) = name.strip_prefix("record:").map(str::to_owned) {
                self.on_disk(move |records| records.fetch(&name)).await;
            }
        }
    }
}

/// How often is looked: what a lost disk may take.
const LOOK: Duration = Duration::from_secs(5);
