//! In a simulated world: the edge, the registrar and the directory as they are, a wire without delay, and time that
//! stands still until the ladder moves it. So times are exact.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use node::{Listener, Listeners};
use proto::{
    Asked, Directory, Found, Identified, Located, Location, Registered, Reply, ServiceError, Sink, Ticket,
};
use proxy::config::plan::{DialConfig, RouteConfig};
use proxy::core::Edge;
use proxy::core::counters::Gauges;
use proxy::core::effect::{Answer, Effect, Input, Out};
use proxy::core::plan::Plan;
use proxy::core::token::Keys;
use proxy::{ProxyConfig, Settings};
use registrar::{Registrar, UserConfig, UserDirectory, Users};
use serde::Deserialize;
use sip::transport::{Flow, ListenerId, NextHop, Outbox, Packet, Transport};
use toml::Spanned;

use super::script::{Ladder, summary};
use super::{Places, World};
use crate::exchange;

/// A world with the phones of a ladder, each at an address of its own.
pub fn begin(ladder: &Ladder) -> (Places, Box<dyn World>) {
    let exchange = SocketAddr::from(([10, 0, 0, 1], 5060));
    let host = |number: usize| u8::try_from(number).expect("a ladder has few phones") + 10;
    let phones: Vec<SocketAddr> =
        (0..ladder.phones.len()).map(|number| ([10, 0, 0, host(number)], 5060).into()).collect();
    let start = Instant::now();
    let services = Services::new();
    let edge = Edge::new(Arc::new(services.settings(exchange)), [1, 2, 3, 4], start, UNIX_MS);
    let inboxes = phones.iter().map(|_| VecDeque::new()).collect();
    let places = Places { exchange, phones: phones.clone() };
    let names = ladder.phones.iter().map(|who| who.name.clone()).collect();
    let world = Simulated { edge, services, exchange, names, phones, inboxes, start, now: start };
    (places, Box::new(world))
}

struct Simulated {
    edge: Edge,
    services: Services,
    exchange: SocketAddr,
    names: Vec<String>,
    phones: Vec<SocketAddr>,
    /// What each phone has got and not yet looked at, and when.
    inboxes: Vec<VecDeque<(u64, Vec<u8>)>>,
    start: Instant,
    now: Instant,
}

impl World for Simulated {
    fn send(&mut self, at_ms: u64, who: usize, octets: &[u8]) {
        self.advance(at_ms);
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            local: self.exchange.ip(),
            remote: self.phones[who],
            connection: None,
        };
        let packet = Packet { octets, flow, arrived: self.now };
        self.edge.handle(self.now, Input::Packet(packet), &mut self.services);
        self.settle();
    }

    fn receive(&mut self, at_ms: u64, who: usize, _again: bool) -> Result<Option<Vec<u8>>, String> {
        self.advance(at_ms);
        match self.inboxes[who].pop_front() {
            Some((came, octets)) if came == at_ms => Ok(Some(octets)),
            Some((came, octets)) => Err(format!("a {} came at {came} ms", summary(&octets))),
            None => Err("nothing came".to_owned()),
        }
    }

    fn rest(&mut self) -> Vec<String> {
        let of = |(who, inbox): (&String, &VecDeque<(u64, Vec<u8>)>)| -> Vec<String> {
            inbox.iter().map(|(at_ms, octets)| format!("{at_ms} {who} < {}", summary(octets))).collect()
        };
        self.names.iter().zip(&self.inboxes).flat_map(of).collect()
    }

    fn end(mut self: Box<Self>) -> Result<(), String> {
        let past = self.milliseconds() + 400_000;
        self.advance(past);
        if let Some((at_ms, octets)) = self.inboxes.iter().flatten().next() {
            return Err(format!(
                "at {at_ms} ms a {} came:\n{}",
                summary(octets),
                String::from_utf8_lossy(octets)
            ));
        }
        let gauges = self.edge.gauges();
        if gauges != Gauges::default() || self.edge.deadline().is_some() {
            return Err(format!("something is left behind: {gauges:?}, deadline {:?}", self.edge.deadline()));
        }
        Ok(())
    }
}

impl Simulated {
    fn milliseconds(&self) -> u64 {
        u64::try_from((self.now - self.start).as_millis()).expect("a ladder is short")
    }

    /// Lets time pass, and the edge act whenever it wants to.
    fn advance(&mut self, at_ms: u64) {
        let until = self.start + Duration::from_millis(at_ms);
        while let Some(deadline) = self.edge.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.edge.handle(self.now, Input::Tick, &mut self.services);
            self.settle();
        }
        self.now = self.now.max(until);
    }

    /// Carries what the edge sent, and answers what it asked, until it is content.
    fn settle(&mut self) {
        loop {
            let at_ms = self.milliseconds();
            for (sending, octets) in self.services.wire.sends() {
                let to = match &sending.to {
                    NextHop::Flow(flow) => flow.remote,
                    address @ NextHop::Address { .. } => address.remote(),
                };
                if let Some(who) = self.phones.iter().position(|phone| *phone == to) {
                    self.inboxes[who].push_back((at_ms, octets.to_vec()));
                }
            }
            self.services.wire.clear();
            let Some((ticket, answer)) = self.services.answers.pop_front() else { return };
            self.edge.handle(self.now, Input::Answered(ticket, answer), &mut self.services);
        }
    }
}

/// What the edge asks: the services of the all-in-one process, answering at once.
struct Services {
    wire: Outbox,
    answers: VecDeque<(Ticket, Answer)>,
    location: Registrar,
    directory: UserDirectory,
    config: ProxyConfig,
    plan: Arc<Plan>,
}

/// As much of the tests' configuration as concerns the dial plan and the users.
#[derive(Deserialize)]
struct Parts {
    user: Vec<UserConfig>,
    route: Vec<Spanned<RouteConfig>>,
}

impl Services {
    fn new() -> Self {
        let text = exchange::config([10, 0, 0, 1].into(), "");
        let parts: Parts = toml::from_str(&text).expect("our own configuration");
        let config = ProxyConfig::default();
        let users =
            Users::load(&parts.user, &config.domain, config.realm(), Path::new(".")).expect("our own users");
        let names = parts.user.iter().flat_map(|user| [Some(user.name.as_str()), user.extension.as_deref()]);
        let names: Vec<&str> = names.flatten().collect();
        let (plan, _) =
            Plan::build(&DialConfig::default(), &parts.route, &[], &names).expect("our own routes");
        Self {
            wire: Outbox::default(),
            answers: VecDeque::new(),
            location: Registrar::new(&registrar::Config::default(), [1, 2, 3, 4], 1)
                .expect("the defaults are good"),
            directory: UserDirectory::new(config.realm(), users, None),
            config,
            plan: Arc::new(plan),
        }
    }

    fn settings(&self, exchange: SocketAddr) -> Settings {
        let listener = Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            bound: exchange,
            advertised: None,
            local_networks: Vec::new(),
        };
        Settings {
            config: self.config.clone(),
            listeners: Arc::new(Listeners::new([listener], [], [])),
            routes: self.plan.clone(),
            tokens: Keys::new(1, [7; 16], 42),
            limits: sip::message::Limits::default(),
            transactions: sip::transaction::Config::default(),
            nonce_key: [9; 32],
            uses: Arc::new(Mutex::new(sip::auth::Replay::new(1000))),
            loop_key: [5, 6],
            edge: 0,
            shard: 0,
        }
    }
}

impl Out for Services {
    fn wire(&mut self) -> &mut Outbox {
        &mut self.wire
    }

    fn ask(&mut self, ticket: Ticket, effect: Effect<'_>) {
        let answer = match effect {
            Effect::Credentials(ask) => {
                Answer::Identified(now(|reply| self.directory.credentials(&ask, reply)))
            }
            Effect::Find(ask) => Answer::Found(now(|reply| self.directory.find(&ask, reply))),
            Effect::Register(ask) => Answer::Registered(now(|reply| self.location.register(&ask, reply))),
            Effect::Locate(ask) => Answer::Located(now(|reply| self.location.locate(&ask, reply))),
            Effect::Resolve(_) => Answer::Resolved(Err(ServiceError::Unavailable("no names here".into()))),
        };
        self.answers.push_back((ticket, answer));
    }
}

/// The answer of a service that has it at once.
fn now<T>(ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Result<T, ServiceError>
where
    Nobody: Sink<T>,
{
    match ask(Reply::new(Arc::new(Nobody), Ticket(0))) {
        Asked::Now(answer) => answer,
        Asked::Later => Err(ServiceError::Gone),
    }
}

/// Where answers would go that come later; none do.
struct Nobody;

macro_rules! hears_nothing {
    ($($answer:ty),+) => {
        $(impl Sink<$answer> for Nobody {
            fn post(&self, _: Ticket, _: Result<$answer, ServiceError>) {}
        })+
    };
}
hears_nothing!(Identified, Found, Registered, Located);

/// The wall's time when a ladder begins.
const UNIX_MS: u64 = 1_700_000_000_000;
