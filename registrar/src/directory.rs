//! Who exists: the users of the configuration file, then those that tools have added to the store.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use proto::{
    AddUser, Asked, Directory, Find, Found, Identified, Identify, ListUsers, ListedUser, NewSecret, Reply,
    ServiceError, Sink, Ticket, User, UserPage, awaited,
};

use crate::users::{UserError, Users, check_name};

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

    /// Looks whether a set of users and the database have a name or an extension in common, which is refused when a
    /// file is loaded.
    ///
    /// # Errors
    /// The first user who stands in both, or that the database did not answer.
    pub async fn check_doubles(file: &Users, added: &dyn Directory) -> Result<(), UserError> {
        for user in file.iter() {
            for key in [Some(&user.name), user.extension.as_ref()].into_iter().flatten() {
                let (reply, awaited) = awaited();
                let asked = added.find(&Find { name_or_extension: key }, reply);
                let why = match awaited.answer(asked).await {
                    Ok(Found::Nobody { .. }) => continue,
                    Ok(Found::User(other)) => {
                        format!("{key} is in the database too, as {}: remove one of them", other.name)
                    }
                    Err(error) => format!("cannot tell whether the database has {key} too: {error}"),
                };
                return Err(UserError { user: user.name.clone(), why });
            }
        }
        Ok(())
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

    fn list(&self, ask: &ListUsers<'_>, reply: Reply<UserPage>) -> Asked<UserPage> {
        // No name holds a colon: `file:N` and `added:` are our own places, anything else is a place of the database.
        let start = if ask.from.is_empty() {
            Some(0)
        } else {
            ask.from.strip_prefix("file:").map(|at| at.parse().unwrap_or(0))
        };
        if let Some(start) = start {
            return reply.now(Ok(self.page_of_file(ask, start)));
        }
        let from = if ask.from == "added:" { "" } else { ask.from };
        match &self.added {
            Some(added) => added.list(&ListUsers { from, ..*ask }, reply),
            None => reply.now(Ok(UserPage::default())),
        }
    }

    fn add(&self, ask: &AddUser<'_>, reply: Reply<User>) -> Asked<User> {
        if let Err(why) = check_name(ask.name).and_then(|()| ask.extension.map_or(Ok(()), check_name)) {
            return reply.now(Err(ServiceError::Refused(why.to_owned())));
        }
        let file = self.file.load();
        let taken = [Some(ask.name), ask.extension]
            .into_iter()
            .flatten()
            .find_map(|key| Some((key, file.find(key)?)));
        if let Some((key, (user, _))) = taken {
            let why = format!("{key} is the name or extension of {} in the configuration file", user.name);
            return reply.now(Err(ServiceError::Refused(why)));
        }
        match &self.added {
            Some(added) => added.add(ask, reply),
            None => reply.now(Err(no_database())),
        }
    }

    fn remove(&self, name: &str, reply: Reply<()>) -> Asked<()> {
        match self.changeable(name) {
            Ok(added) => added.remove(name, reply),
            Err(error) => reply.now(Err(error)),
        }
    }

    fn set_secret(&self, name: &str, secret: &NewSecret<'_>, reply: Reply<()>) -> Asked<()> {
        match self.changeable(name) {
            Ok(added) => added.set_secret(name, secret, reply),
            Err(error) => reply.now(Err(error)),
        }
    }
}

impl UserDirectory {
    fn page_of_file(&self, ask: &ListUsers<'_>, start: usize) -> UserPage {
        let file = self.file.load();
        let mut page = UserPage::default();
        for (at, user) in file.iter().enumerate().skip(start) {
            if page.users.len() == ask.page_max.max(1) {
                page.next = Some(format!("file:{at}"));
                return page;
            }
            if user.name.starts_with(ask.prefix) {
                page.users.push(ListedUser { user: user.as_ref().clone(), read_only: true });
            }
        }
        page.next = self.added.as_ref().map(|_| "added:".to_owned());
        page
    }

    /// The database, if the name is not one of the file.
    fn changeable(&self, name: &str) -> Result<&Arc<dyn Directory>, ServiceError> {
        if self.file.load().named(name).is_some() {
            let why = format!("{name} stands in the configuration file: change it there");
            return Err(ServiceError::Refused(why));
        }
        self.added.as_ref().ok_or_else(no_database)
    }
}

fn no_database() -> ServiceError {
    ServiceError::Refused(
        "there is no database of users: users stand in the configuration file alone".to_owned(),
    )
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
