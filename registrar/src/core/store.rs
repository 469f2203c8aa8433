//! All bindings: stripes under short locks, the limits of the whole, and the numbered changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ahash::RandomState;
use parking_lot::Mutex;
use proto::registrar::Changes;
use proto::{
    Action, BindingPage, Bindings, ListBindings, Listed, Locate, Register, Registered, RemoveBindings,
};

use super::record;
use super::stripe::Stripe;
use super::terms::Terms;
use super::update::Plan;

/// The memory store. Another store (Redis) is another `proto::Location` beside [`crate::Registrar`], not a trait below
/// this one: what it can do at once, and what it must merge, differs too much.
#[derive(Debug)]
pub struct Store {
    terms: Terms,
    hasher: RandomState,
    stripes: Box<[Mutex<Stripe>]>,
    /// The stripe that [`Store::expire_some`] looks at next.
    sweep: AtomicUsize,
    live: AtomicUsize,
    changes: Arc<Changes>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    fetched: AtomicU64,
    too_brief: AtomicU64,
    out_of_order: AtomicU64,
    malformed: AtomicU64,
    contacts_full: AtomicU64,
    bindings_full: AtomicU64,
    located: AtomicU64,
    expired: AtomicU64,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Bindings that stand now (or have expired in the last second).
    pub bindings: usize,
    /// REGISTER requests that changed or refreshed bindings.
    pub accepted: u64,
    /// REGISTER requests without Contact.
    pub fetched: u64,
    /// Refused with 423.
    pub too_brief: u64,
    /// Refused because of Call-ID and CSeq.
    pub out_of_order: u64,
    /// Refused with 400.
    pub malformed: u64,
    /// Refused because of `contacts_max`.
    pub contacts_full: u64,
    /// Refused because of `bindings_max`.
    pub bindings_full: u64,
    /// Addresses of record that were looked up.
    pub located: u64,
    /// Bindings that ended because nobody refreshed them.
    pub expired: u64,
}

impl Store {
    /// An empty store. The seeds must be unguessable, or a peer can aim at one stripe.
    pub fn new(terms: Terms, seeds: [u64; 4], changes: Arc<Changes>) -> Self {
        let [a, b, c, d] = seeds;
        Store {
            terms,
            hasher: RandomState::with_seeds(a, b, c, d),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            sweep: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
            changes,
            counts: Counts::default(),
        }
    }

    /// The numbered changes.
    pub fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// Takes a REGISTER request (RFC 3261 §10.3 steps 6 to 8): all of it or nothing.
    pub fn register(&self, ask: &Register<'_>) -> Registered {
        let registered = self.decide(ask);
        self.counts.count(&registered, ask.action);
        registered
    }

    fn decide(&self, ask: &Register<'_>) -> Registered {
        if ask.aor.len() > record::AOR_BYTES_MAX.min(self.terms.binding_bytes_max) {
            return Registered::Malformed(proto::Fault::TooLong);
        }
        let (stripe, hash) = self.place(ask.aor);
        let mut stripe = stripe.lock();
        let mut standing = stripe.of(hash, ask.aor);
        standing.retain(|at| {
            let stands = stripe.stamp(*at).expires_ms > ask.now_ms;
            if !stands {
                stripe.remove(*at);
                self.ended(1);
            }
            stands
        });
        let plan = match Plan::of(ask, &standing, &stripe, &self.terms) {
            Ok(plan) => plan,
            Err(refused) => return refused,
        };
        let (adds, removes) = (plan.adds(), plan.removes());
        if adds > removes && !self.reserve(adds - removes) {
            return Registered::Full;
        }
        if removes > adds {
            self.live.fetch_sub(removes - adds, Ordering::Relaxed);
        }
        if plan.carry_out(ask, hash, &mut stripe) {
            self.changes.record(ask.aor);
        }
        let as_of = self.changes.number();
        Registered::Accepted { bindings: stripe.collect(hash, ask.aor, ask.now_ms).standing_at(as_of) }
    }

    /// The bindings of an address of record, the highest preference first.
    pub fn locate(&self, ask: &Locate<'_>) -> Bindings {
        self.counts.located.fetch_add(1, Ordering::Relaxed);
        let (stripe, hash) = self.place(ask.aor);
        let stripe = stripe.lock();
        let as_of = self.changes.number();
        stripe.collect(hash, ask.aor, ask.now_ms).standing_at(as_of)
    }

    /// Ends what has expired in some of the stripes; to be called so often that all have their turn each second
    /// ([`Store::STEPS`] times).
    pub fn expire_some(&self, now_ms: u64) {
        let from = self.sweep.fetch_add(STRIPES / Self::STEPS, Ordering::Relaxed);
        for stripe in from..from + STRIPES / Self::STEPS {
            // A stripe is let go now and then, so that no REGISTER waits for the end of thousands.
            loop {
                let expired = self.stripes[stripe % STRIPES].lock().expire(now_ms, EXPIRED_MAX);
                self.ended(expired);
                if expired < EXPIRED_MAX {
                    break;
                }
            }
        }
    }

    /// How many calls of [`Store::expire_some`] see all stripes.
    pub const STEPS: usize = 16;

    /// Bindings in pages. For people: it looks at everything, a stripe at a time.
    pub fn list(&self, ask: &ListBindings<'_>) -> BindingPage {
        let mut page = BindingPage::default();
        let (first, mut slot) = ((ask.from >> 32) as usize, ask.from as u32);
        for number in first..STRIPES {
            let stripe = self.stripes[number].lock();
            while slot < stripe.slots() {
                if page.listed.len() == ask.page_max.max(1) {
                    page.next = Some((number as u64) << 32 | u64::from(slot));
                    return page;
                }
                if let Some((aor, binding)) = stripe.listed(slot, ask.now_ms)
                    && aor.starts_with(ask.prefix.as_bytes())
                {
                    let aor = String::from_utf8_lossy(aor).into_owned();
                    page.listed.push(Listed { aor, binding: std::iter::once(binding).collect() });
                }
                slot += 1;
            }
            slot = 0;
        }
        page
    }

    /// Removes the binding of a URI, or all of an address of record; says how many.
    pub fn remove(&self, ask: &RemoveBindings<'_>) -> usize {
        let RemoveBindings { aor, uri } = *ask;
        let (stripe, hash) = self.place(aor);
        let mut stripe = stripe.lock();
        let mut chosen = stripe.of(hash, aor);
        chosen.retain(|at| uri.is_none_or(|uri| stripe.binding(*at).uri == uri));
        for at in &chosen {
            stripe.remove(*at);
        }
        self.live.fetch_sub(chosen.len(), Ordering::Relaxed);
        if !chosen.is_empty() {
            self.changes.record(aor);
        }
        chosen.len()
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters {
            bindings: self.live.load(Ordering::Relaxed),
            accepted: read(&self.counts.accepted),
            fetched: read(&self.counts.fetched),
            too_brief: read(&self.counts.too_brief),
            out_of_order: read(&self.counts.out_of_order),
            malformed: read(&self.counts.malformed),
            contacts_full: read(&self.counts.contacts_full),
            bindings_full: read(&self.counts.bindings_full),
            located: read(&self.counts.located),
            expired: read(&self.counts.expired),
        }
    }

    fn place(&self, aor: &str) -> (&Mutex<Stripe>, u32) {
        let hash = self.hasher.hash_one(aor.as_bytes());
        (&self.stripes[(hash >> 32) as usize % STRIPES], hash as u32)
    }

    fn reserve(&self, more: usize) -> bool {
        let room = |live: usize| (live + more <= self.terms.bindings_max).then_some(live + more);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
    }

    fn ended(&self, expired: usize) {
        if expired > 0 {
            self.live.fetch_sub(expired, Ordering::Relaxed);
            self.counts.expired.fetch_add(expired as u64, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().len()).sum()
    }
}

impl Counts {
    fn count(&self, registered: &Registered, action: Action<'_>) {
        let count = match (registered, action) {
            (Registered::Accepted { .. }, Action::Fetch) => &self.fetched,
            (Registered::Accepted { .. }, Action::RemoveAll | Action::Update(_)) => &self.accepted,
            (Registered::IntervalTooBrief { .. }, _) => &self.too_brief,
            (Registered::OutOfOrder, _) => &self.out_of_order,
            (Registered::Malformed(_), _) => &self.malformed,
            (Registered::TooManyContacts { .. }, _) => &self.contacts_full,
            (Registered::Full, _) => &self.bindings_full,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

const STRIPES: usize = 1024;

/// How many bindings end while a stripe is held.
const EXPIRED_MAX: usize = 32;
