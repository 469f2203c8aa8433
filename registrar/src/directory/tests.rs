use super::*;
use crate::config::UserConfig;

fn users(names: &[&str]) -> Users {
    let configs: Vec<_> = names
        .iter()
        .map(|name| UserConfig {
            name: (*name).to_owned(),
            password: Some(node::config::Secret::new("secret")),
            ..UserConfig::default()
        })
        .collect();
    Users::load(&configs, "example.org", "example.org", std::path::Path::new("/")).unwrap()
}

/// A database that answers at once, or later when it is told to.
#[derive(Default)]
struct Database {
    later: bool,
    waiting: Mutex<Vec<Reply<Identified>>>,
}

impl Directory for Database {
    fn credentials(&self, _: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified> {
        if self.later {
            self.waiting.lock().unwrap().push(reply);
            return Asked::Later;
        }
        reply.now(Ok(Identified::Unknown { nearest: None }))
    }

    fn find(&self, _: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        reply.now(Err(ServiceError::Unavailable("the database is away".into())))
    }
}

#[derive(Default)]
struct Inbox<T>(Mutex<Vec<(Ticket, Result<T, ServiceError>)>>);

impl<T: Send> Sink<T> for Inbox<T> {
    fn post(&self, ticket: Ticket, answer: Result<T, ServiceError>) {
        self.0.lock().unwrap().push((ticket, answer));
    }
}

fn ask(
    directory: &UserDirectory,
    realm: &str,
    username: &str,
) -> (Asked<Identified>, Arc<Inbox<Identified>>) {
    let inbox = Arc::new(Inbox(Mutex::default()));
    let asked = directory.credentials(&Identify { realm, username }, Reply::new(inbox.clone(), Ticket(7)));
    (asked, inbox)
}

fn unknown(nearest: Option<&str>) -> Identified {
    Identified::Unknown { nearest: nearest.map(str::to_owned) }
}

#[test]
fn a_user_of_the_file_is_known_at_once() {
    let directory = UserDirectory::new("example.org", users(&["alice"]), None);
    let (asked, inbox) = ask(&directory, "example.org", "alice");
    assert!(matches!(asked, Asked::Now(Ok(Identified::Known { user, .. })) if user.name == "alice"));
    for (realm, name, nearest) in
        [("example.org", "Alice", Some("alice")), ("example.org", "bob", None), ("other", "alice", None)]
    {
        let (asked, _) = ask(&directory, realm, name);
        assert!(matches!(asked, Asked::Now(Ok(answer)) if answer == unknown(nearest)), "{realm} {name}");
    }
    assert!(inbox.0.lock().unwrap().is_empty(), "an answer given now is not posted too");
}

#[test]
fn the_hint_of_the_file_travels_with_the_answer_of_the_database() {
    for later in [false, true] {
        let database = Arc::new(Database { later, ..Database::default() });
        let directory = UserDirectory::new("example.org", users(&["alice"]), Some(database.clone()));
        let (asked, inbox) = ask(&directory, "example.org", "ALICE");
        if let Some(reply) = database.waiting.lock().unwrap().pop() {
            assert!(matches!(asked, Asked::Later));
            reply.send(Ok(unknown(None)));
            assert_eq!(*inbox.0.lock().unwrap(), [(Ticket(7), Ok(unknown(Some("alice"))))]);
        } else {
            assert!(matches!(asked, Asked::Now(Ok(answer)) if answer == unknown(Some("alice"))));
        }
    }
}

#[test]
fn a_database_that_lets_go_is_an_answer_too() {
    let database = Arc::new(Database { later: true, ..Database::default() });
    let directory = UserDirectory::new("example.org", users(&["alice"]), Some(database.clone()));
    let (_, inbox) = ask(&directory, "example.org", "ALICE");
    database.waiting.lock().unwrap().clear();
    assert_eq!(*inbox.0.lock().unwrap(), [(Ticket(7), Err(ServiceError::Gone))]);
}

#[test]
fn a_reload_replaces_the_users_as_a_whole() {
    let directory = UserDirectory::new("example.org", users(&["alice"]), None);
    directory.replace(users(&["bob"]));
    let (asked, _) = ask(&directory, "example.org", "alice");
    assert!(matches!(asked, Asked::Now(Ok(Identified::Unknown { .. }))));
    let (asked, _) = ask(&directory, "example.org", "bob");
    assert!(matches!(asked, Asked::Now(Ok(Identified::Known { .. }))));
}
