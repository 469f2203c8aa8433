//! The world of a storm: two sites, their phones, what is on its way between them, and virtual time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proto::{ServiceError, Ticket};
use proxy::core::counters::Gauges;
use proxy::core::effect::{Answer, Input};
use sip::transport::{ConnectionId, Packet, Transport};
use tests::Site;

use crate::chance::{Chance, Weather};
use crate::phone::{Phone, Todo};

/// Everything.
pub struct World {
    chance: Chance,
    weather: Weather,
    start: Instant,
    now: Instant,
    number: u64,
    coming: BTreeMap<(Instant, u64), Coming>,
    sites: Vec<Site>,
    phones: Vec<Phone>,
    trace: DefaultHasher,
    messages: u64,
    told: Option<String>,
}

/// What will happen.
enum Coming {
    ToSite { site: usize, from: SocketAddr, connection: Option<ConnectionId>, octets: Vec<u8> },
    ToPhone { phone: usize, connection: Option<ConnectionId>, octets: Vec<u8> },
    Answer { site: usize, ticket: Ticket, answer: Answer },
    Todo { phone: usize, todo: Todo },
    Cut { phone: usize },
}

/// What a storm has left.
#[derive(Default)]
pub struct End {
    /// What should not have been.
    pub wrong: Vec<String>,
    /// A hash of each message and when it came.
    pub trace: u64,
    pub messages: u64,
    pub invites: u64,
    pub answered: u64,
    /// 2xx that came when the caller had been told of another end.
    pub crossed: u64,
    /// Each message in a line, when it was asked for.
    pub told: String,
}

impl End {
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.invites += other.invites;
        self.answered += other.answered;
        self.crossed += other.crossed;
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let start = Instant::now();
        let mut sites: Vec<Site> = (0..SITES.len()).map(|number| site(number, start)).collect();
        for (number, site) in sites.iter_mut().enumerate() {
            let other = 1 - number;
            site.services.hosts.push((SITES[other].to_owned(), address_of_site(other)));
        }
        let phones = phones(start);
        let weather = Weather::of(&mut chance);
        let mut world = Self {
            chance,
            weather,
            start,
            now: start,
            number: 0,
            coming: BTreeMap::new(),
            sites,
            phones,
            trace: DefaultHasher::new(),
            messages: 0,
            told: None,
        };
        world.plan();
        world
    }

    /// Tells each message.
    pub fn told(mut self) -> Self {
        self.told = Some(String::new());
        self
    }

    /// Who calls whom when.
    fn plan(&mut self) {
        for phone in 0..self.phones.len() {
            for at in [0, 20_000, 40_000] {
                let at = Duration::from_millis(at) + self.chance.up_to_ms(2000);
                self.later(at, Coming::Todo { phone, todo: Todo::Register });
            }
            if self.phones[phone].connection.is_some() && self.chance.one_in(2) {
                let at = Duration::from_secs(4) + self.chance.up_to_ms(40_000);
                self.later(at, Coming::Cut { phone });
            }
        }
        for _ in 0..CALLS {
            let phone = self.chance.below(self.phones.len() as u64) as usize;
            let domain = match self.chance.below(3) {
                0 => SITES[usize::from(self.phones[phone].domain == SITES[0])],
                _ => self.phones[phone].domain,
            };
            let user = self.chance.pick(&["6001", "6002", "bob", "bob", "martin", "6003", "6100", "6999"]);
            let at = Duration::from_millis(3000) + self.chance.up_to_ms(40_000);
            let todo = Todo::Call(format!("sip:{user}@{domain}"));
            self.later(at, Coming::Todo { phone, todo });
        }
    }

    fn later(&mut self, after: Duration, what: Coming) {
        self.number += 1;
        self.coming.insert((self.now + after, self.number), what);
    }

    /// Lets everything happen, to the end.
    pub fn run(mut self) -> End {
        let mut turns = 0_u64;
        while let Some(at) = self.next() {
            self.now = self.now.max(at);
            turns += 1;
            if turns > TURNS_MAX {
                return self.end(true);
            }
            for site in 0..self.sites.len() {
                if self.sites[site].edge.deadline().is_some_and(|at| at <= self.now) {
                    self.give(site, Input::Tick);
                }
            }
            for phone in 0..self.phones.len() {
                if self.phones[phone].endpoint.deadline().is_some_and(|at| at <= self.now) {
                    self.phones[phone].tick(self.now);
                    self.carry_phone(phone);
                }
            }
            while self.coming.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
                if let Some((_, coming)) = self.coming.pop_first() {
                    self.happen(coming);
                }
            }
        }
        self.end(false)
    }

    fn next(&self) -> Option<Instant> {
        let sites = self.sites.iter().filter_map(|site| site.edge.deadline());
        let phones = self.phones.iter().filter_map(|phone| phone.endpoint.deadline());
        let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
        sites.chain(phones).chain(coming).min()
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::ToSite { site, from, connection, octets } => {
                let is_gone = connection.is_some_and(|connection| {
                    !self.phones.iter().any(|phone| phone.connection == Some(connection))
                });
                if !is_gone {
                    let flow = self.sites[site].flow(from, connection);
                    self.note(from, self.sites[site].address, &octets);
                    self.give(site, Input::Packet(Packet { octets: &octets, flow, arrived: self.now }));
                }
            }
            Coming::ToPhone { phone, connection, octets } => {
                if connection == self.phones[phone].connection {
                    self.note(self.phones[phone].site, self.phones[phone].address, &octets);
                    self.phones[phone].hear(self.now, &octets, &mut self.chance);
                    self.carry_phone(phone);
                }
            }
            Coming::Answer { site, ticket, answer } => self.give(site, Input::Answered(ticket, answer)),
            Coming::Todo { phone, todo } => {
                self.phones[phone].act(self.now, todo, &mut self.chance);
                self.carry_phone(phone);
            }
            Coming::Cut { phone } => {
                let gone = self.phones[phone].lose_connection(self.now);
                self.carry_phone(phone);
                let site = self.site_at(self.phones[phone].site);
                if let (Some(gone), Some(site)) = (gone, site) {
                    self.give(site, Input::ConnectionClosed(gone));
                }
            }
        }
    }

    /// Hands an input to a site, then carries what it sent and lets services think about what it asked.
    fn give(&mut self, site: usize, input: Input<'_>) {
        let Site { edge, services, .. } = &mut self.sites[site];
        edge.handle(self.now, input, services);
        self.carry_site(site);
    }

    fn carry_site(&mut self, site: usize) {
        loop {
            while let Some((ticket, answer)) = self.sites[site].services.answers.pop_front() {
                self.think(site, ticket, answer);
            }
            let wire = std::mem::take(&mut self.sites[site].services.wire);
            if wire.is_empty() {
                let Site { edge, services, .. } = &mut self.sites[site];
                let Some(change) = services.change() else { return };
                edge.handle(self.now, Input::Changed(change), services);
                continue;
            }
            let mut failed = Vec::new();
            for (sending, octets) in wire.sends() {
                let is_sent = match sending.to.transport() {
                    Transport::Udp => self.datagram(self.sites[site].address, sending.to.remote(), octets),
                    _ => self.stream(&sending.to, octets),
                };
                if let (false, Some(transaction)) = (is_sent, sending.transaction) {
                    failed.push(transaction);
                }
            }
            for transaction in failed {
                let Site { edge, services, .. } = &mut self.sites[site];
                edge.handle(self.now, Input::Failed { transaction, why: "nobody is there" }, services);
            }
        }
    }

    /// A service answers now, later, too late (`question_timeout` is 2 s), with an error, or never.
    fn think(&mut self, site: usize, ticket: Ticket, answer: Answer) {
        let (after, answer) = match self.chance.below(40) {
            0 => return,
            1 => (self.chance.up_to_ms(300), broken(&answer)),
            2 => (Duration::from_millis(1900) + self.chance.up_to_ms(2000), answer),
            3..=12 => (self.chance.up_to_ms(800), answer),
            _ => (Duration::ZERO, answer),
        };
        self.later(after, Coming::Answer { site, ticket, answer });
    }

    fn carry_phone(&mut self, phone: usize) {
        for (after, todo) in std::mem::take(&mut self.phones[phone].later) {
            self.later(after, Coming::Todo { phone, todo });
        }
        let wire = std::mem::take(&mut self.phones[phone].out);
        let from = self.phones[phone].address;
        for (sending, octets) in wire.sends() {
            match (self.phones[phone].connection, self.site_at(sending.to.remote())) {
                (Some(connection), Some(site)) => {
                    let octets = octets.to_vec();
                    self.later(STREAM, Coming::ToSite { site, from, connection: Some(connection), octets });
                }
                _ => {
                    self.datagram(from, sending.to.remote(), octets);
                }
            }
        }
    }

    /// A datagram on its way; it is always sent, whatever becomes of it.
    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, octets: &[u8]) -> bool {
        let number = |address: SocketAddr| match address.ip() {
            std::net::IpAddr::V4(ip) => u64::from(u32::from(ip)),
            std::net::IpAddr::V6(_) => 0,
        };
        let to_site = self.site_at(to);
        let way = (number(from), number(to));
        for after in self.weather.copies(&mut self.chance, way, octets) {
            let octets = octets.to_vec();
            let phone =
                self.phones.iter().position(|phone| phone.address == to && phone.connection.is_none());
            match (to_site, phone) {
                (Some(site), _) => self.later(after, Coming::ToSite { site, from, connection: None, octets }),
                (None, Some(phone)) => self.later(after, Coming::ToPhone { phone, connection: None, octets }),
                (None, None) => {}
            }
        }
        true
    }

    /// A message over the connection of a phone; false when that is not there.
    fn stream(&mut self, to: &sip::transport::NextHop, octets: &[u8]) -> bool {
        let sip::transport::NextHop::Flow(flow) = to else { return false };
        let phone = self
            .phones
            .iter()
            .position(|phone| phone.connection.is_some() && phone.connection == flow.connection);
        let Some(phone) = phone else { return false };
        let octets = octets.to_vec();
        self.later(STREAM, Coming::ToPhone { phone, connection: flow.connection, octets });
        true
    }

    fn site_at(&self, address: SocketAddr) -> Option<usize> {
        self.sites.iter().position(|site| site.address == address)
    }

    fn note(&mut self, from: SocketAddr, to: SocketAddr, octets: &[u8]) {
        self.messages += 1;
        let ms = (self.now - self.start).as_millis();
        self.trace.write_u128(ms);
        self.trace.write(octets);
        if let Some(told) = &mut self.told {
            let message = crate::phone::read(octets);
            let line =
                String::from_utf8_lossy(octets.split(|octet| *octet == b'\r').next().unwrap_or_default());
            let of = |name| String::from_utf8_lossy(message.first(name).unwrap_or_default()).into_owned();
            let (call_id, cseq) = (of(sip::message::Name::CallId), of(sip::message::Name::CSeq));
            let _ = writeln!(told, "{ms:6} {from} > {to}  {line}  [{call_id}, {cseq}]");
        }
    }

    /// Each 2xx of a phone is acknowledged, but for those of a branch that had said nothing when it was given up. The
    /// edge does not let such a branch, which is mostly a phone that is off, hold up the final answer for 64*T1, so
    /// its 2xx may come when the caller was told of another end; then it is dropped. These are counted.
    fn unheard(&self) -> (Vec<String>, u64) {
        let (mut wrong, mut crossed) = (Vec::new(), 0);
        for phone in self.phones.iter().filter(|phone| !phone.was_cut) {
            for ring in &phone.rings {
                let Some((call_id, number)) = ring.unheard() else { continue };
                let callers = self
                    .phones
                    .iter()
                    .flat_map(|caller| caller.invites.iter().map(move |invite| (caller, invite)));
                let caller = callers
                    .map(|(caller, invite)| (caller, invite.story()))
                    .find(|(_, (id, other, _))| id == call_id && *other == number);
                match caller {
                    Some((caller, _)) if caller.was_cut => {}
                    Some((_, (_, _, finals))) if finals.iter().any(|code| *code >= 300) => crossed += 1,
                    _ => wrong.push(format!("{}: the {} was never acknowledged", phone.name, ring.name())),
                }
            }
        }
        (wrong, crossed)
    }

    fn end(self, never: bool) -> End {
        let mut wrong: Vec<String> = self.phones.iter().flat_map(Phone::wrong).collect();
        for (number, site) in self.sites.iter().enumerate() {
            let gauges = site.edge.gauges();
            if gauges != Gauges::default() {
                wrong.push(format!("{} is left with {gauges:?}", SITES[number]));
            }
        }
        let (unheard, crossed) = self.unheard();
        wrong.extend(unheard);
        if never {
            wrong.push(format!("it does not end within {TURNS_MAX} turns"));
        }
        let invites = self.phones.iter().flat_map(|phone| &phone.invites);
        let answered = invites
            .clone()
            .filter(|invite| invite.finals.iter().any(|octets| octets.starts_with(b"SIP/2.0 2")));
        End {
            wrong,
            trace: self.trace.finish(),
            messages: self.messages,
            invites: invites.clone().count() as u64,
            crossed,
            answered: answered.count() as u64,
            told: self.told.unwrap_or_default(),
        }
    }
}

fn broken(answer: &Answer) -> Answer {
    let error = || ServiceError::Unavailable("the storm says so".into());
    match answer {
        Answer::Identified(_) => Answer::Identified(Err(error())),
        Answer::Found(_) => Answer::Found(Err(error())),
        Answer::Registered(_) => Answer::Registered(Err(error())),
        Answer::Located(_) => Answer::Located(Err(error())),
        Answer::Resolved(_) => Answer::Resolved(Err(error())),
        Answer::Described(_) => Answer::Described(Err(error())),
        Answer::Released(_) => Answer::Released(Err(error())),
        Answer::Done(_) => Answer::Done(Err(error())),
        Answer::Summarised(_) => Answer::Summarised(Err(error())),
    }
}

fn address_of_site(number: usize) -> SocketAddr {
    ([10, 0, u8::try_from(number).expect("few sites"), 1], 5060).into()
}

fn site(number: usize, now: Instant) -> Site {
    let mut text = format!(
        "[proxy]\ndomain = \"{}\"\ntrusted = [\"{}/32\"]\n",
        SITES[number],
        address_of_site(1 - number).ip()
    );
    for (user, extension) in USERS {
        let _ = writeln!(
            text,
            "[[user]]\nname = \"{user}\"\nextension = \"{extension}\"\npassword = \"open sesame\""
        );
    }
    text += "[[route]]\nextension = \"6100\"\nsteps = [{ ring = \"bob\", for = \"2s\" }, { ring = \"martin\" }, { answer = 480 }]\n";
    Site::new(&text, address_of_site(number), number as u16, now)
}

/// In each site alice has one phone, bob three, of which one by TCP, and martin two, one by TCP.
fn phones(now: Instant) -> Vec<Phone> {
    let mut phones = Vec::new();
    for (number, domain) in SITES.into_iter().enumerate() {
        for (place, (user, is_stream)) in PHONES.into_iter().enumerate() {
            let host = u8::try_from(place + 10).expect("few phones");
            let address = ([10, 0, u8::try_from(number).expect("few sites"), host], 5060).into();
            let slot = (number * PHONES.len() + place) as u32;
            let connection = is_stream.then_some(ConnectionId { slot, generation: 0 });
            let name = format!("{user}{place}s{number}");
            phones.push(Phone::new(name, (user, domain), address, address_of_site(number), connection, now));
        }
    }
    phones
}

const SITES: [&str; 2] = ["one.example", "two.example"];
const USERS: [(&str, &str); 3] = [("alice", "6001"), ("bob", "6002"), ("martin", "6003")];
const PHONES: [(&str, bool); 6] =
    [("alice", false), ("bob", false), ("bob", true), ("bob", false), ("martin", false), ("martin", true)];
const CALLS: usize = 24;
/// How long a stream takes; what is sent first arrives first.
const STREAM: Duration = Duration::from_millis(3);
const TURNS_MAX: u64 = 200_000;
