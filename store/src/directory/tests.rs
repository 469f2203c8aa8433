//! What is added is found, what is taken is refused, and what cannot be opened says why.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::{DISPLAY_NAME_BYTES_MAX, NAME_BYTES_MAX, REALM_BYTES_MAX};

const KEYS: Ha1 = Ha1 { md5: Some([1; 16]), sha256: Some([2; 32]), sha512_256: None };
const ALICE: NewUser<'_> = NewUser {
    name: "alice",
    extension: Some("6001"),
    display_name: "Alice Liddell",
    realm: "example.org",
    ha1: &KEYS,
    created_at_s: 1_700_000_000,
};

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("carillon-store-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("the folder of tests can be written");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state/users.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test)
}

async fn open(path: &Path) -> Directory {
    Directory::open(path).await.expect("it opens")
}

async fn refusal(path: &Path) -> String {
    Directory::open(path).await.expect_err("it does not open").to_string()
}

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.user.name.as_str()).collect()
}

#[test]
fn a_user_is_found_by_name_and_by_extension() {
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        users.add(&ALICE).await.expect("there is room");
        let quiet = NewUser { name: "mary-ann", extension: None, display_name: "", ..ALICE };
        users.add(&quiet).await.expect("an extension is not needed");
        let nobody = |nearest: Option<&str>| Lookup::Nobody { nearest: nearest.map(str::to_owned) };
        let Lookup::Entry(alice) = users.named("alice").await.expect("it reads") else {
            panic!("alice is there")
        };
        assert_eq!(
            *alice,
            Entry {
                user: User {
                    name: "alice".to_owned(),
                    extension: Some("6001".to_owned()),
                    display_name: "Alice Liddell".to_owned(),
                    created_at_s: 1_700_000_000
                },
                credentials: Credentials { realm: "example.org".to_owned(), ha1: KEYS },
            }
        );
        for (key, named, found) in [
            ("alice", Lookup::Entry(alice.clone()), Lookup::Entry(alice.clone())),
            ("6001", nobody(None), Lookup::Entry(alice.clone())),
            ("Alice", nobody(Some("alice")), nobody(Some("alice"))),
            ("bob", nobody(None), nobody(None)),
            ("", nobody(None), nobody(None)),
            ("' OR 1 = 1 --", nobody(None), nobody(None)),
        ] {
            assert_eq!(users.named(key).await.expect("it reads"), named, "named {key}");
            assert_eq!(users.find(key).await.expect("it reads"), found, "find {key}");
        }
        users.add(&NewUser { name: "ALICE", extension: None, ..ALICE }).await.expect("another name");
        for name in ["alice", "ALICE"] {
            let Lookup::Entry(entry) = users.named(name).await.expect("it reads") else { panic!("{name}") };
            assert_eq!(entry.user.name, name, "each its own");
        }
        users.close().await;
    });
}

#[test]
fn a_name_or_extension_belongs_to_one_user() {
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        users.add(&ALICE).await.expect("there is room");
        for (name, extension, why) in [
            ("alice", Some("6002"), "name alice already belongs to a user"),
            ("bob", Some("6001"), "extension 6001 already belongs to alice"),
            ("6001", None, "name 6001 already is the extension of alice"),
            ("bob", Some("alice"), "extension alice already is the name of another user"),
            ("bob", Some("6002"), ""),
            ("6003", Some("6003"), ""),
            ("carol", Some("6003"), "extension 6003 already is the name of another user"),
        ] {
            let said = users.add(&NewUser { name, extension, ..ALICE }).await;
            assert_eq!(
                said.err().map(|why| why.to_string()).unwrap_or_default(),
                why,
                "{name} {extension:?}"
            );
        }
        assert_eq!(names(&users.list("", "", 10).await.expect("it reads")), ["6003", "alice", "bob"]);
    });
}

#[test]
fn what_is_too_long_or_empty_is_refused() {
    let folder = Folder::new();
    let long = |octets: usize| "x".repeat(octets + 1);
    let (name, display, realm) = (long(NAME_BYTES_MAX), long(DISPLAY_NAME_BYTES_MAX), long(REALM_BYTES_MAX));
    run(async {
        let users = open(&folder.file()).await;
        for (user, why) in [
            (NewUser { name: "", ..ALICE }, "the name has 0 octets, and may have 1 to 128"),
            (NewUser { name: &name, ..ALICE }, "the name has 129 octets, and may have 1 to 128"),
            (NewUser { name: "a\nb", ..ALICE }, "the name holds a control character"),
            (NewUser { extension: Some(""), ..ALICE }, "the extension has 0 octets, and may have 1 to 128"),
            (
                NewUser { display_name: &display, ..ALICE },
                "the display name has 257 octets, and may have 0 to 256",
            ),
            (NewUser { realm: &realm, ..ALICE }, "the realm has 256 octets, and may have 1 to 255"),
            (NewUser { ha1: &Ha1::default(), ..ALICE }, "a user needs a password or a digest key"),
        ] {
            assert_eq!(users.add(&user).await.expect_err(why).to_string(), why);
        }
        let longest = NewUser { name: &name[1..], display_name: &display[1..], realm: &realm[1..], ..ALICE };
        users.add(&longest).await.expect("the longest fits");
    });
}

#[test]
fn users_change_their_keys_and_go() {
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        users.add(&ALICE).await.expect("there is room");
        let other = Ha1 { md5: None, sha256: None, sha512_256: Some([3; 32]) };
        assert_eq!(users.strangers_to("example.org").await.expect("it reads"), 0);
        users.set_credentials("alice", "example.com", &other).await.expect("alice is there");
        assert_eq!(users.strangers_to("example.org").await.expect("it reads"), 1);
        let Lookup::Entry(alice) = users.named("alice").await.expect("it reads") else { panic!("alice") };
        assert_eq!(alice.credentials, Credentials { realm: "example.com".to_owned(), ha1: other });
        assert_eq!(alice.user.extension.as_deref(), Some("6001"), "all else is as it was");
        assert_eq!(format!("{other:?}"), "Ha1 { md5: false, sha256: false, sha512_256: true }");
        let unknown = "there is no user Alice; alice exists";
        let said = users.set_credentials("Alice", "example.org", &KEYS).await.expect_err(unknown);
        assert_eq!(said.to_string(), unknown);
        assert_eq!(users.remove("Alice").await.expect_err(unknown).to_string(), unknown);
        users.remove("alice").await.expect("alice is there");
        assert_eq!(users.remove("alice").await.expect_err("gone").to_string(), "there is no user alice");
        users.add(&NewUser { name: "bob", ..ALICE }).await.expect("the extension is free again");
    });
}

#[test]
fn lists_go_by_name_in_pages() {
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        for name in ["b", "ab", "aa", "é", "éa", "a", "ac"] {
            users.add(&NewUser { name, extension: None, ..ALICE }).await.expect(name);
        }
        for (prefix, after, page_max, listed) in [
            ("", "", 3, &["a", "aa", "ab"][..]),
            ("", "ab", 3, &["ac", "b", "é"]),
            ("", "é", 3, &["éa"]),
            ("a", "", 9, &["a", "aa", "ab", "ac"]),
            ("a", "aa", 9, &["ab", "ac"]),
            ("é", "", 9, &["é", "éa"]),
            ("x", "", 9, &[]),
            ("", "", 0, &["a"]),
        ] {
            let list = users.list(prefix, after, page_max).await.expect("it reads");
            assert_eq!(names(&list), listed, "{prefix:?} {after:?} {page_max}");
        }
    });
}

#[test]
fn every_lookup_goes_by_an_index() {
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        for question in [NAMED, FIND, LIST] {
            let explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}")))
                .bind("alice")
                .fetch_all(users.database.read())
                .await
                .expect("it is explained");
            for row in explained {
                let step: String = row.try_get("detail").expect("a step");
                assert!(!step.starts_with("SCAN"), "{question}: {step}");
            }
        }
    });
}

#[test]
fn a_dropped_question_changes_nothing_and_hinders_nobody() {
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        let waker = std::task::Waker::noop();
        for polls in 0..6 {
            let mut adding = Box::pin(users.add(&ALICE));
            for _ in 0..polls {
                if adding.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(adding);
            let found = users.find("6001").await.expect("it reads");
            assert!(matches!(found, Lookup::Nobody { .. } | Lookup::Entry(_)), "none or the whole");
        }
        let _ = users.remove("alice").await;
        users.add(&ALICE).await.expect("the writer is free");
    });
}

#[test]
fn what_cannot_be_opened_says_why_and_what_to_do() {
    let folder = Folder::new();
    let path = |name: &str| folder.0.join(name);
    std::fs::write(path("text.db"), "not a database, yet long enough to be read as one. ".repeat(20))
        .expect("written");
    std::fs::create_dir(path("folder.db")).expect("made");
    std::fs::write(path("file"), "").expect("written");
    run(async {
        let of_others = path("others.db");
        let database = Database::open(&of_others, &["CREATE TABLE tunes (title TEXT)"]).await.expect("made");
        let mut change = database.write().await.expect("begun");
        sqlx::query("DROP TABLE schema_version").execute(&mut *change).await.expect("dropped");
        change.commit().await.expect("done");
        database.close().await;
        let newer = path("newer.db");
        let steps = ["CREATE TABLE one (a)", "CREATE TABLE two (a)", "CREATE TABLE three (a)"];
        Database::open(&newer, &steps).await.expect("made").close().await;
        for (file, why) in [
            ("text.db", "it is not a database of this program; move it away"),
            ("others.db", "it is not a database of this program; move it away"),
            (
                "newer.db",
                "its version is 3, and this program knows versions up to 2; start the program that wrote it",
            ),
            ("folder.db", "is a directory"),
            ("file/users.db", "let the user of this process write to the file and to its folder"),
        ] {
            let said = refusal(&path(file)).await;
            let begins = format!("cannot open {}: ", path(file).display());
            assert!(said.starts_with(&begins) && said.contains(why), "{file}: {said}");
        }
    });
}

#[test]
fn tables_come_to_their_newest_form_step_by_step() {
    let folder = Folder::new();
    let steps = ["CREATE TABLE one (a)", "ALTER TABLE one ADD COLUMN b; INSERT INTO one VALUES (1, 2)"];
    run(async {
        let path = folder.file();
        Database::open(&path, &steps[..1]).await.expect("the first").close().await;
        for _ in 0..2 {
            let database = Database::open(&path, &steps).await.expect("the second, once");
            let row = sqlx::query("SELECT count(*), sum(b) FROM one").fetch_one(database.read()).await;
            let row = row.expect("both columns are there");
            assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (1, 2));
            database.close().await;
        }
        let broken = ["", "", "CREATE TABLE two (a); nonsense"];
        Database::open(&path, &broken).await.expect_err("a step that fails");
        Database::open(&path, &steps).await.expect("is undone as a whole").close().await;
    });
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_keys() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    run(async {
        let users = open(&folder.file()).await;
        users.add(&ALICE).await.expect("there is room");
        let state = folder.0.join("state");
        for file in std::fs::read_dir(&state).expect("it is there") {
            let file = file.expect("it is there");
            let mode = file.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", file.path().display());
        }
        assert_eq!(std::fs::metadata(&state).expect("it is there").permissions().mode() & 0o777, 0o700);
    });
}
