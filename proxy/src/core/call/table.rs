//! The table of conducted calls: by slot, and by the tags that we gave their legs.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use sip::header::Replaces;
use sip::wheel::Wheel;

use super::Call;
use super::leg::Leg;
use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::request::Request;
use crate::core::slots::{Full, Slot, Slots};

/// All conducted calls of a shard.
pub(crate) struct Calls {
    /// `None` while its call is being worked on.
    slots: Slots<Option<Box<Call>>>,
    /// Our tag of each leg; and the names of the calls, with no leg's number.
    by_tag: HashMap<Box<[u8]>, (Slot, u16)>,
    wheel: Wheel,
    /// What a panic has left: told to nobody yet.
    pub lost: Vec<Call>,
}

impl Calls {
    /// A table for at most `max` calls.
    pub fn new(max: usize, now: Instant) -> Self {
        Self { slots: Slots::new(max), by_tag: HashMap::new(), wheel: Wheel::new(now, 0), lost: Vec::new() }
    }

    /// Adds a call whose caller's tag is not there yet.
    pub fn insert(&mut self, call: Call) -> Result<Slot, Full> {
        let (name, tag) = (call.name.as_bytes().into(), Box::from(call.legs[0].tag.as_bytes()));
        let slot = self.slots.insert(Some(Box::new(call)))?;
        if let Some(Some(call)) = self.slots.get_mut(slot) {
            call.id = slot;
        }
        self.by_tag.insert(name, (slot, NO_LEG));
        self.by_tag.insert(tag, (slot, super::CALLER));
        Ok(slot)
    }

    /// Notes the tag of a new leg.
    pub fn add_tag(&mut self, tag: &str, slot: Slot, leg: u16) {
        self.by_tag.insert(tag.as_bytes().into(), (slot, leg));
    }

    /// Nobody asks for this tag any more.
    pub fn remove_tag(&mut self, tag: &str) {
        self.by_tag.remove(tag.as_bytes());
    }

    /// The leg that a request belongs to: all of the dialog's name must fit (RFC 3261 §12.2.2).
    pub fn find(&self, request: &Request<'_>) -> Option<(Slot, u16)> {
        if self.by_tag.is_empty() {
            return None;
        }
        let (slot, number) = *self.by_tag.get(request.to_tag)?;
        let leg = self.slots.get(slot)?.as_ref()?.leg(number)?;
        // One that only waits for what was recorded has no dialogs any more.
        if self.slots.get(slot)?.as_ref()?.over {
            return None;
        }
        leg.is_of(request.call_id, request.from_tag).then_some((slot, number))
    }

    /// The leg whose dialog somebody is to take the place in (RFC 3891 §3): either tag may be ours, as the one says it
    /// or the other.
    pub fn find_replaced(&self, replaces: &Replaces<'_>) -> Option<(Slot, u16)> {
        [(replaces.to_tag, replaces.from_tag), (replaces.from_tag, replaces.to_tag)].iter().find_map(
            |(own, theirs)| {
                let (slot, number) = *self.by_tag.get(*own)?;
                let call = self.slots.get(slot)?.as_ref().filter(|call| !call.over)?;
                let leg = call.leg(number)?;
                // One that rings has no dialog yet, and its phone's tag may be any.
                let rings =
                    leg.dialog.is_none() && leg.reached.is_some() && *leg.call_id == *replaces.call_id;
                (rings || leg.is_of(replaces.call_id, theirs)).then_some((slot, number))
            },
        )
    }

    /// The call of that name.
    pub fn named(&self, name: &str) -> Option<Slot> {
        self.by_tag.get(name.as_bytes()).map(|(slot, _)| *slot)
    }

    /// The call that has this Call-ID on one of its legs.
    pub fn with_call_id(&self, call_id: &[u8]) -> Option<Slot> {
        let has = |call: &Call| call.legs.iter().any(|leg| *leg.call_id == *call_id);
        self.iter().find(|call| has(call)).map(|call| call.id)
    }

    /// True when a leg has this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.by_tag.contains_key(tag.as_bytes())
    }

    /// A call that nobody is working on.
    pub fn call_mut(&mut self, slot: Slot) -> Option<&mut Call> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    /// One leg of a call that nobody is working on.
    pub fn leg_mut(&mut self, slot: Slot, number: u16) -> Option<&mut Leg> {
        self.slots.get_mut(slot)?.as_mut()?.leg_mut(number)
    }

    /// Takes a leg out of its call, for another one.
    pub fn take_leg(&mut self, slot: Slot, number: u16) -> Option<Leg> {
        let leg = std::mem::replace(self.leg_mut(slot, number)?, Leg::new(b"", ""));
        self.by_tag.remove(leg.tag.as_bytes());
        Some(leg)
    }

    /// One call.
    pub fn get(&self, slot: Slot) -> Option<&Call> {
        self.slots.get(slot)?.as_deref()
    }

    /// All calls by place.
    pub fn iter(&self) -> impl Iterator<Item = &Call> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The nearest moment of all calls.
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.deadline()
    }

    /// The next call whose moment has come.
    pub fn due(&mut self, now: Instant) -> Option<Slot> {
        while let Some(index) = self.wheel.pop(now) {
            if let Some(slot) = self.slots.at(index) {
                return Some(slot);
            }
        }
        None
    }

    fn take(&mut self, slot: Slot) -> Option<Box<Call>> {
        self.slots.get_mut(slot)?.take()
    }

    fn put(&mut self, call: Box<Call>) {
        let slot = call.id;
        match call.deadline() {
            Some(at) => self.wheel.start(slot.index, self.wheel.tick_at(at)),
            None => self.wheel.stop(slot.index),
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(call);
        }
    }

    /// Removes a call after a panic, whatever state it is in; its peers are told with the next input.
    pub fn forget(&mut self, slot: Slot) {
        if let Some(call) = self.take(slot) {
            self.lose(call);
        }
    }

    fn lose(&mut self, call: Box<Call>) {
        self.remove(&call);
        self.lost.push(*call);
    }

    fn remove(&mut self, call: &Call) {
        self.wheel.stop(call.id.index);
        self.by_tag.remove(call.name.as_bytes());
        for leg in &call.legs {
            self.by_tag.remove(leg.tag.as_bytes());
        }
        self.slots.remove(call.id);
    }
}

impl Means {
    /// Lets a call go on, then removes it or sets its timer: the one exit.
    pub fn with_call<R>(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        go_on: impl FnOnce(&mut Call, &mut Self, &mut Turn<'_>) -> R,
    ) -> Option<R> {
        let mut call = self.calls.take(slot)?;
        let result = match catch_unwind(AssertUnwindSafe(|| go_on(&mut call, self, turn))) {
            Ok(result) => result,
            Err(panic) => {
                self.calls.lose(call);
                resume_unwind(panic);
            }
        };
        if call.over && !std::mem::replace(&mut call.has_left, true) {
            call.leave(self, turn);
        }
        if call.over && !call.lingers() {
            self.calls.remove(&call);
        } else {
            call.watch_silence(self, turn.now);
            self.calls.put(call);
        }
        Some(result)
    }
}

/// What stands for the leg's number beside the name of a call.
const NO_LEG: u16 = u16::MAX;
