//! What all shards know together: who has subscribed to his mailbox, and the calls of users, for lamps. A call is on the shard of its Call-ID and a
//! subscription on that of its own, so the one writes here what the other reads, and says that there is something new.
//!
//! Nothing is written before the first phone has subscribed: who has no lamps pays one look at a flag for each call. A
//! call whose end we never see (a proxied one whose phones have lost the network) is over when its time is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

/// One table for all shards of a process, locked for the moment of a look.
#[derive(Debug, Default)]
pub struct Watched {
    is_on: AtomicBool,
    /// Subscriptions to registrations.
    registrations: AtomicUsize,
    /// Who waits for the first of them.
    awaited: Mutex<Option<Waker>>,
    /// True when there are mailboxes at all.
    has_mailboxes: AtomicBool,
    /// Where phones have subscribed to message-summary from, by whose mailbox it is.
    subscribers: Mutex<HashMap<Arc<str>, SmallVec<[SocketAddr; 2]>>>,
    table: Mutex<Table>,
}

/// A user in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Which call, by a hash of its Call-ID.
    pub call: u64,
    /// Which side.
    pub side: Side,
    /// How far it is.
    pub lamp: Lamp,
    /// The dialog of the user's phone: what Replaces names (RFC 3891).
    pub call_id: Box<str>,
    /// The tag of the user's phone; empty before it has answered.
    pub local_tag: Box<str>,
    /// The tag of the other side.
    pub remote_tag: Box<str>,
    /// Who is at the other side: a URI.
    pub remote: Box<str>,
    /// What phones show for him; may be empty.
    pub remote_name: Box<str>,
    /// How long the call may go on without a sign of life.
    pub lasts: Duration,
    /// Until when that is.
    pub until: Instant,
}

/// Which side of a call a user is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// He calls.
    Initiator,
    /// He is called.
    Recipient,
}

/// How far a call is (RFC 4235 §3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lamp {
    /// The INVITE was sent.
    Trying,
    /// It rings.
    Early,
    /// They talk.
    Confirmed,
}

#[derive(Debug, Default)]
struct Table {
    of_user: HashMap<Arc<str>, Watch>,
    /// The users of each call.
    of_call: HashMap<u64, SmallVec<[Arc<str>; 2]>>,
    parties: usize,
    swept: Option<Instant>,
}

#[derive(Debug, Default)]
struct Watch {
    subscriptions: usize,
    parties: SmallVec<[Party; 1]>,
}

/// Users whose lamps are to be told of.
pub(crate) type Told = SmallVec<[Arc<str>; 2]>;

impl Watched {
    /// True once a phone has subscribed.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// True while anybody has subscribed to a registration.
    pub fn has_registrations(&self) -> bool {
        self.registrations.load(Ordering::Acquire) > 0
    }

    /// Waits until somebody has subscribed to a registration: before that, nobody need be told of changes. One may wait.
    pub fn poll_registrations(&self, context: &Context<'_>) -> Poll<()> {
        // First the waker, then the look: a subscription between the two wakes it.
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        if self.has_registrations() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// One subscription more, or one less, to a registration.
    pub(crate) fn count_registration(&self, is_more: bool) {
        if is_more {
            self.registrations.fetch_add(1, Ordering::AcqRel);
            if let Some(waker) = self.awaited.lock().unwrap_or_else(PoisonError::into_inner).take() {
                waker.wake();
            }
        } else {
            self.registrations.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Says that there are mailboxes.
    pub fn set_mailboxes(&self) {
        self.has_mailboxes.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_mailboxes(&self) -> bool {
        self.has_mailboxes.load(Ordering::Relaxed)
    }

    /// A phone there has subscribed to a mailbox.
    pub(crate) fn subscribed(&self, user: &Arc<str>, from: SocketAddr) {
        let mut all = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(Arc::clone(user)).or_default().push(from);
    }

    /// That is over.
    pub(crate) fn unsubscribed(&self, user: &Arc<str>, from: SocketAddr) {
        let mut all = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(phones) = all.get_mut(user) else { return };
        if let Some(place) = phones.iter().position(|other| *other == from) {
            phones.swap_remove(place);
        }
        if phones.is_empty() {
            all.remove(user);
        }
    }

    /// Where phones have subscribed to a mailbox from.
    pub(crate) fn subscribers(&self, user: &Arc<str>) -> SmallVec<[SocketAddr; 2]> {
        let all = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(user).cloned().unwrap_or_default()
    }

    /// One subscription more to the calls of a user.
    pub(crate) fn watch(&self, user: &Arc<str>) {
        self.is_on.store(true, Ordering::Relaxed);
        self.table().of_user.entry(Arc::clone(user)).or_default().subscriptions += 1;
    }

    /// One less.
    pub(crate) fn unwatch(&self, user: &Arc<str>) {
        let mut table = self.table();
        if let Some(watch) = table.of_user.get_mut(user) {
            watch.subscriptions = watch.subscriptions.saturating_sub(1);
        }
        table.tidy(user);
    }

    /// Notes how a call of a user stands. True when somebody is to be told; `Err` when the table is full.
    pub(crate) fn note(&self, user: &Arc<str>, party: Party, max: usize, now: Instant) -> Result<bool, Full> {
        let mut table = self.table();
        let known = table.of_user.get(user).is_some_and(|watch| watch.place(&party).is_some());
        if !known {
            if table.parties >= max {
                table.sweep(now);
            }
            if table.parties >= max {
                return Err(Full);
            }
            table.parties += 1;
            let users = table.of_call.entry(party.call).or_default();
            if !users.contains(user) {
                users.push(Arc::clone(user));
            }
        }
        let watch = table.of_user.entry(Arc::clone(user)).or_default();
        let is_told = watch.subscriptions > 0;
        match watch.place(&party) {
            // The phone that is farthest stands, whatever others of the same user still say.
            Some(place) if watch.parties[place].lamp > party.lamp => Ok(false),
            Some(place) => {
                let is_new = watch.parties[place] != party;
                watch.parties[place] = party;
                Ok(is_told && is_new)
            }
            None => {
                watch.parties.push(party);
                Ok(is_told)
            }
        }
    }

    /// A user does not ring any more, unless he has answered. True when somebody is to be told.
    pub(crate) fn left(&self, user: &Arc<str>, call: u64, side: Side) -> bool {
        let mut table = self.table();
        let Some(watch) = table.of_user.get_mut(user) else { return false };
        let before = watch.parties.len();
        let is_his =
            |party: &Party| party.call == call && party.side == side && party.lamp != Lamp::Confirmed;
        watch.parties.retain(|party| !is_his(party));
        let gone = before - watch.parties.len();
        let is_told = gone > 0 && watch.subscriptions > 0;
        let is_out = !watch.parties.iter().any(|party| party.call == call);
        table.parties -= gone;
        if is_out && gone > 0 {
            table.forget(user, call);
        }
        table.tidy(user);
        is_told
    }

    /// A user is in a call no more, though it goes on. True when somebody is to be told.
    pub(crate) fn gone(&self, user: &Arc<str>, call: u64) -> bool {
        let mut table = self.table();
        let Some(watch) = table.of_user.get_mut(user) else { return false };
        let before = watch.parties.len();
        watch.parties.retain(|party| party.call != call);
        let gone = before - watch.parties.len();
        let is_told = gone > 0 && watch.subscriptions > 0;
        table.parties -= gone;
        if gone > 0 {
            table.forget(user, call);
        }
        table.tidy(user);
        is_told
    }

    /// A call is over: who is to be told.
    pub(crate) fn ended(&self, call: u64) -> Told {
        let mut table = self.table();
        let users = table.of_call.remove(&call).unwrap_or_default();
        let mut told = Told::new();
        for user in users {
            let Some(watch) = table.of_user.get_mut(&user) else { continue };
            let before = watch.parties.len();
            watch.parties.retain(|party| party.call != call);
            let (gone, is_watched) = (before - watch.parties.len(), watch.subscriptions > 0);
            table.parties -= gone;
            table.tidy(&user);
            if is_watched && gone > 0 {
                told.push(user);
            }
        }
        told
    }

    /// A call gives a sign of life.
    pub(crate) fn lives(&self, call: u64, now: Instant) {
        let mut table = self.table();
        let users = table.of_call.get(&call).cloned().unwrap_or_default();
        for user in users {
            let Some(watch) = table.of_user.get_mut(&user) else { continue };
            for party in watch.parties.iter_mut().filter(|party| party.call == call) {
                party.until = now + party.lasts;
            }
        }
    }

    /// The calls of a user, in the order in which they began.
    pub(crate) fn of(&self, user: &Arc<str>, now: Instant) -> SmallVec<[Party; 1]> {
        let table = self.table();
        let parties = table.of_user.get(user).map(|watch| watch.parties.iter());
        parties.into_iter().flatten().filter(|party| party.until > now).cloned().collect()
    }

    /// How many users are in calls; of a call once for each.
    pub fn len(&self) -> usize {
        self.table().parties
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here panics while it holds the lock; were it so, the table would still be whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn place(&self, of: &Party) -> Option<usize> {
        self.parties.iter().position(|party| (party.call, party.side) == (of.call, of.side))
    }
}

impl Table {
    /// Takes out what has run out of time, at most every ten seconds.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| swept + SWEPT_EVERY > now) {
            return;
        }
        self.swept = Some(now);
        let mut left = 0;
        self.of_user.retain(|_, watch| {
            watch.parties.retain(|party| party.until > now);
            left += watch.parties.len();
            watch.subscriptions > 0 || !watch.parties.is_empty()
        });
        let users = &self.of_user;
        let is_in = |user: &Arc<str>, call: u64| {
            users.get(user).is_some_and(|watch| watch.parties.iter().any(|party| party.call == call))
        };
        self.of_call.retain(|call, of_call| {
            of_call.retain(|user| is_in(user, *call));
            !of_call.is_empty()
        });
        self.parties = left;
    }

    fn forget(&mut self, user: &Arc<str>, call: u64) {
        if let Some(users) = self.of_call.get_mut(&call) {
            users.retain(|other| other != user);
            if users.is_empty() {
                self.of_call.remove(&call);
            }
        }
    }

    fn tidy(&mut self, user: &Arc<str>) {
        let is_idle = |watch: &Watch| watch.subscriptions == 0 && watch.parties.is_empty();
        if self.of_user.get(user).is_some_and(is_idle) {
            self.of_user.remove(user);
        }
    }
}

/// The table holds as many users in calls as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

const SWEPT_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn party(call: u64, side: Side, lamp: Lamp, until: Instant) -> Party {
        Party {
            call,
            side,
            lamp,
            call_id: "id".into(),
            local_tag: "l".into(),
            remote_tag: "r".into(),
            remote: "sip:x@y".into(),
            remote_name: "".into(),
            lasts: Duration::from_secs(60),
            until,
        }
    }

    #[test]
    fn who_tells_of_registrations_sleeps_until_somebody_has_subscribed() {
        struct Woken(AtomicUsize);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (watched, woken) = (Watched::default(), Arc::new(Woken(AtomicUsize::new(0))));
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        assert_eq!(watched.poll_registrations(&context), Poll::Pending);
        watched.count_registration(true);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(watched.poll_registrations(&context), Poll::Ready(()));
        watched.count_registration(false);
        assert!(!watched.has_registrations());
    }

    #[test]
    fn a_full_table_refuses_until_calls_have_run_out() {
        let (watched, now) = (Watched::default(), Instant::now());
        let (alice, bob): (Arc<str>, Arc<str>) = ("alice".into(), "bob".into());
        watched.watch(&bob);
        let until = now + Duration::from_secs(60);
        let ringing = party(1, Side::Recipient, Lamp::Early, until);
        assert_eq!(watched.note(&bob, ringing.clone(), 1, now), Ok(true));
        assert_eq!(watched.note(&bob, ringing, 1, now), Ok(false));
        let other = party(2, Side::Initiator, Lamp::Trying, until + Duration::from_secs(60));
        assert_eq!(watched.note(&alice, other.clone(), 1, now), Err(Full));
        assert_eq!(watched.note(&alice, other, 1, until), Ok(false));
        assert_eq!((watched.len(), watched.of(&bob, until).len()), (1, 0));
        assert!(watched.ended(2).is_empty());
        watched.unwatch(&bob);
        assert!(
            watched.is_empty() && watched.table().of_user.is_empty() && watched.table().of_call.is_empty()
        );
    }

    #[test]
    fn who_has_answered_stays_until_the_call_ends() {
        let (watched, now) = (Watched::default(), Instant::now());
        let bob: Arc<str> = "bob".into();
        watched.watch(&bob);
        let until = now + Duration::from_secs(60);
        for (lamp, told) in [(Lamp::Trying, true), (Lamp::Confirmed, true), (Lamp::Early, false)] {
            assert_eq!(watched.note(&bob, party(1, Side::Recipient, lamp, until), 9, now), Ok(told));
        }
        assert!(!watched.left(&bob, 1, Side::Recipient));
        watched.lives(1, now + Duration::from_secs(30));
        assert_eq!(watched.of(&bob, now + Duration::from_secs(80)).len(), 1);
        assert_eq!(watched.ended(1).as_slice(), &[bob]);
        assert!(watched.is_empty());
    }
}
