//! Provisional responses that are acknowledged (RFC 3262), for each leg by itself: a caller who requires them gets ours
//! again until his PRACK comes; what a phone that is rung says so gets our PRACK at once.
//!
//! A caller who merely supports it is rung plainly: an answer that was acknowledged binds the session, and which of
//! several phones takes the call is not known by then (RFC 6337 §3.1.1).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proto::media;
use sip::dialog::{Dialog, Outgoing};
use sip::header::{RAck, RSeq};
use sip::message::{Message, Method, Name, Status};
use sip::transaction::TransactionId;
use smallvec::SmallVec;

use super::application::Errand;
use super::application_media::OURSELVES;
use super::crossing::Kind;
use super::leg::Leg;
use super::{CALLER, Call, write};
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, User, Waiter};
use crate::core::text::Text;

/// What a caller has to acknowledge.
#[derive(Debug, Default)]
pub(crate) struct Reliable {
    /// True when his INVITE requires it.
    pub required: bool,
    /// The number of his INVITE.
    pub invite: u32,
    /// The RSeq of the last response.
    pub last: u32,
    /// The response that waits for its PRACK.
    unacknowledged: Option<Unacknowledged>,
    /// Responses behind it: one after the other (§3).
    waiting: VecDeque<(Vec<u8>, u32, bool)>,
    /// True once a description was acknowledged: from then on PRACKs may offer another.
    described: bool,
    /// The crossing of a PRACK with an offer, until that is answered.
    pracked: Option<u16>,
    /// The 2xx that waits for the PRACK.
    held: Option<Held>,
}

#[derive(Debug)]
struct Unacknowledged {
    octets: Vec<u8>,
    number: u32,
    describes: bool,
    next: Option<Instant>,
    interval: Duration,
    until: Instant,
}

/// A 2xx that may not go yet.
#[derive(Debug)]
pub(crate) struct Held {
    serial: u16,
    /// What the other leg said; nothing where the answer is our own.
    message: Option<Box<[u8]>>,
    sdp: Option<Box<[u8]>>,
}

/// An early dialog of a leg that is rung, whose responses we acknowledge.
#[derive(Debug)]
pub(crate) struct Early {
    dialog: Dialog,
    /// The last RSeq.
    last: u32,
}

impl Reliable {
    /// As the INVITE of a caller demands. §3: numbers begin anywhere.
    pub fn of(invite: &Message<'_>, name: &str) -> Self {
        let start = name.bytes().fold(0u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(octet)));
        let required = invite.elements(Name::Require).any(|tag| tag.eq_ignore_ascii_case(b"100rel"));
        let invite = invite.cseq().map_or(0, |cseq| cseq.number);
        Self { required, invite, last: start & 0x3fff_ffff, ..Self::default() }
    }

    fn deadline(&self) -> Option<Instant> {
        let waits = self.unacknowledged.as_ref()?;
        waits.next.map(|next| next.min(waits.until))
    }
}

impl Call {
    /// The RSeq of the next provisional response, where the caller requires one.
    pub fn draw_rseq(&mut self) -> Option<(Text, u32)> {
        let reliable = &mut self.reliable;
        reliable.required.then(|| {
            reliable.last += 1;
            (Text::of(format_args!("{}", reliable.last)), reliable.last)
        })
    }

    /// True when a provisional response cannot go: §5 wants an offer in the first one to a caller who made none, and
    /// there is none before a phone has answered.
    pub fn may_not_ring(&self) -> bool {
        self.reliable.required && !self.offered
    }

    /// Sends a provisional response that has that RSeq, when those before it are acknowledged.
    pub fn say_reliably(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        octets: Vec<u8>,
        number: u32,
        describes: bool,
    ) {
        if self.reliable.unacknowledged.is_some() {
            if self.reliable.waiting.len() < WAITING_MAX {
                self.reliable.waiting.push_back((octets, number, describes));
            }
            return;
        }
        let t1 = means.settings.transactions.intervals.t1;
        means.endpoint.respond(turn.now, self.server, &octets, turn.wire());
        self.reliable.unacknowledged = Some(Unacknowledged {
            octets,
            number,
            describes,
            next: Some(turn.now + t1),
            interval: t1,
            until: turn.now + t1 * 64,
        });
    }

    /// True when a PRACK of the caller names the response that waits for it (§3).
    pub fn is_acknowledged_by(&self, message: &Message<'_>, number: u16) -> bool {
        let rack = message.first(Name::RAck).and_then(|rack| RAck::parse(rack).ok());
        let (Some(rack), Some(waits)) = (rack, &self.reliable.unacknowledged) else { return false };
        let of_invite = rack.method == Method::Invite && rack.cseq == self.reliable.invite;
        number == CALLER && of_invite && rack.rseq == waits.number && self.reliable.pracked.is_none()
    }

    /// A PRACK that fits.
    pub fn on_prack(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        server: TransactionId,
    ) {
        self.reliable.described |= self.reliable.unacknowledged.as_ref().is_some_and(|waits| waits.describes);
        if write::sdp(message).is_none() {
            Self::refuse(means, turn, server, Status::of(200));
            return self.after_prack(means, turn);
        }
        if !self.reliable.described {
            // RFC 6337 §2.2: the offer of the INVITE is not answered yet.
            Self::refuse(means, turn, server, Status::of(488));
            return self.after_prack(means, turn);
        }
        // §5: it is answered in the 2xx, and the INVITE not before it. The phone that rings has been offered what it was:
        // the media server answers, and carries between the two.
        if let Some(waits) = &mut self.reliable.unacknowledged {
            (waits.next, waits.describes) = (None, true);
        }
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let serial = self.open_crossing(CALLER, OURSELVES, server, cseq, Kind::Update, true);
        self.reliable.pracked = Some(serial);
        if self.ask_to_attend(means, turn, serial).is_err() {
            self.fail_crossing(means, turn, serial, Status::of(500));
        }
    }

    /// The offer of a PRACK was answered or refused; other requests are none of this.
    pub fn on_prack_answered(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16) {
        if self.reliable.pracked.take_if(|known| *known == serial).is_none() {
            return;
        }
        if let Some(early) = self.early {
            let (leg, with) = (self.media_leg(CALLER), Some(self.media_leg(early)));
            let effect = Effect::Bridge(media::Bridge { call: &self.name, leg, with });
            if means.ask(turn, Waiter::Begun(self.id, 0), effect).is_err() {
                tracing::debug!(call = &*self.name, "too many questions: early media are silent");
            }
        }
        self.after_prack(means, turn);
    }

    /// The next response goes, or the 2xx that waited.
    fn after_prack(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.reliable.unacknowledged = None;
        if let Some(Held { serial, message, sdp }) = self.reliable.held.take() {
            let Some(octets) = message else {
                return self.say_answer(means, turn, serial, sdp.as_deref().unwrap_or_default());
            };
            if let Ok(message) = Message::parse(&octets, &means.settings.limits.clone()) {
                self.say_success(means, turn, serial, &message, sdp.as_deref());
            }
            return;
        }
        if self.is_unanswered()
            && let Some((octets, number, describes)) = self.reliable.waiting.pop_front()
        {
            self.say_reliably(means, turn, octets, number, describes);
        }
    }

    /// True when a 2xx to the caller's INVITE has to wait: §3 forbids it while a description is not acknowledged.
    /// Nothing provisional follows it either way.
    pub fn holds_answer(
        &mut self,
        server: TransactionId,
        serial: u16,
        message: Option<&Message<'_>>,
        sdp: Option<&[u8]>,
    ) -> bool {
        if server != self.server || !self.is_unanswered() {
            return false;
        }
        self.reliable.waiting.clear();
        let Some(waits) = &mut self.reliable.unacknowledged else { return false };
        if waits.describes {
            let message = message.map(|message| message.octets().into());
            self.reliable.held = Some(Held { serial, message, sdp: sdp.map(Into::into) });
            return true;
        }
        waits.next = None;
        false
    }

    /// The nearest moment of what is not acknowledged.
    pub fn reliable_deadline(&self) -> Option<Instant> {
        self.reliable.deadline()
    }

    /// It may have come: §3, again from T1 doubling, for 64*T1; then the INVITE is refused.
    pub fn on_reliable_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let is_open = means.endpoint.kept_request(self.server).is_some_and(|kept| !kept.is_empty());
        let Some(waits) = &mut self.reliable.unacknowledged else { return };
        let Some(next) = waits.next else { return };
        if !is_open {
            waits.next = None;
            return;
        }
        if waits.until <= turn.now {
            self.reliable.unacknowledged = None;
            match self.reliable.held.take() {
                Some(held) => self.fail_answer(means, turn, held.serial),
                None => means.errands.push_back(Errand::Unacknowledged(self.context)),
            }
        } else if next <= turn.now {
            means.endpoint.respond(turn.now, self.server, &waits.octets, turn.out.wire());
            waits.interval *= 2;
            waits.next = Some(turn.now + waits.interval);
        }
    }

    /// A provisional response of a leg that is rung. False when it is to be passed over: it came before, or one before
    /// it is missing (§4).
    pub fn acknowledge_provisional(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        message: &Message<'_>,
    ) -> bool {
        let is_reliable = message.elements(Name::Require).any(|tag| tag.eq_ignore_ascii_case(b"100rel"));
        let rseq = message.first(Name::RSeq).and_then(|rseq| RSeq::parse(rseq).ok());
        let (true, Some(RSeq(rseq))) = (is_reliable, rseq) else { return true };
        let Some(leg) = self.leg_mut(number) else { return true };
        if *leg.call_id != *message.call_id() {
            // Another has its place.
            return false;
        }
        let Some(early) = leg.early_dialog(message, rseq) else { return false };
        let rack = Text::of(format_args!("{rseq} {} INVITE", message.cseq().map_or(1, |cseq| cseq.number)));
        let Some(mut dialog) = leg.early.get(early).map(|early| early.dialog.clone()) else { return false };
        let Some(hop) = leg.hop_of(Some(&dialog)) else { return true };
        let via = write::via(means, leg, &hop);
        let headers: [(&str, &[u8]); 1] = [("RAck", rack.as_bytes())];
        let outgoing = Outgoing { headers: &headers, ..Outgoing::new(via.as_bytes()) };
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        dialog.request(Method::Prack, &outgoing, &mut octets);
        if means.endpoint.request(turn.now, User::Alone, hop, &octets, turn.out.wire()).is_err() {
            means.counters.overloaded += 1;
        }
        means.scratch = octets;
        if let Some(early) = self.leg_mut(number).and_then(|leg| leg.early.get_mut(early)) {
            early.dialog = dialog;
        }
        true
    }
}

impl Leg {
    /// The place of the early dialog whose next response this is; `None` for any other response of it.
    fn early_dialog(&mut self, message: &Message<'_>, rseq: u32) -> Option<usize> {
        let tag = message.to().ok()?.tag()?;
        if let Some(place) = self.early.iter().position(|early| *early.dialog.id().remote_tag == *tag) {
            let early = &mut self.early[place];
            // §4: in order, one by one.
            if early.last.checked_add(1) != Some(rseq) {
                return None;
            }
            early.last = rseq;
            return Some(place);
        }
        if self.early.len() >= EARLY_DIALOGS_MAX {
            return None;
        }
        let dialog = Dialog::uac(message, message, false).ok()?;
        self.early.push(Early { dialog, last: rseq });
        Some(self.early.len() - 1)
    }

    /// Our numbers go on behind those of our PRACKs.
    pub fn continue_early(&mut self) {
        let Some(dialog) = &mut self.dialog else { return };
        let of_dialog = |early: &&Early| early.dialog.id().remote_tag == dialog.id().remote_tag;
        let last = self.early.iter().find(of_dialog).and_then(|early| early.dialog.local_number());
        if let (Some(last), Some(own)) = (last, dialog.local_number()) {
            dialog.skip_numbers(last.saturating_sub(own));
        }
        self.early = SmallVec::new();
    }
}

/// Provisional responses that wait for a PRACK; further ones are lost.
const WAITING_MAX: usize = 8;
/// Early dialogs of one leg that are acknowledged.
const EARLY_DIALOGS_MAX: usize = 8;
