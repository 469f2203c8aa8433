//! A session: the legs of one call, and who hears whom.

use std::time::{Duration, Instant};

use proto::media::{Leg, LegStatistics, MediaEvent};

use super::leg::LegState;
use super::{Out, Place};

/// The media of one call.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) call: Box<str>,
    /// Legs keep their places, which ports know.
    pub(super) legs: Vec<Option<LegState>>,
    /// What the session ids of its legs' descriptions are made of.
    pub(super) id: u64,
}

impl Session {
    pub fn new(call: &str, id: u64) -> Self {
        Session { call: call.into(), legs: Vec::new(), id }
    }

    pub fn call(&self) -> &str {
        &self.call
    }

    pub fn is_empty(&self) -> bool {
        self.legs.iter().all(Option::is_none)
    }

    /// The place of a leg: the one of this name, else the same leg under another branch, which shares its ports.
    pub(super) fn find(&self, name: Leg) -> Option<u16> {
        let legs = || self.legs.iter().flatten();
        let exact = legs().find(|leg| leg.name == name);
        let found = exact.or_else(|| legs().find(|leg| leg.name.number == name.number));
        found.map(|leg| leg.index)
    }

    pub(super) fn leg(&mut self, index: u16) -> Option<&mut LegState> {
        self.legs.get_mut(usize::from(index))?.as_mut()
    }

    /// Two legs hear each other, and nobody else hears them.
    pub(super) fn join(&mut self, one: u16, other: u16) {
        if self.leg(one).is_some_and(|leg| leg.peer == Some(other))
            && self.leg(other).is_some_and(|leg| leg.peer == Some(one))
        {
            return;
        }
        self.part(one);
        self.part(other);
        for (leg, peer) in [(one, other), (other, one)] {
            if let Some(leg) = self.leg(leg) {
                leg.peer = Some(peer);
            }
        }
    }

    /// Nobody hears it, and it hears nobody.
    pub(super) fn part(&mut self, index: u16) {
        for leg in self.legs.iter_mut().flatten() {
            if leg.index == index || leg.peer == Some(index) {
                leg.peer = None;
            }
        }
    }

    /// Ends a leg or all; a branch that is not the one which was heard last has nothing of its own.
    pub fn release(&mut self, place: &mut Place<'_>, name: Option<Leg>) -> Vec<LegStatistics> {
        let mut ended = Vec::new();
        for at in 0..self.legs.len() {
            let is_meant = |leg: &LegState| name.is_none_or(|name| leg.name == name);
            if !self.legs[at].as_ref().is_some_and(is_meant) {
                continue;
            }
            self.part(at as u16);
            self.end_recording(at as u16, 0, place.out);
            if let Some(mut leg) = self.legs[at].take() {
                ended.push(leg.statistics(place.now));
                leg.end(place);
            }
        }
        ended
    }

    /// Tells of legs that should be heard and are not; gives how many.
    pub fn look_around(&mut self, now: Instant, inactivity: Duration, out: &mut dyn Out) -> u64 {
        let mut found = 0;
        for leg in self.legs.iter_mut().flatten() {
            let silent = now.saturating_duration_since(leg.heard_at);
            if silent >= inactivity && !leg.is_silent && leg.should_send() {
                leg.is_silent = true;
                found += 1;
                out.tell(&self.call, MediaEvent::Inactive { leg: leg.name });
            }
        }
        found
    }
}
