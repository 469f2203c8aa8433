//! Stream transports: TCP, TLS, WebSocket (RFC 7118) and both together. Each connection is one task on the I/O
//! runtime; it frames what comes and posts it to the shard of its Call-ID. Shards send through the write queue of a
//! connection and never wait.

mod accept;
mod connect;
mod connection;
mod counters;
mod serve;
mod table;
pub(crate) mod tls;
mod websocket;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sip::transport::{ConnectionId, Flow, ListenerId, NextHop, Sending, Transport};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::connection::{Connection, NotQueued, Sender};
use self::table::{Destination, NoRoom, Table};
use self::tls::Certificates;
use super::{Config, Listeners};
use crate::shard::{Door, Item, Spread};

pub use counters::StreamCounters;
pub use tls::TlsError;

/// All stream connections of the process.
#[derive(Debug)]
pub(crate) struct Streams {
    config: Config,
    listeners: Arc<Listeners>,
    doors: Arc<[Arc<Door>]>,
    spread: Spread,
    table: Mutex<Table>,
    certificates: Option<Certificates>,
    pub(crate) counters: Arc<StreamCounters>,
    io: Handle,
    ended: CancellationToken,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer closed it, or the network broke it.
    Peer,
    /// Nothing came for `idle_timeout`.
    Idle,
    /// A message took longer than `half_request_timeout`.
    Half,
    /// The write queue was full, or the process drains.
    Closed,
    /// What came was no SIP.
    Broken,
    /// It could not be made.
    Connect,
    /// TLS or the WebSocket upgrade failed.
    Handshake,
}

impl Streams {
    /// Reads the certificates where they are needed and starts to accept.
    pub(crate) fn start(
        io: &Handle,
        config: &Config,
        sockets: Vec<(ListenerId, Transport, TcpListener)>,
        listeners: &Arc<Listeners>,
        (doors, spread): (Arc<[Arc<Door>]>, Spread),
    ) -> Result<Arc<Self>, TlsError> {
        let secure = sockets.iter().any(|(_, transport, _)| transport.is_secure());
        let certificates = if secure {
            let folder = config.state_folder.as_deref();
            Some(Certificates::load(&config.tls, folder, &names_of(config, listeners))?)
        } else {
            None
        };
        let streams = Arc::new(Self {
            config: config.clone(),
            listeners: Arc::clone(listeners),
            doors,
            spread,
            table: Mutex::new(Table::new(config.connections_max, config.connections_per_peer_max)),
            certificates,
            counters: Arc::default(),
            io: io.clone(),
            ended: CancellationToken::new(),
        });
        for (listener, transport, socket) in sockets {
            io.spawn(accept::accept(Arc::clone(&streams), listener, transport, socket));
        }
        let watching = Arc::clone(&streams);
        io.spawn(async move {
            if let Some(certificates) = &watching.certificates {
                let watch = certificates.watch(watching.config.tls_watch_period());
                watching.ended.run_until_cancelled(watch).await;
            }
        });
        Ok(streams)
    }

    /// Queues one message for its connection, which is made when there is none. The error is for the log and the
    /// transaction.
    pub(crate) fn send(
        self: &Arc<Self>,
        sending: &Sending,
        octets: &[u8],
        shard: u16,
    ) -> Result<(), &'static str> {
        let sender = sending.transaction.map(|transaction| Sender { transaction, shard });
        let result = match &sending.to {
            NextHop::Flow(flow) => self.send_along(flow, octets, sender),
            NextHop::Address { transport, remote, host, listener } => {
                let host = host.as_ref().filter(|_| transport.is_secure()).map(Arc::clone);
                let destination = Destination { transport: *transport, remote: *remote, host };
                self.send_towards(&destination, *listener, octets, sender)
            }
        };
        if result.is_err() {
            self.counters.unsent.add_shared(1);
        }
        result
    }

    fn send_along(&self, flow: &Flow, octets: &[u8], sender: Option<Sender>) -> Result<(), &'static str> {
        let found = flow.connection.and_then(|id| self.table.lock().find(id).cloned());
        let connection = found.ok_or(GONE)?;
        connection.push(octets, sender).map_err(|why| match why {
            NotQueued::Full => self.full(),
            NotQueued::Closed => GONE,
        })
    }

    fn full(&self) -> &'static str {
        self.counters.closed_full.add_shared(1);
        "the write queue of the connection is full"
    }

    fn send_towards(
        self: &Arc<Self>,
        destination: &Destination,
        listener: Option<ListenerId>,
        octets: &[u8],
        sender: Option<Sender>,
    ) -> Result<(), &'static str> {
        let mut table = self.table.lock();
        if let Some(found) = table.towards(destination).cloned() {
            drop(table);
            match found.push(octets, sender) {
                Err(NotQueued::Full) => return Err(self.full()),
                // It ended between being found and being written to: a new one is made.
                Err(NotQueued::Closed) => table = self.table.lock(),
                Ok(()) => return Ok(()),
            }
        }
        let connection = self.make(&mut table, destination, listener)?;
        drop(table);
        // Queued before connecting can have failed, so that the failure is told.
        let queued = connection.push(octets, sender);
        self.io.spawn(connect::connect(Arc::clone(self), connection));
        queued.map_err(|_| GONE)
    }

    /// A new connection to a destination, in the table and not yet connecting.
    fn make(
        &self,
        table: &mut Table,
        destination: &Destination,
        listener: Option<ListenerId>,
    ) -> Result<Arc<Connection>, &'static str> {
        let Destination { transport, remote, host } = destination;
        if matches!(transport, Transport::Ws | Transport::Wss) {
            // RFC 7118 §5: only clients connect; a browser is reached over the connection that it made.
            return Err("the WebSocket client is not connected");
        }
        let listener = listener.or_else(|| self.listeners.pick(*transport, remote.ip()));
        let listener = listener.ok_or("no listener of that transport reaches the address")?;
        let local = std::net::Ipv4Addr::UNSPECIFIED.into();
        let flow = Flow { transport: *transport, listener, local, remote: *remote, connection: None };
        self.add(table, flow, host.clone())
    }

    fn add(
        &self,
        table: &mut Table,
        flow: Flow,
        host: Option<Arc<str>>,
    ) -> Result<Arc<Connection>, &'static str> {
        let octets_max = self.config.write_queue_max.bytes();
        let connecting_max = self.config.connect_queue_max;
        let added =
            table.add(flow, host, |flow, host| Connection::new(flow, host, octets_max, connecting_max));
        match added {
            Ok(connection) => {
                self.counters.open.add_shared(1);
                Ok(connection)
            }
            Err(NoRoom::All) => {
                self.counters.refused_max.add_shared(1);
                Err("connections_max is reached")
            }
            Err(NoRoom::Peer) => {
                self.counters.refused_peer.add_shared(1);
                Err("connections_per_peer_max is reached")
            }
        }
    }

    /// Takes a connection out of the table and tells all who wait on it.
    fn finish(&self, connection: &Connection, end: End) {
        let Some(id) = connection.flow.connection else {
            return;
        };
        if !self.table.lock().remove(id) {
            return;
        }
        self.counters.open.sub_shared(1);
        let (count, why) = match end {
            End::Peer => (None, "the peer closed the connection"),
            End::Idle => (Some(&self.counters.closed_idle), "the connection was idle"),
            End::Half => (Some(&self.counters.closed_half), "the peer sent half a message"),
            End::Closed => (None, "the connection was closed"),
            End::Broken => (Some(&self.counters.closed_broken), "the peer sent what is no SIP"),
            End::Connect => (Some(&self.counters.connect_failed), "the connection could not be made"),
            End::Handshake => (Some(&self.counters.handshake_failed), "TLS or WebSocket could not be agreed"),
        };
        if let Some(count) = count {
            count.add_shared(1);
        }
        tracing::debug!(remote = %connection.flow.remote, transport = connection.flow.transport.via_name(), why, "ended");
        for sender in connection.end() {
            if let Some(door) = self.doors.get(usize::from(sender.shard)) {
                door.failed(sender.transaction, why);
            }
        }
        for door in self.doors.iter() {
            door.notice(Item::Closed(id));
        }
    }

    /// Ends listening and all connections.
    pub(crate) fn end(&self) {
        self.ended.cancel();
        for connection in self.table.lock().iter() {
            connection.close();
        }
    }

    /// Closes all connections, spread over a time, so that phones register elsewhere one after the other.
    pub(crate) async fn close_gradually(&self, over: Duration) {
        let ids: Vec<ConnectionId> = self.table.lock().iter().filter_map(|one| one.flow.connection).collect();
        let pause = over.checked_div(u32::try_from(ids.len()).unwrap_or(u32::MAX)).unwrap_or_default();
        for id in ids {
            let found = self.table.lock().find(id).cloned();
            if let Some(connection) = found {
                connection.close();
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// What a self-signed certificate is made out to.
fn names_of(config: &Config, listeners: &Listeners) -> Vec<String> {
    let mut names = config.names.clone();
    names.extend(listeners.iter().filter_map(|listener| {
        listener.advertised.as_ref().map(|advertised| advertised.host.trim_matches(['[', ']']).to_owned())
    }));
    names.extend(listeners.interfaces().iter().map(|own| own.address.to_string()));
    names
}

const GONE: &str = "the connection is gone";

#[cfg(test)]
mod tests;
