//! Applications that conduct calls: which there are, by what the configuration says, and how they are reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use node::rpc;
use node::telemetry::Page;
use proto::application::{Application, ApplicationClient, RunLimits};
use proxy::core::plan::Attached;
use tokio::runtime::Handle;

use crate::attendant::Menus;
use crate::config::Config;
use crate::{mailboxes, metrics};

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

/// Those that are part of us, unless they are processes of their own, and those of others.
pub fn here(
    config: &Config,
    own: Vec<(&str, Arc<dyn Application>)>,
    trust: Option<&rpc::Trust>,
    runtime: &Handle,
) -> Result<Room> {
    let (mut applications, metrics) = match trust {
        Some(trust) => elsewhere(config, trust, runtime)?,
        None => nobody(),
    };
    for (name, application) in own {
        applications.entry(name.into()).or_insert(application);
    }
    Ok((applications, metrics))
}

/// The names of all.
pub fn names(config: &Config) -> impl Iterator<Item = &str> {
    let others = config.rpc.applications.keys().map(String::as_str);
    let mailboxes = config.voicemail.as_ref().map(|_| voicemail::service::NAME);
    others.chain([callcenter::service::NAME]).chain(mailboxes)
}

/// What the services of this file add to its dial plan.
pub fn attached(config: &Config, menus: Option<&Menus>) -> Attached {
    let numbers = menus.map_or_else(Vec::new, |menus| menus.numbers.clone());
    Attached {
        applications: names(config).map(str::to_owned).collect(),
        numbers: numbers.into_iter().chain(mailboxes::number(config)).collect(),
        patterns: menus.map_or_else(Vec::new, |menus| menus.codes.clone()),
        unanswered: mailboxes::unanswered(config),
        park: config.park.as_ref().map(|park| (park.get_ref().clone(), park.span())),
        anchored: anchored(config),
        music: music(config),
    }
}

/// Names and extensions of the users whose media go through us.
fn anchored(config: &Config) -> Vec<String> {
    let users = config.user.iter().map(toml::Spanned::get_ref).filter(|user| user.anchor.is_some());
    users.flat_map(|user| [Some(user.name.clone()), user.extension.clone()].into_iter().flatten()).collect()
}

/// Names and extensions of the users who say what people whom they hold hear.
fn music(config: &Config) -> Vec<(String, String)> {
    let of_user = |user: &registrar::config::UserConfig| {
        let names = [Some(user.name.clone()), user.extension.clone()];
        let sound = user.music_on_hold.clone();
        names.into_iter().flatten().filter_map(move |name| Some((name, sound.clone()?))).collect::<Vec<_>>()
    };
    config.user.iter().flat_map(|user| of_user(user.get_ref())).collect()
}

/// Tells people of numbers at which nobody answers, and of mailboxes that do not.
pub fn warn_of_missing(config: &Config) {
    if !config.menu.is_empty() && !config.rpc.applications.contains_key(callcenter::service::NAME) {
        tracing::warn!(
            "[[menu]]: no menu answers here; write [rpc] applications = {{ callcenter = \"https://10.0.0.8:5073\" }} \
             and run `carillon callcenter` there"
        );
    }
    if config.voicemail.is_some() && !config.rpc.applications.contains_key(voicemail::service::NAME) {
        tracing::warn!(
            "[voicemail]: no mailbox answers here; write [rpc] applications = {{ voicemail = \"https://10.0.0.9:5074\" }} \
             and voicemail = \"https://10.0.0.9:5074\", and run `carillon voicemail` there"
        );
    }
}

/// What is wrong with the names.
pub fn mistake(config: &Config) -> Option<String> {
    let is_wrong = |name: &&String| name.is_empty() || name.contains(['/', ' ']);
    let wrong = config.rpc.applications.keys().find(is_wrong)?;
    Some(format!("applications: {wrong:?} is no name; write one without / and without white space"))
}
