//! The transaction layer of one shard: finds the machine that a message, a timer or a failure belongs to, lets
//! it speak, and carries out what it says. Only here transactions come into the table and leave it.

use std::time::Instant;

use super::carry::{Carried, Given};
use super::class::Class;
use super::client::Client;
use super::invite_client::InviteClient;
use super::invite_server::InviteServer;
use super::key::Keys;
use super::machine::{Happening, Machine};
use super::output::Outputs;
use super::reply;
use super::server::Server;
use super::streams::Streams;
use super::table::{Cancel, Closing, Table, Transaction};
use super::timer::{Intervals, Reliability, Timer};
use super::{Event, Failure, Full, TransactionId, TransactionKey};
use crate::build;
use crate::message::{Index, Limits, Message, Method, Status};
use crate::transport::{ConnectionId, NextHop, Outbox, Packet};
use crate::wheel::{Tick, Wheel};

/// What an endpoint is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// T1, T2 and T4.
    pub intervals: Intervals,
    /// Transactions at most, of all four kinds. Default 300,000. Beyond it new requests are refused with 503. A
    /// transaction takes about 250 octets and its messages, and up to 37 s after its answer over UDP.
    pub transactions_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { intervals: Intervals::default(), transactions_max: 300_000 }
    }
}

/// The transactions of one shard. `U` names the user of a transaction; it is handed back with each event.
#[derive(Debug)]
pub struct Endpoint<U> {
    pub(super) config: Config,
    pub(super) table: Table<U>,
    pub(super) wheel: Wheel,
    pub(super) keys: Keys,
    pub(super) streams: Streams,
    /// Slots whose machine has ended, to be emptied at the next tick.
    pub(super) ended: Vec<u32>,
    /// Slots whose request is to be forgotten at the next tick.
    pub(super) forgetting: Vec<u32>,
    /// Where messages of the layer's own are written before they are kept.
    pub(super) buffer: Vec<u8>,
    /// The index of the request of `indexed`, the server transaction that was made last: it is read again in the
    /// same turn, to answer it and to forward it.
    index: Index,
    indexed: Option<TransactionId>,
    pub(super) latest: Instant,
    pub(super) counters: Counters,
}

/// What an endpoint has and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Live INVITE server transactions.
    pub invite_servers: u32,
    /// Live INVITE client transactions.
    pub invite_clients: u32,
    /// Live other server transactions.
    pub servers: u32,
    /// Live other client transactions.
    pub clients: u32,
    /// Transactions refused because the table was full.
    pub refused_full: u64,
    /// Requests and responses that came again and were absorbed.
    pub absorbed: u64,
    /// Responses that matched nothing.
    pub strays: u64,
    /// Messages sent again because nothing was heard.
    pub repeated: u64,
    /// Transactions that failed by a timer.
    pub timeouts: u64,
    /// Transactions that failed by the transport.
    pub undelivered: u64,
}

impl<U: Copy> Endpoint<U> {
    /// An empty endpoint whose time begins at `now`. The seed keys the table and must not be known outside.
    pub fn new(config: Config, now: Instant, seed: [u64; 2]) -> Self {
        Self {
            config,
            table: Table::new(config.transactions_max),
            wheel: Wheel::new(now, config.transactions_max.min(1 << 20)),
            keys: Keys::new(seed),
            streams: Streams::default(),
            ended: Vec::new(),
            forgetting: Vec::new(),
            buffer: Vec::new(),
            index: Index::default(),
            indexed: None,
            latest: now,
            counters: Counters::default(),
        }
    }

    /// Takes a message that was parsed and found valid, and says what it means for the user.
    pub fn receive(&mut self, now: Instant, message: &Message<'_>, out: &mut Outbox) -> Event<U> {
        self.latest = now;
        let event = match message.method() {
            None => self.receive_response(now, message, out),
            Some(Method::Ack) => self.receive_ack(now, message, out),
            Some(method) => self.receive_request(now, message, method, out),
        };
        match event {
            Event::Absorbed => self.counters.absorbed += 1,
            Event::Stray => self.counters.strays += 1,
            _ => {}
        }
        event
    }

    fn receive_request(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        method: Method<'_>,
        out: &mut Outbox,
    ) -> Event<U> {
        let Some(key) = self.keys.server(message, method) else { return Event::Stray };
        if let Some(slot) = self.table.find(key) {
            self.handle(slot, Happening::Repeated, now, Given::Nothing, out);
            return Event::Absorbed;
        }
        if method != Method::Cancel {
            return Event::Request { key };
        }
        // §9.2: the CANCEL matches what the INVITE of the same branch would match.
        let invite = self.keys.server(message, Method::Invite).and_then(|key| self.find_user(key));
        Event::Cancel { key, invite }
    }

    fn receive_ack(&mut self, now: Instant, message: &Message<'_>, out: &mut Outbox) -> Event<U> {
        let slot = match self.keys.ack(message) {
            Some(key) => self.table.find(key).or_else(|| self.table.find_ack(key)),
            None => None,
        };
        let Some(slot) = slot else { return Event::Ack { invite: None } };
        let carried = self.handle(slot, Happening::Acked, now, Given::Nothing, out);
        match self.table.at(slot) {
            Some(found) if carried.passed => {
                Event::Ack { invite: Some((self.table.id_of(slot), found.user)) }
            }
            _ => Event::Absorbed,
        }
    }

    fn receive_response(&mut self, now: Instant, message: &Message<'_>, out: &mut Outbox) -> Event<U> {
        let (Some(status), Some(key)) = (message.status(), self.keys.response(message)) else {
            return Event::Stray;
        };
        let Some(slot) = self.table.find(key) else { return Event::Stray };
        let happening = Happening::Response(Class::of(status.code()));
        let carried = self.handle(slot, happening, now, Given::Response(message), out);
        match self.table.at(slot) {
            Some(found) if carried.passed => {
                Event::Response { transaction: self.table.id_of(slot), user: found.user, status }
            }
            _ => Event::Absorbed,
        }
    }

    /// Makes the server transaction of a new request, CANCEL included, that [`Endpoint::receive`] gave `key` to.
    /// What is kept of the request has the `received` and `rport` of §18.2.1 and RFC 3581 in its top Via.
    pub fn accept(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
        user: U,
    ) -> Result<TransactionId, Full> {
        self.latest = now;
        if let Some(slot) = self.table.find(key) {
            return Ok(self.table.id_of(slot));
        }
        self.room()?;
        let reliability = Reliability::of(packet.flow.transport);
        let machine = match message.method() {
            Some(Method::Invite) => Machine::InviteServer(InviteServer::new(reliability)),
            _ => Machine::Server(Server::new(reliability)),
        };
        let via = message.via().ok();
        let way = reply::way(packet, via);
        let mut transaction = Transaction::new(key, machine, user, way.hop);
        transaction.fallback_port = way.fallback_port;
        transaction.is_legacy = way.is_legacy;
        transaction.request = reply::marked(packet, message, via, &mut self.buffer, &mut self.index);
        let slot = self.insert(transaction);
        self.indexed = Some(self.table.id_of(slot));
        // An arrival only starts timers.
        self.handle(slot, Happening::Begun, now, Given::Nothing, &mut Outbox::default());
        Ok(self.table.id_of(slot))
    }

    /// Answers a request without a transaction (§8.2.7), along the way of §18.2.2. `write` gets the top Via with
    /// its `received` and `rport` where they are due, for [`crate::build::Extra`]. The counterpart of [`Full`] is
    /// a 503 with Retry-After.
    pub fn answer(
        &mut self,
        packet: &Packet<'_>,
        message: &Message<'_>,
        out: &mut Outbox,
        write: impl FnOnce(Option<&[u8]>, &mut Vec<u8>),
    ) {
        let via = message.via().ok();
        let top_via = reply::mark(packet, message, via, &mut self.buffer).map(|_| &self.buffer[..]);
        out.send(reply::way(packet, via).hop, None, |octets| write(top_via, octets));
    }

    /// Sends a response through the machine; a late or repeated one is dropped where the machine says so. False
    /// when nothing was sent.
    pub fn respond(&mut self, now: Instant, id: TransactionId, octets: &[u8], out: &mut Outbox) -> bool {
        self.latest = now;
        let Some(status) = status_of(octets) else { return false };
        if self.table.get(id).is_none() {
            return false;
        }
        if status.is_final() {
            self.keep_ack_key(id, octets);
        }
        let happening = Happening::Answered(Class::of(status.code()));
        self.handle(id.slot, happening, now, Given::Octets(octets), out).sent
    }

    /// Sends a request of ours, or one that is forwarded, in a client transaction. Its top Via holds a branch of
    /// ours already. An ACK for a 2xx has no transaction and goes to the outbox directly.
    pub fn request(
        &mut self,
        now: Instant,
        user: U,
        next_hop: NextHop,
        octets: &[u8],
        out: &mut Outbox,
    ) -> Result<TransactionId, Full> {
        self.latest = now;
        self.room()?;
        Ok(self.begin(now, user, next_hop, octets, out))
    }

    /// Withdraws an INVITE (§9.1): the CANCEL goes now, or when a provisional response comes, in a client
    /// transaction of its own whose user is `user`. `headers` are more header lines, a Reason
    /// (RFC 3326) for one. False when the INVITE has its final response, or its CANCEL already.
    pub fn cancel(
        &mut self,
        now: Instant,
        id: TransactionId,
        headers: &[(&str, &[u8])],
        user: U,
        out: &mut Outbox,
    ) -> bool {
        self.latest = now;
        let Some(invite) = self.table.get(id) else { return false };
        match &invite.machine {
            Machine::InviteClient(machine) if machine.takes_cancel() => {}
            _ => return false,
        }
        let mut octets = Vec::with_capacity(invite.request.len());
        let Ok(request) = Message::parse(&invite.request, &LIMITS) else { return false };
        build::cancel(&request, headers, &mut octets);
        if let Some(invite) = self.table.at_mut(id.slot) {
            invite.cancel = Some(Box::new(Cancel { octets, user }));
        }
        self.handle(id.slot, Happening::Cancel, now, Given::Nothing, out);
        true
    }

    /// The transport could not send for this transaction, or the connection that it waits on has ended.
    pub fn failed(&mut self, now: Instant, id: TransactionId, out: &mut Outbox, events: &mut Vec<Event<U>>) {
        self.latest = now;
        if self.table.get(id).is_none() || self.answer_elsewhere(id, out) {
            return;
        }
        self.handle_failing(id.slot, Happening::Undelivered, now, out, events);
    }

    /// A stream connection has ended: each client transaction that waits on it fails, since its response can come
    /// no other way. Servers learn it when they answer.
    pub fn closed(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        out: &mut Outbox,
        events: &mut Vec<Event<U>>,
    ) {
        self.latest = now;
        while let Some(slot) = self.streams.take(connection, &mut self.table) {
            self.handle_failing(slot, Happening::Undelivered, now, out, events);
        }
    }

    /// Ends a transaction without a word to its peer, as after a panic in its user. That it is gone is told by the
    /// next tick.
    pub fn end(&mut self, id: TransactionId) {
        if self.table.get(id).is_some_and(|found| found.closing != Closing::End) {
            self.leave(id.slot);
            self.hang(id.slot);
        }
    }

    /// The live transactions whose request is kept and has this Call-ID. It looks at all of them: for the rare cases
    /// alone in which nobody else knows.
    pub fn of_call(&self, call_id: &[u8]) -> Vec<TransactionId> {
        let is_of = |id: &TransactionId| {
            let kept = self.kept_request(*id);
            kept.is_some_and(|octets| crate::scan::call_id(octets) == Some(call_id))
        };
        self.table.ids().filter(is_of).collect()
    }

    /// Lets the timers speak that are due, and tells what has ended. To be called when [`Endpoint::deadline`] has
    /// come, until it lies ahead: one call lets at most 512 speak, so that packets need not wait for thousands.
    pub fn tick(&mut self, now: Instant, out: &mut Outbox, events: &mut Vec<Event<U>>) {
        self.latest = now;
        self.settle(events);
        for _ in 0..TIMERS_PER_TICK {
            let Some(slot) = self.wheel.pop(now) else { return };
            let Some(timer) = self.table.at_mut(slot).and_then(take_due) else { continue };
            let failed = self.handle_failing(slot, Happening::Timer(timer), now, out, events);
            self.hang(slot);
            // Who is told of a failure may want the request once more, in this turn.
            if !failed && self.ended.last() == Some(&slot) {
                self.ended.pop();
                self.remove(slot, events);
            }
        }
    }

    /// When [`Endpoint::tick`] is to be called next, to 10 ms; none when nothing waits.
    pub fn deadline(&self) -> Option<Instant> {
        if self.ended.is_empty() { self.wheel.deadline() } else { Some(self.latest) }
    }

    /// The request of a live transaction: a server's as it came, marked, until its final response; a client's as
    /// it was sent, until the tick after its final response.
    pub fn kept_request(&self, id: TransactionId) -> Option<&[u8]> {
        self.table.get(id).map(|found| &found.request[..]).filter(|octets| !octets.is_empty())
    }

    /// Reads the request that [`Endpoint::kept_request`] gives, or a copy of it. That of the server transaction which
    /// was made last is not looked through again. `None` when it cannot be read.
    pub fn read<'a>(&self, id: TransactionId, octets: &'a [u8]) -> Option<Message<'a>> {
        let indexed = (self.indexed == Some(id)).then(|| Message::of_index(octets, &self.index)).flatten();
        indexed.or_else(|| Message::parse(octets, &LIMITS).ok())
    }

    /// The last response of an INVITE server, when the transport could not deliver it and no other way was given to it
    /// yet: its top Via may lead to one (RFC 3263 §5). A 2xx is not kept: its user repeats it.
    pub fn lost_response(&self, id: TransactionId) -> Option<&[u8]> {
        let found = self.table.get(id)?;
        let is_server = matches!(found.machine, Machine::InviteServer(_));
        let is_on_another_way = matches!(found.hop, NextHop::Address { listener: None, .. });
        (is_server && !is_on_another_way && !found.last.is_empty()).then_some(&found.last[..])
    }

    /// Gives the responses of a server another way, and sends the last one along it.
    pub fn redirect(&mut self, id: TransactionId, hop: NextHop, out: &mut Outbox) {
        if self.lost_response(id).is_some()
            && let Some(found) = self.table.at_mut(id.slot)
        {
            found.hop = hop;
            found.repeat(id, out);
        }
    }

    /// The Call-ID of a live transaction, read from what it keeps: for the log. None when it keeps nothing any more.
    pub fn call_id(&self, id: TransactionId) -> Option<&[u8]> {
        let found = self.table.get(id)?;
        crate::scan::call_id(if found.request.is_empty() { &found.last } else { &found.request })
    }

    /// Where the messages of a live transaction go.
    pub fn next_hop(&self, id: TransactionId) -> Option<&NextHop> {
        self.table.get(id).map(|found| &found.hop)
    }

    /// The user of a live transaction.
    pub fn user(&self, id: TransactionId) -> Option<U> {
        self.table.get(id).map(|found| found.user)
    }

    /// Gives a live transaction to another user.
    pub fn set_user(&mut self, id: TransactionId, user: U) {
        if self.table.get(id).is_some()
            && let Some(found) = self.table.at_mut(id.slot)
        {
            found.user = user;
        }
    }

    /// Live transactions of each kind, and what was counted since the beginning.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Live transactions of all kinds, those included whose end has not been told yet.
    pub fn live(&self) -> usize {
        self.table.len()
    }

    fn room(&mut self) -> Result<(), Full> {
        if self.table.len() < self.config.transactions_max {
            return Ok(());
        }
        self.counters.refused_full += 1;
        Err(Full)
    }

    fn find_user(&self, key: TransactionKey) -> Option<(TransactionId, U)> {
        let slot = self.table.find(key)?;
        self.table.at(slot).map(|found| (self.table.id_of(slot), found.user))
    }

    /// A client transaction, without asking for room: the CANCEL of an INVITE has it always, so there are at most
    /// twice `transactions_max`.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        user: U,
        hop: NextHop,
        octets: &[u8],
        out: &mut Outbox,
    ) -> TransactionId {
        let reliability = Reliability::of(hop.transport());
        let machine = if octets.starts_with(b"INVITE ") {
            Machine::InviteClient(InviteClient::new(reliability))
        } else {
            Machine::Client(Client::new(reliability))
        };
        let mut transaction = Transaction::new(self.keys.request(octets), machine, user, hop);
        transaction.request = octets.to_vec();
        let slot = self.insert(transaction);
        self.handle(slot, Happening::Begun, now, Given::Octets(octets), out);
        self.table.id_of(slot)
    }

    fn insert(&mut self, transaction: Transaction<U>) -> u32 {
        *self.counters.live_of(&transaction.machine) += 1;
        let slot = self.table.insert(transaction).slot;
        self.streams.add(slot, &mut self.table);
        slot
    }

    /// Lets a machine speak that may fail, and tells it.
    fn handle_failing(
        &mut self,
        slot: u32,
        happening: Happening,
        now: Instant,
        out: &mut Outbox,
        events: &mut Vec<Event<U>>,
    ) -> bool {
        let Some(failure) = self.handle(slot, happening, now, Given::Nothing, out).failure else {
            return false;
        };
        match failure {
            Failure::Timeout => self.counters.timeouts += 1,
            Failure::Transport => self.counters.undelivered += 1,
        }
        if let Some(found) = self.table.at(slot) {
            events.push(Event::Failed { transaction: self.table.id_of(slot), user: found.user, failure });
        }
        true
    }

    /// Empties what has ended since the last tick.
    fn settle(&mut self, events: &mut Vec<Event<U>>) {
        for slot in self.forgetting.drain(..) {
            if let Some(found) = self.table.at_mut(slot).filter(|found| found.closing == Closing::Forget) {
                found.request = Vec::new();
                found.closing = Closing::No;
            }
        }
        while let Some(slot) = self.ended.pop() {
            self.remove(slot, events);
        }
    }

    /// The one exit of all machines.
    fn remove(&mut self, slot: u32, events: &mut Vec<Event<U>>) {
        if let Some((transaction, ended)) = self.table.remove(slot) {
            *self.counters.live_of(&ended.machine) -= 1;
            events.push(Event::Gone { transaction, user: ended.user });
        }
    }

    /// Stops everything of a slot: only [`Endpoint::settle`] touches it after this.
    pub(super) fn leave(&mut self, slot: u32) {
        if let Some(found) = self.table.at_mut(slot) {
            found.timers = [None; 2];
            found.due = [Tick::MAX; 2];
            found.closing = Closing::End;
        }
        self.streams.remove(slot, &mut self.table);
        self.table.hide(slot);
        self.ended.push(slot);
    }

    /// Gives an event to the machine of a slot and carries out what it says.
    pub(super) fn handle(
        &mut self,
        slot: u32,
        happening: Happening,
        now: Instant,
        given: Given<'_>,
        out: &mut Outbox,
    ) -> Carried {
        let mut outputs = Outputs::default();
        let Some(found) = self.table.at_mut(slot) else { return Carried::default() };
        found.machine.handle(happening, &self.config.intervals, &mut outputs);
        self.carry_out(slot, &outputs, now, given, out)
    }

    /// Hangs the nearer timer of a slot into the wheel.
    pub(super) fn hang(&mut self, slot: u32) {
        let Some(found) = self.table.at(slot) else { return };
        match found.due[0].min(found.due[1]) {
            Tick::MAX => self.wheel.stop(slot),
            due => self.wheel.start(slot, due),
        }
    }
}

impl Counters {
    fn live_of(&mut self, machine: &Machine) -> &mut u32 {
        match machine {
            Machine::InviteServer(_) => &mut self.invite_servers,
            Machine::InviteClient(_) => &mut self.invite_clients,
            Machine::Server(_) => &mut self.servers,
            Machine::Client(_) => &mut self.clients,
        }
    }
}

/// Takes the timer that is due first off a transaction.
fn take_due<U>(transaction: &mut Transaction<U>) -> Option<Timer> {
    let lane = usize::from(transaction.due[1] < transaction.due[0]);
    transaction.due[lane] = Tick::MAX;
    transaction.timers[lane].take()
}

fn status_of(response: &[u8]) -> Option<Status> {
    let code = response.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    let code = code
        .iter()
        .try_fold(0_u16, |code, octet| octet.is_ascii_digit().then(|| code * 10 + u16::from(octet - b'0')))?;
    Status::new(code)
}

/// How many timers speak in one call.
const TIMERS_PER_TICK: usize = 512;

/// What we wrote ourselves, or took in before, is not limited again.
pub(super) const LIMITS: Limits = Limits {
    message_bytes_max: usize::MAX,
    headers_max: usize::MAX,
    line_bytes_max: usize::MAX,
    uri_bytes_max: usize::MAX,
    body_bytes_max: usize::MAX,
};
