//! Responses of the branches (RFC 3261 §16.7), by its steps, and what stands for one: a timeout, a transport that
//! could not deliver (§16.9).

use std::time::Duration;

use sip::edit::Edit;
use sip::header::RetryAfter;
use sip::message::{Message, Name, Status};
use sip::transaction::{Failure, TransactionId};
use smallvec::SmallVec;

use super::answer;
use super::best::{Answer, Challenge, Verdict};
use super::effect::{Tried, Turn};
use super::means::{Means, User};
use super::notifier::watched::Lamp;
use super::response_context::{Branch, BranchState, Kind, ResponseContext};

impl ResponseContext {
    /// A branch has answered.
    pub fn on_response(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        transaction: TransactionId,
        message: &Message<'_>,
    ) {
        // What an earlier hop of the branch still says is nobody's.
        let mine = |branch: &&mut Branch| branch.transaction == Some(transaction);
        let Some(status) = message.status() else { return };
        let Some(branch) = self.branches.get_mut(place).filter(mine) else { return };
        let told = if status.code() == 503 { retry_after(message) } else { None };
        let how = told.map_or(Tried::Answered, |seconds| Tried::Died(Some(seconds)));
        if branch.trying.is_some() {
            self.tell_tried(turn, place, how);
        }
        let branch = &mut self.branches[place];
        if status.is_provisional() {
            return self.on_provisional(means, turn, place, status, message);
        }
        let was_pending = branch.is_pending();
        branch.state = BranchState::Completed;
        branch.timer_c = None;
        if status.is_success() {
            self.on_success(means, turn, place, message);
        } else if was_pending {
            self.on_refusal(means, turn, place, status, message);
        }
        self.advance(means, turn);
    }

    /// §16.7 steps 2 and 5: timer C starts again with each provisional response but 100, which goes no further.
    fn on_provisional(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        status: Status,
        message: &Message<'_>,
    ) {
        let leg = self.branches[place].leg;
        if let Some(call) = self.call
            && means.with_call(turn, call, |call, means, turn| {
                call.acknowledge_provisional(means, turn, leg, message)
            }) == Some(false)
        {
            return;
        }
        let branch = &mut self.branches[place];
        if !branch.is_pending() {
            return;
        }
        branch.state = BranchState::Proceeding;
        if status.code() == 100 {
            return;
        }
        branch.has_rung = true;
        if branch.timer_c.is_some() {
            branch.timer_c = Some(turn.now + *means.settings.config.ring_timeout);
        }
        if branch.abandoned {
            return;
        }
        self.light(means, turn, place, Lamp::Early, Some(message));
        if self.answered.is_none() && !self.cancelled {
            if let Some(call) = self.call {
                let (leg, ring) = (self.branches[place].leg, self.ring.as_ref().map(|ring| ring.serial));
                means.with_call(turn, call, |call, means, turn| match ring {
                    Some(serial) => call.on_ring_provisional(means, turn, serial, leg, message),
                    None => call.on_provisional(means, turn, leg, message),
                });
                return;
            }
            self.send_received(means, turn, message, &[]);
        }
    }

    /// §16.7 step 5: a 2xx to an INVITE goes upstream at once, each of them, and the other branches are cancelled
    /// (step 10).
    fn on_success(&mut self, means: &mut Means, turn: &mut Turn<'_>, place: usize, message: &Message<'_>) {
        if self.answered.is_some() && self.kind != Kind::Invite {
            return;
        }
        self.light(means, turn, place, Lamp::Confirmed, Some(message));
        if let Some(call) = self.call {
            self.conduct_success(means, turn, call, place, message);
            if self.cancelled {
                return;
            }
        } else {
            self.send_received(means, turn, message, &[]);
        }
        if let (None, Some(server), Some(transaction)) =
            (self.call, self.server, self.branches[place].transaction)
        {
            // RFC 6026 §7.2: repeats of this 2xx come for 64*T1, when this context is long gone.
            means.endpoint.set_user(transaction, User::Answered(server));
        }
        if self.answered.is_none() {
            means.counters.calls_answered += u64::from(self.kind == Kind::Invite && self.plan.rule.is_some());
            self.answered = Some(message.status().map_or(200, Status::code));
            self.held = false;
            self.waiting.clear();
            self.plan.ends = None;
            self.abandon_pending(means, turn, Some(COMPLETED_ELSEWHERE));
        }
    }

    fn on_refusal(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        status: Status,
        message: &Message<'_>,
    ) {
        self.unlight(means, turn, place);
        let branch = &mut self.branches[place];
        if let Some(call) = self.call {
            let ring = self.ring.as_ref().map(|ring| ring.serial);
            means.with_call(turn, call, |call, means, turn| match ring {
                Some(serial) => call.on_ring_leg_failed(means, turn, serial, branch.leg),
                None => call.on_leg_failed(branch.leg),
            });
        }
        if branch.abandoned {
            return;
        }
        // RFC 3263 §4.3: after a 503 the next address may do better; RFC 5626 §5.3.1: after a 430, another flow.
        if matches!(status.code(), 430 | 503) && branch.has_another_hop() {
            branch.failed = Some(if status.code() == 430 { FLOW_FAILED } else { SERVER_ERROR });
            branch.state = BranchState::Resolving;
            branch.transaction = None;
            return self.try_next_hop(means, turn, place);
        }
        if status.code() == 422 && self.ask_for_longer(means, place, message) {
            return self.try_next_hop(means, turn, place);
        }
        // §16.7 step 4: a redirection may become targets of our own.
        if status.class() == 3 && self.follow_redirection(means, place, message) {
            return;
        }
        self.plan.diversions.failed = Some(status.code());
        self.best.consider(status.code(), received(message), challenges(status, message));
        if status.class() == 6 {
            // §16.7 step 5: no new branches, and the pending ones are cancelled.
            let ends_call = means.settings.config.decline_ends_call;
            self.closed = ends_call;
            self.waiting.clear();
            self.abandon_pending(means, turn, Some(DECLINED_ELSEWHERE));
        }
    }

    /// Nobody answered a branch, or it could not be sent.
    pub fn on_failure(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        transaction: TransactionId,
        failure: Failure,
    ) {
        // An earlier hop may fail once more, when its 503 cannot be acknowledged.
        let mine = |branch: &&mut Branch| branch.is_pending() && branch.transaction == Some(transaction);
        let Some(branch) = self.branches.get_mut(place).filter(mine) else { return };
        branch.transaction = None;
        branch.timer_c = None;
        let flow_is_gone = failure == Failure::Transport && branch.target.flow.is_some();
        // RFC 3263 §4.3: who has said anything is not left for another by a timeout: it may be at work.
        if failure == Failure::Timeout && self.branches[place].state == BranchState::Proceeding {
            self.fail_branch(place, 408, "Request Timeout");
            return self.advance(means, turn);
        }
        self.tell_tried(turn, place, Tried::Died(None));
        let branch = &self.branches[place];
        if flow_is_gone
            && !branch.abandoned
            && let Some(user) = self.moved_user()
        {
            self.branches[place].state = BranchState::Completed;
            return self.look_again(means, turn, &user);
        }
        let Some(branch) = self.branches.get_mut(place) else { return };
        branch.failed = Some(match failure {
            // §16.7 step 2 with §17.1.1.2: a timeout stands for a 408.
            Failure::Timeout => (408, "Request Timeout"),
            // §16.9: a transport error stands for a 503. A phone that is not where it registered is away, though,
            // which is no fault of this server (RFC 3261 §21.4.18).
            Failure::Transport if flow_is_gone || branch.target.user.is_some() => {
                (480, "Temporarily Unavailable")
            }
            Failure::Transport => (503, "Service Unavailable"),
        });
        if branch.abandoned || self.cancelled {
            branch.state = BranchState::Completed;
        } else {
            branch.state = BranchState::Resolving;
            self.try_next_hop(means, turn, place);
        }
        self.advance(means, turn);
    }

    /// §16.7 steps 6 to 9: when no branch is left that could answer, the best response goes upstream.
    pub fn finish(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.answered.is_some() || self.branches.iter().any(super::response_context::Branch::is_waited_for)
        {
            return;
        }
        if let Some((status, reason)) = self.plan.answer.take() {
            return self.answer_ourselves(means, turn, status, reason.as_deref(), &[]);
        }
        if self.cancelled {
            // RFC 3261 §9.2: whoever cancelled is told so, unless a branch said something final before.
            return self.answer_ourselves(means, turn, 487, None, &[]);
        }
        let verdict = self.best.take().unwrap_or(Verdict {
            status: 480,
            answer: Answer::Local("Temporarily Unavailable"),
            challenges: SmallVec::new(),
        });
        match verdict.answer {
            // §16.7 step 6: what was a 503 is told as a 500 of our own.
            Answer::Received(octets) if verdict.status != 500 || octets.starts_with(b"SIP/2.0 500") => {
                self.answered = Some(verdict.status);
                self.tell_ring_failed(means, verdict.status);
                let limits = means.settings.limits;
                if let Ok(message) = Message::parse(&octets, &limits) {
                    self.send_received(means, turn, &message, &verdict.challenges);
                }
            }
            Answer::Received(_) => self.answer_ourselves(means, turn, 500, None, &[]),
            Answer::Local(reason) => {
                let reason = (verdict.status != 500).then_some(reason);
                self.answer_ourselves(means, turn, verdict.status, reason, &[]);
            }
        }
    }

    /// Answers with a response of our own.
    pub fn answer_ourselves(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        status: u16,
        reason: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        if self.answered.is_some() {
            return;
        }
        self.answered = Some(status);
        self.tell_ring_failed(means, status);
        let Some(server) = self.server else { return };
        answer::respond(means, turn, server, Status::new(status).unwrap_or(Status::of(500)), reason, headers);
    }

    /// §16.7 steps 3, 7, 8 and 9: our Via goes, challenges of other branches are added, and the response goes up.
    fn send_received(
        &self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        challenges: &[Challenge],
    ) {
        if self.call.is_some() {
            return self.conduct_failure(means, turn, message, challenges);
        }
        let Some(server) = self.server else { return };
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        let pops = usize::from(message.count(Name::Via) > 0);
        let mut edit = Edit::new(message);
        for _ in 0..pops {
            edit = edit.pop(Name::Via);
        }
        for challenge in challenges {
            let name = if challenge.by_proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
            edit = edit.append(name, &challenge.value);
        }
        edit.write(&mut octets);
        means.endpoint.respond(turn.now, server, &octets, turn.wire());
        means.scratch = octets;
    }
}

/// RFC 6026 §7.2: a 2xx that came again goes upstream again.
pub(crate) fn repeat_success(
    means: &mut Means,
    turn: &mut Turn<'_>,
    server: sip::transaction::TransactionId,
    message: &Message<'_>,
) {
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    Edit::new(message).pop(Name::Via).write(&mut octets);
    means.endpoint.respond(turn.now, server, &octets, turn.wire());
    means.scratch = octets;
}

/// The octets of a final response that may be chosen later.
fn received(message: &Message<'_>) -> Answer {
    Answer::Received(message.octets().into())
}

/// The challenges of a 401 or 407 (§16.7 step 7).
fn challenges(status: Status, message: &Message<'_>) -> SmallVec<[Challenge; 1]> {
    if !matches!(status.code(), 401 | 407) {
        return SmallVec::new();
    }
    let of =
        |name, by_proxy| message.lines(name).map(move |value| Challenge { by_proxy, value: value.into() });
    of(Name::WwwAuthenticate, false).chain(of(Name::ProxyAuthenticate, true)).collect()
}

/// How long the sender of a 503 wants to be left alone (RFC 3261 §21.5.4); without it only this request goes on.
fn retry_after(message: &Message<'_>) -> Option<Duration> {
    let value = message.first(Name::RetryAfter)?;
    let read = RetryAfter::parse(value).ok()?;
    Some(Duration::from_secs(read.seconds.into()))
}

const FLOW_FAILED: (u16, &str) = (480, "Temporarily Unavailable");
const SERVER_ERROR: (u16, &str) = (500, "Server Internal Error");
/// RFC 3326 §2 with §3.1: the phones of a group show no missed call when another took it.
const COMPLETED_ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";
const DECLINED_ELSEWHERE: &str = "SIP;cause=600;text=\"Busy Everywhere\"";
