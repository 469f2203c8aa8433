//! What both ends agreed on of one stream.

use std::net::SocketAddr;

use super::profile::{Answering, Format, Preference, Profile};
use crate::sdp::{Address, Direction, Media};

/// A stream that both ends want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where its packets go.
    pub remote: Remote,
    /// Which way media flows, seen by us: `sends()` says whether we may send.
    pub direction: Direction,
    /// What we send, with the number that the other end gave it.
    pub send: Payload,
    /// What we may get, with our numbers; digits are among it.
    pub receive: Vec<Payload>,
    /// Digits by RFC 4733, when both can do them with the clock of the codec.
    pub digits: Option<Digits>,
    /// RTP and RTCP share a port.
    pub has_rtcp_mux: bool,
    /// Milliseconds of sound in each packet that we send.
    pub ptime: u32,
}

impl Agreed {
    /// True when the other end put us on hold: it does not want our sound.
    pub fn is_held(&self) -> bool {
        !self.direction.sends()
    }
}

/// Where packets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// To an address.
    Address {
        /// RTP.
        rtp: SocketAddr,
        /// RTCP.
        rtcp: SocketAddr,
    },
    /// To a host that somebody has to look up.
    Host {
        /// Its name.
        name: String,
        /// Port of RTP.
        rtp: u16,
        /// Port of RTCP.
        rtcp: u16,
    },
    /// Nowhere: the address is `0.0.0.0`, an old phone's hold (RFC 3264 §8.4).
    Nowhere,
}

/// A codec and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What packets carry, 0 to 127.
    pub payload_type: u8,
    /// The codec, with the parameters that the other end gave.
    pub format: Format,
}

/// The numbers of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// What we send.
    pub send: u8,
    /// What we get.
    pub receive: u8,
    /// Their clock rate in Hz.
    pub rate: u32,
}

/// What an answer takes of an offered stream.
#[derive(Debug)]
pub(super) struct Choice {
    /// In the order of the answer, with the numbers of the offer (RFC 3264 §6.1).
    pub formats: Vec<(Format, u8)>,
}

/// What our profile takes of a stream; nothing when it is rejected.
pub(super) fn choose(profile: &Profile, media: &Media<'_, '_>) -> Option<Choice> {
    if !profile.accepts(media) {
        return None;
    }
    let mut sounds: Vec<(usize, Format, u8)> = Vec::new();
    for map in media.codecs() {
        let place = profile.formats.iter().position(|format| format.map(0).is_same_codec(&map));
        if let Some(place) = place
            && profile.formats[place].is_sound()
            && !sounds.iter().any(|(known, ..)| *known == place)
        {
            sounds.push((place, profile.formats[place].clone(), map.payload_type));
        }
    }
    if profile.preference == Preference::Ours {
        sounds.sort_by_key(|(place, ..)| *place);
    }
    if profile.answering == Answering::One {
        sounds.truncate(1);
    }
    let mut formats: Vec<(Format, u8)> =
        sounds.into_iter().map(|(_, format, number)| (format, number)).collect();
    if profile.has_digits {
        // RFC 4733 §2.1: the clock of digits is that of the sound beside them.
        let mut rates: Vec<u32> = formats.iter().map(|(format, _)| format.rate).collect();
        rates.sort_unstable();
        rates.dedup();
        let digits = rates
            .into_iter()
            .filter_map(|rate| Some((Format::telephone_event(rate), media.telephone_event(rate)?)));
        formats.extend(digits.collect::<Vec<_>>());
    }
    Some(Choice { formats })
}

/// What was agreed, when `theirs` are the formats that the other end takes, best first, and `ours` those that we take.
pub(super) fn of(
    profile: &Profile,
    media: &Media<'_, '_>,
    theirs: &[(Format, u8)],
    ours: &[(Format, u8)],
    direction: Direction,
    has_rtcp_mux: bool,
) -> Agreed {
    let payload = |(format, number): &(Format, u8)| Payload { payload_type: *number, format: format.clone() };
    let sound = theirs.iter().find(|(format, _)| format.is_sound());
    let mut send = payload(sound.expect("a stream is taken for a sound that both can do"));
    send.format.fmtp = media.fmtp(send.payload_type).map(|fmtp| fmtp.to_owned().into());
    let number = |formats: &[(Format, u8)]| {
        let mut digits = formats.iter().filter(|(format, _)| format.is_digits());
        digits.find(|(format, _)| format.rate == send.format.rate).map(|(_, number)| *number)
    };
    let digits = number(theirs).zip(number(ours));
    let digits = digits.map(|(theirs, ours)| Digits { send: theirs, receive: ours, rate: send.format.rate });
    // RFC 3264 §7: what the other end does not take it may not send either, but some do for a while.
    let receive = ours.iter().map(payload).collect();
    let (remote, ptime) = (remote(media, has_rtcp_mux), packet_time(profile, media));
    Agreed { remote, direction, send, receive, digits, has_rtcp_mux, ptime }
}

fn remote(media: &Media<'_, '_>, has_rtcp_mux: bool) -> Remote {
    let Some((address, rtp)) = media.destination() else { return Remote::Nowhere };
    let apart = media.rtcp().map(|rtcp| (rtcp.address.unwrap_or(address), rtcp.port));
    let next = (address, rtp.saturating_add(1));
    let (rtcp_address, rtcp) = if has_rtcp_mux { (address, rtp) } else { apart.unwrap_or(next) };
    match address {
        Address::Ip(ip) if ip.is_unspecified() => Remote::Nowhere,
        Address::Ip(ip) => {
            let rtcp_ip = rtcp_address.ip().unwrap_or(ip);
            Remote::Address { rtp: SocketAddr::new(ip, rtp), rtcp: SocketAddr::new(rtcp_ip, rtcp) }
        }
        Address::Name(name) => Remote::Host { name: name.to_owned(), rtp, rtcp },
    }
}

/// How long our packets are: as the other end would like (RFC 3264 §5.1, §6.1: ptime is what its writer wants to get),
/// in tens of milliseconds, and never beyond what it takes.
fn packet_time(profile: &Profile, media: &Media<'_, '_>) -> u32 {
    let wish = media.ptime().unwrap_or(profile.ptime);
    let most = media.maxptime().unwrap_or(PTIME_MAX).min(PTIME_MAX);
    let time = wish.min(most);
    (time - time % PTIME_STEP).max(PTIME_STEP)
}

/// Longer packets delay more than a conversation bears, in ms.
const PTIME_MAX: u32 = 120;
/// Packets are cut in these steps, in ms.
const PTIME_STEP: u32 = 10;
