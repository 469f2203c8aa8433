//! One site in virtual time: the edge, the registrar and the directory as they are, with a configuration in TOML.
//! What lies between site and phones (a wire, a clock, how long services think) is the test's.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use node::shard::Spread;
use node::{Listener, Listeners};
use proto::media::{Described, Released};
use proto::registrar::{Lost, Watch};
use proto::{
    Asked, Directory, Found, Identified, Located, Location, Registered, Reply, ServiceError, Sink, Ticket,
};
use proxy::config::plan::{DialConfig, RouteConfig};
use proxy::core::Edge;
use proxy::core::effect::{Answer, Change, Effect, Out, Passed, Tried};
use proxy::core::plan::{Attached, Plan};
use proxy::core::token::Keys;
use proxy::{ProxyConfig, Settings};
use registrar::{Registrar, UserConfig, UserDirectory, Users};
use serde::Deserialize;
use sip::transport::{Flow, ListenerId, NextHop, Outbox, Transport};
use toml::Spanned;

/// A site: hand its edge inputs together with its services, then look at what these hold.
pub struct Site {
    /// The edge.
    pub edge: Edge,
    /// Whom it asks, and what it has sent.
    pub services: Services,
    /// Where it listens, by UDP and by TCP.
    pub address: SocketAddr,
}

/// What an edge asks and sends: each question is answered at once, and the answer waits here until the test hands it
/// to the edge.
pub struct Services {
    /// What was sent and not yet carried.
    pub wire: Outbox,
    /// Answers that the edge has not been given.
    pub answers: VecDeque<(Ticket, Answer)>,
    /// Other hosts that this site finds, with their addresses, by UDP.
    pub hosts: Vec<(String, SocketAddr)>,
    location: Registrar,
    directory: UserDirectory,
    registrations: Watch,
    /// What the edge told of and has not been told.
    changes: VecDeque<Change>,
}

/// As much of a configuration as concerns an edge and its users.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    proxy: ProxyConfig,
    #[serde(default)]
    user: Vec<UserConfig>,
    #[serde(default)]
    route: Vec<Spanned<RouteConfig>>,
}

impl Site {
    /// A site with the `[proxy]`, users and routes of a configuration, whose time begins at `now`. `number` tells
    /// sites apart and decides all chance in it.
    ///
    /// # Panics
    /// When the configuration is wrong.
    pub fn new(text: &str, address: SocketAddr, number: u16, now: Instant) -> Self {
        let parts: Parts = toml::from_str(text).expect("a configuration of the test's own");
        let config = parts.proxy;
        let users = Users::load(&parts.user, &config.domain, config.realm(), Path::new("."));
        let names = parts.user.iter().flat_map(|user| [Some(user.name.as_str()), user.extension.as_deref()]);
        let names: Vec<&str> = names.flatten().collect();
        let (plan, _) = Plan::build(&DialConfig::default(), &parts.route, &[], &names, &Attached::default())
            .expect("good routes");
        let seed = [1, 2, 3, 4].map(|word| word + u64::from(number) * 4);
        let location = Registrar::new(&registrar::Config::default(), seed, 1).expect("the defaults are good");
        let registrations = location.changes().expect("a registrar in memory tells of changes").watch();
        let directory = UserDirectory::new(config.realm(), users.expect("good users"), None);
        let settings = settings(config, Arc::new(plan), address, number);
        Self {
            edge: Edge::new(Arc::new(settings), seed, now, UNIX_MS),
            services: Services {
                wire: Outbox::default(),
                answers: VecDeque::new(),
                hosts: Vec::new(),
                location,
                directory,
                registrations,
                changes: VecDeque::new(),
            },
            address,
        }
    }

    /// The way by which a message of a phone comes: by UDP, or over this connection of TCP.
    pub fn flow(&self, from: SocketAddr, connection: Option<sip::transport::ConnectionId>) -> Flow {
        let (transport, listener) =
            if connection.is_some() { (Transport::Tcp, TCP) } else { (Transport::Udp, UDP) };
        Flow { transport, listener, local: self.address.ip(), remote: from, connection }
    }
}

fn settings(config: ProxyConfig, routes: Arc<Plan>, address: SocketAddr, number: u16) -> Settings {
    let listener = |id, transport| Listener {
        id,
        transport,
        bound: address,
        advertised: None,
        local_networks: Vec::new(),
    };
    let key = u8::try_from(number).expect("few sites");
    Settings {
        config,
        listeners: Arc::new(Listeners::new(
            [listener(UDP, Transport::Udp), listener(TCP, Transport::Tcp)],
            [],
            [],
        )),
        routes,
        tokens: Keys::new(1, [7 + key; 16], 42),
        limits: sip::message::Limits::default(),
        transactions: sip::transaction::Config::default(),
        nonce_key: [9 + key; 32],
        uses: Arc::new(Mutex::new(sip::auth::Replay::new(10_000))),
        watched: Arc::default(),
        parked: Arc::default(),
        loop_key: [5 + u64::from(number), 6],
        spread: Spread::new(1, [1, 2]),
        edge: number,
        shard: 0,
    }
}

impl Services {
    /// What changed of calls and registrations, and the edge has not been told; the test tells it, as each shard is.
    pub fn change(&mut self) -> Option<Change> {
        if let Some(change) = self.changes.pop_front() {
            return Some(change);
        }
        match pin!(self.registrations.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(change)) => Some(Change::Bindings(change.aor)),
            Poll::Ready(Err(Lost)) => Some(Change::BindingsLost),
            Poll::Pending => None,
        }
    }

    fn resolve(&self, host: &str) -> Result<Vec<NextHop>, ServiceError> {
        let known = self.hosts.iter().find(|(name, _)| name == host).map(|(_, remote)| *remote);
        let remote = known.ok_or_else(|| ServiceError::Unavailable("no such host here".into()))?;
        Ok(vec![NextHop::Address { transport: Transport::Udp, remote, host: None, listener: None }])
    }
}

impl Out for Services {
    fn wire(&mut self) -> &mut Outbox {
        &mut self.wire
    }

    fn ask(&mut self, ticket: Ticket, effect: Effect<'_>) {
        let answer = match effect {
            Effect::Credentials(ask) => {
                Answer::Identified(at_once(|reply| self.directory.credentials(&ask, reply)))
            }
            Effect::Find(ask) => Answer::Found(at_once(|reply| self.directory.find(&ask, reply))),
            Effect::Register(ask) => Answer::Registered(at_once(|reply| self.location.register(&ask, reply))),
            Effect::Locate(ask) => Answer::Located(at_once(|reply| self.location.locate(&ask, reply))),
            Effect::Resolve(ask) => Answer::Resolved(self.resolve(ask.host)),
            // Who relays hands on what came: only addresses would be others.
            Effect::Offer(ask) => Answer::Described(Ok(Described { sdp: ask.sdp.to_vec() })),
            Effect::Answer(ask) => Answer::Described(Ok(Described { sdp: ask.sdp.to_vec() })),
            Effect::Attend(_) => Answer::Described(Ok(Described::default())),
            Effect::Bridge(_)
            | Effect::Play(_)
            | Effect::Record(_)
            | Effect::Collect(_)
            | Effect::Press(_)
            | Effect::Stop(_) => Answer::Done(Ok(())),
            Effect::Summarise(_) => Answer::Summarised(Ok(None)),
            Effect::Statistics(_) | Effect::Release(_) => Answer::Released(Ok(Released::default())),
        };
        self.answers.push_back((ticket, answer));
    }

    /// Nobody conducts calls here.
    fn tell(&mut self, _: &str, _: &str, _: proto::application::Event) -> bool {
        false
    }

    fn forget(&mut self, _: &str, _: &str) {}

    fn changed(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// There is one shard.
    fn pass(&mut self, _: u16, passed: Passed) -> Result<(), Passed> {
        Err(passed)
    }

    /// Each host has one address: there is none to try before it.
    fn tried(&mut self, _: &NextHop, _: Tried) {}
}

/// The answer of a service that has it at once.
fn at_once<T>(ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Result<T, ServiceError>
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

const UDP: ListenerId = ListenerId(0);
const TCP: ListenerId = ListenerId(1);
/// The wall's time when a world begins.
const UNIX_MS: u64 = 1_700_000_000_000;
