//! The answer of the other leg to a request that crossed, on its way back to who asked.

use proto::ServiceError;
use proto::media::Described;
use sip::message::{Message, Status};
use sip::transaction::Failure;

use super::answering::{say, write_said};
use super::application_media::OURSELVES;
use super::crossing::{Kind, Stage};
use super::media::{Role, Shown};
use super::write::Said;
use super::{Call, write};
use crate::core::effect::Turn;
use crate::core::means::{Means, User, Waiter};

impl Call {
    /// The other leg has answered.
    pub fn on_response(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        status: Status,
        message: &Message<'_>,
    ) {
        let id = self.id;
        if self.on_asked(means, turn, serial, status, message) {
            return;
        }
        let Some(crossing) = self.crossing(serial) else { return };
        if status.is_provisional() {
            return;
        }
        if status.is_success() {
            if let (Kind::Invite, Some(client)) = (crossing.kind, crossing.client) {
                // RFC 3261 §13.2.2.4: repeats of it ask for the ACK again, when this crossing is long over.
                means.endpoint.set_user(client, User::Leg(id, crossing.to));
            }
            return self.on_success(means, turn, serial, message);
        }
        let kind = crossing.kind;
        let Some(crossing) = self.finish_crossing(means, serial) else { return };
        let lines = write::across(message);
        let body = write::body(message, None);
        say(means, turn, crossing.server, Said { status, message, lines, contact: None, body });
        // RFC 3261 §12.2.1.2: the other side does not know the dialog any more.
        if kind != Kind::Other && matches!(status.code(), 408 | 481) {
            self.end(means, turn, None, None);
        }
    }

    /// Nobody has answered, or it could not be sent.
    pub fn on_failure(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, failure: Failure) {
        if self.on_asking_failed(means, turn, serial, failure) {
            return;
        }
        let Some(crossing) = self.finish_crossing(means, serial) else { return };
        let status = match failure {
            Failure::Timeout => Status::of(408),
            Failure::Transport => Status::of(503),
        };
        Self::refuse(means, turn, crossing.server, status);
        // RFC 3261 §12.2.1.2.
        if crossing.kind != Kind::Other {
            self.end(means, turn, None, Some(b"SIP;cause=408;text=\"Request Timeout\""));
        }
    }

    /// A 2xx of the other leg.
    pub fn on_success(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, message: &Message<'_>) {
        let Some(crossing) = self.crossing(serial) else { return };
        let (kind, offered, from, to) = (crossing.kind, crossing.offered, crossing.from, crossing.to);
        let (server, straight, call_server) = (crossing.server, crossing.straight, self.server);
        let refreshes = kind != Kind::Other;
        if refreshes && let Some(dialog) = self.leg_mut(to).and_then(|leg| leg.dialog.as_mut()) {
            // A Contact that cannot be read leaves the target as it was.
            let _ = dialog.refresh_target(message);
        }
        if refreshes
            && server != call_server
            && let Some(leg) = self.leg_mut(to)
        {
            leg.learn_from_answer(message, turn.now);
        }
        if refreshes {
            self.refresh_asker(means, from, server);
        }
        let early = (offered && server == call_server).then(|| self.leg_mut(to)).flatten();
        let early = early.map(|leg| std::mem::take(&mut leg.early_answer)).filter(|sdp| !sdp.is_empty());
        let sdp = write::sdp(message).or(early.as_deref()).filter(|_| refreshes);
        if kind == Kind::Invite && (offered || sdp.is_none()) {
            self.acknowledge_leg(means, turn, serial, None);
        }
        let Some(sdp) = sdp else { return self.say_success(means, turn, serial, message, None) };
        let role = if offered { Role::Answer } else { Role::Offer };
        let passing = self.passing(role, to, from, sdp, straight);
        let who = Waiter::Crossing(self.id, serial);
        match self.describe(means, turn, who, passing) {
            Ok(Shown::AsItIs) => self.say_success(means, turn, serial, message, Some(sdp)),
            Ok(Shown::Asked(ticket)) => {
                if let Some(crossing) = self.crossing(serial) {
                    crossing.stage = Stage::Answering(message.octets().into());
                    crossing.asked = Some(ticket);
                }
            }
            Err(_) => self.fail_answer(means, turn, serial),
        }
    }

    /// RFC 3261 §12.2.2 with RFC 6141 §4.4: a request that is accepted may have moved its sender.
    pub fn refresh_asker(&mut self, means: &mut Means, from: u16, server: sip::transaction::TransactionId) {
        let limits = means.settings.limits;
        let kept = means.endpoint.kept_request(server).unwrap_or_default();
        let Ok(request) = Message::parse(kept, &limits) else { return };
        if let Some(dialog) = self.leg_mut(from).and_then(|leg| leg.dialog.as_mut()) {
            // A Contact that cannot be read leaves the target as it was.
            let _ = dialog.refresh_target(&request);
        }
    }

    /// The media server has answered for a crossing.
    pub fn on_described(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        answer: Result<Described, ServiceError>,
    ) {
        let Some(crossing) = self.crossing(serial) else { return };
        crossing.asked = None;
        if crossing.to == OURSELVES {
            return self.on_attended_crossing(means, turn, serial, answer);
        }
        let described = match answer {
            Ok(described) => described.sdp,
            Err(error) => {
                means.counters.service_errors += 1;
                if self.goes_on_straight(means, turn, serial, &error) {
                    return;
                }
                let Some(crossing) = self.crossing(serial) else { return };
                let is_offering = matches!(crossing.stage, Stage::Offering);
                tracing::warn!(call_id = %self.shown_call_id(), %error, "the media server cannot go on with a call");
                if is_offering {
                    let refused = matches!(error, ServiceError::Refused(_));
                    self.fail_crossing(means, turn, serial, Status::of(if refused { 488 } else { 503 }));
                } else {
                    self.fail_answer(means, turn, serial);
                }
                return;
            }
        };
        match std::mem::replace(&mut crossing.stage, Stage::Sent) {
            Stage::Offering => self.send_across(means, turn, serial, Some(&described)),
            Stage::Answering(octets) => {
                let limits = means.settings.limits;
                if let Ok(message) = Message::parse(&octets, &limits) {
                    self.say_success(means, turn, serial, &message, Some(&described));
                }
            }
            Stage::Confirming => {
                self.acknowledge_leg(means, turn, serial, Some(&described));
                self.finish_crossing(means, serial);
            }
            stage @ (Stage::Sent | Stage::Acknowledging(_)) => crossing.stage = stage,
        }
    }

    /// The two legs do not agree, or nobody can say on what: the session cannot go on.
    pub fn fail_answer(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16) {
        self.acknowledge_once(means, turn, serial);
        self.fail_crossing(means, turn, serial, Status::of(500));
        self.end(means, turn, None, Some(b"SIP;cause=500;text=\"Media Failure\""));
    }

    /// The 2xx goes to who asked.
    pub fn say_success(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        message: &Message<'_>,
        described: Option<&[u8]>,
    ) {
        let Some(crossing) = self.crossing(serial) else { return };
        let (server, from, kind) = (crossing.server, crossing.from, crossing.kind);
        let straight = crossing.straight;
        if self.holds_answer(server, serial, Some(message), described) {
            return;
        }
        let refreshes = kind != Kind::Other;
        let session = refreshes.then(|| self.agree_session(means, turn.now, from, server)).flatten();
        let described = described.and_then(|sdp| Some(self.leg_mut(from)?.tell(sdp)));
        let described = described.as_deref();
        let contact = if kind == Kind::Other { None } else { self.contact(means, from) };
        let (mut lines, body) = (write::across(message), write::body(message, described));
        if refreshes {
            lines.extend(write::session_lines(session.as_ref()));
        }
        let hold = if refreshes && !straight { Self::wants_hold(means, server) } else { None };
        if let (Some(on), Some(other)) = (hold, self.partner(from)) {
            self.set_hold(means, turn, other, on);
        }
        let status = message.status().unwrap_or(Status::of(200));
        let said = Said { status, message, lines, contact, body };
        if kind != Kind::Invite {
            say(means, turn, server, said);
            self.finish_crossing(means, serial);
            return;
        }
        let mut octets = Vec::with_capacity(1024);
        write_said(means, server, said, &mut octets);
        if !means.endpoint.respond(turn.now, server, &octets, turn.wire()) {
            return self.fail_answer(means, turn, serial);
        }
        if let Some(dialog) = self.leg_mut(from).and_then(|leg| leg.dialog.as_mut()) {
            dialog.confirm_sent();
        }
        self.repeat_until_acknowledged(means, turn, serial, octets);
    }
}
