//! Transfers (RFC 3515, RFC 3892): the REFER of a phone that talks is done here, and crosses to nobody. Blind: whom it
//! names is rung as if the phone had dialled that itself, and takes its place. Attended (RFC 3891 in Refer-To): whom it
//! talks with in another call of ours takes its place at once.

use std::time::Instant;

use sip::header::{ReferTo, Replaces};
use sip::message::{Message, Method, Name, Status};
use sip::transaction::TransactionId;

use proto::application::{Party, Reached};

use super::application::Errand;
use super::application_legs::RingFor;
use super::application_ring::{To, number_of};
use super::asking::Why;
use super::leg::Leg;
use super::{CALLER, Call, write};
use crate::core::answer;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::slots::Slot;
use crate::core::text::Text;

/// A transfer under way. Who is transferred is the call's caller by then.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// The leg that asked for it.
    by: u16,
    /// The number of its REFER where it was not the first of the dialog (RFC 3515 §2.4.6).
    id: Option<u32>,
    /// False when it wants to hear nothing of it (RFC 4488 §4).
    notifies: bool,
    /// True when it has hung up.
    has_left: bool,
    /// When another shard has had its time to give whom it names.
    pub until: Option<Instant>,
}

/// Whom a transferor talks with in another call.
pub(crate) enum Found {
    /// This leg.
    Leg(u16),
    /// Nobody yet: this context rings.
    Rings(Slot),
    /// Nobody who can be had.
    Nobody,
}

impl Transfer {
    /// One that no phone has asked for: nobody is told of it, and nobody is left when it fails.
    pub fn nobodys() -> Self {
        Self { by: u16::MAX, id: None, notifies: false, has_left: true, until: None }
    }
}

impl Call {
    /// The leg that has asked for the transfer under way.
    pub fn transferor(&self) -> Option<u16> {
        self.transfer.as_ref().map(|transfer| transfer.by)
    }

    /// A REFER of one of two that talk.
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
        let busy = self.transfer.is_some() || self.runs.run.is_some() || self.asks_for_session();
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
        if number == CALLER {
            self.turn_round(means);
        }
        let by = self.peer.unwrap_or(number);
        self.transfer = Some(Transfer { by, id, notifies: !wants_none, has_left: false, until: None });
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
        let Some(transfer) = &self.transfer else { return };
        // Only the address: headers of the URI are not for us to say (RFC 3261 §19.1.5).
        let address = refer_to.name_addr.address;
        let end = address.iter().position(|octet| *octet == b'?').unwrap_or(address.len());
        let target = String::from_utf8_lossy(&address[..end]).into_owned();
        let by = transfer.by;
        let number = number_of(&means.settings, &target);
        let slot = number.and_then(|number| Some((means.settings.routes.park(&number)?, number)));
        if let Some((after, slot)) = slot {
            return self.park(means, turn, &slot, after);
        }
        let transferor = self.leg(by).and_then(|leg| leg.dialog.as_ref()).map(sip::dialog::Dialog::remote);
        let referred_by = message.first(Name::ReferredBy).or(transferor);
        let Some(invite) = self.referred_invite(means, referred_by) else {
            return self.fail_transfer(means, turn, 500);
        };
        let of = |leg: u16| self.leg(leg).and_then(|leg| leg.user.clone());
        let (transferor, caller) = (of(by), of(CALLER));
        let caller = caller.map(|user| Party {
            user: user.name.clone(),
            number: user.extension.clone().unwrap_or_default(),
            display_name: user.display_name.clone(),
        });
        let by = transferor.map(|user| (user.name.clone(), user.extension.clone().unwrap_or_default()));
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
    pub fn referred_invite(&self, means: &Means, referred_by: Option<&[u8]>) -> Option<Vec<u8>> {
        let caller = self.leg(CALLER)?.dialog.as_ref()?.remote();
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
            ("Call-ID", self.name.as_bytes()),
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
        Some(octets)
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
                // It rings there still: it is silenced, and rung for who is transferred.
                means.errands.push_back(Errand::Silence(context));
                if let Some(Ok(refer_to)) = message.first(Name::ReferTo).map(ReferTo::parse) {
                    self.transfer_blindly(means, turn, message, &refer_to);
                }
                return;
            }
            Some(Found::Nobody) => return self.fail_transfer(means, turn, 603),
            None => return self.fail_transfer(means, turn, 481),
        };
        if self.next_leg().is_none() {
            return self.fail_transfer(means, turn, 503);
        }
        let taken = means.calls.take_leg(other, target).and_then(|leg| self.take_in(means, leg).ok());
        let Some(number) = taken else { return self.fail_transfer(means, turn, 481) };
        means.with_call(turn, other, |call, means, turn| {
            call.end(means, turn, Some(target), Some(TRANSFERRED))
        });
        self.complete_transfer(means, turn, number);
        self.renew(means, turn, number);
    }

    /// Whom the transferor has at the other end, who is at this leg.
    pub fn to_transfer(&self, transferor: u16) -> Found {
        if self.is_unanswered() && transferor == CALLER {
            return Found::Rings(self.context);
        }
        let is_free = self.transfer.is_none() && self.runs.run.is_none() && self.crossings.is_empty();
        self.partner(transferor).filter(|_| is_free).map_or(Found::Nobody, Found::Leg)
    }

    /// Somebody takes the transferor's place.
    pub fn complete_transfer(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        self.part_with_transferor(means, turn);
        self.stop(means, turn, CALLER, 0);
        if let Some(leg) = self.leg_mut(CALLER) {
            leg.music = false;
        }
        self.parked = None;
        self.peer = Some(number);
        self.peer_knows = false;
        self.renew(means, turn, CALLER);
    }

    /// The transferor hears that it is done, and is hung up on.
    pub fn part_with_transferor(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.notify_transfer(means, turn, 200);
        let Some(transfer) = self.transfer.take() else { return };
        if !transfer.has_left {
            self.hang_up_leg(means, turn, transfer.by, Some(TRANSFERRED));
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
        if self.transfer.take().is_some_and(|transfer| transfer.has_left) {
            self.end(means, turn, None, Some(NOT_TRANSFERRED));
        }
    }

    /// The same for a ringing that has failed.
    pub fn on_transfer_failed(&mut self, means: &mut Means, turn: &mut Turn<'_>, why: Reached) {
        let status = match why {
            Reached::Busy => 486,
            Reached::Declined => 603,
            Reached::NoAnswer => 408,
            Reached::Unreachable | Reached::Dialled => 480,
        };
        self.fail_transfer(means, turn, status);
    }

    /// True when a leg that has said BYE had asked for a transfer, which goes on without it.
    pub fn transferor_has_left(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) -> bool {
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.by == number) else {
            return false;
        };
        transfer.has_left = true;
        self.let_go(means, turn, number);
        true
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

    /// Makes the one that did not call the caller, so that the other may leave.
    pub fn turn_round(&mut self, means: &mut Means) {
        let Some(peer) = self.peer else { return };
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
    }

    /// Takes over a leg of another call; it comes back when there are too many here.
    pub fn take_in(&mut self, means: &mut Means, mut leg: Leg) -> Result<u16, Box<Leg>> {
        let Some(own) = self.next_leg() else { return Err(Box::new(leg)) };
        leg.media = u32::from(own);
        leg.music = false;
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
