//! Offers and answers that pass through: which leg said what, and what the other one is shown.

use proto::ServiceError;
use proto::media::{Answer, Described, Leg, Offer};
use rtp::sdp::Sdp;

use super::leg::{LegState, Said};
use super::session::Session;
use super::{Family, Place, overloaded};

impl Session {
    /// An offer: what it says holds once it is answered (RFC 3264: until then all stays as it was agreed).
    pub fn offer(
        &mut self,
        place: &mut Place<'_>,
        ask: &Offer<'_>,
        sdp: &Sdp<'_>,
    ) -> Result<Described, ServiceError> {
        let said = Said::all(sdp);
        let family = Said::family(&said);
        let (from, from_is_new) = self.find_or_make(ask.from, ask.from_address, place)?;
        let (to, to_is_new) = match self.find_or_make(ask.to, ask.to_address, place) {
            Ok(found) => found,
            Err(why) => {
                self.forget(from, from_is_new, place);
                return Err(why);
            }
        };
        match self.pass(place, (from, to), sdp, said, family) {
            Ok(sdp) => Ok(Described { sdp }),
            Err(why) => {
                self.forget(from, from_is_new, place);
                self.forget(to, to_is_new, place);
                Err(why)
            }
        }
    }

    fn pass(
        &mut self,
        place: &mut Place<'_>,
        (from, to): (u16, u16),
        sdp: &Sdp<'_>,
        said: Vec<Said>,
        family: Option<Family>,
    ) -> Result<Vec<u8>, ServiceError> {
        if from == to {
            return Err(ServiceError::Refused("a leg cannot offer to itself".to_owned()));
        }
        let streams = said.len();
        let offerer = self.leg(from).ok_or(ServiceError::Gone)?;
        offerer.fit(streams, family, place)?;
        is_reachable(offerer, &said)?;
        offerer.offered = Some(said);
        let other = self.leg(to).ok_or(ServiceError::Gone)?;
        other.fit(streams, None, place)?;
        Ok(other.write(sdp))
    }

    /// An answer: both sides hold from now on.
    pub fn answer(
        &mut self,
        place: &mut Place<'_>,
        ask: &Answer<'_>,
        sdp: &Sdp<'_>,
    ) -> Result<Described, ServiceError> {
        let missing = |leg: Leg| ServiceError::Refused(format!("no leg {} in this call", leg.number));
        let from = self.find(ask.from).ok_or_else(|| missing(ask.from))?;
        let to = self.find(ask.to).ok_or_else(|| missing(ask.to))?;
        if from == to {
            return Err(ServiceError::Refused("a leg cannot answer itself".to_owned()));
        }
        let said = Said::all(sdp);
        let answerer = self.leg(from).ok_or(ServiceError::Gone)?;
        // RFC 3261 lets several branches answer one offer: the last one is who is heard.
        answerer.name.branch = ask.from.branch;
        answerer.is_near(ask.from_address);
        answerer.fit(said.len(), None, place)?;
        is_reachable(answerer, &said)?;
        answerer.offered = None;
        answerer.described(&said, place.now);
        let offerer = self.leg(to).ok_or(ServiceError::Gone)?;
        if let Some(offered) = offerer.offered.take() {
            offerer.described(&offered, place.now);
        }
        for (stream, said) in offerer.streams.iter_mut().zip(&said) {
            stream.said.agree(said);
        }
        let sdp = offerer.write(sdp);
        self.join(from, to);
        Ok(Described { sdp })
    }

    /// The leg of this name, or a new one.
    pub(super) fn find_or_make(
        &mut self,
        name: Leg,
        near: Option<std::net::IpAddr>,
        place: &Place<'_>,
    ) -> Result<(u16, bool), ServiceError> {
        let exact = self.legs.iter().flatten().find(|leg| leg.name == name).map(|leg| leg.index);
        if let Some(index) = exact {
            if let Some(leg) = self.leg(index) {
                leg.is_near(near);
            }
            return Ok((index, false));
        }
        let free = self.legs.iter().position(Option::is_none);
        let index = free.unwrap_or(self.legs.len());
        if index >= place.terms.legs_max {
            return Err(overloaded());
        }
        // Each leg of a session shows a session id of its own.
        let id = self.id.wrapping_add(index as u64);
        let leg = LegState::new(name, index as u16, near, id, place.now);
        match self.legs.get_mut(index) {
            Some(room) => *room = Some(leg),
            None => self.legs.push(Some(leg)),
        }
        Ok((index as u16, true))
    }

    /// What was made for nothing goes.
    pub(super) fn forget(&mut self, index: u16, is_new: bool, place: &mut Place<'_>) {
        let leg = self.legs.get_mut(usize::from(index)).filter(|_| is_new).and_then(Option::take);
        if let Some(mut leg) = leg {
            leg.end(place);
        }
    }
}

/// Our ports of a leg speak one protocol; what it says must be reached by that.
fn is_reachable(leg: &LegState, said: &[Said]) -> Result<(), ServiceError> {
    let other =
        said.iter().filter_map(|said| said.rtp).find(|rtp| Some(Family::of(rtp.ip())) != leg.family());
    match other {
        Some(rtp) if leg.family().is_some() => Err(ServiceError::Refused(format!(
            "the media address {} is of another family than the one that was shown",
            rtp.ip()
        ))),
        _ => Ok(()),
    }
}
