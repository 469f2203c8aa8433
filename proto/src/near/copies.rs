//! The table of copies: bounded, striped, each copy fresh or stale.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::registrar::{Binding, Bindings, Change, Follower};

/// What was looked up, by address of record.
#[derive(Debug)]
pub(super) struct Copies {
    hasher: RandomState,
    stripes: Box<[Mutex<Stripe>]>,
    /// How many copies a stripe holds.
    stripe_max: usize,
    /// Odd while changes are heard. Whatever was stored in another epoch is stale.
    epoch: AtomicU64,
    /// The number of the last change heard.
    heard: AtomicU64,
}

#[derive(Debug)]
struct Stripe {
    copies: HashMap<Arc<str>, Copy>,
    /// All keys; the first gives way, unless it was used since it came there.
    queue: VecDeque<Arc<str>>,
    /// The last change heard of the addresses of record that fall in a place: an answer that was read before it is
    /// not fresh.
    heard: [u64; PLACES],
}

#[derive(Debug)]
struct Copy {
    bindings: Bindings,
    /// When it was asked for, unix time in ms.
    asked_ms: u64,
    /// 0 when it is stale for good.
    epoch: u64,
    used: bool,
}

/// What [`Copies::get`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) bindings: Bindings,
    pub(super) fresh: bool,
}

impl Copies {
    pub(super) fn new(aors_max: usize) -> Self {
        let stripes = (aors_max / 16).clamp(1, STRIPES);
        let stripe = || Stripe { copies: HashMap::new(), queue: VecDeque::new(), heard: [0; PLACES] };
        Copies {
            hasher: RandomState::new(),
            stripes: (0..stripes).map(|_| Mutex::new(stripe())).collect(),
            stripe_max: (aors_max / stripes).max(1),
            epoch: AtomicU64::new(2),
            heard: AtomicU64::new(0),
        }
    }

    /// The epoch in which a question is asked that will be stored.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The copy of an address of record, without what has expired since.
    pub(super) fn get(&self, aor: &str, now_ms: u64) -> Option<Kept> {
        let (mut stripe, _) = self.stripe(aor);
        let copy = stripe.copies.get_mut(aor)?;
        copy.used = true;
        let epoch = self.epoch();
        let fresh = copy.epoch == epoch && epoch % 2 == 1;
        let passed_s = now_ms.saturating_sub(copy.asked_ms) / 1000;
        let passed_s = u32::try_from(passed_s).unwrap_or(u32::MAX);
        if passed_s == 0 {
            return Some(Kept { bindings: copy.bindings.clone(), fresh });
        }
        let standing = copy.bindings.iter().filter(|binding| binding.expires_in_s > passed_s);
        let bindings: Bindings = standing
            .map(|binding| Binding { expires_in_s: binding.expires_in_s - passed_s, ..binding })
            .collect();
        // A copy of which all has expired says nothing: the phone may have come back under another contact.
        if bindings.is_empty() && !copy.bindings.is_empty() {
            return None;
        }
        let bindings = bindings.standing_at(copy.bindings.as_of());
        Some(Kept { bindings, fresh })
    }

    /// Keeps an answer to a question that was asked at `asked_ms` in `epoch`.
    pub(super) fn store(&self, aor: &str, bindings: &Bindings, asked_ms: u64, epoch: u64) {
        let (mut stripe, place) = self.stripe(aor);
        let current = self.epoch();
        let fresh = epoch == current && epoch % 2 == 1 && bindings.as_of() >= stripe.heard[place];
        let epoch = if fresh { epoch } else { 0 };
        if let Some(copy) = stripe.copies.get_mut(aor) {
            // Two questions may be answered out of order.
            let newer = copy.epoch == current && copy.bindings.as_of() > bindings.as_of();
            if !newer {
                *copy = Copy { bindings: bindings.clone(), asked_ms, epoch, used: true };
            }
            return;
        }
        if stripe.copies.len() >= self.stripe_max {
            stripe.give_way();
        }
        let key: Arc<str> = aor.into();
        stripe.queue.push_back(key.clone());
        stripe.copies.insert(key, Copy { bindings: bindings.clone(), asked_ms, epoch, used: false });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| lock(stripe).copies.len()).sum()
    }

    fn stripe(&self, aor: &str) -> (MutexGuard<'_, Stripe>, usize) {
        let hash = self.hasher.hash_one(aor);
        (lock(&self.stripes[hash as usize % self.stripes.len()]), (hash >> 32) as usize % PLACES)
    }
}

impl Follower for Copies {
    fn began(&self, _: u64, number: u64) {
        for stripe in &self.stripes {
            lock(stripe).heard = [0; PLACES];
        }
        self.heard.store(number, Ordering::Relaxed);
        // The next odd number.
        self.epoch.store((self.epoch() + 1) | 1, Ordering::Release);
    }

    fn changed(&self, change: &Change) {
        if self.heard.swap(change.number, Ordering::Relaxed) + 1 != change.number {
            // A gap: whatever changed in it, we have not heard of it.
            self.epoch.fetch_add(2, Ordering::AcqRel);
        }
        let (mut stripe, place) = self.stripe(&change.aor);
        stripe.heard[place] = stripe.heard[place].max(change.number);
        if let Some(copy) = stripe.copies.get_mut(&change.aor)
            && copy.bindings.as_of() < change.number
        {
            copy.epoch = 0;
        }
    }

    fn lost(&self) {
        // The next even number.
        self.epoch.store((self.epoch() | 1) + 1, Ordering::Release);
    }
}

impl Stripe {
    fn give_way(&mut self) {
        for _ in 0..self.queue.len() {
            let Some(key) = self.queue.pop_front() else { return };
            match self.copies.get_mut(&key) {
                Some(copy) if copy.used => {
                    copy.used = false;
                    self.queue.push_back(key);
                }
                _ => {
                    self.copies.remove(&key);
                    return;
                }
            }
        }
        // All were used since they were last looked at: the first gives way after all.
        if let Some(key) = self.queue.pop_front() {
            self.copies.remove(&key);
        }
    }
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

const STRIPES: usize = 64;
const PLACES: usize = 64;
