//! What is to be told outside of each message: written down before the message is filed, done by one task for each way,
//! beside all calls, and tried again for some two hours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::{Delivery, StoredMessage};
use tokio::time::MissedTickBehavior;

use super::Shared;
use crate::core::outbox::{Failed, Next, after};

/// A way in which messages are told outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// E-mail.
    Mail,
    /// A POST to the administrator's web address.
    Webhook,
}

impl How {
    /// As the database names it.
    fn name(self) -> &'static str {
        match self {
            How::Mail => "mail",
            How::Webhook => "webhook",
        }
    }

    fn given_up(self, shared: &Shared) -> &AtomicU64 {
        match self {
            How::Mail => &shared.counts.mails_failed,
            How::Webhook => &shared.counts.webhooks_failed,
        }
    }
}

/// Does what is due of one way, again and again. One that does not answer holds up nothing of the other.
pub(super) async fn keep(shared: Arc<Shared>, how: How) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        while shared.send_due(how, node::clock::unix_ms()).await {}
    }
}

impl Shared {
    /// Notes that this message is to be told, in each way that is wanted.
    pub(super) async fn promise(&self, user: &str, file: &str) {
        let settings = self.settings();
        let has_address = settings.owners.get(user).is_some_and(|owner| owner.email.is_some());
        let due = node::clock::unix_ms();
        for (how, is_wanted) in [
            (How::Mail, settings.config.mail.is_some() && has_address),
            (How::Webhook, settings.config.webhook.is_some()),
        ] {
            if is_wanted {
                let noted = self.mailboxes.deliver(file, how.name(), due).await;
                let _ = noted.map_err(|why| self.failed(&why));
            }
        }
    }

    /// The message was not filed after all.
    pub(super) async fn break_promise(&self, file: &str) {
        let _ = self.mailboxes.never_deliver(file).await.map_err(|why| self.failed(&why));
    }

    /// Does what is due now. True where more may be.
    pub(super) async fn send_due(&self, how: How, now_ms: u64) -> bool {
        let _alone = self.sending[how as usize].lock().await;
        let due = match self.mailboxes.due(how.name(), now_ms, DUE_MAX).await {
            Ok(due) => due,
            Err(why) => {
                self.failed(&why);
                return false;
            }
        };
        let count = due.len();
        for delivery in due {
            let noted = match after(delivery.tries, self.send(how, &delivery).await) {
                Next::Done => self.mailboxes.delivered(delivery.id).await,
                Next::GivenUp { why } => {
                    how.given_up(self).fetch_add(1, Ordering::Relaxed);
                    tracing::error!(
                        how = how.name(),
                        file = delivery.file,
                        why,
                        "nobody is told of a message; it stays in its mailbox"
                    );
                    self.mailboxes.delivered(delivery.id).await
                }
                Next::Again { wait, why } => {
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(
                        how = how.name(),
                        file = delivery.file,
                        why,
                        again_in_s = wait.as_secs(),
                        "a message cannot be told; it is tried again"
                    );
                    self.mailboxes.retry(delivery.id, now_ms.saturating_add(wait_ms)).await
                }
            };
            if let Err(why) = noted {
                // It is due still: another look, later, does not send it at once again.
                self.failed(&why);
                return false;
            }
        }
        count == DUE_MAX as usize
    }

    async fn send(&self, how: How, delivery: &Delivery) -> Result<(), Failed> {
        let message = self.message(&delivery.file).await?;
        match how {
            How::Mail => Ok(self.mail(&message).await?),
            How::Webhook => self.post(&message).await,
        }
    }

    async fn message(&self, file: &str) -> Result<StoredMessage, String> {
        let message = self.mailboxes.message(file).await.map_err(|why| why.to_string())?;
        // It was swept this very moment: there is nothing to tell.
        message.ok_or_else(|| "the message is not in a mailbox".to_owned())
    }
}

/// How often is looked.
const LOOK: Duration = Duration::from_secs(2);
/// What is done of one look before the next question to the database.
const DUE_MAX: u32 = 16;
