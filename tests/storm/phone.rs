//! A phone: a transaction layer, and a user who calls, answers, gives up and hangs up by chance. Here is what it sends
//! of its own accord, and what comes of it; calls that it gets are in `rings`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip::auth;
use sip::build::{self, Extra};
use sip::dialog::{Dialog, DialogId, Outgoing};
use sip::message::{Limits, Message, Method, Name, Status};
use sip::transaction::{Config, Endpoint, Event, Failure, TransactionId};
use sip::transport::{ConnectionId, Flow, ListenerId, NextHop, Outbox, Packet, Transport};

use crate::chance::Chance;
use crate::rings::Ring;

/// Whose a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// An INVITE of ours, by its place.
    Invite(usize),
    /// A request of ours that is no INVITE, by its place.
    Asked(usize),
    /// An INVITE that we got, by its place.
    Ring(usize),
    /// Nobody's: CANCEL, and requests that were answered at once.
    Alone,
}

/// What a phone does at a later moment.
#[derive(Debug, Clone)]
pub enum Todo {
    Register,
    Call(String),
    GiveUp(usize),
    Answer(usize, u16),
    /// RFC 3261 §13.3.1.4: a 2xx is repeated by its user until the ACK comes.
    Repeat(usize, Duration),
    HangUp(DialogId),
    Reinvite(DialogId),
}

/// One phone.
pub struct Phone {
    pub name: String,
    pub user: &'static str,
    pub domain: &'static str,
    pub address: SocketAddr,
    pub connection: Option<ConnectionId>,
    /// Its connection was lost once, so what was under way may have failed.
    pub was_cut: bool,
    pub site: SocketAddr,
    pub endpoint: Endpoint<Use>,
    pub out: Outbox,
    pub later: Vec<(Duration, Todo)>,
    pub invites: Vec<Invite>,
    pub rings: Vec<Ring>,
    pub dialogs: Vec<Dialog>,
    pub asked: Vec<Asked>,
    serial: u32,
    registering: Option<usize>,
}

/// An INVITE that we sent.
pub struct Invite {
    pub octets: Vec<u8>,
    pub transaction: TransactionId,
    /// Final responses, each once.
    pub finals: Vec<Vec<u8>>,
    pub failed: bool,
    target: String,
    is_authorized: bool,
}

/// Another request that we sent.
pub struct Asked {
    pub method: &'static str,
    call_id: String,
    number: u32,
    uses: u32,
    pub finals: u32,
    pub failed: bool,
}

impl Phone {
    pub fn new(
        name: String,
        (user, domain): (&'static str, &'static str),
        address: SocketAddr,
        site: SocketAddr,
        connection: Option<ConnectionId>,
        now: Instant,
    ) -> Self {
        let number = u64::from(address.port()) << 32 | u64::from(u32::from_be_bytes(octets_of(address)));
        Self {
            name,
            user,
            domain,
            address,
            connection,
            was_cut: false,
            site,
            endpoint: Endpoint::new(Config { transactions_max: 1000, ..Config::default() }, now, [number, 1]),
            out: Outbox::default(),
            later: Vec::new(),
            invites: Vec::new(),
            rings: Vec::new(),
            dialogs: Vec::new(),
            asked: Vec::new(),
            serial: 0,
            registering: None,
        }
    }

    /// Takes a message.
    pub fn hear(&mut self, now: Instant, octets: &[u8], chance: &mut Chance) {
        let message = read(octets);
        let packet = Packet { octets, flow: self.flow(), arrived: now };
        match self.endpoint.receive(now, &message, &mut self.out) {
            Event::Request { key } => self.on_request(now, &packet, &message, key, chance),
            Event::Cancel { key, invite } => self.on_cancel(now, &packet, &message, key, invite),
            Event::Ack { .. } => self.on_ack(&message),
            Event::Response { user, status, .. } => self.on_response(now, user, status, &message, chance),
            Event::Failed { user, failure, .. } => self.on_failure(user, failure),
            Event::Stray | Event::Absorbed | Event::Gone { .. } => {}
        }
    }

    /// Lets timers fire.
    pub fn tick(&mut self, now: Instant) {
        let mut events = Vec::new();
        self.endpoint.tick(now, &mut self.out, &mut events);
        self.settle(events);
    }

    /// Its connection is gone, and it makes another.
    pub fn lose_connection(&mut self, now: Instant) -> Option<ConnectionId> {
        let gone = self.connection?;
        self.was_cut = true;
        self.connection = Some(ConnectionId { generation: gone.generation + 1, ..gone });
        let mut events = Vec::new();
        self.endpoint.closed(now, gone, &mut self.out, &mut events);
        self.settle(events);
        self.later.push((Duration::from_millis(100), Todo::Register));
        Some(gone)
    }

    fn settle(&mut self, events: Vec<Event<Use>>) {
        for event in events {
            if let Event::Failed { user, failure, .. } = event {
                self.on_failure(user, failure);
            }
        }
    }

    /// Does what it has meant to do.
    pub fn act(&mut self, now: Instant, todo: Todo, chance: &mut Chance) {
        match todo {
            Todo::Register => self.register(now, None),
            Todo::Call(target) => self.call(now, &target, chance),
            Todo::GiveUp(place) => {
                let id = self.invites[place].transaction;
                self.endpoint.cancel(now, id, &[], Use::Alone, &mut self.out);
            }
            Todo::Answer(place, status) => self.answer(now, place, status, chance),
            Todo::Repeat(place, after) => self.repeat(now, place, after),
            Todo::HangUp(id) => self.hang_up(now, &id),
            Todo::Reinvite(id) => self.reinvite(now, &id),
        }
    }

    fn register(&mut self, now: Instant, challenge: Option<&[u8]>) {
        let uri = format!("sip:{}", self.domain);
        let place = *self.registering.get_or_insert_with(|| {
            self.asked.push(Asked::new("REGISTER", format!("{}-register", self.name)));
            self.asked.len() - 1
        });
        let asked = &self.asked[place];
        // One registration after the other; the next begins where the last one ended.
        let (call_id, number) = (asked.call_id.clone(), asked.number + 1);
        let mut next = Asked::new("REGISTER", call_id);
        next.number = number;
        let place = self.asked.len();
        self.asked.push(next);
        self.registering = Some(place);
        let credentials = challenge.and_then(|challenge| self.credentials("REGISTER", &uri, challenge));
        let to = format!("<sip:{}@{}>", self.user, self.domain);
        let call_id = self.asked[place].call_id.clone();
        let mut headers = self.headers("REGISTER", &to, &call_id, number);
        headers.extend(credentials.map(|value| ("Authorization", value)));
        self.asked[place].uses = u32::from(challenge.is_some());
        self.send(now, Use::Asked(place), "REGISTER", &uri, &headers);
    }

    fn call(&mut self, now: Instant, target: &str, chance: &mut Chance) {
        let call_id = format!("{}-{}", self.name, self.serial);
        let place = self.invite(now, target, &call_id, 1, None);
        if chance.one_in(4) {
            self.later.push((chance.up_to_ms(6000), Todo::GiveUp(place)));
        }
    }

    fn invite(
        &mut self,
        now: Instant,
        target: &str,
        call_id: &str,
        number: u32,
        challenge: Option<&[u8]>,
    ) -> usize {
        let credentials = challenge.and_then(|challenge| self.credentials("INVITE", target, challenge));
        let mut headers = self.headers("INVITE", &format!("<{target}>"), call_id, number);
        let is_authorized = credentials.is_some();
        headers.extend(credentials.map(|value| ("Proxy-Authorization", value)));
        let place = self.invites.len();
        let (octets, transaction) = self.send(now, Use::Invite(place), "INVITE", target, &headers);
        let target = target.to_owned();
        self.invites.push(Invite {
            octets,
            transaction,
            finals: Vec::new(),
            failed: false,
            target,
            is_authorized,
        });
        place
    }

    fn on_response(
        &mut self,
        now: Instant,
        user: Use,
        status: Status,
        message: &Message<'_>,
        chance: &mut Chance,
    ) {
        if !status.is_final() {
            return;
        }
        match user {
            Use::Invite(place) => self.on_final(now, place, status, message, chance),
            Use::Asked(place) => {
                let asked = &mut self.asked[place];
                asked.finals += 1;
                let is_challenged = status.code() == 401 && asked.method == "REGISTER" && asked.uses == 0;
                if let (true, Some(challenge)) = (is_challenged, message.first(Name::WwwAuthenticate)) {
                    self.register(now, Some(challenge));
                }
            }
            Use::Ring(_) | Use::Alone => {}
        }
    }

    fn on_final(
        &mut self,
        now: Instant,
        place: usize,
        status: Status,
        message: &Message<'_>,
        chance: &mut Chance,
    ) {
        let invite = &mut self.invites[place];
        let is_known = invite.finals.iter().any(|known| {
            let known = read(known);
            known.status() == Some(status) && known.first(Name::To) == message.first(Name::To)
        });
        if !is_known {
            invite.finals.push(message.octets().to_vec());
        }
        if status.is_success() {
            return self.on_success(now, place, is_known, message, chance);
        }
        let call_id = String::from_utf8_lossy(message.call_id()).into_owned();
        let number = message.cseq().map_or(1, |cseq| cseq.number);
        if status.code() == 407 && !invite.is_authorized {
            let target = invite.target.clone();
            if let Some(challenge) = message.first(Name::ProxyAuthenticate) {
                let next = self.invite(now, &target, &call_id, number + 1, Some(challenge));
                if chance.one_in(4) {
                    self.later.push((chance.up_to_ms(6000), Todo::GiveUp(next)));
                }
            }
        }
    }

    /// RFC 3261 §13.2.2.4: each 2xx is acknowledged, and a call that is answered twice is ended once.
    fn on_success(
        &mut self,
        now: Instant,
        place: usize,
        is_known: bool,
        message: &Message<'_>,
        chance: &mut Chance,
    ) {
        let Ok(id) = DialogId::of(message) else { return };
        let invite = &self.invites[place];
        let number = message.cseq().map_or(0, |cseq| cseq.number);
        if !self.dialogs.iter().any(|dialog| *dialog.id() == id)
            && let Ok(dialog) = Dialog::uac(&read(&invite.octets), message, false)
        {
            self.dialogs.push(dialog);
        }
        let is_second = invite.finals.len() > 1;
        let via = self.via();
        if let Some(dialog) = self.dialogs.iter().find(|dialog| *dialog.id() == id) {
            let mut octets = Vec::new();
            dialog.acknowledge(number, &Outgoing::new(via.as_bytes()), &mut octets);
            let hop = NextHop::Flow(self.flow());
            self.out.send_octets(hop, None, &octets);
        }
        if is_known || number > 3 {
            return;
        }
        if chance.one_in(3) && !is_second {
            self.later.push((chance.up_to_ms(3000), Todo::Reinvite(id.clone())));
        }
        let talk = if is_second { 0 } else { 4000 + chance.below(20_000) };
        let _ = now;
        self.later.push((Duration::from_millis(talk), Todo::HangUp(id)));
    }

    fn on_failure(&mut self, user: Use, failure: Failure) {
        match user {
            Use::Invite(place) => self.invites[place].failed = true,
            Use::Asked(place) => self.asked[place].failed = true,
            Use::Ring(place) => self.rings[place].unacknowledged |= failure == Failure::Timeout,
            Use::Alone => {}
        }
    }

    fn hang_up(&mut self, now: Instant, id: &DialogId) {
        let place = self.asked.len();
        if self.within(now, id, Method::Bye, Use::Asked(place)).is_some() {
            self.asked.push(Asked::new("BYE", String::new()));
        }
    }

    fn reinvite(&mut self, now: Instant, id: &DialogId) {
        let place = self.invites.len();
        if let Some((octets, transaction)) = self.within(now, id, Method::Invite, Use::Invite(place)) {
            self.invites.push(Invite {
                octets,
                transaction,
                finals: Vec::new(),
                failed: false,
                target: String::new(),
                is_authorized: true,
            });
        }
    }

    fn within(
        &mut self,
        now: Instant,
        id: &DialogId,
        method: Method<'_>,
        user: Use,
    ) -> Option<(Vec<u8>, TransactionId)> {
        let via = self.via();
        let contact = self.contact();
        let hop = NextHop::Flow(self.flow());
        let dialog = self.dialogs.iter_mut().find(|dialog| dialog.id() == id)?;
        let contact = (method == Method::Invite).then_some(contact.as_bytes());
        // Numbers above those of INVITEs that make calls, so that these are told from re-INVITEs.
        if dialog.local_number().is_none_or(|number| number < 10) {
            dialog.skip_numbers(10);
        }
        let mut octets = Vec::new();
        dialog.request(method, &Outgoing { contact, ..Outgoing::new(via.as_bytes()) }, &mut octets);
        let sent = self.endpoint.request(now, user, hop, &octets, &mut self.out);
        Some((octets, sent.expect("room for transactions")))
    }

    fn send(
        &mut self,
        now: Instant,
        user: Use,
        method: &str,
        uri: &str,
        headers: &[(&str, String)],
    ) -> (Vec<u8>, TransactionId) {
        let mut octets = Vec::new();
        let method = Method::parse(method.as_bytes()).expect("a token");
        let mut request = build::Request::begin(method, uri.as_bytes(), &mut octets);
        for (name, value) in headers {
            request = request.header(name, value.as_bytes());
        }
        request.end(None);
        let hop = NextHop::Flow(self.flow());
        let sent = self.endpoint.request(now, user, hop, &octets, &mut self.out);
        (octets, sent.expect("room for transactions"))
    }

    fn headers(&mut self, method: &str, to: &str, call_id: &str, number: u32) -> Vec<(&'static str, String)> {
        vec![
            ("Via", self.via()),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<sip:{}@{}>;tag={}", self.user, self.domain, self.name)),
            ("To", to.to_owned()),
            ("Call-ID", call_id.to_owned()),
            ("CSeq", format!("{number} {method}")),
            ("Contact", self.contact()),
        ]
    }

    fn credentials(&self, method: &str, uri: &str, challenge: &[u8]) -> Option<String> {
        let with = auth::Answer {
            user: self.user,
            password: "open sesame",
            method,
            uri,
            body: b"",
            count: 1,
            cnonce: "0a4f113b",
        };
        auth::answer([challenge], &with)
    }

    /// A response to a request that was accepted.
    pub fn respond(
        &mut self,
        now: Instant,
        server: TransactionId,
        status: u16,
        headers: &[(&str, &[u8])],
    ) -> Vec<u8> {
        let Some(kept) = self.endpoint.kept_request(server) else { return Vec::new() };
        let mut octets = Vec::new();
        let extra = Extra { to_tag: Some(&self.name), record_route: true, headers, ..Extra::default() };
        build::response(&read(kept), Status::of(status), &extra, &mut octets);
        self.endpoint.respond(now, server, &octets, &mut self.out);
        octets
    }

    pub fn contact(&self) -> String {
        let transport = if self.connection.is_some() { ";transport=tcp" } else { "" };
        format!("<sip:{}@{}{transport}>", self.user, self.address)
    }

    fn via(&mut self) -> String {
        self.serial += 1;
        let transport = self.flow().transport.via_name();
        format!("SIP/2.0/{transport} {};rport;branch=z9hG4bK-{}-{}", self.address, self.name, self.serial)
    }

    fn flow(&self) -> Flow {
        Flow {
            transport: if self.connection.is_some() { Transport::Tcp } else { Transport::Udp },
            listener: ListenerId(0),
            local: self.address.ip(),
            remote: self.site,
            connection: self.connection,
        }
    }

    /// What went wrong with this phone.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |what: String| wrong.push(format!("{}: {what}", self.name));
        if self.was_cut {
            return wrong;
        }
        if self.endpoint.live() > 0 {
            say(format!("{} transactions are left", self.endpoint.live()));
        }
        for invite in &self.invites {
            let (call_id, _, finals) = invite.story();
            let is_success = finals.iter().all(|code| *code < 300);
            if invite.failed || finals.is_empty() || (finals.len() > 1 && !is_success) {
                let call_id = String::from_utf8_lossy(&call_id);
                say(format!("INVITE {call_id}: final answers {finals:?}, failed: {}", invite.failed));
            }
        }
        for asked in self.asked.iter().filter(|asked| asked.number > 0 || asked.method == "BYE") {
            if asked.finals != 1 || asked.failed {
                say(format!(
                    "{} {}: {} final answers, failed: {}",
                    asked.method, asked.number, asked.finals, asked.failed
                ));
            }
        }
        for ring in self.rings.iter().filter(|ring| ring.unacknowledged) {
            say(format!("the refusal {} was never acknowledged", ring.name()));
        }
        wrong
    }
}

impl Invite {
    /// Call-ID, CSeq number and the statuses of its final answers.
    pub fn story(&self) -> (Vec<u8>, u32, Vec<u16>) {
        let invite = read(&self.octets);
        let number = invite.cseq().map_or(0, |cseq| cseq.number);
        let finals =
            self.finals.iter().filter_map(|octets| read(octets).status()).map(Status::code).collect();
        (invite.call_id().to_vec(), number, finals)
    }
}

impl Asked {
    fn new(method: &'static str, call_id: String) -> Self {
        Self { method, call_id, number: 0, uses: 0, finals: 0, failed: false }
    }
}

fn octets_of(address: SocketAddr) -> [u8; 4] {
    match address {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [0; 4],
    }
}

/// A message that our own side has written.
pub fn read(octets: &[u8]) -> Message<'_> {
    Message::parse(octets, &Limits::default()).expect("what phones and sites write can be read")
}
