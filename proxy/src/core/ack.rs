//! ACK (RFC 3261 §16.11 and §13.2.2.4): those to our own refusals and to responses of the layer end here; that of
//! a 2xx goes end to end, with no transaction and no memory.

use sip::branch::LoopHash;
use sip::message::Message;
use sip::transaction::TransactionId;
use sip::transport::Packet;

use super::answer;
use super::edge::Edge;
use super::effect::Turn;
use super::loops;
use super::means::User;
use super::request::Request;
use super::route_headers::Way;

impl Edge {
    /// An ACK that the transaction layer did not absorb.
    pub(crate) fn on_ack(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        invite: Option<(TransactionId, User)>,
    ) {
        if self.on_conducted_ack(turn, message) {
            return;
        }
        let settings = &self.means.settings;
        if answer::is_ack_for_us(settings, message) {
            return;
        }
        let Some((request, seen)) = self.ack_to_forward(message) else {
            self.means.counters.stray_acks += 1;
            return;
        };
        let way = Way::of(&self.means.settings, &request);
        // Nothing answers an ACK, so nobody can be asked who he is: it goes on with a token that we signed for
        // its dialog, from a trusted peer, or for an INVITE that we know, and nowhere else.
        let is_known = way.dialog.is_some()
            || invite.is_some()
            || self.means.settings.is_trusted(packet.flow.remote.ip());
        if !is_known {
            self.means.counters.stray_acks += 1;
            return;
        }
        let mut context = self.context_of(turn, packet, &request, seen, way);
        context.octets = message.octets().to_vec();
        let Ok(slot) = self.contexts.insert(Box::new(context)) else {
            self.means.counters.overloaded += 1;
            return;
        };
        self.with_context(turn, slot, |context, means, turn| {
            context.id = slot;
            context.route(means, turn);
        });
    }

    fn ack_to_forward<'a>(&self, message: &'a Message<'a>) -> Option<(Request<'a>, LoopHash)> {
        let request = Request::read(message).ok()?;
        if request.max_forwards == Some(0) || !request.is_in_dialog() {
            return None;
        }
        let seen = loops::hash(self.means.settings.loop_key, &request);
        (!loops::is_loop(message, seen)).then_some((request, seen))
    }
}
