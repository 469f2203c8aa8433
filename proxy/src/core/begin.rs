//! A request that may be forwarded becomes a response context: overload, Routes, and whether its sender has to say
//! who he is. And where it then goes (RFC 3261 §16.5).

use std::sync::Arc;

use proto::{Identified, Identify, ServiceError};
use sip::branch::LoopHash;
use sip::message::{Message, Method, Name, Status};
use sip::transaction::TransactionKey;
use sip::transport::Packet;
use smallvec::SmallVec;

use super::answer;
use super::authenticate::{self, Claim, Demand, Judgement, Side};
use super::edge::Edge;
use super::effect::{Answer, Effect, Turn};
use super::flow;
use super::loops;
use super::means::{Means, User, Waiter};
use super::nat;
use super::request::{self, Request};
use super::response_context::{Kind, ResponseContext};
use super::route::Call;
use super::route_headers::Way;
use super::targets::{self, Target};

impl Edge {
    /// Begins to forward a request that was admitted.
    pub(crate) fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        seen: LoopHash,
    ) {
        let message = request.message;
        let way = Way::of(&self.means.settings, request);
        self.means.counters.forged_tokens += u64::from(way.forged && way.dialog.is_none());
        if self.is_too_busy_for(request) {
            return self.answer_busy(turn, packet, message);
        }
        let claim = match authenticate::demand(&self.means.settings, &packet.flow, request, &way) {
            Demand::Nothing => None,
            Demand::Refused(refusal) => {
                return answer::refuse(&mut self.means, turn, packet, message, refusal);
            }
            Demand::Credentials => {
                let now = turn.unix_ms / 1000;
                match self.means.guard.claim(&self.means.settings, now, request, Side::Proxy) {
                    Claim::Credentials(username) => Some(username),
                    Claim::Challenge { stale } => {
                        return authenticate::challenge_statelessly(
                            &mut self.means,
                            turn,
                            packet,
                            message,
                            Side::Proxy,
                            stale,
                        );
                    }
                }
            }
        };
        let Some(slot) = self.open(turn, packet, request, key, seen, way) else {
            return self.answer_busy(turn, packet, message);
        };
        self.with_context(turn, slot, |context, means, turn| {
            if context.kind == Kind::Invite {
                // RFC 3261 §16.2: a stateful proxy says 100 at once, so that the caller stops repeating.
                answer::trying(means, turn, context);
            }
            match claim {
                None => context.route(means, turn),
                Some(username) => context.identify(means, turn, &username),
            }
        });
    }

    /// Makes the context and its server transaction; `None` when a table is full.
    fn open(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        seen: LoopHash,
        way: Way,
    ) -> Option<super::slots::Slot> {
        let context = self.context_of(turn, packet, request, seen, way);
        let slot = self.contexts.insert(Box::new(context)).ok()?;
        let user = User::Upstream(slot);
        let Ok(server) = self.means.endpoint.accept(turn.now, packet, request.message, key, user) else {
            self.contexts.remove(slot);
            return None;
        };
        let context = self.contexts.get_mut(slot)?;
        context.id = slot;
        context.server = Some(server);
        Some(slot)
    }

    /// A context without a transaction.
    pub(crate) fn context_of(
        &self,
        turn: &Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        seen: LoopHash,
        way: Way,
    ) -> ResponseContext {
        let settings = &self.means.settings;
        let message = request.message;
        let kind = match request.method {
            Method::Invite => Kind::Invite,
            Method::Ack => Kind::Ack,
            Method::Subscribe | Method::Refer => Kind::OpensDialog,
            _ => Kind::Other,
        };
        let contact = message.elements(Name::Contact).next();
        let contact = contact.and_then(|contact| sip::header::NameAddr::parse(Name::Contact, contact).ok());
        let contact_uri = contact.as_ref().and_then(|contact| contact.uri().ok());
        let instance = contact.and_then(|contact| contact.params.raw(b"+sip.instance"));
        ResponseContext {
            behind_nat: nat::is_behind_nat(&packet.flow, message, contact_uri.as_ref()),
            first_hop: nat::is_first_hop(message),
            caller_instance: instance
                .and_then(|instance| std::str::from_utf8(instance).ok())
                .map_or(0, targets::instance_hash),
            breadth: loops::breadth(message, settings.config.breadth_max),
            ..ResponseContext::new(kind, packet.flow, turn.now, seen, way)
        }
    }

    /// DESIGN.md, failure rules: new calls are shed first, requests of a dialog never before the table is full.
    fn is_too_busy_for(&self, request: &Request<'_>) -> bool {
        let share = usize::from(self.means.settings.config.new_calls_percent.min(100));
        !request.is_in_dialog() && self.contexts.len() * 100 >= self.contexts.max() * share
    }

    pub(crate) fn answer_busy(&mut self, turn: &mut Turn<'_>, packet: &Packet<'_>, message: &Message<'_>) {
        self.means.counters.overloaded += 1;
        let seconds = self.means.settings.config.retry_after.as_secs().to_string();
        let headers = [("Retry-After", seconds.as_str())];
        answer::statelessly(&mut self.means, turn, packet, message, Status::of(503), None, &headers);
    }
}

/// Where a request goes (RFC 3261 §16.5).
enum Destination {
    /// To one place that the request itself names.
    Target(Target),
    /// To whom the dial plan says.
    Plan(super::route::Decision),
    /// To a phone whose flow is gone: its user says where it is now.
    Moved(Arc<str>),
    /// Nowhere.
    Nowhere(u16, &'static str),
}

impl ResponseContext {
    /// Asks who the caller is.
    fn identify(&mut self, means: &mut Means, turn: &mut Turn<'_>, username: &str) {
        let settings = Arc::clone(&means.settings);
        let question = Identify { realm: settings.realm(), username };
        match means.ask(turn, Waiter::Caller(self.id), Effect::Credentials(question)) {
            Ok(ticket) => self.asked.push(ticket),
            Err(_) => self.answer_ourselves(means, turn, 503, Some("Too Many Questions"), &[]),
        }
    }

    /// A service has answered.
    pub fn on_answer(&mut self, means: &mut Means, turn: &mut Turn<'_>, waiter: Waiter, answer: Answer) {
        match (waiter, answer) {
            (Waiter::Caller(_), Answer::Identified(answer)) => self.on_identified(means, turn, answer),
            (Waiter::Place(_, place), Answer::Found(answer)) => {
                self.on_found(means, turn, place.into(), answer)
            }
            (Waiter::Bindings(_, place), Answer::Located(answer)) => {
                self.on_located(means, turn, place.into(), answer);
            }
            (Waiter::Flow(_), Answer::Found(answer)) => self.on_flow_user(means, turn, answer),
            (Waiter::Flow(_), Answer::Located(answer)) => self.on_flow(means, turn, answer),
            (Waiter::Address(_, branch), Answer::Resolved(answer)) => {
                self.on_resolved(means, turn, branch.into(), answer);
            }
            (waiter, _) => {
                tracing::error!(?waiter, "a service answered another question than it was asked");
                self.answer_ourselves(means, turn, 500, None, &[]);
            }
        }
    }

    /// The directory has said who the caller may be.
    fn on_identified(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Identified, ServiceError>,
    ) {
        let kept = self.request_octets(means).to_vec();
        let limits = means.settings.limits;
        let Ok(message) = Message::parse(&kept, &limits) else { return };
        let Ok(request) = Request::read(&message) else { return };
        let now = turn.unix_ms / 1000;
        let user = match authenticate::judge(means, now, &request, Side::Proxy, answer) {
            Judgement::User(user) => user,
            Judgement::Refused(refusal) => {
                return self.answer_ourselves(means, turn, refusal.status.code(), Some(refusal.why), &[]);
            }
            Judgement::Challenge => {
                let settings = Arc::clone(&means.settings);
                let challenge = means.guard.challenge(&settings, now, Side::Proxy, false);
                means.counters.challenges += 1;
                let status = Side::Proxy.status().code();
                return self.answer_ourselves(means, turn, status, None, &authenticate::lines(&challenge));
            }
        };
        if let Err(refusal) = authenticate::check_identity(&means.settings, &request, &user) {
            means.counters.refused += 1;
            return self.answer_ourselves(means, turn, refusal.status.code(), Some(refusal.why), &[]);
        }
        self.caller = Some(user);
        self.route(means, turn);
    }

    /// The sender is who he may be: the request goes its way.
    pub fn route(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        match self.destination(means, turn) {
            Destination::Target(target) => {
                self.add_target(means, target);
                self.advance(means, turn);
            }
            Destination::Plan(decision) => {
                if let Some(caller) = &self.caller
                    && self.kind == Kind::Invite
                {
                    let name: Arc<str> = caller.name.as_str().into();
                    if !means.begin_call(&name) {
                        let reason = ("Reason", "SIP;cause=486;text=\"Too many calls of this user\"");
                        return self.answer_ourselves(means, turn, 486, None, &[reason]);
                    }
                    self.counted = Some(name);
                }
                means.counters.calls += u64::from(self.kind == Kind::Invite);
                self.follow_plan(means, turn, decision);
            }
            Destination::Moved(user) => self.look_again(means, turn, &user),
            Destination::Nowhere(status, why) => self.answer_ourselves(means, turn, status, Some(why), &[]),
        }
    }

    fn destination(&self, means: &Means, turn: &Turn<'_>) -> Destination {
        let settings = &means.settings;
        let unreadable = Destination::Nowhere(500, "Server Internal Error");
        let Ok(message) = Message::parse(self.request_octets(means), &settings.limits) else {
            return unreadable;
        };
        let Ok(request) = Request::read(&message) else { return unreadable };
        // §16.4: what a strict router put there has been put back.
        let uri_text = self.way.keep.as_ref().map_or(request.uri_text, |(uri, _)| uri);
        let Ok(uri) = sip::uri::Uri::parse(uri_text) else {
            return Destination::Nowhere(400, "Bad Request-URI");
        };
        let for_us = settings.is_for_us(&uri);
        if self.way.goes_on {
            return self.away(means, uri_text);
        }
        if let Some(dialog) = &self.way.dialog {
            let end = dialog.destination();
            match end.flow {
                Some(flow::Read::Usable(flow)) => {
                    return Destination::Target(Target {
                        flow: Some(flow),
                        by_uri: false,
                        ..Target::by_uri(uri_text)
                    });
                }
                Some(flow::Read::Gone) => {
                    return match std::str::from_utf8(&end.user) {
                        Ok(user) if !user.is_empty() => Destination::Moved(user.into()),
                        // RFC 5626 §5.3.1.
                        _ => Destination::Nowhere(430, "Flow Failed"),
                    };
                }
                None if !for_us => return Destination::Target(Target::by_uri(uri_text)),
                None => {}
            }
        }
        if !for_us {
            return self.away(means, uri_text);
        }
        if self.kind == Kind::Ack {
            // RFC 3261 §13.2.2.4: it goes to the one that has answered, not to whoever a number rings.
            return Destination::Nowhere(404, "Not Found");
        }
        let to_user = request::user_of(&uri);
        Destination::Plan(settings.routes.decide(&Call {
            to_user: &to_user,
            host_is_local: true,
            from_user: self.caller.as_ref().map(|caller| caller.name.as_str()),
            from_extension: self.caller.as_ref().and_then(|caller| caller.extension.as_deref()),
            method: request.method.as_str(),
            unix_s: i64::try_from(turn.unix_ms / 1000).unwrap_or(i64::MAX),
        }))
    }

    /// To somewhere that is not ours: for those alone who may.
    fn away(&self, means: &Means, uri: &[u8]) -> Destination {
        let settings = &means.settings;
        // An ACK came this far only because its dialog or its INVITE is known.
        let is_known =
            self.way.dialog.is_some() || self.kind == Kind::Ack || settings.is_trusted(self.flow.remote.ip());
        if is_known || (self.caller.is_some() && settings.config.allow_foreign_domains) {
            Destination::Target(Target::by_uri(uri))
        } else {
            Destination::Nowhere(403, "No Relaying")
        }
    }

    /// A context of nothing yet.
    pub fn new(
        kind: Kind,
        flow: sip::transport::Flow,
        now: std::time::Instant,
        seen: LoopHash,
        way: Way,
    ) -> Self {
        Self {
            id: super::slots::Slot { index: u32::MAX, generation: u32::MAX },
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
            caller_instance: 0,
            counted: None,
            plan: super::response_context::Plan::default(),
            waiting: std::collections::VecDeque::new(),
            targets: 0,
            branches: SmallVec::new(),
            best: super::best::Best::default(),
            answered: None,
            cancelled: false,
            closed: false,
            looked_again: false,
            redirections: 0,
            asked: SmallVec::new(),
        }
    }
}
