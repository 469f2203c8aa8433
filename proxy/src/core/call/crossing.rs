//! A request of one leg on its way to the other, and its answer on the way back. The INVITE that opened the call is
//! the first of them, from the moment that it was answered.

use std::time::{Duration, Instant};

use proto::Ticket;
use sip::dialog::{Outgoing, is_target_refresh};
use sip::message::{Message, Method, Name, Status};
use sip::transaction::{TransactionId, TransactionKey};
use sip::transport::Packet;
use smallvec::SmallVec;

use super::application_media::dialled;
use super::media::{Passing, Role, Shown};
use super::straight::Straight;
use super::{CALLER, Call, write};
use crate::core::answer;
use crate::core::effect::Turn;
use crate::core::means::{Means, User, Waiter};
use crate::core::request::Request;

/// One of them.
#[derive(Debug)]
pub(crate) struct Crossing {
    /// Its name within the call.
    pub serial: u16,
    /// The leg that asks.
    pub from: u16,
    /// The leg that is asked.
    pub to: u16,
    /// The request of the one.
    pub server: TransactionId,
    /// What its CSeq says.
    pub number: u32,
    /// The request to the other.
    pub client: Option<TransactionId>,
    /// What the CSeq of that says.
    pub own_number: u32,
    /// What it may change.
    pub kind: Kind,
    /// True when the request held an offer, so that its answer comes in the response.
    pub offered: bool,
    /// True when descriptions are told as they are.
    pub straight: bool,
    /// What the call goes back to when the media server does not take part in a hold.
    pub fallback: Option<Straight>,
    /// How far it is.
    pub stage: Stage,
    /// True when the ACK to the other leg was sent.
    pub acknowledged: bool,
    /// The question to the media server.
    pub asked: Option<Ticket>,
}

/// What a request may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The session, with an ACK at the end (RFC 3261 §14).
    Invite,
    /// The session (RFC 3311).
    Update,
    /// Nothing that we know of.
    Other,
}

/// How far a request is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The media server makes the offer.
    Offering,
    /// The other leg was asked.
    Sent,
    /// The other leg has said yes, and the media server looks at what it said.
    Answering(Box<[u8]>),
    /// The 2xx to an INVITE was sent, and is repeated until the ACK comes.
    Acknowledging(Repeat),
    /// The ACK held the answer, and the media server looks at it.
    Confirming,
}

/// A 2xx that is repeated (RFC 3261 §13.3.1.4).
#[derive(Debug)]
pub(crate) struct Repeat {
    pub octets: Box<[u8]>,
    pub next: Instant,
    pub interval: Duration,
    pub until: Instant,
}

impl Crossing {
    /// The nearest of its moments.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Acknowledging(repeat) => Some(repeat.next.min(repeat.until)),
            Stage::Offering | Stage::Sent | Stage::Answering(_) | Stage::Confirming => None,
        }
    }

    /// True when the caller's or the callee's session may be another when this is over.
    pub fn changes_session(&self) -> bool {
        self.kind == Kind::Invite || (self.kind == Kind::Update && self.offered)
    }
}

impl Call {
    /// The crossing of that serial.
    pub fn crossing(&mut self, serial: u16) -> Option<&mut Crossing> {
        self.crossings.iter_mut().find(|crossing| crossing.serial == serial)
    }

    /// Takes it off the list.
    pub fn finish_crossing(&mut self, means: &mut Means, serial: u16) -> Option<Crossing> {
        let place = self.crossings.iter().position(|crossing| crossing.serial == serial)?;
        let crossing = self.crossings.remove(place);
        if let Some(ticket) = crossing.asked {
            means.questions.close(ticket);
        }
        if means.endpoint.user(crossing.server) == Some(User::Conducted(self.id)) {
            means.endpoint.set_user(crossing.server, User::Alone);
        }
        Some(crossing)
    }

    /// A request other than ACK and CANCEL in the dialog of a leg.
    pub fn on_request(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        number: u16,
    ) {
        let message = request.message;
        let refused = self.refusal(means, request, number);
        if let Some((status, retry)) = refused {
            let seconds = ((request.cseq % 10) + 1).to_string();
            let min = means.settings.config.session_seconds_min().to_string();
            let headers = [("Retry-After", seconds.as_str())];
            let headers: &[_] = if retry { &headers } else { &[] };
            let short = [("Min-SE", min.as_str())];
            let headers = if status == 422 { &short } else { headers };
            return answer::statelessly(means, turn, packet, message, Status::of(status), None, headers);
        }
        let is_invite = request.method == Method::Invite;
        let user = if is_invite { User::Conducted(self.id) } else { User::Alone };
        let Ok(server) = means.endpoint.accept(turn.now, packet, message, key, user) else {
            means.counters.overloaded += 1;
            return answer::statelessly(
                means,
                turn,
                packet,
                message,
                Status::of(503),
                None,
                &[("Retry-After", "10")],
            );
        };
        if let Some(leg) = self.leg_mut(number) {
            leg.follow(packet.flow);
        }
        if request.method == Method::Bye {
            Self::refuse(means, turn, server, Status::of(200));
            let reason = message.first(Name::Reason);
            if self.transferor_has_left(means, turn, number) || self.leg_has_left(means, turn, number) {
                return;
            }
            return self.end(means, turn, Some(number), reason);
        }
        if request.method == Method::Prack {
            return self.on_prack(means, turn, message, server);
        }
        if request.method == Method::Refer && self.may_refer(number) {
            return self.on_refer(means, turn, message, server, number);
        }
        if is_invite {
            Self::refuse(means, turn, server, Status::of(100));
        }
        self.cross(means, turn, message, request, server, number);
    }

    /// Why a request cannot cross now, and whether it may be tried again soon.
    fn refusal(&mut self, means: &Means, request: &Request<'_>, number: u16) -> Option<(u16, bool)> {
        let leg = self.leg_mut(number)?;
        let in_order = leg.dialog.as_mut().is_none_or(|dialog| dialog.receive(request.message).is_ok());
        // RFC 3261 §12.2.2.
        if !in_order {
            return Some((500, false));
        }
        if request.method == Method::Bye {
            return None;
        }
        if request.method == Method::Prack {
            // RFC 3262 §3: it matches no response of ours.
            return (!self.is_acknowledged_by(request.message, number)).then_some((481, false));
        }
        let of_run = self.runs.legs.iter().any(|(_, known)| *known == number);
        let talks = self.peer.is_some() || of_run || (number == CALLER && !self.is_unanswered());
        if !talks || self.ending.is_some() {
            // RFC 3311 §5.2 says so of an UPDATE that comes too early.
            return Some((500, true));
        }
        let refreshes = matches!(request.method, Method::Invite | Method::Update);
        if refreshes && super::session_timer::too_short(&means.settings.config, request.message).is_some() {
            return Some((422, false));
        }
        let has_offer = write::sdp(request.message).is_some();
        let changes = request.method == Method::Invite || (request.method == Method::Update && has_offer);
        if changes && self.asks_for_session() {
            return Some((491, false));
        }
        let under_way = self.crossings.iter().find(|crossing| crossing.changes_session());
        match under_way {
            // RFC 3261 §14.2: its own one is not over yet, or one of ours to it is.
            Some(crossing) if changes && crossing.from == number => Some((500, true)),
            Some(_) if changes => Some((491, false)),
            Some(_) | None => None,
        }
    }

    fn cross(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        request: &Request<'_>,
        server: TransactionId,
        from: u16,
    ) {
        let Some(to) = self.partner(from).filter(|_| !super::session_timer::is_refresh(message)) else {
            return self.attend_request(means, turn, message, server, from);
        };
        if let Some(digit) = (request.method == Method::Info).then(|| dialled(message)).flatten()
            && self.runs.run.is_some()
        {
            self.press(means, turn, from, digit);
        }
        let kind = match request.method {
            Method::Invite => Kind::Invite,
            Method::Update => Kind::Update,
            _ => Kind::Other,
        };
        let sdp = write::sdp(message).filter(|_| kind != Kind::Other);
        let fallback = sdp.and_then(|sdp| self.let_music_in(means, from, to, sdp));
        let serial = self.open_crossing(from, to, server, request.cseq, kind, sdp.is_some());
        let Some(sdp) = sdp else { return self.send_across(means, turn, serial, None) };
        let Some(crossing) = self.crossing(serial) else { return };
        crossing.fallback = fallback;
        let straight = crossing.straight;
        let passing = self.passing(Role::Offer, from, to, sdp, straight);
        let who = Waiter::Crossing(self.id, serial);
        match self.describe(means, turn, who, passing) {
            Ok(Shown::AsItIs) => self.send_across(means, turn, serial, Some(sdp)),
            Ok(Shown::Asked(ticket)) => self.set_asked(serial, ticket),
            Err(_) => self.fail_crossing(means, turn, serial, Status::of(503)),
        }
    }

    /// Notes a request that begins to cross.
    pub fn open_crossing(
        &mut self,
        from: u16,
        to: u16,
        server: TransactionId,
        number: u32,
        kind: Kind,
        offered: bool,
    ) -> u16 {
        self.serial = self.serial.wrapping_add(1);
        let straight = self.goes_straight(from, to);
        self.crossings.push(Crossing {
            serial: self.serial,
            from,
            to,
            server,
            number,
            client: None,
            own_number: 0,
            kind,
            offered,
            straight,
            fallback: None,
            stage: Stage::Offering,
            acknowledged: false,
            asked: None,
        });
        self.serial
    }

    /// An SDP between two legs that talk.
    pub fn passing<'a>(&self, role: Role, from: u16, to: u16, sdp: &'a [u8], straight: bool) -> Passing<'a> {
        Passing {
            role,
            from: self.media_leg(from),
            to: self.media_leg(to),
            sdp,
            from_address: self.address_of(from),
            to_address: self.address_of(to),
            straight,
        }
    }

    /// Notes the question that a crossing waits for.
    pub fn set_asked(&mut self, serial: u16, ticket: Ticket) {
        if let Some(crossing) = self.crossing(serial) {
            crossing.asked = Some(ticket);
        }
    }

    /// Says the request anew on the other leg.
    pub fn send_across(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, sdp: Option<&[u8]>) {
        let Some(crossing) = self.crossing(serial) else { return };
        let (server, to) = (crossing.server, crossing.to);
        let kept = means.read_again(Some(server));
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        let sent = self.write_across(means, to, &kept, sdp, &mut octets).and_then(|(hop, number)| {
            let user = User::Across(self.id, serial);
            let client = means.endpoint.request(turn.now, user, hop, &octets, turn.wire()).ok()?;
            Some((client, number))
        });
        means.scratch = octets;
        means.reading = kept;
        match (sent, self.crossing(serial)) {
            (Some((client, number)), Some(crossing)) => {
                crossing.client = Some(client);
                crossing.own_number = number;
                crossing.stage = Stage::Sent;
            }
            (None, Some(_)) => self.fail_crossing(means, turn, serial, Status::of(500)),
            (_, None) => {}
        }
    }

    fn write_across(
        &mut self,
        means: &mut Means,
        to: u16,
        kept: &[u8],
        sdp: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Option<(sip::transport::NextHop, u32)> {
        let limits = means.settings.limits;
        let message = Message::parse(kept, &limits).ok()?;
        let method = message.method()?;
        let contact = self.contact(means, to).filter(|_| is_target_refresh(method));
        let leg = self.leg_mut(to)?;
        let hop = leg.hop()?;
        let via = write::via(means, leg, &hop);
        let (mut supported, required) =
            (write::options(&message, Name::Supported), write::options(&message, Name::Require));
        // RFC 4028 §7.4: a request that refreshes says how the session goes on.
        let refreshes = matches!(method, Method::Invite | Method::Update);
        let session = leg.session_line().filter(|_| refreshes);
        for (tag, is_done) in [("timer", session.is_some()), ("replaces", refreshes)] {
            if is_done {
                supported.push(if supported.as_bytes().is_empty() { b"" } else { b", " });
                supported.push(tag.as_bytes());
            }
        }
        let sdp = sdp.map(|sdp| leg.tell(sdp));
        let sdp = sdp.as_deref();
        let methods = write::methods(&message);
        let mut lines = write::across(&message);
        for (name, value) in [("Supported", &supported), ("Require", &required)] {
            if !value.as_bytes().is_empty() {
                lines.push((name, value.as_bytes()));
            }
        }
        if let Some(session) = &session {
            lines.push(("Session-Expires", session.as_bytes()));
        }
        lines.extend(methods.as_ref().map(|methods| ("Allow", methods.as_bytes())));
        let hops = message.max_forwards().ok().flatten().unwrap_or(70).saturating_sub(1);
        let outgoing = Outgoing {
            via: via.as_bytes(),
            max_forwards: hops,
            contact: contact.as_ref().map(crate::core::text::Text::as_bytes),
            headers: &lines,
            body: write::body(&message, sdp),
        };
        let number = leg.dialog.as_mut()?.request(method, &outgoing, out);
        Some((hop, number))
    }

    /// The request cannot cross: its sender is told.
    pub fn fail_crossing(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, status: Status) {
        if let Some(crossing) = self.finish_crossing(means, serial) {
            Self::refuse(means, turn, crossing.server, status);
            self.picking_failed(means, turn, serial);
            self.on_prack_answered(means, turn, serial);
        }
    }

    /// A leg goes while the call goes on: what it asked needs no answer, and what it was asked is asked again (RFC 3261
    /// §14.2, §15.1.2).
    pub fn drop_crossings_of(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        let of_leg = |crossing: &&Crossing| crossing.from == number || crossing.to == number;
        let those: SmallVec<[u16; 2]> =
            self.crossings.iter().filter(of_leg).map(|crossing| crossing.serial).collect();
        for serial in those {
            let Some(crossing) = self.crossing(serial) else { continue };
            match (crossing.from == number, &crossing.stage) {
                (true, Stage::Acknowledging(_) | Stage::Confirming) => {
                    self.finish_crossing(means, serial);
                }
                (true, _) => self.fail_crossing(means, turn, serial, Status::of(487)),
                (false, Stage::Offering | Stage::Sent | Stage::Answering(_)) => {
                    self.fail_crossing(means, turn, serial, Status::of(491));
                }
                // Our 2xx is out: it waits for its ACK.
                (false, Stage::Acknowledging(_) | Stage::Confirming) => {}
            }
        }
    }

    /// Where the caller's INVITE becomes the first request that crosses: its answer is on the way back.
    pub fn connect(&mut self, means: &mut Means, turn: &mut Turn<'_>, peer: u16, message: &Message<'_>) {
        let number = self.reliable.invite;
        let own_number = message.cseq().map_or(1, |cseq| cseq.number);
        let offered = self.offered;
        let serial = self.open_crossing(CALLER, peer, self.server, number, Kind::Invite, offered);
        if let Some(crossing) = self.crossing(serial) {
            crossing.own_number = own_number;
        }
        self.on_success(means, turn, serial, message);
    }
}
