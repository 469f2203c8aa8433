//! Applications that conduct calls: which there are, by what the configuration says, and how they are reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use node::rpc;
use node::telemetry::Page;
use proto::application::{Application, ApplicationClient, RunLimits};
use proxy::core::plan::Attached;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::metrics;

/// Applications by name, and what `/metrics` says of them.
pub type Room = (BTreeMap<Box<str>, Arc<dyn Application>>, Arc<dyn Fn(&mut Page) + Send + Sync>);

/// None.
pub fn nobody() -> Room {
    (BTreeMap::new(), Arc::new(|_: &mut Page| ()))
}

/// Those of other processes.
pub fn elsewhere(config: &Config, trust: &rpc::Trust, runtime: &Handle) -> Result<Room> {
    let mut clients: BTreeMap<Box<str>, Arc<ApplicationClient>> = BTreeMap::new();
    for (name, uri) in &config.rpc.applications {
        let client = ApplicationClient::new(rpc::channel(uri, trust)?, RunLimits::default(), runtime);
        clients.insert(name.as_str().into(), Arc::new(client));
    }
    let mut applications: BTreeMap<Box<str>, Arc<dyn Application>> = BTreeMap::new();
    for (name, client) in &clients {
        applications.insert(name.clone(), Arc::<ApplicationClient>::clone(client));
    }
    let metrics = move |page: &mut Page| {
        for (name, client) in &clients {
            metrics::of_application(page, name, &client.counters());
        }
    };
    Ok((applications, Arc::new(metrics)))
}

/// What the services of this file add to its dial plan.
pub fn attached(config: &Config) -> Attached {
    Attached { applications: config.rpc.applications.keys().cloned().collect(), ..Attached::default() }
}

/// What is wrong with the names.
pub fn mistake(config: &Config) -> Option<String> {
    let is_wrong = |name: &&String| name.is_empty() || name.contains(['/', ' ']);
    let wrong = config.rpc.applications.keys().find(is_wrong)?;
    Some(format!("applications: {wrong:?} is no name; write one without / and without white space"))
}
