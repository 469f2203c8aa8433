use proto::awaited;

use super::*;
use crate::config::UserConfig;
use crate::{UserDirectory, Users};

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("carillon-added-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn open_with(folder: &Folder, realm: &str, config: DirectoryConfig) -> Result<Added, AddedError> {
    Added::open(&config, &folder.0, ("example.org", realm), &Handle::current(), || 1_700_000_000).await
}

async fn open(folder: &Folder, realm: &str) -> Added {
    open_with(folder, realm, DirectoryConfig::default()).await.unwrap()
}

async fn answer<T: Send + 'static>(ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Result<T, ServiceError> {
    let (reply, awaited) = awaited();
    awaited.answer(ask(reply)).await
}

fn new<'a>(name: &'a str, extension: Option<&'a str>) -> AddUser<'a> {
    AddUser { name, extension, display_name: "", secret: NewSecret::Password("in-wonderland") }
}

fn identify(added: &Added, realm: &str, username: &str) -> Identified {
    let (reply, _awaited) = awaited();
    match added.credentials(&Identify { realm, username }, reply) {
        Asked::Now(Ok(identified)) => identified,
        other => panic!("answered from memory, at once: {other:?}"),
    }
}

fn find(added: &Added, name_or_extension: &str) -> Found {
    let (reply, _awaited) = awaited();
    match added.find(&Find { name_or_extension }, reply) {
        Asked::Now(Ok(found)) => found,
        other => panic!("answered from memory, at once: {other:?}"),
    }
}

#[tokio::test]
async fn a_user_that_was_added_is_known_at_once_and_again_after_a_restart() {
    let folder = Folder::new("known");
    for start in 0..2 {
        let added = open(&folder, "example.org").await;
        if start == 0 {
            let user = answer(|reply| added.add(&new("alice", Some("6001")), reply)).await.unwrap();
            assert_eq!((user.name.as_str(), user.aor.as_str()), ("alice", "alice@example.org"));
        }
        let Found::User(user) = find(&added, "6001") else { panic!("alice has 6001") };
        let ha1 = crate::ha1::of("alice", "example.org", "in-wonderland");
        assert_eq!(identify(&added, "example.org", "alice"), Identified::Known { user, ha1 });
    }
}

#[tokio::test]
async fn who_is_not_known_is_told_with_the_nearest_name() {
    let folder = Folder::new("unknown");
    let added = open(&folder, "example.org").await;
    answer(|reply| added.add(&new("alice", Some("6001")), reply)).await.unwrap();
    for (realm, name, nearest) in [
        ("example.org", "Alice", Some("alice")),
        ("example.org", "6001", None),
        ("example.org", "bob", None),
        ("other", "alice", None),
    ] {
        let nearest = nearest.map(str::to_owned);
        assert_eq!(identify(&added, realm, name), Identified::Unknown { nearest }, "{realm} {name}");
    }
    assert_eq!(find(&added, "ALICE"), Found::Nobody { nearest: Some("alice".to_owned()) });
}

#[tokio::test]
async fn passwords_are_changed_and_users_removed() {
    let folder = Folder::new("changed");
    let added = open(&folder, "example.org").await;
    answer(|reply| added.add(&new("alice", Some("6001")), reply)).await.unwrap();
    answer(|reply| added.set_secret("alice", &NewSecret::Password("other"), reply)).await.unwrap();
    let known = identify(&added, "example.org", "alice");
    assert!(
        matches!(known, Identified::Known { ha1, .. } if ha1 == crate::ha1::of("alice", "example.org", "other"))
    );
    let again = answer(|reply| added.add(&new("alice", None), reply)).await.map(drop);
    let nobody = answer(|reply| added.set_secret("bob", &NewSecret::Password("x"), reply)).await;
    let empty = answer(|reply| added.set_secret("alice", &NewSecret::Password(""), reply)).await;
    let near = answer(|reply| added.remove("Alice", reply)).await;
    for (refused, why) in [
        (again, "name alice already"),
        (nobody, "there is no user bob"),
        (empty, "the password is empty"),
        (near, "there is no user Alice; alice exists"),
    ] {
        assert!(matches!(&refused, Err(ServiceError::Refused(text)) if text.contains(why)), "{refused:?}");
    }
    answer(|reply| added.remove("alice", reply)).await.unwrap();
    for key in ["alice", "6001", "Alice"] {
        assert_eq!(find(&added, key), Found::Nobody { nearest: None }, "{key}");
    }
}

#[tokio::test]
async fn keys_of_another_realm_open_nothing() {
    let folder = Folder::new("realm");
    let added = open(&folder, "old.example.org").await;
    answer(|reply| added.add(&new("alice", None), reply)).await.unwrap();
    let added = open(&folder, "example.org").await;
    let known = identify(&added, "example.org", "alice");
    assert!(matches!(known, Identified::Known { ha1, .. } if ha1 == Ha1::default()));
}

#[tokio::test]
async fn a_full_directory_takes_nobody_else() {
    let folder = Folder::new("full");
    let config = DirectoryConfig { users_max: 1, ..DirectoryConfig::default() };
    let added = open_with(&folder, "example.org", config.clone()).await.unwrap();
    answer(|reply| added.add(&new("alice", None), reply)).await.unwrap();
    let refused = answer(|reply| added.add(&new("bob", None), reply)).await;
    assert!(matches!(refused, Err(ServiceError::Refused(text)) if text.contains("users_max")));
    let less = DirectoryConfig { users_max: 0, ..config };
    assert!(matches!(open_with(&folder, "example.org", less).await, Err(AddedError::TooMany { .. })));
}

#[tokio::test]
async fn more_changes_than_there_is_room_for_are_refused_at_once() {
    let folder = Folder::new("room");
    let config = DirectoryConfig { in_flight_max: 1, ..DirectoryConfig::default() };
    let added = open_with(&folder, "example.org", config).await.unwrap();
    let (reply, first) = awaited();
    let asked = added.add(&new("alice", None), reply);
    let refused = answer(|reply| added.add(&new("bob", None), reply)).await;
    assert_eq!(refused, Err(ServiceError::Overloaded { retry_after: RETRY_AFTER }));
    assert!(first.answer(asked).await.is_ok());
    assert!(answer(|reply| added.add(&new("bob", None), reply)).await.is_ok());
}

#[tokio::test]
async fn all_are_listed_behind_those_of_the_file() {
    let folder = Folder::new("listed");
    let added = open(&folder, "example.org").await;
    for name in ["carol", "alice", "bob", "al"] {
        answer(|reply| added.add(&new(name, None), reply)).await.unwrap();
    }
    let directory = UserDirectory::new("example.org", Users::default(), Some(Arc::new(added)));
    for (prefix, expected) in
        [("", &["al", "alice", "bob", "carol"][..]), ("al", &["al", "alice"]), ("x", &[])]
    {
        let (mut names, mut from) = (Vec::new(), String::new());
        loop {
            let ask = ListUsers { prefix, page_max: 2, from: &from };
            let page = answer(|reply| directory.list(&ask, reply)).await.unwrap();
            names.extend(page.users.into_iter().map(|listed| listed.user.name));
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(names, expected, "{prefix}");
    }
}

#[tokio::test]
async fn a_name_in_both_file_and_database_is_refused() {
    let folder = Folder::new("doubles");
    let added = open(&folder, "example.org").await;
    answer(|reply| added.add(&new("carol", Some("6003")), reply)).await.unwrap();
    let directory = UserDirectory::new("example.org", Users::default(), Some(Arc::new(added)));
    for (name, refused) in [("alice", false), ("carol", true), ("6003", true)] {
        let config = UserConfig {
            name: name.to_owned(),
            password: Some(node::config::Secret::new("secret")),
            ..UserConfig::default()
        };
        let users = Users::load(&[config], "example.org", "example.org", Path::new("/")).unwrap();
        assert_eq!(directory.replace(users).is_err(), refused, "{name}");
    }
    assert!(directory.file().named("alice").is_some(), "what was refused changed nothing");
}

#[tokio::test]
async fn what_users_change_about_their_calls_stands_above_the_file_and_outlives_a_restart() {
    let folder = Folder::new("settings");
    let written = |text: &str| {
        let file: BTreeMap<String, Vec<UserConfig>> = toml::from_str(text).unwrap();
        Users::load(&file["user"], "example.org", "example.org", Path::new("/"))
    };
    let file =
        "[[user]]\nname = \"bob\"\npassword = \"x\"\nforward = { busy = \"6003\", always = \"6009\" }\n";
    let change = |key: &str, value: &str| Change::read(key, value).unwrap();
    for turn in 0..2 {
        let added = open(&folder, "example.org").await;
        if turn == 0 {
            answer(|reply| added.add(&new("carol", Some("6004")), reply)).await.unwrap();
        }
        let preferences = added.preferences();
        let directory = UserDirectory::new("example.org", Users::default(), Some(Arc::new(added)));
        let directory = directory.keeping(preferences);
        directory.replace(written(file).unwrap()).unwrap();
        if turn == 0 {
            for (user, change) in [
                ("bob", change("forward-always", "")),
                ("bob", change("do-not-disturb", "on")),
                ("carol", change("follow-me", "6003 20")),
            ] {
                answer(|reply| directory.configure(user, &change, reply)).await.unwrap();
            }
            let nobody = change("do-not-disturb", "on");
            let refused = answer(|reply| directory.configure("zoe", &nobody, reply)).await;
            assert!(matches!(refused, Err(ServiceError::Refused(_))), "{refused:?}");
        }
        let settings = |name: &str| {
            let (reply, _awaited) = awaited();
            match directory.find(&Find { name_or_extension: name }, reply) {
                Asked::Now(Ok(Found::User(user))) => user.settings.clone(),
                other => panic!("{name} is there: {other:?}"),
            }
        };
        assert_eq!(
            settings("bob").changes(),
            [change("do-not-disturb", "on"), change("forward-busy", "6003")]
        );
        assert_eq!(settings("6004").changes(), [change("follow-me", "6003 20")]);
        if turn == 1 {
            // Whoever gets the name later begins anew.
            answer(|reply| directory.remove("carol", reply)).await.unwrap();
            answer(|reply| directory.add(&new("carol", Some("6004")), reply)).await.unwrap();
            assert!(settings("carol").is_plain());
        }
    }
}

#[test]
fn wishes_of_the_file_that_cannot_be_are_refused() {
    for (wish, said) in [
        (
            "forward = { sometimes = \"6003\" }",
            "no \"sometimes\"; there are always, busy, no-answer and unreachable",
        ),
        ("forward = { busy = \"a b\" }", "forward busy: \"a b\" is no number"),
        ("follow_me = [\"6003 never\"]", "is no number and seconds"),
    ] {
        let config: UserConfig =
            toml::from_str(&format!("name = \"bob\"\npassword = \"x\"\n{wish}")).unwrap();
        let refused = Users::load(&[config], "example.org", "example.org", Path::new("/")).unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
    }
}
