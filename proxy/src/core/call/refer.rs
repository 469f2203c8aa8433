//! Transfers (RFC 3515, RFC 3892): the REFER of a phone that talks is done here, and crosses to nobody. Blind: whom it
//! names is rung as if the phone had dialled that itself, and takes its place. Attended (RFC 3891 in Refer-To): whom it
//! talks with in another call of ours takes its place at once. What it means where an application holds the call is in
//! [`super::refer_run`].

use std::time::Instant;

use sip::header::{ReferTo, Replaces};
use sip::message::{Message, Method, Name, Status};
use sip::transaction::TransactionId;

use proto::application::{Parting, Reached, Started, What};

use super::application::Errand;
use super::application_legs::{RingFor, Ringing};
use super::application_ring::{To, number_of};
use super::application_step::party;
use super::asking::Why;
use super::leg::Leg;
use super::slot::Slot as Park;
use super::{CALLER, Call, write};
use crate::core::answer;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::slots::Slot;
use crate::core::text::Text;

/// A transfer under way.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// The leg that asked for it.
    pub by: u16,
    /// The leg that is transferred; none where an application is.
    pub of: Option<u16>,
    /// How that application begins anew with who takes the place of the one who talked with it.
    pub into: Option<Box<Started>>,
    /// The number of its REFER where it was not the first of the dialog (RFC 3515 §2.4.6).
    id: Option<u32>,
    /// False when it wants to hear nothing of it (RFC 4488 §4).
    notifies: bool,
    /// True when it has hung up.
    pub has_left: bool,
    /// When another shard has had its time to give whom it names.
    pub until: Option<Instant>,
}

/// Whom a transferor talks with in another call.
pub(crate) enum Found {
    /// This leg.
    Leg(u16),
    /// An application, which begins so.
    Run(Box<Started>),
    /// A slot that is free.
    Slot,
    /// Nobody yet: this context rings.
    Rings(Slot),
    /// Nobody who can be had.
    Nobody,
}

impl Transfer {
    /// One that no phone has asked for: nobody is told of it, and nobody is left when it fails.
    pub fn nobodys() -> Self {
        let of = Some(CALLER);
        Self { by: u16::MAX, of, into: None, id: None, notifies: false, has_left: true, until: None }
    }
}

impl Call {
    /// A REFER of one of two that talk, or of who talks with an application.
    pub fn on_refer(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        server: TransactionId,
        number: u16,
    ) {
        let mut all = message.elements(Name::ReferTo);
        let refer_to = all.next().and_then(|value| ReferTo::parse(value).ok());
        let (Some(refer_to), None) = (refer_to, all.next()) else {
            // §2.4.2: exactly one.
            return Self::refuse(means, turn, server, Status::of(400));
        };
        if refer_to.method().is_some_and(|method| method != b"INVITE") {
            return Self::refuse(means, turn, server, Status::of(603));
        }
        let sends_on = self.runs.rings.iter().any(|ring| !matches!(ring.why, RingFor::Dial { .. }));
        let busy = self.transfer.is_some() || self.picking.is_some() || sends_on || self.asks_for_session();
        if busy || self.crossings.iter().any(super::crossing::Crossing::changes_session) {
            return Self::refuse(means, turn, server, Status::of(491));
        }
        if self.transfers >= TRANSFERS_MAX {
            return Self::refuse(means, turn, server, Status::of(603));
        }
        let wants_none =
            message.unknown(b"Refer-Sub").is_some_and(|value| value.eq_ignore_ascii_case(b"false"));
        let more: &[(&str, &str)] = if wants_none { &[("Refer-Sub", "false")] } else { &[] };
        answer::respond(means, turn, server, Status::of(202), None, more);
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let id = (self.transfers > 0).then_some(cseq);
        self.transfers += 1;
        let of = self.partner(number);
        let into = self.run_to_transfer().filter(|_| of.is_none());
        let notifies = !wants_none;
        self.transfer = Some(Transfer { by: number, of, into, id, notifies, has_left: false, until: None });
        self.notify_transfer(means, turn, 100);
        means.counters.transfers += 1;
        let value = refer_to.replaces();
        let replaced = value.as_deref().and_then(|value| Some((Replaces::parse(value).ok()?, value)));
        let Some((replaced, value)) = replaced else {
            return self.transfer_blindly(means, turn, message, &refer_to);
        };
        match means.calls.find_replaced(&replaced) {
            Some((other, leg)) if other != self.id => self.attend_transfer(means, turn, message, other, leg),
            None if self.want(means, turn, message, &replaced, value) => {}
            _ => {
                tracing::info!(call_id = %self.shown_call_id(), "a transfer names a dialog that is not here");
                self.fail_transfer(means, turn, 481);
            }
        }
    }

    /// When another shard has had its time.
    pub fn transfer_deadline(&self) -> Option<Instant> {
        self.transfer.as_ref().and_then(|transfer| transfer.until)
    }

    /// It may have come.
    pub fn on_transfer_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.transfer_deadline().is_some_and(|until| until <= turn.now) {
            self.fail_transfer(means, turn, 503);
        }
    }

    /// Rings whom a REFER names.
    pub fn transfer_blindly(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        refer_to: &ReferTo<'_>,
    ) {
        // Only the address: headers of the URI are not for us to say (RFC 3261 §19.1.5).
        let address = refer_to.name_addr.address;
        let end = address.iter().position(|octet| *octet == b'?').unwrap_or(address.len());
        let target = String::from_utf8_lossy(&address[..end]).into_owned();
        self.transfer_to(means, turn, message, target);
    }

    fn transfer_to(&mut self, means: &mut Means, turn: &mut Turn<'_>, message: &Message<'_>, target: String) {
        let Some(transfer) = &self.transfer else { return };
        let (by, of) = (transfer.by, transfer.of);
        let number = number_of(&means.settings, &target);
        match number.and_then(|number| means.take_slot(&number)) {
            // An application alone is not parked.
            Some(_) if of.is_none() => return self.fail_transfer(means, turn, 603),
            Some(Park::Free(place)) => return self.park(means, turn, place),
            Some(Park::Taken) => return self.fail_transfer(means, turn, 486),
            None => {}
        }
        let transferor = self.leg(by).and_then(|leg| leg.dialog.as_ref());
        let referred_by = message.first(Name::ReferredBy).or(transferor.map(sip::dialog::Dialog::remote));
        let transferee = match of {
            Some(of) => self.leg(of).and_then(|leg| leg.dialog.as_ref()).map(sip::dialog::Dialog::remote),
            // What the transferor knows the application by.
            None => transferor.map(sip::dialog::Dialog::local),
        };
        let invite =
            transferee.map(|transferee| Self::referred_invite(means, &self.name, transferee, referred_by));
        let Some(invite) = invite else { return self.fail_transfer(means, turn, 500) };
        let user_of = |leg: u16| self.leg(leg).and_then(|leg| leg.user.clone());
        let caller = of.and_then(user_of).map(|user| party(&user));
        let by = user_of(by).map(|user| (user.name.clone(), user.extension.clone().unwrap_or_default()));
        self.begin_ring_as(
            means,
            RingFor::Refer,
            To::Number(target),
            by.unwrap_or_default(),
            caller.unwrap_or_default(),
            invite,
        );
    }

    /// The INVITE to whom a REFER names: from who is transferred, and saying by whom (RFC 3892 §2.2).
    pub fn referred_invite(means: &Means, call: &str, caller: &[u8], referred_by: Option<&[u8]>) -> Vec<u8> {
        let mut octets = Vec::with_capacity(512);
        let domain = &means.settings.config.domain;
        octets.extend_from_slice(
            format!("INVITE sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {domain};branch=z9hG4bK0\r\n")
                .as_bytes(),
        );
        let to = format!("<sip:{domain}>");
        for (name, value) in [
            ("Max-Forwards", &b"70"[..]),
            ("From", &[caller, b";tag=0"].concat()),
            ("To", to.as_bytes()),
            ("Call-ID", call.as_bytes()),
            ("CSeq", b"1 INVITE"),
            ("Contact", to.as_bytes()),
            ("Referred-By", referred_by.unwrap_or_default()),
            ("Allow", write::ALLOW.as_bytes()),
            ("Content-Length", b"0"),
        ] {
            if value.is_empty() {
                continue;
            }
            octets.extend_from_slice(name.as_bytes());
            octets.extend_from_slice(b": ");
            octets.extend_from_slice(value);
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b"\r\n");
        octets
    }

    /// Takes over whom the transferor talks with in another call; that call ends.
    fn attend_transfer(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        other: Slot,
        replaced: u16,
    ) {
        let target = match means.calls.get(other).map(|call| call.to_transfer(replaced)) {
            Some(Found::Leg(target)) => target,
            Some(Found::Rings(context)) => {
                // It rings there still: it is silenced, and rung for who is transferred. The Refer-To may name the phone
                // by our own Contact, as RFC 5589 has it, which is no address: whom the transferor had called counts.
                let called = means.calls.get(other).and_then(|call| {
                    let kept = means.endpoint.kept_request(call.server)?;
                    let invite = Message::parse(kept, &means.settings.limits).ok()?;
                    Some(String::from_utf8_lossy(invite.request_uri()?).into_owned())
                });
                means.errands.push_back(Errand::Silence(context));
                match called {
                    Some(called) => self.transfer_to(means, turn, message, called),
                    None => self.fail_transfer(means, turn, 481),
                }
                return;
            }
            Some(Found::Run(started))
                if self.transfer.as_ref().is_some_and(|transfer| transfer.of.is_some()) =>
            {
                means.with_call(turn, other, |call, means, turn| call.end_transferred(means, turn, None));
                return self.meet_application(means, turn, *started);
            }
            Some(Found::Slot) if self.transfer.as_ref().is_some_and(|transfer| transfer.of.is_some()) => {
                let place = means.calls.call_mut(other).and_then(|call| call.slot.take());
                let Some(place) = place else { return self.fail_transfer(means, turn, 481) };
                means.with_call(turn, other, |call, means, turn| call.end_transferred(means, turn, None));
                return self.park(means, turn, place);
            }
            // Two applications have nothing to say to each other.
            Some(Found::Run(_) | Found::Slot | Found::Nobody) => return self.fail_transfer(means, turn, 603),
            None => return self.fail_transfer(means, turn, 481),
        };
        if self.next_leg().is_none() {
            return self.fail_transfer(means, turn, 503);
        }
        let taken = means.calls.take_leg(other, target).and_then(|leg| self.take_in(means, leg).ok());
        let Some(number) = taken else { return self.fail_transfer(means, turn, 481) };
        means.with_call(turn, other, |call, means, turn| call.end_transferred(means, turn, Some(target)));
        self.complete_transfer(means, turn, number, true);
    }

    /// The call ends here, and goes on without who had asked for it.
    pub fn end_transferred(&mut self, means: &mut Means, turn: &mut Turn<'_>, taken: Option<u16>) {
        if let Some(run) = &mut self.runs.run {
            run.parting = Parting::Transferred;
        }
        self.end(means, turn, taken, Some(TRANSFERRED));
    }

    /// Whom the transferor has at the other end, who is at this leg.
    pub fn to_transfer(&self, transferor: u16) -> Found {
        if self.is_unanswered() && transferor == CALLER {
            return Found::Rings(self.context);
        }
        if self.transfer.is_some() || self.picking.is_some() || !self.crossings.is_empty() {
            return Found::Nobody;
        }
        if self.slot.is_some() && transferor == CALLER {
            return Found::Slot;
        }
        let of_run = || self.run_to_transfer().filter(|_| transferor == CALLER).map(Found::Run);
        self.partner(transferor).map(Found::Leg).or_else(of_run).unwrap_or(Found::Nobody)
    }

    /// Somebody takes the transferor's place; `anew` when he is offered a session of this call first.
    pub fn complete_transfer(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16, anew: bool) {
        if let Some(started) = self.transfer.as_mut().and_then(|transfer| transfer.into.take()) {
            return self.meet_instead(means, turn, number, *started, anew);
        }
        self.part_with_transferor(means, turn);
        self.hush_caller(means, turn);
        self.leave_slot(means, turn);
        self.peer = Some(number);
        self.peer_knows = false;
        self.light_leg(means, turn, number);
        self.renew(means, turn, CALLER);
        if anew {
            self.renew(means, turn, number);
        }
    }

    /// Whatever the caller heard while he waited ends.
    pub fn hush_caller(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.stop(means, turn, CALLER, 0);
        if let Some(leg) = self.leg_mut(CALLER) {
            (leg.music, leg.music_waits) = (false, false);
        }
    }

    /// The transferor hears that it is done, and is hung up on. Who is transferred is the caller from now on.
    pub fn part_with_transferor(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.seat_transferee(means);
        self.notify_transfer(means, turn, 200);
        let Some(transfer) = self.transfer.take() else { return };
        if !transfer.has_left {
            self.hang_up_leg(means, turn, transfer.by, Some(TRANSFERRED));
        }
        self.peer = None;
        self.leave_run(means, turn, Parting::Transferred);
    }

    fn seat_transferee(&mut self, means: &mut Means) {
        if let Some(transfer) = &mut self.transfer
            && transfer.by == CALLER
            && let Some(of) = transfer.of.replace(CALLER)
        {
            transfer.by = of;
            self.change_places(means, of);
        }
    }

    /// Who was named rings.
    pub fn on_transfer_rings(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.notify_transfer(means, turn, 180);
    }

    /// Nobody takes the transferor's place: the call is what it was, where he is still there.
    pub fn fail_transfer(&mut self, means: &mut Means, turn: &mut Turn<'_>, status: u16) {
        if self.stays_parked(turn.now) {
            return;
        }
        self.notify_transfer(means, turn, status);
        let Some(transfer) = self.transfer.take() else { return };
        if !transfer.has_left {
            return self.go_on_alone(means, turn);
        }
        if self.runs.run.is_none() || transfer.by == CALLER {
            let gone = (transfer.by == CALLER).then_some(CALLER);
            return self.end(means, turn, gone, Some(NOT_TRANSFERRED));
        }
        // The application goes on with its caller.
        if let Some(place) = self.runs.legs.iter().position(|(_, number)| *number == transfer.by) {
            let (leg, _) = self.runs.legs.remove(place);
            self.tell(turn, What::Left { leg });
        }
    }

    /// The same for a ringing that has failed.
    pub fn on_transfer_failed(&mut self, means: &mut Means, turn: &mut Turn<'_>, why: Reached) {
        let status = match why {
            Reached::Busy => 486,
            Reached::Declined => 603,
            Reached::NoAnswer => 408,
            Reached::Unreachable | Reached::Dialled | Reached::Menu => 480,
        };
        self.fail_transfer(means, turn, status);
    }

    /// True when a leg that has said BYE had asked for a transfer, which goes on without it.
    pub fn transferor_has_left(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) -> bool {
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.by == number) else {
            return false;
        };
        transfer.has_left = true;
        if number == CALLER {
            self.seat_transferee(means);
            self.leave_run(means, turn, Parting::Transferred);
        }
        match &self.transfer {
            Some(transfer) if transfer.by != CALLER => {
                let by = transfer.by;
                self.let_go(means, turn, by);
            }
            // He was alone with an application: his leg stands for the call until somebody takes its place.
            _ => {
                if let Some(leg) = self.leg_mut(CALLER) {
                    leg.timer = None;
                }
            }
        }
        true
    }

    /// A leg is gone: who was to be transferred is not any more, and who asked for it hears nothing.
    pub fn has_left_transfer(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        let Some(transfer) = self.transfer.as_mut().filter(|_| !self.over) else { return };
        transfer.has_left |= transfer.by == number;
        if transfer.of != Some(number) {
            return;
        }
        let is_his = |ring: &Ringing| ring.why == RingFor::Refer;
        while let Some(place) = self.runs.rings.iter().position(is_his) {
            let ring = self.runs.rings.remove(place);
            self.silence(means, turn, &ring);
        }
        self.fail_transfer(means, turn, 487);
    }

    /// Tells the transferor how far it is (RFC 3515 §2.4.4); a final status ends the subscription.
    fn notify_transfer(&mut self, means: &mut Means, turn: &mut Turn<'_>, status: u16) {
        let Some(transfer) =
            self.transfer.as_ref().filter(|transfer| transfer.notifies && !transfer.has_left)
        else {
            return;
        };
        let (by, id) = (transfer.by, transfer.id);
        let event = id.map_or(Text::of(format_args!("refer")), |id| Text::of(format_args!("refer;id={id}")));
        let state: &[u8] = if status < 200 { b"active;expires=180" } else { b"terminated;reason=noresource" };
        let reason = Status::new(status).map_or("", Status::default_reason);
        let body = format!("SIP/2.0 {status} {reason}\r\n");
        let lines = [("Event", event.as_bytes()), ("Subscription-State", state)];
        let body = Some(("message/sipfrag;version=2.0", body.as_bytes()));
        self.ask_leg(means, turn, by, Why::Notify, Method::Notify, &lines, body);
    }

    /// Makes another leg the caller's, and the caller's the other.
    pub fn change_places(&mut self, means: &mut Means, peer: u16) {
        self.legs.swap(usize::from(CALLER), usize::from(peer));
        for number in [CALLER, peer] {
            if let Some(leg) = self.leg(number) {
                means.calls.add_tag(&leg.tag, self.id, number);
            }
        }
        let other = |number: &mut u16| {
            *number = if *number == CALLER {
                peer
            } else if *number == peer {
                CALLER
            } else {
                *number
            };
        };
        for crossing in &mut self.crossings {
            other(&mut crossing.from);
            other(&mut crossing.to);
        }
        self.askings.iter_mut().for_each(|asking| other(&mut asking.number));
        self.runs.legs.iter_mut().for_each(|(_, number)| other(number));
        let going = self.runs.run.iter_mut().flat_map(|run| &mut run.going);
        going.for_each(|going| other(&mut going.number));
    }

    /// Takes over a leg of another call; it comes back when there are too many here.
    pub fn take_in(&mut self, means: &mut Means, mut leg: Leg) -> Result<u16, Box<Leg>> {
        let Some(own) = self.next_leg() else { return Err(Box::new(leg)) };
        leg.media = u32::from(own);
        (leg.music, leg.music_waits) = (false, false);
        means.calls.add_tag(&leg.tag, self.id, own);
        self.legs.push(leg);
        self.has_media = true;
        Ok(own)
    }
}

/// Transfers of one call; those that go round in a circle end here.
const TRANSFERS_MAX: u8 = 10;
/// RFC 3326: why a leg ends whose place another took, and a call that nobody takes.
pub(super) const TRANSFERRED: &[u8] = b"SIP;cause=200;text=\"Transferred\"";
const NOT_TRANSFERRED: &[u8] = b"SIP;cause=480;text=\"Transfer Failed\"";
