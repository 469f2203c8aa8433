//! The attendant of this process, and `carillon callcenter`, which is one of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use callcenter::config::{Known, MenuNumber, Mistake, Read};
use callcenter::core::{Action, Book};
use callcenter::service::{Callcenter, Night, purpose_of, purpose_of_code};
use jiff::tz::TimeZone;
use node::config::{Problem, Source};
use node::rpc;
use node::telemetry::{Health, Registry};
use prompt::Language;
use proto::application::ApplicationServer;
use proto::directory::DirectoryClient;
use proto::{ClientLimits, Directory};
use proxy::core::plan::AttachedNumber;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::config::{self, Checked, Config};
use crate::sounds::{self, Named};
use crate::{applications, services, state};

/// The menus of a file, and what it adds to its dial plan.
pub struct Menus {
    /// What callers hear and choose.
    pub book: Arc<Book>,
    /// Where they answer.
    pub numbers: Vec<AttachedNumber>,
    /// The feature codes, as patterns of the dial plan.
    pub codes: Vec<AttachedNumber>,
    /// What works and is probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads the menus of a file, and tries their greetings.
pub fn read(config: &Config, source: &Source) -> Result<Menus, Vec<Problem>> {
    let users: Vec<_> = config.user.iter().map(toml::Spanned::get_ref).collect();
    let users: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.extension.as_deref())).collect();
    let groups: Vec<_> = config.group.iter().map(toml::Spanned::get_ref).collect();
    let groups: Vec<_> =
        groups.iter().map(|group| (group.name.as_str(), group.extension.as_deref())).collect();
    let known = Known {
        users: &users,
        groups: &groups,
        codes: &config.codes,
        mailboxes: applications::names(config).any(|name| name == "voicemail").then_some("voicemail/deposit"),
        language: config.spoken(),
        zone: zone(config),
    };
    let shown = |mistake: Mistake| source.problem(mistake.at, mistake.what);
    let Read { book, numbers, greetings, warnings } =
        callcenter::config::read(&config.menu, &config.holidays, &known)
            .map_err(|mistakes| mistakes.into_iter().map(shown).collect::<Vec<_>>())?;
    let named = greetings.into_iter().map(|(file, at)| Named { what: "greeting", file, at: Some(at) });
    let (mistakes, doubts) = sounds::unplayable(config, source, named.collect());
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let warnings = warnings.into_iter().map(shown).chain(doubts).collect();
    let attached =
        |MenuNumber { number, menu, at }| AttachedNumber { number, purpose: purpose_of(&menu), at };
    let codes = book.codes.iter().map(|(name, action, code)| AttachedNumber {
        // A number may follow at once. A rule of the file for the same number stands above it.
        number: if matches!(action, Action::Forward(_)) { format!("_{code}!") } else { format!("_{code}") },
        purpose: purpose_of_code(name),
        at: 0..0,
    });
    let codes = codes.collect();
    let numbers = numbers.into_iter().map(attached).collect();
    Ok(Menus { numbers, codes, book: Arc::new(book), warnings })
}

/// Where hours are meant. A name that is none is a mistake of the dial plan, which says so.
pub fn zone(config: &Config) -> TimeZone {
    let named = config.dial.time_zone.as_ref().and_then(|name| TimeZone::get(name.get_ref()).ok());
    named.unwrap_or_else(TimeZone::system)
}

/// In this process.
pub fn here(
    config: &Config,
    book: Arc<Book>,
    directory: Arc<dyn Directory>,
    state: &Path,
    runtime: &Handle,
) -> Callcenter {
    let (path, runtime) = (state.join("night"), runtime.clone());
    let is_on = std::fs::read_to_string(&path).is_ok_and(|kept| kept.trim() == "on");
    let night = Night::new(is_on, move |is_on| {
        let path = path.clone();
        runtime.spawn_blocking(move || {
            if let Err(why) = node::files::keep(&path, if is_on { b"on" } else { b"off" }) {
                tracing::error!(path = %path.display(), %why, "night mode will not be known after a restart");
            }
        });
    });
    Callcenter::new(book, directory, night, config.callcenter.runs_max)
}

/// What is spoken where nobody says another language.
pub fn language(tag: &str) -> Result<Language, String> {
    let known: Vec<_> = Language::ALL.iter().map(|language| language.tag()).collect();
    Language::of(tag)
        .ok_or_else(|| format!("language: {tag:?} is not spoken here; there are {}", known.join(", ")))
}

/// `carillon callcenter`: until SIGTERM or Ctrl-C, and then until its calls have left their menus.
pub fn run(common: &Common, folder: &Path) -> Result<()> {
    state::create(folder)?;
    let file = common.config.as_ref().context("carillon callcenter needs --config FILE")?;
    let Checked { config, book, warnings, .. } = config::load(&Source::read(file)?, &common.listen)?;
    node::telemetry::Log { json: config.log.json || common.log_json, ..config.log.clone() }
        .start(common.log.as_deref())?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()?;
    let _inside = runtime.enter();
    let trusted = services::folder(&config, folder);
    let registrar = config.rpc.registrar.as_deref().context(
        "carillon callcenter asks the registrar who exists; write [rpc] registrar = \"https://10.0.0.5:5070\"",
    )?;
    let channel = rpc::channel(registrar, &rpc::Trust::of_client(&trusted)?)?;
    let directory = DirectoryClient::new(channel, ClientLimits::default(), runtime.handle());
    let callcenter = here(&config, book, Arc::new(directory), folder, runtime.handle());
    let address = config.rpc.listen.context(
        "carillon callcenter needs an address to be asked at; write [rpc] listen = \"0.0.0.0:5073\"",
    )?;
    let (mut server, incoming) = rpc::listen(address, &rpc::Trust::of_server(&trusted)?)?;
    let address = incoming.local_addr().unwrap_or(address);
    let router = server.add_service(ApplicationServer::new(Arc::new(callcenter.clone())).service());
    runtime.spawn(async move {
        if let Err(why) = router.serve_with_incoming(incoming).await {
            tracing::error!(%why, "proxies cannot reach the menus any more; restart this process");
        }
    });
    tracing::info!(%address, "proxies may hand calls over");
    let health = Health::new();
    if let Some(address) = config.http.listen {
        let registry = Registry::new();
        registry.add(node::telemetry::process);
        let counted = callcenter.clone();
        registry.add(move |page| counted.metrics(page));
        let serve = node::telemetry::serve(address, registry, health.clone(), CancellationToken::new());
        runtime.block_on(serve)?;
    }
    runtime.block_on(until_the_end(&callcenter, &health, common, file))?;
    tracing::info!("ended");
    Ok(())
}

async fn until_the_end(callcenter: &Callcenter, health: &Health, common: &Common, file: &Path) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let changed = || std::fs::metadata(file).and_then(|file| file.modified()).ok();
    let mut seen = changed();
    tracing::info!("ready");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(callcenter, common, file),
            _ = seconds.tick() => {
                let now = changed();
                if now.is_some() && now != seen {
                    reload(callcenter, common, file);
                }
                seen = now.or(seen);
            }
        }
    }
    tracing::info!("draining: calls leave their menus; a second Ctrl-C ends at once");
    health.not_ready("drain", "no new calls are taken");
    let quiet = async {
        while callcenter.runs() > 0 {
            seconds.tick().await;
        }
    };
    tokio::select! {
        () = quiet => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn reload(callcenter: &Callcenter, common: &Common, file: &Path) {
    match Source::read(file).and_then(|source| config::load(&source, &common.listen)) {
        Ok(checked) => {
            for warning in &checked.warnings {
                tracing::warn!("{warning}");
            }
            callcenter.replace(checked.book);
            tracing::info!(file = %file.display(), "the menus are read again");
        }
        Err(why) => tracing::error!("the new configuration is refused: {why}"),
    }
}
