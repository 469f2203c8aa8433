//! Calls of other shards. A shard alone owns its calls, so whoever names a call of another one has to meet it there: an
//! INVITE that takes a call over goes to it whole, once its sender is known; for a transfer the leg that is wanted comes
//! to the call that wants it. The messages of what has moved follow by an exception to the rule of their Call-ID
//! ([`node::shard::Spread::detour`]).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::application::Started;
use sip::branch::LoopHash;
use sip::header::{ReferTo, Replaces};
use sip::message::{Message, Name};
use sip::transaction::{Event, TransactionId};
use sip::transport::{Flow, Packet};

use super::Call;
use super::application::Errand;
use super::leg::Leg;
use super::refer::Found;
use super::slot::Place;
use crate::core::answer;
use crate::core::edge::Edge;
use crate::core::effect::{Passed, Turn};
use crate::core::means::Means;
use crate::core::request::Request;
use crate::core::response_context::ResponseContext;
use crate::core::route_headers::Way;

/// What one shard hands to another.
#[derive(Debug)]
pub(crate) enum Handed {
    /// An INVITE that takes over a call of the other.
    Invite(Box<Invite>),
    /// A transfer wants a leg of the other.
    Wanted(Box<Wanted>),
    /// The answer to that.
    Given(Box<Wanted>, Given),
}

/// An INVITE on its way through the shards.
#[derive(Debug)]
pub(crate) struct Invite {
    octets: Vec<u8>,
    flow: Flow,
    way: Way,
    seen: LoopHash,
    caller: Arc<proto::User>,
    tried: u16,
}

/// What a transfer wants of another shard.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The shard that wants it.
    by: u16,
    /// The name of the call there.
    call: Box<str>,
    /// Which dialog it names: a value of Replaces.
    replaces: Box<[u8]>,
    /// False when an application or a slot is of no use to it.
    takes_run: bool,
    /// The REFER.
    refer: Box<[u8]>,
}

/// What it gets.
#[derive(Debug)]
pub(crate) enum Given {
    /// Whom the transferor talks with there.
    Leg(Box<Leg>),
    /// The application that he talks with, which begins so.
    Run(Box<Started>),
    /// The slot that he has heard of.
    Slot(Place),
    /// Nobody yet: it rang, and is silenced.
    Rang,
    /// Nothing, with the status that says so.
    Nothing(u16),
}

/// Call-IDs that come here by exception, and when it is looked again whether anything of them is left.
pub(crate) type Strays = VecDeque<(Box<[u8]>, Instant)>;

impl ResponseContext {
    /// Hands the INVITE to another shard, and is done with it.
    pub fn pass_on(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        octets: &[u8],
        server: TransactionId,
        shard: u16,
    ) {
        let Some(caller) = self.caller.clone() else { return };
        let (call_id, own) = (sip::scan::call_id(octets).unwrap_or_default(), means.own_shard());
        let invite = Invite {
            octets: octets.to_vec(),
            flow: self.flow,
            way: std::mem::take(&mut self.way),
            seen: self.seen,
            caller,
            tried: self.tried + 1,
        };
        let spread = &means.settings.spread;
        let passed = spread.detour(call_id, shard)
            && turn.out.pass(shard, Passed(Handed::Invite(Box::new(invite)))).is_ok();
        if !passed {
            means.settings.spread.detour(call_id, own);
            means.counters.overloaded += 1;
            return self.answer_ourselves(means, turn, 503, None, &[("Retry-After", "10")]);
        }
        means.counters.passed += 1;
        means.endpoint.end(server);
        self.server = None;
        self.answered = Some(PASSED);
    }
}

impl Edge {
    /// Something of another shard has come.
    pub(crate) fn on_passed(&mut self, turn: &mut Turn<'_>, handed: Handed) {
        match handed {
            Handed::Invite(invite) => self.on_invite_passed(turn, *invite),
            Handed::Wanted(wanted) => {
                let (by, given) = (wanted.by, self.means.give(turn, &wanted));
                if let Err(Passed(Handed::Given(_, Given::Leg(leg)))) =
                    turn.out.pass(by, Passed(Handed::Given(wanted, given)))
                {
                    self.means.counters.overloaded += 1;
                    self.means.settings.spread.detour(&leg.call_id, self.means.own_shard());
                    leg.say_bye(&mut self.means, turn);
                }
            }
            Handed::Given(wanted, given) => {
                if let Given::Leg(leg) = &given {
                    self.means.note_stray(&leg.call_id, turn.now);
                }
                let slot = self.means.calls.named(&wanted.call);
                let mut left = Some(given);
                if let Some(slot) = slot {
                    self.means.with_call(turn, slot, |call, means, turn| {
                        left = left.take().and_then(|given| call.on_given(means, turn, &wanted, given));
                    });
                }
                if let Some(Given::Leg(leg)) = left {
                    // Whoever wanted it has gone.
                    leg.say_bye(&mut self.means, turn);
                }
            }
        }
    }

    fn on_invite_passed(&mut self, turn: &mut Turn<'_>, invite: Invite) {
        let packet = Packet { octets: &invite.octets, flow: invite.flow, arrived: turn.now };
        let limits = self.means.settings.limits;
        let Ok(message) = Message::parse(&invite.octets, &limits) else { return };
        let Ok(request) = Request::read(&message) else { return };
        self.means.note_stray(request.call_id, turn.now);
        let Event::Request { key } = self.means.endpoint.receive(turn.now, &message, turn.out.wire()) else {
            return;
        };
        let Some(slot) = self.open(turn, &packet, &request, key, invite.seen, invite.way) else {
            return self.answer_busy(turn, &packet, &message);
        };
        self.with_context(turn, slot, |context, means, turn| {
            answer::trying(means, turn, context);
            context.caller = Some(invite.caller);
            context.tried = invite.tried;
            context.route(means, turn);
        });
    }
}

impl Means {
    /// The number of this shard.
    pub fn own_shard(&self) -> u16 {
        u16::from(self.settings.shard)
    }

    /// Messages of this Call-ID come here by exception.
    fn note_stray(&mut self, call_id: &[u8], now: Instant) {
        self.strays.push_back((call_id.into(), now + LOOKED_AGAIN));
    }

    /// When it is looked again whether they must.
    pub fn strays_deadline(&self) -> Option<Instant> {
        self.strays.front().map(|(_, at)| *at)
    }

    /// It may have come: what nothing is left of goes its own way again.
    pub fn on_strays_due(&mut self, now: Instant) {
        while self.strays.front().is_some_and(|(_, at)| *at <= now)
            && let Some((call_id, _)) = self.strays.pop_front()
        {
            let is_used =
                self.calls.with_call_id(&call_id).is_some() || !self.endpoint.of_call(&call_id).is_empty();
            if is_used {
                self.note_stray(&call_id, now);
            } else {
                self.settings.spread.straighten(&call_id, self.own_shard());
            }
        }
    }

    /// What another shard gets that wants a leg of a call here; that call ends.
    fn give(&mut self, turn: &mut Turn<'_>, wanted: &Wanted) -> Given {
        let named = Replaces::parse(&wanted.replaces).ok();
        let Some((slot, replaced)) = named.and_then(|named| self.calls.find_replaced(&named)) else {
            return Given::Nothing(481);
        };
        let target = match self.calls.get(slot).map(|call| call.to_transfer(replaced)) {
            Some(Found::Rings(context)) => {
                self.errands.push_back(Errand::Silence(context));
                return Given::Rang;
            }
            Some(Found::Leg(target)) => target,
            Some(Found::Run(started)) if wanted.takes_run => {
                self.with_call(turn, slot, |call, means, turn| call.end_transferred(means, turn, None));
                return Given::Run(started);
            }
            Some(Found::Slot) if wanted.takes_run => {
                let place = self.calls.call_mut(slot).and_then(|call| call.slot.take());
                let Some(place) = place else { return Given::Nothing(481) };
                place.move_to(wanted.by);
                self.with_call(turn, slot, |call, means, turn| call.end_transferred(means, turn, None));
                return Given::Slot(place);
            }
            Some(Found::Run(_) | Found::Slot | Found::Nobody) => return Given::Nothing(603),
            None => return Given::Nothing(481),
        };
        let leads_there = |leg: &Leg| self.settings.spread.detour(&leg.call_id, wanted.by);
        if !self.calls.get(slot).and_then(|call| call.leg(target)).is_some_and(leads_there) {
            return Given::Nothing(503);
        }
        let Some(leg) = self.calls.take_leg(slot, target) else { return Given::Nothing(481) };
        self.with_call(turn, slot, |call, means, turn| call.end_transferred(means, turn, Some(target)));
        Given::Leg(Box::new(leg))
    }
}

impl Call {
    /// Asks another shard for whom the transferor talks with there; false when it cannot be asked.
    pub fn want(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        replaces: &Replaces<'_>,
        value: &[u8],
    ) -> bool {
        let (shard, by) = (means.settings.spread.shard_of(replaces.call_id), means.own_shard());
        if shard == by {
            return false;
        }
        let takes_run = self.transfer.as_ref().is_some_and(|transfer| transfer.of.is_some());
        let (call, replaces, refer) = (self.name.clone(), value.into(), message.octets().into());
        let wanted = Wanted { by, call, replaces, takes_run, refer };
        let asked = turn.out.pass(shard, Passed(Handed::Wanted(Box::new(wanted)))).is_ok();
        if asked && let Some(transfer) = &mut self.transfer {
            transfer.until = Some(turn.now + ANSWERED_WITHIN);
        }
        asked
    }

    /// The other shard has answered. What nobody here wants any more comes back.
    fn on_given(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        wanted: &Wanted,
        given: Given,
    ) -> Option<Given> {
        let waits = self.transfer.as_mut().and_then(|transfer| transfer.until.take()).is_some();
        if self.over || !waits {
            return Some(given);
        }
        match given {
            Given::Leg(leg) => match self.take_in(means, *leg) {
                Ok(number) => {
                    self.complete_transfer(means, turn, number, true);
                }
                Err(leg) => {
                    self.fail_transfer(means, turn, 503);
                    return Some(Given::Leg(leg));
                }
            },
            Given::Slot(place) => self.park(means, turn, place),
            Given::Run(started) => self.meet_application(means, turn, *started),
            Given::Rang => {
                let Ok(message) = Message::parse(&wanted.refer, &means.settings.limits) else { return None };
                if let Some(Ok(refer_to)) = message.first(Name::ReferTo).map(ReferTo::parse) {
                    self.transfer_blindly(means, turn, &message, &refer_to);
                }
            }
            Given::Nothing(status) => self.fail_transfer(means, turn, status),
        }
        None
    }
}

/// What stands for the final response of an INVITE that another shard answers: none of a call that was connected.
const PASSED: u16 = 699;
/// How often it is looked whether a Call-ID is in use still: as long as transactions repeat themselves (64 × T1).
const LOOKED_AGAIN: Duration = Duration::from_secs(32);
/// How long a transfer waits for another shard.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
