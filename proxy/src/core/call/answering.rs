//! What the caller hears while a conducted call is set up: ringing, early media of one leg, the answer of the first
//! that takes the call, or one failure. All of it in one dialog, under one To-tag (RFC 3261 §12.1.1).

use proto::ServiceError;
use proto::application::Parting;
use proto::media::Described;
use sip::build::{self, Extra};
use sip::message::{Message, Name, Status};
use sip::transaction::TransactionId;
use sip::transport::NextHop;
use smallvec::SmallVec;

use super::media::{Passing, Role, Shown};
use super::write::Said;
use super::{CALLER, Call, late, write};
use crate::core::best::Challenge;
use crate::core::effect::Turn;
use crate::core::means::{Means, User, Waiter};
use crate::core::response_context::ResponseContext;
use crate::core::slots::Slot;

impl ResponseContext {
    /// A branch of a conducted call has answered 2xx: the first one is connected, any other is acknowledged and
    /// ended at once (RFC 3261 §13.2.2.4).
    pub fn conduct_success(
        &self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        slot: Slot,
        place: usize,
        message: &Message<'_>,
    ) {
        let number = self.branches[place].leg;
        let Some(transaction) = self.branches[place].transaction else { return };
        let hop = means.endpoint.next_hop(transaction).cloned();
        // RFC 3261 §9.2: a caller who gave up gets his 487, even when this crosses our CANCEL.
        if self.answered.is_some() || self.cancelled {
            means.endpoint.set_user(transaction, User::Late);
            return late::end(means, turn, message, hop);
        }
        means.endpoint.set_user(transaction, User::Leg(slot, number));
        if let Some(serial) = self.ring.as_ref().map(|ring| ring.serial) {
            means.with_call(turn, slot, |call, means, turn| {
                call.on_rung(means, turn, serial, number, message, hop);
            });
            return;
        }
        if let Some(server) = self.server {
            means.endpoint.set_user(server, User::Conducted(slot));
        }
        means.with_call(turn, slot, |call, means, turn| call.on_answered(means, turn, number, message, hop));
    }

    /// A failure of a branch goes to the caller, said anew in his dialog.
    pub fn conduct_failure(
        &self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        challenges: &[Challenge],
    ) {
        let Some(server) = self.server else { return };
        let mut lines = write::across(message);
        for challenge in challenges {
            let name = if challenge.by_proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
            lines.push((name, &challenge.value));
        }
        let status = message.status().unwrap_or(Status::of(500));
        say(
            means,
            turn,
            server,
            Said { status, message, lines, contact: None, body: write::body(message, None) },
        );
    }
}

impl Call {
    /// A leg has said something provisional other than 100.
    pub fn on_provisional(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        message: &Message<'_>,
    ) {
        let is_straight = self.leg(number).is_some_and(|leg| leg.straight);
        if let (Some(sdp), Some(leg)) = (write::sdp(message), self.leg_mut(number)) {
            leg.early_answer = sdp.into();
            // The media of one leg alone are heard before the answer: of the first that has some.
            if !is_straight && self.offered && self.early.is_none() {
                self.early = Some(number);
            }
        }
        if !self.ups.is_empty() || self.has_early_media(number, message) {
            if self.ups.len() < EARLY_RESPONSES_MAX {
                self.ups.push_back((number, message.octets().into()));
            }
            return self.next_up(means, turn);
        }
        self.say_provisional(means, turn, number, message, None);
    }

    /// The media server has made the SDP of a provisional response, or cannot.
    pub fn on_early_answer(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Described, ServiceError>,
    ) {
        self.early_asked = None;
        let Some((number, octets)) = self.ups.pop_front() else { return };
        if let Ok(message) = Message::parse(&octets, &means.settings.limits.clone()) {
            match answer {
                Ok(described) => self.say_provisional(means, turn, number, &message, Some(&described.sdp)),
                Err(error) => {
                    means.counters.service_errors += 1;
                    tracing::warn!(call_id = %self.shown_call_id(), %error, "early media cannot be described");
                    self.say_provisional(means, turn, number, &message, None);
                }
            }
        }
        self.next_up(means, turn);
    }

    /// A leg has failed: another one's early media may be heard.
    pub fn on_leg_failed(&mut self, number: u16) {
        if self.early == Some(number) && self.peer.is_none() {
            self.early = None;
        }
    }

    fn has_early_media(&self, number: u16, message: &Message<'_>) -> bool {
        self.early == Some(number) && write::sdp(message).is_some()
    }

    /// Lets waiting provisional responses go, until one has to ask the media server.
    fn next_up(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        while self.early_asked.is_none() && self.peer.is_none() {
            let Some((number, octets)) = self.ups.pop_front() else { return };
            let limits = means.settings.limits;
            let Ok(message) = Message::parse(&octets, &limits) else { continue };
            if !self.has_early_media(number, &message) {
                self.say_provisional(means, turn, number, &message, None);
                continue;
            }
            let branch = self.leg_mut(number).map_or(0, |leg| leg.branch_of(&message));
            let passing = Passing {
                role: Role::Answer,
                from: self.media_branch(number, branch),
                to: self.media_leg(CALLER),
                sdp: write::sdp(&message).unwrap_or_default(),
                from_address: self.address_of(number),
                to_address: self.address_of(CALLER),
                straight: false,
            };
            if let Ok(Shown::Asked(ticket)) = self.describe(means, turn, Waiter::Early(self.id), passing) {
                self.early_asked = Some(ticket);
                self.ups.push_front((number, octets));
            } else {
                self.say_provisional(means, turn, number, &message, None);
            }
        }
    }

    /// A 183 says nothing without its media; anything else does. Where the caller is not told of them, a phone that has
    /// some rings.
    fn say_provisional(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        message: &Message<'_>,
        described: Option<&[u8]>,
    ) {
        let mut status = message.status().unwrap_or(Status::of(180));
        if status.code() == 183 && described.is_none() && write::sdp(message).is_some() {
            if !self.leg(number).is_some_and(|leg| leg.straight) {
                return;
            }
            status = Status::of(180);
        }
        if self.may_not_ring() {
            return;
        }
        let described = described.and_then(|sdp| Some(self.leg_mut(CALLER)?.tell(sdp)));
        let described = described.as_deref();
        let contact = self.contact(means, CALLER);
        let rseq = self.draw_rseq();
        let mut lines = write::across(message);
        let body = write::body(message, described);
        let Some((text, number)) = &rseq else {
            return say(means, turn, self.server, Said { status, message, lines, contact, body });
        };
        lines.push(("Require", b"100rel"));
        lines.push(("RSeq", text.as_bytes()));
        let mut octets = Vec::with_capacity(1024);
        write_said(means, self.server, Said { status, message, lines, contact, body }, &mut octets);
        self.say_reliably(means, turn, octets, *number, described.is_some());
    }

    /// Our Contact on a leg.
    pub fn contact(&self, means: &Means, number: u16) -> Option<crate::core::text::Text> {
        let leg = self.leg(number)?;
        let hop = leg.hop()?;
        let listener = leg.listener_for(&means.settings, &hop);
        Some(write::contact(&means.settings, &leg.tag, hop.transport(), listener, hop.remote().ip()))
    }

    /// The first leg to answer: its dialog stands, and its answer goes to the caller.
    fn on_answered(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        message: &Message<'_>,
        hop: Option<NextHop>,
    ) {
        // RFC 3261 §13.2.2.4: who answers before the application does has the call.
        self.leave_run(means, turn, Parting::Transferred);
        self.drop_picking(means, turn);
        if let Some(ticket) = self.early_asked.take() {
            means.questions.close(ticket);
        }
        self.ups.clear();
        if !self.confirm(turn, number, message) {
            tracing::warn!(call_id = %self.shown_call_id(), "a 2xx that does not fit its INVITE ends the call");
            late::end(means, turn, message, hop);
            Self::refuse(means, turn, self.server, Status::of(502));
            self.over = true;
            return;
        }
        self.peer = Some(number);
        let others = (0..self.legs.len() as u16).filter(|other| *other != number);
        let others: SmallVec<[u16; 4]> =
            others.filter(|other| self.leg(*other).is_some_and(|leg| leg.offer.is_some())).collect();
        for other in others {
            self.release(means, turn, Some(other));
        }
        if self.settle(means, turn, number) {
            self.connect_anew(means, turn, number, message);
        } else {
            self.connect(means, turn, number, message);
        }
    }

    /// Makes the dialog of a leg from the 2xx to its INVITE.
    pub fn confirm(&mut self, turn: &Turn<'_>, number: u16, message: &Message<'_>) -> bool {
        let Some(leg) = self.leg_mut(number) else { return false };
        // RFC 3261 §12.1.2: what a response must repeat of our request is what names the dialog.
        let own_tag = message.from().ok().and_then(|from| from.tag());
        if *leg.call_id != *message.call_id() || own_tag != Some(leg.tag.as_bytes()) {
            return false;
        }
        if message.count(Name::Contact) == 0 {
            return false;
        }
        let secure = leg.reached.as_ref().is_some_and(|hop| hop.transport().is_secure());
        let Ok(dialog) = sip::dialog::Dialog::uac(message, message, secure) else { return false };
        leg.dialog = Some(dialog);
        leg.continue_early();
        leg.learn_from_answer(message, turn.now);
        true
    }

    /// Answers a request of a leg with a status of our own.
    pub fn refuse(means: &mut Means, turn: &mut Turn<'_>, server: TransactionId, status: Status) {
        crate::core::answer::respond(means, turn, server, status, None, &[]);
    }
}

/// Answers a request with what a response of the other leg says.
pub(crate) fn say(means: &mut Means, turn: &mut Turn<'_>, server: TransactionId, said: Said<'_, '_>) {
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    write_said(means, server, said, &mut octets);
    if !octets.is_empty() {
        means.endpoint.respond(turn.now, server, &octets, turn.wire());
    }
    means.scratch = octets;
}

/// Writes it; nothing when the request is gone.
pub(crate) fn write_said(means: &Means, server: TransactionId, said: Said<'_, '_>, out: &mut Vec<u8>) {
    let kept = means.endpoint.kept_request(server).unwrap_or_default();
    let Ok(request) = Message::parse(kept, &means.settings.limits) else { return };
    let tag = crate::core::answer::to_tag(&means.settings, &request);
    let Said { status, message, lines, contact, body } = said;
    let methods = write::methods(message);
    let mut lines: write::Lines<'_> = lines.iter().copied().collect();
    lines.extend(methods.as_ref().map(|methods| ("Allow", methods.as_bytes())));
    if let Some(contact) = &contact {
        lines.push(("Contact", contact.as_bytes()));
    }
    let reason = message.reason().and_then(|reason| std::str::from_utf8(reason).ok());
    let reason = reason.filter(|_| message.status() == Some(status));
    let extra =
        Extra { reason, to_tag: Some(&tag), record_route: true, headers: &lines, body, top_via: None };
    build::response(&request, status, &extra, out);
}

/// Provisional responses that wait for the media server; further ones are lost.
const EARLY_RESPONSES_MAX: usize = 8;
