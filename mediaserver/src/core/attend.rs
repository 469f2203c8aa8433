//! Legs that we talk to ourselves: what we answer and offer, and what is begun and ended on them.

use proto::ServiceError;
use proto::media::{Attend, Bridge, Described, Leg, Theirs};
use rtp::rewriter::Rewriter;
use rtp::sdp::edit;
use rtp::sdp::offer_answer::{Author, Format, Negotiation, Profile, Want};
use rtp::sdp::{Kind, Limits, Sdp};

use super::Place;
use super::leg::{LegState, Said};
use super::session::Session;

impl Session {
    /// We are the other end of a leg; see [`proto::Media::attend`].
    pub fn attend(&mut self, place: &mut Place<'_>, ask: &Attend<'_>) -> Result<Described, ServiceError> {
        let (index, is_new) = self.find_or_make(ask.leg, ask.address, place)?;
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let sdp = match ask.theirs {
            Theirs::Offer(sdp) => answer(leg, sdp, place),
            Theirs::Nothing => offer(leg, place),
            Theirs::Answer(sdp) => answered(leg, sdp, place).map(|()| Vec::new()),
        };
        match sdp {
            Ok(sdp) => {
                self.part(index);
                Ok(Described { sdp })
            }
            Err(why) => {
                self.forget(index, is_new, place);
                Err(why)
            }
        }
    }

    /// Joins or parts legs; see [`proto::Media::bridge`].
    pub fn bridge(&mut self, ask: &Bridge<'_>) -> Result<(), ServiceError> {
        let leg = self.find_known(ask.leg)?;
        let with = ask.with.map(|with| self.find_known(with)).transpose()?;
        match with {
            Some(with) if with == leg => Err(ServiceError::Refused("a leg cannot hear itself".to_owned())),
            Some(with) => {
                // Whoever hears another source from now on hears it as the same stream.
                for index in [leg, with] {
                    if let Some(leg) = self.leg(index) {
                        leg.own_numbers();
                    }
                }
                self.join(leg, with);
                Ok(())
            }
            None => {
                self.part(leg);
                Ok(())
            }
        }
    }

    /// The leg of this name, which has to be there.
    pub(super) fn find_known(&self, name: Leg) -> Result<u16, ServiceError> {
        let missing = || ServiceError::Refused(format!("no leg {} in this call", name.number));
        self.find(name).ok_or_else(missing)
    }
}

impl LegState {
    /// What goes out to it has numbers of ours from now on, whoever it comes from.
    pub fn own_numbers(&mut self) {
        let seed = self.seed();
        let streams = self.streams.iter_mut().filter(|stream| !stream.said.is_secure);
        for (number, stream) in streams.enumerate().filter(|(_, stream)| stream.rewriter.is_none()) {
            let chance = mix(seed.wrapping_add(number as u64));
            let rewriter = Rewriter::new(
                chance as u32,
                stream.said.clock_hz,
                (chance >> 32) as u16,
                (chance >> 24) as u32,
            );
            stream.rewriter = Some(Box::new(rewriter));
        }
    }
}

/// Scatters the bits of a number (SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Our end of a leg: what we can play and hear. Its `o=` line is written by the leg's own author.
fn negotiation(leg: &LegState, profile: Profile) -> Negotiation {
    let address = leg.streams.first().map_or([0, 0, 0, 0].into(), |stream| stream.ports.shown.ip());
    Negotiation::new(Author::new(0, address), profile)
}

/// What we take beside what we offer: four times the octets of G.711 for a phone that wants that.
fn taken() -> Profile {
    let mut profile = Profile::default();
    profile.formats.extend([Format::L16_WIDE, Format::L16]);
    profile
}

fn answer(leg: &mut LegState, offer: &[u8], place: &mut Place<'_>) -> Result<Vec<u8>, ServiceError> {
    let sdp = read(offer, &place.terms.sdp)?;
    let audio = sdp.media().find(|media| media.kind() == Kind::Audio && !media.is_rejected());
    let audio =
        audio.ok_or_else(|| ServiceError::Refused("nothing that can be heard is offered".to_owned()))?;
    let said = Said::all(&sdp);
    leg.fit(audio.index() + 1, Said::family(&said), place)?;
    let wants: Vec<Want> = leg
        .streams
        .iter()
        .enumerate()
        .map(|(index, stream)| {
            if index == audio.index() {
                Want::both(edit::Place::pair(stream.ports.shown))
            } else {
                Want::NONE
            }
        })
        .collect();
    let answer = negotiation(leg, taken())
        .answer(&sdp, &wants)
        .map_err(|why| ServiceError::Refused(why.to_string()))?;
    if answer.is_refusal() {
        return Err(ServiceError::Refused(
            "no codec that both know; here those are G722, PCMA, PCMU and L16 of 8000 and 16000 Hz"
                .to_owned(),
        ));
    }
    leg.asked = None;
    leg.described(&said, place.now);
    leg.own_numbers();
    Ok(leg.sign(&answer.text))
}

fn offer(leg: &mut LegState, place: &mut Place<'_>) -> Result<Vec<u8>, ServiceError> {
    leg.fit(1, None, place)?;
    let mut negotiation = negotiation(leg, Profile::default());
    let wants: Vec<Want> =
        leg.streams.iter().take(1).map(|stream| Want::both(edit::Place::pair(stream.ports.shown))).collect();
    let text = negotiation.offer(&wants).map_err(|why| ServiceError::Refused(why.to_string()))?;
    leg.asked = Some(Box::new(negotiation));
    Ok(leg.sign(&text))
}

fn answered(leg: &mut LegState, answer: &[u8], place: &mut Place<'_>) -> Result<(), ServiceError> {
    let sdp = read(answer, &place.terms.sdp)?;
    let nothing = || ServiceError::Refused("nothing was offered to this leg".to_owned());
    // The offer stands until there is another: who is heard before he answers may answer from elsewhere.
    let mut asked = leg.asked.clone().ok_or_else(nothing)?;
    asked.answered(&sdp).map_err(|why| ServiceError::Refused(why.to_string()))?;
    leg.described(&Said::all(&sdp), place.now);
    leg.own_numbers();
    Ok(())
}

fn read<'a>(octets: &'a [u8], limits: &Limits) -> Result<Sdp<'a>, ServiceError> {
    Sdp::parse(octets, limits).map_err(|why| ServiceError::Refused(format!("SDP: {why}")))
}
