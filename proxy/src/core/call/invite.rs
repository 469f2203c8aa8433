//! The INVITE of a leg that is rung: the copy that any branch would get, then with a dialog of its own (RFC 3261
//! §8.1.1, §12.1.2) and the media server's offer.

use proto::ServiceError;
use proto::media::{self, Described, Theirs};
use sip::edit::Edit;
use sip::message::{Message, Name};
use sip::transport::{ListenerId, NextHop};

use super::leg::Leg;
use super::media::{Passing, Role, Shown};
use super::{CALLER, Call, session_timer, write};
use crate::core::effect::Turn;
use crate::core::means::{Means, Waiter};
use crate::core::response_context::ResponseContext;
use crate::core::slots::Slot;
use crate::core::text::Text;

impl ResponseContext {
    /// True when the media server has to be asked before this branch of a conducted call is sent; it is asked.
    pub fn waits_for_offer(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        hop: &NextHop,
    ) -> bool {
        let Some(slot) = self.call else { return false };
        let (mut number, context) = (self.branches[place].leg, self.id);
        let from_address = Some(self.flow.remote.ip());
        let ring = self.ring.as_ref().map(|ring| ring.serial);
        let rings = ring.is_some();
        let octets = self.read_request(means);
        let branch = &self.branches[place];
        let asked = means.with_call(turn, slot, |call, means, turn| {
            if number == NO_LEG {
                number = call.add_leg(means)?;
                call.leg_mut(number)?.user.clone_from(&branch.target.user);
                if let Some(ring) = ring.and_then(|serial| call.ring_mut(serial)) {
                    ring.legs.push(number);
                }
                call.leg_mut(number)?.straight = !rings && call.may_go_straight(branch, hop);
            }
            if call.leg(number).is_some_and(|leg| leg.offer.is_some()) {
                return Some(None);
            }
            let who = Waiter::Offered(context, place as u16);
            if rings {
                let (leg, address) = (call.media_leg(number), Some(hop.remote().ip()));
                let asked = call.attend_at(means, turn, leg, Theirs::Nothing, address, who);
                return Some(Some(asked.map(Shown::Asked)));
            }
            let message = Message::parse(&octets, &means.settings.limits).ok();
            let Some(sdp) = message.as_ref().and_then(write::sdp).filter(|_| call.offered) else {
                return Some(None);
            };
            let passing = Passing {
                role: Role::Offer,
                from: call.media_leg(CALLER),
                to: call.media_leg(number),
                sdp,
                from_address,
                to_address: Some(hop.remote().ip()),
                straight: call.leg(number)?.straight,
            };
            let shown = call.describe(means, turn, who, passing);
            if shown == Ok(Shown::AsItIs) {
                call.leg_mut(number)?.offer = Some(sdp.into());
                return Some(None);
            }
            Some(Some(shown))
        });
        means.reading = octets;
        self.branches[place].leg = number;
        let Some(asked) = asked.flatten() else {
            self.fail_branch(place, 503, "Too Many Legs");
            return true;
        };
        match asked {
            None | Some(Ok(Shown::AsItIs)) => false,
            Some(Ok(Shown::Asked(ticket))) => {
                self.branches[place].asked = Some(ticket);
                true
            }
            Some(Err(_)) => {
                self.fail_branch(place, 503, "Too Many Questions");
                true
            }
        }
    }

    /// The media server has made the offer of a branch, or cannot.
    pub fn on_offered(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        answer: Result<Described, ServiceError>,
    ) {
        let Some(slot) = self.call else { return };
        let Some(branch) = self.branches.get_mut(place).filter(|branch| branch.is_pending()) else { return };
        branch.asked = None;
        let number = branch.leg;
        match answer {
            Ok(described) => {
                means.with_call(turn, slot, |call, _, _| {
                    if let Some(leg) = call.leg_mut(number) {
                        leg.offer = Some(described.sdp);
                    }
                });
                self.try_next_hop(means, turn, place);
            }
            Err(error) => {
                means.counters.service_errors += 1;
                tracing::warn!(call_id = %self.shown_call_id(means), %error, "the media server makes no offer");
                // RFC 3261 §21.4.26: what is offered cannot be served here.
                let refused = matches!(error, ServiceError::Refused(_));
                let (status, why) =
                    if refused { (488, "Not Acceptable Here") } else { (503, "Media Unavailable") };
                self.fail_branch(place, status, why);
            }
        }
        self.advance(means, turn);
    }

    /// Makes the INVITE of a leg out of the copy that stands in `octets`.
    pub fn conduct_copy(
        slot: Slot,
        means: &mut Means,
        number: u16,
        hop: &NextHop,
        listener: ListenerId,
        octets: &mut Vec<u8>,
    ) -> bool {
        let copy = std::mem::take(octets);
        let settings = std::sync::Arc::clone(&means.settings);
        let Some(leg) = means.calls.leg_mut(slot, number) else { return false };
        leg.reach(hop, listener);
        if let Some(offer) = leg.offer.take() {
            leg.tell(&offer);
            leg.offer = Some(offer);
        }
        let Ok(message) = Message::parse(&copy, &settings.limits) else { return false };
        let Ok(from) = message.from() else { return false };
        let mut from_text = Vec::new();
        from.write_with_tag(Some(leg.tag.as_bytes()), &mut from_text);
        let via = message.elements(Name::Via).next().unwrap_or_default();
        let contact = write::contact(&settings, &leg.tag, hop.transport(), listener, hop.remote().ip());
        let mut supported = write::options(&message, Name::Supported);
        let required = write::options(&message, Name::Require);
        // RFC 3262 §5: an offer in what we acknowledge could not be answered there.
        let rings_reliably = leg.offer.is_some();
        let (expires, least) = session_timer::asked(&settings.config, leg.session_min);
        for (tag, is_done) in [("100rel", rings_reliably), ("timer", expires.is_some()), ("replaces", true)] {
            if is_done {
                supported.push(if supported.as_bytes().is_empty() { b"" } else { b", " });
                supported.push(tag.as_bytes());
            }
        }
        let cseq = Text::of(format_args!("{} INVITE", leg.invite));
        let methods = write::methods(&message);
        let mut edit = Edit::new(&message)
            .remove(Name::Via)
            .remove(Name::RecordRoute)
            .remove(Name::SessionExpires)
            .remove(Name::MinSe)
            .set(Name::From, &from_text)
            .set(Name::CallId, &leg.call_id)
            .set(Name::CSeq, cseq.as_bytes())
            .set(Name::Contact, contact.as_bytes());
        for (name, value) in [(Name::Supported, &supported), (Name::Require, &required)] {
            edit = match value.as_bytes() {
                [] => edit.remove(name),
                tags => edit.set(name, tags),
            };
        }
        for (name, value) in
            [(Name::SessionExpires, &expires), (Name::MinSe, &least), (Name::Allow, &methods)]
        {
            if let Some(value) = value {
                edit = edit.set(name, value.as_bytes());
            }
        }
        if leg.offer.is_some() {
            edit = edit.body("application/sdp", &leg.said);
        }
        edit.push_front(Name::Via, via).write(octets);
        true
    }
}

impl Call {
    /// The number of the next leg; `None` when there are too many.
    pub fn next_leg(&self) -> Option<u16> {
        u16::try_from(self.legs.len()).ok().filter(|_| self.legs.len() < LEGS_MAX)
    }

    /// Makes a leg more; `None` when there are too many.
    fn add_leg(&mut self, means: &mut Means) -> Option<u16> {
        let (call_id, tag) = (write::draw_call_id(means), write::draw(means));
        let new = Leg { is_ours: true, ..Leg::new(call_id.as_bytes(), &tag) };
        let spent = self.legs.iter().position(|leg| leg.is_spent).and_then(|place| u16::try_from(place).ok());
        let number = if let Some(number) = spent {
            // The media server is not asked in the order in which it answers: what is new has a new name.
            self.runs.respent += 1;
            let media = RESPENT + self.runs.respent;
            let old = std::mem::replace(self.leg_mut(number)?, Leg { media, ..new });
            means.calls.remove_tag(&old.tag);
            number
        } else {
            let number = self.next_leg()?;
            self.legs.push(Leg { media: number.into(), ..new });
            number
        };
        means.calls.add_tag(&tag, self.id, number);
        Some(number)
    }

    /// The name of one answer of a leg towards the media server.
    pub fn media_branch(&self, number: u16, branch: u32) -> media::Leg {
        media::Leg { branch, ..self.media_leg(number) }
    }
}

/// The leg of a branch that has none yet.
pub(crate) const NO_LEG: u16 = u16::MAX;
/// Legs of one call; those of phones that did not answer an application are used again.
pub(crate) const LEGS_MAX: usize = 60;
/// The names of those towards the media server begin behind this one.
const RESPENT: u32 = 1000;
