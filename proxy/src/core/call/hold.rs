//! Music on hold: when one of two that talk puts the other on hold (RFC 3264 §8.4), the media server plays to that one
//! until it is taken back.

use std::time::Duration;

use proto::media::{self, Repeat, Sound, Tone};
use sip::message::Message;
use sip::transaction::TransactionId;

use super::{CALLER, Call, write};
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::settings::Settings;

impl Call {
    /// Whether an INVITE or UPDATE, not answered yet, puts the other on hold; `None` where it holds no offer.
    pub fn wants_hold(means: &Means, server: TransactionId) -> Option<bool> {
        let kept = means.endpoint.kept_request(server)?;
        let request = Message::parse(kept, &means.settings.limits).ok()?;
        write::sdp(&request).map(is_hold)
    }

    /// What a leg on hold hears: the file of who holds it, of the route, or of all; empty for nothing.
    pub fn music_for<'a>(&self, settings: &'a Settings, number: u16) -> Option<&'a str> {
        let parked_by = self.parked.as_ref().map(|parked| &*parked.by).filter(|_| number == CALLER);
        let holder = self.partner(number).and_then(|other| Some(&*self.leg(other)?.user.as_ref()?.name));
        let own = settings.routes.music(self.rule.as_deref(), parked_by.or(holder));
        own.or(settings.config.music_on_hold.as_deref())
    }

    /// A leg was put on hold, or is heard again.
    pub fn set_hold(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16, on: bool) {
        let Some(leg) = self.leg_mut(number) else { return };
        if std::mem::replace(&mut leg.music, on) == on {
            return;
        }
        if !on {
            return self.stop(means, turn, number, 0);
        }
        self.runs.begun += 1;
        let settings = std::sync::Arc::clone(&means.settings);
        let sound = match self.music_for(&settings, number) {
            Some("") => return,
            Some(file) => Sound::File(file),
            None => Sound::Tone(ON_HOLD),
        };
        let (call, leg, id) = (&*self.name, self.media_leg(number), self.runs.begun);
        let play =
            media::Play { call, leg, id, sounds: &[sound], repeat: Repeat::Forever, stop_on_digit: false };
        if means.ask(turn, Waiter::Begun(self.id, 0), Effect::Play(play)).is_err() {
            tracing::debug!(call = &*self.name, "too many questions: a hold is silent");
        }
    }
}

/// True when who offers this does not want to hear the other: `sendonly`, `inactive`, or an address of nowhere, as
/// RFC 2543 had it. The first sound counts, since who turns a camera off talks on; the session says it for streams that
/// say nothing (RFC 8866 §6.7).
pub(crate) fn is_hold(sdp: &[u8]) -> bool {
    let (mut session, mut sound) = (None, None);
    let (mut nowhere, mut nowhere_of_sound) = (false, None);
    let (mut is_session, mut is_sound, mut sounds) = (true, false, 0);
    for line in sdp.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii) {
        if line.starts_with(b"m=") {
            is_sound = line.starts_with(b"m=audio") && sounds == 0;
            sounds += u32::from(is_sound);
            is_session = false;
        }
        let direction = match line {
            b"a=sendonly" | b"a=inactive" => Some(true),
            b"a=sendrecv" | b"a=recvonly" => Some(false),
            _ => None,
        };
        let address = line.starts_with(b"c=").then_some(line == b"c=IN IP4 0.0.0.0");
        if is_session {
            session = direction.or(session);
            nowhere |= address == Some(true);
        } else if is_sound {
            sound = direction.or(sound);
            nowhere_of_sound = address.or(nowhere_of_sound);
        }
    }
    sound.or(session) == Some(true) || nowhere_of_sound.unwrap_or(nowhere)
}

/// What is heard where no file is named: a soft sign every few seconds that the call is there.
const ON_HOLD: Tone =
    Tone { hz: [425, 0], on: Duration::from_millis(200), off: Duration::from_millis(4800), times: 0 };

#[cfg(test)]
mod tests {
    use super::is_hold;

    #[test]
    fn a_hold_is_told_by_direction_or_by_an_address_of_nowhere() {
        for (sdp, expected) in [
            ("v=0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n", true),
            ("v=0\na=inactive\n", true),
            ("c=IN IP4 0.0.0.0\r\n", true),
            ("c=IN IP4 10.0.0.1\r\na=sendrecv\r\n", false),
            ("a=recvonly\r\n", false),
            ("v=0\r\nm=audio 9 RTP/AVP 0\r\na=sendrecv\r\nm=video 9 RTP/AVP 96\r\na=inactive\r\n", false),
            ("v=0\r\na=sendonly\r\nm=audio 9 RTP/AVP 0\r\n", true),
            ("v=0\r\na=sendonly\r\nm=audio 9 RTP/AVP 0\r\na=sendrecv\r\n", false),
            ("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 10.0.0.1\r\n", false),
        ] {
            assert_eq!(is_hold(sdp.as_bytes()), expected, "{sdp}");
        }
    }
}
