//! Park: a phone transfers whom it talks with to a number that is a slot. He hears music there until somebody dials that
//! number from any phone, or, when nobody does in time, until who parked him is rung back.

use std::time::{Duration, Instant};

use super::application_legs::RingFor;
use super::application_ring::To;
use super::application_step::party;
use super::refer::Transfer;
use super::slot::Place;
use super::straight::Straight;
use super::{CALLER, Call};
use crate::core::effect::Turn;
use crate::core::means::Means;

/// A call whose caller is parked.
#[derive(Debug)]
pub(crate) struct Parked {
    /// Where it is taken back.
    pub place: Place,
    /// What rings who parked it; empty where that was no user of ours.
    pub by: String,
    /// How long until he is rung.
    after: Duration,
    /// When he is; nothing while he rings.
    until: Option<Instant>,
    /// How often he was.
    rung: u8,
}

impl Call {
    /// True while it is parked at that number.
    pub fn is_parked_at(&self, number: &str) -> bool {
        !self.over && self.parked.as_ref().is_some_and(|parked| *parked.place.number == *number)
    }

    /// Parks who is transferred. One slot is for one call.
    pub fn park(&mut self, means: &mut Means, turn: &mut Turn<'_>, place: Place) {
        let after = place.after;
        let transferor = self.transfer.as_ref().and_then(|transfer| self.leg(transfer.by));
        let transferor = transferor.and_then(|leg| leg.user.as_ref());
        let by = transferor.map(|user| user.extension.as_ref().unwrap_or(&user.name).clone());
        self.parked =
            Some(Parked { place, by: by.unwrap_or_default(), after, until: Some(turn.now + after), rung: 0 });
        means.counters.parks += 1;
        self.tell_slot(means, turn);
        self.part_with_transferor(means, turn);
        self.light_slot(means, turn);
        if self.straight == Straight::No {
            self.set_hold(means, turn, CALLER, true);
        } else if let Some(caller) = self.leg_mut(CALLER) {
            caller.music_waits = true;
        }
        // Who was on hold before sends nothing: he is asked to, so that silent media do not end the call.
        self.renew(means, turn, CALLER);
    }

    /// When who parked it is rung.
    pub fn park_deadline(&self) -> Option<Instant> {
        self.parked.as_ref().and_then(|parked| parked.until)
    }

    /// It may have come. Whom nobody takes back in the end is hung up on.
    pub fn on_park_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let Some(parked) = &mut self.parked else { return };
        if self.over || parked.until.is_none_or(|until| until > turn.now) {
            return;
        }
        if self.picking.is_some() {
            parked.until = Some(turn.now + parked.after);
            return;
        }
        parked.rung += 1;
        if parked.rung > RING_BACKS_MAX || parked.by.is_empty() {
            self.leave_slot(means, turn);
            return self.end(means, turn, None, Some(NOT_RETRIEVED));
        }
        parked.until = None;
        let by = parked.by.clone();
        let Some(caller) = self.leg(CALLER) else { return };
        let Some(dialog) = &caller.dialog else { return };
        let invite = Self::referred_invite(means, &self.name, dialog.remote(), None);
        let caller = caller.user.as_ref().map(|user| party(user));
        self.transfer = Some(Transfer::nobodys());
        let (own, caller) = (Default::default(), caller.unwrap_or_default());
        self.begin_ring_as(means, RingFor::Parker, To::Number(by), own, caller, invite);
    }

    /// Who parked it does not answer: it stays where it is for another while. False when it is not parked.
    pub fn stays_parked(&mut self, now: Instant) -> bool {
        let Some(parked) = &mut self.parked else { return false };
        self.transfer = None;
        parked.until = Some(now + parked.after);
        true
    }

    /// Somebody has dialled the slot, and talks with the caller from now on. False when nobody is parked any more.
    pub fn unpark(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) -> bool {
        if self.parked.is_none() {
            return false;
        }
        self.leave_slot(means, turn);
        // Who is rung back meanwhile is too late.
        for ring in std::mem::take(&mut self.runs.rings) {
            self.silence(means, turn, &ring);
        }
        self.transfer = None;
        self.complete_transfer(means, turn, number, false);
        true
    }
}

/// How often who parked a call is rung.
const RING_BACKS_MAX: u8 = 3;
/// RFC 3326: why a call ends that nobody takes back.
const NOT_RETRIEVED: &[u8] = b"SIP;cause=480;text=\"Nobody Retrieved The Call\"";
