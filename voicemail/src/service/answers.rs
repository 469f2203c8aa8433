//! What dialogues ask, answered by the mailboxes.

use std::sync::atomic::Ordering;

use proto::{ServiceError, User};
use store::{MessageMark, Recording, StoredMessage};

use super::Shared;
use super::run::{Answer, Run};
use crate::core::{Changed, Counts, Effect, Filed, Kept, Mailbox, Mark, Message, Own, Verdict};
use crate::pin;

impl Run {
    /// Asks once. Where a mailbox cannot be asked, the answer says so.
    pub(super) async fn ask(&self, question: Effect) -> Answer {
        match question {
            Effect::File(message) => Answer::Filed(self.file(&message).await),
            Effect::LogIn { mailbox, pin, is_own } => {
                Answer::LoggedIn(self.log_in(&mailbox, pin, is_own).await)
            }
            Effect::Mark { mailbox, file, mark } => Answer::Marked(self.mark(&mailbox, &file, mark).await),
            Effect::SetOwn { mailbox, which, file } => {
                Answer::Changed(self.set_own(&mailbox, which, file).await)
            }
            Effect::ChangePin { mailbox, pin } => Answer::Changed(self.change_pin(&mailbox, pin).await),
            Effect::Forward { mailbox, message, comment, file } => {
                Answer::Filed(self.forward(&mailbox, message, comment, file).await)
            }
            Effect::Open { mailbox } => Answer::Opened(self.open(&mailbox).await.map(Box::new)),
            Effect::Command { .. }
            | Effect::Comment { .. }
            | Effect::Drop { .. }
            | Effect::Waiting { .. }
            | Effect::Finished => Answer::Opened(None),
        }
    }

    async fn open(&self, number: &str) -> Option<Mailbox> {
        let user = match self.shared.owner(number).await {
            Ok(user) => user?,
            Err(why) => {
                tracing::error!(run = self.name, number, %why, "the directory cannot say whose mailbox it is");
                return None;
            }
        };
        let config = &self.settings.config;
        let (messages_max, total_max) = (config.messages_max, total_ms(&self.settings.config));
        let settings =
            self.shared.mailboxes.settings(&user.name).await.map_err(|why| self.shared.failed(&why));
        let settings = settings.unwrap_or_default();
        let has_room = self.shared.mailboxes.has_room(&user.name, messages_max, total_max).await;
        // Where that cannot be said, what is recorded is kept, and filed once the mailboxes are back.
        let has_room = has_room.map_err(|why| self.shared.failed(&why)).unwrap_or(true);
        if !has_room {
            self.shared.counts.full.fetch_add(1, Ordering::Relaxed);
        }
        Some(Mailbox {
            number: number.to_owned(),
            name: settings.name,
            temporary: settings.temporary,
            no_answer: settings.no_answer,
            busy: settings.busy,
            operator: config.operator.clone(),
            listen: config.extension.as_ref().map(|number| number.get_ref().clone()),
            is_full: !has_room,
        })
    }

    async fn file(&self, message: &Message) -> Filed {
        let Ok(Some(user)) = self.shared.owner(&message.mailbox).await else { return Filed::Failed };
        let config = &self.settings.config;
        let stored = StoredMessage {
            file: message.file.clone(),
            user: user.name.clone(),
            caller: message.caller.clone(),
            caller_name: message.caller_name.clone(),
            at_ms: message.at_ms,
            length_ms: message.length_ms,
            is_urgent: message.is_urgent,
            is_new: true,
        };
        self.shared.promise(&user.name, &message.file).await;
        match self.shared.mailboxes.file(&stored, config.messages_max, total_ms(config)).await {
            Ok(true) => {
                self.shared.counts.filed.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    run = self.name,
                    user = user.name,
                    caller = message.caller,
                    length_ms = message.length_ms,
                    "a message was left"
                );
                Filed::Done(self.shared.counts_of(&user.name).await)
            }
            Ok(false) => {
                self.shared.counts.full.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    run = self.name,
                    user = user.name,
                    caller = message.caller,
                    "a message is lost: others have filled the mailbox meanwhile; raise messages_max or total_max"
                );
                self.shared.break_promise(&message.file).await;
                Filed::Full
            }
            Err(why) => {
                self.shared.failed(&why);
                Filed::Failed
            }
        }
    }

    async fn log_in(&self, number: &str, typed: Option<String>, is_own: bool) -> Verdict {
        let Ok(user) = self.shared.owner(number).await else { return Verdict::Failed };
        let Some(typed) = typed else {
            let is_own = is_own && user.as_ref().is_some_and(|user| user.name == self.started.caller.user);
            return match user {
                Some(user) if is_own && !self.wants_pin(&user).await => self.messages(&user).await,
                _ => Verdict::NeedsPin,
            };
        };
        let mailboxes = &self.shared.mailboxes;
        let counted = user.as_ref().map_or(number, |user| &user.name);
        let now = node::clock::unix_ms();
        let Ok(tries) = mailboxes.tries(counted).await.map_err(|why| self.shared.failed(&why)) else {
            return Verdict::Failed;
        };
        if tries.locked_ms > now {
            return locked(tries.locked_ms - now);
        }
        let right = self.is_right(user.as_deref(), typed).await;
        let (Some(user), Some(true)) = (&user, right) else {
            if right.is_none() {
                return Verdict::Failed;
            }
            return self.wrong(counted, now).await;
        };
        let _ = mailboxes.right(counted).await.map_err(|why| self.shared.failed(&why));
        self.messages(user).await
    }

    async fn wrong(&self, counted: &str, now: u64) -> Verdict {
        let config = &self.settings.config;
        let until = now.saturating_add(ms(*config.lock));
        self.shared.counts.wrong_pins.fetch_add(1, Ordering::Relaxed);
        let caller = &self.started.caller;
        tracing::warn!(
            run = self.name,
            mailbox = counted,
            caller = caller.number,
            user = caller.user,
            "a wrong PIN"
        );
        match self.shared.mailboxes.wrong(counted, now, config.wrong_pins_max, until).await {
            Ok(tries) if tries.locked_ms > now => locked(tries.locked_ms - now),
            Ok(_) => Verdict::Wrong,
            Err(why) => {
                self.shared.failed(&why);
                Verdict::Failed
            }
        }
    }

    async fn wants_pin(&self, user: &User) -> bool {
        if !self.settings.config.own_phone_pin {
            return false;
        }
        let kept = self.shared.mailboxes.settings(&user.name).await;
        let of_file = self.settings.owners.get(&user.name).is_some_and(|owner| owner.pin.is_some());
        of_file || kept.map_err(|why| self.shared.failed(&why)).is_ok_and(|kept| kept.pin.is_some())
    }

    /// Whether the PIN is that of the user. It takes as long where there is none, so that nobody can tell from outside.
    async fn is_right(&self, user: Option<&User>, typed: String) -> Option<bool> {
        let name = user.map_or("", |user| &user.name);
        let kept = self.shared.mailboxes.settings(name).await.map_err(|why| self.shared.failed(&why)).ok()?;
        let of_file = self.settings.owners.get(name).and_then(|owner| owner.pin.clone());
        let judged = self.shared.runtime.spawn_blocking(move || match (kept.pin, of_file) {
            (Some(kept), _) => pin::is_right(&typed, &kept),
            (None, of_file) => {
                let _as_long = pin::is_right(&typed, &pin::hash("", [0; 16]));
                of_file.is_some_and(|pin| pin::is_same(&typed, pin.reveal()))
            }
        });
        judged.await.ok()
    }

    async fn messages(&self, user: &User) -> Verdict {
        let messages = match self.shared.mailboxes.messages(&user.name).await {
            Ok(messages) => messages,
            Err(why) => {
                self.shared.failed(&why);
                return Verdict::Failed;
            }
        };
        let kept = messages.into_iter().map(|message| Kept {
            file: message.file,
            at_ms: message.at_ms,
            caller: message.caller,
            is_urgent: message.is_urgent,
            is_new: message.is_new,
            is_deleted: false,
        });
        Verdict::Open(kept.collect())
    }

    async fn mark(&self, number: &str, file: &str, mark: Mark) -> Counts {
        let Ok(Some(user)) = self.shared.owner(number).await else { return Counts::default() };
        let mark = match mark {
            Mark::Heard => MessageMark::Heard { at_ms: node::clock::unix_ms() },
            Mark::Deleted => MessageMark::Deleted { at_ms: node::clock::unix_ms() },
            Mark::Restored => MessageMark::Restored,
        };
        let marked = self.shared.mailboxes.mark(&user.name, file, mark).await;
        let _ = marked.map_err(|why| self.shared.failed(&why));
        self.shared.counts_of(&user.name).await
    }

    async fn set_own(&self, number: &str, which: Own, file: Option<String>) -> Changed {
        let Ok(Some(user)) = self.shared.owner(number).await else { return Changed::Failed };
        let which = match which {
            Own::Name => Recording::Name,
            Own::NoAnswer => Recording::NoAnswer,
            Own::Busy => Recording::Busy,
            Own::Temporary => Recording::Temporary,
        };
        match self.shared.mailboxes.set_recording(&user.name, which, file.as_deref()).await {
            Ok(before) => {
                if let Some(before) = before.filter(|before| file.as_ref() != Some(before)) {
                    self.shared.on_disk(move |records| records.remove(&before)).await;
                }
                Changed::Done
            }
            Err(why) => {
                self.shared.failed(&why);
                Changed::Failed
            }
        }
    }

    async fn change_pin(&self, number: &str, pin: String) -> Changed {
        if pin::check(&pin, self.settings.config.pin_digits_min, number).is_err() {
            return Changed::TooSimple;
        }
        let Ok(Some(user)) = self.shared.owner(number).await else { return Changed::Failed };
        match self.shared.set_pin(&user.name, Some(pin)).await {
            Ok(()) => Changed::Done,
            Err(_) => Changed::Failed,
        }
    }
}

impl Shared {
    /// Keeps a PIN, or forgets the one that was chosen.
    pub(super) async fn set_pin(&self, user: &str, pin: Option<String>) -> Result<(), ServiceError> {
        let salt = node::clock::seed().map(u64::to_le_bytes);
        let salt: [u8; 16] = std::array::from_fn(|at| salt[at / 8][at % 8]);
        let hash = self.runtime.spawn_blocking(move || pin.map(|pin| pin::hash(&pin, salt)));
        let hash = hash.await.map_err(|why| ServiceError::Unavailable(why.to_string()))?;
        self.mailboxes.set_pin(user, hash.as_deref()).await.map_err(|why| self.failed(&why))
    }

    pub(super) async fn counts_of(&self, user: &str) -> Counts {
        let counts = self.mailboxes.counts(user).await.map_err(|why| self.failed(&why)).unwrap_or_default();
        Counts {
            new: counts.new,
            old: counts.old,
            new_urgent: counts.new_urgent,
            old_urgent: counts.old_urgent,
        }
    }
}

fn locked(left_ms: u64) -> Verdict {
    Verdict::LockedFor { minutes: u32::try_from(left_ms.div_ceil(60_000)).unwrap_or(u32::MAX) }
}

pub(super) fn total_ms(config: &crate::Config) -> u64 {
    ms(*config.total_max)
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
