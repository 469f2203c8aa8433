//! A request that may be forwarded becomes a response context: overload, Routes, and whether its sender has to say
//! who he is.

use sip::branch::LoopHash;
use sip::message::{Message, Method, Name, Status};
use sip::transaction::TransactionKey;
use sip::transport::Packet;

use super::answer;
use super::authenticate::{self, Claim, Demand, Side};
use super::edge::Edge;
use super::effect::Turn;
use super::loops;
use super::means::User;
use super::nat;
use super::notifier::lamps;
use super::request::Request;
use super::response_context::{Kind, ResponseContext};
use super::route_headers::Way;
use super::slots::Slot;
use super::targets;

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
        if way.dialog.is_some() {
            lamps::pass(&self.means, turn, request);
        }
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
    pub(crate) fn open(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        seen: LoopHash,
        way: Way,
    ) -> Option<Slot> {
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
    pub(crate) fn is_too_busy_for(&self, request: &Request<'_>) -> bool {
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
