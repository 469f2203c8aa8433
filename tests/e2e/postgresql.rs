//! Mailboxes in a PostgreSQL server: a company's voicemail as phones hear it, each question that the rooms ask, and a server
//! that crashes or is away.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use store::{MailboxCounts, MailboxUse, Mailboxes, MessageMark, Recording, StoredMessage, Take, Tries};
use tokio::runtime::Runtime;

use super::company;
use super::exchange::{Exchange, binary, said};
use super::ground::Ground;
use super::needs::{POSTGRESQL, POSTGRESQL_AND_BARESIP, postgresql};

tests! {
    POSTGRESQL_AND_BARESIP => a_message_is_left_heard_and_deleted;
    POSTGRESQL => what_was_confirmed_outlives_a_crash_of_the_server,
        a_server_that_is_away_or_refuses_is_named_with_what_to_do;
}

fn a_message_is_left_heard_and_deleted() {
    let server = Server::start();
    company::voicemail(|text| {
        text.replace("[voicemail]\n", &format!("[voicemail]\npostgres = \"{}\"\n", server.url))
    });
}

fn what_was_confirmed_outlives_a_crash_of_the_server() {
    let server = Server::start();
    let more = format!("[voicemail]\nextension = \"6099\"\npostgres = \"{}\"\n", server.url);
    let exchange = Exchange::start(Ground::loopback(), &more);
    let runtime = Runtime::new().expect("a runtime");
    let mailboxes = runtime.block_on(Mailboxes::connect(&server.url)).expect("the exchange made its tables");
    let urgent = StoredMessage {
        file: "voicemail/6002/1.wav".into(),
        user: "bob".into(),
        caller: "6001".into(),
        caller_name: "Al\0ice".into(),
        at_ms: 5,
        length_ms: 4000,
        is_urgent: true,
        is_new: true,
    };
    runtime.block_on(asked(&mailboxes, &urgent));
    assert!(exchange.ctl(&["voicemail", "list"]).contains("bob"), "the exchange reads it");

    server.crash();
    server.begin();
    let kept = runtime.block_on(async {
        // A connection that died is noticed when it is used next.
        mailboxes.messages("bob").await.expect("it is found again")
    });
    assert_eq!(kept, [StoredMessage { caller_name: "Alice".into(), is_new: false, ..urgent }]);
    assert!(exchange.ctl(&["voicemail", "list"]).contains("bob"), "the exchange finds it again too");
    exchange.end();
}

/// Each question once, as the mailboxes of a file are asked in their own tests.
async fn asked(mailboxes: &Mailboxes, message: &StoredMessage) {
    let (user, file) = (&*message.user, &*message.file);
    let take =
        Take { file: file.into(), run: "r".into(), user: user.into(), message: None, ..Take::default() };
    for _ in 0..2 {
        mailboxes.begin(&take).await.expect("noted");
    }
    assert_eq!(mailboxes.begun().await.expect("read"), [take]);
    assert!(mailboxes.has_room(user, 1, 60_000).await.expect("read"));
    for _ in 0..2 {
        assert!(mailboxes.file(message, 1, 60_000).await.expect("filed"));
    }
    let more = StoredMessage { file: "2".into(), ..message.clone() };
    assert!(!mailboxes.file(&more, 1, 60_000).await.expect("it is full"));
    assert!(mailboxes.begun().await.expect("read").is_empty());
    mailboxes.mark(user, file, MessageMark::Deleted { at_ms: 9 }).await.expect("marked");
    assert_eq!(mailboxes.counts(user).await.expect("read"), MailboxCounts::default());
    mailboxes.mark(user, file, MessageMark::Restored).await.expect("marked");
    mailboxes.mark(user, file, MessageMark::Heard { at_ms: 1 }).await.expect("marked");
    let counts = mailboxes.counts(user).await.expect("read");
    assert_eq!((counts.old, counts.old_urgent, counts.new), (1, 1, 0));

    assert_eq!(mailboxes.wrong("6002", 1, 2, 900).await.expect("counted"), Tries { wrong: 1, locked_ms: 0 });
    assert_eq!(mailboxes.wrong("6002", 2, 2, 900).await.expect("locked"), Tries { wrong: 0, locked_ms: 900 });
    let locked = MailboxUse { user: "6002".into(), locked_ms: 900, ..MailboxUse::default() };
    let used = MailboxUse { user: user.into(), counts, length_ms: 4000, ..MailboxUse::default() };
    assert_eq!(mailboxes.list(None, 899).await.expect("read"), [locked, used.clone()]);
    mailboxes.right("6002").await.expect("forgotten");

    for which in [Recording::Name, Recording::NoAnswer, Recording::Busy, Recording::Temporary] {
        assert_eq!(mailboxes.set_recording(user, which, Some("a")).await.expect("set"), None);
        assert_eq!(mailboxes.set_recording(user, which, None).await.expect("set").as_deref(), Some("a"));
    }
    mailboxes.set_pin(user, Some(&[7; 52])).await.expect("set");
    assert_eq!(mailboxes.settings(user).await.expect("read").pin.as_deref(), Some(&[7; 52][..]));
    let used = MailboxUse { has_own_pin: true, ..used };
    assert_eq!(mailboxes.list(Some(user), 1).await.expect("read"), [used]);

    for answer in ["a", "b"] {
        mailboxes.keep_answer("r", 1, answer, 5).await.expect("kept");
    }
    assert_eq!(mailboxes.answers("r").await.expect("read"), ["b"]);
    mailboxes.forget_answers("r").await.expect("forgotten");
    for _ in 0..2 {
        mailboxes.deliver(file, "x", 100).await.expect("noted");
    }
    let due = mailboxes.due("x", 100, 9).await.expect("read");
    assert_eq!((due.len(), &*due[0].file, due[0].tries), (1, file, 0));
    mailboxes.retry(due[0].id, 200).await.expect("noted");
    assert_eq!(mailboxes.due("x", 100, 9).await.expect("read"), []);
    mailboxes.delivered(due[0].id).await.expect("noted");
    assert_eq!(mailboxes.due("x", 300, 9).await.expect("read"), []);
    assert_eq!(mailboxes.sweep(1, 1, 1).await.expect("swept"), []);
}

fn a_server_that_is_away_or_refuses_is_named_with_what_to_do() {
    let server = Server::start();
    let refused = |url: &str| {
        let folder = server.folder.join("exchange");
        std::fs::create_dir_all(&folder).expect("our own folder");
        let text = format!("[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[voicemail]\npostgres = \"{url}\"\n");
        let file = folder.join("c.toml");
        std::fs::write(&file, text).expect("our own folder");
        let output = Command::new(binary()).arg("--config").arg(&file).arg("--state").arg(&folder).output();
        let output = output.expect("it starts");
        assert!(!output.status.success());
        said(&output)
    };
    let away = refused("postgres://carillon:secret@127.0.0.1:9/mailboxes");
    assert!(away.contains("cannot open postgres://carillon@127.0.0.1:9/mailboxes"), "{away}");
    assert!(away.contains("start PostgreSQL there, or mend host and port"), "{away}");
    assert!(!away.contains("secret"), "{away}");
    let nothing = refused(&server.url.replace("/postgres?", "/nothing?"));
    assert!(nothing.contains("make the database there with `createdb`"), "{nothing}");
    let http = refused("http://127.0.0.1:9");
    assert!(http.contains("write postgres://USER:PASSWORD@HOST/DATABASE"), "{http}");
}

/// A server of our own, reached by a socket in its folder. It goes when the value does.
struct Server {
    folder: PathBuf,
    url: String,
    /// It refuses to run as root.
    as_user: Option<&'static str>,
}

impl Server {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("carillon-postgresql-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("nobody has this folder");
        let is_root = std::fs::metadata(&folder).expect("we made it").uid() == 0;
        let as_user = is_root.then_some("postgres");
        let url = format!("postgres://postgres@localhost/postgres?host={}", folder.display());
        let server = Server { folder, url, as_user };
        if as_user.is_some() {
            let status =
                Command::new("chown").args(["postgres".as_ref(), server.folder.as_os_str()]).status();
            assert!(status.expect("chown runs").success());
        }
        let data = server.folder.join("data");
        server.run("initdb", &["-A", "trust", "-U", "postgres", "--no-sync", "-D"], &data);
        server.begin();
        server
    }

    fn begin(&self) {
        let options = format!("-k {} -c listen_addresses=", self.folder.display());
        let log = self.folder.join("log").display().to_string();
        self.run(
            "pg_ctl",
            &["-w", "-s", "-o", &options, "-l", &log, "start", "-D"],
            &self.folder.join("data"),
        );
    }

    /// It stops at once, as by a lost machine, and reads its log at the next start.
    fn crash(&self) {
        self.run("pg_ctl", &["-s", "-m", "immediate", "stop", "-D"], &self.folder.join("data"));
    }

    fn run(&self, program: &str, arguments: &[&str], data: &Path) {
        let program = postgresql().expect("it was looked for").join(program);
        let mut command = match self.as_user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).arg(data).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status().expect("PostgreSQL is here");
        assert!(status.success(), "{command:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}
