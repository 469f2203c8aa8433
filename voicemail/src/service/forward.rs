//! Messages sent on: another mailbox has a record and a row of its own, so that each owner deletes what is theirs.

use std::sync::atomic::Ordering;

use store::{Recorded, StoredMessage, Take};

use super::Shared;
use super::answers::total_ms;
use super::orphans::BEGIN_MS;
use super::run::Run;
use crate::core::{Filed, sent_on_as};

impl Run {
    pub(super) async fn forward(
        &self,
        number: &str,
        message: String,
        comment: Option<String>,
        file: String,
    ) -> Filed {
        let Ok(Some(user)) = self.shared.owner(number).await else { return Filed::Failed };
        let config = &self.settings.config;
        let room = (config.messages_max, total_ms(config));
        let caller = &self.started.caller;
        let take = Take {
            file: comment.clone().unwrap_or_default(),
            run: self.name.clone(),
            user: user.name.clone(),
            caller: caller.number.clone(),
            caller_name: caller.display_name.clone(),
            at_ms: node::clock::unix_ms(),
            message: Some(message),
        };
        let filed = match self.shared.send_on(&take, file, room).await {
            Some(true) => Filed::Done(self.shared.counts_of(&user.name).await),
            Some(false) => Filed::Full,
            // The comment stays: both are filed when the store is back.
            None => return Filed::Failed,
        };
        if let Some(comment) = comment {
            self.drop_recording(comment).await;
        }
        filed
    }
}

impl Shared {
    /// Files the message of a take as `file`, behind the take where it has a name; again changes nothing. False: the
    /// mailbox is full. `None`: that cannot be done now.
    async fn send_on(&self, take: &Take, file: String, room: (u32, u64)) -> Option<bool> {
        let name = take.message.as_deref().unwrap_or_default();
        let message = self.mailboxes.message(name).await.map_err(|why| self.failed(&why)).ok()?;
        // Where the message was swept meanwhile, the comment alone is left.
        let of = message.unwrap_or_else(|| StoredMessage {
            caller: take.caller.clone(),
            caller_name: take.caller_name.clone(),
            at_ms: take.at_ms,
            ..StoredMessage::default()
        });
        let parts: Vec<String> =
            [take.file.clone(), of.file.clone()].into_iter().filter(|part| !part.is_empty()).collect();
        let to = file.clone();
        let length = self.on_disk(move |records| records.join(&parts, &to)).await?;
        let length_ms = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
        let stored = StoredMessage { file, user: take.user.clone(), length_ms, is_new: true, ..of };
        self.promise(&take.user, &stored.file).await;
        let is_filed = self.mailboxes.file(&stored, room.0, room.1).await.map_err(|why| self.failed(&why));
        let is_filed = is_filed.ok()?;
        if is_filed {
            self.counts.filed.fetch_add(1, Ordering::Relaxed);
            tracing::info!(
                run = take.run,
                user = take.user,
                by = take.caller,
                caller = stored.caller,
                "a message was sent on"
            );
        } else {
            let file = stored.file;
            self.break_promise(&file).await;
            self.on_disk(move |records| records.remove(&file)).await;
        }
        Some(is_filed)
    }

    /// What a crash left of a forwarding: the mailbox was chosen, and a comment was begun.
    pub(super) async fn file_comment(&self, take: &Take, now_ms: u64) {
        let name = take.file.clone();
        match self.on_disk(move |records| records.state(&name)).await {
            Some(Recorded::Whole(_)) => {
                // There was room when it was chosen.
                if self.send_on(take, sent_on_as(&take.file), (u32::MAX, u64::MAX)).await.is_none() {
                    return;
                }
                self.counts.recovered.fetch_add(1, Ordering::Relaxed);
                self.tell(&take.user).await;
            }
            Some(Recorded::Nothing) if take.at_ms.saturating_add(BEGIN_MS) <= now_ms => {}
            Some(Recorded::Nothing | Recorded::Going) | None => return,
        }
        let name = take.file.clone();
        if self.on_disk(move |records| records.remove(&name)).await.is_some() {
            let _ = self.mailboxes.forget(&take.file).await.map_err(|why| self.failed(&why));
        }
    }
}
