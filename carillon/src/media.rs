//! Media of this process, of another one, and `carillon mediaserver`, which is that other one.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use mediaserver::Mediaserver;
use mediaserver::config::MediaAddress;
use node::config::Source;
use node::rpc;
use node::telemetry::{Health, Page, Registry};
use proto::media::{MediaClient, MediaServer};
use proto::{ClientLimits, Media, ServerLimits};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::config::{self, Config};
use crate::{metrics, services, state};

/// Who relays, and what `/metrics` says of it.
pub type Room = (Option<Arc<dyn Media>>, Arc<dyn Fn(&mut Page) + Send + Sync>);

/// Nobody.
pub fn nobody() -> Room {
    (None, Arc::new(|_: &mut Page| ()))
}

/// In this process.
pub fn here(config: &Config, folder: &Path) -> Result<Room> {
    let media = Arc::new(start(config, folder)?);
    let counted = Arc::clone(&media);
    Ok((Some(media), Arc::new(move |page: &mut Page| counted.metrics(page))))
}

/// In another process, where the configuration names one.
pub fn elsewhere(config: &Config, trust: &rpc::Trust, runtime: &Handle) -> Result<Room> {
    let Some(uri) = &config.rpc.mediaserver else { return Ok(nobody()) };
    let client = MediaClient::new(rpc::channel(uri, trust)?, ClientLimits::default(), runtime);
    let client = Arc::new(client);
    let counted = Arc::clone(&client);
    let metrics = move |page: &mut Page| metrics::of_client(page, "mediaserver", &counted.counters());
    Ok((Some(client), Arc::new(metrics)))
}

/// `carillon mediaserver`: until SIGTERM or Ctrl-C, and then until its calls have ended.
pub fn run(common: &Common, folder: &Path) -> Result<()> {
    state::create(folder)?;
    let file = common.config.as_ref().context("carillon mediaserver needs --config FILE")?;
    let config = config::load(&Source::read(file)?, &common.listen)?.config;
    node::telemetry::Log { json: config.log.json || common.log_json, ..config.log.clone() }
        .start(common.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()?;
    let _inside = runtime.enter();
    let media = Arc::new(start(&config, folder)?);
    let address = config.rpc.listen.context(
        "carillon mediaserver needs an address to be asked at; write [rpc] listen = \"0.0.0.0:5071\"",
    )?;
    let trust = rpc::Trust::of_server(&services::folder(&config, folder))?;
    let (mut server, incoming) = rpc::listen(address, &trust)?;
    let address = incoming.local_addr().unwrap_or(address);
    let asked = MediaServer::new(Arc::clone(&media) as Arc<dyn Media>, ServerLimits::default());
    let router = server.add_service(asked.service());
    runtime.spawn(async move {
        if let Err(why) = router.serve_with_incoming(incoming).await {
            tracing::error!(%why, "proxies cannot ask any more; restart this process");
        }
    });
    tracing::info!(%address, "other services may ask");
    let health = Health::new();
    if let Some(address) = config.http.listen {
        let registry = Registry::new();
        registry.add(node::telemetry::process);
        let counted = Arc::clone(&media);
        registry.add(move |page| counted.metrics(page));
        runtime.block_on(node::telemetry::serve(
            address,
            registry,
            health.clone(),
            CancellationToken::new(),
        ))?;
    }
    runtime.block_on(until_the_end(&media, &health))?;
    tracing::info!("ended");
    Ok(())
}

async fn until_the_end(media: &Mediaserver, health: &Health) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tracing::info!("ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("draining: no new calls are taken; a second Ctrl-C ends at once");
    health.not_ready("drain", "no new calls are taken");
    media.drain();
    let quiet = async {
        let mut looks = tokio::time::interval(Duration::from_secs(1));
        while media.sessions() > 0 {
            looks.tick().await;
        }
    };
    tokio::select! {
        () = quiet => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn start(config: &Config, folder: &Path) -> Result<Mediaserver> {
    let mut media = config.media.clone();
    media.sounds.get_or_insert_with(|| folder.join("sounds"));
    media.recordings.get_or_insert_with(|| folder.join("recordings"));
    if media.addresses.is_empty() {
        media.addresses = advertised(config);
    }
    let files = node::limits::raise_open_files();
    let calls = files / FILES_OF_A_CALL;
    if calls < 1000 {
        tracing::warn!(files, "only some {calls} calls can have media: raise LimitNOFILE, or ulimit -n");
    }
    Mediaserver::start(&media).context("the media threads do not start")
}

/// A pair of ports for each side, and sockets of their own for the two that have found each other.
const FILES_OF_A_CALL: u64 = 6;

/// Where SIP is advertised under another address, media is too, unless `[media]` says otherwise.
fn advertised(config: &Config) -> Vec<MediaAddress> {
    let own = node::datagram::addresses();
    let mut found: Vec<MediaAddress> = Vec::new();
    for listen in &config.sip.listen {
        let advertised = listen.advertise.as_ref().and_then(|name| name.host.parse::<IpAddr>().ok());
        let bound = listen.address.address.ip();
        let address = if bound.is_unspecified() {
            own.iter().copied().find(|own| own.is_ipv4() == bound.is_ipv4())
        } else {
            Some(bound)
        };
        if let (Some(advertise), Some(address)) = (advertised, address)
            && advertise.is_ipv4() == address.is_ipv4()
            && !found.iter().any(|known| known.address == address)
        {
            let local_networks = listen.local_networks.clone();
            found.push(MediaAddress { address, advertise: Some(advertise), local_networks });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_is_advertised_as_sip_is() {
        let listen = r#"[sip]
            listen = ["udp:127.0.0.1:5060", { address = "udp:127.0.0.2:5060", advertise = "203.0.113.5", local_networks = ["127.0.0.0/8"] }]"#;
        let config: Config = Source::of(Path::new("x.toml"), listen).parse().expect("good");
        let shown = |near: &str| advertised(&config)[0].shown(near.parse().ok()).to_string();
        assert_eq!(shown("198.51.100.1"), "203.0.113.5");
        assert_eq!(shown("127.0.0.9"), "127.0.0.2");
        assert_eq!(advertised(&Config::default()), []);
    }
}
