//! The shell: runs by name, each a task with its dialogue; mailboxes are asked between its inputs.

mod administer;
mod answers;
mod archive;
mod forward;
mod mail;
mod orphans;
mod outbox;
mod run;
#[cfg(test)]
mod tests;
mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::tz::TimeZone;
use node::config::Secret;
use node::telemetry::Page;
use parking_lot::{Mutex, RwLock};
use prompt::Language;
use proto::application::{Application, Conductor, Event, What};
use proto::asked::awaited;
use proto::waiting::{MessageWaiting, Summarise, Waiting, WaitingSink};
use proto::{Asked, Directory, Find, Found, Reply, ServiceError, User};
use store::{DatabaseError, Mailboxes, Records};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

pub use self::administer::{Letter, Refused, Usage};
use self::outbox::How;
use crate::config::Config;

/// The name by which the dial plan knows it: what its purposes begin with.
pub const NAME: &str = "voicemail";
/// What is wanted of it for one who leaves a message.
pub const DEPOSIT: &str = "voicemail/deposit";
/// What is wanted of it for one who listens.
pub const RETRIEVE: &str = "voicemail/retrieve";

/// What a reload may change.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[voicemail]`.
    pub config: Config,
    /// What is spoken where neither call nor owner says another language.
    pub language: Language,
    /// Days and hours are said as they are here.
    pub zone: TimeZone,
    /// What the configuration says of users, by name.
    pub owners: BTreeMap<String, Owner>,
}

/// What the configuration says of the owner of a mailbox.
#[derive(Debug, Clone, Default)]
pub struct Owner {
    /// The first PIN; one that its owner chose stands in its place.
    pub pin: Option<Secret>,
    /// Where messages are sent as e-mail.
    pub email: Option<String>,
    /// What is spoken and written to the owner.
    pub language: Option<Language>,
}

/// Voicemail, as an application of the exchange. Clones are the same one.
#[derive(Clone)]
pub struct Voicemail {
    shared: Arc<Shared>,
}

struct Shared {
    directory: Arc<dyn Directory>,
    mailboxes: Mailboxes,
    records: Records,
    settings: RwLock<Arc<Settings>>,
    conductor: RwLock<Option<Arc<dyn Conductor>>>,
    sink: RwLock<Option<Arc<dyn WaitingSink>>>,
    /// Changes are told in their order.
    telling: tokio::sync::Mutex<()>,
    runs: Mutex<HashMap<String, mpsc::Sender<Event>>>,
    questions: Semaphore,
    /// Each way of telling messages outside is one after the other, so that none is told twice.
    sending: [tokio::sync::Mutex<()>; 2],
    /// Made when it is needed first.
    web: OnceLock<reqwest::Client>,
    runtime: Handle,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    overloaded: AtomicU64,
    refused: AtomicU64,
    filed: AtomicU64,
    recovered: AtomicU64,
    full: AtomicU64,
    wrong_pins: AtomicU64,
    failed: AtomicU64,
    mails: AtomicU64,
    mails_failed: AtomicU64,
    webhooks: AtomicU64,
    webhooks_failed: AtomicU64,
    archived: AtomicU64,
    archive_failed: AtomicU64,
}

impl Voicemail {
    /// Opens the mailboxes of `database`, unless a server keeps them; their sound is in `records`. What a crash left behind is filed as long as
    /// `runtime` runs, beginning now.
    pub async fn open(
        settings: Settings,
        (database, records): (PathBuf, Records),
        directory: Arc<dyn Directory>,
        runtime: &Handle,
    ) -> Result<Self, DatabaseError> {
        let mailboxes = match &settings.config.postgres {
            Some(url) => Mailboxes::connect(url.reveal()).await?,
            None => Mailboxes::open(&database).await?,
        };
        let shared = Arc::new(Shared {
            directory,
            mailboxes,
            records,
            settings: RwLock::new(Arc::new(settings)),
            conductor: RwLock::default(),
            sink: RwLock::default(),
            telling: tokio::sync::Mutex::default(),
            runs: Mutex::default(),
            questions: Semaphore::new(QUESTIONS_MAX),
            sending: Default::default(),
            web: OnceLock::new(),
            runtime: runtime.clone(),
            counts: Counts::default(),
        });
        runtime.spawn(orphans::keep(Arc::clone(&shared)));
        for how in [How::Mail, How::Webhook] {
            runtime.spawn(outbox::keep(Arc::clone(&shared), how));
        }
        if shared.records.has_archive() {
            runtime.spawn(archive::keep(Arc::clone(&shared)));
        }
        Ok(Voicemail { shared })
    }

    /// Calls from now on meet these settings; those under way go on with theirs.
    pub fn replace(&self, settings: Settings) {
        *self.shared.settings.write() = Arc::new(settings);
    }

    /// How many calls are in voicemail.
    pub fn runs(&self) -> usize {
        self.shared.runs.lock().len()
    }

    /// What `/metrics` says of it.
    pub fn metrics(&self, page: &mut Page) {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        page.gauge("carillon_voicemail_runs", "Calls in voicemail.", &[], self.runs() as f64);
        for (name, help, count) in [
            ("carillon_voicemail_runs_total", "Calls that came to voicemail.", &counts.begun),
            ("carillon_voicemail_overloaded_total", "Calls refused because of runs_max.", &counts.overloaded),
            (
                "carillon_voicemail_commands_refused_total",
                "Commands that the exchange could not do.",
                &counts.refused,
            ),
            ("carillon_voicemail_messages_total", "Messages that were filed.", &counts.filed),
            (
                "carillon_voicemail_recovered_total",
                "Messages that were filed after a crash.",
                &counts.recovered,
            ),
            ("carillon_voicemail_full_total", "Callers who met a full mailbox.", &counts.full),
            ("carillon_voicemail_wrong_pins_total", "Wrong PINs.", &counts.wrong_pins),
            ("carillon_voicemail_mails_total", "E-mails that a server took.", &counts.mails),
            ("carillon_voicemail_mails_failed_total", "E-mails that were given up.", &counts.mails_failed),
            ("carillon_voicemail_webhooks_total", "Messages that the web address took.", &counts.webhooks),
            (
                "carillon_voicemail_webhooks_failed_total",
                "Messages that the web address did not take in two hours.",
                &counts.webhooks_failed,
            ),
            ("carillon_voicemail_archived_total", "Records that the archive took.", &counts.archived),
            (
                "carillon_voicemail_archive_failed_total",
                "Times that the archive did not do what it was asked.",
                &counts.archive_failed,
            ),
            (
                "carillon_voicemail_failed_total",
                "Questions that database or disk did not answer.",
                &counts.failed,
            ),
        ] {
            page.counter(name, help, &[], read(count));
        }
    }
}

impl Application for Voicemail {
    fn post(&self, run: &str, event: Event) {
        let shared = &self.shared;
        if let What::Refused { id, why } = &event.what {
            tracing::warn!(run, id, why, "the exchange could not do what voicemail wanted");
            shared.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        if event.number == 1 && matches!(event.what, What::Started(_)) && !shared.begin(run) {
            return;
        }
        let sent = shared.runs.lock().get(run).map(|events| events.try_send(event));
        if let Some(Err(_)) = sent {
            shared.runs.lock().remove(run);
            shared.overloaded(run);
        }
    }

    fn forget(&self, run: &str) {
        // The task does what it was told so far, and ends. What was recorded is found by the next look for orphans.
        self.shared.runs.lock().remove(run);
    }

    fn follow(&self, conductor: Arc<dyn Conductor>) {
        *self.shared.conductor.write() = Some(conductor);
    }
}

impl MessageWaiting for Voicemail {
    fn summarise(&self, ask: &Summarise<'_>, reply: Reply<Option<Waiting>>) -> Asked<Option<Waiting>> {
        let shared = Arc::clone(&self.shared);
        if self.shared.questions.available_permits() == 0 {
            return reply.now(Err(ServiceError::Overloaded { retry_after: Duration::from_secs(1) }));
        }
        let user = ask.user.to_owned();
        self.shared.runtime.spawn(async move {
            let _permit = shared.questions.acquire().await;
            let answer = match shared.owner(&user).await {
                Ok(Some(found)) if found.name == user => shared.waiting(&user).await.map(Some),
                Ok(_) => Ok(None),
                Err(why) => Err(why),
            };
            reply.send(answer);
        });
        Asked::Later
    }

    fn follow(&self, sink: Arc<dyn WaitingSink>) {
        *self.shared.sink.write() = Some(sink);
    }
}

impl Shared {
    /// A new dialogue; one of the same name is begun anew. False when there are too many.
    fn begin(self: &Arc<Self>, run: &str) -> bool {
        let settings = self.settings();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut runs = self.runs.lock();
        if runs.len() >= settings.config.runs_max && !runs.contains_key(run) {
            drop(runs);
            self.overloaded(run);
            return false;
        }
        runs.insert(run.to_owned(), sender);
        drop(runs);
        self.counts.begun.fetch_add(1, Ordering::Relaxed);
        self.runtime.spawn(run::conduct(Arc::clone(self), settings, run.to_owned(), events));
        true
    }

    fn overloaded(&self, run: &str) {
        self.counts.overloaded.fetch_add(1, Ordering::Relaxed);
        self.ended(run, Err(ServiceError::Overloaded { retry_after: Duration::from_secs(1) }));
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    fn conductor(&self) -> Option<Arc<dyn Conductor>> {
        self.conductor.read().clone()
    }

    fn ended(&self, run: &str, why: Result<(), ServiceError>) {
        if let Some(conductor) = self.conductor() {
            conductor.ended(run, why);
        }
    }

    /// The user of a name or extension.
    async fn owner(&self, name_or_extension: &str) -> Result<Option<Arc<User>>, ServiceError> {
        let (reply, answer) = awaited();
        let asked = self.directory.find(&Find { name_or_extension }, reply.within(FIND_MAX));
        match answer.answer(asked).await? {
            Found::User(user) => Ok(Some(user)),
            Found::Nobody { .. } => Ok(None),
        }
    }

    /// What waits for a user now.
    async fn waiting(&self, user: &str) -> Result<Waiting, ServiceError> {
        let counts = self.mailboxes.counts(user).await.map_err(|why| self.failed(&why))?;
        let account = self.settings().config.extension.as_ref().map(|number| number.get_ref().clone());
        Ok(Waiting {
            new: counts.new,
            old: counts.old,
            urgent_new: counts.new_urgent,
            urgent_old: counts.old_urgent,
            account: account.unwrap_or_default(),
        })
    }

    /// Tells the phones of a user what waits.
    async fn tell(&self, user: &str) {
        let sink = self.sink.read().clone();
        let Some(sink) = sink else { return };
        let _in_order = self.telling.lock().await;
        if let Ok(waiting) = self.waiting(user).await {
            sink.post(user, waiting);
        }
    }

    fn failed(&self, why: &DatabaseError) -> ServiceError {
        tracing::error!(%why, "voicemail cannot use its mailboxes");
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        ServiceError::Unavailable(why.to_string())
    }

    /// Does something with the record store, on a thread that may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Records) -> std::io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let records = self.records.clone();
        match self.runtime.spawn_blocking(move || act(&records)).await {
            Ok(Ok(done)) => Some(done),
            Ok(Err(why)) => {
                tracing::error!(%why, "voicemail cannot use its recordings");
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                None
            }
            // The process ends.
            Err(_) => None,
        }
    }
}

/// How long the directory may take.
const FIND_MAX: Duration = Duration::from_secs(2);
/// Events of one run that may wait for its mailbox: more is a caller who presses keys faster than anybody can.
const EVENTS_MAX: usize = 256;
/// Questions of subscribers at a time.
const QUESTIONS_MAX: usize = 256;
