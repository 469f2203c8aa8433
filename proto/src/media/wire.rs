//! Between the plain types and the messages of `media.proto`.

mod events;

use std::net::IpAddr;
use std::time::Duration;

pub(super) use events::{event, wired};

use crate::asked::ServiceError;
use crate::media::{
    Answer, Attend, Bridge, Collect, Described, Leg, LegStatistics, Load, Offer, Play, Press, Record,
    Release, Released, Repeat, Sound, Stop, Theirs, Tone,
};
use crate::serve;
use crate::wire::media::v1;
use v1::answer::Answer as Kind;

impl serve::Answer for v1::Answer {
    type Kind = Kind;

    fn new(id: u64, answer: Result<Kind, ServiceError>) -> Self {
        let answer = answer.unwrap_or_else(|error| Kind::Failure(error.into()));
        v1::Answer { id, answer: Some(answer) }
    }
}

impl From<Described> for Kind {
    fn from(described: Described) -> Self {
        Kind::Described(v1::Described { sdp: described.sdp })
    }
}

impl From<()> for Kind {
    fn from((): ()) -> Self {
        Kind::Done(v1::Done {})
    }
}

impl From<Leg> for v1::Leg {
    fn from(leg: Leg) -> Self {
        v1::Leg { number: leg.number, branch: leg.branch }
    }
}

impl From<v1::Leg> for Leg {
    fn from(wire: v1::Leg) -> Self {
        Leg { number: wire.number, branch: wire.branch }
    }
}

/// An absent leg is leg 0: proto3 does not tell them apart.
fn leg(wire: Option<v1::Leg>) -> Leg {
    wire.unwrap_or_default().into()
}

fn octets(address: Option<IpAddr>) -> Vec<u8> {
    match address {
        None => Vec::new(),
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().to_vec(),
    }
}

fn address(octets: &[u8]) -> Result<Option<IpAddr>, ServiceError> {
    match octets.len() {
        0 => Ok(None),
        4 => Ok(<[u8; 4]>::try_from(octets).ok().map(IpAddr::from)),
        16 => Ok(<[u8; 16]>::try_from(octets).ok().map(IpAddr::from)),
        other => Err(ServiceError::Protocol(format!("an address of {other} octets"))),
    }
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn from_ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

impl From<&Offer<'_>> for v1::Offer {
    fn from(ask: &Offer<'_>) -> Self {
        v1::Offer {
            call: ask.call.to_owned(),
            from: Some(ask.from.into()),
            to: Some(ask.to.into()),
            sdp: ask.sdp.to_vec(),
            from_address: octets(ask.from_address),
            to_address: octets(ask.to_address),
        }
    }
}

impl<'a> TryFrom<&'a v1::Offer> for Offer<'a> {
    type Error = ServiceError;

    fn try_from(wire: &'a v1::Offer) -> Result<Self, ServiceError> {
        Ok(Offer {
            call: &wire.call,
            from: leg(wire.from),
            to: leg(wire.to),
            sdp: &wire.sdp,
            from_address: address(&wire.from_address)?,
            to_address: address(&wire.to_address)?,
        })
    }
}

impl From<&Answer<'_>> for v1::DescribedBy {
    fn from(ask: &Answer<'_>) -> Self {
        v1::DescribedBy {
            call: ask.call.to_owned(),
            from: Some(ask.from.into()),
            to: Some(ask.to.into()),
            sdp: ask.sdp.to_vec(),
            from_address: octets(ask.from_address),
        }
    }
}

impl<'a> TryFrom<&'a v1::DescribedBy> for Answer<'a> {
    type Error = ServiceError;

    fn try_from(wire: &'a v1::DescribedBy) -> Result<Self, ServiceError> {
        Ok(Answer {
            call: &wire.call,
            from: leg(wire.from),
            to: leg(wire.to),
            sdp: &wire.sdp,
            from_address: address(&wire.from_address)?,
        })
    }
}

impl From<&Attend<'_>> for v1::Attend {
    fn from(ask: &Attend<'_>) -> Self {
        let theirs = match ask.theirs {
            Theirs::Offer(sdp) => Some(v1::attend::Theirs::Offer(sdp.to_vec())),
            Theirs::Answer(sdp) => Some(v1::attend::Theirs::Answer(sdp.to_vec())),
            Theirs::Nothing => None,
        };
        v1::Attend {
            call: ask.call.to_owned(),
            leg: Some(ask.leg.into()),
            theirs,
            address: octets(ask.address),
        }
    }
}

impl<'a> TryFrom<&'a v1::Attend> for Attend<'a> {
    type Error = ServiceError;

    fn try_from(wire: &'a v1::Attend) -> Result<Self, ServiceError> {
        let theirs = match &wire.theirs {
            Some(v1::attend::Theirs::Offer(sdp)) => Theirs::Offer(sdp),
            Some(v1::attend::Theirs::Answer(sdp)) => Theirs::Answer(sdp),
            None => Theirs::Nothing,
        };
        Ok(Attend { call: &wire.call, leg: leg(wire.leg), theirs, address: address(&wire.address)? })
    }
}

impl From<&Bridge<'_>> for v1::Bridge {
    fn from(ask: &Bridge<'_>) -> Self {
        v1::Bridge { call: ask.call.to_owned(), leg: Some(ask.leg.into()), with: ask.with.map(Into::into) }
    }
}

impl<'a> From<&'a v1::Bridge> for Bridge<'a> {
    fn from(wire: &'a v1::Bridge) -> Self {
        Bridge { call: &wire.call, leg: leg(wire.leg), with: wire.with.map(Into::into) }
    }
}

impl From<&Play<'_>> for v1::Play {
    fn from(ask: &Play<'_>) -> Self {
        let times = match ask.repeat {
            Repeat::Times(times) => times.max(1),
            Repeat::Forever => 0,
        };
        v1::Play {
            call: ask.call.to_owned(),
            leg: Some(ask.leg.into()),
            id: ask.id,
            sounds: ask.sounds.iter().map(Into::into).collect(),
            times,
            stop_on_digit: ask.stop_on_digit,
        }
    }
}

/// Without its sounds, which `sounds` reads.
impl<'a> From<&'a v1::Play> for Play<'a> {
    fn from(wire: &'a v1::Play) -> Self {
        let repeat = if wire.times == 0 { Repeat::Forever } else { Repeat::Times(wire.times) };
        Play {
            call: &wire.call,
            leg: leg(wire.leg),
            id: wire.id,
            sounds: &[],
            repeat,
            stop_on_digit: wire.stop_on_digit,
        }
    }
}

/// What is to be played.
pub(super) fn sounds(wire: &v1::Play) -> Result<Vec<Sound<'_>>, ServiceError> {
    fn sound(wire: &v1::Sound) -> Result<Sound<'_>, ServiceError> {
        match *wire {
            v1::Sound { sound: Some(v1::sound::Sound::File(ref file)) } => Ok(Sound::File(file.as_str())),
            v1::Sound { sound: Some(v1::sound::Sound::Tone(tone)) } => Ok(Sound::Tone(Tone {
                hz: [tone.hz, tone.second_hz].map(|hz| u16::try_from(hz).unwrap_or(u16::MAX)),
                on: from_ms(tone.on_ms),
                off: from_ms(tone.off_ms),
                times: tone.times,
            })),
            v1::Sound { sound: Some(v1::sound::Sound::SilenceMs(ms)) } => Ok(Sound::Silence(from_ms(ms))),
            v1::Sound { sound: Some(v1::sound::Sound::Clip(ref clip)) } => {
                Ok(Sound::Clip { language: &clip.language, name: &clip.name })
            }
            v1::Sound { sound: None } => {
                Err(ServiceError::Protocol("a sound that we do not know".to_owned()))
            }
        }
    }
    wire.sounds.iter().map(sound).collect()
}

impl From<&Sound<'_>> for v1::Sound {
    fn from(sound: &Sound<'_>) -> Self {
        let sound = match *sound {
            Sound::File(file) => v1::sound::Sound::File(file.to_owned()),
            Sound::Clip { language, name } => {
                v1::sound::Sound::Clip(v1::Clip { language: language.to_owned(), name: name.to_owned() })
            }
            Sound::Tone(tone) => v1::sound::Sound::Tone(v1::Tone {
                hz: tone.hz[0].into(),
                second_hz: tone.hz[1].into(),
                on_ms: ms(tone.on),
                off_ms: ms(tone.off),
                times: tone.times,
            }),
            Sound::Silence(duration) => v1::sound::Sound::SilenceMs(ms(duration)),
        };
        v1::Sound { sound: Some(sound) }
    }
}

impl From<&Record<'_>> for v1::Record {
    fn from(ask: &Record<'_>) -> Self {
        v1::Record {
            call: ask.call.to_owned(),
            leg: Some(ask.leg.into()),
            id: ask.id,
            to: ask.to.to_owned(),
            max_ms: ms(ask.max),
            silence_ms: ask.silence.map(ms).unwrap_or_default(),
            stop_digits: ask.stop_digits.to_owned(),
            both_sides: ask.both_sides,
            beep: ask.beep,
        }
    }
}

impl<'a> From<&'a v1::Record> for Record<'a> {
    fn from(wire: &'a v1::Record) -> Self {
        Record {
            call: &wire.call,
            leg: leg(wire.leg),
            id: wire.id,
            to: &wire.to,
            max: from_ms(wire.max_ms),
            silence: (wire.silence_ms > 0).then(|| from_ms(wire.silence_ms)),
            stop_digits: &wire.stop_digits,
            both_sides: wire.both_sides,
            beep: wire.beep,
        }
    }
}

impl From<&Collect<'_>> for v1::Collect {
    fn from(ask: &Collect<'_>) -> Self {
        v1::Collect {
            call: ask.call.to_owned(),
            leg: Some(ask.leg.into()),
            id: ask.id,
            digits_max: ask.digits_max.into(),
            first_ms: ms(ask.first),
            between_ms: ms(ask.between),
            end_digits: ask.end_digits.to_owned(),
        }
    }
}

impl<'a> From<&'a v1::Collect> for Collect<'a> {
    fn from(wire: &'a v1::Collect) -> Self {
        Collect {
            call: &wire.call,
            leg: leg(wire.leg),
            id: wire.id,
            digits_max: u8::try_from(wire.digits_max).unwrap_or(u8::MAX),
            first: from_ms(wire.first_ms),
            between: from_ms(wire.between_ms),
            end_digits: &wire.end_digits,
        }
    }
}

impl From<&Stop<'_>> for v1::Stop {
    fn from(ask: &Stop<'_>) -> Self {
        v1::Stop { call: ask.call.to_owned(), leg: Some(ask.leg.into()), id: ask.id }
    }
}

impl<'a> From<&'a v1::Stop> for Stop<'a> {
    fn from(wire: &'a v1::Stop) -> Self {
        Stop { call: &wire.call, leg: leg(wire.leg), id: wire.id }
    }
}

impl From<&Press<'_>> for v1::Press {
    fn from(ask: &Press<'_>) -> Self {
        v1::Press { call: ask.call.to_owned(), leg: Some(ask.leg.into()), digit: ask.digit.to_string() }
    }
}

impl<'a> From<&'a v1::Press> for Press<'a> {
    fn from(wire: &'a v1::Press) -> Self {
        // What is no digit is refused as one that no phone has.
        let digit = wire.digit.chars().next().unwrap_or(' ');
        Press { call: &wire.call, leg: leg(wire.leg), digit }
    }
}

impl From<&Release<'_>> for v1::Release {
    fn from(ask: &Release<'_>) -> Self {
        v1::Release { call: ask.call.to_owned(), leg: ask.leg.map(Into::into) }
    }
}

impl<'a> From<&'a v1::Release> for Release<'a> {
    fn from(wire: &'a v1::Release) -> Self {
        Release { call: &wire.call, leg: wire.leg.map(Into::into) }
    }
}

impl From<Released> for Kind {
    fn from(released: Released) -> Self {
        let legs = released.legs.iter().map(|of| v1::LegStatistics {
            leg: Some(of.leg.into()),
            received: of.received,
            received_octets: of.received_octets,
            sent: of.sent,
            sent_octets: of.sent_octets,
            lost: of.lost,
            jitter_us: of.jitter_us,
            round_trip_us: of.round_trip_us,
            strays: of.strays,
            mos_100: of.mos_100.map(Into::into),
            one_way_ms: of.one_way_ms,
            quiet_ms: of.quiet_ms,
            lasted_ms: of.lasted_ms,
        });
        Kind::Released(v1::Released { legs: legs.collect() })
    }
}

impl From<v1::Released> for Released {
    fn from(wire: v1::Released) -> Self {
        let legs = wire.legs.into_iter().map(|of| LegStatistics {
            leg: leg(of.leg),
            received: of.received,
            received_octets: of.received_octets,
            sent: of.sent,
            sent_octets: of.sent_octets,
            lost: of.lost,
            jitter_us: of.jitter_us,
            round_trip_us: of.round_trip_us,
            strays: of.strays,
            mos_100: of.mos_100.map(|mos| u16::try_from(mos).unwrap_or(u16::MAX)),
            one_way_ms: of.one_way_ms,
            quiet_ms: of.quiet_ms,
            lasted_ms: of.lasted_ms,
        });
        Released { legs: legs.collect() }
    }
}

impl From<Load> for Kind {
    fn from(load: Load) -> Self {
        let Load { sessions, sessions_max, ports_free, is_draining } = load;
        Kind::Load(v1::Load { sessions, sessions_max, ports_free, is_draining })
    }
}

impl From<v1::Load> for Load {
    fn from(wire: v1::Load) -> Self {
        let v1::Load { sessions, sessions_max, ports_free, is_draining } = wire;
        Load { sessions, sessions_max, ports_free, is_draining }
    }
}
