//! Who exists: the users of the configuration file, then those that tools have added to the store.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use proto::directory::{Change, Settings};
use proto::{
    AddUser, Asked, Directory, Find, Found, Identified, Identify, ListUsers, ListedUser, NewSecret, Reply,
    ServiceError, Sink, Ticket, User, UserPage, awaited,
};

use crate::preferences::Preferences;
use crate::users::{UserError, Users, check_name};

/// The directory of one realm.
pub struct UserDirectory {
    realm: String,
    file: ArcSwap<Users>,
    /// The users that tools have added; absent when there is no database.
    added: Option<Arc<dyn Directory>>,
    /// What users of the file have changed; absent when there is no database.
    preferences: Option<Arc<Preferences>>,
}

impl UserDirectory {
    /// The users of the file first, then those of `added`. [`UserDirectory::replace`] sees to it that nobody is in
    /// both, so a file is given to that where there is a database.
    pub fn new(realm: &str, file: Users, added: Option<Arc<dyn Directory>>) -> Self {
        UserDirectory { realm: realm.to_owned(), file: ArcSwap::from_pointee(file), added, preferences: None }
    }

    /// Lets users of the file change what becomes of their calls.
    pub fn keeping(mut self, preferences: Arc<Preferences>) -> Self {
        self.preferences = Some(preferences);
        self
    }

    fn applied(&self, user: &Arc<User>) -> Arc<User> {
        self.preferences.as_ref().map_or_else(|| Arc::clone(user), |kept| kept.applied(user))
    }

    /// Takes the users of a file that was read; questions see either the old set or the new one.
    ///
    /// # Errors
    /// The first user whose name or extension is in the database too; then nothing is changed.
    pub fn replace(&self, file: Users) -> Result<(), UserError> {
        if let Some(added) = &self.added {
            refuse_doubles(&file, added.as_ref())?;
        }
        self.file.store(Arc::new(file));
        Ok(())
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
            return reply.now(Ok(Found::User(self.applied(user))));
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

    fn configure(&self, name: &str, change: &Change, reply: Reply<Settings>) -> Asked<Settings> {
        let file = self.file.load();
        match (file.named(name), &self.preferences, &self.added) {
            (Some((user, _)), Some(kept), _) => kept.configure(user, change, reply),
            (None, _, Some(added)) => added.configure(name, change, reply),
            _ => reply.now(Err(no_database())),
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
                page.users.push(ListedUser { user: self.applied(user).as_ref().clone(), read_only: true });
            }
        }
        page.next = self.added.as_ref().map(|_| "added:".to_owned());
        page
    }

    /// The database, if this is not the name or extension of a user of the file.
    fn changeable(&self, name_or_extension: &str) -> Result<&Arc<dyn Directory>, ServiceError> {
        if let Some((user, _)) = self.file.load().find(name_or_extension) {
            let why = format!("{} stands in the configuration file: change it there", user.name);
            return Err(ServiceError::Refused(why));
        }
        self.added.as_ref().ok_or_else(no_database)
    }
}

/// Looks whether anybody of the file has a name or an extension that is in the database too. It is asked by function
/// calls, and answers from its memory.
fn refuse_doubles(file: &Users, added: &dyn Directory) -> Result<(), UserError> {
    for user in file.iter() {
        for key in [Some(&user.name), user.extension.as_ref()].into_iter().flatten() {
            let (reply, _awaited) = awaited();
            let why = match added.find(&Find { name_or_extension: key }, reply) {
                Asked::Now(Ok(Found::Nobody { .. })) => continue,
                Asked::Now(Ok(Found::User(other))) => format!(
                    "{key} is in the database too, as {}: take it out of the file, or remove it from the database with \
                     `carillon ctl users remove {}` before it stands in the file",
                    spoken(&other),
                    other.name
                ),
                Asked::Now(Err(error)) => format!("cannot tell whether the database has {key} too: {error}"),
                Asked::Later => {
                    format!("cannot tell whether the database has {key} too: it does not say so at once")
                }
            };
            return Err(UserError { user: user.name.clone(), why });
        }
    }
    Ok(())
}

/// Name and extension, as a sentence has them.
fn spoken(user: &User) -> String {
    match &user.extension {
        Some(extension) => format!("{} with extension {extension}", user.name),
        None => user.name.clone(),
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
