//! What phones may watch beside calls: what waits in mailboxes, asked of another process where the configuration names
//! one, and changes at the registrar.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use node::rpc;
use node::telemetry::Page;
use proto::registrar::{Change, Changes, Follower};
use proto::{ClientLimits, MessageWaiting, WaitingClient};
use proxy::core::notifier::watched::Watched;
use tokio::runtime::Handle;
use voicemail::Voicemail;

use crate::config::Config;
use crate::metrics;

/// Who knows, and what `/metrics` says of it.
pub type Room = (Option<Arc<dyn MessageWaiting>>, Arc<dyn Fn(&mut Page) + Send + Sync>);

/// In this process.
pub fn here(voicemail: Option<Voicemail>) -> Room {
    let Some(voicemail) = voicemail else { return (None, Arc::new(|_: &mut Page| ())) };
    let counted = voicemail.clone();
    (Some(Arc::new(voicemail)), Arc::new(move |page: &mut Page| counted.metrics(page)))
}

/// In another process.
pub fn elsewhere(config: &Config, trust: &rpc::Trust, runtime: &Handle) -> Result<Room> {
    let Some(uri) = &config.rpc.voicemail else { return Ok((None, Arc::new(|_: &mut Page| ()))) };
    let client = WaitingClient::new(rpc::channel(uri, trust)?, ClientLimits::default(), runtime);
    let client = Arc::new(client);
    let counted = Arc::clone(&client);
    let metrics = move |page: &mut Page| metrics::of_client(page, "voicemail", &counted.counters());
    Ok((Some(client), Arc::new(metrics)))
}

/// Tells the near-copy of changes at the registrar, and after it whoever has subscribed to them.
pub struct Relay {
    copy: Arc<dyn Follower>,
    then: OnceLock<Arc<dyn Follower>>,
}

impl Relay {
    /// Before this near-copy.
    pub fn before(copy: Arc<dyn Follower>) -> Self {
        Self { copy, then: OnceLock::new() }
    }

    /// Tells one more; the first one given.
    pub fn follow(&self, then: Arc<dyn Follower>) {
        let _ = self.then.set(then);
    }
}

impl Follower for Relay {
    fn began(&self, run: u64, number: u64) {
        self.copy.began(run, number);
        if let Some(then) = self.then.get() {
            then.began(run, number);
        }
    }

    fn changed(&self, change: &Change) {
        self.copy.changed(change);
        if let Some(then) = self.then.get() {
            then.changed(change);
        }
    }

    fn lost(&self) {
        self.copy.lost();
        if let Some(then) = self.then.get() {
            then.lost();
        }
    }
}

/// Tells of the changes at a registrar of this process, while somebody has subscribed to a registration: a wake-up for
/// each REGISTER would cost more than the REGISTER.
pub async fn relay(changes: Arc<Changes>, follower: Arc<dyn Follower>, watched: Arc<Watched>) {
    loop {
        poll_fn(|context| watched.poll_registrations(context)).await;
        let mut watch = changes.watch();
        follower.began(changes.run(), watch.from());
        while watched.has_registrations() {
            let Ok(change) = watch.next().await else {
                follower.lost();
                break;
            };
            follower.changed(&change);
        }
    }
}
