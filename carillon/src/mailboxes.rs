//! Voicemail of this process, and `carillon voicemail`, which is one of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use node::config::{Problem, Source};
use node::rpc;
use node::telemetry::{Health, Registry};
use prompt::Language;
use proto::application::ApplicationServer;
use proto::directory::DirectoryClient;
use proto::{ClientLimits, Directory, MessageWaiting, ServerLimits, WaitingServer};
use proxy::core::plan::{AttachedNumber, Unanswered};
use store::{Archive, Bucket, Records};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use voicemail::service::{DEPOSIT, NAME, RETRIEVE};
use voicemail::{Owner, Settings, Voicemail, pin};

use crate::cli::Common;
use crate::config::{self, Config};
use crate::ctl::mailboxes::Alone;
use crate::{attendant, ctl, services, state};

/// Where people listen to their messages.
pub fn number(config: &Config) -> Option<AttachedNumber> {
    let number = config.voicemail.as_ref()?.extension.as_ref()?;
    Some(AttachedNumber { number: number.get_ref().clone(), purpose: RETRIEVE.to_owned(), at: number.span() })
}

/// What becomes of calls to users that are not answered.
pub fn unanswered(config: &Config) -> Option<Unanswered> {
    let after = *config.voicemail.as_ref()?.after;
    Some(Unanswered { after, purpose: DEPOSIT.to_owned() })
}

/// What is wrong with `[voicemail]`, and with what users say of their mailboxes.
pub fn mistakes(config: &Config, source: &Source) -> Vec<Problem> {
    let of_section = config.voicemail.iter().flat_map(voicemail::Config::mistakes);
    let mut problems: Vec<_> = of_section
        .map(|what| Problem { path: source.path().into(), at: None, what: format!("[voicemail] {what}") })
        .collect();
    let digits_min = config.voicemail.clone().unwrap_or_default().pin_digits_min;
    for user in &config.user {
        let (at, user) = (user.span(), user.get_ref());
        let number = user.extension.as_deref().unwrap_or(&user.name);
        let pin = user.pin.as_ref().and_then(|pin| pin::check(pin.reveal(), digits_min, number).err());
        let tongue = user.language.as_deref().and_then(|tag| attendant::language(tag).err());
        for what in pin.into_iter().map(|what| format!("pin: {what}")).chain(tongue) {
            problems.push(source.problem(at.clone(), format!("user {}: {what}", user.name)));
        }
    }
    problems
}

/// Who can open a mailbox from one phone alone.
pub fn warning(config: &Config, source: &Source) -> Option<Problem> {
    config.voicemail.as_ref()?.extension.as_ref()?;
    let without = config.user.iter().map(toml::Spanned::get_ref).filter(|user| user.pin.is_none());
    let without: Vec<_> = without.map(|user| user.name.as_str()).collect();
    let (first, more) = without.split_first()?;
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let what = format!(
        "user {first}{more}: without `pin` they hear their messages from their own phones alone; write pin = \"4711\" \
         (digits of your own)"
    );
    Some(Problem { path: source.path().into(), at: None, what })
}

/// How it behaves, where there is voicemail.
pub fn settings(config: &Config) -> Option<Settings> {
    let owners: BTreeMap<_, _> = config.user.iter().map(toml::Spanned::get_ref).map(owner).collect();
    Some(Settings {
        config: config.voicemail.clone()?,
        language: config.spoken(),
        zone: attendant::zone(config),
        owners,
    })
}

fn owner(user: &registrar::UserConfig) -> (String, Owner) {
    let language = user.language.as_deref().and_then(Language::of);
    (user.name.clone(), Owner { pin: user.pin.clone(), email: user.email.clone(), language })
}

/// In this process, unless it is one of its own, or there is none.
pub fn here(
    config: &Config,
    folder: &Path,
    directory: Arc<dyn Directory>,
    runtime: &Handle,
) -> Result<Option<Voicemail>> {
    let Some(settings) = settings(config) else { return Ok(None) };
    if config.rpc.applications.contains_key(NAME) {
        return Ok(None);
    }
    let database = folder.join(&settings.config.database);
    let recordings = config.media.recordings.clone().unwrap_or_else(|| folder.join("recordings"));
    let records = Records::new(recordings);
    let records = match &settings.config.archive {
        None => records,
        Some(archive) => {
            let opened = Archive::new(&bucket(archive), runtime);
            records
                .archived(opened.context("[voicemail.archive] cannot be used; look at endpoint and bucket")?)
        }
    };
    let opened = Voicemail::open(settings, (database, records), directory, runtime);
    Ok(Some(runtime.block_on(opened)?))
}

/// Why this process keeps no mailboxes, for an operator who asks for them.
pub fn elsewhere(config: &Config) -> String {
    match config.rpc.applications.get(NAME) {
        Some(uri) => format!(
            "the mailboxes are kept by another process, {uri}; on its machine type: carillon ctl voicemail ... --state DIR \
             (the folder of that process)"
        ),
        None if config.voicemail.is_some() => {
            "this process keeps no mailboxes; name the folder of the one that does with --state DIR"
                .to_owned()
        }
        None => "there are no mailboxes here; write a section [voicemail] in the configuration".to_owned(),
    }
}

fn bucket(config: &voicemail::ArchiveConfig) -> Bucket<'_> {
    Bucket {
        name: &config.bucket,
        prefix: &config.prefix,
        endpoint: config.endpoint.as_deref(),
        region: &config.region,
        access_key: &config.access_key,
        secret_key: config.secret_key.reveal(),
    }
}

/// `carillon voicemail`: until SIGTERM or Ctrl-C, and then until its calls have ended.
pub fn run(common: &Common, folder: &Path) -> Result<()> {
    state::create(folder)?;
    let file = common.config.as_ref().context("carillon voicemail needs --config FILE")?;
    let mut config = config::load(&Source::read(file)?, &common.listen)?.config;
    // Here it is, whatever the file says of where proxies find it.
    config.rpc.applications.remove(NAME);
    node::telemetry::Log { json: config.log.json || common.log_json, ..config.log.clone() }
        .start(common.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()?;
    let inside = runtime.enter();
    let socket = ctl::server::bind(folder)?;
    let trusted = services::folder(&config, folder);
    let registrar = config.rpc.registrar.as_deref().context(
        "carillon voicemail asks the registrar who exists; write [rpc] registrar = \"https://10.0.0.5:5070\"",
    )?;
    let channel = rpc::channel(registrar, &rpc::Trust::of_client(&trusted)?)?;
    let directory = Arc::new(DirectoryClient::new(channel, ClientLimits::default(), runtime.handle()));
    let voicemail = here(&config, folder, directory, runtime.handle())?
        .context("carillon voicemail needs a section [voicemail] in its configuration")?;
    let address = config.rpc.listen.context(
        "carillon voicemail needs an address to be asked at; write [rpc] listen = \"0.0.0.0:5074\"",
    )?;
    let (mut server, incoming) = rpc::listen(address, &rpc::Trust::of_server(&trusted)?)?;
    let address = incoming.local_addr().unwrap_or(address);
    let conducts = ApplicationServer::new(Arc::new(voicemail.clone()));
    let waits =
        WaitingServer::new(Arc::new(voicemail.clone()) as Arc<dyn MessageWaiting>, ServerLimits::default());
    let router = server.add_service(conducts.service()).add_service(waits.service());
    runtime.spawn(async move {
        if let Err(why) = router.serve_with_incoming(incoming).await {
            tracing::error!(%why, "proxies cannot reach the mailboxes any more; restart this process");
        }
    });
    tracing::info!(%address, "proxies may hand calls over");
    drop(inside);
    runtime.spawn(ctl::server::serve(socket, Arc::new(Alone(voicemail.clone()))));
    let health = Health::new();
    if let Some(address) = config.http.listen {
        let registry = Registry::new();
        registry.add(node::telemetry::process);
        let counted = voicemail.clone();
        registry.add(move |page| counted.metrics(page));
        let serve = node::telemetry::serve(address, registry, health.clone(), CancellationToken::new());
        runtime.block_on(serve)?;
    }
    runtime.block_on(until_the_end(&voicemail, &health, common, file))?;
    let _ = std::fs::remove_file(ctl::socket_path(folder));
    tracing::info!("ended");
    Ok(())
}

async fn until_the_end(voicemail: &Voicemail, health: &Health, common: &Common, file: &Path) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut seen = changed(file);
    tracing::info!("ready");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reload(voicemail, common, file),
            _ = seconds.tick() => {
                let now = changed(file);
                if now.is_some() && now != seen {
                    reload(voicemail, common, file);
                }
                seen = now.or(seen);
            }
        }
    }
    tracing::info!("draining: calls leave their mailboxes; a second Ctrl-C ends at once");
    health.not_ready("drain", "no new calls are taken");
    let quiet = async {
        while voicemail.runs() > 0 {
            seconds.tick().await;
        }
    };
    tokio::select! {
        () = quiet => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|file| file.modified()).ok()
}

fn reload(voicemail: &Voicemail, common: &Common, file: &Path) {
    match Source::read(file).and_then(|source| config::load(&source, &common.listen)) {
        Ok(checked) => {
            if let Some(settings) = settings(&checked.config) {
                voicemail.replace(settings);
                tracing::info!(file = %file.display(), "the mailboxes' settings are read again");
            }
        }
        Err(why) => tracing::error!("the new configuration is refused: {why}"),
    }
}
