//! Who exists: the users of the configuration file, then those that tools have added to the store.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use proto::{Asked, Directory, Find, Found, Identified, Identify, Reply, ServiceError, Sink, Ticket};

use crate::users::Users;

/// The directory of one realm.
pub struct UserDirectory {
    realm: String,
    file: ArcSwap<Users>,
    /// The users that tools have added; absent when there is no database.
    added: Option<Arc<dyn Directory>>,
}

impl UserDirectory {
    /// The users of the file first, then those of `added`. That no name is in both is for the loader to see to.
    pub fn new(realm: &str, file: Users, added: Option<Arc<dyn Directory>>) -> Self {
        UserDirectory { realm: realm.to_owned(), file: ArcSwap::from_pointee(file), added }
    }

    /// Takes the users of a file that was read again; questions see either the old set or the new one.
    pub fn replace(&self, file: Users) {
        self.file.store(Arc::new(file));
    }

    /// The users of the file as they are now.
    pub fn file(&self) -> Arc<Users> {
        self.file.load_full()
    }
}

impl Directory for UserDirectory {
    fn credentials(&self, ask: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified> {
        if ask.realm != self.realm {
            return reply.now(Ok(Identified::Unknown { nearest: None }));
        }
        let file = self.file.load();
        if let Some((user, ha1)) = file.named(ask.username) {
            return reply.now(Ok(Identified::Known { user: user.clone(), ha1: *ha1 }));
        }
        let nearest = file.nearest(ask.username).map(str::to_owned);
        match (&self.added, nearest) {
            (None, nearest) => reply.now(Ok(Identified::Unknown { nearest })),
            (Some(added), None) => added.credentials(ask, reply),
            (Some(added), Some(nearest)) => hinted(reply, nearest, |reply| added.credentials(ask, reply)),
        }
    }

    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        let file = self.file.load();
        if let Some((user, _)) = file.find(ask.name_or_extension) {
            return reply.now(Ok(Found::User(user.clone())));
        }
        let nearest = file.nearest(ask.name_or_extension).map(str::to_owned);
        match (&self.added, nearest) {
            (None, nearest) => reply.now(Ok(Found::Nobody { nearest })),
            (Some(added), None) => added.find(ask, reply),
            (Some(added), Some(nearest)) => hinted(reply, nearest, |reply| added.find(ask, reply)),
        }
    }
}

/// Asks with a hint in the hand, which is added to an answer that has none.
fn hinted<T: Hinted>(reply: Reply<T>, nearest: String, ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Asked<T> {
    let ticket = reply.ticket();
    let within = reply.deadline();
    let hint = Arc::new(Hint { held: Mutex::new(Some((reply, nearest))) });
    let mut asking = Reply::new(hint.clone() as Arc<dyn Sink<T>>, ticket);
    if let Some(within) = within {
        asking = asking.within(within);
    }
    match ask(asking) {
        Asked::Later => Asked::Later,
        Asked::Now(answer) => match hint.take() {
            Some((reply, nearest)) => reply.now(answer.map(|answer| answer.or_nearest(nearest))),
            None => Asked::Now(answer),
        },
    }
}

struct Hint<T> {
    held: Mutex<Option<(Reply<T>, String)>>,
}

impl<T> Hint<T> {
    fn take(&self) -> Option<(Reply<T>, String)> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T: Hinted> Sink<T> for Hint<T> {
    fn post(&self, _: Ticket, answer: Result<T, ServiceError>) {
        if let Some((reply, nearest)) = self.take() {
            reply.send(answer.map(|answer| answer.or_nearest(nearest)));
        }
    }
}

trait Hinted: Send + 'static {
    fn or_nearest(self, nearest: String) -> Self;
}

impl Hinted for Identified {
    fn or_nearest(self, nearest: String) -> Self {
        match self {
            Identified::Unknown { nearest: None } => Identified::Unknown { nearest: Some(nearest) },
            other => other,
        }
    }
}

impl Hinted for Found {
    fn or_nearest(self, nearest: String) -> Self {
        match self {
            Found::Nobody { nearest: None } => Found::Nobody { nearest: Some(nearest) },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
