//! Starts the shards of a process and keeps what the rest of it needs: inboxes, counters, the listener table.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::inbox::Item;
use super::metrics;
use super::quarantine::Quarantine;
use super::run::{Rooms, Shard};
use super::watch::Watch;
use super::{Config, Core, Counters, Door, Inbox, Spread};
use crate::clock;
use crate::listen::{self, BindError, Bound, Listeners, StreamCounters, Streams, TlsError, UdpPort};
use crate::telemetry::Registry;

/// What a core is told about its place when it is made.
#[derive(Debug)]
pub struct Place<P> {
    /// The number of its shard, from 0.
    pub shard: u16,
    /// Which Call-ID belongs to which shard.
    pub spread: Spread,
    /// The inboxes of all shards; its own is `inboxes[shard]`.
    pub inboxes: Arc<[Inbox<P>]>,
    /// The listeners as they were bound.
    pub listeners: Arc<Listeners>,
    /// A seed for whatever the core draws.
    pub seed: [u64; 2],
}

impl<P> Place<P> {
    /// The way into this core.
    pub fn inbox(&self) -> &Inbox<P> {
        &self.inboxes[usize::from(self.shard)]
    }
}

/// Why the shards could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificates are of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread or its runtime could not be made.
    #[error("cannot start a shard: {0}")]
    Thread(#[from] io::Error),
}

/// The shards of this process.
#[derive(Debug)]
pub struct Shards<P> {
    inboxes: Arc<[Inbox<P>]>,
    spread: Spread,
    counters: Vec<Arc<Counters>>,
    listeners: Arc<Listeners>,
    streams: Option<Arc<Streams>>,
    threads: Vec<JoinHandle<()>>,
    /// Of its own only when it was started outside of one.
    io: Option<Runtime>,
}

/// Binds every listener and starts the shards, each with the core that `make` gives for its place. Stream
/// connections live on the runtime that it is called in; outside of one, on a runtime made for them.
pub fn start<C: Core>(
    config: &Config,
    sockets: &listen::Config,
    mut make: impl FnMut(Place<C::Posted>) -> C,
) -> Result<Shards<C::Posted>, StartError> {
    let count = config.count();
    let Bound { listeners, udp, streams } = listen::bind(sockets, count)?;
    let spread = Spread::new(count, clock::seed());
    let inboxes: Arc<[Inbox<C::Posted>]> = (0..count)
        .map(|_| {
            let door = Door::new(config.queue_packets_max, config.queue_octets_max.bytes());
            Inbox::new(door, config.queue_answers_max)
        })
        .collect();
    let doors: Arc<[Arc<Door>]> = inboxes.iter().map(|inbox| Arc::clone(inbox.door())).collect();
    let mut io = None;
    let streams = if streams.is_empty() {
        None
    } else {
        let handle = match Handle::try_current() {
            Ok(handle) => handle,
            Err(_) => {
                let made =
                    Builder::new_multi_thread().worker_threads(1).thread_name("io").enable_all().build()?;
                io.insert(made).handle().clone()
            }
        };
        Some(Streams::start(&handle, sockets, streams, &listeners, (Arc::clone(&doors), spread.clone()))?)
    };
    let mut shards = Shards {
        inboxes: Arc::clone(&inboxes),
        spread: spread.clone(),
        counters: Vec::new(),
        listeners: Arc::clone(&listeners),
        streams: streams.clone(),
        threads: Vec::new(),
        io,
    };
    let mut sockets_of: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for (listener, sockets) in udp {
        for (shard, socket) in sockets.into_iter().enumerate() {
            sockets_of[shard].push((listener, socket));
        }
    }
    for (number, sockets) in (0..count).zip(sockets_of) {
        let place = Place {
            shard: number,
            spread: spread.clone(),
            inboxes: Arc::clone(&inboxes),
            listeners: Arc::clone(&listeners),
            seed: clock::seed(),
        };
        let core = make(place);
        let counters = Arc::new(Counters::default());
        shards.counters.push(Arc::clone(&counters));
        let inbox = inboxes[usize::from(number)].clone();
        let (doors, listeners, streams) = (Arc::clone(&doors), Arc::clone(&listeners), streams.clone());
        let (quarantine, spread) = (Quarantine::new(config.quarantine_max), spread.clone());
        let with = move |ports, watch| Shard {
            core,
            number,
            spread,
            doors,
            inbox,
            ports,
            watch,
            listeners,
            streams,
            counters,
            quarantine,
            rooms: Rooms::new(),
        };
        shards.threads.push(spawn(number, sockets, with)?);
    }
    Ok(shards)
}

fn spawn<C: Core>(
    number: u16,
    sockets: Vec<(sip::transport::ListenerId, std::net::UdpSocket)>,
    with: impl FnOnce(Vec<UdpPort>, Watch) -> Shard<C> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let ports: io::Result<Vec<_>> =
        sockets.into_iter().map(|(listener, socket)| UdpPort::new(listener, socket)).collect();
    let ports = ports?;
    let watch = Watch::new(&ports)?;
    std::thread::Builder::new().name(format!("sip-{number}")).spawn(move || with(ports, watch).run())
}

impl<P: Send + 'static> Shards<P> {
    /// The inboxes, one for each shard.
    pub fn inboxes(&self) -> &Arc<[Inbox<P>]> {
        &self.inboxes
    }

    /// The inbox of the shard that owns a Call-ID.
    pub fn inbox_of(&self, call_id: &[u8]) -> &Inbox<P> {
        &self.inboxes[usize::from(self.spread.shard_of(call_id))]
    }

    /// The counters, one set for each shard.
    pub fn counters(&self) -> &[Arc<Counters>] {
        &self.counters
    }

    /// The listeners as they were bound.
    pub fn listeners(&self) -> &Arc<Listeners> {
        &self.listeners
    }

    /// The counters of the stream connections, when there are any.
    pub fn stream_counters(&self) -> Option<&Arc<StreamCounters>> {
        self.streams.as_ref().map(|streams| &streams.counters)
    }

    /// Adds the counters of shards and streams to the metrics.
    pub fn add_metrics(&self, registry: &Registry) {
        let (shards, streams) = (self.counters.clone(), self.stream_counters().cloned());
        registry.add(move |page| metrics::write(page, &shards, streams.as_deref()));
    }

    /// Closes the stream connections one after the other over this time, so that phones register elsewhere.
    pub async fn close_streams(&self, over: Duration) {
        if let Some(streams) = &self.streams {
            streams.close_gradually(over).await;
        }
    }

    /// Asks every core whether it is quiet.
    pub async fn is_quiet(&self) -> bool {
        for inbox in self.inboxes.iter() {
            let (answer, answered) = oneshot::channel();
            inbox.door().notice(Item::Quiet(answer));
            // A shard that has ended is quiet.
            if !answered.await.unwrap_or(true) {
                return false;
            }
        }
        true
    }

    /// Ends the threads after what stands in their queues, and waits for them. It blocks; not for a runtime thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for inbox in self.inboxes.iter() {
            inbox.door().notice(Item::Stop);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(streams) = self.streams.take() {
            streams.end();
        }
        if let Some(io) = self.io.take() {
            io.shutdown_background();
        }
    }
}
