//! The response context (RFC 3261 §16.2): one request that is being forwarded, its branches, and what is known of
//! its answer. What happens to it lies beside it by subject: [`super::steps`], [`super::fork`],
//! [`super::response`], [`super::cancel`], [`super::timer_c`].

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use proto::Ticket;
use sip::branch::LoopHash;
use sip::message::Message;
use sip::transaction::TransactionId;
use sip::transport::{Flow, NextHop};
use smallvec::SmallVec;

use super::best::Best;
use super::call::application_ring::Ring;
use super::call::invite::NO_LEG;
use super::divert::Diversions;
use super::means::Means;
use super::notifier::lamps::Lit;
use super::route::Step;
use super::route_headers::Way;
use super::slots::Slot;
use super::targets::Target;
use crate::config::Anchor;

/// One request that is being forwarded.
#[derive(Debug)]
pub(crate) struct ResponseContext {
    /// Its own name in the table.
    pub id: Slot,
    /// Its server transaction; an ACK has none.
    pub server: Option<TransactionId>,
    /// What kind of request.
    pub kind: Kind,
    /// The octets of an ACK; those of other requests are kept by their server transaction.
    pub octets: Vec<u8>,
    /// What its Routes said.
    pub way: Way,
    /// How it came.
    pub flow: Flow,
    /// True when its sender is behind NAT.
    pub behind_nat: bool,
    /// True when its sender is the phone itself, and not a proxy before us.
    pub first_hop: bool,
    /// When it came.
    pub since: Instant,
    /// What decided its routing, for the branches.
    pub seen: LoopHash,
    /// Branches that may be open at once (RFC 5393 §5.3).
    pub breadth: u16,
    /// Who calls, once that is proved.
    pub caller: Option<Arc<proto::User>>,
    /// How many shards have had the INVITE before this one.
    pub tried: u16,
    /// Which phone of the caller; 0 when it does not say.
    pub caller_instance: u32,
    /// The name under which it counts against `calls_per_user_max`.
    pub counted: Option<Arc<str>>,
    /// What the dial plan decided.
    pub plan: Plan,
    /// Targets that were not tried yet, in order.
    pub waiting: VecDeque<Target>,
    /// How many targets there were, tried or not.
    pub targets: usize,
    /// Branches in the order of their birth; a transaction's user holds the place.
    pub branches: SmallVec<[Branch; 1]>,
    /// The best final response so far.
    pub best: Best,
    /// The final status that was sent upstream.
    pub answered: Option<u16>,
    /// True when the caller has given up.
    pub cancelled: bool,
    /// True when the phone of its dialog was looked up again.
    pub looked_again: bool,
    /// How often a 3xx was followed.
    pub redirections: u8,
    /// True once a 6xx forbids new branches (RFC 3261 §16.7 step 5).
    pub closed: bool,
    /// What it rings for, when its call has a caller already.
    pub ring: Option<Box<Ring>>,
    /// True while an application holds the call.
    pub held: bool,
    /// The conducted call that its INVITE opens.
    pub call: Option<Slot>,
    /// Whose lamps it has lit.
    pub lit: Option<Box<Lit>>,
    /// Questions that wait.
    pub asked: SmallVec<[Ticket; 2]>,
}

/// What kind of request, as far as forwarding asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Timer C, Record-Route, and 2xx of several branches.
    Invite,
    /// No response will ever come.
    Ack,
    /// SUBSCRIBE and REFER open a dialog too.
    OpensDialog,
    /// Everything else.
    Other,
}

/// Where in the decision of the dial plan we are.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Which rule decided.
    pub rule: Option<Arc<str>>,
    /// All steps.
    pub steps: Option<Arc<[Step]>>,
    /// The step after the present one.
    pub next: usize,
    /// True when the users of the present step ring one after the other.
    pub in_order: bool,
    /// The users of the present step.
    pub places: SmallVec<[Place; 1]>,
    /// How long each rank of the present step rings.
    pub seconds: Option<u32>,
    /// Whose media go through us, where the plan says so itself.
    pub anchor: Option<Anchor>,
    /// The last user that was found for a step.
    pub callee: Option<Arc<proto::User>>,
    /// True while a user is looked up for an application, whose phones do not ring.
    pub seeks: bool,
    /// True when he was, for the present step.
    pub sought: bool,
    /// Who has forwarded the call, and who may yet.
    pub diversions: Diversions,
    /// True until the first copy of the present rank is sent.
    pub begins: bool,
    /// When the present rank has rung for its seconds.
    pub ends: Option<Instant>,
    /// What the plan itself answers, once no branch is waited for.
    pub answer: Option<(u16, Option<Arc<str>>)>,
}

/// One user of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The directory was asked.
    Finding,
    /// The registrar was asked.
    Locating(Arc<proto::User>),
    /// Its targets wait, or there are none.
    Settled,
}

/// One copy of the request.
#[derive(Debug)]
pub(crate) struct Branch {
    /// Where it goes.
    pub target: Target,
    /// Hops that were not tried yet, the next one last.
    pub hops: SmallVec<[Hop; 1]>,
    /// The hop that is being tried, when a name led to it and nothing came from it yet.
    pub trying: Option<NextHop>,
    /// True when the URI has been resolved.
    pub resolved: bool,
    /// True when the transport of what its name leads to is our choice.
    pub flexible: bool,
    /// Its client transaction, once it was sent.
    pub transaction: Option<TransactionId>,
    /// How far it is.
    pub state: BranchState,
    /// When it has rung too long.
    pub timer_c: Option<Instant>,
    /// True once it is not wanted any more: only a 2xx of it still counts.
    pub abandoned: bool,
    /// Its leg, in a conducted call.
    pub leg: u16,
    /// True when it said more than 100.
    pub has_rung: bool,
    /// The breadth that it may use (RFC 5393 §5.3.3.1).
    pub breadth: u16,
    /// What its last hop failed with.
    pub failed: Option<(u16, &'static str)>,
    /// Its question for an address.
    pub asked: Option<Ticket>,
}

/// One way to the target of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Where it leads.
    pub to: NextHop,
    /// True when the transport is our choice, so that a large request may go by TCP (RFC 3261 §18.1.1).
    pub flexible: bool,
    /// True when a name led to it: what becomes of it is worth remembering.
    pub by_name: bool,
}

impl Hop {
    /// The flow of a registration, which is as it is.
    pub fn flow(flow: Flow) -> Self {
        Self { to: NextHop::Flow(flow), flexible: false, by_name: false }
    }
}

/// How far a branch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BranchState {
    /// Its address is being looked up.
    Resolving,
    /// Sent, and nothing came.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// Its final response came, or it failed.
    Completed,
}

impl Branch {
    /// A branch that was not sent yet.
    pub fn new(target: Target) -> Self {
        let hops = target.flow.into_iter().map(Hop::flow).collect();
        Self {
            resolved: !target.by_uri,
            target,
            hops,
            trying: None,
            flexible: false,
            transaction: None,
            state: BranchState::Resolving,
            timer_c: None,
            abandoned: false,
            leg: NO_LEG,
            has_rung: false,
            breadth: 0,
            failed: None,
            asked: None,
        }
    }

    /// True while there is another way to the same phone.
    pub fn has_another_hop(&self) -> bool {
        !self.hops.is_empty() || !self.resolved || !self.target.spare.is_empty()
    }

    /// Turns to the next flow of the same phone; false when there is none.
    pub fn take_spare(&mut self) -> bool {
        let Some(mut spare) = self.target.spare.pop() else { return false };
        spare.spare = std::mem::take(&mut self.target.spare);
        self.hops = spare.flow.into_iter().map(Hop::flow).collect();
        self.resolved = !spare.by_uri;
        self.target = spare;
        true
    }

    /// True while a final response may still come.
    pub fn is_pending(&self) -> bool {
        self.state != BranchState::Completed
    }

    /// True while the caller's answer depends on it: a branch that never answered and is not wanted any more does
    /// not hold up the final response.
    pub fn is_waited_for(&self) -> bool {
        match self.state {
            BranchState::Completed => false,
            BranchState::Resolving | BranchState::Calling => !self.abandoned,
            BranchState::Proceeding => true,
        }
    }
}

impl ResponseContext {
    /// A context of nothing yet.
    pub fn new(kind: Kind, flow: Flow, now: Instant, seen: LoopHash, way: Way) -> Self {
        Self {
            id: Slot { index: u32::MAX, generation: u32::MAX },
            server: None,
            kind,
            octets: Vec::new(),
            way,
            flow,
            behind_nat: false,
            first_hop: true,
            since: now,
            seen,
            breadth: 0,
            caller: None,
            tried: 0,
            caller_instance: 0,
            counted: None,
            plan: Plan::default(),
            waiting: VecDeque::new(),
            targets: 0,
            branches: SmallVec::new(),
            best: Best::default(),
            answered: None,
            cancelled: false,
            closed: false,
            looked_again: false,
            redirections: 0,
            ring: None,
            held: false,
            call: None,
            lit: None,
            asked: SmallVec::new(),
        }
    }

    /// True when nothing more can happen that it is needed for. The server transaction of an INVITE that was
    /// answered 2xx outlives it: repeats of the 2xx find their way by [`super::means::User::Answered`].
    pub fn is_over(&self) -> bool {
        (self.answered.is_some() || self.kind == Kind::Ack)
            && self.asked.is_empty()
            && !self.branches.iter().any(Branch::is_pending)
    }

    /// The request as it came, with what RFC 3261 §18.2.1 adds to its Via. Empty once it was answered.
    pub fn request_octets<'a>(&'a self, means: &'a Means) -> &'a [u8] {
        match self.server {
            Some(server) => means.endpoint.kept_request(server).unwrap_or_default(),
            None => &self.octets,
        }
    }

    /// The same, read. `None` once it was answered.
    pub fn request<'a>(&'a self, means: &'a Means) -> Option<Message<'a>> {
        match self.server {
            Some(server) => means.endpoint.read(server, means.endpoint.kept_request(server)?),
            None => Message::parse(&self.octets, &means.settings.limits).ok(),
        }
    }

    /// The Call-ID of its request as the log shows it.
    pub fn shown_call_id<'a>(&'a self, means: &'a Means) -> Cow<'a, str> {
        String::from_utf8_lossy(sip::scan::call_id(self.request_octets(means)).unwrap_or_default())
    }

    /// The nearest of its moments.
    pub fn deadline(&self) -> Option<Instant> {
        let timers =
            self.branches.iter().filter(|branch| branch.is_pending()).filter_map(|branch| branch.timer_c);
        let until = self.ring.as_ref().filter(|_| self.answered.is_none()).and_then(|ring| ring.until);
        timers.chain(self.plan.ends).chain(until).min()
    }

    /// How many branches count against the breadth.
    pub fn open_branches(&self) -> u16 {
        self.branches.iter().filter(|branch| branch.is_waited_for()).count() as u16
    }

    /// In words, for people.
    pub fn state(&self) -> &'static str {
        if self.cancelled {
            "cancelled"
        } else if self.answered.is_some() {
            "ending"
        } else if self.branches.is_empty() {
            "routing"
        } else if self.branches.iter().any(|branch| branch.state == BranchState::Proceeding) {
            "ringing"
        } else {
            "calling"
        }
    }
}
