//! The turn: take what came, let the core decide, flush what it sends, park.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::transaction::TransactionId;
use sip::transport::{Flow, ListenerId, NextHop, Outbox, Packet, Sending, Transport};

use super::inbox::{Batch, Door, Inbox, Item};
use super::quarantine::Quarantine;
use super::watch::Watch;
use super::{Core, Counters, Input, Spread};
use crate::clock;
use crate::listen::{Datagrams, Listeners, Streams, UdpPort, stun};

/// What a shard is made of. Nothing of it is shared but the inboxes, the listener table and the counters.
pub(crate) struct Shard<C: Core> {
    pub(crate) core: C,
    pub(crate) number: u16,
    pub(crate) spread: Spread,
    pub(crate) doors: Arc<[Arc<Door>]>,
    pub(crate) inbox: Inbox<C::Posted>,
    pub(crate) ports: Vec<UdpPort>,
    pub(crate) watch: Watch,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) streams: Option<Arc<Streams>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) quarantine: Quarantine,
    pub(crate) rooms: Rooms<C::Posted>,
}

/// The buffers of a shard, used again in each turn.
pub(crate) struct Rooms<P> {
    datagrams: Datagrams,
    batch: Batch,
    posts: VecDeque<P>,
    outbox: Outbox,
    answer: Vec<u8>,
    errors: Vec<(SocketAddr, &'static str)>,
    recent: Recent,
    /// After a panic in a tick, the time before which there is no other.
    quiet_until: Option<Instant>,
    stopping: bool,
}

impl<P> Rooms<P> {
    pub(crate) fn new() -> Self {
        Self {
            datagrams: Datagrams::new(),
            batch: Batch::default(),
            posts: VecDeque::new(),
            outbox: Outbox::default(),
            answer: Vec::new(),
            errors: Vec::new(),
            recent: Recent::default(),
            quiet_until: None,
            stopping: false,
        }
    }
}

impl<C: Core> Shard<C> {
    /// Turns until it is told to stop.
    pub(crate) fn run(mut self) {
        self.inbox.door().hang(self.watch.bell());
        loop {
            let more = self.turn(clock::now());
            if self.rooms.stopping {
                return;
            }
            if more {
                // More waits already: a look at what the kernel reports, and on.
                self.watch.wait(Some(Duration::ZERO), &mut self.ports);
            } else {
                self.park();
            }
        }
    }

    /// One turn; true when more waits already.
    fn turn(&mut self, now: Instant) -> bool {
        let mut more = false;
        for port in 0..self.ports.len() {
            self.take_errors(now, port);
            more |= self.take_datagrams(now, port);
        }
        // What shards hand to each other goes before the messages that follow it.
        more |= self.take_posts(now);
        more |= self.take_notices(now);
        self.tick(now);
        self.flush();
        self.counters.turns.add(1);
        more
    }

    /// RFC 3261 §18.4: an ICMP error is told to the transactions that sent there lately.
    fn take_errors(&mut self, now: Instant, port: usize) {
        let mut errors = std::mem::take(&mut self.rooms.errors);
        self.ports[port].take_errors(|remote, why| errors.push((remote, why)));
        for (remote, why) in errors.drain(..) {
            self.counters.unreachable.add(1);
            while let Some(transaction) = self.rooms.recent.take(remote) {
                self.give_other(now, Input::Failed { transaction, why });
            }
        }
        self.rooms.errors = errors;
    }

    fn take_datagrams(&mut self, now: Instant, port: usize) -> bool {
        let mut batch = std::mem::replace(&mut self.rooms.datagrams, Datagrams::none());
        self.ports[port].receive(&mut batch);
        let listener = self.ports[port].listener;
        let bound = self.ports[port].bound().ip();
        for (octets, remote, local) in batch.iter() {
            self.counters.datagrams.add(1);
            self.counters.octets_in.add(octets.len() as u64);
            let local = local.unwrap_or(bound);
            let flow = Flow { transport: Transport::Udp, listener, local, remote, connection: None };
            self.take_datagram(now, port, &Packet { octets, flow, arrived: now });
        }
        let more = batch.is_full();
        self.rooms.datagrams = batch;
        more
    }

    fn take_datagram(&mut self, now: Instant, port: usize, packet: &Packet<'_>) {
        // RFC 5626 asks for STUN on datagrams; many phones send line ends, or a NUL, to hold their NAT open.
        if packet.octets.len() <= 4
            && packet.octets.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0 | b' '))
        {
            self.counters.keep_alives.add(1);
            return;
        }
        if stun::is_stun(packet.octets) {
            self.rooms.answer.clear();
            if stun::answer(packet.octets, packet.flow.remote, &mut self.rooms.answer) {
                self.counters.stun.add(1);
                let _ =
                    self.ports[port].send(&self.rooms.answer, packet.flow.remote, Some(packet.flow.local));
            }
            return;
        }
        let owner = self.spread.shard_of_message(packet.octets);
        if owner == self.number {
            self.take_packet(now, packet);
        } else if self.doors[usize::from(owner)].hand_over(packet).is_ok() {
            self.counters.handed_over.add(1);
        } else {
            self.counters.dropped_full.add(1);
        }
    }

    fn take_packet(&mut self, now: Instant, packet: &Packet<'_>) {
        if !self.quarantine.is_empty() && self.quarantine.holds(now, self.spread.hash(packet.octets)) {
            self.counters.quarantined.add(1);
            return;
        }
        self.counters.packets.add(1);
        if self.give(now, Input::Packet(*packet)) {
            return;
        }
        let hash = self.spread.hash(packet.octets);
        self.quarantine.add(now, hash);
        let call_id = sip::scan::call_id(packet.octets).map(String::from_utf8_lossy);
        let call_id = call_id.as_deref().unwrap_or("unknown");
        tracing::error!(shard = self.number, remote = %packet.flow.remote, call_id, "the packet is quarantined for 32 s");
        self.recover(now, Some(packet.octets));
    }

    /// Hands one input to the core; false when that panicked.
    fn give(&mut self, now: Instant, input: Input<'_, C::Posted>) -> bool {
        let core = &mut self.core;
        let out = &mut self.rooms.outbox;
        // What the core wrote before it panicked lies behind the last whole message of the outbox: harmless.
        let result = catch_unwind(AssertUnwindSafe(|| core.handle(now, input, out)));
        if let Err(payload) = &result {
            self.counters.panics.add(1);
            let text = payload.downcast_ref::<&str>().copied();
            let text =
                text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
            tracing::error!(shard = self.number, panic = text, "a panic was caught; everything else goes on");
        }
        result.is_ok()
    }

    fn recover(&mut self, now: Instant, octets: Option<&[u8]>) {
        let core = &mut self.core;
        if catch_unwind(AssertUnwindSafe(|| core.recover(now, octets))).is_err() {
            self.counters.panics.add(1);
            tracing::error!(shard = self.number, "removing what the input named panicked as well");
        }
    }

    fn give_other(&mut self, now: Instant, input: Input<'_, C::Posted>) {
        if !self.give(now, input) {
            self.recover(now, None);
        }
    }

    fn take_notices(&mut self, now: Instant) -> bool {
        if self.rooms.batch.items.is_empty() {
            let door = Arc::clone(self.inbox.door());
            door.drain(&mut self.rooms.batch);
        }
        for _ in 0..AT_ONCE {
            let Some(item) = self.rooms.batch.items.pop_front() else {
                return false;
            };
            match item {
                Item::Packet { range, flow, arrived } => {
                    let octets = std::mem::take(&mut self.rooms.batch.octets);
                    self.take_packet(now, &Packet { octets: &octets[range], flow, arrived });
                    self.rooms.batch.octets = octets;
                }
                Item::Failed { transaction, why } => self.give_other(now, Input::Failed { transaction, why }),
                Item::Closed(connection) => self.give_other(now, Input::ConnectionClosed(connection)),
                Item::Quiet(answer) => {
                    let quiet = catch_unwind(AssertUnwindSafe(|| self.core.quiet())).unwrap_or(true);
                    let _ = answer.send(quiet);
                }
                Item::Stop => self.rooms.stopping = true,
            }
        }
        !self.rooms.batch.items.is_empty()
    }

    fn take_posts(&mut self, now: Instant) -> bool {
        if self.rooms.posts.is_empty() {
            self.inbox.drain(&mut self.rooms.posts);
        }
        for _ in 0..AT_ONCE {
            let Some(value) = self.rooms.posts.pop_front() else {
                return false;
            };
            self.give_other(now, Input::Posted(value));
        }
        !self.rooms.posts.is_empty()
    }

    fn tick(&mut self, now: Instant) {
        let due = self.core.deadline().is_some_and(|deadline| deadline <= now);
        if !due || self.rooms.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        let ticked = self.give(now, Input::Tick);
        self.rooms.quiet_until = if ticked { None } else { Some(now + AFTER_PANIC) };
        if !ticked {
            self.recover(now, None);
        }
    }

    /// Sends what the turn produced, in order.
    fn flush(&mut self) {
        if self.rooms.outbox.is_empty() {
            return;
        }
        let outbox = std::mem::take(&mut self.rooms.outbox);
        for (sending, octets) in outbox.sends() {
            match sending.to.transport() {
                Transport::Udp => self.send_datagram(sending, octets),
                Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                    let streams = self.streams.as_ref().ok_or("no listener of a stream transport");
                    if let Err(why) = streams.and_then(|streams| streams.send(sending, octets, self.number)) {
                        self.fail(sending, why);
                    }
                }
            }
        }
        self.rooms.outbox = outbox;
        self.rooms.outbox.clear();
    }

    fn send_datagram(&mut self, sending: &Sending, octets: &[u8]) {
        let remote = sending.to.remote();
        let (listener, local) = match &sending.to {
            NextHop::Flow(flow) => (Some(flow.listener), Some(flow.local)),
            NextHop::Address { listener: Some(listener), .. } => (Some(*listener), None),
            NextHop::Address { listener: None, .. } => {
                (self.listeners.pick(Transport::Udp, remote.ip()), None)
            }
        };
        let Some(port) = listener.and_then(|listener| self.port_of(listener)) else {
            self.fail(sending, "no UDP listener reaches that address");
            return;
        };
        match port.send(octets, remote, local) {
            Ok(()) => {
                self.counters.sent.add(1);
                self.counters.octets_out.add(octets.len() as u64);
                if let Some(transaction) = sending.transaction {
                    self.rooms.recent.add(remote, transaction);
                }
            }
            // The kernel's queue is full: lost as if by the network, and repeated by the timers.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.counters.unsent.add(1),
            Err(error) => {
                self.counters.unsent.add(1);
                tracing::debug!(%remote, %error, octets = octets.len(), "the kernel did not send a datagram");
                self.fail(sending, "the kernel did not send the datagram");
            }
        }
    }

    fn port_of(&self, listener: ListenerId) -> Option<&UdpPort> {
        self.ports.iter().find(|port| port.listener == listener)
    }

    /// Tells the transaction in the next turn, never in this one.
    fn fail(&self, sending: &Sending, why: &'static str) {
        if let Some(transaction) = sending.transaction {
            self.inbox.door().failed(transaction, why);
        }
    }

    fn park(&mut self) {
        if self.inbox.may_sleep() {
            let deadline = self.core.deadline();
            let deadline = deadline.map(|at| self.rooms.quiet_until.map_or(at, |until| at.max(until)));
            let most = deadline.map(|at| at.saturating_duration_since(clock::now()));
            self.watch.wait(most, &mut self.ports);
        }
        self.inbox.door().is_awake();
    }
}

/// Who sent where lately, so that an ICMP error finds its transaction. A ring: old ones are overwritten.
#[derive(Default)]
struct Recent {
    ring: Vec<Option<(SocketAddr, TransactionId)>>,
    next: usize,
}

impl Recent {
    fn add(&mut self, remote: SocketAddr, transaction: TransactionId) {
        if self.ring.len() < RECENT_MAX {
            self.ring.push(Some((remote, transaction)));
            return;
        }
        self.ring[self.next] = Some((remote, transaction));
        self.next = (self.next + 1) % RECENT_MAX;
    }

    /// One transaction that sent to `remote`, and forgets it.
    fn take(&mut self, remote: SocketAddr) -> Option<TransactionId> {
        let entry = self.ring.iter_mut().find(|entry| entry.is_some_and(|(to, _)| to == remote))?;
        let (_, transaction) = entry.take()?;
        for other in &mut self.ring {
            if *other == Some((remote, transaction)) {
                *other = None;
            }
        }
        Some(transaction)
    }
}

/// Inbox items of a turn.
const AT_ONCE: usize = 32;
/// How long ticks rest after one panicked, so that a broken timer does not spin.
const AFTER_PANIC: Duration = Duration::from_millis(10);
/// Sends that are remembered for ICMP errors.
const RECENT_MAX: usize = 1024;
