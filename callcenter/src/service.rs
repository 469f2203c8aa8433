//! The shell: runs by name, their dialogues, and the way of their commands.

mod answers;
mod run;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use node::telemetry::Page;
use parking_lot::{Mutex, RwLock};
use proto::application::{Application, Conductor, Event, Parting, What};
use proto::directory::{Change, Settings};
use proto::{Asked, Directory, Find, Found, Reply, ServiceError, Ticket};

use crate::core::{Book, Code, Effect, Input, Menu};
use answers::{Answers, Then};
use run::{Dialogue, Run};

/// The name by which the dial plan knows it: what its purposes begin with.
pub const NAME: &str = "callcenter";

/// What is wanted of it for a call to a menu.
pub fn purpose_of(menu: &str) -> String {
    format!("{NAME}/menu/{menu}")
}

/// What is wanted of it for a feature code.
pub fn purpose_of_code(name: &str) -> String {
    format!("{NAME}/code/{name}")
}

/// Night mode, and who keeps it over a restart.
pub struct Night {
    is_on: AtomicBool,
    keep: Box<dyn Fn(bool) + Send + Sync>,
}

impl Night {
    /// Night mode as it is now; `keep` is told each change, and may not block.
    pub fn new(is_on: bool, keep: impl Fn(bool) + Send + Sync + 'static) -> Self {
        Night { is_on: AtomicBool::new(is_on), keep: Box::new(keep) }
    }
}

/// The attendant, as an application of the exchange. Clones are the same one.
#[derive(Clone)]
pub struct Callcenter {
    shared: Arc<Shared>,
}

struct Shared {
    directory: Arc<dyn Directory>,
    book: RwLock<Arc<Book>>,
    night: Night,
    conductor: RwLock<Option<Arc<dyn Conductor>>>,
    runs: Mutex<HashMap<String, Arc<Run>>>,
    runs_max: usize,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    overloaded: AtomicU64,
    refused: AtomicU64,
    transferred: AtomicU64,
    left: AtomicU64,
    let_go: AtomicU64,
    failed: AtomicU64,
}

impl Callcenter {
    /// Nothing is asked and nobody answered before the first event. More than `runs_max` calls at a time are given back
    /// to the dial plan.
    pub fn new(book: Arc<Book>, directory: Arc<dyn Directory>, night: Night, runs_max: usize) -> Self {
        Callcenter {
            shared: Arc::new(Shared {
                directory,
                book: RwLock::new(book),
                night,
                conductor: RwLock::default(),
                runs: Mutex::default(),
                runs_max,
                counts: Counts::default(),
            }),
        }
    }

    /// Calls from now on meet these menus; those under way go on with theirs.
    pub fn replace(&self, book: Arc<Book>) {
        *self.shared.book.write() = book;
    }

    /// How many calls are in a menu.
    pub fn runs(&self) -> usize {
        self.shared.runs.lock().len()
    }

    /// What `/metrics` says of it.
    pub fn metrics(&self, page: &mut Page) {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        page.gauge("carillon_callcenter_runs", "Calls in a menu.", &[], self.runs() as f64);
        const BEGUN: &str = "Calls that came to a menu.";
        page.counter("carillon_callcenter_runs_total", BEGUN, &[], read(&counts.begun));
        const OVERLOADED: &str = "Calls refused because of runs_max.";
        page.counter("carillon_callcenter_overloaded_total", OVERLOADED, &[], read(&counts.overloaded));
        const REFUSED: &str = "Commands that the exchange could not do.";
        page.counter("carillon_callcenter_commands_refused_total", REFUSED, &[], read(&counts.refused));
        const ENDED: &str = "How calls left their menu: sent on, hung up by the caller, hung up by us, lost.";
        for (how, count) in [
            ("transferred", &counts.transferred),
            ("caller", &counts.left),
            ("menu", &counts.let_go),
            ("failed", &counts.failed),
        ] {
            page.counter("carillon_callcenter_ended_total", ENDED, &[("how", how)], read(count));
        }
    }
}

impl Application for Callcenter {
    fn post(&self, run: &str, event: Event) {
        let shared = &self.shared;
        shared.count(run, &event.what);
        let run = match &event.what {
            What::Started(started) if event.number == 1 => shared.begin(run, &started.purpose),
            _ => shared.runs.lock().get(run).map(Arc::clone),
        };
        if let Some(run) = run {
            shared.handle(&run, Input::Event(event));
        }
    }

    fn forget(&self, run: &str) {
        self.shared.runs.lock().remove(run);
    }

    fn follow(&self, conductor: Arc<dyn Conductor>) {
        *self.shared.conductor.write() = Some(conductor);
    }
}

impl Shared {
    /// A new dialogue; one of the same name is begun anew.
    fn begin(&self, run: &str, purpose: &str) -> Option<Arc<Run>> {
        let begun = Arc::new(Run::new(run, self.dialogue(purpose)));
        let mut runs = self.runs.lock();
        if runs.len() >= self.runs_max && !runs.contains_key(run) {
            drop(runs);
            self.counts.overloaded.fetch_add(1, Ordering::Relaxed);
            self.ended(run, Err(ServiceError::Overloaded { retry_after: Duration::from_secs(1) }));
            return None;
        }
        runs.insert(run.to_owned(), Arc::clone(&begun));
        drop(runs);
        self.counts.begun.fetch_add(1, Ordering::Relaxed);
        Some(begun)
    }

    /// Lets a dialogue decide, and does what it wants.
    fn handle(self: &Arc<Self>, run: &Arc<Run>, input: Input) {
        run.take(input, |effect| match effect {
            Effect::Command { id, command } => {
                if let Some(conductor) = self.conductor() {
                    conductor.post(run.name(), id, command);
                }
            }
            Effect::Find { extension } => {
                let ask = |reply| self.directory.find(&Find { name_or_extension: &extension }, reply);
                self.ask(run, found, ask);
            }
            Effect::Configure { user, change } => {
                self.ask(run, configured, |reply| self.directory.configure(&user, &change, reply));
            }
            Effect::TogglePeace { user } => {
                let ask = |reply| self.directory.find(&Find { name_or_extension: &user }, reply);
                self.ask(run, found_for_peace, ask);
            }
            Effect::ToggleNight => {
                let is_on = !self.night.is_on.fetch_not(Ordering::Relaxed);
                (self.night.keep)(is_on);
                tracing::info!(run = run.name(), is_on, "night mode");
                self.handle(run, Input::Changed(Some(is_on)));
            }
            Effect::Finished => {
                self.runs.lock().remove(run.name());
                self.ended(run.name(), Ok(()));
            }
        });
    }

    fn dialogue(&self, purpose: &str) -> Dialogue {
        let book = Arc::clone(&self.book.read());
        let name = purpose.strip_prefix(NAME).and_then(|rest| rest.strip_prefix("/code/"));
        let code = name.and_then(|name| book.codes.iter().find(|(known, ..)| *known == name));
        match code {
            Some((_, action, code)) => Dialogue::Code(Code::new(*action, code, book.language)),
            None => Dialogue::Menu(Menu::new(book, self.night.is_on.load(Ordering::Relaxed))),
        }
    }

    /// Asks the directory; what it says comes now or later.
    fn ask<T: 'static>(
        self: &Arc<Self>,
        run: &Arc<Run>,
        then: Then<T>,
        ask: impl FnOnce(Reply<T>) -> Asked<T>,
    ) {
        let reply = Reply::new(Answers::new(self, run, then), Ticket(0)).within(ANSWER_MAX);
        match ask(reply) {
            Asked::Now(answer) => then(self, run, answer),
            Asked::Later => {}
        }
    }

    fn conductor(&self) -> Option<Arc<dyn Conductor>> {
        self.conductor.read().clone()
    }

    fn ended(&self, run: &str, why: Result<(), ServiceError>) {
        if let Some(conductor) = self.conductor() {
            conductor.ended(run, why);
        }
    }

    fn count(&self, run: &str, what: &What) {
        let counts = &self.counts;
        let count = match what {
            What::Refused { id, why } => {
                tracing::info!(run, id, why, "the exchange could not do what a menu wanted");
                &counts.refused
            }
            What::Ended(Parting::Transferred) => &counts.transferred,
            What::Ended(Parting::Caller) => &counts.left,
            What::Ended(Parting::Application) => &counts.let_go,
            What::Ended(Parting::Failed) => &counts.failed,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where the directory cannot say, nobody has the extension: what is dialled must not reach a rule for strangers.
fn found(shared: &Arc<Shared>, run: &Arc<Run>, answer: Result<Found, ServiceError>) {
    if let Err(error) = &answer {
        tracing::warn!(run = run.name(), %error, "the directory cannot say who was dialled");
    }
    shared.handle(run, Input::Found(matches!(answer, Ok(Found::User(_)))));
}

fn found_for_peace(shared: &Arc<Shared>, run: &Arc<Run>, answer: Result<Found, ServiceError>) {
    match answer {
        Ok(Found::User(user)) => {
            let change = Change::DoNotDisturb(!user.settings.do_not_disturb);
            shared.ask(run, configured, |reply| shared.directory.configure(&user.name, &change, reply));
        }
        _ => shared.handle(run, Input::Changed(None)),
    }
}

fn configured(shared: &Arc<Shared>, run: &Arc<Run>, answer: Result<Settings, ServiceError>) {
    if let Err(error) = &answer {
        tracing::warn!(run = run.name(), %error, "the directory did not take what a user has dialled");
    }
    shared.handle(run, Input::Changed(answer.ok().map(|settings| settings.do_not_disturb)));
}

/// How long the directory may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
