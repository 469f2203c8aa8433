//! What somebody who is rung for a call says before he answers: the announcement of a network, its own ringing tone. A
//! caller who is sent on hears it in the place of ours; an application is told that there is something to be heard, and
//! joins it to its caller where it wants to.

use proto::ServiceError;
use proto::application::{Outcome, What};
use proto::media::{self, Described, Theirs};
use sip::message::Message;

use super::application_commands::{Going, GoingKind};
use super::application_legs::RingFor;
use super::{CALLER, Call, write};
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::slots::Full;

/// The leg of a ringing whose early media are heard: of the first that has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Early {
    /// None.
    #[default]
    None,
    /// The media server is asked to talk to it.
    Asked(u16),
    /// It does; the leg is joined with the other one.
    Heard(u16, Option<u16>),
}

impl Early {
    /// Which leg it is.
    pub fn leg(self) -> Option<u16> {
        match self {
            Self::None => None,
            Self::Asked(number) | Self::Heard(number, _) => Some(number),
        }
    }

    /// Whom it is joined with.
    pub fn joined(self) -> Option<u16> {
        if let Self::Heard(_, with) = self { with } else { None }
    }
}

impl Call {
    /// A leg that rings describes media before it answers.
    pub fn begin_early(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        number: u16,
        message: &Message<'_>,
    ) {
        let Some(sdp) = write::sdp(message) else { return };
        let Some(leg) = self.leg_mut(number) else { return };
        leg.early_answer = sdp.into();
        let is_first = |ring: &&super::application_legs::Ringing| {
            ring.serial == serial && ring.early == Early::None && ring.number.is_none()
        };
        let Some(ring) = self.runs.rings.iter().find(is_first) else { return };
        // A phone that transfers, or had parked, has its caller hear music until somebody answers.
        if matches!(ring.why, RingFor::Refer | RingFor::Parker) {
            return;
        }
        let who = Waiter::Joined(self.id, serial);
        let asked = self.attend(means, turn, number, Theirs::Answer(sdp), who);
        if let (Some(ring), Ok(ticket)) = (self.ring_mut(serial), asked) {
            (ring.early, ring.asked) = (Early::Asked(number), Some(ticket));
        }
    }

    /// True while nobody has answered that ringing.
    pub fn is_early(&mut self, serial: u16) -> bool {
        self.ring_mut(serial).is_some_and(|ring| ring.number.is_none())
    }

    /// The media server talks to a leg that rings, or cannot.
    pub fn on_heard(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        answer: Result<Described, ServiceError>,
    ) {
        let Some(ring) = self.ring_mut(serial) else { return };
        let Early::Asked(number) = ring.early else { return };
        ring.asked = None;
        let why = ring.why;
        if let Err(error) = answer {
            ring.early = Early::None;
            means.counters.service_errors += u64::from(!matches!(error, ServiceError::Refused(_)));
            tracing::debug!(call = &*self.name, %error, "early media of a leg that rings are not heard");
            return;
        }
        ring.early = Early::Heard(number, None);
        match why {
            RingFor::Dial { leg, id } => {
                self.tell(turn, What::Dialled { leg, id, outcome: Outcome::EarlyMedia });
            }
            RingFor::Transfer { .. } | RingFor::Rest => {
                self.stop(means, turn, CALLER, 0);
                if self.join_early(means, turn, 0, number, Some(CALLER)).is_err() {
                    tracing::debug!(call = &*self.name, "too many questions: early media are silent");
                }
            }
            RingFor::Refer | RingFor::Parker => {}
        }
    }

    /// Lets a leg that rings be heard, or no longer; it is nobody's peer before it answers.
    fn join_early(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        id: u32,
        number: u16,
        with: Option<u16>,
    ) -> Result<(), Full> {
        self.runs.begun += 1;
        let begun = self.runs.begun;
        let (leg, other) = (self.media_leg(number), with.map(|with| self.media_leg(with)));
        let bridge = media::Bridge { call: &self.name, leg, with: other };
        means.ask(turn, Waiter::Begun(self.id, begun), Effect::Bridge(bridge))?;
        for ring in self.runs.rings.iter_mut().filter(|ring| ring.early.leg() == Some(number)) {
            ring.early = Early::Heard(number, with);
        }
        if let Some(run) = self.runs.run.as_mut().filter(|_| id > 0) {
            run.going.push(Going { begun, id, leg: 0, number, kind: GoingKind::Join });
        }
        Ok(())
    }

    /// An application joins a leg that rings with its caller, or parts it; false when none of these legs rings.
    pub fn bridges_early(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        id: u32,
        leg: u32,
        with: Option<u32>,
    ) -> bool {
        let of = |call: &Self, leg: u32| {
            let of_leg = |why: RingFor| matches!(why, RingFor::Dial { leg: known, .. } if known == leg);
            call.runs.rings.iter().find(|ring| of_leg(ring.why)).map(|ring| ring.early)
        };
        let (early, other) = match (of(self, leg), with) {
            (Some(early), with) => (early, with),
            (None, Some(with)) => match of(self, with) {
                Some(early) => (early, Some(leg)),
                None => return false,
            },
            (None, None) => return false,
        };
        let Early::Heard(number, _) = early else {
            self.refuse_command(
                turn,
                id,
                "nothing is heard of a leg that rings, unless its outcome was EARLY_MEDIA",
            );
            return true;
        };
        let is_heard = self.runs.described.is_some() || !self.is_unanswered();
        let joined = match other {
            Some(0) if is_heard => self.join_early(means, turn, id, number, Some(CALLER)),
            None => self.join_early(means, turn, id, number, None),
            Some(_) => {
                let why =
                    "a leg that rings can be joined with a caller who was answered or has heard something";
                self.refuse_command(turn, id, why);
                return true;
            }
        };
        if joined.is_err() {
            self.refuse_command(turn, id, "too many questions");
        }
        true
    }

    /// A leg that rang will not answer: somebody else's early media may be heard.
    pub fn on_ring_leg_failed(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, number: u16) {
        let of_leg = |ring: &&mut super::application_legs::Ringing| ring.early.leg() == Some(number);
        let Some(ring) = self.ring_mut(serial).filter(of_leg) else { return };
        let (early, why) = (std::mem::take(&mut ring.early), ring.why);
        if let Some(ticket) = ring.asked.take() {
            means.questions.close(ticket);
        }
        if early.joined() == Some(CALLER) && matches!(why, RingFor::Transfer { .. } | RingFor::Rest) {
            // Others may ring still.
            let parted = media::Bridge { call: &self.name, leg: self.media_leg(CALLER), with: None };
            let _ = means.ask(turn, Waiter::Begun(self.id, 0), Effect::Bridge(parted));
            self.play_ringback(means, turn);
        }
    }
}
