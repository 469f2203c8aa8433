//! Forwarding, do-not-disturb and follow-me: what a user wants done with calls, at the moment when the user is rung or
//! has not answered. The dial plan is asked as if the user had dialled the number, so a forwarded call may do what its
//! user may, and its steps take the place of those that are over.

use std::sync::Arc;

use proto::User;
use proto::application::Reached;
use proto::directory::{Settings, When};

use super::effect::Turn;
use super::means::Means;
use super::response_context::{Kind, ResponseContext};
use super::route::{Call, Step};

/// How a call has been forwarded so far, and may be yet.
#[derive(Debug, Default)]
pub(crate) struct Diversions {
    /// By whom.
    pub chain: Chain,
    /// The user that the present step rings alone, and who wants something done when that fails.
    pub ringing: Option<Arc<User>>,
    /// How the present step failed, when a response or the user said so.
    pub failed: Option<u16>,
    /// Branches of earlier steps.
    first_branch: usize,
}

/// Who has sent a call on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The users among them, in order.
    by: Vec<Box<str>>,
    /// How often it was.
    count: usize,
    /// The number that it was sent on to; empty where that was to several.
    at: String,
    /// Diversion values (RFC 5806), the last one first.
    pub diversion: Vec<u8>,
    /// History-Info values (RFC 7044).
    pub history: Vec<u8>,
}

/// What becomes of a user that a step has found.
pub(crate) enum Wish {
    /// The phones ring.
    Ring,
    /// They do not: the call is over, answered already.
    Over,
    /// They do not, and this is the answer.
    Refused(u16, &'static str),
    /// The call goes elsewhere.
    Forwarded,
}

impl ResponseContext {
    /// What the user of a step wants done before any phone rings.
    pub fn wish(&mut self, means: &mut Means, turn: &mut Turn<'_>, user: &Arc<User>) -> Wish {
        let settings = &user.settings;
        if self.kind != Kind::Invite || settings.is_plain() {
            return Wish::Ring;
        }
        // In a group the others ring on; where one of them forwards, the group does not follow.
        let is_alone = self.plan.places.len() == 1;
        if !is_alone {
            return if settings.do_not_disturb { PEACE } else { Wish::Ring };
        }
        if let Some(to) = &settings.forward.always {
            return match self.divert(means, turn, user, &[], Some((When::Always, to))) {
                true => Wish::Forwarded,
                false => Wish::Refused(480, "Forwarded In A Circle"),
            };
        }
        if !self.has_diverted(user) {
            self.plan.diversions.ringing = Some(Arc::clone(user));
            self.plan.diversions.failed = None;
            self.plan.diversions.first_branch = self.branches.len();
        }
        if self.may_reach_application(means, turn, user) && !self.begin_call(means, turn) {
            return Wish::Over;
        }
        if settings.do_not_disturb {
            self.plan.diversions.failed = Some(486);
            return PEACE;
        }
        if goes_on(settings) {
            // Without an end nothing that comes after it would ever be reached.
            self.plan.seconds.get_or_insert(RING_S);
        }
        Wish::Ring
    }

    /// True when the call is proxied so far and would be forwarded to an application later: nothing changes from one to
    /// the other once a phone has rung.
    fn may_reach_application(&self, means: &Means, turn: &Turn<'_>, user: &User) -> bool {
        let is_open = self.call.is_none() && self.branches.is_empty() && self.server.is_some();
        let mut numbers = LATER.into_iter().filter_map(|when| user.settings.forward.of(when));
        let is_application = |step: &Step| matches!(step, Step::Application { needs_user: false, .. });
        is_open && numbers.any(|number| decide(means, turn, user, number).iter().any(is_application))
    }

    /// The step that rang a user is over without an answer: what the user wants done then comes next.
    pub fn divert_unanswered(&mut self, means: &mut Means, turn: &Turn<'_>) {
        let Some(user) = self.plan.diversions.ringing.take() else { return };
        let when = self.outcome();
        let settings = &user.settings;
        let follow = if settings.do_not_disturb { &[][..] } else { &settings.follow_me[..] };
        let follow: Vec<Step> = follow
            .iter()
            .flat_map(|follow| rings(means, turn, &user, &follow.number, follow.seconds))
            .collect();
        let to = settings.forward.of(when).map(|to| (when, to));
        if !follow.is_empty() || to.is_some() {
            self.divert(means, turn, &user, &follow, to);
        }
    }

    /// Why the present step has brought no answer, as RFC 5806 tells reasons apart.
    fn outcome(&self) -> When {
        let branches = self.branches.get(self.plan.diversions.first_branch..).unwrap_or_default();
        let has_rung = branches.iter().any(|branch| branch.has_rung);
        match self.plan.diversions.failed {
            Some(486 | 600..=699) => When::Busy,
            _ if has_rung => When::NoAnswer,
            _ => When::Unreachable,
        }
    }

    /// Puts the steps of a number before those that are left; false when that would go round in circles or has gone on
    /// for too long.
    fn divert(
        &mut self,
        means: &Means,
        turn: &Turn<'_>,
        user: &Arc<User>,
        before: &[Step],
        to: Option<(When, &str)>,
    ) -> bool {
        if self.has_diverted(user) || self.plan.diversions.chain.by.len() >= DIVERSIONS_MAX {
            tracing::info!(
                call_id = %self.shown_call_id(means),
                user = user.name,
                "a forwarding is not followed: it leads back, or there were {DIVERSIONS_MAX} before it"
            );
            return false;
        }
        let mut steps = before.to_vec();
        if let Some((_, number)) = to {
            steps.extend(decide(means, turn, user, number).iter().cloned());
        }
        let is_last = matches!(steps.last(), Some(Step::Answer { .. }));
        if let Some(rest) = self.plan.steps.as_ref().and_then(|steps| steps.get(self.plan.next..))
            && !is_last
        {
            steps.extend(rest.iter().cloned());
        }
        self.plan.steps = Some(steps.into());
        self.plan.next = 0;
        let reason = to.map_or("follow-me", |(when, _)| reason(when, &user.settings));
        let number = to.map_or("", |(_, number)| number);
        let (domain, chain) = (&means.settings.config.domain, &mut self.plan.diversions.chain);
        chain.note(domain, user.extension.as_deref().unwrap_or(&user.name), reason, number);
        chain.by.push(user.name.as_str().into());
        true
    }

    fn has_diverted(&self, user: &User) -> bool {
        self.plan.diversions.chain.by.iter().any(|by| **by == *user.name)
    }
}

impl Chain {
    /// An application has sent on to `to` what was for `by`, and had come to it for a reason; a call that was sent on to
    /// the application is sent on by that.
    pub fn sent_on(&self, domain: &str, by: &str, why: Reached, to: &str) -> Self {
        let reason = match why {
            _ if !self.at.is_empty() => "unconditional",
            Reached::Dialled | Reached::Menu => "unconditional",
            Reached::NoAnswer => "no-answer",
            Reached::Busy => "user-busy",
            Reached::Declined => "deflection",
            Reached::Unreachable => "unavailable",
        };
        let mut chain = self.clone();
        let by = if self.at.is_empty() { by } else { &self.at };
        chain.note(domain, by, reason, to);
        chain
    }

    /// The header fields of a call as they are from now on.
    pub fn headers(&self, mut headers: Vec<(String, String)>) -> Vec<(String, String)> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let is_history = |(name, _): &(String, String)| name.eq_ignore_ascii_case("History-Info");
        if !self.diversion.is_empty() {
            if !headers.iter().any(is_history) {
                headers.push(("History-Info".to_owned(), text(&self.history)));
            }
            headers.insert(0, ("Diversion".to_owned(), text(&self.diversion)));
        }
        headers
    }

    fn note(&mut self, domain: &str, by: &str, reason: &str, to: &str) {
        let uri = |number: &str| {
            let mut uri = b"sip:".to_vec();
            sip::uri::escape_user(number.as_bytes(), &mut uri);
            uri.push(b'@');
            uri.extend_from_slice(domain.as_bytes());
            uri
        };
        let own = uri(by);
        let mut value = [b"<", &own[..], b">;reason=", reason.as_bytes(), b";counter=1"].concat();
        if !self.diversion.is_empty() {
            value.extend_from_slice(b", ");
        }
        self.diversion.splice(0..0, value);
        if self.history.is_empty() {
            self.history = [b"<", &own[..], b">;index=1"].concat();
        }
        if !to.is_empty() {
            let index = format!("1{}", ".1".repeat(self.count + 1));
            let cause = cause(reason);
            let entry = [b", <", &uri(to)[..], b";cause=", cause, b">;index=", index.as_bytes()].concat();
            self.history.extend_from_slice(&entry);
        }
        self.count += 1;
        to.clone_into(&mut self.at);
    }
}

/// What would happen if the user dialled the number.
fn decide(means: &Means, turn: &Turn<'_>, user: &User, number: &str) -> Arc<[Step]> {
    let call = Call {
        to_user: number,
        host_is_local: true,
        from_user: Some(&user.name),
        from_extension: user.extension.as_deref(),
        method: "INVITE",
        unix_s: i64::try_from(turn.unix_ms / 1000).unwrap_or(i64::MAX),
    };
    means.settings.routes.decide(&call).steps
}

/// The ringing steps of a number, each for so long.
fn rings(means: &Means, turn: &Turn<'_>, user: &User, number: &str, seconds: u16) -> Vec<Step> {
    let steps = decide(means, turn, user, number);
    let ring = |step: &Step| match step {
        Step::Ring { users, strategy, .. } => {
            let seconds = Some(u32::from(seconds));
            Some(Step::Ring { users: Arc::clone(users), seconds, strategy: *strategy })
        }
        Step::Application { .. } | Step::Answer { .. } => None,
    };
    steps.iter().filter_map(ring).collect()
}

/// True when something is to be done once the phones have rung.
fn goes_on(settings: &Settings) -> bool {
    settings.forward.no_answer.is_some() || !settings.follow_me.is_empty()
}

/// RFC 5806 §4.
fn reason(when: When, settings: &Settings) -> &'static str {
    match when {
        When::Always => "unconditional",
        When::Busy if settings.do_not_disturb => "do-not-disturb",
        When::Busy => "user-busy",
        When::NoAnswer => "no-answer",
        When::Unreachable => "unavailable",
    }
}

/// RFC 4458 §2.
fn cause(reason: &str) -> &'static [u8] {
    match reason {
        "unconditional" | "do-not-disturb" => b"302",
        "user-busy" => b"486",
        // Whoever declines has heard it ring.
        "deflection" => b"487",
        "no-answer" => b"408",
        _ => b"503",
    }
}

/// When a call is forwarded only once its user was tried.
const LATER: [When; 3] = [When::Busy, When::NoAnswer, When::Unreachable];
const PEACE: Wish = Wish::Refused(486, "Do Not Disturb");
/// The most forwardings of one call.
const DIVERSIONS_MAX: usize = 5;
/// How long phones ring before what comes when nobody answers, where the dial plan says nothing.
const RING_S: u32 = 20;
