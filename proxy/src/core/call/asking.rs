//! Requests of our own to one leg, which no other leg asked for: what they are for, and their answers.

use sip::dialog::{Outgoing, is_target_refresh};
use sip::message::{Message, Method, Status};
use sip::transaction::{Failure, TransactionId};

use super::{Call, write};
use crate::core::effect::Turn;
use crate::core::means::{Means, User};

/// One of them.
#[derive(Debug)]
pub(crate) struct Asking {
    /// Its name within the call, among those of crossings.
    pub serial: u16,
    /// Which leg.
    pub number: u16,
    pub why: Why,
    pub is_invite: bool,
    /// What its CSeq says.
    pub own_number: u32,
    client: TransactionId,
}

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The session goes on (RFC 4028 §10).
    Refresh,
    /// How far a transfer is (RFC 3515 §2.4.4).
    Notify,
    /// It is to hear somebody else.
    Renew,
}

impl Call {
    /// Asks a leg. Nothing happens where it cannot be reached.
    #[expect(clippy::too_many_arguments, reason = "each is a part of one request")]
    pub fn ask_leg(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        why: Why,
        method: Method<'_>,
        lines: &[(&str, &[u8])],
        body: Option<(&str, &[u8])>,
    ) -> bool {
        let contact = self.contact(means, number).filter(|_| is_target_refresh(method));
        self.serial = self.serial.wrapping_add(1);
        let (serial, user) = (self.serial, User::Across(self.id, self.serial));
        let Some(leg) = self.leg_mut(number) else { return false };
        let Some(hop) = leg.hop() else { return false };
        let via = write::via(means, leg, &hop);
        let contact = contact.as_ref().map(crate::core::text::Text::as_bytes);
        let outgoing = Outgoing { contact, headers: lines, body, ..Outgoing::new(via.as_bytes()) };
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        let own_number = leg.dialog.as_mut().map(|dialog| dialog.request(method, &outgoing, &mut octets));
        let sent = own_number.and_then(|own_number| {
            let client = means.endpoint.request(turn.now, user, hop, &octets, turn.out.wire()).ok()?;
            Some((own_number, client))
        });
        means.scratch = octets;
        let Some((own_number, client)) = sent else {
            means.counters.overloaded += 1;
            return false;
        };
        let is_invite = method == Method::Invite;
        self.askings.push(Asking { serial, number, why, is_invite, own_number, client });
        true
    }

    /// True while a re-INVITE of ours is under way.
    pub fn asks_for_session(&self) -> bool {
        self.askings.iter().any(|asking| asking.is_invite)
    }

    /// The answer to one of them; false when it is none.
    pub fn on_asked(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        status: Status,
        message: &Message<'_>,
    ) -> bool {
        let Some(place) = self.askings.iter().position(|asking| asking.serial == serial) else {
            return false;
        };
        if status.is_provisional() {
            return true;
        }
        let asking = self.askings.remove(place);
        if asking.is_invite && status.is_success() {
            means.endpoint.set_user(asking.client, User::Leg(self.id, asking.number));
            self.acknowledge_own(means, turn, &asking);
        }
        match asking.why {
            Why::Refresh => self.on_refreshed(means, turn, &asking, status.code(), message),
            Why::Renew => self.on_renew_answered(means, turn, &asking, status.code(), message),
            Why::Notify => {}
        }
        true
    }

    /// Nobody has answered one of them; false when it is none.
    pub fn on_asking_failed(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        _failure: Failure,
    ) -> bool {
        let Some(place) = self.askings.iter().position(|asking| asking.serial == serial) else {
            return false;
        };
        let asking = self.askings.remove(place);
        match asking.why {
            // RFC 4028 §10: as if it had said 408.
            Why::Refresh | Why::Renew => self.expire(means, turn, asking.number),
            Why::Notify => {}
        }
        true
    }

    fn acknowledge_own(&mut self, means: &mut Means, turn: &mut Turn<'_>, asking: &Asking) {
        let Some(leg) = self.leg_mut(asking.number) else { return };
        let Some(hop) = leg.hop() else { return };
        let via = write::via(means, leg, &hop);
        leg.ack.clear();
        if let Some(dialog) = &leg.dialog {
            dialog.acknowledge(asking.own_number, &Outgoing::new(via.as_bytes()), &mut leg.ack);
            turn.wire().send_octets(hop, None, &leg.ack);
        }
    }
}
