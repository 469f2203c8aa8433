//! 2xx and ACK on both legs (RFC 3261 §13.2.2.4, §13.3.1.4): ours to the phone that answered, and the 2xx that we
//! repeat until the phone that asked has acknowledged it.

use sip::dialog::Outgoing;
use sip::message::Message;

use super::application_media::OURSELVES;
use super::crossing::{Kind, Repeat, Stage};
use super::media::{Role, Shown};
use super::{CALLER, Call, write};
use crate::core::effect::Turn;
use crate::core::means::{Means, Waiter};

impl Call {
    /// Sends the ACK for the 2xx of the leg that was asked.
    pub fn acknowledge_leg(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        sdp: Option<&[u8]>,
    ) {
        let Some(crossing) = self.crossing(serial) else { return };
        let (to, number) = (crossing.to, crossing.own_number);
        crossing.acknowledged = true;
        let Some(leg) = self.leg_mut(to) else { return };
        let Some(hop) = leg.hop() else { return };
        let via = write::via(means, leg, &hop);
        let sdp = sdp.map(|sdp| leg.tell(sdp));
        let body = sdp.as_deref().map(|sdp| ("application/sdp", sdp));
        let outgoing = Outgoing { body, ..Outgoing::new(via.as_bytes()) };
        leg.ack.clear();
        if let Some(dialog) = &leg.dialog {
            dialog.acknowledge(number, &outgoing, &mut leg.ack);
            turn.wire().send_octets(hop, None, &leg.ack);
        }
    }

    /// The same, where nothing has acknowledged yet.
    pub fn acknowledge_once(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16) {
        let Some(crossing) = self.crossing(serial) else { return };
        if crossing.kind == Kind::Invite && !crossing.acknowledged {
            self.acknowledge_leg(means, turn, serial, None);
        }
    }

    /// Sends the last ACK of a leg again.
    pub fn repeat_ack(&self, turn: &mut Turn<'_>, number: u16) {
        if let Some(leg) = self.leg(number)
            && let Some(hop) = leg.hop()
            && !leg.ack.is_empty()
        {
            turn.wire().send_octets(hop, None, &leg.ack);
        }
    }

    /// A 2xx went to who asked: it is sent again until its ACK comes, from T1 up to T2 apart, for 64*T1.
    pub fn repeat_until_acknowledged(
        &mut self,
        means: &Means,
        turn: &Turn<'_>,
        serial: u16,
        octets: Vec<u8>,
    ) {
        let t1 = means.settings.transactions.intervals.t1;
        if let Some(crossing) = self.crossing(serial) {
            crossing.stage = Stage::Acknowledging(Repeat {
                octets: octets.into(),
                next: turn.now + t1,
                interval: t1,
                until: turn.now + t1 * 64,
            });
        }
    }

    /// One of the moments of this call has come.
    pub fn on_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.on_run_time(means, turn);
        self.on_reliable_time(means, turn);
        self.on_park_time(means, turn);
        self.on_transfer_time(means, turn);
        self.on_renewal_time(means, turn);
        self.on_session_time(means, turn);
        let t2 = means.settings.transactions.intervals.t2;
        let mut unacknowledged = false;
        for crossing in &mut self.crossings {
            let Stage::Acknowledging(repeat) = &mut crossing.stage else { continue };
            if repeat.until <= turn.now {
                unacknowledged = true;
            } else if repeat.next <= turn.now {
                means.endpoint.respond(turn.now, crossing.server, &repeat.octets, turn.out.wire());
                repeat.interval = (repeat.interval * 2).min(t2);
                repeat.next = turn.now + repeat.interval;
            }
        }
        // §13.3.1.4: without an ACK the session is ended by BYE.
        if unacknowledged {
            self.crossings.retain(|crossing| !matches!(crossing.stage, Stage::Acknowledging(_)));
            let reason = self.ending.take();
            let reason = reason.as_deref().filter(|said| !said.is_empty());
            self.end(means, turn, None, reason.map_or(Some(NO_ACK), |said| Some(said.as_bytes())));
        }
    }

    /// The ACK of a leg for our 2xx.
    pub fn on_ack(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16, message: &Message<'_>) {
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let waits = self.crossings.iter().find(|crossing| {
            crossing.from == number
                && crossing.number == cseq
                && matches!(crossing.stage, Stage::Acknowledging(_))
        });
        let Some(crossing) = waits else { return };
        let (serial, done, from, to) = (crossing.serial, crossing.acknowledged, crossing.from, crossing.to);
        let straight = crossing.straight;
        if let Some(reason) = self.ending.take() {
            self.finish_crossing(means, serial);
            let reason = Some(reason.as_bytes()).filter(|reason| !reason.is_empty());
            return self.end(means, turn, None, reason);
        }
        if to == OURSELVES {
            return self.on_ack_for_us(means, turn, serial, message);
        }
        if done {
            self.finish_crossing(means, serial);
            return;
        }
        // Late offer: the answer to what the other leg offered in its 2xx.
        let Some(sdp) = write::sdp(message) else {
            self.acknowledge_once(means, turn, serial);
            self.finish_crossing(means, serial);
            return self.end(means, turn, None, Some(NO_ANSWER));
        };
        let passing = self.passing(Role::Answer, from, to, sdp, straight);
        let who = Waiter::Crossing(self.id, serial);
        match self.describe(means, turn, who, passing) {
            Ok(Shown::AsItIs) => {
                self.acknowledge_leg(means, turn, serial, Some(sdp));
                self.finish_crossing(means, serial);
            }
            Ok(Shown::Asked(ticket)) => {
                if let Some(crossing) = self.crossing(serial) {
                    crossing.stage = Stage::Confirming;
                    crossing.asked = Some(ticket);
                }
            }
            Err(_) => {
                self.acknowledge_once(means, turn, serial);
                self.finish_crossing(means, serial);
                self.end(means, turn, None, Some(NO_ANSWER));
            }
        }
    }

    /// True when the caller has our 2xx and has not acknowledged it: no BYE may go to it (RFC 3261 §15).
    pub fn waits_for_ack_of(&self, number: u16) -> bool {
        number == CALLER
            && self
                .crossings
                .iter()
                .any(|crossing| crossing.from == CALLER && matches!(crossing.stage, Stage::Acknowledging(_)))
    }
}

/// RFC 3326: why a call ends that nobody hung up.
const NO_ACK: &[u8] = b"SIP;cause=408;text=\"No ACK\"";
const NO_ANSWER: &[u8] = b"SIP;cause=488;text=\"No Answer To An Offer\"";
