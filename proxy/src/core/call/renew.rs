//! A leg that is to hear somebody else from now on: it is offered a session of ours anew, its answer goes to the media
//! server, and the two that talk are joined.

use std::time::Instant;

use proto::ServiceError;
use proto::media::{Described, Theirs};
use sip::message::{Message, Method};

use super::asking::{Asking, Why};
use super::{CALLER, Call, write};
use crate::core::effect::Turn;
use crate::core::means::{Means, Waiter};

impl Call {
    /// Begins. A leg that cannot be offered anything is joined as it is.
    pub fn renew(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        if let Some(leg) = self.leg_mut(number) {
            leg.renewal = None;
        }
        let who = Waiter::Renewed(self.id, number, false);
        if self.attend(means, turn, number, Theirs::Nothing, who).is_err() {
            self.join_two(means, turn);
        }
    }

    /// The media server has made the offer, or taken the answer.
    pub fn on_renewed(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        is_answer: bool,
        answer: Result<Described, ServiceError>,
    ) {
        let described = match answer {
            Ok(described) if !is_answer => described.sdp,
            Ok(_) => return self.join_two(means, turn),
            Err(error) => {
                means.counters.service_errors += 1;
                tracing::warn!(call_id = %self.shown_call_id(), %error, "a leg is not described anew");
                return self.join_two(means, turn);
            }
        };
        if self.over || self.askings.iter().any(|asking| asking.is_invite && asking.number == number) {
            return;
        }
        let Some(leg) = self.leg_mut(number).filter(|leg| leg.dialog.is_some()) else { return };
        let described = leg.tell(&described).into_owned();
        let session = leg.session_line();
        let mut lines = write::Lines::new();
        if let Some(session) = &session {
            lines.extend([("Supported", &b"replaces, timer"[..]), ("Session-Expires", session.as_bytes())]);
        }
        let body = Some(("application/sdp", &described[..]));
        self.ask_leg(means, turn, number, Why::Renew, Method::Invite, &lines, body);
    }

    /// The phone has answered.
    pub fn on_renew_answered(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        asking: &Asking,
        status: u16,
        message: &Message<'_>,
    ) {
        let number = asking.number;
        match status {
            200..=299 => {
                if let Some(leg) = self.leg_mut(number) {
                    leg.renewals = 0;
                    // A Contact that cannot be read leaves the target as it was.
                    let _ = leg.dialog.as_mut().map(|dialog| dialog.refresh_target(message));
                    leg.learn_from_answer(message, turn.now);
                }
                let who = Waiter::Renewed(self.id, number, true);
                let asked =
                    write::sdp(message).map(|sdp| self.attend(means, turn, number, Theirs::Answer(sdp), who));
                if !matches!(asked, Some(Ok(_))) {
                    self.join_two(means, turn);
                }
            }
            408 | 481 => self.expire(means, turn, number),
            // RFC 3261 §14.1: its own offer was on its way.
            491 if self.renew_later(turn, number) => {}
            _ => self.join_two(means, turn),
        }
    }

    /// False when it was put off often enough.
    fn renew_later(&mut self, turn: &Turn<'_>, number: u16) -> bool {
        let after = self.after_glare(number);
        let Some(leg) = self.leg_mut(number).filter(|leg| leg.renewals < RENEWALS_MAX) else { return false };
        leg.renewals += 1;
        leg.renewal = Some(turn.now + after);
        true
    }

    /// When a leg is offered a session once more.
    pub fn renewal_deadline(&self) -> Option<Instant> {
        self.legs.iter().filter(|leg| leg.dialog.is_some()).filter_map(|leg| leg.renewal).min()
    }

    /// It may have come; an offer of the phone that is under way goes first.
    pub fn on_renewal_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let is_due = |leg: &super::leg::Leg| leg.renewal.is_some_and(|at| at <= turn.now);
        let due = self.legs.iter().position(|leg| leg.dialog.is_some() && is_due(leg));
        let Some(number) = due.map(|place| place as u16) else { return };
        let is_busy = self.crossings.iter().any(super::crossing::Crossing::changes_session);
        if !is_busy {
            return self.renew(means, turn, number);
        }
        if !self.renew_later(turn, number) {
            if let Some(leg) = self.leg_mut(number) {
                leg.renewal = None;
            }
            self.join_two(means, turn);
        }
    }

    /// Lets the two that talk hear each other, or begins what was to talk with the caller.
    fn join_two(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let waits = |leg: &mut super::leg::Leg| std::mem::take(&mut leg.music_waits);
        if self.leg_mut(CALLER).is_some_and(waits) && !self.over {
            self.set_hold(means, turn, CALLER, true);
        }
        if let Some(started) = self.runs.next.take().filter(|_| !self.over) {
            return self.begin_anew(means, turn, *started);
        }
        if let Some(peer) = self.peer.filter(|_| !self.over) {
            self.join(means, turn, 0, CALLER, Some(peer));
        }
    }
}

/// How often an offer of ours that meets one of the phone is made again.
const RENEWALS_MAX: u8 = 3;
