//! Offer and answer (RFC 3264) for streams that end at us: what we offer from a [`Profile`], what we answer, and what
//! both agreed on. Media that only passes through us is [`Edit::through`](super::Edit::through).

mod agreed;
mod author;
mod profile;
#[cfg(test)]
mod tests;
mod write;

pub use agreed::{Agreed, Digits, Payload, Remote};
pub use author::Author;
pub use profile::{Answering, Format, Preference, Profile};

use super::edit::Place;
use super::{Direction, Kind, Media, Sdp};

/// What we want of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Where we receive it; nowhere when it is rejected or ended.
    pub place: Option<Place>,
    /// Which way it may flow, seen by us: `SendOnly` puts the other on hold with music, `Inactive` without.
    pub direction: Direction,
}

impl Want {
    /// A stream that flows both ways.
    pub fn both(place: Place) -> Self {
        Self { place: Some(place), direction: Direction::SendRecv }
    }

    /// No stream, or its end (RFC 3264 §8.2).
    pub const NONE: Self = Self { place: None, direction: Direction::Inactive };
}

/// An offer is under way, ours or theirs: another one has to wait (RFC 3264 §4; 491 over SIP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an offer waits for its answer")]
pub struct Pending;

/// An answer that does not fit its offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Nobody asked.
    #[error("no offer waits for an answer")]
    NoOffer,
    /// RFC 3264 §6: an answer has as many streams as its offer.
    #[error("the offer has {offered} streams, the answer {answered}")]
    Streams {
        /// Streams of the offer.
        offered: usize,
        /// Streams of the answer.
        answered: usize,
    },
    /// A stream of another kind or transport than the offered one.
    #[error("stream {stream} is another one than was offered")]
    Kind {
        /// Its place, from 0.
        stream: usize,
    },
    /// A stream that is accepted with formats that were not offered, or with no address.
    #[error("stream {stream} has {lacks}")]
    Unusable {
        /// Its place, from 0.
        stream: usize,
        /// What it lacks.
        lacks: &'static str,
    },
}

/// What we answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The description.
    pub text: Vec<u8>,
    /// What was agreed of each stream of the offer; nothing for a rejected one.
    pub streams: Vec<Option<Agreed>>,
}

impl Answer {
    /// True when nothing of the offer is taken: then the offer is refused instead (488 over SIP).
    pub fn is_refusal(&self) -> bool {
        self.streams.iter().all(Option::is_none)
    }
}

/// One end of a session: its offers and answers over time. It keeps what RFC 3264 §8 wants kept: versions, the number of
/// streams, and which number means which codec.
#[derive(Debug, Clone)]
pub struct Negotiation {
    author: Author,
    profile: Profile,
    /// A number for each codec that was ever named in the session.
    numbers: Vec<(Format, u8)>,
    /// Each stream as its `m=` line was last written, by whoever wrote it.
    slots: Vec<Slot>,
    /// Our offer that waits for its answer.
    offer: Option<Offer>,
}

/// What a stream's line says when the stream is rejected or ended: the same as before, with port 0.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    kind: String,
    proto: String,
    formats: String,
}

impl Slot {
    fn of(media: &Media<'_, '_>) -> Self {
        let formats = media.formats().collect::<Vec<_>>().join(" ");
        Self { kind: media.kind().as_str().to_owned(), proto: media.proto().as_str().to_owned(), formats }
    }
}

#[derive(Debug, Clone)]
struct Offer {
    wants: Vec<Want>,
    /// The formats of each stream, with their numbers.
    formats: Vec<(Format, u8)>,
    /// What held before, and holds again when the offer is refused.
    slots_before: Vec<Slot>,
}

impl Negotiation {
    /// An end that has said nothing yet. `author` signs what it says.
    pub fn new(author: Author, profile: Profile) -> Self {
        Self { author, profile, numbers: Vec::new(), slots: Vec::new(), offer: None }
    }

    /// What we can do.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What we can do from the next offer or answer on.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// True while our offer waits for its answer.
    pub fn is_pending(&self) -> bool {
        self.offer.is_some()
    }

    /// An offer: the first one, a late one (in the answer to an INVITE without), or a new one (RFC 3264 §5, §8). A stream
    /// for each want, all of them audio; streams that were there before and are not wanted now are ended, since a
    /// stream's line never goes (RFC 3264 §8).
    pub fn offer(&mut self, wants: &[Want]) -> Result<Vec<u8>, Pending> {
        if self.offer.is_some() {
            return Err(Pending);
        }
        let formats = self.numbered();
        let slots_before = self.slots.clone();
        let mut wants = wants.to_vec();
        wants.resize(wants.len().max(self.slots.len()), Want::NONE);
        let numbers = formats.iter().map(|(_, number)| number.to_string()).collect::<Vec<_>>().join(" ");
        for (index, want) in wants.iter_mut().enumerate() {
            match self.slots.get_mut(index) {
                // A slot of another kind is not taken for audio while its stream may live on at the other end.
                Some(slot) if want.place.is_none() || slot.kind != "audio" => *want = Want::NONE,
                Some(slot) => slot.formats.clone_from(&numbers),
                None => self.slots.push(Slot {
                    kind: Kind::Audio.as_str().to_owned(),
                    proto: self.profile.proto().as_str().to_owned(),
                    formats: numbers.clone(),
                }),
            }
        }
        let streams: Vec<write::Stream<'_>> = wants
            .iter()
            .zip(&self.slots)
            .map(|(want, slot)| write::Stream {
                slot,
                want: *want,
                formats: &formats,
                has_rtcp_mux: self.profile.rtcp_mux,
                mid: None,
            })
            .collect();
        let text = write::description(&self.author, &self.profile, &streams, b"0 0");
        let text = self.author.sign(&text);
        self.offer = Some(Offer { wants, formats, slots_before });
        Ok(text)
    }

    /// The answer to our offer (RFC 3264 §7): what was agreed of each stream. A wrong answer leaves the session as it was
    /// before the offer.
    pub fn answered(&mut self, answer: &Sdp<'_>) -> Result<Vec<Option<Agreed>>, Mismatch> {
        let offer = self.offer.take().ok_or(Mismatch::NoOffer)?;
        let agreed = self.judge(&offer, answer);
        if agreed.is_err() {
            self.slots = offer.slots_before;
        }
        agreed
    }

    /// Our offer was refused: what held before holds on (RFC 3264 §8).
    pub fn refused(&mut self) {
        if let Some(offer) = self.offer.take() {
            self.slots = offer.slots_before;
        }
    }

    /// The answer to an offer (RFC 3264 §6): of each stream we take what our profile and `wants` allow. Streams beyond
    /// `wants`, and those that [`Profile::accepts`] not, are rejected.
    pub fn answer(&mut self, offer: &Sdp<'_>, wants: &[Want]) -> Result<Answer, Pending> {
        if self.offer.is_some() {
            return Err(Pending);
        }
        let want = |index: usize| wants.get(index).copied().unwrap_or(Want::NONE);
        let choices: Vec<Option<agreed::Choice>> = offer
            .media()
            .map(|media| {
                want(media.index()).place?;
                agreed::choose(&self.profile, &media)
            })
            .collect();
        self.slots = offer.media().map(|media| Slot::of(&media)).collect();
        let (mut agreed, mut streams) = (Vec::new(), Vec::new());
        for ((media, choice), slot) in offer.media().zip(&choices).zip(&self.slots) {
            let own = want(media.index());
            let wanted = own.direction.and(media.flow().reversed());
            let own = if choice.is_some() { Want { direction: wanted, ..own } } else { Want::NONE };
            let has_rtcp_mux = self.profile.rtcp_mux && media.has_rtcp_mux();
            let formats = choice.as_ref().map_or(&[][..], |choice| &choice.formats);
            streams.push(write::Stream { slot, want: own, formats, has_rtcp_mux, mid: media.mid() });
            agreed.push(choice.as_ref().map(|choice| {
                agreed::of(&self.profile, &media, &choice.formats, &choice.formats, wanted, has_rtcp_mux)
            }));
        }
        let times = offer.line(b't').unwrap_or(b"0 0");
        let text = write::description(&self.author, &self.profile, &streams, times);
        for choice in choices.iter().flatten() {
            remember(&mut self.numbers, &choice.formats);
        }
        let text = self.author.sign(&text);
        Ok(Answer { text, streams: agreed })
    }

    fn judge(&mut self, offer: &Offer, answer: &Sdp<'_>) -> Result<Vec<Option<Agreed>>, Mismatch> {
        let (offered, answered) = (offer.wants.len(), answer.media().len());
        if offered != answered {
            return Err(Mismatch::Streams { offered, answered });
        }
        let mut agreed = Vec::new();
        for ((media, want), slot) in answer.media().zip(&offer.wants).zip(&self.slots) {
            let stream = media.index();
            if media.is_rejected() || want.place.is_none() {
                agreed.push(None);
                continue;
            }
            if !media.kind().as_str().eq_ignore_ascii_case(&slot.kind)
                || !media.proto().as_str().eq_ignore_ascii_case(&slot.proto)
            {
                return Err(Mismatch::Kind { stream });
            }
            // RFC 3264 §7: the numbers of the answer are those that we send; its codecs were all offered.
            let theirs: Vec<(Format, u8)> = media
                .codecs()
                .map(|map| (Format::of(&map, media.fmtp(map.payload_type)), map.payload_type))
                .filter(|(format, _)| offer.formats.iter().any(|(own, _)| own.is_same_codec(format)))
                .collect();
            if !theirs.iter().any(|(format, _)| format.is_sound()) {
                return Err(Mismatch::Unusable { stream, lacks: "no format that was offered" });
            }
            if media.connection().is_none() {
                return Err(Mismatch::Unusable { stream, lacks: "no connection" });
            }
            let direction = want.direction.and(media.flow().reversed());
            let has_rtcp_mux = self.profile.rtcp_mux && media.has_rtcp_mux();
            let own = &offer.formats;
            agreed.push(Some(agreed::of(&self.profile, &media, &theirs, own, direction, has_rtcp_mux)));
        }
        remember(&mut self.numbers, &offer.formats);
        Ok(agreed)
    }

    /// Our formats with numbers: those that they had in this session (RFC 3264 §8.3.2), those that are theirs for good,
    /// those that the profile wishes, or free ones.
    fn numbered(&self) -> Vec<(Format, u8)> {
        let mut numbered: Vec<(Format, u8)> = Vec::new();
        for format in self.profile.offered() {
            let before = self.numbers.iter().find(|(known, _)| known.is_same_codec(&format));
            let number = before.map(|(_, number)| *number).or_else(|| format.static_number()).or_else(|| {
                let is_free = |number: &u8| {
                    let mut taken = self.numbers.iter().chain(&numbered);
                    !taken.any(|(_, known)| known == number)
                };
                let wished = format.payload_type.filter(is_free);
                wished.or_else(|| (96..128).chain(35..64).find(is_free))
            });
            // More codecs than numbers are more than anybody takes.
            if let Some(number) = number {
                numbered.push((format, number));
            }
        }
        numbered
    }
}

/// A number means one codec for the whole of a session; the last word counts when somebody breaks that.
fn remember(numbers: &mut Vec<(Format, u8)>, more: &[(Format, u8)]) {
    for (format, number) in more {
        numbers.retain(|(known, known_number)| known_number != number && !known.is_same_codec(format));
        numbers.push((format.clone(), *number));
    }
}
