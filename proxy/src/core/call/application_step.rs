//! The step of a dial plan that hands the call to an application: how it begins, what the application is told of the
//! call, and why it came there.

use proto::Find;
use proto::application::{Parting, Party, Reached, Started};
use sip::header::NameAddr;
use sip::message::{Message, Name};
use smallvec::SmallVec;

use super::Call;
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::plan::application_of;
use crate::core::request::{self, Request};
use crate::core::response_context::{Kind, Place, ResponseContext};
use crate::core::route::{Decision, Step};

impl ResponseContext {
    /// True when a step hands the call to an application, now or later.
    pub fn wants_application(&self) -> bool {
        let is_one = |step: &Step| matches!(step, Step::Application { .. });
        self.kind == Kind::Invite && self.plan.steps.as_deref().is_some_and(|steps| steps.iter().any(is_one))
    }

    /// Hands the call to an application. False when the next step is to be taken instead; true as well when the call
    /// has been answered, since it could not be conducted, and while the user is looked up whom it is for.
    pub fn hand_over(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        purpose: &str,
        needs_user: bool,
    ) -> bool {
        if self.kind != Kind::Invite {
            return false;
        }
        let (purpose, user) = purpose.split_once(':').map_or((purpose, None), |(own, of)| (own, Some(of)));
        if let Some(user) = user.filter(|user| !self.is_for(user)) {
            return self.seek(means, turn, user);
        }
        self.plan.sought = false;
        if needs_user && self.plan.callee.is_none() {
            return false;
        }
        if self.call.is_none() && self.branches.is_empty() && !self.begin_call(means, turn) {
            return true;
        }
        let Some(slot) = self.call else {
            tracing::warn!(purpose, "a call that was proxied from its first ring cannot be handed over");
            return false;
        };
        let octets = self.read_request(means);
        let started = self.started(means, &octets, purpose);
        let begun = started.and_then(|started| {
            let chain = self.plan.diversions.chain.clone();
            means.with_call(turn, slot, |call, means, turn| {
                call.runs.chain = chain;
                call.begin_run(means, turn, started, &octets)
            })
        });
        means.reading = octets;
        if begun != Some(true) {
            tracing::warn!(application = application_of(purpose), "no such application takes a call");
            return false;
        }
        if self.ring.is_some() {
            // Its caller is connected: nothing is rung for him any more.
            self.set_rest(means);
            self.answered = Some(202);
            self.waiting.clear();
            self.plan.ends = None;
            self.abandon_pending(means, turn, None);
        } else {
            self.held = true;
        }
        true
    }

    fn is_for(&self, user: &str) -> bool {
        let is_he = |known: &std::sync::Arc<proto::User>| {
            known.name == user || known.extension.as_deref() == Some(user)
        };
        self.plan.callee.as_ref().is_some_and(is_he)
    }

    /// Looks a user up without ringing his phones; false when that was done, and he is nobody.
    fn seek(&mut self, means: &mut Means, turn: &mut Turn<'_>, user: &str) -> bool {
        if std::mem::replace(&mut self.plan.sought, true) {
            self.plan.sought = false;
            return false;
        }
        let effect = Effect::Find(Find { name_or_extension: user });
        let Ok(ticket) = means.ask(turn, Waiter::Place(self.id, 0), effect) else { return false };
        self.asked.push(ticket);
        self.plan.places = SmallVec::from_elem(Place::Finding, 1);
        self.plan.seeks = true;
        self.plan.next -= 1;
        true
    }

    /// What comes after this step is taken when the application gives its caller back.
    fn set_rest(&self, means: &mut Means) {
        let (Some(call), Some(steps)) = (self.call, &self.plan.steps) else { return };
        let rule = self.plan.rule.clone().unwrap_or_default();
        let rest = (self.plan.next < steps.len())
            .then(|| (Decision { rule, steps: std::sync::Arc::clone(steps) }, self.plan.next));
        if let Some(call) = means.calls.call_mut(call) {
            call.runs.rest = rest;
        }
    }

    fn started(&self, means: &Means, octets: &[u8], purpose: &str) -> Option<Started> {
        let message = Message::parse(octets, &means.settings.limits).ok()?;
        let request = Request::read(&message).ok()?;
        let dialled = request::user_of(&request.uri).into_owned();
        let callee = match &self.plan.callee {
            Some(user) => party(user),
            None => Party { number: dialled.clone(), ..Party::default() },
        };
        Some(Started {
            purpose: purpose.to_owned(),
            caller: self.calling(&message),
            callee,
            dialled,
            why: self.reached(means),
            language: language(&message),
            headers: self.plan.diversions.chain.headers(let_through(&message)),
        })
    }

    fn calling(&self, message: &Message<'_>) -> Party {
        if let Some(ring) = &self.ring {
            return ring.caller.clone();
        }
        let shown = message.first(Name::From).and_then(|from| NameAddr::parse(Name::From, from).ok());
        let display = shown.and_then(|from| from.display).map(|display| display.unescape());
        let display_name = display.map(|text| request::lossy(text).into_owned()).unwrap_or_default();
        if let Some(user) = &self.caller {
            let known = party(user);
            let display_name = if display_name.is_empty() { known.display_name } else { display_name };
            return Party { display_name, ..known };
        }
        let number = message.from_uri().map(|uri| request::user_of(&uri).into_owned()).unwrap_or_default();
        let number = if number.eq_ignore_ascii_case("anonymous") { String::new() } else { number };
        Party { user: String::new(), number, display_name }
    }

    /// Why nobody talks with the caller yet, as far as the last step that rang tells.
    fn reached(&self, means: &Means) -> Reached {
        let has_tried = !self.branches.is_empty() || self.best.status().is_some();
        let call = self.call.and_then(|slot| means.calls.get(slot));
        if !has_tried && call.is_some_and(|call| call.runs.is_sent_on) {
            return Reached::Menu;
        }
        if self.plan.callee.is_none() && self.branches.is_empty() {
            return Reached::Dialled;
        }
        self.reached_by(self.best.status())
    }

    /// What a failure says of it.
    pub fn reached_by(&self, status: Option<u16>) -> Reached {
        match status {
            Some(486 | 600) => Reached::Busy,
            Some(603..=699) => Reached::Declined,
            // A phone that rang for as long as it may, or that says so itself.
            Some(408 | 480) | None if self.has_rung() => Reached::NoAnswer,
            _ => Reached::Unreachable,
        }
    }

    fn has_rung(&self) -> bool {
        self.branches.iter().any(|branch| branch.has_rung)
    }

    /// The application has answered the INVITE.
    pub fn on_application_answered(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.held = false;
        self.set_rest(means);
        if self.answered.is_none() {
            means.counters.calls_answered += 1;
            self.answered = Some(200);
            self.waiting.clear();
            self.plan.ends = None;
            self.abandon_pending(means, turn, None);
        }
        if let Some(slot) = self.call {
            means.with_call(turn, slot, |call, means, turn| call.light_caller(means, turn));
        }
    }

    /// The caller has given up, or somebody else took the call.
    pub fn leave_application(&mut self, means: &mut Means, turn: &mut Turn<'_>, parting: Parting) {
        if let (true, Some(slot)) = (std::mem::take(&mut self.held), self.call) {
            means.with_call(turn, slot, |call: &mut Call, means, turn| {
                call.leave_run(means, turn, parting);
                call.give_up_slot(means, false);
            });
        }
    }

    /// Leaves out the steps that ring: the rest is for applications.
    pub fn skip_to_application(&mut self) {
        let steps = self.plan.steps.as_deref().unwrap_or_default();
        let rest = steps.get(self.plan.next..).unwrap_or_default();
        let to = rest.iter().position(|step| matches!(step, Step::Application { .. }));
        self.plan.next = to.map_or(steps.len(), |to| self.plan.next + to);
    }
}

/// A user as applications are told.
pub(crate) fn party(user: &proto::User) -> Party {
    Party {
        user: user.name.clone(),
        number: user.extension.clone().unwrap_or_default(),
        display_name: user.display_name.clone(),
    }
}

/// The language that the caller's phone asks for first (RFC 3261 §20.3).
fn language(message: &Message<'_>) -> String {
    let asked = message.unknown(b"Accept-Language").unwrap_or_default();
    let first = asked.split(|octet| matches!(octet, b',' | b';')).next().unwrap_or_default().trim_ascii();
    let is_tag =
        first.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-') && first.len() <= 35;
    if is_tag { String::from_utf8_lossy(first).into_owned() } else { String::new() }
}

/// What an application may see of the INVITE: how the call came, and what is nobody's but the two ends'.
fn let_through(message: &Message<'_>) -> Vec<(String, String)> {
    let is_shown = |name: &str| {
        name.get(..2).is_some_and(|front| front.eq_ignore_ascii_case("x-"))
            || SHOWN.iter().any(|shown| shown.eq_ignore_ascii_case(name))
    };
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let all = message.fields().map(|field| (text(field.name_text), field.value));
    let shown = all.filter(|(name, value)| is_shown(name) && value.len() <= HEADER_BYTES_MAX);
    shown.take(HEADERS_MAX).map(|(name, value)| (name, text(value))).collect()
}

const SHOWN: [&str; 5] = ["Subject", "User-Agent", "Diversion", "History-Info", "Alert-Info"];
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 1024;
