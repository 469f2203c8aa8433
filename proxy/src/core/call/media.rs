//! The questions of a call to the media server. A body is octets here: nobody in the proxy reads SDP.

use std::net::IpAddr;

use proto::media;
use proto::{ServiceError, Ticket};

use super::Call;
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::slots::Full;

/// What an SDP is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An offer (RFC 3264 §5).
    Offer,
    /// The answer to one (RFC 3264 §6).
    Answer,
}

/// An SDP on its way from one leg to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passing<'a> {
    pub role: Role,
    pub from: media::Leg,
    pub to: media::Leg,
    pub sdp: &'a [u8],
    pub from_address: Option<IpAddr>,
    pub to_address: Option<IpAddr>,
    /// True when it is told as it is.
    pub straight: bool,
}

/// What is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The SDP as it is.
    AsItIs,
    /// What the media server says.
    Asked(Ticket),
}

impl Call {
    /// Says what is to be sent on, or asks the media server.
    pub fn describe(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        who: Waiter,
        passing: Passing<'_>,
    ) -> Result<Shown, Full> {
        let Passing { role, from, to, sdp, from_address, to_address, straight } = passing;
        if straight {
            return Ok(Shown::AsItIs);
        }
        self.has_media = true;
        let call = &*self.name;
        let effect = match role {
            Role::Offer => Effect::Offer(media::Offer { call, from, to, sdp, from_address, to_address }),
            Role::Answer => Effect::Answer(media::Answer { call, from, to, sdp, from_address }),
        };
        means.ask(turn, who, effect).map(Shown::Asked)
    }

    /// The media of a leg, as it is known to the media server.
    pub fn media_leg(&self, number: u16) -> media::Leg {
        media::Leg::new(self.leg(number).map_or(u32::from(number), |leg| leg.media))
    }

    /// Where a leg's phone is, as its messages say.
    pub fn address_of(&self, number: u16) -> Option<IpAddr> {
        self.leg(number)?.reached.as_ref().map(|hop| hop.remote().ip())
    }

    /// Says that this call stands, though none of its phones is heard.
    pub fn affirm_media(&self, means: &mut Means, turn: &mut Turn<'_>) {
        let effect = Effect::Statistics(media::Release { call: &self.name, leg: None });
        if means.ask(turn, Waiter::Affirmed, effect).is_err() {
            tracing::warn!(call_id = %self.shown_call_id(), "too many questions: the media server may end a silent call");
        }
    }

    /// Ends the media of one leg, or of the whole call.
    pub fn release(&self, means: &mut Means, turn: &mut Turn<'_>, leg: Option<u16>) {
        if !self.has_media {
            return;
        }
        let effect =
            Effect::Release(media::Release { call: &self.name, leg: leg.map(|leg| self.media_leg(leg)) });
        if means.ask(turn, Waiter::Released, effect).is_err() {
            tracing::warn!(call_id = %self.shown_call_id(), "too many questions: the media server is not told of an end");
        }
    }
}

/// What ended, for the log.
pub(crate) fn note_released(answer: Result<media::Released, ServiceError>) {
    match answer {
        Ok(released) => {
            for leg in released.legs {
                tracing::debug!(?leg, "the media of a leg have ended");
            }
        }
        Err(error) => tracing::debug!(%error, "the media server does not say what ended"),
    }
}
