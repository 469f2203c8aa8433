//! How a conducted call learns what happens: the edge hands it here, by the user of the transaction, by the tag of
//! the dialog, or by the name of the call.

use proto::ServiceError;
use proto::application::Parting;
use proto::media::{Described, MediaEvent};
use sip::message::{Message, Method, Status};
use sip::transaction::{Failure, TransactionId, TransactionKey};
use sip::transport::Packet;

use super::{CALLER, late};
use crate::core::answer;
use crate::core::edge::Edge;
use crate::core::effect::Turn;
use crate::core::means::{User, Waiter};
use crate::core::request::Request;
use crate::core::response_context::ResponseContext;
use crate::core::slots::Slot;

impl Edge {
    /// Takes a request in a dialog of a conducted call; false when it belongs to none.
    pub(crate) fn on_conducted_request(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
    ) -> bool {
        let Some((slot, number)) = self.means.calls.find(request) else {
            return self.answer_unknown_leg(turn, packet, request);
        };
        let is_early_bye = number == CALLER && request.method == Method::Bye;
        let is_waiting = |call: &&super::Call| call.peer.is_none() && call.is_unanswered();
        let waiting = self.means.calls.get(slot).filter(is_waiting).map(|call| call.context);
        if let (true, Some(context)) = (is_early_bye, waiting) {
            // RFC 3261 §15: the caller may end an early dialog by BYE; the INVITE is then answered 487.
            if let Ok(server) =
                self.means.endpoint.accept(turn.now, packet, request.message, key, User::Alone)
            {
                answer::respond(&mut self.means, turn, server, Status::of(200), None, &[]);
            }
            self.with_context(turn, context, |context, means, turn| context.on_cancel(means, turn, None));
            return true;
        }
        self.means.with_call(turn, slot, |call, means, turn| {
            call.on_request(means, turn, packet, request, key, number);
        });
        true
    }

    /// RFC 3261 §12.2.2: a request to a Contact of ours whose call is over.
    fn answer_unknown_leg(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
    ) -> bool {
        let user = request.uri.as_sip().and_then(|uri| uri.user);
        let is_ours = user == Some(request.to_tag) && self.means.settings.is_for_us(&request.uri);
        if is_ours {
            let status = Status::of(481);
            answer::statelessly(&mut self.means, turn, packet, request.message, status, None, &[]);
        }
        is_ours
    }

    /// Takes the ACK to a 2xx of a conducted call; false when it belongs to none.
    pub(crate) fn on_conducted_ack(&mut self, turn: &mut Turn<'_>, message: &Message<'_>) -> bool {
        if self.means.calls.len() == 0 {
            return false;
        }
        let Ok(request) = Request::read(message) else { return false };
        let Some((slot, number)) = self.means.calls.find(&request) else { return false };
        self.means.with_call(turn, slot, |call, means, turn| call.on_ack(means, turn, number, message));
        true
    }

    /// A response to a request of a conducted call.
    pub(crate) fn on_conducted_response(
        &mut self,
        turn: &mut Turn<'_>,
        transaction: TransactionId,
        user: User,
        status: Status,
        message: &Message<'_>,
    ) {
        let hop = self.means.endpoint.next_hop(transaction).cloned();
        match user {
            User::Across(slot, serial) => {
                let known = self.means.with_call(turn, slot, |call, means, turn| {
                    call.on_response(means, turn, serial, status, message);
                });
                let is_invite = message.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
                if known.is_none() && status.is_success() && is_invite {
                    // It crossed our BYE, and its phone waits for the ACK all the same (RFC 3261 §13.2.2.4).
                    self.means.endpoint.set_user(transaction, User::Late);
                    late::acknowledged(&mut self.means, turn, message, hop);
                }
            }
            User::Leg(slot, number) if status.is_success() => {
                let known = self.means.with_call(turn, slot, |call, means, turn| {
                    call.on_success_again(means, turn, number, message, hop.clone());
                });
                if known.is_none() {
                    late::acknowledged(&mut self.means, turn, message, hop);
                }
            }
            User::Late if status.is_success() => {
                late::acknowledged(&mut self.means, turn, message, hop);
            }
            _ => {}
        }
    }

    /// A request of a conducted call that nobody answered.
    pub(crate) fn on_conducted_failure(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        serial: u16,
        failure: Failure,
    ) {
        self.means.with_call(turn, slot, |call, means, turn| call.on_failure(means, turn, serial, failure));
    }

    /// Something happened to the media of a call.
    pub(crate) fn on_media(&mut self, turn: &mut Turn<'_>, name: &str, event: MediaEvent) {
        let Some(slot) = self.means.calls.named(name) else { return };
        let reason: &[u8] = match event {
            MediaEvent::Inactive { .. } => b"Q.850;cause=41;text=\"Media Timeout\"",
            // For metrics and logs of the media server: a call goes on however it sounds.
            MediaEvent::Flow { .. } => return,
            MediaEvent::Idle => {
                self.means.with_call(turn, slot, |call, means, turn| call.affirm_media(means, turn));
                return;
            }
            MediaEvent::Gone => b"Q.850;cause=38;text=\"Media Server Lost\"",
            MediaEvent::Played { .. }
            | MediaEvent::Recorded { .. }
            | MediaEvent::Collected { .. }
            | MediaEvent::Digit { .. } => {
                self.means.with_call(turn, slot, |call, means, turn| call.on_media_event(means, turn, event));
                return;
            }
        };
        let Some(call) = self.means.calls.get(slot) else { return };
        let (is_talking, context) = (call.peer.is_some() || !call.is_unanswered(), call.context);
        self.means.counters.media_lost += 1;
        if is_talking {
            self.means.with_call(turn, slot, |call, means, turn| {
                call.leave_run(means, turn, Parting::Failed);
                call.end(means, turn, None, Some(reason));
            });
        } else {
            self.with_context(turn, context, |context, means, turn| {
                context.give_up(means, turn, "Media Lost");
            });
        }
    }
}

impl super::Call {
    /// The media server has described something that this call waits for.
    pub fn on_media_described(
        &mut self,
        means: &mut crate::core::means::Means,
        turn: &mut Turn<'_>,
        waiter: Waiter,
        answer: Result<Described, ServiceError>,
    ) {
        match waiter {
            Waiter::Early(_) => self.on_early_answer(means, turn, answer),
            Waiter::Crossing(_, serial) => self.on_described(means, turn, serial, answer),
            Waiter::Attended(_) => self.on_attended(means, turn, answer),
            Waiter::Joined(_, serial) if self.is_early(serial) => self.on_heard(means, turn, serial, answer),
            Waiter::Joined(_, serial) => self.on_joined(means, turn, serial, answer),
            Waiter::Renewed(_, number, is_answer) => self.on_renewed(means, turn, number, is_answer, answer),
            _ => {}
        }
    }
}

impl ResponseContext {
    /// A call that nobody has answered yet cannot go on.
    pub fn give_up(&mut self, means: &mut crate::core::means::Means, turn: &mut Turn<'_>, why: &str) {
        if self.answered.is_none() {
            self.leave_application(means, turn, Parting::Failed);
            self.closed = true;
            self.forget_questions(means);
            self.waiting.clear();
            self.plan.places.clear();
            self.plan.ends = None;
            self.abandon_pending(means, turn, None);
            self.answer_ourselves(means, turn, 500, Some(why), &[]);
        }
    }
}
