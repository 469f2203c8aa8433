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

    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        if self.later {
            return reply.now(Err(ServiceError::Unavailable("the database is away".into())));
        }
        let carol = User { name: "carol".into(), extension: Some("6003".into()), ..User::default() };
        let known = ["carol", "6003"].contains(&ask.name_or_extension);
        reply.now(Ok(if known { Found::User(Arc::new(carol)) } else { Found::Nobody { nearest: None } }))
    }

    fn list(&self, ask: &ListUsers<'_>, reply: Reply<UserPage>) -> Asked<UserPage> {
        let name = if ask.from.is_empty() { "carol" } else { "dave" };
        let user = User { name: name.into(), ..User::default() };
        let next = ask.from.is_empty().then(|| "dave".to_owned());
        reply.now(Ok(UserPage { users: vec![ListedUser { user, read_only: false }], next }))
    }

    fn add(&self, ask: &AddUser<'_>, reply: Reply<User>) -> Asked<User> {
        reply.now(Ok(User { name: ask.name.into(), ..User::default() }))
    }

    fn remove(&self, _: &str, reply: Reply<()>) -> Asked<()> {
        reply.now(Ok(()))
    }

    fn set_secret(&self, _: &str, _: &NewSecret<'_>, reply: Reply<()>) -> Asked<()> {
        reply.now(Ok(()))
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
    directory.replace(users(&["bob"])).unwrap();
    let (asked, _) = ask(&directory, "example.org", "alice");
    assert!(matches!(asked, Asked::Now(Ok(Identified::Unknown { .. }))));
    let (asked, _) = ask(&directory, "example.org", "bob");
    assert!(matches!(asked, Asked::Now(Ok(Identified::Known { .. }))));
}

async fn answer<T: Send + 'static>(ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Result<T, ServiceError> {
    let (reply, awaited) = awaited();
    awaited.answer(ask(reply)).await
}

#[tokio::test]
async fn users_of_file_and_database_are_listed_one_after_the_other() {
    let directory = UserDirectory::new(
        "example.org",
        users(&["alice", "bob", "al"]),
        Some(Arc::new(Database::default())),
    );
    for (prefix, expected) in [
        ("", &[("alice", true), ("bob", true), ("al", true), ("carol", false), ("dave", false)][..]),
        ("al", &[("alice", true), ("al", true), ("carol", false), ("dave", false)]),
    ] {
        let (mut listed, mut from) = (Vec::new(), String::new());
        loop {
            let ask = ListUsers { prefix, page_max: 2, from: &from };
            let page = answer(|reply| directory.list(&ask, reply)).await.unwrap();
            assert!(page.users.len() <= 2);
            listed.extend(page.users.into_iter().map(|listed| (listed.user.name, listed.read_only)));
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        let listed: Vec<_> = listed.iter().map(|(name, read_only)| (name.as_str(), *read_only)).collect();
        assert_eq!(listed, expected, "{prefix}");
    }
}

#[tokio::test]
async fn tools_change_only_what_does_not_stand_in_the_file() {
    let directory = UserDirectory::new("example.org", users(&["alice"]), Some(Arc::new(Database::default())));
    let secret = NewSecret::Password("secret");
    let add = |name, extension| AddUser { name, extension, display_name: "", secret };
    for (ask, error) in [
        (add("dave", None), None),
        (add("dave", Some("6009")), None),
        (add("alice", None), Some("alice is the name or extension of alice in the configuration file")),
        (
            add("dave", Some("alice")),
            Some("alice is the name or extension of alice in the configuration file"),
        ),
        (add("da:ve", None), Some("a name holds none of @ : \" \\ < >")),
        (add("dave", Some("")), Some("a name has at least one character")),
    ] {
        let refused = answer(|reply| directory.add(&ask, reply)).await.err();
        assert_eq!(refused, error.map(|error| ServiceError::Refused(error.into())), "{ask:?}");
    }
    let fixed = Err(ServiceError::Refused("alice stands in the configuration file: change it there".into()));
    assert_eq!(answer(|reply| directory.remove("alice", reply)).await, fixed);
    assert_eq!(answer(|reply| directory.set_secret("alice", &secret, reply)).await, fixed);
    assert_eq!(answer(|reply| directory.remove("carol", reply)).await, Ok(()));
    assert_eq!(answer(|reply| directory.set_secret("carol", &secret, reply)).await, Ok(()));
    let alone = UserDirectory::new("example.org", Users::default(), None);
    assert!(matches!(answer(|reply| alone.remove("carol", reply)).await, Err(ServiceError::Refused(_))));
}
