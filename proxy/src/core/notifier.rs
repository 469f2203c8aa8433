//! The notifier beside the call core (RFC 6665): phones subscribe to what happens to a user, and are told.
//!
//! A SUBSCRIBE turns off from the stair of [`super`] before it would be routed (`subscribe`): its sender shows who he is
//! as callers do, the directory says whom he asks for, and the answer is 200 with a first NOTIFY. From then on a
//! `subscription` lives in the shard of its Call-ID, in the table here, until it is ended by either side, by its time,
//! or by a NOTIFY that fails. What is told is a `package` each: `summary` (RFC 3842), `dialog_info` (RFC 4235), `reginfo`
//! (RFC 3680). Calls are noted by `lamps` in the one table that all shards share, `watched`.
//!
//! Nothing of it is kept anywhere else. After a crash lamps are dark until phones subscribe again, which they do within
//! the time that they were given; a drain tells them to, before it ends.

mod dialog_info;
pub(crate) mod lamps;
mod package;
mod reginfo;
mod subscribe;
mod subscription;
mod summary;
mod unasked;
pub mod watched;
mod write;
mod xml;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sip::wheel::Wheel;
use smallvec::SmallVec;

pub(crate) use package::Package;
pub(crate) use subscribe::{Subscribing, WRONG_PACKAGE};
use subscription::{Subscription, Why};
use unasked::Unasked;

use super::edge::{AtHand, Edge};
use super::effect::{Answer, Change, Turn};
use super::means::{Means, Waiter};
use super::request::Request;
use super::slots::{Slot, Slots};
use watched::Watched;

/// The subscriptions of a shard.
pub(crate) struct Notifier {
    /// SUBSCRIBEs that wait for an answer of a service.
    pub asking: Slots<Subscribing>,
    subscriptions: Slots<Box<Subscription>>,
    /// Our tag of each.
    by_tag: HashMap<Box<[u8]>, Slot>,
    /// Who is watched, and by which.
    by_resource: HashMap<(Package, Arc<str>), SmallVec<[Slot; 2]>>,
    /// How many each user has.
    of_user: HashMap<Arc<str>, u32>,
    wheel: Wheel,
    watched: Arc<Watched>,
    unasked: Unasked,
    /// True while this edge drains.
    pub drains: bool,
}

/// Why a subscription is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `subscriptions_max`.
    Full,
    /// `subscriptions_per_user_max`.
    OfUser,
}

impl Notifier {
    /// An empty table for at most `max` subscriptions.
    pub fn new(max: usize, watched: Arc<Watched>, now: Instant) -> Self {
        Self {
            asking: Slots::new(max),
            subscriptions: Slots::new(max),
            by_tag: HashMap::new(),
            by_resource: HashMap::new(),
            of_user: HashMap::new(),
            wheel: Wheel::new(now, 0),
            watched,
            unasked: Unasked::new(now),
            drains: false,
        }
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// The nearest moment of all of them.
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.deadline().into_iter().chain(self.unasked.deadline()).min()
    }

    /// True when the drain has come to them.
    pub fn is_to_end(&self) -> bool {
        self.drains && self.len() > 0
    }

    /// The Call-ID of one.
    pub fn call_id_of(&self, slot: Slot) -> Option<Vec<u8>> {
        Some(self.subscriptions.get(slot)?.dialog.id().call_id.to_vec())
    }

    /// The next one whose moment has come.
    fn due(&mut self, now: Instant) -> Option<Slot> {
        while let Some(index) = self.wheel.pop(now) {
            if let Some(slot) = self.subscriptions.at(index) {
                return Some(slot);
            }
        }
        None
    }

    /// Adds one whose tag is not there yet.
    fn insert(&mut self, subscription: Subscription, per_user_max: u32) -> Result<Slot, Refused> {
        let user = subscription.user();
        let count = user.as_ref().and_then(|user| self.of_user.get(user)).copied().unwrap_or(0);
        if count >= per_user_max {
            return Err(Refused::OfUser);
        }
        let tag = subscription.dialog.id().local_tag.clone();
        let (watched, from) = (subscription.watched(), subscription.from);
        let slot = self.subscriptions.insert(Box::new(subscription)).map_err(|_| Refused::Full)?;
        if let Some(subscription) = self.subscriptions.get_mut(slot) {
            subscription.id = slot;
        }
        self.by_tag.insert(tag, slot);
        match watched.0 {
            Package::Summary => self.watched.subscribed(&watched.1, from),
            Package::Dialog => self.watched.watch(&watched.1),
            Package::Registration => self.watched.count_registration(true),
        }
        self.by_resource.entry(watched).or_default().push(slot);
        if let Some(user) = user {
            *self.of_user.entry(user).or_insert(0) += 1;
        }
        Ok(slot)
    }

    /// Removes one; what is still under way for it is nobody's.
    fn remove(&mut self, slot: Slot) -> Option<Box<Subscription>> {
        let subscription = self.subscriptions.remove(slot)?;
        self.wheel.stop(slot.index);
        self.by_tag.remove(&subscription.dialog.id().local_tag);
        let watched = subscription.watched();
        match watched.0 {
            Package::Summary => self.watched.unsubscribed(&watched.1, subscription.from),
            Package::Dialog => self.watched.unwatch(&watched.1),
            Package::Registration => self.watched.count_registration(false),
        }
        if let Some(slots) = self.by_resource.get_mut(&watched) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.by_resource.remove(&watched);
            }
        }
        if let Some(user) = subscription.user()
            && let Some(count) = self.of_user.get_mut(&user)
        {
            *count -= 1;
            if *count == 0 {
                self.of_user.remove(&user);
            }
        }
        Some(subscription)
    }

    /// The subscription that a request belongs to: all of the dialog's name must fit (RFC 3261 §12.2.2).
    fn find(&self, request: &Request<'_>) -> Option<Slot> {
        let slot = *self.by_tag.get(request.to_tag)?;
        let id = self.subscriptions.get(slot)?.dialog.id();
        (*id.call_id == *request.call_id && *id.remote_tag == *request.from_tag).then_some(slot)
    }

    /// The one of a Call-ID.
    pub fn with_call_id(&self, call_id: &[u8]) -> Option<Slot> {
        self.subscriptions.names().find(|slot| {
            self.subscriptions.get(*slot).is_some_and(|other| *other.dialog.id().call_id == *call_id)
        })
    }

    /// Those that watch this of a user.
    fn watching(&self, package: Package, user: &Arc<str>) -> SmallVec<[Slot; 2]> {
        self.by_resource.get(&(package, Arc::clone(user))).cloned().unwrap_or_default()
    }

    /// Removes one after a panic, and tells nobody.
    pub fn forget(&mut self, slot: Slot) {
        self.remove(slot);
    }
}

impl Edge {
    /// Lets a subscription go on, then removes it or sets its timer: the one exit.
    pub(crate) fn with_subscription<R>(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        go_on: impl FnOnce(&mut Subscription, &mut Means, &mut Turn<'_>) -> R,
    ) -> Option<R> {
        let subscription = self.notifier.subscriptions.get_mut(slot)?;
        self.at_hand = Some(AtHand::Subscription(slot));
        let result = go_on(subscription, &mut self.means, turn);
        self.at_hand = None;
        if subscription.over {
            if let Some(ticket) = subscription.asked.take() {
                self.means.questions.close(ticket);
            }
            self.notifier.remove(slot);
        } else {
            let at = subscription.deadline(&self.means.settings.config.notifier);
            self.notifier.wheel.start(slot.index, self.notifier.wheel.tick_at(at));
        }
        Some(result)
    }

    /// Something that is watched has changed.
    pub(crate) fn on_change(&mut self, turn: &mut Turn<'_>, change: Change) {
        match change {
            Change::Waiting { user, waiting } => {
                for slot in self.notifier.watching(Package::Summary, &user) {
                    self.with_subscription(turn, slot, |subscription, means, turn| {
                        subscription.on_waiting(means, turn, Ok(Some((*waiting).clone())));
                    });
                }
                self.remind(turn, &user, &waiting);
            }
            Change::Calls(user) => {
                for slot in self.notifier.watching(Package::Dialog, &user) {
                    self.with_subscription(turn, slot, |subscription, means, turn| {
                        subscription.due = true;
                        subscription.tell(means, turn);
                    });
                }
            }
            Change::Bindings(aor) => {
                for slot in self.notifier.watching(Package::Registration, &aor) {
                    self.with_subscription(turn, slot, |subscription, means, turn| {
                        subscription.ask(means, turn);
                    });
                }
            }
            Change::WaitingLost => self.ask_all_again(turn, Package::Summary),
            Change::BindingsLost => self.ask_all_again(turn, Package::Registration),
        }
    }

    fn ask_all_again(&mut self, turn: &mut Turn<'_>, package: Package) {
        let slots: Vec<Slot> = self.notifier.subscriptions.names().collect();
        for slot in slots {
            self.with_subscription(turn, slot, |subscription, _, turn| {
                if subscription.package == package {
                    subscription.ask_again(turn.now);
                }
            });
        }
    }

    /// Hands an answer to the SUBSCRIBE or subscription that waits for it.
    pub(crate) fn on_notifiers_answer(
        &mut self,
        turn: &mut Turn<'_>,
        waiter: Waiter,
        slot: Slot,
        answer: Answer,
    ) {
        if matches!(waiter, Waiter::Watcher(_) | Waiter::Resource(_)) {
            self.at_hand = Some(AtHand::Subscribing(slot));
        }
        match (waiter, answer) {
            (Waiter::Watcher(_), Answer::Identified(answer)) => self.on_watcher(turn, slot, answer),
            (Waiter::Resource(_), Answer::Found(answer)) => self.on_resource(turn, slot, answer),
            (Waiter::Unasked(_), Answer::Found(answer)) => self.on_reminded_user(turn, slot, answer),
            (Waiter::Unasked(_), Answer::Located(answer)) => self.on_reminded_phones(turn, slot, answer),
            (Waiter::Unasked(_), Answer::Summarised(answer)) => self.on_reminded_count(turn, slot, answer),
            (_, Answer::Summarised(answer)) => {
                self.with_subscription(turn, slot, |subscription, means, turn| {
                    subscription.asked = None;
                    subscription.on_waiting(means, turn, answer);
                });
            }
            (_, Answer::Located(answer)) => {
                self.with_subscription(turn, slot, |subscription, means, turn| {
                    subscription.asked = None;
                    subscription.on_bindings(means, turn, answer);
                });
            }
            (..) => tracing::error!("a service answered another question than it was asked"),
        }
        self.at_hand = None;
    }

    /// Those whose moment has come. A drain comes to all of them: each subscriber is told to come again a little later,
    /// here or elsewhere.
    pub(crate) fn on_subscriptions_due(&mut self, turn: &mut Turn<'_>) {
        if self.notifier.is_to_end() {
            let slots: Vec<Slot> = self.notifier.subscriptions.names().collect();
            for slot in slots {
                self.with_subscription(turn, slot, |subscription, means, turn| {
                    subscription.end(means, turn, Why::Probation);
                });
            }
        }
        self.on_reminders_due(turn);
        while let Some(slot) = self.notifier.due(turn.now) {
            self.with_subscription(turn, slot, Subscription::on_time);
        }
    }
}
