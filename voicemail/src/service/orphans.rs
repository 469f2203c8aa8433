//! What nobody looks after: recordings of calls that a crash ended, messages thrown away, old tries.
//!
//! Whose a recording is was written before it began ([`store::Take`]); the media server gives it its ending once it is
//! whole, after a crash too. So whatever process was killed, what was said is filed at the latest [`LOOK`] after all are
//! back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use store::{Recorded, StoredMessage, Take};
use tokio::time::MissedTickBehavior;

use super::Shared;

/// Looks now, and again and again.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        shared.file_orphans(node::clock::unix_ms()).await;
        shared.sweep(node::clock::unix_ms()).await;
    }
}

impl Shared {
    /// Files what calls left behind that are not here any more.
    pub(super) async fn file_orphans(&self, now_ms: u64) {
        let begun = match self.mailboxes.begun().await {
            Ok(begun) => begun,
            Err(why) => {
                self.failed(&why);
                return;
            }
        };
        let mut runs: BTreeMap<String, Vec<Take>> = BTreeMap::new();
        for take in begun {
            runs.entry(take.run.clone()).or_default().push(take);
        }
        for (run, takes) in runs {
            if !self.runs.lock().contains_key(&run) {
                let (comments, takes) = takes.into_iter().partition(|take| take.message.is_some());
                for comment in comments {
                    self.file_comment(&comment, now_ms).await;
                }
                self.file_orphan(takes, now_ms).await;
            }
        }
    }

    /// The takes of one call: the last one that is long enough is the message; the others were recorded again.
    async fn file_orphan(&self, takes: Vec<Take>, now_ms: u64) {
        let message_min = *self.settings().config.message_min;
        let mut kept: Option<(Take, Duration)> = None;
        let mut dropped = Vec::new();
        for take in takes {
            let name = take.file.clone();
            match self.on_disk(move |records| records.state(&name)).await {
                Some(Recorded::Whole(length)) if length >= message_min => {
                    dropped.extend(kept.replace((take, length)).map(|(before, _)| before));
                }
                // It goes on, or will be finished when the media server is back; or the disk cannot say.
                Some(Recorded::Going) | None => return,
                // The recording may be about to begin.
                Some(Recorded::Nothing) if take.at_ms.saturating_add(BEGIN_MS) > now_ms => return,
                Some(Recorded::Whole(_) | Recorded::Nothing) => dropped.push(take),
            }
        }
        if let Some((take, length)) = kept
            && !self.file_take(&take, length).await
        {
            return;
        }
        for take in dropped {
            let name = take.file.clone();
            if self.on_disk(move |records| records.remove(&name)).await.is_some() {
                let _ = self.mailboxes.forget(&take.file).await.map_err(|why| self.failed(&why));
            }
        }
    }

    async fn file_take(&self, take: &Take, length: Duration) -> bool {
        let message = StoredMessage {
            file: take.file.clone(),
            user: take.user.clone(),
            caller: take.caller.clone(),
            caller_name: take.caller_name.clone(),
            at_ms: take.at_ms,
            length_ms: u32::try_from(length.as_millis()).unwrap_or(u32::MAX),
            is_urgent: false,
            is_new: true,
        };
        // The caller was told that there is room.
        self.promise(&take.user, &take.file).await;
        if let Err(why) = self.mailboxes.file(&message, u32::MAX, u64::MAX).await {
            self.failed(&why);
            return false;
        }
        tracing::warn!(
            user = take.user,
            caller = take.caller,
            run = take.run,
            "a message of a call that was cut off is filed"
        );
        self.counts.recovered.fetch_add(1, Ordering::Relaxed);
        self.tell(&take.user).await;
        true
    }

    async fn sweep(&self, now_ms: u64) {
        let retention = *self.settings().config.retention;
        let ago = |duration: Duration| {
            now_ms.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
        };
        let heard_before = if retention.is_zero() { 0 } else { ago(retention) };
        let swept = match self.mailboxes.sweep(ago(RESTORE), heard_before, ago(OLD)).await {
            Ok(swept) => swept,
            Err(why) => {
                self.failed(&why);
                return;
            }
        };
        for (user, file) in swept {
            self.on_disk(move |records| records.remove(&file)).await;
            self.tell(&user).await;
        }
    }
}

/// How often is looked.
const LOOK: Duration = Duration::from_secs(10);
/// After what time a recording that has not begun never will.
pub(super) const BEGIN_MS: u64 = 60_000;
/// For how long a message that was thrown away is kept: longer than the call in which it can be brought back.
const RESTORE: Duration = Duration::from_secs(24 * 3600);
/// After what time wrong PINs and what runs were answered are forgotten.
const OLD: Duration = Duration::from_secs(7 * 24 * 3600);
