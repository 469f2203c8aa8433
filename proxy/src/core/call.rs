//! The call core: a back-to-back user agent. A conducted call has a leg towards its caller, for whom it is the one
//! that answers (RFC 3261 §12.1.1), and one towards each phone that is rung, for which it is the one that calls
//! (§12.1.2). Each leg is a dialog of its own, and what is said on one is said anew on the other.
//!
//! While a call is set up, the [`super::response_context`] of its INVITE does what it does for every INVITE: dial
//! plan, directory, registrar, forking, seconds, timer C, the best failure. Here is what differs: how a branch's
//! INVITE is written ([`invite`]), what of its responses the caller sees ([`answering`]), and, once somebody has
//! answered, the call itself: requests that cross it ([`crossing`], [`crossed`]), 2xx that wait for their ACK
//! ([`acknowledge`]), its end ([`end`]). The table of calls is [`table`].

pub(crate) mod acknowledge;
pub(crate) mod answering;
pub(crate) mod application;
pub(crate) mod application_commands;
pub(crate) mod application_early;
pub(crate) mod application_legs;
pub(crate) mod application_media;
pub(crate) mod application_ring;
pub(crate) mod application_step;
pub(crate) mod asking;
pub(crate) mod crossed;
pub(crate) mod crossing;
pub(crate) mod elsewhere;
pub(crate) mod end;
pub(crate) mod hold;
pub(crate) mod incoming;
pub(crate) mod inputs;
pub(crate) mod invite;
pub(crate) mod late;
pub(crate) mod leg;
pub(crate) mod media;
pub(crate) mod origin;
pub(crate) mod park;
pub(crate) mod pickup;
pub(crate) mod refer;
pub(crate) mod refer_run;
pub(crate) mod reliable;
pub(crate) mod renew;
pub(crate) mod session_timer;
pub(crate) mod slot;
pub(crate) mod straight;
pub(crate) mod table;
pub(crate) mod write;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use proto::Ticket;
use sip::transaction::TransactionId;
use smallvec::SmallVec;

use super::slots::Slot;
use crossing::Crossing;
use leg::Leg;

/// One conducted call.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its own name in the table.
    pub id: Slot,
    /// Its name towards the media server.
    pub name: Box<str>,
    /// The Call-ID of its INVITE.
    pub opened_by: Box<[u8]>,
    /// The response context of its INVITE.
    pub context: Slot,
    /// The caller's INVITE.
    pub server: TransactionId,
    /// The caller's leg, then one for each branch of the INVITE.
    pub legs: Vec<Leg>,
    /// The leg that talks with the caller, once one has answered.
    pub peer: Option<u16>,
    /// True when the caller's INVITE held an offer.
    pub offered: bool,
    /// The leg whose early media the caller hears.
    pub early: Option<u16>,
    /// Provisional responses that wait for the media server, with the leg that they came from.
    pub ups: VecDeque<(u16, Box<[u8]>)>,
    /// The question for the first of them.
    pub early_asked: Option<Ticket>,
    /// Requests on their way from one leg to the other.
    pub crossings: SmallVec<[Crossing; 1]>,
    /// Requests of our own to one leg.
    pub askings: SmallVec<[asking::Asking; 1]>,
    /// What the caller has to acknowledge before the answer.
    pub reliable: reliable::Reliable,
    /// Who is about to take the call over.
    pub picking: Option<pickup::Picking>,
    /// Where its caller is parked.
    pub parked: Option<park::Parked>,
    /// The slot that its caller hears of, and may transfer somebody to.
    pub slot: Option<slot::Place>,
    /// The transfer that a phone has asked for.
    pub transfer: Option<refer::Transfer>,
    /// How many there were.
    pub transfers: u8,
    /// How many crossings there were.
    pub serial: u16,
    /// How far the media may go from phone to phone.
    pub straight: straight::Straight,
    /// True when the media server knows of it.
    pub has_media: bool,
    /// Why the call ends as soon as the caller has acknowledged (RFC 3261 §15); empty for no reason.
    pub ending: Option<Box<str>>,
    /// True when the leg that talks with the caller has said or heard BYE.
    pub peer_knows: bool,
    /// True when nothing is left to do.
    pub over: bool,
    /// True when all that belonged to it has been let go of.
    pub has_left: bool,
    /// What it has to do with applications.
    pub runs: application::Runs,
    /// When it began.
    pub since: Instant,
    /// Who calls, as the directory names him; empty for others.
    pub user: String,
    /// Which rule of the dial plan decided.
    pub rule: Option<Arc<str>>,
}

/// The caller's leg.
pub(crate) const CALLER: u16 = 0;

impl Call {
    /// The leg of that number.
    pub fn leg(&self, number: u16) -> Option<&Leg> {
        self.legs.get(usize::from(number))
    }

    /// The same, to be changed.
    pub fn leg_mut(&mut self, number: u16) -> Option<&mut Leg> {
        self.legs.get_mut(usize::from(number))
    }

    /// The Call-ID of the caller's dialog as the log shows it.
    pub fn shown_call_id(&self) -> Cow<'_, str> {
        self.leg(CALLER).map_or_else(Cow::default, |leg| String::from_utf8_lossy(&leg.call_id))
    }

    /// Who is at the other end of a leg.
    pub fn partner(&self, number: u16) -> Option<u16> {
        match self.peer {
            Some(peer) if number == CALLER => Some(peer),
            Some(peer) if number == peer => Some(CALLER),
            Some(_) | None => None,
        }
    }

    /// The nearest of its moments.
    pub fn deadline(&self) -> Option<Instant> {
        let crossings = self.crossings.iter().filter_map(Crossing::deadline);
        let own =
            self.run_deadline().into_iter().chain(self.session_deadline()).chain(self.reliable_deadline());
        let own =
            own.chain(self.park_deadline()).chain(self.renewal_deadline()).chain(self.transfer_deadline());
        crossings.chain(own).min()
    }

    /// In words, for people.
    pub fn state(&self) -> &'static str {
        match self.peer {
            None if self.is_unanswered() => "ringing",
            None if self.over || self.ending.is_some() => "ending",
            None if self.parked.is_some() => "parked",
            None => "talking",
            Some(_) if self.over || self.ending.is_some() => "ending",
            Some(_) => "talking",
        }
    }
}
