//! The connection table: slots with generations, one connection for a destination, and how many there are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sip::transport::{ConnectionId, Flow, Transport};

use super::connection::Connection;

/// Where a connection leads. TLS to one address under two names is two connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    pub(crate) host: Option<Arc<str>>,
}

/// Why there is no room for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// `connections_max` is reached.
    All,
    /// `connections_per_peer_max` is reached.
    Peer,
}

/// All connections of the process.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_destination: HashMap<Destination, ConnectionId>,
    by_peer: HashMap<IpAddr, usize>,
    most: usize,
    most_for_peer: usize,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    connection: Option<Arc<Connection>>,
}

impl Table {
    pub(crate) fn new(most: usize, most_for_peer: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_destination: HashMap::new(),
            by_peer: HashMap::new(),
            most,
            most_for_peer,
        }
    }

    /// Makes a connection with a place of its own. `flow.connection` is filled in.
    pub(crate) fn add(
        &mut self,
        flow: Flow,
        host: Option<Arc<str>>,
        make: impl FnOnce(Flow, Option<Arc<str>>) -> Arc<Connection>,
    ) -> Result<Arc<Connection>, NoRoom> {
        if self.len() >= self.most {
            return Err(NoRoom::All);
        }
        let of_peer = self.by_peer.entry(peer(flow.remote)).or_default();
        if *of_peer >= self.most_for_peer {
            return Err(NoRoom::Peer);
        }
        *of_peer += 1;
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[number as usize];
        let id = ConnectionId { slot: number, generation: slot.generation };
        let destination = Destination { transport: flow.transport, remote: flow.remote, host: host.clone() };
        let connection = make(Flow { connection: Some(id), ..flow }, host);
        slot.connection = Some(Arc::clone(&connection));
        self.by_destination.insert(destination, id);
        Ok(connection)
    }

    /// The connection of an id, unless it is gone.
    pub(crate) fn find(&self, id: ConnectionId) -> Option<&Arc<Connection>> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.connection.as_ref()
    }

    /// The connection to a destination. Without a name any connection to the address will do, if it is one that
    /// was made without asking for a name.
    pub(crate) fn towards(&self, destination: &Destination) -> Option<&Arc<Connection>> {
        self.by_destination.get(destination).and_then(|id| self.find(*id))
    }

    /// Frees the place of a connection; false when it was gone already.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> bool {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation);
        let Some(connection) = slot.and_then(|slot| {
            slot.generation = slot.generation.wrapping_add(1);
            slot.connection.take()
        }) else {
            return false;
        };
        self.free.push(id.slot);
        let Flow { transport, remote, .. } = connection.flow;
        let destination = Destination { transport, remote, host: connection.host.clone() };
        if self.by_destination.get(&destination) == Some(&id) {
            self.by_destination.remove(&destination);
        }
        if let Some(count) = self.by_peer.get_mut(&peer(remote)) {
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(&peer(remote));
            }
        }
        true
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All of them, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.slots.iter().filter_map(|slot| slot.connection.as_ref())
    }
}

/// Who a connection counts for: an IPv4 address, or the /64 of an IPv6 address, since one machine may use all of it.
fn peer(remote: SocketAddr) -> IpAddr {
    match remote.ip().to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::transport::ListenerId;

    fn flow(remote: &str) -> Flow {
        Flow {
            transport: Transport::Tls,
            listener: ListenerId(0),
            local: [127, 0, 0, 1].into(),
            remote: remote.parse().expect(remote),
            connection: None,
        }
    }

    fn make(flow: Flow, host: Option<Arc<str>>) -> Arc<Connection> {
        Connection::new(flow, host, 1000, 10)
    }

    #[test]
    fn an_old_id_finds_nothing_when_its_place_is_used_again() {
        let mut table = Table::new(10, 10);
        let first = table.add(flow("192.0.2.1:1"), None, make).expect("room").flow.connection.expect("an id");
        assert!(table.remove(first) && !table.remove(first));
        let second =
            table.add(flow("192.0.2.2:1"), None, make).expect("room").flow.connection.expect("an id");
        assert_eq!(first.slot, second.slot);
        assert!(table.find(first).is_none() && table.find(second).is_some());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_destination_is_an_address_and_a_name() {
        let mut table = Table::new(10, 10);
        let named = table.add(flow("192.0.2.1:5061"), Some("a.example".into()), make).expect("room");
        let towards = |host: Option<&str>, port: u16| Destination {
            transport: Transport::Tls,
            remote: ([192, 0, 2, 1], port).into(),
            host: host.map(Into::into),
        };
        assert!(
            table.towards(&towards(Some("a.example"), 5061)).is_some_and(|found| Arc::ptr_eq(found, &named))
        );
        assert!(table.towards(&towards(Some("b.example"), 5061)).is_none());
        assert!(table.towards(&towards(None, 5061)).is_none());
        assert!(table.towards(&towards(Some("a.example"), 5062)).is_none());
        let id = named.flow.connection.expect("an id");
        assert!(table.remove(id));
        assert!(table.towards(&towards(Some("a.example"), 5061)).is_none());
    }

    #[test]
    fn connections_are_limited_in_all_and_for_a_peer() {
        let mut table = Table::new(3, 2);
        let mut add = |remote| table.add(flow(remote), None, make).map(drop);
        assert_eq!(add("[2001:db8::1]:1"), Ok(()));
        assert_eq!(add("[2001:db8::2]:1"), Ok(()));
        assert_eq!(add("[2001:db8::3]:1"), Err(NoRoom::Peer), "one /64 is one peer");
        assert_eq!(add("192.0.2.1:1"), Ok(()));
        assert_eq!(add("192.0.2.2:1"), Err(NoRoom::All));
    }
}
