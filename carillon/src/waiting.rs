//! What waits in mailboxes, for phones: asked of another process where the configuration names one.

use std::sync::Arc;

use anyhow::Result;
use node::rpc;
use node::telemetry::Page;
use proto::{ClientLimits, MessageWaiting, WaitingClient};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::metrics;

/// Who knows, and what `/metrics` says of it.
pub type Room = (Option<Arc<dyn MessageWaiting>>, Arc<dyn Fn(&mut Page) + Send + Sync>);

/// In another process.
pub fn elsewhere(config: &Config, trust: &rpc::Trust, runtime: &Handle) -> Result<Room> {
    let Some(uri) = &config.rpc.voicemail else { return Ok((None, Arc::new(|_: &mut Page| ()))) };
    let client = WaitingClient::new(rpc::channel(uri, trust)?, ClientLimits::default(), runtime);
    let client = Arc::new(client);
    let counted = Arc::clone(&client);
    let metrics = move |page: &mut Page| metrics::of_client(page, "voicemail", &counted.counters());
    Ok((Some(client), Arc::new(metrics)))
}
