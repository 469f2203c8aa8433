//! The steps of the dial plan: who is rung, in which order, and what comes when nobody answers.
//!
//! A step finds its users, asks where their phones are, and forks. When all of that has failed, or its seconds ran
//! out, the next step begins; no 487 of the phones that are silenced then reaches the caller.

use std::sync::Arc;
use std::time::Duration;

use proto::{Find, Found, Locate, Located, ServiceError};
use smallvec::SmallVec;

use super::best::Answer;
use super::divert::Wish;
use super::effect::{Effect, Turn};
use super::means::{Means, Waiter};
use super::response_context::{Place, ResponseContext};
use super::route::{Decision, Step, Strategy};
use super::targets::{self, Target};

impl ResponseContext {
    /// Begins with what the dial plan decided.
    pub fn follow_plan(&mut self, means: &mut Means, turn: &mut Turn<'_>, decision: Decision) {
        self.plan.rule = Some(decision.rule);
        self.plan.steps = Some(decision.steps);
        self.plan.next = 0;
        self.next_step(means, turn);
    }

    /// Goes on to the next step; behind the last one the best response is sent.
    pub fn next_step(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let Some(steps) = self.plan.steps.clone() else { return self.finish(means, turn) };
        self.plan.ends = None;
        let steps = match self.plan.diversions.ringing {
            None => steps,
            Some(_) => {
                self.divert_unanswered(means, turn);
                self.plan.steps.clone().unwrap_or(steps)
            }
        };
        while let Some(step) = steps.get(self.plan.next) {
            self.plan.next += 1;
            match step {
                Step::Application { purpose, needs_user } => {
                    if self.hand_over(means, turn, purpose, *needs_user) {
                        return;
                    }
                }
                Step::Answer { status, reason } => {
                    self.plan.next = steps.len();
                    self.plan.answer = Some((*status, reason.clone()));
                    return self.finish(means, turn);
                }
                // A 6xx is for all phones of all steps.
                Step::Ring { .. } if self.closed => {}
                Step::Ring { users, seconds, strategy } => {
                    self.plan.seconds = *seconds;
                    self.ring(means, turn, users, *strategy);
                    if !self.asked.is_empty() || self.has_work() {
                        return;
                    }
                }
            }
        }
        self.finish(means, turn);
    }

    /// True while the present step may still bring an answer.
    pub fn has_work(&self) -> bool {
        !self.waiting.is_empty()
            || self.branches.iter().any(|branch| branch.is_pending() && !branch.abandoned)
    }

    fn ring(&mut self, means: &mut Means, turn: &mut Turn<'_>, users: &Arc<[Arc<str>]>, strategy: Strategy) {
        self.plan.places = SmallVec::from_elem(Place::Finding, users.len());
        self.plan.in_order = strategy == Strategy::InOrder;
        for (place, user) in users.iter().enumerate() {
            let who = Waiter::Place(self.id, place as u16);
            let effect = Effect::Find(Find { name_or_extension: user });
            match means.ask(turn, who, effect) {
                Ok(ticket) => self.asked.push(ticket),
                Err(_) => self.settle_place(place, 503, "Too many questions"),
            }
        }
        if users.is_empty() {
            self.best.consider(480, Answer::Local("Temporarily Unavailable"), SmallVec::new());
        }
    }

    /// The directory has answered for one place of the step.
    pub fn on_found(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        answer: Result<Found, ServiceError>,
    ) {
        match answer {
            Ok(Found::User(user)) => {
                self.plan.callee = Some(Arc::clone(&user));
                if std::mem::take(&mut self.plan.seeks) {
                    self.set_place(place, Place::Settled);
                    return self.begin_when_settled(means, turn);
                }
                match self.wish(means, turn, &user) {
                    Wish::Ring => {}
                    Wish::Over => return self.set_place(place, Place::Settled),
                    Wish::Refused(status, why) => {
                        return self.settle_and_begin(means, turn, place, status, why);
                    }
                    Wish::Forwarded => {
                        self.set_place(place, Place::Settled);
                        return self.begin_when_settled(means, turn);
                    }
                }
                let question = Locate { now_ms: turn.unix_ms, aor: &user.aor, past_copy: false };
                match means.ask(turn, Waiter::Bindings(self.id, place as u16), Effect::Locate(question)) {
                    Ok(ticket) => {
                        self.asked.push(ticket);
                        self.set_place(place, Place::Locating(user));
                    }
                    Err(_) => self.settle_place(place, 503, "Too many questions"),
                }
            }
            Ok(Found::Nobody { nearest }) => {
                self.plan.seeks = false;
                let rule = self.plan.rule.as_deref().unwrap_or_default();
                let nearest = nearest.unwrap_or_default();
                tracing::info!(call_id = %self.shown_call_id(means), rule, nearest, "a call for a user who does not exist");
                self.settle_place(place, 404, "Not Found");
            }
            Err(error) => {
                self.plan.seeks = false;
                means.counters.service_errors += 1;
                tracing::warn!(call_id = %self.shown_call_id(means), %error, "the directory cannot say who is called");
                self.settle_place(place, 503, "Directory unavailable");
            }
        }
        self.begin_when_settled(means, turn);
    }

    /// The registrar has answered for one place of the step.
    pub fn on_located(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        answer: Result<Located, ServiceError>,
    ) {
        let Some(Place::Locating(user)) = self.plan.places.get(place).cloned() else { return };
        match answer {
            Ok(located) => {
                let rank = if self.plan.in_order { place as u16 } else { 0 };
                let start = means.settings.tokens.start();
                let before = self.targets;
                for target in Target::of_bindings(&located.bindings, rank, &user, start) {
                    self.add_target(means, target);
                }
                if self.targets == before {
                    // RFC 3261 §21.4.18: the user is known and has no phone that could ring.
                    return self.settle_and_begin(means, turn, place, 480, "Temporarily Unavailable");
                }
                self.set_place(place, Place::Settled);
            }
            Err(error) => {
                means.counters.service_errors += 1;
                tracing::warn!(call_id = %self.shown_call_id(means), %error, user = user.name, "the registrar cannot say where a user is");
                self.settle_place(place, 503, "Registrar unavailable");
            }
        }
        self.begin_when_settled(means, turn);
    }

    /// Adds a target that is not there yet (RFC 3261 §16.5: a URI is in the set at most once); false when it is, or
    /// when there are too many.
    pub fn add_target(&mut self, means: &mut Means, target: Target) -> bool {
        let same = |known: &Target| known.uri == target.uri && known.flow == target.flow;
        if self.waiting.iter().any(same) || self.branches.iter().any(|branch| same(&branch.target)) {
            return false;
        }
        if self.targets >= means.settings.config.targets_max {
            means.counters.targets_left_out += 1;
            return false;
        }
        self.targets += 1;
        self.waiting.push_back(target);
        true
    }

    fn begin_when_settled(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.plan.places.iter().all(|place| *place == Place::Settled) {
            self.plan.places.clear();
            targets::order(self.waiting.make_contiguous());
            self.advance(means, turn);
        }
    }

    /// Goes on where the branches are done: the next targets, the next step, the answer.
    pub fn advance(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.answered.is_some() || self.held || !self.asked.is_empty() || !self.plan.places.is_empty() {
            return;
        }
        if self.closed && !self.cancelled {
            self.skip_to_application();
        }
        if self.cancelled {
            return self.finish(means, turn);
        }
        if self.branches.iter().any(|branch| branch.is_pending() && !branch.abandoned) {
            return;
        }
        if self.waiting.is_empty() {
            self.next_step(means, turn);
        } else {
            self.fork(means, turn);
        }
    }

    /// Starts the seconds of a rank, when its first copy is sent.
    pub fn start_seconds(&mut self, turn: &Turn<'_>) {
        self.plan.ends = self.plan.seconds.map(|seconds| turn.now + Duration::from_secs(u64::from(seconds)));
    }

    /// The seconds have run out: these phones are silenced, and the next ones ring.
    pub fn on_seconds(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.plan.ends = None;
        let rank =
            self.branches.iter().rev().find(|branch| branch.is_pending()).map(|branch| branch.target.rank);
        // Lower q of the same rank would have to share the seconds that are over.
        self.waiting.retain(|target| Some(target.rank) != rank);
        self.best.consider(408, Answer::Local("Request Timeout"), SmallVec::new());
        self.abandon_pending(means, turn, Some(NOT_ANSWERED));
        self.advance(means, turn);
    }

    fn set_place(&mut self, place: usize, to: Place) {
        if let Some(place) = self.plan.places.get_mut(place) {
            *place = to;
        }
    }

    fn settle_place(&mut self, place: usize, status: u16, why: &'static str) {
        self.best.consider(status, Answer::Local(why), SmallVec::new());
        self.set_place(place, Place::Settled);
    }

    fn settle_and_begin(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        status: u16,
        why: &'static str,
    ) {
        self.settle_place(place, status, why);
        self.begin_when_settled(means, turn);
    }
}

/// RFC 3326 §2 with Q.850: why a phone is silenced whose seconds are over; it shows a missed call.
const NOT_ANSWERED: &str = "Q.850;cause=19;text=\"No answer from the user\"";
