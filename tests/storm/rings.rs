//! The calls that a phone gets, and the other requests: what its user makes of them.

use std::time::{Duration, Instant};

use sip::dialog::{Dialog, DialogId};
use sip::message::{Message, Method};
use sip::transaction::{TransactionId, TransactionKey};
use sip::transport::Packet;

use crate::chance::Chance;
use crate::phone::{Phone, Todo, Use};

/// An INVITE that a phone got.
pub struct Ring {
    id: DialogId,
    number: u32,
    server: TransactionId,
    /// The final status that was sent.
    pub said: Option<u16>,
    /// The 2xx, while it is repeated.
    octets: Vec<u8>,
    is_acknowledged: bool,
    /// The transaction layer has waited for an ACK to a refusal in vain.
    pub unacknowledged: bool,
}

impl Ring {
    /// Call-ID and number of an INVITE whose 2xx has found no ACK.
    pub fn unheard(&self) -> Option<(&[u8], u32)> {
        let is_success = self.said.is_some_and(|status| status < 300);
        (is_success && !self.is_acknowledged).then_some((&*self.id.call_id, self.number))
    }

    /// For people.
    pub fn name(&self) -> String {
        let call_id = String::from_utf8_lossy(&self.id.call_id);
        format!("{} to INVITE {call_id}, {}", self.said.unwrap_or_default(), self.number)
    }
}

impl Phone {
    pub fn on_request(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
        chance: &mut Chance,
    ) {
        if message.method() == Some(Method::Invite) {
            return self.on_invite(now, packet, message, key, chance);
        }
        let Ok(server) = self.endpoint.accept(now, packet, message, key, Use::Alone) else { return };
        let is_known =
            DialogId::of(message).is_ok_and(|id| self.dialogs.iter().any(|dialog| *dialog.id() == id));
        self.respond(now, server, if is_known { 200 } else { 481 }, &[]);
    }

    fn on_invite(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
        chance: &mut Chance,
    ) {
        let (Ok(mut id), Ok(cseq)) = (DialogId::of(message), message.cseq()) else { return };
        let is_first = id.local_tag.is_empty();
        // Switched off, as far as this call is concerned: nothing is heard, nothing is said.
        let is_off =
            is_first && message.call_id().iter().map(|octet| u32::from(*octet)).sum::<u32>() % 23 == 0;
        if is_off {
            return;
        }
        let place = self.rings.len();
        let Ok(server) = self.endpoint.accept(now, packet, message, key, Use::Ring(place)) else { return };
        id.local_tag = self.name.as_bytes().into();
        self.rings.push(Ring {
            id,
            number: cseq.number,
            server,
            said: None,
            octets: Vec::new(),
            is_acknowledged: false,
            unacknowledged: false,
        });
        if !is_first {
            return self.answer(now, place, 200, chance);
        }
        let first = chance.pick(&[100, 180, 180, 183]);
        self.respond(now, server, first, &[("Contact", self.contact().as_bytes())]);
        let status = chance.pick(&[200, 200, 200, 200, 200, 200, 486, 404, 480, 603, 503, 302, 401, 0]);
        let ringing = match chance.below(3) {
            0 => Duration::ZERO,
            1 => chance.up_to_ms(3000),
            _ => chance.up_to_ms(15_000),
        };
        if status != 0 {
            self.later.push((ringing, Todo::Answer(place, status)));
        }
    }

    /// The final answer to a call.
    pub fn answer(&mut self, now: Instant, place: usize, status: u16, chance: &mut Chance) {
        let Ring { server, said: None, .. } = self.rings[place] else { return };
        let Some(kept) = self.endpoint.kept_request(server) else { return };
        if status < 300
            && let Ok(dialog) = Dialog::uas(
                &crate::phone::read(kept),
                self.name.as_bytes(),
                sip::message::Status::of(status),
                false,
            )
            && !self.dialogs.iter().any(|known| known.id() == dialog.id())
        {
            self.dialogs.push(dialog);
        }
        let contact = match status {
            302 => format!("<sip:{}@{}>", chance.pick(&["6001", "martin", "nobody"]), self.domain),
            _ => self.contact(),
        };
        let mut headers: Vec<(&str, &[u8])> = vec![("Contact", contact.as_bytes())];
        if status == 401 {
            headers.push(("WWW-Authenticate", b"Digest realm=\"a phone\", nonce=\"1\""));
        }
        let octets = self.respond(now, server, status, &headers);
        let ring = &mut self.rings[place];
        ring.said = Some(status);
        if status >= 300 {
            return;
        }
        ring.octets = octets;
        self.later.push((T1, Todo::Repeat(place, T1)));
        if chance.one_in(4) {
            let talk = 5000 + chance.below(20_000);
            self.later.push((Duration::from_millis(talk), Todo::HangUp(self.rings[place].id.clone())));
        }
    }

    /// RFC 3261 §13.3.1.4: each time twice as long, up to T2, for 64*T1 at most.
    pub fn repeat(&mut self, now: Instant, place: usize, after: Duration) {
        let ring = &self.rings[place];
        if ring.is_acknowledged {
            return;
        }
        // The layer lets 2xx through for as long as it has the transaction, which is 64*T1.
        if self.endpoint.respond(now, ring.server, &ring.octets, &mut self.out) {
            let next = (after * 2).min(T2);
            self.later.push((next, Todo::Repeat(place, next)));
        }
    }

    pub fn on_ack(&mut self, message: &Message<'_>) {
        let (Ok(id), Ok(cseq)) = (DialogId::of(message), message.cseq()) else { return };
        for ring in self.rings.iter_mut().filter(|ring| ring.id == id && ring.number == cseq.number) {
            ring.is_acknowledged = true;
        }
    }

    pub fn on_cancel(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
        invite: Option<(TransactionId, Use)>,
    ) {
        let Ok(server) = self.endpoint.accept(now, packet, message, key, Use::Alone) else { return };
        self.respond(now, server, if invite.is_some() { 200 } else { 481 }, &[]);
        if let Some((invite, Use::Ring(place))) = invite
            && self.rings[place].said.is_none()
        {
            self.rings[place].said = Some(487);
            self.respond(now, invite, 487, &[]);
        }
    }
}

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
