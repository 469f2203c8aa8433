//! The world: the edge under test, phones at addresses, a wire without delay, and time that stands still until a
//! test moves it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use node::shard::Spread;
use node::{Listener, Listeners};
use sip::auth::Replay;
use sip::message::{Limits, Message, Name};
use sip::transport::{ConnectionId, Flow, ListenerId, NextHop, Packet, Transport};

use super::phone::{Dialog, Got, Phone};
use super::services::{Pace, Services};
use crate::config::{Anchor, ProxyConfig};
use crate::core::Edge;
use crate::core::effect::Input;
use crate::core::route::{Directly, Routes};
use crate::core::settings::Settings;
use crate::core::token::Keys;

/// Which phone.
pub type Who = &'static str;

/// Everything.
pub struct World {
    pub edge: Edge,
    /// The edges of the other shards, where there are some.
    pub others: Vec<Edge>,
    pub spread: Spread,
    pub services: Services,
    pub now: Instant,
    start: Instant,
    pub phones: BTreeMap<Who, Phone>,
    inboxes: BTreeMap<Who, VecDeque<Got>>,
    ladder: String,
    /// Final responses to each INVITE of a phone, by Call-ID and CSeq.
    finals: BTreeMap<String, Vec<u16>>,
    invites: Vec<String>,
    /// INVITEs of the edge that were refused, and those that were acknowledged, by branch.
    refused: BTreeMap<String, bool>,
    /// Where the next datagram comes back as an ICMP error.
    unreachable: Option<SocketAddr>,
    /// Statuses that a test expects more than one of.
    pub several_finals: bool,
    /// In which kinds of input panics were caught.
    pub panics: Vec<&'static str>,
}

/// What a world is made with.
pub struct Setup {
    pub config: ProxyConfig,
    pub routes: Arc<dyn Routes>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { config: ProxyConfig::default(), routes: Arc::new(Directly) }
    }
}

const EDGE: [u8; 4] = [10, 0, 0, 100];

impl World {
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    /// Whose calls are all conducted.
    pub fn conducted() -> Self {
        Self::conducted_with(Setup::default())
    }

    pub fn conducted_with(setup: Setup) -> Self {
        let config = ProxyConfig { anchor: Some(Anchor::Always), ..setup.config };
        Self::of(settings(Setup { config, ..setup }))
    }

    /// The same on so many shards; the key decides which call is on which.
    pub fn sharded(setup: Setup, shards: u16, key: u64) -> Self {
        let config = ProxyConfig { anchor: Some(Anchor::Always), ..setup.config };
        let settings = settings(Setup { config, ..setup });
        Self::of(Settings { spread: Spread::new(shards, [key, 7]), ..settings })
    }

    pub fn with(setup: Setup) -> Self {
        Self::of(settings(setup))
    }

    pub fn of(settings: Settings) -> Self {
        let start = Instant::now();
        let edge = |shard: u16| {
            let settings = Settings { shard: shard as u8, ..settings.clone() };
            let seed = [1, 2, 3, 4].map(|word| word + 4 * u64::from(shard));
            Edge::new(Arc::new(settings), seed, start, 1_700_000_000_000)
        };
        let mut world = Self {
            edge: edge(0),
            others: (1..settings.spread.shards()).map(edge).collect(),
            spread: settings.spread.clone(),
            services: Services::new(),
            now: start,
            start,
            phones: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            ladder: String::new(),
            finals: BTreeMap::new(),
            invites: Vec::new(),
            refused: BTreeMap::new(),
            unreachable: None,
            several_finals: false,
            panics: Vec::new(),
        };
        world.phone("alice", "alice", Transport::Udp, "10.0.0.1:5060");
        world.phone("bob", "bob", Transport::Udp, "10.0.0.2:5060");
        world.phone("martin", "martin", Transport::Udp, "10.0.0.3:5060");
        world
    }

    /// A phone more.
    pub fn phone(&mut self, name: Who, user: &str, transport: Transport, address: &str) {
        let address: SocketAddr = address.parse().expect("an address");
        let slot = self.phones.len() as u32;
        let phone = Phone {
            name,
            user: user.to_owned(),
            password: format!("secret-of-{user}"),
            transport,
            address,
            local: address,
            connection: transport.is_reliable().then_some(ConnectionId { slot, generation: 0 }),
            contact_params: String::new(),
            challenge: None,
            uses: 0,
            serial: 0,
        };
        self.phones.insert(name, phone);
        self.inboxes.insert(name, VecDeque::new());
    }

    pub fn at(&mut self, who: Who) -> &mut Phone {
        self.phones.get_mut(who).expect("a phone")
    }

    /// Registers phones, challenge and all, and forgets the ladder of it.
    pub fn register(&mut self, phones: &[Who]) {
        for who in phones {
            self.request(who, "REGISTER", "sip:carillon.local", "", "");
            let response = self.take(who);
            assert_eq!(response.status(), 401, "{}", response.text());
            self.at(who).challenged(&response);
            self.request(who, "REGISTER", "sip:carillon.local", "", "");
            let response = self.take(who);
            assert_eq!(response.status(), 200, "{}", response.text());
        }
        self.ladder.clear();
    }

    /// Sends a request outside a dialog.
    pub fn request(&mut self, who: Who, method: &str, uri: &str, headers: &str, body: &str) -> Got {
        let text = self.at(who).request(method, uri, headers, body);
        self.send(who, &text);
        Got(text.into_bytes())
    }

    /// INVITEs a user.
    pub fn invite(&mut self, who: Who, user: &str) -> Got {
        self.request(who, "INVITE", &format!("sip:{user}@carillon.local"), "", "")
    }

    /// Answers a request.
    pub fn reply(&mut self, who: Who, request: &Got, status: u16) {
        self.reply_with(who, request, status, "");
    }

    pub fn reply_with(&mut self, who: Who, request: &Got, status: u16, headers: &str) {
        let text = self.at(who).response(request, status, headers, "");
        self.send(who, &text);
    }

    /// Sends a request inside a dialog.
    pub fn within(&mut self, who: Who, dialog: &mut Dialog, method: &str) {
        let text = self.at(who).in_dialog(dialog, method, "");
        self.send(who, &text);
    }

    /// The hop-by-hop ACK or CANCEL of an INVITE that the phone sent (RFC 3261 §9.1, §17.1.1.3).
    pub fn hop_by_hop(&mut self, who: Who, method: &str, invite: &Got, to: Option<&Got>) {
        let to = to.map_or_else(|| invite.header(Name::To), |to| to.header(Name::To));
        let number = invite.header(Name::CSeq).replace(" INVITE", "");
        let text = format!(
            "{method} {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\n\
             CSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
            invite.uri(),
            invite.header(Name::Via),
            invite.header(Name::From),
            invite.header(Name::CallId),
        );
        self.send(who, &text);
    }

    /// Puts octets of a phone on the wire.
    pub fn send(&mut self, who: Who, text: &str) {
        let phone = self.at(who).clone();
        self.note(who, '>', text.as_bytes());
        let listener = listener_of(phone.transport);
        let flow = Flow {
            transport: phone.transport,
            listener,
            local: EDGE.into(),
            remote: phone.address,
            connection: phone.connection,
        };
        let packet = Packet { octets: text.as_bytes(), flow, arrived: self.now };
        let shard = self.spread.shard_of_message(text.as_bytes());
        self.give_to(shard, Input::Packet(packet));
        self.settle();
    }

    /// Hands an input to the edge as a shard does: a panic is caught, and what the input was about is removed.
    pub fn give(&mut self, input: Input<'_>) {
        self.give_to(0, input);
    }

    pub fn give_to(&mut self, shard: u16, input: Input<'_>) {
        let (kind, octets) = match &input {
            Input::Packet(packet) => ("a packet", Some(packet.octets)),
            Input::Answered(..) => ("an answer", None),
            Input::Failed { .. } | Input::ConnectionClosed(_) => ("a failure", None),
            Input::Media(..) | Input::MediaLost => ("an event of the media", None),
            Input::Run(..) => ("what an application says", None),
            Input::Changed(_) => ("a change", None),
            Input::Passed(_) => ("what another shard hands over", None),
            Input::Tick => ("a tick", None),
        };
        self.services.shard = shard;
        let edge = match shard {
            0 => &mut self.edge,
            other => &mut self.others[usize::from(other) - 1],
        };
        let (services, now) = (&mut self.services, self.now);
        if catch_unwind(AssertUnwindSafe(|| edge.handle(now, input, services))).is_err() {
            edge.recover(octets);
            self.panics.push(kind);
        }
    }

    /// What a phone got first.
    pub fn take(&mut self, who: Who) -> Got {
        let inbox = self.inboxes.get_mut(who).expect("a phone");
        inbox.pop_front().unwrap_or_else(|| panic!("{who} got nothing:\n{}", self.ladder))
    }

    /// What a phone got first of a kind: a method or a status.
    pub fn take_only(&mut self, who: Who, what: &str) -> Got {
        loop {
            let got = self.take(who);
            if summary(&got.0) == what {
                return got;
            }
        }
    }

    pub fn has_mail(&self, who: Who) -> bool {
        !self.inboxes[who].is_empty()
    }

    /// Lets held services answer.
    pub fn release(&mut self) {
        let pace = std::mem::replace(&mut self.services.pace, Pace::Now);
        self.settle();
        self.services.pace = pace;
    }

    /// Lets the oldest question be answered, and no other.
    pub fn release_one(&mut self) {
        if let Some((shard, ticket, answer)) = self.services.answers.pop_front() {
            self.give_to(shard, Input::Answered(ticket, answer));
            self.settle();
        }
    }

    /// Carries what the edge put out; held services stay silent.
    pub fn release_none(&mut self) {
        self.settle();
    }

    /// [`World::finish`], and a trace of the whole run.
    #[track_caller]
    pub fn finish_after(mut self, mut trace: String) -> String {
        self.wait(400_000);
        trace += &self.ladder();
        self.finish();
        trace
    }

    /// Moves time on, ticking whenever the edge wants it.
    pub fn wait(&mut self, milliseconds: u64) {
        let until = self.now + Duration::from_millis(milliseconds);
        while let Some((deadline, shard)) = self.deadline().filter(|(deadline, _)| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.give_to(shard, Input::Tick);
            self.settle();
        }
        self.now = until;
    }

    /// Closes the connection of a phone.
    pub fn hang_up(&mut self, who: Who) {
        if let Some(connection) = self.at(who).connection.take() {
            for shard in 0..self.spread.shards() {
                self.give_to(shard, Input::ConnectionClosed(connection));
                self.settle();
            }
        }
    }

    /// The ladder since it was last asked for.
    pub fn ladder(&mut self) -> String {
        std::mem::take(&mut self.ladder)
    }

    /// Compares the ladder, line by line and without its indentation.
    #[track_caller]
    pub fn expect(&mut self, ladder: &str) {
        let lines = |text: &str| -> Vec<String> {
            text.lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .filter(|line| !line.is_empty())
                .collect()
        };
        let seen = self.ladder();
        assert_eq!(lines(&seen), lines(ladder), "the ladder was:\n{seen}");
    }

    /// Lets everything run out and checks what must hold after each flow.
    #[track_caller]
    pub fn finish(mut self) {
        self.wait(400_000);
        for edge in self.edges() {
            assert!(edge.quiet(), "{:?}", edge.gauges());
            assert_eq!(edge.gauges(), crate::core::counters::Gauges::default());
            assert!(edge.deadline().is_none(), "a timer runs with nothing to do");
            assert!(edge.means.calls_of.is_empty());
        }
        assert_eq!(self.spread.detours(), 0, "messages go another way for nothing");
        if !self.panics.is_empty() {
            // Whose call was removed hears nothing of it.
            return;
        }
        for invite in &self.invites {
            let finals = self.finals.get(invite).cloned().unwrap_or_default();
            let answers = finals.iter().all(|status| *status < 300);
            let right = finals.len() == 1 || self.several_finals && answers && !finals.is_empty();
            assert!(right, "{invite}: final responses {finals:?}");
        }
        for (branch, acknowledged) in &self.refused {
            assert!(*acknowledged || self.several_finals, "the refusal of {branch} was not acknowledged");
        }
    }

    /// Carries what the edge put out, and answers what it asked, until nothing is left.
    fn settle(&mut self) {
        loop {
            let sends: Vec<(NextHop, Option<_>, Vec<u8>)> = self
                .services
                .wire
                .sends()
                .map(|(sending, octets)| (sending.to.clone(), sending.transaction, octets.to_vec()))
                .collect();
            self.services.wire.clear();
            let shard = self.services.shard;
            for (to, transaction, octets) in &sends {
                if !self.deliver(to, octets)
                    && let Some(transaction) = *transaction
                {
                    let input = Input::Failed { transaction, why: "nobody is there" };
                    self.give_to(shard, input);
                }
            }
            if self.services.pace != Pace::Held
                && let Some((shard, ticket, answer)) = self.services.answers.pop_front()
            {
                self.give_to(shard, Input::Answered(ticket, answer));
                continue;
            }
            if !self.services.is_slow
                && let Some((shard, passed)) = self.services.passed.pop_front()
            {
                self.give_to(shard, Input::Passed(passed));
                continue;
            }
            if !self.services.changes.is_empty() {
                self.tell_change();
                continue;
            }
            if sends.is_empty() {
                return;
            }
        }
    }

    /// Lets arrive what shards have handed to each other; what they answer stays on its way.
    pub fn hand_over(&mut self) {
        for (shard, passed) in std::mem::take(&mut self.services.passed) {
            self.give_to(shard, Input::Passed(passed));
            self.settle();
        }
    }

    /// Tells the oldest change to the shards, one after the other.
    fn tell_change(&mut self) {
        let all = self.spread.shards();
        let Some((shard, change)) = self.services.changes.pop_front() else { return };
        if shard + 1 < all {
            self.services.changes.push_front((shard + 1, change.clone()));
        }
        self.give_to(shard, Input::Changed(change));
    }

    /// The nearest moment, and whose it is.
    fn deadline(&self) -> Option<(Instant, u16)> {
        self.edges().zip(0..).filter_map(|(edge, shard)| Some((edge.deadline()?, shard))).min()
    }

    /// The edges of all shards.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        std::iter::once(&self.edge).chain(&self.others)
    }

    /// Lets the next datagram to an address come back as an ICMP error.
    pub fn fail_next_to(&mut self, address: &str) {
        self.unreachable = Some(address.parse().expect("an address"));
    }

    fn deliver(&mut self, to: &NextHop, octets: &[u8]) -> bool {
        if self.unreachable.take_if(|address| *address == to.remote()).is_some() {
            return false;
        }
        let reached = |phone: &Phone| match to {
            NextHop::Flow(Flow { connection: Some(connection), .. }) => phone.connection == Some(*connection),
            to => to.remote() == phone.address && to.transport() == phone.transport,
        };
        let Some(who) = self.phones.values().find(|phone| reached(phone)).map(|phone| phone.name) else {
            let _ = writeln!(self.ladder, "{} {} < {}", self.milliseconds(), to.remote(), summary(octets));
            return to.transport() == Transport::Udp;
        };
        self.note(who, '<', octets);
        self.inboxes.entry(who).or_default().push_back(Got(octets.to_vec()));
        true
    }

    fn milliseconds(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    fn note(&mut self, who: Who, direction: char, octets: &[u8]) {
        let _ = writeln!(self.ladder, "{} {who} {direction} {}", self.milliseconds(), summary(octets));
        let Ok(message) = Message::parse(octets, &Limits::default()) else { return };
        let Ok(cseq) = message.cseq() else { return };
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let branch = message.via().ok().and_then(|via| via.branch()).map(text).unwrap_or_default();
        let id = format!("{} {} {}", text(message.call_id()), cseq.number, branch);
        let invite = cseq.method == sip::message::Method::Invite;
        match (direction, message.status()) {
            ('>', None) if invite => {
                if !self.invites.contains(&id) {
                    self.invites.push(id);
                }
            }
            ('<', Some(status)) if invite && status.is_final() => {
                let finals = self.finals.entry(id).or_default();
                if !finals.contains(&status.code()) {
                    finals.push(status.code());
                }
            }
            ('>', Some(status)) if invite && status.is_final() && !status.is_success() => {
                self.refused.entry(branch).or_insert(false);
            }
            ('<', None) if message.method() == Some(sip::message::Method::Ack) => {
                if let Some(acknowledged) = self.refused.get_mut(&branch) {
                    *acknowledged = true;
                }
            }
            _ => {}
        }
    }
}

/// `INVITE` or `180`.
fn summary(octets: &[u8]) -> String {
    let line = octets.split(|octet| *octet == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    match words.next() {
        Some("SIP/2.0") => words.next().unwrap_or_default().to_owned(),
        Some(method) => method.to_owned(),
        None => String::new(),
    }
}

const fn listener_of(transport: Transport) -> ListenerId {
    match transport {
        Transport::Udp => ListenerId(0),
        Transport::Tcp => ListenerId(1),
        Transport::Tls => ListenerId(2),
        Transport::Ws => ListenerId(3),
        Transport::Wss => ListenerId(4),
    }
}

pub fn settings(setup: Setup) -> Settings {
    let listener = |transport: Transport, port| Listener {
        id: listener_of(transport),
        transport,
        bound: SocketAddr::from((EDGE, port)),
        advertised: None,
        local_networks: Vec::new(),
    };
    let listeners = Listeners::new(
        [
            listener(Transport::Udp, 5060),
            listener(Transport::Tcp, 5060),
            listener(Transport::Tls, 5061),
            listener(Transport::Ws, 5080),
        ],
        [],
        [],
    );
    let transactions = sip::transaction::Config {
        transactions_max: setup.config.transactions_max.min(1000),
        ..sip::transaction::Config::default()
    };
    Settings {
        config: setup.config,
        listeners: Arc::new(listeners),
        routes: setup.routes,
        tokens: Keys::new(1, [7; 16], 42),
        limits: Limits::default(),
        transactions,
        nonce_key: [9; 32],
        uses: Arc::new(Mutex::new(Replay::new(1000))),
        watched: Arc::default(),
        parked: Arc::default(),
        loop_key: [5, 6],
        spread: Spread::new(1, [1, 2]),
        edge: 0,
        shard: 0,
    }
}
