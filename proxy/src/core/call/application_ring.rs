//! Ringing somebody for a call that has its caller already: an application dials or transfers, or the dial plan goes on
//! behind an application. It is a response context of its own, without a request that waits for its answer: forking,
//! seconds and the choice of a failure are those of every call, and only its outcome is told elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::application::{Party, Reached};
use sip::branch::LoopHash;
use sip::edit::Edit;
use sip::message::{Message, Name};
use sip::transport::NextHop;
use sip::uri::Uri;

use crate::core::best::Answer;
use crate::core::divert::Chain;
use crate::core::edge::Edge;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::request;
use crate::core::response_context::{Kind, ResponseContext};
use crate::core::route::{Call, Decision, Step};
use crate::core::route_headers::Way;
use crate::core::settings::Settings;
use crate::core::slots::Slot;

/// What a context that rings for a call knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    /// Which ringing of the call.
    pub serial: u16,
    /// Who calls, as applications are told.
    pub caller: Party,
    /// When it has taken too long.
    pub until: Option<Instant>,
}

/// Whom to ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub serial: u16,
    pub to: To,
    /// Who dials, as the dial plan knows him: name and extension.
    pub by: (String, String),
    pub caller: Party,
    /// For how long at most.
    pub within: Option<Duration>,
    /// Who has sent the call on (RFC 5806 §4).
    pub chain: Chain,
    /// Whether an application may take the call when nobody else does.
    pub hands_over: bool,
    /// The INVITE that is turned to whom is rung; empty for the caller's own.
    pub invite: Box<[u8]>,
}

/// Where a call is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    /// A name or number, or what is wanted of an application: `voicemail/deposit:bob`.
    Number(String),
    /// What is left of a decision of the dial plan.
    Steps(Decision, usize),
}

impl Edge {
    /// Rings.
    pub(crate) fn ring(&mut self, turn: &mut Turn<'_>, call: Slot, order: &Order) {
        let Some(slot) = self.open_ring(turn, call, order) else {
            self.means.counters.overloaded += 1;
            return self.on_ring_failed(turn, call, order.serial, Reached::Unreachable);
        };
        let decision = order.decision(&self.means.settings, turn);
        let chain = order.chain.clone();
        let next = if let To::Steps(_, next) = order.to { next } else { 0 };
        self.with_context(turn, slot, |context, means, turn| match decision {
            Some(decision) => {
                context.plan.diversions.chain = chain;
                context.plan.rule = Some(decision.rule);
                context.plan.steps = Some(decision.steps);
                context.plan.next = next;
                context.next_step(means, turn);
            }
            None => context.answer_ourselves(means, turn, 404, None, &[]),
        });
    }

    fn open_ring(&mut self, turn: &Turn<'_>, slot: Slot, order: &Order) -> Option<Slot> {
        let settings = Arc::clone(&self.means.settings);
        let call = self.means.calls.get(slot)?;
        let flow_of = |leg: &super::leg::Leg| match leg.reached {
            Some(NextHop::Flow(flow)) => Some(flow),
            Some(NextHop::Address { .. }) | None => None,
        };
        let flow = call.legs.iter().find_map(flow_of)?;
        let invite = if order.invite.is_empty() { &call.runs.invite } else { &order.invite };
        let octets = order.request(&settings, invite)?;
        let until = order.within.map(|within| turn.now + within);
        let ring = Ring { serial: order.serial, caller: order.caller.clone(), until };
        let context = ResponseContext {
            octets,
            call: Some(slot),
            ring: Some(Box::new(ring)),
            breadth: settings.config.breadth_max,
            ..ResponseContext::new(Kind::Invite, flow, turn.now, LoopHash::NONE, Way::default())
        };
        let own = self.contexts.insert(Box::new(context)).ok()?;
        self.contexts.get_mut(own)?.id = own;
        self.means.calls.call_mut(slot)?.note_ring(order.serial, own);
        Some(own)
    }

    /// Sends an INVITE that nobody has answered elsewhere.
    pub(crate) fn reroute(&mut self, turn: &mut Turn<'_>, context: Slot, order: &Order) {
        let decision = order.decision(&self.means.settings, turn);
        let chain = order.chain.clone();
        self.with_context(turn, context, |context, means, turn| {
            context.held = false;
            context.plan.diversions.chain = chain;
            match decision {
                Some(decision) if context.answered.is_none() => context.follow_plan(means, turn, decision),
                _ => context.answer_ourselves(means, turn, 404, None, &[]),
            }
        });
    }

    pub(crate) fn on_ring_failed(&mut self, turn: &mut Turn<'_>, call: Slot, serial: u16, why: Reached) {
        self.means.with_call(turn, call, |call, means, turn| call.on_ring_failed(means, turn, serial, why));
    }
}

impl Order {
    /// What the dial plan says of it; `None` for what is no number of ours.
    fn decision(&self, settings: &Settings, turn: &Turn<'_>) -> Option<Decision> {
        let target = match &self.to {
            To::Steps(decision, _) => return Some(decision.clone()),
            To::Number(target) => target,
        };
        if target.contains('/') {
            let needs_user = target.contains(':');
            let step = Step::Application { purpose: target.as_str().into(), needs_user };
            return Some(Decision { rule: target.as_str().into(), steps: [step].into() });
        }
        let to_user = number_of(settings, target)?;
        let own = |text: &'_ String| (!text.is_empty()).then(|| text.clone());
        let (name, extension) = (own(&self.by.0), own(&self.by.1));
        let mut decision = settings.routes.decide(&Call {
            to_user: &to_user,
            host_is_local: true,
            from_user: name.as_deref(),
            from_extension: extension.as_deref(),
            method: "INVITE",
            unix_s: i64::try_from(turn.unix_ms / 1000).unwrap_or(i64::MAX),
        });
        if !self.hands_over {
            let rings = |step: &&Step| !matches!(step, Step::Application { .. });
            decision.steps = decision.steps.iter().filter(rings).cloned().collect();
        }
        Some(decision)
    }

    /// The INVITE of the caller, turned to somebody else; each leg gets an offer of its own.
    fn request(&self, settings: &Settings, invite: &[u8]) -> Option<Vec<u8>> {
        let message = Message::parse(invite, &settings.limits).ok()?;
        let uri = match &self.to {
            To::Number(target) => {
                let user = number_of(settings, target).unwrap_or_default();
                let mut uri = b"sip:".to_vec();
                escape(&user, &mut uri);
                uri.push(b'@');
                uri.extend_from_slice(settings.config.domain.as_bytes());
                uri
            }
            To::Steps(..) => message.request_uri()?.to_vec(),
        };
        let to = [b"<", &uri[..], b">"].concat();
        let mut edit = Edit::new(&message).request_uri(&uri).set(Name::To, &to).body("application/sdp", b"");
        for name in [Name::Route, Name::RecordRoute, Name::ProxyAuthorization, Name::Authorization] {
            edit = edit.remove(name);
        }
        let mut octets = Vec::new();
        edit.write(&mut octets);
        Some(octets)
    }
}

impl ResponseContext {
    /// A copy of its request in [`Means::reading`], which the caller puts back.
    pub fn read_request(&self, means: &mut Means) -> Vec<u8> {
        let mut octets = means.read_again(self.server);
        if self.server.is_none() {
            octets.extend_from_slice(&self.octets);
        }
        octets
    }

    /// Nobody is reached for the call that this context rings for: it is told.
    pub fn tell_ring_failed(&self, means: &mut Means, status: u16) {
        if let (Some(ring), Some(call)) = (&self.ring, self.call) {
            let why = self.reached_by(Some(status));
            means.errands.push_back(super::application::Errand::RingFailed(call, ring.serial, why));
        }
    }

    /// True when a context that rings for a call has done so for too long.
    pub fn rings_too_long(&self, now: Instant) -> bool {
        let until = self.ring.as_ref().and_then(|ring| ring.until);
        self.answered.is_none() && until.is_some_and(|until| until <= now)
    }

    /// Nobody has answered in time, whatever steps there are.
    pub fn stop_ringing(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.closed = true;
        self.forget_questions(means);
        self.waiting.clear();
        self.plan.places.clear();
        self.plan.ends = None;
        self.abandon_pending(means, turn, Some(NOT_ANSWERED));
        self.best.consider(408, Answer::Local("Request Timeout"), smallvec::SmallVec::new());
        let status = self.best.status().unwrap_or(408);
        self.answer_ourselves(means, turn, status, None, &[]);
    }
}

/// The name or number that a target says, which may be a URI of ours.
pub(crate) fn number_of(settings: &Settings, target: &str) -> Option<String> {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("sip" | "sips" | "tel")) {
        return (!target.is_empty() && !target.contains('@')).then(|| target.to_owned());
    }
    let uri = Uri::parse(target.as_bytes()).ok()?;
    settings.is_for_us(&uri).then(|| request::user_of(&uri).into_owned()).filter(|user| !user.is_empty())
}

/// RFC 3261 §25.1: what may stand in the user part as it is; all else is escaped.
fn escape(text: &str, out: &mut Vec<u8>) {
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&octet) {
            out.push(octet);
        } else {
            out.extend_from_slice(format!("%{octet:02X}").as_bytes());
        }
    }
}

/// RFC 3326 §2 with Q.850.
const NOT_ANSWERED: &str = "Q.850;cause=19;text=\"No answer from the user\"";
