//! The legs that an application has called, and how they come together: dialling, joining, transfers, hold. The media
//! server talks to each of them, as it does to the caller, and joins two when they are to hear each other.

use std::time::Duration;

use proto::application::{Outcome, Parting, Party, Reached, What};
use proto::media::{self, Described, Repeat, Theirs, Tone};
use proto::{ServiceError, Ticket};
use sip::dialog::Outgoing;
use sip::message::Message;
use sip::transport::NextHop;
use smallvec::SmallVec;

use super::application::{Errand, Run};
use super::application_commands::GoingKind;
use super::application_early::Early;
use super::application_ring::{Order, To, number_of};
use super::{CALLER, Call, late, write};
use crate::core::divert::Chain;
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::slots::Slot;

/// Somebody who is being rung for a call.
#[derive(Debug)]
pub(crate) struct Ringing {
    /// Which ringing of the call.
    pub serial: u16,
    /// The context that rings, once it does.
    pub context: Option<Slot>,
    pub why: RingFor,
    /// The leg that has answered, while the media server hears of it.
    pub number: Option<u16>,
    /// The question to it.
    pub asked: Option<Ticket>,
    /// True once it was told that somebody rings.
    pub has_rung: bool,
    /// What is heard of it meanwhile.
    pub early: Early,
    /// The legs of its phones.
    pub legs: SmallVec<[u16; 2]>,
}

/// Why somebody is rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RingFor {
    /// A command: the application's name of the leg, and the command's id.
    Dial { leg: u32, id: u32 },
    /// A command: its id.
    Transfer { id: u32 },
    /// The dial plan goes on behind an application.
    Rest,
    /// A phone transfers another (RFC 3515).
    Refer,
    /// Nobody has taken back whom a phone had parked.
    Parker,
}

impl Call {
    /// Calls somebody for the application.
    pub fn dial(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        id: u32,
        leg: u32,
        to: String,
        within: Duration,
    ) {
        let is_used = leg == 0
            || self.runs.legs.iter().any(|(known, _)| *known == leg)
            || self
                .runs
                .rings
                .iter()
                .any(|ring| matches!(ring.why, RingFor::Dial { leg: known, .. } if known == leg));
        let is_full = self.legs.len() >= super::invite::LEGS_MAX && !self.legs.iter().any(|leg| leg.is_spent);
        if is_used || is_full {
            return self.refuse_command(turn, id, "the leg is in use, or there are too many");
        }
        let within = within.clamp(Duration::from_secs(1), *means.settings.config.ring_timeout);
        self.begin_ring(means, RingFor::Dial { leg, id }, To::Number(to), Some(within), Chain::default());
    }

    /// Sends the caller elsewhere. While somebody is rung the application has the call still, and keeps it when nobody
    /// answers.
    pub fn transfer(&mut self, means: &mut Means, turn: &mut Turn<'_>, id: u32, to: String) {
        let is_under_way = self.runs.rings.iter().any(|ring| !matches!(ring.why, RingFor::Dial { .. }));
        if self.runs.diversions >= DIVERSIONS_MAX || is_under_way {
            return self.refuse_command(turn, id, "the call was sent on too often, or is just being sent on");
        }
        self.runs.diversions += 1;
        self.runs.is_sent_on = true;
        let chain = self.sent_on(means, &to);
        if self.is_unanswered() {
            let order = self.order(0, To::Number(to), None, chain, true);
            self.leave_run(means, turn, Parting::Transferred);
            means.errands.push_back(Errand::Reroute(self.context, Box::new(order)));
        } else {
            self.begin_ring(means, RingFor::Transfer { id }, To::Number(to), None, chain);
        }
    }

    /// Who has sent the call on once this application has.
    fn sent_on(&self, means: &Means, to: &str) -> Chain {
        let Some(run) = &self.runs.run else { return self.runs.chain.clone() };
        let by = &run.started.callee;
        let by = if by.number.is_empty() { &by.user } else { &by.number };
        // What is for an application alone has no number.
        let to = if to.contains('/') { None } else { number_of(&means.settings, to) };
        self.runs.chain.sent_on(&means.settings.config.domain, by, run.started.why, &to.unwrap_or_default())
    }

    /// The dial plan goes on where an application has left its caller; without a step an apology is all there is.
    pub fn go_on(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.is_unanswered() {
            means.errands.push_back(Errand::GiveBack(self.context));
        } else if self.peer.is_some() || !self.runs.rings.is_empty() || self.over {
            // Somebody talks with the caller, or will.
        } else if let Some((decision, next)) = self.runs.rest.take() {
            self.begin_ring(means, RingFor::Rest, To::Steps(decision, next), None, self.runs.chain.clone());
        } else {
            self.apologise(means, turn);
        }
    }

    fn begin_ring(
        &mut self,
        means: &mut Means,
        why: RingFor,
        to: To,
        within: Option<Duration>,
        chain: Chain,
    ) {
        self.runs.rung = self.runs.rung.wrapping_add(1);
        let serial = self.runs.rung;
        let hands_over = !matches!(why, RingFor::Dial { .. });
        let order = self.order(serial, to, within, chain, hands_over);
        self.push_ring(means, why, order);
    }

    /// The same in the name of somebody else, with an INVITE of its own.
    pub fn begin_ring_as(
        &mut self,
        means: &mut Means,
        why: RingFor,
        to: To,
        by: (String, String),
        caller: Party,
        invite: Vec<u8>,
    ) {
        self.runs.rung = self.runs.rung.wrapping_add(1);
        let order = Order {
            serial: self.runs.rung,
            to,
            by,
            caller,
            within: None,
            chain: Chain::default(),
            hands_over: why != RingFor::Parker && self.transfer.as_ref().is_none_or(|by| by.into.is_none()),
            invite: invite.into(),
        };
        self.push_ring(means, why, order);
    }

    fn push_ring(&mut self, means: &mut Means, why: RingFor, order: Order) {
        let serial = order.serial;
        let (early, legs) = (Early::None, SmallVec::new());
        let ringing =
            Ringing { serial, context: None, why, number: None, asked: None, has_rung: false, early, legs };
        self.runs.rings.push(ringing);
        means.errands.push_back(Errand::Ring(self.id, Box::new(order)));
    }

    fn order(&self, serial: u16, to: To, within: Option<Duration>, chain: Chain, hands_over: bool) -> Order {
        let caller = self.runs.caller.clone();
        let callee = self.runs.run.as_ref().map(|run| run.started.callee.clone()).unwrap_or_default();
        let by = if callee.user.is_empty() { &caller } else { &callee };
        let by = if by.user.is_empty() { Default::default() } else { (by.user.clone(), by.number.clone()) };
        Order { serial, to, by, caller, within, chain, hands_over, invite: Box::default() }
    }

    /// Which context rings.
    pub fn note_ring(&mut self, serial: u16, context: Slot) {
        if let Some(ring) = self.ring_mut(serial) {
            ring.context = Some(context);
        }
    }

    pub fn ring_mut(&mut self, serial: u16) -> Option<&mut Ringing> {
        self.runs.rings.iter_mut().find(|ring| ring.serial == serial)
    }

    /// Somebody rings.
    pub fn on_ring_provisional(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        number: u16,
        message: &Message<'_>,
    ) {
        let Some(ring) = self.ring_mut(serial) else { return };
        let why = ring.why;
        if !std::mem::replace(&mut ring.has_rung, true) {
            self.tell_ringing(means, turn, why);
        }
        self.begin_early(means, turn, serial, number, message);
    }

    fn tell_ringing(&mut self, means: &mut Means, turn: &mut Turn<'_>, why: RingFor) {
        match why {
            RingFor::Dial { leg, id } => {
                self.tell(turn, What::Dialled { leg, id, outcome: Outcome::Ringing });
            }
            RingFor::Refer | RingFor::Parker => self.on_transfer_rings(means, turn),
            RingFor::Transfer { .. } | RingFor::Rest => self.play_ringback(means, turn),
        }
    }

    /// The caller hears that somebody rings.
    pub fn play_ringback(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.play_plainly(means, turn, media::Sound::Tone(RINGBACK), Repeat::Forever);
    }

    /// Nobody is reached.
    pub fn on_ring_failed(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, why: Reached) {
        let Some(place) = self.runs.rings.iter().position(|ring| ring.serial == serial) else { return };
        let ring = self.runs.rings.remove(place);
        if let Some(number) = ring.number {
            self.hang_up_leg(means, turn, number, None);
        }
        self.forget_ringing(means, turn, &ring, ring.number);
        match ring.why {
            RingFor::Dial { leg, id } => {
                let outcome = match why {
                    Reached::NoAnswer => Outcome::NoAnswer,
                    Reached::Busy => Outcome::Busy,
                    Reached::Declined => Outcome::Declined,
                    Reached::Unreachable | Reached::Dialled | Reached::Menu => Outcome::Unreachable,
                };
                self.tell(turn, What::Dialled { leg, id, outcome });
            }
            RingFor::Transfer { id } if self.runs.run.is_some() => {
                self.runs.is_sent_on = false;
                self.stop(means, turn, CALLER, 0);
                self.refuse_command(turn, id, &format!("nobody took the call: {why:?}"));
            }
            RingFor::Refer | RingFor::Parker => self.on_transfer_failed(means, turn, why),
            RingFor::Transfer { .. } | RingFor::Rest => {
                self.stop(means, turn, CALLER, 0);
                self.go_on(means, turn);
            }
        }
    }

    /// Somebody has answered who was rung for this call.
    pub fn on_rung(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        number: u16,
        message: &Message<'_>,
        hop: Option<NextHop>,
    ) {
        let is_wanted = !self.over && self.runs.rings.iter().any(|ring| ring.serial == serial);
        // What was answered reliably need not be said again (RFC 6337 §3.1.1).
        let early = self.leg_mut(number).map(|leg| std::mem::take(&mut leg.early_answer)).unwrap_or_default();
        let sdp = write::sdp(message).or((!early.is_empty()).then_some(&*early)).filter(|_| is_wanted);
        let (Some(sdp), true) = (sdp, self.confirm(turn, number, message)) else {
            late::end(means, turn, message, hop);
            return self.on_ring_failed(means, turn, serial, Reached::Unreachable);
        };
        self.acknowledge_first(means, turn, number, message);
        let who = Waiter::Joined(self.id, serial);
        let asked = self.attend(means, turn, number, Theirs::Answer(sdp), who).ok();
        if let Some(ring) = self.ring_mut(serial) {
            ring.number = Some(number);
            if let Some(before) = std::mem::replace(&mut ring.asked, asked) {
                means.questions.close(before);
            }
        }
        if asked.is_none() {
            self.on_ring_failed(means, turn, serial, Reached::Unreachable);
        }
    }

    /// The media server talks to a leg that has answered, or cannot.
    pub fn on_joined(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        answer: Result<Described, ServiceError>,
    ) {
        if let Err(error) = answer {
            means.counters.service_errors += 1;
            tracing::warn!(%error, "the media server does not talk to a phone that has answered");
            return self.on_ring_failed(means, turn, serial, Reached::Unreachable);
        }
        let Some(place) = self.runs.rings.iter().position(|ring| ring.serial == serial) else { return };
        let ring = self.runs.rings.remove(place);
        let Some(number) = ring.number else { return };
        self.forget_ringing(means, turn, &ring, Some(number));
        match ring.why {
            RingFor::Dial { leg, .. } => {
                self.runs.legs.push((leg, number));
                // Whoever heard it before goes on hearing it.
                if ring.early.leg() == Some(number)
                    && let Some(with) = ring.early.joined().filter(|_| !self.is_unanswered())
                {
                    self.join(means, turn, 0, with, Some(number));
                }
                self.tell(turn, What::Answered { leg });
            }
            RingFor::Refer | RingFor::Parker => self.complete_transfer(means, turn, number, false),
            RingFor::Transfer { .. } | RingFor::Rest => {
                self.stop(means, turn, CALLER, 0);
                self.join(means, turn, 0, CALLER, Some(number));
                self.leave_run(means, turn, Parting::Transferred);
            }
        }
    }

    /// Joins two legs, or parts one. The one that the caller hears is his peer from then on.
    pub fn join(&mut self, means: &mut Means, turn: &mut Turn<'_>, id: u32, number: u16, with: Option<u16>) {
        self.runs.begun += 1;
        let begun = self.runs.begun;
        let (leg, other) = (self.media_leg(number), with.map(|with| self.media_leg(with)));
        let effect = Effect::Bridge(media::Bridge { call: &self.name, leg, with: other });
        if means.ask(turn, Waiter::Begun(self.id, begun), effect).is_err() {
            return self.refuse_command(turn, id, "too many questions");
        }
        if let Some(run) = self.runs.run.as_mut().filter(|_| id > 0) {
            run.going.push(super::application_commands::Going {
                begun,
                id,
                leg: 0,
                number,
                kind: GoingKind::Join,
            });
        }
        self.peer = match (number, with) {
            (CALLER, other) => other,
            (other, Some(CALLER)) => Some(other),
            (one, other) if self.peer == Some(one) || (other.is_some() && self.peer == other) => None,
            _ => self.peer,
        };
        self.peer_knows = false;
    }

    /// Puts a leg on hold: it hears a sign from time to time, and nobody hears it.
    pub fn hold(&mut self, means: &mut Means, turn: &mut Turn<'_>, id: u32, number: u16, on: bool) {
        if on {
            let with = self.partner(number);
            self.runs.held.retain(|(held, _)| *held != number);
            self.runs.held.push((number, with));
            self.join(means, turn, id, number, None);
            self.runs.begun += 1;
            let sounds = [media::Sound::Tone(ON_HOLD)];
            let play = media::Play {
                call: &self.name,
                leg: self.media_leg(number),
                id: self.runs.begun,
                sounds: &sounds,
                repeat: Repeat::Forever,
                stop_on_digit: false,
            };
            // Without it the hold is silent.
            let _ = means.ask(turn, Waiter::Begun(self.id, 0), Effect::Play(play));
            return;
        }
        let Some(place) = self.runs.held.iter().position(|(held, _)| *held == number) else {
            return self.refuse_command(turn, id, "the leg is not on hold");
        };
        let (_, with) = self.runs.held.remove(place);
        self.stop(means, turn, number, 0);
        if let Some(with) = with.filter(|with| self.leg(*with).is_some_and(|leg| leg.dialog.is_some())) {
            self.join(means, turn, id, number, Some(with));
        }
    }

    /// The application hangs up a leg that it had called, connected or not.
    pub fn hang_up_of(&mut self, means: &mut Means, turn: &mut Turn<'_>, leg: u32) -> bool {
        if let Some(place) = self.runs.legs.iter().position(|(known, _)| *known == leg) {
            let (_, number) = self.runs.legs.remove(place);
            self.hang_up_leg(means, turn, number, None);
            self.tell(turn, What::Left { leg });
            return true;
        }
        let of_leg = |why: RingFor| matches!(why, RingFor::Dial { leg: known, .. } if known == leg);
        let Some(place) = self.runs.rings.iter().position(|ring| of_leg(ring.why)) else { return false };
        let ring = self.runs.rings.remove(place);
        self.silence(means, turn, &ring);
        if let RingFor::Dial { leg, id } = ring.why {
            self.tell(turn, What::Dialled { leg, id, outcome: Outcome::NoAnswer });
        }
        true
    }

    /// A leg has said BYE. False when that ends the call.
    pub fn leg_has_left(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) -> bool {
        let of_run = self.runs.legs.iter().position(|(_, known)| *known == number);
        if number == CALLER || (self.peer == Some(number) && (of_run.is_none() || self.runs.run.is_none())) {
            return false;
        }
        self.let_go(means, turn, number);
        if let Some(place) = of_run {
            let (leg, _) = self.runs.legs.remove(place);
            self.tell(turn, What::Left { leg });
        } else if let Some(serial) =
            self.runs.rings.iter().find(|ring| ring.number == Some(number)).map(|ring| ring.serial)
        {
            self.on_ring_failed(means, turn, serial, Reached::Unreachable);
        }
        true
    }

    /// Ends what was rung and called for a run, but for who talks with the caller; `all` is false where a transfer goes
    /// on without its application.
    pub fn leave_legs(&mut self, means: &mut Means, turn: &mut Turn<'_>, run: &mut Run, all: bool) {
        for (leg, number) in std::mem::take(&mut self.runs.legs) {
            run.tell(turn, What::Left { leg });
            let is_there = self.leg(number).is_some_and(|leg| leg.dialog.is_some());
            if is_there && number != CALLER && self.peer != Some(number) {
                self.hang_up_leg(means, turn, number, None);
            }
        }
        for ring in std::mem::take(&mut self.runs.rings) {
            let is_asked_for = matches!(ring.why, RingFor::Refer | RingFor::Parker);
            if (all && !is_asked_for) || matches!(ring.why, RingFor::Dial { .. }) {
                self.silence(means, turn, &ring);
            } else {
                self.runs.rings.push(ring);
            }
        }
        self.runs.held.clear();
    }

    /// Stops ringing.
    pub fn silence(&mut self, means: &mut Means, turn: &mut Turn<'_>, ring: &Ringing) {
        if let Some(ticket) = ring.asked {
            means.questions.close(ticket);
        }
        if let Some(number) = ring.number {
            self.hang_up_leg(means, turn, number, None);
        }
        self.forget_ringing(means, turn, ring, ring.number);
        match ring.context {
            Some(context) => means.errands.push_back(Errand::Silence(context)),
            // It was ordered in this very turn.
            None => means.errands.retain(
                |errand| !matches!(errand, Errand::Ring(call, order) if *call == self.id && order.serial == ring.serial),
            ),
        }
    }

    /// The media of phones that were rung and will not be talked to end; all but those of the leg that answered.
    fn forget_ringing(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        ring: &Ringing,
        winner: Option<u16>,
    ) {
        for number in ring.legs.iter().copied().filter(|number| Some(*number) != winner) {
            self.release(means, turn, Some(number));
            if let Some(leg) = self.leg_mut(number) {
                leg.is_spent = leg.dialog.is_none();
            }
        }
    }

    /// BYE to one leg, and nothing is left of it.
    pub fn hang_up_leg(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        reason: Option<&[u8]>,
    ) {
        self.say_bye(means, turn, number, reason);
        self.let_go(means, turn, number);
    }

    pub fn let_go(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        self.drop_crossings_of(means, turn, number);
        if let Some(leg) = self.leg_mut(number) {
            leg.dialog = None;
        }
        if self.peer == Some(number) {
            self.peer = None;
        }
        self.unlight_leg(means, turn, number);
        self.release(means, turn, Some(number));
        self.has_left_transfer(means, turn, number);
    }

    /// The ACK to the 2xx of a leg's first INVITE.
    fn acknowledge_first(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        message: &Message<'_>,
    ) {
        let Some(leg) = self.leg_mut(number) else { return };
        let Some(hop) = leg.hop() else { return };
        let via = write::via(means, leg, &hop);
        leg.ack.clear();
        if let Some(dialog) = &leg.dialog {
            // RFC 3261 §13.2.2.4: that of the INVITE, though PRACKs came after it.
            let cseq = message.cseq().map_or(1, |cseq| cseq.number);
            dialog.acknowledge(cseq, &Outgoing::new(via.as_bytes()), &mut leg.ack);
            turn.wire().send_octets(hop, None, &leg.ack);
        }
    }

    fn play_plainly(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        sound: media::Sound<'_>,
        repeat: Repeat,
    ) {
        self.runs.begun += 1;
        let (call, leg, id) = (&*self.name, self.media_leg(CALLER), self.runs.begun);
        let play = media::Play { call, leg, id, sounds: &[sound], repeat, stop_on_digit: false };
        if means.ask(turn, Waiter::Begun(self.id, id), Effect::Play(play)).is_err() {
            tracing::debug!(call = &*self.name, "too many questions: a caller hears nothing");
        }
    }

    /// The last words to a caller whom nobody takes.
    fn apologise(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.runs.apology.is_some() {
            return;
        }
        let of_caller = std::mem::take(&mut self.runs.language);
        let language = if of_caller.is_empty() { means.settings.config.language.clone() } else { of_caller };
        let clip = media::Sound::Clip { language: &language, name: "apology" };
        self.play_plainly(means, turn, clip, Repeat::Times(1));
        self.runs.apology = Some((self.runs.begun, turn.now + APOLOGY_MAX));
    }

    /// The apology is over, or nobody hears it.
    pub fn has_apologised(&mut self, means: &mut Means, turn: &mut Turn<'_>, begun: u32) {
        if self.runs.apology.is_some_and(|(own, _)| own == begun) {
            let reason = if self.slot.is_some() { None } else { Some(GIVEN_UP) };
            self.end(means, turn, None, reason);
        }
    }
}

/// How often a call may be sent on.
const DIVERSIONS_MAX: u8 = 5;
/// How long an apology may take.
const APOLOGY_MAX: Duration = Duration::from_secs(15);
/// RFC 3326: why a call ends that nobody takes.
const GIVEN_UP: &[u8] = b"SIP;cause=480;text=\"Nobody Took The Call\"";
/// What a caller hears while somebody else is rung for him (ITU-T E.180).
const RINGBACK: Tone =
    Tone { hz: [440, 0], on: Duration::from_millis(1500), off: Duration::from_millis(3500), times: 0 };
/// What a leg on hold hears.
const ON_HOLD: Tone =
    Tone { hz: [425, 0], on: Duration::from_millis(200), off: Duration::from_millis(9800), times: 0 };
