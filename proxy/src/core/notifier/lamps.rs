//! What a request that is forwarded means for lamps: its branches ring, are answered or give up, and later requests of
//! the dialog pass. Proxied and conducted calls alike, since both are set up by a response context.

use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use sip::header::{NameAddr, SessionExpires};
use sip::message::{Message, Method, Name};
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use super::watched::{Lamp, Party, Side, Told};
use crate::core::call::leg::Leg;
use crate::core::call::{CALLER, Call};
use crate::core::effect::{Change, Turn};
use crate::core::means::Means;
use crate::core::request::{self, Request};
use crate::core::response_context::{Branch, Kind, ResponseContext};
use crate::core::settings::Settings;

/// Whose lamps a request under way has lit.
#[derive(Debug, Default)]
pub(crate) struct Lit {
    call: u64,
    users: SmallVec<[(Arc<str>, Side); 2]>,
}

impl ResponseContext {
    /// A branch was sent, rings, or was answered; `response` says which tag its phone has.
    pub fn light(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        lamp: Lamp,
        response: Option<&Message<'_>>,
    ) {
        if self.kind != Kind::Invite || !means.settings.watched.is_on() {
            return;
        }
        let settings = Arc::clone(&means.settings);
        let parties = self.parties(means, turn, place, lamp, response);
        for (user, party) in parties {
            let lit = self.lit.get_or_insert_default();
            lit.call = party.call;
            if !lit.users.iter().any(|(lit, side)| *lit == user && *side == party.side) {
                lit.users.push((Arc::clone(&user), party.side));
            }
            match settings.watched.note(&user, party, settings.config.notifier.calls_max, turn.now) {
                Ok(true) => turn.out.changed(Change::Calls(user)),
                Ok(false) => {}
                Err(_) => means.counters.lamps_left_out += 1,
            }
        }
    }

    /// A branch was refused, or given up: the lamp of its user goes out, unless another phone of his still rings.
    pub fn unlight(&mut self, means: &Means, turn: &mut Turn<'_>, place: usize) {
        let (Some(lit), Some(branch)) = (&self.lit, self.branches.get(place)) else { return };
        let Some(user) = &branch.target.user else { return };
        let rings = |other: &Branch| {
            other.is_pending()
                && !other.abandoned
                && other.target.user.as_ref().map(|user| &user.name) == Some(&user.name)
        };
        if !self.branches.iter().any(rings) {
            let user: Arc<str> = user.name.as_str().into();
            if means.settings.watched.left(&user, lit.call, Side::Recipient) {
                turn.out.changed(Change::Calls(user));
            }
        }
    }

    /// The request is over: the lamps of all who have not answered go out.
    pub fn unlight_all(&mut self, means: &Means, turn: &mut Turn<'_>) {
        let Some(lit) = self.lit.take() else { return };
        // Who is connected to somebody else meanwhile is not ours to put out.
        let answered = self.answered.is_some_and(|status| status < 300);
        for (user, side) in lit.users {
            let stays = side == Side::Initiator && (answered || self.ring.is_some());
            if !stays && means.settings.watched.left(&user, lit.call, side) {
                turn.out.changed(Change::Calls(user));
            }
        }
    }

    fn parties(
        &self,
        means: &Means,
        turn: &Turn<'_>,
        place: usize,
        lamp: Lamp,
        response: Option<&Message<'_>>,
    ) -> SmallVec<[(Arc<str>, Party); 2]> {
        let mut parties = SmallVec::new();
        let Some(message) = self.request(means) else { return parties };
        let (Ok(from), Ok(to)) = (message.from(), message.to()) else { return parties };
        if to.tag().is_some_and(|tag| !tag.is_empty()) {
            return parties;
        }
        let settings = &means.settings;
        let call = call_of(settings, message.call_id());
        let lasts = self.lasts(settings, response);
        let remote_tag = response.and_then(|response| response.to().ok()).and_then(|to| to.tag());
        let (from_tag, remote_tag) = (from.tag().unwrap_or_default(), remote_tag.unwrap_or_default());
        let target = &self.branches[place].target;
        let conducted = self.call.and_then(|call| means.calls.get(call));
        let party = |side, call_id: &[u8], tags: [&[u8]; 2], remote: &[u8], remote_name: String| Party {
            call,
            side,
            lamp,
            call_id: text(call_id),
            local_tag: text(tags[0]),
            remote_tag: text(tags[1]),
            remote: bare(remote),
            remote_name: remote_name.into(),
            lasts,
            until: turn.now + lasts,
        };
        if let Some(caller) = self.caller.as_ref().filter(|_| self.ring.is_none()) {
            let ours = conducted.and_then(|call| call.leg(CALLER)).map(|leg| leg.tag.as_bytes());
            let tags = [from_tag, ours.unwrap_or(remote_tag)];
            let name = target.user.as_ref().map(|user| user.display_name.clone()).unwrap_or_default();
            let party = party(Side::Initiator, message.call_id(), tags, to.address, name);
            parties.push((caller.name.as_str().into(), party));
        }
        if let Some(callee) = &target.user {
            let leg = conducted.and_then(|call| call.leg(self.branches[place].leg));
            let call_id = leg.map_or(message.call_id(), |leg| &leg.call_id);
            let tags = [remote_tag, leg.map_or(from_tag, |leg| leg.tag.as_bytes())];
            let name = from.display.map(|name| request::lossy(name.unescape()).into_owned());
            let party = party(Side::Recipient, call_id, tags, from.address, name.unwrap_or_default());
            parties.push((callee.name.as_str().into(), party));
        }
        parties
    }

    /// How long a call may go on without a sign of life: as long as its session timer says (RFC 4028 §10), else as the
    /// configuration does. A conducted one ends where we see it.
    fn lasts(&self, settings: &Settings, response: Option<&Message<'_>>) -> Duration {
        if self.call.is_some() {
            return CONDUCTED;
        }
        let timer = response.and_then(|response| response.first(Name::SessionExpires));
        let timer = timer.and_then(|value| SessionExpires::parse(value).ok());
        timer.map_or(*settings.config.notifier.call_max, |timer| {
            Duration::from_secs(u64::from(timer.seconds)) + GRACE
        })
    }
}

/// A request of an established dialog passes: BYE puts its lamps out, others show that it goes on.
pub(crate) fn pass(means: &Means, turn: &mut Turn<'_>, request: &Request<'_>) {
    if !means.settings.watched.is_on() {
        return;
    }
    let call = call_of(&means.settings, request.call_id);
    match request.method {
        Method::Bye => tell(turn, means.settings.watched.ended(call)),
        Method::Invite | Method::Update => means.settings.watched.lives(call, turn.now),
        _ => {}
    }
}

impl Call {
    /// Somebody has come into the call who was not rung for it, or under another name.
    pub fn light_leg(&self, means: &mut Means, turn: &mut Turn<'_>, number: u16) {
        let Some(leg) = self.leg(number).filter(|_| means.settings.watched.is_on()) else { return };
        let other = self.partner(number).and_then(|other| self.leg(other)?.dialog.as_ref());
        let remote = other.map(|dialog| named(dialog.remote())).unwrap_or_default();
        let Some(user) = &leg.user else { return };
        note_leg(means, turn, user.name.as_str().into(), self.name.as_bytes(), leg, remote, Side::Recipient);
    }

    /// An application has answered the caller, or who picked the call up has.
    pub fn light_caller(&self, means: &mut Means, turn: &mut Turn<'_>) {
        let Some(leg) = self.leg(CALLER).filter(|_| means.settings.watched.is_on()) else { return };
        let (Some(user), Some(dialog)) = (&leg.user, &leg.dialog) else { return };
        let dialled = named(dialog.local());
        let user = user.name.as_str().into();
        note_leg(means, turn, user, &self.opened_by, leg, dialled, Side::Initiator);
    }

    /// A leg is gone: the lamp of its user goes out, unless he has another one here.
    pub fn unlight_leg(&self, means: &Means, turn: &mut Turn<'_>, number: u16) {
        if !means.settings.watched.is_on() {
            return;
        }
        let Some(user) = self.leg(number).and_then(|leg| leg.user.as_ref()) else { return };
        let is_his = |leg: &Leg| leg.user.as_ref().is_some_and(|other| other.name == user.name);
        let mut legs = self.legs.iter().zip(0..);
        if legs.any(|(leg, place)| place != number && leg.dialog.is_some() && is_his(leg)) {
            return;
        }
        let user: Arc<str> = user.name.as_str().into();
        for name in [&self.opened_by[..], self.name.as_bytes()] {
            if means.settings.watched.gone(&user, call_of(&means.settings, name)) {
                turn.out.changed(Change::Calls(Arc::clone(&user)));
            }
        }
    }
}

/// Somebody is parked in a slot.
pub(crate) fn slot_taken(means: &mut Means, turn: &mut Turn<'_>, slot: &str, leg: &Leg) {
    if means.settings.watched.is_on() {
        let remote = leg.dialog.as_ref().map(|dialog| named(dialog.remote())).unwrap_or_default();
        let user = watched_slot(slot);
        let name = user.clone();
        note_leg(means, turn, user, name.as_bytes(), leg, remote, Side::Recipient);
    }
}

/// Nobody is any more.
pub(crate) fn slot_left(means: &Means, turn: &mut Turn<'_>, slot: &str) {
    ended(means, turn, watched_slot(slot).as_bytes());
}

/// The name of a slot among those of users: none of them holds a space.
pub(super) fn watched_slot(slot: &str) -> Arc<str> {
    format!("slot {slot}").into()
}

/// A leg that talks: its dialog is what Replaces would name.
fn note_leg(
    means: &mut Means,
    turn: &mut Turn<'_>,
    user: Arc<str>,
    name: &[u8],
    leg: &Leg,
    (remote, remote_name): (Box<str>, Box<str>),
    side: Side,
) {
    let settings = Arc::clone(&means.settings);
    let remote_tag = leg.dialog.as_ref().map(|dialog| text(&dialog.id().remote_tag));
    let party = Party {
        call: call_of(&settings, name),
        side,
        lamp: Lamp::Confirmed,
        call_id: text(&leg.call_id),
        local_tag: remote_tag.unwrap_or_default(),
        remote_tag: leg.tag.clone(),
        remote,
        remote_name,
        lasts: CONDUCTED,
        until: turn.now + CONDUCTED,
    };
    match settings.watched.note(&user, party, settings.config.notifier.calls_max, turn.now) {
        Ok(true) => turn.out.changed(Change::Calls(user)),
        Ok(false) => {}
        Err(_) => means.counters.lamps_left_out += 1,
    }
}

/// A conducted call is over.
pub(crate) fn ended(means: &Means, turn: &mut Turn<'_>, call_id: &[u8]) {
    if means.settings.watched.is_on() {
        tell(turn, means.settings.watched.ended(call_of(&means.settings, call_id)));
    }
}

fn tell(turn: &mut Turn<'_>, users: Told) {
    for user in users {
        turn.out.changed(Change::Calls(user));
    }
}

/// A name of a call that nobody outside can aim at.
pub(super) fn call_of(settings: &Settings, call_id: &[u8]) -> u64 {
    let [left, right] = settings.loop_key;
    let mut hasher = SipHasher13::new_with_keys(left, right);
    hasher.write(b"call");
    hasher.write(call_id);
    hasher.finish()
}

fn text(octets: &[u8]) -> Box<str> {
    String::from_utf8_lossy(octets).into()
}

/// The URI of a party, and what phones show for it.
fn named(party: &[u8]) -> (Box<str>, Box<str>) {
    let Ok(party) = NameAddr::parse(Name::From, party) else { return Default::default() };
    let shown = party.display.map(|name| request::lossy(name.unescape()).into_owned());
    (bare(party.address), shown.unwrap_or_default().into())
}

/// A URI without its parameters and headers.
fn bare(uri: &[u8]) -> Box<str> {
    text(uri.split(|octet| matches!(octet, b';' | b'?')).next().unwrap_or_default())
}

/// RFC 4028 §10: how much later than its time a session is over.
const GRACE: Duration = Duration::from_secs(32);
/// The longest that a conducted call may be.
const CONDUCTED: Duration = Duration::from_secs(7 * 24 * 3600);
