//! A process: its rooms are built, joined and run until somebody ends them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use node::clock;
use node::config::Source;
use node::dns::Resolver;
use node::shard::Shards;
use node::telemetry::{Health, Registry};
use parking_lot::Mutex;
use proxy::core::notifier::watched::Watched;
use proxy::core::plan::Plan;
use proxy::core::route::Routes;
use proxy::core::token;
use proxy::{Anchor, Changes, Commands, MediaEvents, Posted, Service, Services, Settings};
use sip::auth::Replay;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::config::{self, Checked, Config};
use crate::ctl;
use crate::mailboxes;
use crate::metrics;
use crate::operator::Operator;
use crate::reload::Reload;
use crate::services::{Role, Rooms};
use crate::state::{self, Keys};
use crate::welcome;

/// Runs a service, or all of them, until SIGTERM, Ctrl-C or `carillon ctl drain`.
pub fn run(role: Role, common: &Common, folder: &Path) -> Result<()> {
    state::create(folder)?;
    node::limits::raise_open_files();
    let (source, example) = match &common.config {
        Some(file) => (Source::read(file)?, None),
        None => {
            let example = state::example_users(folder)?;
            (Source::of(&folder.join("first.toml"), EXAMPLE), Some(example))
        }
    };
    let Checked { mut config, users, plan, book, warnings } = config::load(&source, &common.listen)?;
    config.sip.state_folder = Some(folder.to_path_buf());
    let log = node::telemetry::Log { json: config.log.json || common.log_json, ..config.log.clone() };
    log.start(common.log.as_deref())?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()?;
    let inside = runtime.enter();
    let socket = ctl::server::bind(folder)?;
    let rooms = match role {
        Role::Whole | Role::Registrar => Rooms::here(role, (&config, book), users, folder, runtime.handle())?,
        Role::Proxy => Rooms::elsewhere(&config, folder, runtime.handle())?,
    };
    if role == Role::Registrar {
        let address = rooms.open(&config, folder, runtime.handle())?;
        tracing::info!(%address, "other services may ask");
    }
    let shards = match role {
        Role::Whole | Role::Proxy => Some(shards(&config, &plan, &rooms, &Keys::load(folder)?, &runtime)?),
        Role::Registrar => None,
    };
    drop(inside);
    if let Some((shards, _)) = &shards {
        let example = example.as_ref().map(|(users, made)| (users.as_slice(), *made));
        println!("{}", welcome::text(shards.listeners(), folder, example));
    }
    let inboxes =
        shards.as_ref().map_or_else(|| Vec::new().into(), |(shards, _)| Arc::clone(shards.inboxes()));
    let (shards, settings) = shards.unzip();
    let (settings, names) = settings.unzip();
    let drain = Arc::new(Notify::new());
    let plan = Arc::new(ArcSwap::new(plan));
    let reload = Arc::new(Reload {
        file: common.config.clone(),
        listen: common.listen.clone(),
        users: rooms.users.clone(),
        callcenter: rooms.callcenter.clone(),
        voicemail: rooms.voicemail.clone(),
        plan: Arc::clone(&plan),
        inboxes: Arc::clone(&inboxes),
        settings: settings.map(Mutex::new),
        names: names.clone(),
    });
    let operator = Operator {
        location: rooms.location,
        directory: rooms.directory,
        plan,
        applications: rooms.applications.keys().cloned().collect(),
        inboxes,
        reload: Arc::clone(&reload),
        mailboxes: rooms.voicemail.ok_or_else(|| mailboxes::elsewhere(&config)),
        drain: Arc::clone(&drain),
    };
    let health = Health::new();
    if let Some(address) = config.http.listen {
        let registry = Registry::new();
        registry.add(node::telemetry::process);
        metrics::add_shards(&registry, &operator.inboxes);
        registry.add(move |page| (rooms.metrics)(page));
        if let Some(shards) = &shards {
            shards.add_metrics(&registry);
        }
        if let Some(names) = &names {
            names.add_metrics(&registry);
        }
        runtime.block_on(node::telemetry::serve(
            address,
            registry,
            health.clone(),
            CancellationToken::new(),
        ))?;
    }
    runtime.spawn(ctl::server::serve(socket, Arc::new(operator)));
    runtime.block_on(until_the_end(&reload, &drain, &health, shards.as_ref()))?;
    if let Some(shards) = shards {
        shards.stop();
    }
    let _ = std::fs::remove_file(ctl::socket_path(folder));
    tracing::info!("ended");
    Ok(())
}

/// The SIP edge, with the settings that its first shard was made with and what finds hosts for it.
fn shards(
    config: &Config,
    plan: &Arc<Plan>,
    rooms: &Rooms,
    keys: &Keys,
    runtime: &Runtime,
) -> Result<(Shards<Posted>, (Settings, Resolver))> {
    // RFC 7616 §3.4.5: one answer counts once, whichever shard meets it.
    let uses = Arc::new(std::sync::Mutex::new(Replay::new(NONCES_MAX)));
    let (watched, parked) = (Arc::new(Watched::default()), Arc::default());
    let (mut kept, mut inboxes) = (None, None);
    let started = clock::unix_s() as u32;
    let shards = node::shard::start(&config.shard, &config.sip, |place| {
        let settings = Settings {
            config: config.proxy.clone(),
            listeners: Arc::clone(&place.listeners),
            routes: Arc::clone(plan) as Arc<dyn Routes>,
            tokens: token::Keys::new(0, keys.part(0), started),
            limits: config.sip.limits.into(),
            transactions: sip::transaction::Config {
                intervals: intervals(config),
                transactions_max: config.proxy.transactions_max,
            },
            nonce_key: keys.part(16),
            uses: Arc::clone(&uses),
            watched: Arc::clone(&watched),
            parked: Arc::clone(&parked),
            loop_key: [u64::from_le_bytes(keys.part(48)), u64::from_le_bytes(keys.part(56))],
            spread: place.spread.clone(),
            edge: 0,
            shard: place.shard as u8,
        };
        let (_, names) = kept.get_or_insert_with(|| {
            let listeners = Arc::clone(&place.listeners);
            (settings.clone(), Resolver::new(&config.dns, listeners, runtime.handle().clone()))
        });
        let services = Services {
            location: Arc::clone(&rooms.location),
            directory: Arc::clone(&rooms.directory),
            media: rooms.media.clone(),
            applications: rooms.applications.clone(),
            waiting: rooms.waiting.clone(),
            names: Arc::new(names.clone()),
            shards: Arc::clone(&place.inboxes),
        };
        inboxes.get_or_insert_with(|| Arc::clone(&place.inboxes));
        let more = clock::seed();
        let seed = [place.seed[0], place.seed[1], more[0], more[1]];
        Service::new(Arc::new(settings), services, place.inbox().clone(), seed)
    })?;
    if let Some(inboxes) = &inboxes {
        let changes = Arc::new(Changes::new(Arc::clone(inboxes), Arc::clone(&watched)));
        if let Some(waiting) = &rooms.waiting {
            watched.set_mailboxes();
            waiting.follow(Arc::<Changes>::clone(&changes));
        }
        rooms.follow(changes, Arc::clone(&watched), runtime.handle());
        for application in rooms.applications.values() {
            application.follow(Arc::new(Commands(Arc::clone(inboxes))));
        }
    }
    match (&rooms.media, inboxes) {
        (Some(media), Some(inboxes)) => media.follow(Arc::new(MediaEvents(inboxes))),
        _ if matches!(config.proxy.anchor, Some(Anchor::Nat | Anchor::Always)) => {
            tracing::warn!("[proxy] anchor wants a media server, and there is none: such calls are refused");
        }
        _ => {}
    }
    Ok((shards, kept.context("there is at least one shard")?))
}

fn intervals(config: &Config) -> sip::transaction::Intervals {
    let timers = &config.timers;
    sip::transaction::Intervals { t1: *timers.t1, t2: *timers.t2, t4: *timers.t4 }
}

/// Waits for a signal or an operator, reloading meanwhile; then drains: no new calls, and those under way end.
async fn until_the_end(
    reload: &Reload,
    drain: &Notify,
    health: &Health,
    shards: Option<&Shards<Posted>>,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut seen = reload.changed();
    // Not before the signals are heard: whoever waits for this line may end the process with its next breath.
    tracing::info!("ready");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = drain.notified() => break,
            _ = hang_up.recv() => say(reload.now()),
            _ = seconds.tick() => {
                let changed = reload.changed();
                if changed.is_some() && changed != seen {
                    say(reload.now());
                }
                seen = changed.or(seen);
            }
        }
    }
    health.not_ready("drain", "no new calls are taken");
    reload.refuse_new_calls().await;
    tracing::info!("draining: no new calls are taken; a second Ctrl-C ends at once");
    let quiet = async {
        let Some(shards) = shards else { return };
        if shards.is_quiet().await {
            return;
        }
        // The ACK of a call that was answered last comes when nothing is under way any more.
        let mut looks = tokio::time::interval(Duration::from_millis(200));
        let mut calm = 0;
        while calm < CALM_LOOKS {
            looks.tick().await;
            calm = if shards.is_quiet().await { calm + 1 } else { 0 };
        }
    };
    tokio::select! {
        () = quiet => {}
        () = tokio::time::sleep(DRAIN_MAX) => tracing::warn!("requests are still under way; they end now"),
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn say(reloaded: Result<String, String>) {
    match reloaded {
        Ok(said) => tracing::info!("{said}"),
        Err(why) => tracing::error!("the new configuration is refused: {why}"),
    }
}

/// Nonces whose uses are remembered, some 64 octets each.
const NONCES_MAX: usize = 200_000;
const EXAMPLE: &str = include_str!("../../deploy/examples/first.toml");
/// How long requests under way may take to end. Established calls need us no longer than that: their media goes
/// from phone to phone, and their later requests are carried by whoever has the keys.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// A second.
const CALM_LOOKS: u32 = 5;
