//! The users that tools have added: kept on the disk by `store`, and all in memory here, so that questions are
//! answered at once and take alike long whether there is such a user or not. One process has the file; what another
//! one writes there is seen after a restart.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use proto::directory::{Change, Settings};
use proto::{
    AddUser, Asked, Directory, Find, Found, Ha1, Identified, Identify, ListUsers, ListedUser, NewSecret,
    Reply, ServiceError, User, UserPage,
};
use store::{DatabaseError, DirectoryError, Entry, NewUser};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore};

use crate::config::DirectoryConfig;
use crate::preferences::Preferences;
use crate::users::aor_of;

/// The directory of the database.
pub struct Added {
    shared: Arc<Shared>,
    runtime: Handle,
    /// Room for changes on their way to the disk.
    room: Arc<Semaphore>,
    preferences: Arc<Preferences>,
}

/// Why the users of the database cannot be had.
#[derive(Debug, Error)]
pub enum AddedError {
    /// The database says no.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It holds more than it may.
    #[error("{} holds more than {users_max} users; raise [directory] users_max", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many it may hold.
        users_max: usize,
    },
}

struct Shared {
    database: store::Directory,
    domain: String,
    realm: String,
    users_max: usize,
    /// Unix time in seconds.
    clock_s: fn() -> u64,
    /// Held from the write until memory says the same, so that both see changes in one order.
    writing: Mutex<()>,
    known: RwLock<Known>,
}

/// All users.
#[derive(Debug, Default)]
struct Known {
    by_name: BTreeMap<String, (Arc<User>, Ha1)>,
    /// Extension to name.
    extensions: HashMap<String, String>,
    /// Names by their lower case, for the hint to the administrator.
    folded: HashMap<String, Vec<String>>,
}

impl Added {
    /// Opens the database and reads all users. `state` is where a relative path starts, `of` the domain and the
    /// realm, `clock_s` unix time in seconds.
    ///
    /// # Errors
    /// The database cannot be opened or read, or holds too much.
    pub async fn open(
        config: &DirectoryConfig,
        state: &Path,
        of: (&str, &str),
        runtime: &Handle,
        clock_s: fn() -> u64,
    ) -> Result<Self, AddedError> {
        let path = state.join(&config.database);
        let database = store::Directory::open(&path).await?;
        let (domain, realm) = of;
        let shared = Shared {
            database,
            domain: domain.to_owned(),
            realm: realm.to_owned(),
            users_max: config.users_max,
            clock_s,
            writing: Mutex::new(()),
            known: RwLock::default(),
        };
        shared.read_all(path).await?;
        let room = Arc::new(Semaphore::new(config.in_flight_max.min(Semaphore::MAX_PERMITS)));
        let preferences = Preferences::open(shared.database.clone(), Arc::clone(&room), runtime).await?;
        let preferences = Arc::new(preferences);
        Ok(Added { shared: Arc::new(shared), runtime: runtime.clone(), room, preferences })
    }

    /// What users have changed about their calls, those of the configuration file too.
    pub fn preferences(&self) -> Arc<Preferences> {
        Arc::clone(&self.preferences)
    }

    /// Makes a change as a task. It runs to its end even when nobody waits any more, so that memory and disk agree.
    fn change<T, F>(&self, reply: Reply<T>, change: impl FnOnce(Arc<Shared>) -> F) -> Asked<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ServiceError>> + Send + 'static,
    {
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            return reply.now(Err(ServiceError::Overloaded { retry_after: RETRY_AFTER }));
        };
        let change = change(self.shared.clone());
        self.runtime.spawn(async move {
            let answer = change.await;
            drop(room);
            reply.send(answer);
        });
        Asked::Later
    }
}

impl Directory for Added {
    fn credentials(&self, ask: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified> {
        let known = self.shared.known.read();
        let nearest = known.nearest(ask.username);
        reply.now(Ok(match known.by_name.get(ask.username) {
            Some((user, ha1)) if ask.realm == self.shared.realm => {
                Identified::Known { user: user.clone(), ha1: *ha1 }
            }
            _ => Identified::Unknown { nearest },
        }))
    }

    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        let known = self.shared.known.read();
        let nearest = known.nearest(ask.name_or_extension);
        reply.now(Ok(match known.find(ask.name_or_extension) {
            Some(user) => Found::User(self.preferences.applied(user)),
            None => Found::Nobody { nearest },
        }))
    }

    fn list(&self, ask: &ListUsers<'_>, reply: Reply<UserPage>) -> Asked<UserPage> {
        let mut page = self.shared.known.read().page(ask);
        for listed in &mut page.users {
            listed.user = self.preferences.applied(&Arc::new(listed.user.clone())).as_ref().clone();
        }
        reply.now(Ok(page))
    }

    fn add(&self, ask: &AddUser<'_>, reply: Reply<User>) -> Asked<User> {
        let ha1 = match keys(ask.name, &self.shared.realm, &ask.secret) {
            Ok(ha1) => ha1,
            Err(error) => return reply.now(Err(error)),
        };
        let user = User {
            name: ask.name.to_owned(),
            extension: ask.extension.map(str::to_owned),
            aor: aor_of(ask.name, &self.shared.domain),
            display_name: ask.display_name.to_owned(),
            settings: Settings::default(),
        };
        self.change(reply, move |shared| async move { shared.add(user, ha1).await })
    }

    fn remove(&self, name: &str, reply: Reply<()>) -> Asked<()> {
        let (name, preferences) = (name.to_owned(), Arc::clone(&self.preferences));
        self.change(reply, move |shared| async move {
            let _writing = shared.writing.lock().await;
            shared.database.remove(&name).await.map_err(refused)?;
            shared.known.write().remove(&name);
            preferences.forget(&name);
            Ok(())
        })
    }

    fn set_secret(&self, name: &str, secret: &NewSecret<'_>, reply: Reply<()>) -> Asked<()> {
        let ha1 = match keys(name, &self.shared.realm, secret) {
            Ok(ha1) => ha1,
            Err(error) => return reply.now(Err(error)),
        };
        let name = name.to_owned();
        self.change(reply, move |shared| async move {
            let _writing = shared.writing.lock().await;
            let kept = kept(&ha1);
            shared.database.set_credentials(&name, &shared.realm, &kept).await.map_err(refused)?;
            if let Some((_, known)) = shared.known.write().by_name.get_mut(&name) {
                *known = ha1;
            }
            Ok(())
        })
    }

    fn configure(&self, name: &str, change: &Change, reply: Reply<Settings>) -> Asked<Settings> {
        let known = self.shared.known.read().by_name.get(name).map(|(user, _)| Arc::clone(user));
        match known {
            Some(user) => self.preferences.configure(&user, change, reply),
            None => reply.now(Err(ServiceError::Refused(format!("no user {name}")))),
        }
    }
}

impl Shared {
    async fn read_all(&self, path: PathBuf) -> Result<(), AddedError> {
        let mut after = String::new();
        let mut strangers = 0_usize;
        loop {
            let entries = self.database.list("", &after, store::LISTED_MAX).await?;
            let full = entries.len() == store::LISTED_MAX;
            let mut known = self.known.write();
            for entry in entries {
                after.clone_from(&entry.user.name);
                strangers += usize::from(entry.credentials.realm != self.realm);
                let (user, ha1) = self.of_entry(entry);
                known.insert(user, ha1);
            }
            if known.by_name.len() > self.users_max {
                return Err(AddedError::TooMany { path, users_max: self.users_max });
            }
            if !full {
                break;
            }
        }
        if strangers > 0 {
            let realm = &self.realm;
            tracing::warn!(
                "the passwords of {strangers} users were set for another realm than {realm}: set them again"
            );
        }
        Ok(())
    }

    async fn add(&self, user: User, ha1: Ha1) -> Result<User, ServiceError> {
        let _writing = self.writing.lock().await;
        if self.known.read().by_name.len() >= self.users_max {
            let why = format!("there are {} users already, which is [directory] users_max", self.users_max);
            return Err(ServiceError::Refused(why));
        }
        let new = NewUser {
            name: &user.name,
            extension: user.extension.as_deref(),
            display_name: &user.display_name,
            realm: &self.realm,
            ha1: &kept(&ha1),
            created_at_s: (self.clock_s)(),
        };
        self.database.add(&new).await.map_err(refused)?;
        self.known.write().insert(user.clone(), ha1);
        Ok(user)
    }

    /// A user and the keys; none where they were made for another realm, for which they are no good.
    fn of_entry(&self, entry: Entry) -> (User, Ha1) {
        let kept = entry.credentials.ha1;
        let ours = entry.credentials.realm == self.realm;
        let ha1 = Ha1 { md5: kept.md5, sha256: kept.sha256, sha512_256: kept.sha512_256 };
        let store::User { name, extension, display_name, .. } = entry.user;
        let aor = aor_of(&name, &self.domain);
        let user = User { aor, name, extension, display_name, settings: Settings::default() };
        (user, if ours { ha1 } else { Ha1::default() })
    }
}

impl Known {
    fn find(&self, name_or_extension: &str) -> Option<&Arc<User>> {
        let by_extension = || self.extensions.get(name_or_extension).and_then(|name| self.by_name.get(name));
        self.by_name.get(name_or_extension).or_else(by_extension).map(|(user, _)| user)
    }

    /// A name that differs from this one by case alone.
    fn nearest(&self, name: &str) -> Option<String> {
        let alike = self.folded.get(&name.to_lowercase())?;
        alike.iter().find(|alike| *alike != name).cloned()
    }

    fn insert(&mut self, user: User, ha1: Ha1) {
        if let Some(extension) = &user.extension {
            self.extensions.insert(extension.clone(), user.name.clone());
        }
        self.folded.entry(user.name.to_lowercase()).or_default().push(user.name.clone());
        self.by_name.insert(user.name.clone(), (Arc::new(user), ha1));
    }

    fn remove(&mut self, name: &str) {
        let Some((user, _)) = self.by_name.remove(name) else { return };
        if let Some(extension) = &user.extension {
            self.extensions.remove(extension);
        }
        let folded = name.to_lowercase();
        if let Some(alike) = self.folded.get_mut(&folded) {
            alike.retain(|alike| alike != name);
            if alike.is_empty() {
                self.folded.remove(&folded);
            }
        }
    }

    fn page(&self, ask: &ListUsers<'_>) -> UserPage {
        let start =
            if ask.from < ask.prefix { Bound::Included(ask.prefix) } else { Bound::Excluded(ask.from) };
        let mut page = UserPage::default();
        for (name, (user, _)) in self.by_name.range::<str, _>((start, Bound::Unbounded)) {
            if !name.starts_with(ask.prefix) {
                break;
            }
            if page.users.len() == ask.page_max.max(1) {
                page.next = page.users.last().map(|listed| listed.user.name.clone());
                break;
            }
            page.users.push(ListedUser { user: user.as_ref().clone(), read_only: false });
        }
        page
    }
}

/// Only digest keys are kept of a password.
fn keys(name: &str, realm: &str, secret: &NewSecret<'_>) -> Result<Ha1, ServiceError> {
    match secret {
        NewSecret::Password("") => Err(ServiceError::Refused("the password is empty".to_owned())),
        NewSecret::Password(password) => Ok(crate::ha1::of(name, realm, password)),
        NewSecret::Ha1(ha1) => Ok(*ha1),
    }
}

fn kept(ha1: &Ha1) -> store::Ha1 {
    store::Ha1 { md5: ha1.md5, sha256: ha1.sha256, sha512_256: ha1.sha512_256 }
}

pub(crate) fn refused(error: DirectoryError) -> ServiceError {
    match error {
        DirectoryError::Database(error) => ServiceError::Unavailable(error.to_string()),
        DirectoryError::Taken { .. }
        | DirectoryError::NoUser { .. }
        | DirectoryError::Length { .. }
        | DirectoryError::Control { .. }
        | DirectoryError::NoKey => ServiceError::Refused(error.to_string()),
    }
}

pub(crate) const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

#[cfg(test)]
mod tests;
