//! Several processes at one database: none comes between another's steps, a killed one loses nothing that it had
//! answered, and one that may not write says so.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use store::{Directory, Ha1, Lookup, NewUser};

const KEYS: Ha1 = Ha1 { md5: Some([1; 16]), sha256: None, sha512_256: None };
const NOBODY: u32 = 65534;

/// What the process of its own does: it is this program again, told by its environment.
#[test]
fn a_process_of_its_own_when_it_is_told() {
    let Ok(task) = std::env::var("STORE_TASK") else { return };
    let path = PathBuf::from(std::env::var_os("STORE_PATH").expect("whoever tells a task tells a path"));
    run(async {
        let users = match Directory::open(&path).await {
            Ok(users) => users,
            Err(why) => return println!("\nsaid: {why}"),
        };
        match task.split_once(' ') {
            Some(("add", name)) => {
                for number in 0..25 {
                    println!("\nsaid: {}", add(&users, &format!("{name}-{number}"), None).await);
                }
                println!("\nsaid: {}", add(&users, name, Some("6001")).await);
            }
            Some(("never-end", name)) => {
                for number in 0.. {
                    println!(
                        "\nsaid: {name}-{number} {}",
                        add(&users, &format!("{name}-{number}"), None).await
                    );
                }
            }
            _ => println!("\nsaid: {}", add(&users, &task, None).await),
        }
    });
}

#[test]
fn processes_that_begin_and_write_at_once_wait_for_each_other() {
    let folder = Folder::new("at-once");
    let tasks = ["add a", "add b", "add c", "add d"];
    let children: Vec<Child> = tasks.map(|task| start(task, &folder.0.join("users.db"), None)).into();
    let said: Vec<Vec<String>> = children.into_iter().map(finish).collect();
    let all = |line: &str| said.iter().flatten().filter(|said| *said == line).count();
    assert_eq!(all("added"), 4 * 25 + 1, "each its own, and one of them the extension: {said:?}");
    assert_eq!(
        said.iter().flatten().filter(|said| said.starts_with("extension 6001 already belongs to ")).count(),
        3
    );
    run(async {
        let users = Directory::open(&folder.0.join("users.db")).await.expect("it opens");
        assert_eq!(users.list("", "", 1000).await.expect("it reads").len(), 101);
    });
}

#[test]
fn a_killed_process_loses_nothing_that_it_answered() {
    let folder = Folder::new("killed");
    let path = folder.0.join("users.db");
    for round in 0..3 {
        let mut child = start(&format!("never-end round{round}"), &path, None);
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let said: Vec<String> = lines.by_ref().filter_map(said).take(20).collect();
        child.kill().expect("SIGKILL");
        child.wait().expect("it ends");
        run(async {
            let users = Directory::open(&path).await.expect("it opens again");
            for line in &said {
                let name = line.strip_suffix(" added").expect(line);
                let found = users.named(name).await.expect("it reads");
                assert!(matches!(found, Lookup::Entry(_)), "{name} was answered");
            }
            assert_eq!(add(&users, &format!("after{round}"), None).await, "added");
        });
    }
}

#[test]
fn one_that_may_not_write_says_why_and_what_to_do() {
    let folder = Folder::new("read-only");
    // The superuser may write everywhere, so the process gives that up.
    let is_superuser = std::fs::metadata(&folder.0).expect("it is there").uid() == 0;
    let user = is_superuser.then_some(NOBODY);
    let path = folder.0.join("users.db");
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let check = |path: &Path, why: &str| {
        let said = finish(start("bob", path, user)).join("\n");
        let way_out = "; let the user of this process write to the file and to its folder ";
        assert!(said.starts_with("cannot ") && said.contains(why) && said.contains(way_out), "{said}");
        assert!(said.contains(&*path.to_string_lossy()), "{said}");
    };
    allow(&folder.0, 0o555);
    check(&folder.0.join("inner/users.db"), "Permission denied");
    check(&path, "Permission denied");
    allow(&folder.0, 0o755);
    run(async {
        let users = Directory::open(&path).await.expect("it opens");
        assert_eq!(add(&users, "alice", None).await, "added");
        users.close().await;
    });
    for (mode_of_folder, mode) in [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444), (0o777, 0o000)] {
        allow(&path, mode);
        allow(&folder.0, mode_of_folder);
        check(&path, "permission denied");
    }
    allow(&folder.0, 0o755);
}

async fn add(users: &Directory, name: &str, extension: Option<&str>) -> String {
    let user = NewUser { name, extension, display_name: "", realm: "r", ha1: &KEYS, created_at_s: 0 };
    users.add(&user).await.map_or_else(|why| why.to_string(), |()| "added".to_owned())
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test);
}

fn start(task: &str, path: &Path, user: Option<u32>) -> Child {
    let own = std::env::current_exe().expect("we run");
    let mut command = Command::new(own);
    command
        .args(["--exact", "a_process_of_its_own_when_it_is_told", "--nocapture"])
        .env("STORE_TASK", task)
        .env("STORE_PATH", path)
        .stdout(Stdio::piped());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.spawn().expect("it starts")
}

fn finish(child: Child) -> Vec<String> {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    output.stdout.lines().filter_map(said).collect()
}

fn said(line: std::io::Result<String>) -> Option<String> {
    line.ok()?.strip_prefix("said: ").map(str::to_owned)
}

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("carillon-store-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("the folder of tests can be written");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
