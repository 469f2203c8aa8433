//! One shard's core, whole and without sockets: endpoint, proxy and memory registrar, driven as `node::shard` drives
//! them. Time is virtual and all seeds are fixed, so the same units do the same work each time.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use node::config::{Network, Secret};
use node::dns::Query;
use node::shard::Door;
use node::{Inbox, Input, Listener, Listeners};
use proto::{Asked, Reply};
use proxy::core::effect::Tried;
use proxy::core::plan::Plan;
use proxy::core::token;
use proxy::{Names, ProxyConfig, Service, Services, Settings};
use registrar::{Registrar, UserConfig, UserDirectory, Users};
use sip::auth::Replay;
use sip::transport::{Flow, ListenerId, NextHop, Outbox, Packet, Transport};

use crate::unit::{self, Call, Ends, Options, Refresh, Register, Role, Unit, Verdict};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OPTIONS, answered without a transaction.
    Options,
    /// A REGISTER that renews a binding.
    Register,
    /// The same for a stranger: 401, then 200.
    RegisterDigest,
    /// INVITE, 180, 200, ACK, BYE, 200.
    Call,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Options, Self::Register, Self::RegisterDigest, Self::Call];

    /// As it is called in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::RegisterDigest => "REGISTER with digest",
            Self::Call => "call",
        }
    }
}

/// The core with its wire.
pub struct Shard {
    core: Service,
    out: Outbox,
    now: Instant,
    unix_ms: u64,
    role: Box<dyn Role>,
    next: u64,
}

impl Shard {
    /// A shard that is ready for units of one kind, tables filled as they are after a while.
    pub fn new(kind: Kind) -> Self {
        let now = node::clock::now();
        let settings = Arc::new(settings(kind != Kind::RegisterDigest));
        let inbox = Inbox::new(Door::new(64, 1 << 16), 64);
        let core = Service::new_at(settings, services(), inbox, [1, 2, 3, 4], now, UNIX_MS);
        let ends = Ends { server: SERVER, asking: ASKING, called: CALLED, first: 0 };
        let mut shard =
            Self { core, out: Outbox::default(), now, unix_ms: UNIX_MS, role: role(kind, ends), next: 0 };
        if kind == Kind::Call {
            shard.packet(CALLED, &unit::registration_of_bob(&ends));
            shard.out.clear();
        }
        for _ in 0..WARM {
            shard.unit(&mut |step| step());
        }
        shard
    }

    /// Does one unit, the timers included that have come since the last one. Each step of the core itself, and
    /// nothing else, runs inside `measured`.
    pub fn unit(&mut self, measured: &mut dyn FnMut(&mut dyn FnMut())) {
        self.now += BETWEEN;
        self.unix_ms += BETWEEN.as_millis() as u64;
        measured(&mut || self.tick());
        self.out.clear();
        let mut unit = Unit::new(self.next);
        self.next += 1;
        let mut octets = Vec::new();
        self.role.begin(&mut unit, &mut octets);
        let (mut waiting, mut later) = (vec![(ASKING, octets)], Vec::new());
        let mut is_done = false;
        while !waiting.is_empty() || !later.is_empty() {
            if waiting.is_empty() {
                waiting.append(&mut later);
            }
            let (from, octets) = waiting.remove(0);
            measured(&mut || self.packet(from, &octets));
            for (to, octets) in self.take_sent() {
                let (mut answer, mut last) = (Vec::new(), Vec::new());
                let verdict = if to == CALLED {
                    self.role.called(&octets, &mut answer, &mut last)
                } else {
                    self.role.answered(&mut unit, &octets, &mut answer)
                };
                match verdict {
                    Verdict::Wait => {}
                    Verdict::Done => is_done = true,
                    Verdict::Failed => panic!("not as it should be: {}", String::from_utf8_lossy(&octets)),
                    Verdict::Send => waiting.push((to, answer)),
                    Verdict::SendLater(_) => {
                        waiting.push((to, answer));
                        if to == ASKING {
                            self.role.later(&mut unit, &mut last);
                        }
                        later.push((to, last));
                    }
                }
            }
        }
        assert!(is_done, "the unit came to its end");
    }

    fn take_sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let sent = self.out.sends().map(|(sending, octets)| (sending.to.remote(), octets.to_vec())).collect();
        self.out.clear();
        sent
    }

    fn packet(&mut self, remote: SocketAddr, octets: &[u8]) {
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            local: SERVER.ip(),
            remote,
            connection: None,
        };
        let packet = Packet { octets, flow, arrived: self.now };
        self.core.handle_at(self.now, self.unix_ms, Input::Packet(packet), &mut self.out);
    }

    fn tick(&mut self) {
        while node::Core::deadline(&self.core).is_some_and(|deadline| deadline <= self.now) {
            self.core.handle_at(self.now, self.unix_ms, Input::Tick, &mut self.out);
        }
    }
}

fn role(kind: Kind, ends: Ends) -> Box<dyn Role> {
    match kind {
        Kind::Options => Box::new(Options(ends)),
        Kind::Register => Box::new(Refresh { ends, users: USERS }),
        Kind::RegisterDigest => {
            let answer: unit::Challenged = Box::new(|challenge, user, uri| {
                sip::auth::answer_md5(challenge, user, PASSWORD, "REGISTER", uri)
            });
            Box::new(Register { ends, users: USERS, answer: Some(answer) })
        }
        Kind::Call => Box::new(Call(ends)),
    }
}

fn settings(is_trusted: bool) -> Settings {
    let listener = Listener {
        id: ListenerId(0),
        transport: Transport::Udp,
        bound: SERVER,
        advertised: None,
        local_networks: Vec::new(),
    };
    let trusted: Vec<Network> =
        is_trusted.then(|| Network { address: SERVER.ip(), prefix: 8 }).into_iter().collect();
    Settings {
        spread: node::shard::Spread::new(1, [1, 2]),
        config: ProxyConfig { trusted, ..ProxyConfig::default() },
        listeners: Arc::new(Listeners::new([listener], [], [])),
        routes: Arc::new(Plan::empty()),
        tokens: token::Keys::new(0, [7; 16], 42),
        limits: sip::message::Limits::default(),
        transactions: sip::transaction::Config::default(),
        nonce_key: [9; 32],
        uses: Arc::new(Mutex::new(Replay::new(200_000))),
        watched: Arc::default(),
        parked: Arc::default(),
        loop_key: [5, 6],
        edge: 0,
        shard: 0,
    }
}

fn services() -> Services {
    let registrar =
        Registrar::new(&registrar::Config::default(), [1, 2, 3, 4], 1).expect("the defaults are good");
    let user = |name: String| UserConfig {
        extension: Some(format!("9{name}")),
        password: Some(Secret::new(PASSWORD)),
        name,
        ..UserConfig::default()
    };
    let names = (0..USERS).map(|number| format!("u{number}")).chain(["alice".into(), "bob".into()]);
    let users: Vec<UserConfig> = names.map(user).collect();
    let (domain, realm) = (ProxyConfig::default().domain, ProxyConfig::default().realm().to_owned());
    let users = Users::load(&users, &domain, &realm, Path::new("/")).expect("the users are good");
    Services {
        applications: std::collections::BTreeMap::new(),
        waiting: None,
        shards: Vec::new().into(),
        location: Arc::new(registrar),
        directory: Arc::new(UserDirectory::new(&realm, users, None)),
        media: None,
        names: Arc::new(NoNames),
    }
}

/// Nothing that is counted asks for a name.
struct NoNames;

impl Names for NoNames {
    fn resolve(&self, _: &Query<'_>, reply: Reply<Vec<NextHop>>) -> Asked<Vec<NextHop>> {
        reply.now(Ok(Vec::new()))
    }

    fn tried(&self, _: &NextHop, _: Tried) {}
}

const SERVER: SocketAddr = address(5060);
const ASKING: SocketAddr = address(5061);
const CALLED: SocketAddr = address(5062);

const fn address(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}

/// The password of all users.
pub const PASSWORD: &str = "in-wonderland";
const USERS: u64 = 100;
/// From one unit to the next, so that the last timers of the first ones (32 s) come while others run.
const BETWEEN: Duration = Duration::from_millis(50);
const WARM: usize = 1_000;
const UNIX_MS: u64 = 1_700_000_000_000;
