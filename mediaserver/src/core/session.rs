//! A session: the legs of one call, and who hears whom.

use std::time::Instant;

use proto::media::{Flow, Leg, LegStatistics, MediaEvent};
use rtp::ntp::NtpTime;

use super::flow::Look;
use super::leg::LegState;
use super::{Place, Terms, Tools};

/// The media of one call.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) call: Box<str>,
    /// Legs keep their places, which ports know.
    pub(super) legs: Vec<Option<LegState>>,
    /// What the session ids of its legs' descriptions are made of.
    pub(super) id: u64,
    /// When it was asked for last.
    asked_at: Instant,
    /// When it was said to be idle, and nothing has happened since.
    idle_since: Option<Instant>,
}

impl Session {
    pub fn new(now: Instant, call: &str, id: u64) -> Self {
        Session { call: call.into(), legs: Vec::new(), id, asked_at: now, idle_since: None }
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
                // From here on digits are for whoever hears them.
                leg.ahead.clear();
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
        let mut ended = self.statistics(place.now, name);
        ended.retain(|of| name.is_none_or(|name| of.leg == name));
        for at in 0..self.legs.len() {
            let is_meant = |leg: &LegState| name.is_none_or(|name| leg.name == name);
            if !self.legs[at].as_ref().is_some_and(is_meant) {
                continue;
            }
            self.part(at as u16);
            self.end_recording(at as u16, 0, place.out);
            if let Some(mut leg) = self.legs[at].take() {
                leg.end(place);
            }
        }
        ended
    }

    /// What there is by now of a leg or all.
    pub fn statistics(&self, now: Instant, name: Option<Leg>) -> Vec<LegStatistics> {
        let legs = self.legs.iter().flatten().filter(|leg| name.is_none_or(|name| leg.name == name));
        let beyond = |leg: &LegState| self.legs.get(usize::from(leg.peer?))?.as_ref()?.round_trip();
        legs.map(|leg| leg.statistics(now, beyond(leg))).collect()
    }

    /// Tells of legs that should be heard and are not.
    pub fn look_around(&mut self, now: Instant, terms: &Terms, tools: &mut Tools<'_>) {
        for at in 0..self.legs.len() {
            let Some(leg) = &self.legs[at] else { continue };
            let peer = leg.peer.and_then(|peer| self.legs.get(usize::from(peer))?.as_ref());
            let is_peer_heard = peer.is_some_and(|peer| peer.is_heard(now, terms.one_way));
            let Some(leg) = &mut self.legs[at] else { continue };
            let unheard = now.saturating_duration_since(leg.heard_at);
            let should_send = leg.should_send();
            if unheard >= terms.inactivity && !leg.is_silent && should_send {
                leg.is_silent = true;
                tools.counters.inactive += 1;
                tools.out.tell(&self.call, MediaEvent::Inactive { leg: leg.name });
            }
            let is_expected = should_send && is_peer_heard && !leg.is_resting;
            let (one_way_after, quiet_after) = (terms.one_way, terms.quiet);
            let look = Look { unheard, is_expected, one_way_after, quiet_after };
            if let Some(flow) = leg.watch.look(now, &look) {
                tools.counters.one_way += u64::from(flow == Flow::OneWay);
                tools.counters.quiet += u64::from(flow == Flow::Quiet);
                tools.out.tell(&self.call, MediaEvent::Flow { leg: leg.name, flow });
            }
            tools.counters.one_way_now += u64::from(leg.watch.is_one_way());
        }
    }

    /// Takes note that somebody asked for it, and so knows of it.
    pub fn asked(&mut self, now: Instant) {
        self.asked_at = now;
        self.idle_since = None;
    }

    /// True when it is to end: it was said to be idle, and nobody has said otherwise. A proxy that died knows nothing of
    /// its calls any more, and they hold ports.
    pub fn is_forsaken(&mut self, now: Instant, terms: &Terms, out: &mut dyn super::Out) -> bool {
        let heard_at = self.legs.iter().flatten().map(|leg| leg.heard_at).max();
        let last = heard_at.map_or(self.asked_at, |heard_at| heard_at.max(self.asked_at));
        match self.idle_since.filter(|since| last <= *since) {
            Some(since) => now.saturating_duration_since(since) >= terms.inactivity,
            None => {
                let is_idle = now.saturating_duration_since(last) >= terms.inactivity;
                self.idle_since = is_idle.then_some(now);
                if is_idle {
                    out.tell(&self.call, MediaEvent::Idle);
                }
                false
            }
        }
    }

    /// Sends the reports that are due.
    pub fn report(&mut self, now: Instant, clock: NtpTime, tools: &mut Tools<'_>) {
        for leg in self.legs.iter_mut().flatten() {
            let seed = leg.seed();
            for stream in &mut leg.streams {
                let Some((port, to)) = stream.rtcp_target() else { continue };
                tools.scratch.octets.clear();
                if stream.report(now, clock, seed, &mut tools.scratch.octets) {
                    tools.counters.reports += 1;
                    tools.out.send(port, to, &tools.scratch.octets);
                }
            }
        }
    }
}
