//! Which rooms a process holds, and how it reaches the others: a function call in one process, gRPC between several.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use callcenter::Callcenter;
use callcenter::core::Book;
use callcenter::service::NAME;
use node::telemetry::Page;
use node::{clock, rpc};
use proto::application::Application;
use proto::directory::{DirectoryClient, DirectoryServer};
use proto::registrar::{Follower, RegistrarClient, RegistrarServer};
use proto::{ClientLimits, Directory, Location, Media, MessageWaiting, NearCopy, NearLimits, ServerLimits};
use proxy::core::notifier::watched::Watched;
use registrar::{Added, Registrar, UserDirectory, Users};
use serde::Deserialize;
use tokio::runtime::Handle;
use voicemail::Voicemail;

use crate::config::Config;
use crate::waiting::Relay;
use crate::{applications, attendant, mailboxes, media, metrics, waiting};

/// Which service a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All of them.
    Whole,
    /// The SIP edge alone.
    Proxy,
    /// Registrar and directory alone.
    Registrar,
}

/// `[rpc]`: how services reach each other when they are processes of their own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rpc {
    /// Where `carillon registrar` is asked, `"10.0.0.5:5070"`. Who asks shows a certificate.
    pub listen: Option<SocketAddr>,
    /// Where `carillon proxy` finds the registrar, `"https://10.0.0.5:5070"`.
    pub registrar: Option<String>,
    /// Where `carillon proxy` finds the media server, `"https://10.0.0.6:5071"`. Without it, calls whose media must come
    /// through this exchange are refused.
    pub mediaserver: Option<String>,
    /// Where `carillon proxy` asks what waits in mailboxes, `"https://10.0.0.8:5073"`. Default: nowhere; phones that
    /// subscribe to message-summary are then told that nobody has messages.
    pub voicemail: Option<String>,
    /// Applications that are processes of their own, and where they are: `{ mine = "https://10.0.0.7:5072" }`; in
    /// clear (`http://`) on this machine alone. A step of the dial plan hands calls to one by its name. Default: none.
    pub applications: BTreeMap<String, String>,
    /// The folder of certificates. Default: `rpc` in the state folder. The registrar makes it at its first start; a
    /// proxy needs a copy of its ca.pem, client.pem and client.key.
    pub trust: Option<PathBuf>,
}

/// Whom a process asks for places and for people.
pub struct Rooms {
    /// Where phones are.
    pub location: Arc<dyn Location>,
    /// Who exists.
    pub directory: Arc<dyn Directory>,
    /// Who relays media, where somebody does.
    pub media: Option<Arc<dyn Media>>,
    /// Who conducts calls that the dial plan hands over, by name.
    pub applications: BTreeMap<Box<str>, Arc<dyn Application>>,
    /// Who knows what waits in mailboxes, where somebody does.
    pub waiting: Option<Arc<dyn MessageWaiting>>,
    /// The menus of this process; absent where another process has them.
    pub callcenter: Option<Callcenter>,
    /// Tells of changes at the registrar of another process.
    pub relay: Option<Arc<Relay>>,
    /// The mailboxes of this process; absent where another process has them.
    pub voicemail: Option<Voicemail>,
    /// The users of this process's own file; absent where another process has them.
    pub users: Option<Arc<UserDirectory>>,
    /// What `/metrics` says of them.
    pub metrics: Arc<dyn Fn(&mut Page) + Send + Sync>,
}

impl Rooms {
    /// Registrar and directory of this process itself, and media when it is whole. Bindings expire as long as `runtime` runs.
    pub fn here(
        role: Role,
        (config, book): (&Config, Arc<Book>),
        users: Users,
        state: &Path,
        runtime: &Handle,
    ) -> Result<Self> {
        let ([a, b], [c, d], [run, _]) = (clock::seed(), clock::seed(), clock::seed());
        let registrar = Registrar::new(&config.registrar, [a, b, c, d], run);
        let registrar = Arc::new(registrar.map_err(|what| anyhow!("[registrar] {what}"))?);
        let keeper = Arc::clone(&registrar);
        runtime.spawn(async move { keeper.keep_time(clock::unix_ms).await });
        let realm = config.proxy.realm();
        let of = (config.proxy.domain.as_str(), realm);
        let added = runtime.block_on(Added::open(&config.directory, state, of, runtime, clock::unix_s))?;
        let preferences = added.preferences();
        let directory =
            UserDirectory::new(realm, Users::default(), Some(Arc::new(added))).keeping(preferences);
        directory.replace(users)?;
        let users = Arc::new(directory);
        let counted = Arc::clone(&registrar);
        let (media, of_media) =
            if role == Role::Whole { media::here(config, state)? } else { media::nobody() };
        let trust = match role {
            Role::Whole if !config.rpc.applications.is_empty() => {
                Some(rpc::Trust::of_asker(&folder(config, state))?)
            }
            Role::Whole | Role::Proxy | Role::Registrar => None,
        };
        let callcenter = (role == Role::Whole)
            .then(|| attendant::here(config, book, Arc::clone(&users) as Arc<dyn Directory>, state, runtime));
        let menus = callcenter.clone().map(|here| (NAME, Arc::new(here) as Arc<dyn Application>));
        let voicemail = match role {
            Role::Whole => mailboxes::here(config, state, Arc::clone(&users) as Arc<dyn Directory>, runtime)?,
            Role::Proxy | Role::Registrar => None,
        };
        let boxes =
            voicemail.clone().map(|here| (voicemail::service::NAME, Arc::new(here) as Arc<dyn Application>));
        let own = menus.into_iter().chain(boxes).collect();
        let (applications, of_applications) = applications::here(config, own, trust.as_ref(), runtime)?;
        let (waiting, of_waiting) = match &trust {
            Some(trust) if voicemail.is_none() => waiting::elsewhere(config, trust, runtime)?,
            _ => waiting::here(voicemail.clone()),
        };
        let menus = callcenter.clone();
        let metrics = Arc::new(move |page: &mut Page| {
            metrics::of_registrar(page, &counted.counters());
            of_media(page);
            of_applications(page);
            of_waiting(page);
            if let Some(menus) = &menus {
                menus.metrics(page);
            }
        });
        Ok(Self {
            location: registrar,
            directory: users.clone(),
            media,
            applications,
            waiting,
            relay: None,
            callcenter,
            voicemail,
            users: Some(users),
            metrics,
        })
    }

    /// Those of another process, with a bounded copy of what was looked up lately before them.
    pub fn elsewhere(config: &Config, state: &Path, runtime: &Handle) -> Result<Self> {
        let uri = config.rpc.registrar.as_deref().context(
            "carillon proxy needs a registrar; write [rpc] registrar = \"https://10.0.0.5:5070\", or run `carillon` alone",
        )?;
        let trust = rpc::Trust::of_client(&folder(config, state))?;
        let channel = rpc::channel(uri, &trust)?;
        let copy = NearCopy::new(NearLimits::default(), runtime);
        let relay = Arc::new(Relay::before(copy.follower()));
        let client =
            RegistrarClient::new(channel.clone(), ClientLimits::default(), Some(relay.clone()), runtime);
        let client = Arc::new(client);
        let location = Arc::new(copy.before(Arc::clone(&client) as Arc<dyn Location>));
        let directory = Arc::new(DirectoryClient::new(channel, ClientLimits::default(), runtime));
        let (media, of_media) = media::elsewhere(config, &trust, runtime)?;
        let (applications, of_applications) = applications::elsewhere(config, &trust, runtime)?;
        let (waiting, of_waiting) = waiting::elsewhere(config, &trust, runtime)?;
        applications::warn_of_missing(config);
        // Phones that come in the moment of the start should not be told 503. A registrar that is away is a state
        // like any other, though: then the edge goes on, and answers as soon as it is back.
        let open = async { tokio::join!(client.until_open(true), directory.until_open(true)) };
        if runtime.block_on(async { tokio::time::timeout(FIRST_ANSWER, open).await }).is_err() {
            tracing::warn!(
                registrar = uri,
                "the registrar does not answer yet; until it does, phones are told 503"
            );
        }
        runtime.spawn(tell(Arc::clone(&client), uri.to_owned()));
        let (near, people) = (Arc::clone(&location), Arc::clone(&directory));
        let metrics = Arc::new(move |page: &mut Page| {
            metrics::of_near_copy(page, &near.counters());
            metrics::of_client(page, "registrar", &client.counters());
            metrics::of_client(page, "directory", &people.counters());
            of_media(page);
            of_applications(page);
            of_waiting(page);
        });
        let relay = Some(relay);
        Ok(Self {
            location,
            directory,
            media,
            applications,
            waiting,
            relay,
            callcenter: None,
            voicemail: None,
            users: None,
            metrics,
        })
    }

    /// Tells of changes of registrations from now on, where somebody has subscribed to them.
    pub fn follow(&self, follower: Arc<dyn Follower>, watched: Arc<Watched>, runtime: &Handle) {
        match (&self.relay, self.location.changes()) {
            (Some(relay), _) => relay.follow(follower),
            (None, Some(changes)) => drop(runtime.spawn(waiting::relay(changes, follower, watched))),
            (None, None) => {}
        }
    }

    /// Lets other processes ask the rooms of this one.
    pub fn open(&self, config: &Config, state: &Path, runtime: &Handle) -> Result<SocketAddr> {
        let address = config.rpc.listen.context(
            "carillon registrar needs an address to be asked at; write [rpc] listen = \"0.0.0.0:5070\"",
        )?;
        let trust = rpc::Trust::of_server(&folder(config, state))?;
        let (mut server, incoming) = rpc::listen(address, &trust)?;
        let address = incoming.local_addr().unwrap_or(address);
        let registrar =
            RegistrarServer::new(Arc::clone(&self.location), clock::unix_ms, ServerLimits::default());
        let directory = DirectoryServer::new(Arc::clone(&self.directory), ServerLimits::default());
        let router = server.add_service(registrar.service()).add_service(directory.service());
        runtime.spawn(async move {
            if let Err(why) = router.serve_with_incoming(incoming).await {
                tracing::error!(%why, "other services cannot ask any more; restart this process");
            }
        });
        Ok(address)
    }
}

/// Tells people when the registrar is lost and when it is back, once each.
async fn tell(client: Arc<RegistrarClient>, registrar: String) {
    loop {
        client.until_open(true).await;
        client.until_open(false).await;
        let why = client.failure();
        tracing::warn!(
            registrar,
            why,
            "the registrar is lost; established calls go on, new calls and registrations are told 503 until it is \
             back. Start it again; this edge finds it by itself"
        );
        client.until_open(true).await;
        tracing::info!(registrar, "the registrar answers again");
    }
}

/// How long a starting edge waits for its registrar.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// Where the certificates of services are.
pub fn folder(config: &Config, state: &Path) -> PathBuf {
    config.rpc.trust.clone().unwrap_or_else(|| state.join("rpc"))
}
