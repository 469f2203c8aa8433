//! Who waits on which stream connection: a list through the slots for each connection, so that its end reaches
//! those who wait without a look at all the others.

use hashbrown::HashTable;

use super::table::{NONE, Table};
use crate::transport::{ConnectionId, NextHop};

/// The first waiting client of each connection.
#[derive(Debug, Default)]
pub(super) struct Streams(HashTable<(ConnectionId, u32)>);

impl Streams {
    /// Puts a client that waits on a connection into its list; others are left alone.
    pub(super) fn add<U>(&mut self, slot: u32, table: &mut Table<U>) {
        let Some(connection) = connection_of(table, slot) else { return };
        let entry =
            self.0.entry(hash(connection), |(other, _)| *other == connection, |(other, _)| hash(*other));
        let mut entry = entry.or_insert((connection, NONE));
        let first = std::mem::replace(&mut entry.get_mut().1, slot);
        if let Some(found) = table.at_mut(slot) {
            found.next = first;
        }
        if let Some(neighbour) = table.at_mut(first) {
            neighbour.previous = slot;
        }
    }

    /// Takes one out of its list.
    pub(super) fn remove<U>(&mut self, slot: u32, table: &mut Table<U>) {
        let Some(connection) = connection_of(table, slot) else { return };
        let Some(found) = table.at_mut(slot) else { return };
        let previous = std::mem::replace(&mut found.previous, NONE);
        let next = std::mem::replace(&mut found.next, NONE);
        if let Some(neighbour) = table.at_mut(next) {
            neighbour.previous = previous;
        }
        if let Some(neighbour) = table.at_mut(previous) {
            neighbour.next = next;
            return;
        }
        // Only the first has nobody before it; one that was taken out already is not the first either.
        if let Ok(mut entry) = self.0.find_entry(hash(connection), |other| *other == (connection, slot)) {
            entry.get_mut().1 = next;
            if next == NONE {
                entry.remove();
            }
        }
    }

    /// Takes the first of a connection out, if one waits.
    pub(super) fn take<U>(&mut self, connection: ConnectionId, table: &mut Table<U>) -> Option<u32> {
        let &(_, first) = self.0.find(hash(connection), |(other, _)| *other == connection)?;
        self.remove(first, table);
        Some(first)
    }

    /// True when nobody waits on any stream.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn connection_of<U>(table: &Table<U>, slot: u32) -> Option<ConnectionId> {
    let found = table.at(slot).filter(|found| found.machine.is_client())?;
    match &found.hop {
        NextHop::Flow(flow) => flow.connection,
        NextHop::Address { .. } => None,
    }
}

/// Connection ids are our own numbers, so spreading them is enough.
fn hash(connection: ConnectionId) -> u64 {
    let whole = u64::from(connection.generation) << 32 | u64::from(connection.slot);
    whole.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
