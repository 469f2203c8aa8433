//! Slots: where calls are parked. Who dials the number that stands for the first free one hears which one that is, as
//! often as he likes, and keeps it until he transfers somebody there; who transfers there blindly is told by a text
//! message. The lamp of a slot shows whether somebody waits there (RFC 4235 §3.7.1).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::media::{Play, Repeat, Sound};
use sip::message::{Message, Method};

use super::application::Errand;
use super::asking::Why;
use super::refer_run::party_of;
use super::{CALLER, Call};
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::notifier::lamps;
use crate::core::request::{self, Request};
use crate::core::response_context::{Kind, ResponseContext};

/// Which slots are taken, and by a call of which shard: one table for all shards of a process, locked for the moment of a
/// look.
#[derive(Debug, Default)]
pub struct Parks(Mutex<HashMap<Box<str>, u16>>);

impl Parks {
    /// Takes a slot; `None` when it is taken.
    fn take(self: &Arc<Self>, slot: &str, after: Duration, shard: u16) -> Option<Place> {
        let mut all = self.lock();
        if all.contains_key(slot) {
            return None;
        }
        all.insert(slot.into(), shard);
        Some(Place { parks: Arc::clone(self), number: slot.into(), after, is_told: false })
    }

    /// The shard of the call that waits there.
    pub(crate) fn shard_of(&self, slot: &str) -> Option<u16> {
        self.lock().get(slot).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, u16>> {
        // Nothing in here panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that is taken as long as this is there.
#[derive(Debug)]
pub(crate) struct Place {
    parks: Arc<Parks>,
    /// What is dialled to take back who is parked there.
    pub number: Box<str>,
    /// How long until who parked him is rung.
    pub after: Duration,
    /// False while who parks him does not know the number.
    pub is_told: bool,
}

impl Place {
    /// Who takes it knows the number.
    fn told(mut self) -> Self {
        self.is_told = true;
        self
    }

    /// A call of that shard waits there.
    pub fn move_to(&self, shard: u16) {
        self.parks.lock().insert(self.number.clone(), shard);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.parks.lock().remove(&self.number);
    }
}

/// What a number says of slots.
pub(crate) enum Slot {
    /// One that is free.
    Free(Place),
    /// It is taken, or all are.
    Taken,
}

impl Means {
    /// Takes the slot that a number names, or the first free one; `None` for all other numbers.
    pub fn take_slot(&self, number: &str) -> Option<Slot> {
        let (routes, parked, shard) = (&self.settings.routes, &self.settings.parked, self.own_shard());
        if let Some(after) = routes.park(number) {
            let place = parked.take(number, after, shard);
            return Some(place.map_or(Slot::Taken, |place| Slot::Free(place.told())));
        }
        let mut all = (0..SLOTS_MAX).map_while(|place| routes.park_anywhere(number, place)).peekable();
        all.peek()?;
        let free = all.find_map(|(slot, after)| parked.take(&slot, after, shard));
        Some(free.map_or(Slot::Taken, Slot::Free))
    }
}

impl ResponseContext {
    /// True when an INVITE of a user asks for a free slot; it is dealt with then.
    pub fn asks_for_slot(&mut self, means: &mut Means, turn: &mut Turn<'_>) -> bool {
        if self.kind != Kind::Invite || self.server.is_none() || self.caller.is_none() {
            return false;
        }
        let octets = means.read_again(self.server);
        let message = Message::parse(&octets, &means.settings.limits).ok();
        let request = message.as_ref().and_then(|message| Request::read(message).ok());
        let request = request.filter(|request| !request.is_in_dialog());
        let number = request.map(|request| request::user_of(&request.uri).into_owned()).unwrap_or_default();
        means.reading = octets;
        if means.settings.routes.park_anywhere(&number, 0).is_none() {
            return false;
        }
        let Some(Slot::Free(place)) = means.take_slot(&number) else {
            self.answer_ourselves(means, turn, 486, Some("All Slots Are Taken"), &[]);
            return true;
        };
        if self.begin_call(means, turn)
            && let Some(call) = self.call
        {
            self.held = true;
            means.with_call(turn, call, |call, means, turn| {
                call.slot = Some(place.told());
                call.answer_for(means, turn, 0);
            });
        }
        true
    }
}

impl Call {
    /// The caller who asked for a slot is connected, and hears which one it is.
    pub fn announce_slot(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let Some(place) = &self.slot else { return };
        let language = means.settings.config.language.clone();
        let clips: Vec<String> = place.number.chars().map(|digit| format!("n{digit}")).collect();
        let mut sounds = vec![Sound::Silence(BEFORE)];
        sounds.extend(clips.iter().map(|name| Sound::Clip { language: &language, name }));
        sounds.push(Sound::Silence(BETWEEN));
        self.runs.begun += 1;
        let (call, leg, id) = (&*self.name, self.media_leg(CALLER), self.runs.begun);
        let play =
            Play { call, leg, id, sounds: &sounds, repeat: Repeat::Times(SAID_TIMES), stop_on_digit: false };
        if means.ask(turn, Waiter::Begun(self.id, id), Effect::Play(play)).is_err() {
            tracing::debug!(call, "too many questions: nobody hears of a slot");
        }
        self.runs.apology = Some((id, turn.now + KEPT));
    }

    /// The caller who asked for a slot cannot be answered, or has given up.
    pub fn give_up_slot(&mut self, means: &mut Means, refuses: bool) {
        if self.slot.take().is_none() {
            return;
        }
        if let Some(serial) = self.runs.answering.take() {
            self.finish_crossing(means, serial);
        }
        if refuses {
            means.errands.push_back(Errand::Refuse(self.context, 488));
        }
    }

    /// Tells who parks somebody where that is, when he does not know.
    pub fn tell_slot(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let (Some(transfer), Some(parked)) = (&self.transfer, &self.parked) else { return };
        let by = transfer.by;
        let takes_texts = self.leg(by).is_some_and(|leg| leg.allows_message);
        if parked.place.is_told || transfer.has_left || !takes_texts {
            return;
        }
        let whom = transfer.of.and_then(|of| self.leg(of));
        let remote = whom.and_then(|leg| leg.dialog.as_ref()).map_or(&b""[..], sip::dialog::Dialog::remote);
        let whom = party_of(whom.and_then(|leg| leg.user.as_deref()), remote);
        let whom = [whom.display_name, whom.number, whom.user].into_iter().find(|name| !name.is_empty());
        let text = format!("{}: {}", parked.place.number, whom.unwrap_or_default());
        let body = Some(("text/plain;charset=utf-8", text.as_bytes()));
        self.ask_leg(means, turn, by, Why::Notify, Method::Message, &[], body);
    }

    /// Somebody waits in the slot: its lamp is lit.
    pub fn light_slot(&self, means: &mut Means, turn: &mut Turn<'_>) {
        let (Some(parked), Some(leg)) = (&self.parked, self.leg(CALLER)) else { return };
        lamps::slot_taken(means, turn, &parked.place.number, leg);
    }

    /// Nobody waits in the slot any more.
    pub fn leave_slot(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if let Some(parked) = self.parked.take() {
            lamps::slot_left(means, turn, &parked.place.number);
        }
    }
}

/// Slots that are looked through for a free one.
const SLOTS_MAX: u64 = 10_000;
/// How often a slot is said.
const SAID_TIMES: u32 = 10;
/// How long it is kept for who hears of it.
const KEPT: Duration = Duration::from_secs(60);
/// Before the first word a phone opens its ears; between two times the slot can be written down.
const BEFORE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_secs(2);
