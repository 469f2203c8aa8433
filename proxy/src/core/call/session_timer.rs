//! Session timers (RFC 4028), for each leg by itself: how long a session lasts without a sign of the phone, and which
//! side gives one. Where we do, by UPDATE, or by re-INVITE where the phone knows no UPDATE. A leg whose phone says
//! nothing in time is ended.

use std::time::{Duration, Instant};

use sip::header::{MinSe, Refresher, SessionExpires};
use sip::message::{Message, Method, Name};
use sip::transaction::TransactionId;

use super::asking::{Asking, Why};
use super::leg::Leg;
use super::{CALLER, Call};
use crate::config::ProxyConfig;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::response_context::{BranchState, Hop, ResponseContext};
use crate::core::text::Text;

/// The timer of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    /// How long the session lasts.
    pub seconds: u32,
    /// True when we refresh it.
    pub ours: bool,
    /// When our next refresh is due.
    refresh: Option<Instant>,
    /// When it has lasted too long (§10: a little before its end).
    end: Instant,
}

impl SessionTimer {
    fn new(seconds: u32, ours: bool, now: Instant) -> Self {
        let whole = Duration::from_secs(u64::from(seconds));
        let early = (whole / 3).min(Duration::from_secs(32));
        Self { seconds, ours, refresh: ours.then(|| now + whole / 2), end: now + whole.saturating_sub(early) }
    }

    /// The nearest of its moments.
    pub fn deadline(&self) -> Instant {
        self.refresh.map_or(self.end, |refresh| refresh.min(self.end))
    }
}

impl ProxyConfig {
    /// Seconds after which a session ends that nobody refreshes, unless a phone says otherwise.
    fn session_seconds(&self) -> u32 {
        u32::try_from(self.session_expires.as_secs()).unwrap_or(u32::MAX).max(self.session_seconds_min())
    }

    /// Seconds below which no phone may want it; §4 has 90 as the least.
    pub fn session_seconds_min(&self) -> u32 {
        u32::try_from(self.session_expires_min.as_secs()).unwrap_or(u32::MAX).max(90)
    }
}

/// True when the sender of a request does session timers.
fn supports(message: &Message<'_>) -> bool {
    let timer = |tag: &[u8]| tag.eq_ignore_ascii_case(b"timer");
    message.elements(Name::Supported).any(timer) || message.elements(Name::Require).any(timer)
}

fn session_expires<'a>(message: &Message<'a>) -> Option<SessionExpires<'a>> {
    SessionExpires::parse(message.first(Name::SessionExpires)?).ok()
}

fn min_se(message: &Message<'_>) -> Option<u32> {
    MinSe::parse(message.first(Name::MinSe)?).ok().map(|min| min.0)
}

/// §8.1: what Min-SE a request is refused with whose session would be too short.
pub(crate) fn too_short(config: &ProxyConfig, message: &Message<'_>) -> Option<u32> {
    let min = config.session_seconds_min();
    (supports(message) && session_expires(message)?.seconds < min).then_some(min)
}

/// What an INVITE of ours says of sessions (§7.1); `min` is what an earlier one was refused with.
pub(crate) fn asked(config: &ProxyConfig, min: u32) -> (Option<Text>, Option<Text>) {
    if config.session_expires.is_zero() {
        return (None, None);
    }
    let least = min.max(config.session_seconds_min());
    let expires = Text::of(format_args!("{}", config.session_seconds().max(least)));
    (Some(expires), (least > 90).then(|| Text::of(format_args!("{least}"))))
}

impl Leg {
    /// What its phone says of itself and of the session, in a 2xx to a request of ours (§7.2).
    pub fn learn_from_answer(&mut self, message: &Message<'_>, now: Instant) {
        self.learn_methods(message);
        self.timer = session_expires(message).map(|expires| {
            let ours = expires.refresher != Some(Refresher::Uas);
            SessionTimer::new(expires.seconds.max(SECONDS_MIN), ours, now)
        });
    }

    /// Which methods its phone knows.
    pub fn learn_methods(&mut self, message: &Message<'_>) {
        if message.count(Name::Allow) > 0 {
            self.allows_update = message.elements(Name::Allow).any(|method| method == b"UPDATE");
            self.allows_message = message.elements(Name::Allow).any(|method| method == b"MESSAGE");
        }
    }

    /// What a later request of ours says of the session (§7.4): the sides stay as they are.
    pub fn session_line(&self) -> Option<Text> {
        let timer = self.timer?;
        let side = if timer.ours { Refresher::Uac } else { Refresher::Uas };
        Some(Text::of(format_args!("{};refresher={}", timer.seconds, side.as_str())))
    }
}

impl Call {
    /// The session of a leg whose INVITE or UPDATE is answered 2xx (§9): what the answer says of it.
    pub fn agree_session(
        &mut self,
        means: &Means,
        now: Instant,
        number: u16,
        server: TransactionId,
    ) -> Option<Text> {
        let kept = means.endpoint.kept_request(server)?;
        let request = Message::parse(kept, &means.settings.limits).ok()?;
        let config = &means.settings.config;
        let leg = self.leg_mut(number)?;
        leg.learn_methods(&request);
        let asked = session_expires(&request);
        if !supports(&request) || (asked.is_none() && config.session_expires.is_zero()) {
            leg.timer = None;
            return None;
        }
        let least = min_se(&request).unwrap_or(0).max(config.session_seconds_min());
        let wanted = asked.map_or(u32::MAX, |asked| asked.seconds);
        let own = if config.session_expires.is_zero() { u32::MAX } else { config.session_seconds() };
        let seconds = wanted.min(own).max(least);
        // Without a word of the phone, the phone refreshes: one timer less here.
        let side = asked.and_then(|asked| asked.refresher).unwrap_or(Refresher::Uac);
        leg.timer = Some(SessionTimer::new(seconds, side == Refresher::Uas, now));
        Some(Text::of(format_args!("{seconds};refresher={}", side.as_str())))
    }

    /// The nearest moment of a session.
    pub fn session_deadline(&self) -> Option<Instant> {
        let timers = self.legs.iter().filter(|leg| leg.dialog.is_some()).filter_map(|leg| leg.timer);
        timers.map(|timer| timer.deadline()).min()
    }

    /// One of them may have come.
    pub fn on_session_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        for number in 0..self.legs.len() as u16 {
            let Some(leg) = self.leg(number).filter(|leg| leg.dialog.is_some()) else { continue };
            let Some(timer) = leg.timer else { continue };
            if timer.end <= turn.now {
                means.counters.sessions_expired += 1;
                return self.expire(means, turn, number);
            }
            if timer.refresh.is_some_and(|at| at <= turn.now) {
                self.refresh(means, turn, number);
            }
        }
    }

    /// §10: a session that was not refreshed is ended by BYE.
    pub fn expire(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        let is_one_of_two = number == CALLER || self.peer == Some(number);
        if is_one_of_two {
            return self.end(means, turn, None, Some(EXPIRED));
        }
        self.say_bye(means, turn, number, Some(EXPIRED));
        if !self.leg_has_left(means, turn, number) {
            self.end(means, turn, None, Some(EXPIRED));
        }
    }

    fn refresh(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        let busy =
            self.asks_for_session() || self.crossings.iter().any(super::crossing::Crossing::changes_session);
        let Some(leg) = self.leg_mut(number) else { return };
        let by_update = leg.allows_update || leg.said.is_empty();
        if busy && !by_update {
            return self.refresh_later(turn, number, POSTPONED);
        }
        let said = leg.said.clone();
        let Some(line) = leg.session_line() else { return };
        if let Some(timer) = &mut leg.timer {
            timer.refresh = None;
        }
        let lines = [("Supported", &b"replaces, timer"[..]), ("Session-Expires", line.as_bytes())];
        let (method, body) = if by_update {
            (Method::Update, None)
        } else {
            (Method::Invite, Some(("application/sdp", &said[..])))
        };
        self.ask_leg(means, turn, number, Why::Refresh, method, &lines, body);
    }

    /// RFC 3261 §14.1: how long a re-INVITE waits that has met one of the phone's own. Who made the Call-ID waits longer.
    pub fn after_glare(&self, number: u16) -> Duration {
        if self.leg(number).is_some_and(|leg| leg.is_ours) { LONG } else { SHORT }
    }

    fn refresh_later(&mut self, turn: &Turn<'_>, number: u16, after: Duration) {
        if let Some(timer) = self.leg_mut(number).and_then(|leg| leg.timer.as_mut()) {
            timer.refresh = Some(turn.now + after);
        }
    }

    /// The phone has answered our refresh.
    pub fn on_refreshed(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        asking: &Asking,
        status: u16,
        message: &Message<'_>,
    ) {
        let number = asking.number;
        let Some(leg) = self.leg_mut(number) else { return };
        match status {
            200..=299 => {
                let _ = leg.dialog.as_mut().map(|dialog| dialog.refresh_target(message));
                let before = leg.timer;
                leg.learn_from_answer(message, turn.now);
                // Who says nothing of the session leaves it to us (§7.2).
                if let (None, Some(before)) = (leg.timer, before) {
                    leg.timer = Some(SessionTimer::new(before.seconds, true, turn.now));
                }
            }
            408 | 481 => self.expire(means, turn, number),
            // §7.3: what it calls too short is asked for longer.
            422 => {
                let least = min_se(message).unwrap_or(0);
                if let Some(timer) = &mut leg.timer {
                    timer.seconds = timer.seconds.max(least);
                }
                self.refresh_later(turn, number, Duration::ZERO);
            }
            405 | 501 if !asking.is_invite => {
                leg.allows_update = false;
                if !leg.said.is_empty() {
                    self.refresh_later(turn, number, Duration::ZERO);
                }
            }
            // RFC 3261 §14.1: the one that made the Call-ID waits longer.
            491 => self.refresh_later(turn, number, self.after_glare(number)),
            _ => self.refresh_later(turn, number, POSTPONED),
        }
    }
}

/// A request that only refreshes its own leg is answered here.
pub(crate) fn is_refresh(message: &Message<'_>) -> bool {
    message.method() == Some(Method::Update)
        && message.count(Name::SessionExpires) > 0
        && message.body().is_empty()
}

impl ResponseContext {
    /// §7.3: a phone that finds the session of its INVITE too short is asked once more, for a longer one. False when
    /// it says nothing that could be followed.
    pub fn ask_for_longer(&mut self, means: &mut Means, place: usize, message: &Message<'_>) -> bool {
        let (Some(call), Some(least)) = (self.call, min_se(message)) else { return false };
        let branch = &mut self.branches[place];
        let hop = branch.transaction.and_then(|own| means.endpoint.next_hop(own).cloned());
        let Some((leg, hop)) = means.calls.leg_mut(call, branch.leg).zip(hop) else { return false };
        if least <= leg.session_min || leg.invite >= INVITES_MAX {
            return false;
        }
        leg.session_min = least;
        leg.invite += 1;
        branch.hops.push(Hop { to: hop, flexible: false, by_name: false });
        branch.state = BranchState::Resolving;
        branch.transaction = None;
        true
    }
}

/// How often one phone is asked with the same Call-ID.
const INVITES_MAX: u32 = 3;
/// A phone may not make us refresh without end.
const SECONDS_MIN: u32 = 90;
const POSTPONED: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3);
/// RFC 3326: why a call ends whose phone says nothing.
const EXPIRED: &[u8] = b"SIP;cause=408;text=\"Session Expired\"";
