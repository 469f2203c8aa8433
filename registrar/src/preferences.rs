//! What users have changed about their calls: kept on the disk by `store`, all in memory here, and laid over what the
//! configuration file says.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use proto::directory::{Change, Settings};
use proto::{Asked, Reply, ServiceError, User};
use store::DatabaseError;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore};

use crate::added::{RETRY_AFTER, refused};

/// The changes of all users.
pub struct Preferences {
    shared: Arc<Shared>,
    runtime: Handle,
    room: Arc<Semaphore>,
}

struct Shared {
    database: store::Directory,
    /// Held from the write until memory says the same.
    writing: Mutex<()>,
    /// User, then key.
    known: RwLock<BTreeMap<String, BTreeMap<&'static str, Change>>>,
}

impl Preferences {
    /// Reads what is kept. What cannot be read is left out, and named in the log.
    pub(crate) async fn open(
        database: store::Directory,
        room: Arc<Semaphore>,
        runtime: &Handle,
    ) -> Result<Self, DatabaseError> {
        let mut known: BTreeMap<String, BTreeMap<&'static str, Change>> = BTreeMap::new();
        for (user, key, value) in database.settings().await? {
            match Change::read(&key, &value) {
                Ok(change) => {
                    known.entry(user).or_default().insert(change.key(), change);
                }
                Err(why) => tracing::warn!(user, why, "a setting of the database is left out"),
            }
        }
        let shared = Shared { database, writing: Mutex::new(()), known: RwLock::new(known) };
        Ok(Preferences { shared: Arc::new(shared), runtime: runtime.clone(), room })
    }

    /// The user with what was changed.
    pub(crate) fn applied(&self, user: &Arc<User>) -> Arc<User> {
        let known = self.shared.known.read();
        let Some(changes) = known.get(&user.name) else { return Arc::clone(user) };
        let mut user = user.as_ref().clone();
        for change in changes.values() {
            user.settings.apply(change);
        }
        Arc::new(user)
    }

    /// Keeps a change, and gives all settings as they are then.
    pub(crate) fn configure(
        &self,
        user: &Arc<User>,
        change: &Change,
        reply: Reply<Settings>,
    ) -> Asked<Settings> {
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            return reply.now(Err(ServiceError::Overloaded { retry_after: RETRY_AFTER }));
        };
        let (shared, user, change) = (Arc::clone(&self.shared), Arc::clone(user), change.clone());
        self.runtime.spawn(async move {
            let answer = shared.keep(&user, change).await;
            drop(room);
            reply.send(answer);
        });
        Asked::Later
    }

    /// Forgets a user who was removed from the database.
    pub(crate) fn forget(&self, user: &str) {
        self.shared.known.write().remove(user);
    }
}

impl Shared {
    async fn keep(&self, user: &User, change: Change) -> Result<Settings, ServiceError> {
        let _writing = self.writing.lock().await;
        self.database.set(&user.name, change.key(), &change.value()).await.map_err(refused)?;
        let mut known = self.known.write();
        let changes = known.entry(user.name.clone()).or_default();
        changes.insert(change.key(), change);
        let mut settings = user.settings.clone();
        for change in changes.values() {
            settings.apply(change);
        }
        Ok(settings)
    }
}
