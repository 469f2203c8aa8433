//! The caller's leg: which calls are conducted, and how one begins.

use std::collections::VecDeque;

use sip::dialog::Dialog;
use sip::message::{Message, Status};
use sip::transport::NextHop;
use smallvec::SmallVec;

use super::application::Runs;
use super::leg::Leg;
use super::reliable::Reliable;
use super::{Call, session_timer, write};
use crate::config::Anchor;
use crate::core::answer;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::request::Request;
use crate::core::response_context::{Kind, ResponseContext};
use crate::core::route::Step;
use crate::core::slots::Slot;
use crate::core::targets::Target;

impl ResponseContext {
    /// Decides, before anything is sent to a phone, whether the call is conducted. False when it should be and
    /// cannot; it has been answered then.
    pub fn may_conduct(&mut self, means: &mut Means, turn: &mut Turn<'_>) -> bool {
        let anchored = match self.plan.anchor.or(means.settings.config.anchor) {
            Some(Anchor::Never) | None => false,
            Some(Anchor::Nat) => self.may_meet_nat(),
            Some(Anchor::Always) => true,
        };
        let anchored = anchored || self.wants_application();
        if !anchored || self.kind != Kind::Invite || self.call.is_some() || !self.branches.is_empty() {
            return true;
        }
        self.begin_call(means, turn)
    }

    /// True when the caller or a phone that may be rung is behind NAT. Whoever a later step rings is not known yet, and
    /// nothing changes from proxied to conducted in mid-call: such a call is conducted.
    fn may_meet_nat(&self) -> bool {
        let is_behind =
            |target: &Target| target.behind_nat || target.spare.iter().any(|spare| spare.behind_nat);
        let later =
            self.plan.steps.as_deref().and_then(|steps| steps.get(self.plan.next..)).unwrap_or_default();
        let rings = |step: &Step| matches!(step, Step::Ring { .. });
        self.behind_nat || self.waiting.iter().any(is_behind) || later.iter().any(rings)
    }

    /// From now on the call is conducted. False when it cannot be; it has been answered then.
    pub fn begin_call(&mut self, means: &mut Means, turn: &mut Turn<'_>) -> bool {
        let octets = means.read_again(self.server);
        let begun = self.conduct(means, turn, &octets);
        means.reading = octets;
        match begun {
            Begun::Conducted(slot) => self.call = Some(slot),
            Begun::InDialog => {}
            Begun::Unsupported(ref tags) => {
                self.answer_ourselves(means, turn, 420, None, &[("Unsupported", tags)]);
            }
            Begun::TooShort(min) => {
                self.answer_ourselves(means, turn, 422, None, &[("Min-SE", &min.to_string())]);
            }
            Begun::Merged => self.answer_ourselves(means, turn, 482, Some("Merged Request"), &[]),
            Begun::Refused => {
                means.counters.overloaded += 1;
                let seconds = means.settings.config.retry_after.as_secs().to_string();
                self.answer_ourselves(means, turn, 503, None, &[("Retry-After", &seconds)]);
            }
        }
        matches!(begun, Begun::Conducted(_) | Begun::InDialog)
    }

    /// How the caller is reached.
    fn reach_caller(&self, leg: &mut Leg) {
        leg.listener = self.flow.listener;
        leg.reached = Some(NextHop::Flow(self.flow));
        // A phone that is reached as its Contact says needs no flow, and behind a proxy it is not the phone's.
        let keeps_flow = self.first_hop && (self.behind_nat || self.flow.connection.is_some());
        leg.flow = keeps_flow.then_some(self.flow);
    }

    fn conduct(&self, means: &mut Means, turn: &Turn<'_>, octets: &[u8]) -> Begun {
        let limits = means.settings.limits;
        let Ok(message) = Message::parse(octets, &limits) else { return Begun::Refused };
        let (Ok(request), Some(server)) = (Request::read(&message), self.server) else {
            return Begun::Refused;
        };
        if request.is_in_dialog() {
            return Begun::InDialog;
        }
        let unsupported = write::unsupported(&message);
        if !unsupported.is_empty() {
            return Begun::Unsupported(unsupported);
        }
        if let Some(min) = session_timer::too_short(&means.settings.config, &message) {
            return Begun::TooShort(min);
        }
        // One To-tag towards the caller, the same as that of our own refusals (RFC 3261 §12.1.1).
        let tag = answer::to_tag(&means.settings, &message);
        let secure = self.flow.transport.is_secure();
        let mut leg = Leg { media: 0, user: self.caller.clone(), ..Leg::new(request.call_id, &tag) };
        leg.learn_methods(&message);
        leg.dialog = Dialog::uas(&message, tag.as_bytes(), Status::of(180), secure).ok();
        if leg.dialog.is_none() {
            return Begun::Refused;
        }
        self.reach_caller(&mut leg);
        if means.calls.has_tag(&tag) {
            return Begun::Merged;
        }
        let name = write::draw(means);
        let call = Call {
            id: self.id,
            context: self.id,
            reliable: Reliable::of(&message, &name),
            name: name.into(),
            opened_by: request.call_id.into(),
            server,
            legs: vec![leg],
            peer: None,
            offered: write::sdp(&message).is_some(),
            early: None,
            ups: VecDeque::new(),
            early_asked: None,
            crossings: SmallVec::new(),
            askings: SmallVec::new(),
            picking: None,
            parked: None,
            slot: None,
            transfer: None,
            transfers: 0,
            serial: 0,
            straight: self.how_straight(means),
            has_media: false,
            ending: None,
            peer_knows: false,
            over: false,
            has_left: false,
            runs: Runs::default(),
            since: turn.now,
            user: self.caller.as_ref().map(|user| user.name.clone()).unwrap_or_default(),
            rule: self.plan.rule.clone(),
        };
        match means.calls.insert(call) {
            Ok(slot) => {
                means.counters.calls_conducted += 1;
                Begun::Conducted(slot)
            }
            Err(_) => Begun::Refused,
        }
    }
}

enum Begun {
    Conducted(Slot),
    /// Nothing changes from proxied to conducted in mid-call.
    InDialog,
    /// A session shorter than it may be (RFC 4028 §8.1): the least.
    TooShort(u32),
    /// The same request by another way (RFC 3261 §8.2.2.2).
    Merged,
    /// Extensions that a leg of ours would have to do, and does not (RFC 3261 §8.2.2.3).
    Unsupported(String),
    Refused,
}
