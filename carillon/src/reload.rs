//! Reading the configuration again: a wrong one is refused whole, and the running one stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use callcenter::Callcenter;
use node::Inbox;
use node::config::Source;
use node::dns::Resolver;
use parking_lot::Mutex;
use proxy::core::plan::Plan;
use proxy::{Command, Posted, Settings};
use registrar::{UserDirectory, UserError};
use tokio::sync::oneshot;
use voicemail::Voicemail;

use crate::config::{self, Checked};
use crate::mailboxes;

/// What a new configuration is given to.
pub struct Reload {
    /// The file; `None` for the built-in example, which does not change.
    pub file: Option<PathBuf>,
    /// `--listen`, which stands above the file.
    pub listen: Vec<String>,
    /// The users of the file; absent where another process has them.
    pub users: Option<Arc<UserDirectory>>,
    /// The menus of this process; absent where another process has them.
    pub callcenter: Option<Callcenter>,
    /// The mailboxes of this process; absent where another process has them.
    pub voicemail: Option<Voicemail>,
    /// The dial plan, for tools.
    pub plan: Arc<ArcSwap<Plan>>,
    /// The ways into the shards.
    pub inboxes: Arc<[Inbox<Posted>]>,
    /// What the shards were made with; the number of the shard is put in for each. Absent without shards.
    pub settings: Option<Mutex<Settings>>,
    /// What finds hosts. Absent without shards.
    pub names: Option<Resolver>,
}

impl Reload {
    /// Reads the file now. The answer is for people; an error changes nothing.
    pub fn now(&self) -> Result<String, String> {
        let Some(file) = &self.file else {
            return Err("this exchange runs without a file; start one with carillon --config FILE".into());
        };
        let checked = Source::read(file).and_then(|source| config::load(&source, &self.listen));
        let checked = checked.map_err(|report| format!("{report}\nnothing is changed"))?;
        let said = format!(
            "{} is read: {} users, {} routes. Listeners, limits of tables, the domain and the realm change with a restart.",
            file.display(),
            checked.users.len(),
            checked.config.route.len()
        );
        self.take(checked).map_err(|why| format!("{}: {why}\nnothing is changed", file.display()))?;
        Ok(said)
    }

    fn take(&self, checked: Checked) -> Result<(), UserError> {
        // The one thing that may still be wrong comes first.
        if let Some(users) = &self.users {
            users.replace(checked.users)?;
        }
        for warning in &checked.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(names) = &self.names {
            names.configure(&checked.config.dns);
        }
        if let Some(callcenter) = &self.callcenter {
            callcenter.replace(checked.book);
        }
        if let (Some(voicemail), Some(settings)) = (&self.voicemail, mailboxes::settings(&checked.config)) {
            voicemail.replace(settings);
        }
        self.plan.store(Arc::clone(&checked.plan));
        let Some(settings) = &self.settings else { return Ok(()) };
        let mut settings = settings.lock();
        let before = std::mem::replace(&mut settings.config, checked.config.proxy);
        // What users' keys and addresses of record are made of cannot change under them.
        settings.config.realm = Some(before.realm().to_owned());
        settings.config.domain = before.domain;
        settings.routes = checked.plan;
        configure(&self.inboxes, &settings);
        Ok(())
    }

    /// From now on new calls are refused with 503; requests of established dialogs pass. It returns when every shard
    /// has heard of it, or after a second.
    pub async fn refuse_new_calls(&self) {
        let Some(settings) = &self.settings else { return };
        {
            let mut settings = settings.lock();
            settings.config.new_calls_percent = 0;
            configure(&self.inboxes, &settings);
        }
        let heard = self.inboxes.iter().filter_map(|inbox| {
            let (to, heard) = oneshot::channel();
            // What a shard is asked after it was told comes after it.
            let answer = Box::new(move |_| {
                let _ = to.send(());
            });
            inbox.post(Posted::Command(Command::Snapshot(answer))).is_ok().then_some(heard)
        });
        let heard: Vec<_> = heard.collect();
        let all = async {
            for shard in heard {
                // A shard that has ended takes no calls either.
                let _ = shard.await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), all).await;
    }

    /// When the file was changed last.
    pub fn changed(&self) -> Option<SystemTime> {
        std::fs::metadata(self.file.as_ref()?).and_then(|file| file.modified()).ok()
    }
}

fn configure(inboxes: &[Inbox<Posted>], settings: &Settings) {
    for (shard, inbox) in inboxes.iter().enumerate() {
        let settings = Settings { shard: shard as u8, ..settings.clone() };
        if inbox.post(Posted::Command(Command::Configure(Arc::new(settings)))).is_err() {
            tracing::error!("a shard is too busy to take the new configuration; reload again");
        }
    }
}
