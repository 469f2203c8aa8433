//! What every request of a shard works with: the transaction layer, the settings, keys, timers and counts. It is
//! one value beside the table of response contexts, so that one of these can be changed while it uses this.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use proto::{ServiceError, Ticket};
use sip::branch::Branches;
use sip::transaction::{Endpoint, TransactionId};
use sip::wheel::Wheel;

use super::authenticate::Guard;
use super::call::application::Errand;
use super::call::elsewhere::Strays;
use super::call::table::Calls;
use super::counters::Counters;
use super::effect::{Answer, Effect, Turn};
use super::questions::Questions;
use super::settings::Settings;
use super::slots::{Full, Slot};

/// Whose a transaction is. It stands in the transaction's own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Nobody waits for it: it only absorbs repeats.
    Alone,
    /// The server transaction of a response context.
    Upstream(Slot),
    /// A client transaction of a response context: which branch.
    Branch(Slot, u16),
    /// The server transaction of a REGISTER.
    Registrant(Slot),
    /// The server transaction of an INVITE in a conducted call.
    Conducted(Slot),
    /// The client transaction of an INVITE that a leg of a conducted call has answered 2xx.
    Leg(Slot, u16),
    /// A client transaction of a conducted call: which crossing.
    Across(Slot, u16),
    /// A client transaction whose 2xx nobody wanted: its repeats are acknowledged.
    Late,
    /// A client transaction whose 2xx went upstream by this server transaction: its repeats go there too.
    Answered(TransactionId),
    /// The server transaction of a SUBSCRIBE.
    Subscriber(Slot),
    /// The NOTIFY of a subscription.
    Notified(Slot),
}

/// Who waits for an answer, and for which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiter {
    /// A context, for the keys of the caller.
    Caller(Slot),
    /// A context, for the user of one place of its step.
    Place(Slot, u16),
    /// A context, for the bindings of one place of its step.
    Bindings(Slot, u16),
    /// A context, for a newer flow of the phone at the other end of its dialog.
    Flow(Slot),
    /// A context, for the address of a branch.
    Address(Slot, u16),
    /// An INVITE server transaction, for where its client is (RFC 3263 §5).
    Client(TransactionId),
    /// A context, for the offer of a branch of its conducted call.
    Offered(Slot, u16),
    /// A conducted call, for early media.
    Early(Slot),
    /// A conducted call, for a request that crosses it.
    Crossing(Slot, u16),
    /// A conducted call, for what its caller is told while an application holds it.
    Attended(Slot),
    /// A conducted call, for the answer of somebody whom it rang, or his early media.
    Joined(Slot, u16),
    /// A conducted call, for a leg that is described anew: its number, and whether it has answered.
    Renewed(Slot, u16, bool),
    /// A conducted call, for what it had begun under that number.
    Begun(Slot, u32),
    /// Nobody, after the end of a call's media.
    Released,
    /// Nobody, after the media server was told that a call stands.
    Affirmed,
    /// A REGISTER, for the keys of its user.
    Registrant(Slot),
    /// A REGISTER, for its outcome.
    Registration(Slot),
    /// A SUBSCRIBE, for the keys of its sender.
    Watcher(Slot),
    /// A SUBSCRIBE, for whom it asks.
    Resource(Slot),
    /// A subscription, for what it tells.
    Watched(Slot),
    /// Phones that did not subscribe, for where they are and what waits.
    Unasked(Slot),
}

impl Waiter {
    /// What is said in the place of a service that did not answer in time.
    pub fn unanswered(self) -> Answer {
        match self {
            Self::Caller(_) | Self::Registrant(_) | Self::Watcher(_) => {
                Answer::Identified(Err(ServiceError::Deadline))
            }
            Self::Watched(_) | Self::Unasked(_) => Answer::Summarised(Err(ServiceError::Deadline)),
            Self::Place(..) | Self::Resource(_) => Answer::Found(Err(ServiceError::Deadline)),
            Self::Bindings(..) | Self::Flow(_) => Answer::Located(Err(ServiceError::Deadline)),
            Self::Address(..) | Self::Client(_) => Answer::Resolved(Err(ServiceError::Deadline)),
            Self::Begun(..) => Answer::Done(Err(ServiceError::Deadline)),
            Self::Offered(..)
            | Self::Early(_)
            | Self::Crossing(..)
            | Self::Attended(_)
            | Self::Renewed(..)
            | Self::Joined(..) => Answer::Described(Err(ServiceError::Deadline)),
            Self::Released | Self::Affirmed => Answer::Released(Err(ServiceError::Deadline)),
            Self::Registration(_) => Answer::Registered(Err(ServiceError::Deadline)),
        }
    }
}

/// The value.
pub(crate) struct Means {
    pub settings: Arc<Settings>,
    pub endpoint: Endpoint<User>,
    pub branches: Branches,
    pub guard: Guard,
    /// The nearest moment of each response context, by its place.
    pub wheel: Wheel,
    pub questions: Questions<Waiter>,
    pub counters: Counters,
    /// Conducted calls.
    pub calls: Calls,
    /// What a conducted call wants of the edge: done at the end of the input.
    pub errands: VecDeque<Errand>,
    /// Call-IDs whose messages come here although they are another shard's.
    pub strays: Strays,
    /// Calls in set-up of each user.
    pub calls_of: HashMap<Arc<str>, u32>,
    /// Room for one message that is being written.
    pub scratch: Vec<u8>,
    /// Room for one kept request that is being read while all of this changes.
    pub reading: Vec<u8>,
}

impl Means {
    /// Asks a service.
    pub fn ask(&mut self, turn: &mut Turn<'_>, who: Waiter, effect: Effect<'_>) -> Result<Ticket, Full> {
        let ticket = self.questions.open(turn.now, who)?;
        turn.out.ask(ticket, effect);
        Ok(ticket)
    }

    /// The Call-ID of a live transaction as the log shows it.
    pub fn shown_call_id(&self, transaction: TransactionId) -> Cow<'_, str> {
        String::from_utf8_lossy(self.endpoint.call_id(transaction).unwrap_or_default())
    }

    /// Sets or stops the one timer of a context.
    pub fn set_timer(&mut self, context: Slot, at: Option<Instant>) {
        match at {
            Some(at) => self.wheel.start(context.index, self.wheel.tick_at(at)),
            None => self.wheel.stop(context.index),
        }
    }

    /// A copy of a kept request in [`Means::reading`], which the caller puts back.
    pub fn read_again(&mut self, server: Option<TransactionId>) -> Vec<u8> {
        let mut octets = std::mem::take(&mut self.reading);
        octets.clear();
        let kept = server.and_then(|server| self.endpoint.kept_request(server));
        octets.extend_from_slice(kept.unwrap_or_default());
        octets
    }

    /// Counts a call of a user; `false` when the user has too many.
    pub fn begin_call(&mut self, user: &Arc<str>) -> bool {
        let max = self.settings.config.calls_per_user_max;
        let calls = self.calls_of.entry(Arc::clone(user)).or_insert(0);
        if *calls >= max {
            self.counters.user_limited += 1;
            return false;
        }
        *calls += 1;
        true
    }

    /// The end of what [`Means::begin_call`] began.
    pub fn end_call(&mut self, user: &Arc<str>) {
        if let Some(calls) = self.calls_of.get_mut(user) {
            *calls -= 1;
            if *calls == 0 {
                self.calls_of.remove(user);
            }
        }
    }
}
