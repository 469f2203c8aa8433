//! How a conducted call ends: by BYE of either side, by CANCEL while its answer is still on the way, or because it
//! cannot go on. Each leg is told once, and the media server after them.

use proto::application::{Parting, What};
use sip::dialog::Outgoing;
use sip::message::{Message, Method, Status};
use sip::transaction::TransactionId;

use super::application::Errand;
use super::crossing::Stage;
use super::leg::Leg;
use super::{CALLER, Call, late, write};
use crate::core::effect::Turn;
use crate::core::means::{Means, User};
use crate::core::notifier::lamps;

impl Call {
    /// Ends the call on all legs but the one that knows. `reason` is the value of a Reason header (RFC 3326).
    pub fn end(&mut self, means: &mut Means, turn: &mut Turn<'_>, by: Option<u16>, reason: Option<&[u8]>) {
        if self.over {
            return;
        }
        let unanswered = self.is_unanswered();
        // Who had an application transferred and hung up knows already.
        let left = |transfer: &super::refer::Transfer| transfer.has_left && transfer.by == CALLER;
        let knows = by == Some(CALLER) || self.transfer.as_ref().is_some_and(left);
        let waits = !knows && self.waits_for_ack_of(CALLER);
        if let Some(peer) = self.peer.filter(|_| !self.peer_knows) {
            self.peer_knows = true;
            if by != Some(peer) {
                self.acknowledge_pending(means, turn, peer);
                self.say_bye(means, turn, peer, reason);
            }
        }
        if waits {
            // RFC 3261 §15: the caller is told when its ACK is there.
            let reason = reason.and_then(|reason| std::str::from_utf8(reason).ok());
            self.ending = Some(reason.unwrap_or_default().into());
            return;
        }
        if !knows && !unanswered {
            self.say_bye(means, turn, CALLER, reason);
        }
        self.over = true;
    }

    /// True while the caller has no final response.
    pub fn is_unanswered(&self) -> bool {
        let early = |dialog: &sip::dialog::Dialog| dialog.state() == sip::dialog::State::Early;
        self.leg(CALLER).and_then(|leg| leg.dialog.as_ref()).is_none_or(early)
    }

    /// A phone that answered with an offer waits for our ACK: it gets one before the BYE.
    fn acknowledge_pending(&mut self, means: &mut Means, turn: &mut Turn<'_>, peer: u16) {
        let waits = self.crossings.iter().find(|crossing| {
            crossing.to == peer
                && !crossing.offered
                && !matches!(crossing.stage, Stage::Offering | Stage::Sent)
        });
        if let Some(serial) = waits.map(|crossing| crossing.serial) {
            self.acknowledge_once(means, turn, serial);
        }
    }

    pub fn say_bye(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16, reason: Option<&[u8]>) {
        if let Some(leg) = self.leg_mut(number) {
            leg.hear_bye(means, turn, reason);
        }
    }

    /// A CANCEL for an INVITE of a leg (RFC 3261 §9.2). One whose answer is on its way back is answered 487; what
    /// the other leg has agreed to stands, unless it was the call itself.
    pub fn on_cancel(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        server: TransactionId,
        reason: Option<&str>,
    ) {
        let Some(crossing) = self.crossings.iter().find(|crossing| crossing.server == server) else { return };
        let (serial, client) = (crossing.serial, crossing.client);
        match crossing.stage {
            Stage::Offering => self.fail_crossing(means, turn, serial, Status::of(487)),
            // With no request of its own it is the call itself, whose answer is ready and waits for a PRACK.
            Stage::Answering(_) | Stage::Sent if server == self.server => {
                self.acknowledge_once(means, turn, serial);
                self.fail_crossing(means, turn, serial, Status::of(487));
                self.end(means, turn, Some(CALLER), reason.map(str::as_bytes));
            }
            Stage::Sent => {
                if let Some(client) = client {
                    let reason = reason.map(|reason| ("Reason", reason.as_bytes()));
                    let headers = reason.as_slice();
                    means.endpoint.cancel(turn.now, client, headers, User::Alone, turn.out.wire());
                }
            }
            Stage::Answering(_) | Stage::Acknowledging(_) | Stage::Confirming => {}
        }
    }

    /// A 2xx to the INVITE of a leg came again, or another one of a phone behind a forking proxy.
    pub fn on_success_again(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        message: &Message<'_>,
        hop: Option<sip::transport::NextHop>,
    ) {
        let remote_tag = message.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        // A transfer may have given the leg another number.
        let of_leg = |leg: &super::leg::Leg| leg.is_of(message.call_id(), remote_tag);
        let number = self.leg(number).filter(|leg| of_leg(leg)).map(|_| usize::from(number));
        if let Some(number) = number.or_else(|| self.legs.iter().position(of_leg)) {
            self.repeat_ack(turn, number as u16);
        } else {
            late::end(means, turn, message, hop);
        }
    }

    /// The last of a call that a panic has met, whatever state it is in: its phones hear BYE, its application and the
    /// media server that it is over, and the INVITE that waits an error. What panics here again is let go of.
    pub fn abandon(mut self, means: &mut Means, turn: &mut Turn<'_>) {
        means.errands.push_back(Errand::Abandon(self.context));
        self.leave_slot(means, turn);
        let rings = std::mem::take(&mut self.runs.rings);
        means.errands.extend(rings.iter().filter_map(|ring| ring.context).map(Errand::Silence));
        self.release(means, turn, None);
        for mut run in self.runs.run.take().into_iter().chain(std::mem::take(&mut self.runs.leaving)) {
            run.tell(turn, What::Ended(Parting::Failed));
        }
        for number in 0..self.legs.len() as u16 {
            let dialog = self.leg(number).and_then(|leg| leg.dialog.as_ref());
            if dialog.is_some_and(|dialog| dialog.state() == sip::dialog::State::Confirmed) {
                self.say_bye(means, turn, number, Some(b"SIP;cause=500;text=\"Internal Error\""));
            }
        }
    }

    /// What is left when the call is removed: requests without an answer, and the media.
    pub fn leave(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        lamps::ended(means, turn, &self.opened_by);
        lamps::ended(means, turn, self.name.as_bytes());
        self.leave_slot(means, turn);
        self.give_up_slot(means, false);
        let parting = self.runs.run.as_ref().map_or(Parting::Caller, |run| run.parting);
        self.leave_run(means, turn, parting);
        for ring in std::mem::take(&mut self.runs.rings) {
            self.silence(means, turn, &ring);
        }
        self.drop_picking(means, turn);
        if let Some(ticket) = self.early_asked.take() {
            means.questions.close(ticket);
        }
        while let Some(crossing) = self.crossings.pop() {
            if let Some(ticket) = crossing.asked {
                means.questions.close(ticket);
            }
            let is_open = !matches!(crossing.stage, Stage::Acknowledging(_) | Stage::Confirming);
            if is_open {
                // RFC 3261 §15.1.2: what is pending when a BYE comes is answered 487.
                Self::refuse(means, turn, crossing.server, Status::of(487));
            }
            means.endpoint.set_user(crossing.server, User::Alone);
        }
        self.release(means, turn, None);
    }
}

impl Leg {
    /// Says BYE to the phone.
    fn hear_bye(&mut self, means: &mut Means, turn: &mut Turn<'_>, reason: Option<&[u8]>) {
        let Some(hop) = self.hop() else { return };
        let via = write::via(means, self, &hop);
        let headers: &[(&str, &[u8])] = &[("Reason", reason.unwrap_or_default())];
        let headers = if reason.is_some() { headers } else { &[] };
        let outgoing = Outgoing { headers, ..Outgoing::new(via.as_bytes()) };
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        if let Some(dialog) = &mut self.dialog {
            dialog.request(Method::Bye, &outgoing, &mut octets);
            if means.endpoint.request(turn.now, User::Alone, hop, &octets, turn.out.wire()).is_err() {
                means.counters.overloaded += 1;
            }
        }
        means.scratch = octets;
    }

    /// Hangs up on a phone that no call has any more.
    pub fn say_bye(mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.hear_bye(means, turn, Some(NOBODYS));
    }
}

/// RFC 3326: why who was to be transferred hears BYE when there is nobody left to talk with.
const NOBODYS: &[u8] = b"SIP;cause=480;text=\"Transfer Failed\"";
