//! Conducted calls whose media go from phone to phone, since nobody needs the media server yet: what one phone says of
//! its session is told to the other as it is. Which legs do is decided when they are rung; once the media server has
//! spoken to a phone of the call it stays between them.

use proto::ServiceError;
use sip::message::Message;
use sip::transport::NextHop;

use super::crossing::Kind;
use super::{CALLER, Call, hold, write};
use crate::config::Anchor;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::response_context::{Branch, ResponseContext};

/// How far the media of a call may go from phone to phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Straight {
    /// Not at all, or no longer.
    No,
    /// Where the two phones can reach each other, as far as we know.
    Fitting,
    /// Always: the administrator says so.
    Strictly,
}

impl ResponseContext {
    /// How it is at the beginning.
    pub fn how_straight(&self, means: &Means) -> Straight {
        match self.plan.anchor.or(means.settings.config.anchor) {
            Some(Anchor::Always) => Straight::No,
            Some(Anchor::Never) => Straight::Strictly,
            Some(Anchor::Nat) | None if self.behind_nat => Straight::No,
            Some(Anchor::Nat) | None => Straight::Fitting,
        }
    }
}

impl Call {
    /// Whether the media of a branch that is about to be rung go straight. Who is no user of ours may have something to
    /// say before he answers (RFC 3960): that is heard through the media server alone, since the caller cannot be told
    /// of a session that another phone may still take from him.
    pub fn may_go_straight(&self, branch: &Branch, hop: &NextHop) -> bool {
        let Some(caller) = self.leg(CALLER).filter(|leg| leg.said.is_empty()) else { return false };
        match self.straight {
            Straight::No => false,
            Straight::Strictly => true,
            Straight::Fitting => {
                let is_v4 = |hop: &NextHop| hop.remote().is_ipv4();
                let target = &branch.target;
                let speaks_alike = caller.reached.as_ref().map(is_v4) == Some(is_v4(hop));
                target.user.is_some() && !target.behind_nat && speaks_alike
            }
        }
    }

    /// Whether what is said between these two goes from one to the other as it is.
    pub fn goes_straight(&self, from: u16, to: u16) -> bool {
        let other = if from == CALLER { to } else { from };
        self.straight != Straight::No && self.leg(other).is_some_and(|leg| leg.straight)
    }

    /// Somebody has answered. True when he was offered the caller's own session, and the caller was told of one of the
    /// media server meanwhile.
    pub fn settle(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) -> bool {
        let is_told = self.leg(CALLER).is_some_and(|leg| !leg.said.is_empty());
        let is_straight = self.leg(number).is_some_and(|leg| leg.straight);
        if is_told || !is_straight {
            self.straight = Straight::No;
            return is_told && is_straight;
        }
        if self.straight == Straight::No {
            self.straight = Straight::Fitting;
        }
        // What others were offered.
        self.release(means, turn, None);
        self.has_media = false;
        false
    }

    /// The media server comes between two phones, one of which is about to put the other on hold, so that the other
    /// hears music. Gives what the call goes back to when it cannot. It has no part in media that it does not understand.
    pub fn let_music_in(&mut self, means: &Means, from: u16, to: u16, sdp: &[u8]) -> Option<Straight> {
        let wanted = self.goes_straight(from, to) && hold::is_hold(sdp) && is_plain(sdp);
        if !wanted || self.music_for(&means.settings, to) == Some("") {
            return None;
        }
        Some(std::mem::replace(&mut self.straight, Straight::No))
    }

    /// The media server does not take part in a hold: it is one without music. False for anything else.
    pub fn goes_on_straight(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        error: &ServiceError,
    ) -> bool {
        let Some(crossing) = self.crossing(serial) else { return false };
        let Some(before) = crossing.fallback.take() else { return false };
        crossing.straight = true;
        let server = crossing.server;
        self.straight = before;
        tracing::warn!(call_id = %self.shown_call_id(), %error, "a hold is silent: the media server does not play");
        let kept = means.read_again(Some(server));
        let sdp = Message::parse(&kept, &means.settings.limits).ok().and_then(|message| write::sdp(&message));
        let sdp = sdp.map(<[u8]>::to_vec);
        means.reading = kept;
        self.send_across(means, turn, serial, sdp.as_deref());
        true
    }

    /// Connects who answers what he was not offered by the media server with a caller who hears that: the caller keeps
    /// what he was told, and the other one is offered it.
    pub fn connect_anew(&mut self, means: &mut Means, turn: &mut Turn<'_>, peer: u16, message: &Message<'_>) {
        let told = self.leg(CALLER).map(|leg| leg.said.clone()).unwrap_or_default();
        let number = self.reliable.invite;
        let serial = self.open_crossing(CALLER, peer, self.server, number, Kind::Invite, true);
        if let Some(crossing) = self.crossing(serial) {
            crossing.own_number = message.cseq().map_or(1, |cseq| cseq.number);
        }
        self.acknowledge_leg(means, turn, serial, None);
        self.say_success(means, turn, serial, message, Some(&told));
        self.renew(means, turn, peer);
    }
}

/// True when the media server can speak to both: no stream is encrypted between the phones (RFC 3711, RFC 5763).
fn is_plain(sdp: &[u8]) -> bool {
    let lines = sdp.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii);
    let mut streams = lines.filter(|line| line.starts_with(b"m="));
    streams.all(|line| line.split(|octet| *octet == b' ').nth(2) == Some(b"RTP/AVP"))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_is_encrypted_between_two_phones_is_not_for_the_media_server() {
        for (sdp, expected) in [
            ("v=0\r\nm=audio 9 RTP/AVP 0 101\r\na=sendonly\r\n", true),
            ("v=0\r\nm=audio 9 RTP/SAVP 0\r\n", false),
            ("v=0\r\nm=audio 9 RTP/AVP 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", false),
            ("v=0\r\nm=audio 9\r\n", false),
        ] {
            assert_eq!(is_plain(sdp.as_bytes()), expected, "{sdp}");
        }
    }
}
