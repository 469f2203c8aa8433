//! The live transactions: slots with generations, and an index by key. Only the endpoint inserts and removes.

use hashbrown::HashTable;

use super::machine::Machine;
use super::timer::Timer;
use super::{TransactionId, TransactionKey};
use crate::transport::NextHop;
use crate::wheel::Tick;

/// Slots and index of one endpoint. The slots have their final size from the beginning, and what is not used is not
/// touched. The index is many small tables: one that grows keeps a message waiting for less than a millisecond, and few
/// transactions stand on few pages.
#[derive(Debug)]
pub(crate) struct Table<U> {
    slots: Vec<Slot<U>>,
    free: u32,
    index: [HashTable<Indexed>; PARTS],
    /// The ACK keys of RFC 2543 INVITEs: few, and apart so that a slot has one place in the index.
    acks: HashTable<(TransactionKey, u32)>,
    live: usize,
}

/// A slot in the index, with enough of its key that moving the index does not touch the slots.
#[derive(Debug, Clone, Copy)]
struct Indexed {
    slot: u32,
    tag: u32,
}

#[derive(Debug)]
struct Slot<U> {
    generation: u32,
    entry: Entry<U>,
}

#[derive(Debug)]
enum Entry<U> {
    Free { next: u32 },
    Live(Transaction<U>),
}

/// What the endpoint keeps for a machine: its octets, its peer, its timers and its user.
#[derive(Debug)]
pub(crate) struct Transaction<U> {
    key: [u64; 2],
    /// The key of the ACK of an RFC 2543 INVITE, which names our To tag (§17.2.3).
    pub(crate) ack_key: Option<Box<TransactionKey>>,
    pub(crate) machine: Machine,
    pub(crate) user: U,
    pub(crate) hop: NextHop,
    /// The request: a client's as it was sent, a server's with what §18.2.1 adds to its Via.
    pub(crate) request: Vec<u8>,
    /// A server's last response; the ACK of an INVITE client.
    pub(crate) last: Vec<u8>,
    /// A CANCEL that waits for a provisional response.
    pub(crate) cancel: Option<Box<Cancel<U>>>,
    /// The timers that run, one for each lane, with the moments at which they are due.
    pub(crate) timers: [Option<Timer>; 2],
    pub(crate) due: [Tick; 2],
    /// For a response to a stream that is gone: the port of the Via (§18.2.2), until it was tried.
    pub(crate) fallback_port: Option<u16>,
    /// The client knows RFC 2543 only.
    pub(crate) is_legacy: bool,
    /// The neighbours among the clients that wait on one stream connection.
    pub(crate) previous: u32,
    pub(crate) next: u32,
    /// The machine has ended, or wants its request forgotten, at the next tick.
    pub(crate) closing: Closing,
}

/// A CANCEL of our own, ready to go.
#[derive(Debug)]
pub(crate) struct Cancel<U> {
    pub(crate) octets: Vec<u8>,
    pub(crate) user: U,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    No,
    /// The user may still look at the request in this turn.
    Forget,
    /// The machine has ended; the user is told at the next tick.
    End,
}

impl<U> Transaction<U> {
    pub(crate) fn new(key: TransactionKey, machine: Machine, user: U, hop: NextHop) -> Self {
        Self {
            key: [key.0 as u64, (key.0 >> 64) as u64],
            ack_key: None,
            machine,
            user,
            hop,
            request: Vec::new(),
            last: Vec::new(),
            cancel: None,
            timers: [None; 2],
            due: [Tick::MAX; 2],
            fallback_port: None,
            is_legacy: false,
            previous: NONE,
            next: NONE,
            closing: Closing::No,
        }
    }

    pub(crate) fn key(&self) -> TransactionKey {
        TransactionKey(u128::from(self.key[0]) | u128::from(self.key[1]) << 64)
    }
}

impl<U> Table<U> {
    pub(crate) fn new(transactions_max: usize) -> Self {
        let room = transactions_max.min(ROOM_MAX);
        Self {
            slots: Vec::with_capacity(room),
            free: NONE,
            index: [const { HashTable::new() }; PARTS],
            acks: HashTable::new(),
            live: 0,
        }
    }

    /// How many are live.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn insert(&mut self, transaction: Transaction<U>) -> TransactionId {
        let key = transaction.key();
        self.live += 1;
        let id = if self.free == NONE {
            let slot = u32::try_from(self.slots.len()).expect("transactions_max is below 2^31");
            self.slots.push(Slot { generation: 0, entry: Entry::Live(transaction) });
            TransactionId { slot, generation: 0 }
        } else {
            let slot = self.free;
            let reused = &mut self.slots[slot as usize];
            if let Entry::Free { next } = reused.entry {
                self.free = next;
            }
            reused.entry = Entry::Live(transaction);
            TransactionId { slot, generation: reused.generation }
        };
        let indexed = Indexed { slot: id.slot, tag: tag_of(key) };
        let hash = spread(indexed.tag);
        self.index[part(hash)].insert_unique(hash, indexed, |other| spread(other.tag));
        id
    }

    /// Makes a slot known under the key of its ACK too.
    pub(crate) fn add_ack(&mut self, key: TransactionKey, slot: u32) {
        let Some(transaction) = self.at_mut(slot).filter(|transaction| transaction.ack_key.is_none()) else {
            return;
        };
        transaction.ack_key = Some(Box::new(key));
        self.acks.insert_unique(key.0 as u64, (key, slot), |(other, _)| other.0 as u64);
    }

    /// The slot of the transaction with this key.
    pub(crate) fn find(&self, key: TransactionKey) -> Option<u32> {
        let tag = tag_of(key);
        let fits =
            |other: &Indexed| other.tag == tag && self.at(other.slot).is_some_and(|found| found.key() == key);
        let hash = spread(tag);
        self.index[part(hash)].find(hash, fits).map(|found| found.slot)
    }

    /// The slot of the RFC 2543 INVITE whose ACK has this key.
    pub(crate) fn find_ack(&self, key: TransactionKey) -> Option<u32> {
        self.acks.find(key.0 as u64, |(other, _)| *other == key).map(|&(_, slot)| slot)
    }

    /// Takes a slot out of the index; it is still reached by its id.
    pub(crate) fn hide(&mut self, slot: u32) {
        let Some(transaction) = self.at(slot) else { return };
        let (tag, ack) = (tag_of(transaction.key()), transaction.ack_key.as_deref().copied());
        let hash = spread(tag);
        if let Ok(entry) = self.index[part(hash)].find_entry(hash, |other| other.slot == slot) {
            entry.remove();
        }
        if let Some(key) = ack
            && let Ok(entry) = self.acks.find_entry(key.0 as u64, |(other, _)| *other == key)
        {
            entry.remove();
        }
    }

    /// Empties a slot that was hidden, and makes its ids stale.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<(TransactionId, Transaction<U>)> {
        let place = &mut self.slots[slot as usize];
        if let Entry::Free { .. } = place.entry {
            return None;
        }
        let id = TransactionId { slot, generation: place.generation };
        let Entry::Live(transaction) = std::mem::replace(&mut place.entry, Entry::Free { next: self.free })
        else {
            return None;
        };
        place.generation = place.generation.wrapping_add(1);
        self.free = slot;
        self.live -= 1;
        Some((id, transaction))
    }

    /// The id of a live slot.
    pub(crate) fn id_of(&self, slot: u32) -> TransactionId {
        TransactionId { slot, generation: self.slots[slot as usize].generation }
    }

    pub(crate) fn get(&self, id: TransactionId) -> Option<&Transaction<U>> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        match &slot.entry {
            Entry::Live(transaction) => Some(transaction),
            Entry::Free { .. } => None,
        }
    }

    /// The ids of all that are live, by slot.
    pub(crate) fn ids(&self) -> impl Iterator<Item = TransactionId> {
        let is_live = |slot: &Slot<U>| matches!(slot.entry, Entry::Live(_));
        let slots = self.slots.iter().enumerate().filter(move |(_, slot)| is_live(slot));
        slots.map(|(place, slot)| TransactionId { slot: place as u32, generation: slot.generation })
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&Transaction<U>> {
        match &self.slots.get(slot as usize)?.entry {
            Entry::Live(transaction) => Some(transaction),
            Entry::Free { .. } => None,
        }
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut Transaction<U>> {
        match &mut self.slots.get_mut(slot as usize)?.entry {
            Entry::Live(transaction) => Some(transaction),
            Entry::Free { .. } => None,
        }
    }
}

fn tag_of(key: TransactionKey) -> u32 {
    key.0 as u32
}

/// A table of the index looks at the lowest and the highest bits.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The table of the index, by bits that it does not look at itself.
fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

/// Tables of the index: with 300,000 transactions each has some 5,000.
const PARTS: usize = 64;
/// No slot.
pub(crate) const NONE: u32 = u32::MAX;
/// Beyond this many, room is taken as it is needed.
const ROOM_MAX: usize = 1 << 20;
