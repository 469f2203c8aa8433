//! The shell with a directory, a database and a conductor of its own.

mod administer;
mod forward;
mod webhook;

use std::path::Path;
use std::sync::atomic::AtomicU32;

use proto::application::{Command, Parting, Party, Started};
use proto::directory::{Identified, Identify};
use proto::media::Ended;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// Alice 6001 and bob 6002; bob's PIN is 4711.
struct People;

impl Directory for People {
    fn credentials(&self, _: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified> {
        reply.now(Ok(Identified::Unknown { nearest: None }))
    }

    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        let users = [("alice", "6001"), ("bob", "6002")];
        let wanted = ask.name_or_extension;
        let user = users.iter().find(|(name, extension)| *name == wanted || *extension == wanted);
        reply.now(Ok(match user {
            Some((name, extension)) => Found::User(Arc::new(User {
                name: (*name).into(),
                extension: Some((*extension).into()),
                ..User::default()
            })),
            None => Found::Nobody { nearest: None },
        }))
    }
}

#[derive(Debug)]
enum Heard {
    Command(u32, Command),
    Ended(Result<(), ServiceError>),
    Waiting(String, Waiting),
}

struct Ear(UnboundedSender<Heard>);

impl Conductor for Ear {
    fn post(&self, _: &str, id: u32, command: Command) {
        let _ = self.0.send(Heard::Command(id, command));
    }

    fn ended(&self, _: &str, why: Result<(), ServiceError>) {
        let _ = self.0.send(Heard::Ended(why));
    }
}

impl WaitingSink for Ear {
    fn post(&self, user: &str, waiting: Waiting) {
        let _ = self.0.send(Heard::Waiting(user.to_owned(), waiting));
    }
}

struct Ground {
    folder: PathBuf,
    voicemail: Voicemail,
    heard: UnboundedReceiver<Heard>,
    number: u64,
}

impl Ground {
    async fn new() -> Self {
        Ground::within(folder(), Config::default()).await
    }

    async fn within(folder: PathBuf, config: Config) -> Self {
        let owner =
            Owner { pin: Some(Secret::new("4711")), email: Some("bob@example.org".into()), language: None };
        let settings = Settings {
            config,
            language: Language::French,
            zone: TimeZone::UTC,
            owners: BTreeMap::from([("bob".to_owned(), owner)]),
        };
        let places = (folder.join("voicemail.db"), Records::new(folder.join("recordings")));
        let opened = Voicemail::open(settings, places, Arc::new(People), &Handle::current()).await;
        let voicemail = opened.expect("the mailboxes open");
        let (sender, heard) = unbounded_channel();
        Application::follow(&voicemail, Arc::new(Ear(sender.clone())));
        MessageWaiting::follow(&voicemail, Arc::new(Ear(sender)));
        Ground { folder, voicemail, heard, number: 0 }
    }

    fn start(&mut self, run: &str, purpose: &str, user: &str) {
        self.number = 0;
        let party = |user: &str, number: &str| Party {
            user: user.into(),
            number: number.into(),
            display_name: String::new(),
        };
        let number = if user == "bob" { "6002" } else { "0123456789" };
        let started = Started {
            purpose: purpose.into(),
            caller: party(user, number),
            callee: party("bob", "6002"),
            ..Started::default()
        };
        self.tell(run, What::Started(Box::new(started)));
    }

    fn tell(&mut self, run: &str, what: What) {
        self.number += 1;
        self.voicemail.post(run, Event { number: self.number, at_ms: 1_794_781_800_000, what });
    }

    async fn next(&mut self) -> Heard {
        let next = tokio::time::timeout(Duration::from_secs(20), self.heard.recv()).await;
        next.expect("something is heard").expect("somebody speaks")
    }

    async fn command(&mut self) -> (u32, Command) {
        loop {
            if let Heard::Command(id, command) = self.next().await {
                return (id, command);
            }
        }
    }

    /// The command that something is waited for: it comes behind what is played with it.
    async fn collecting(&mut self) -> u32 {
        loop {
            if let (id, Command::Collect { .. }) = self.command().await {
                return id;
            }
        }
    }

    async fn waiting(&mut self) -> (String, u32, u32) {
        loop {
            if let Heard::Waiting(user, waiting) = self.next().await {
                return (user, waiting.new, waiting.old);
            }
        }
    }

    /// Bob's mailbox records; gives the command and the name.
    async fn record(&mut self, run: &str) -> (u32, String) {
        self.start(run, DEPOSIT, "");
        assert!(matches!(self.command().await.1, Command::Answer));
        self.tell(run, What::Answered { leg: 0 });
        let (id, play) = self.command().await;
        assert!(matches!(play, Command::Play { .. }), "{play:?}");
        self.tell(run, What::Played { leg: 0, id, why: Ended::Complete });
        match self.command().await {
            (id, Command::Record { to, .. }) => (id, to),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody leaves a message of four seconds for bob.
    async fn leave(&mut self, run: &str) {
        let (id, to) = self.record(run).await;
        let file = format!("{to}.wav");
        write(&self.folder, &file, 4);
        let length = Duration::from_secs(4);
        self.tell(run, What::Recorded { leg: 0, id, file, length, why: Ended::Stopped });
        self.tell(run, What::Ended(Parting::Caller));
    }

    async fn type_pin(&mut self, run: &str, digits: &str) {
        for digits in ["6002", digits] {
            let id = self.collecting().await;
            let digits = digits.to_owned();
            self.tell(run, What::Collected { leg: 0, id, digits, why: Ended::Digit('#') });
        }
    }

    async fn end(self) {
        self.voicemail.shared.mailboxes.close().await;
        std::fs::remove_dir_all(&self.folder).expect("our own folder");
    }
}

fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("carillon-voicemail-{count}-{}", std::process::id()))
}

/// A record of so many seconds, as the media server writes them.
fn write(folder: &Path, name: &str, seconds: usize) {
    let mut octets = vec![0; 46 + seconds * 16_000];
    octets[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    let path = folder.join("recordings").join(name);
    std::fs::create_dir_all(path.parent().expect("a name in a folder")).expect("our own folder");
    std::fs::write(path, octets).expect("our own folder");
}

#[tokio::test]
async fn a_message_is_filed_told_and_heard_on_the_owners_phone() {
    let mut ground = Ground::new().await;
    ground.leave("r.1").await;
    assert_eq!(ground.waiting().await, ("bob".into(), 1, 0));
    assert!(matches!(ground.next().await, Heard::Ended(Ok(()))));
    ground.start("r.2", RETRIEVE, "bob");
    assert!(matches!(ground.command().await.1, Command::Answer));
    ground.tell("r.2", What::Answered { leg: 0 });
    let id = ground.collecting().await;
    ground.tell("r.2", What::Collected { leg: 0, id, digits: "1".into(), why: Ended::Complete });
    let id = ground.collecting().await;
    ground.tell("r.2", What::Collected { leg: 0, id, digits: "7".into(), why: Ended::Complete });
    assert_eq!(ground.waiting().await, ("bob".into(), 0, 0));
    let summary = |user: &'static str| {
        let (reply, answer) = awaited();
        let asked = ground.voicemail.summarise(&Summarise { user }, reply);
        async { answer.answer(asked).await.expect("it is answered") }
    };
    assert_eq!(summary("bob").await, Some(Waiting::default()));
    assert_eq!(summary("nobody").await, None);
    assert_eq!(summary("6002").await, None, "a number is no name of a user");
    ground.end().await;
}

#[tokio::test]
async fn wrong_pins_are_counted_over_all_calls_and_lock_the_mailbox() {
    let config = Config { wrong_pins_max: 2, ..Config::default() };
    let mut ground = Ground::within(folder(), config).await;
    for (run, pin) in [("r.1", "1111"), ("r.2", "2222"), ("r.3", "4711")] {
        ground.start(run, RETRIEVE, "");
        // What the run before was still told to do comes first.
        while !matches!(ground.command().await.1, Command::Answer) {}
        ground.tell(run, What::Answered { leg: 0 });
        ground.type_pin(run, pin).await;
        let (_, said) = ground.command().await;
        if run == "r.3" {
            // It is locked: some words, and no further question.
            assert!(matches!(said, Command::Play { stop_on_digit: false, .. }), "{said:?}");
        }
        ground.tell(run, What::Ended(Parting::Caller));
    }
    ground.voicemail.shared.mailboxes.right("bob").await.expect("unlocked");
    ground.start("r.4", RETRIEVE, "");
    while !matches!(ground.command().await.1, Command::Answer) {}
    ground.tell("r.4", What::Answered { leg: 0 });
    ground.type_pin("r.4", "4711").await;
    ground.collecting().await;
    ground.end().await;
}

#[tokio::test]
async fn what_was_said_before_a_crash_is_filed_by_the_next_start() {
    let folder = folder();
    let mut ground = Ground::within(folder.clone(), Config::default()).await;
    let (_, kept) = ground.record("r.1").await;
    let (_, short) = ground.record("r.2").await;
    let (_, going) = ground.record("r.3").await;
    ground.voicemail.shared.mailboxes.close().await;
    write(&folder, &format!("{kept}.wav"), 3);
    write(&folder, &format!("{short}.wav"), 1);
    write(&folder, &format!("{going}.part"), 3);
    let ground = Ground::within(folder, Config::default()).await;
    let mailboxes = &ground.voicemail.shared.mailboxes;
    // The start files them by itself, beside whatever else it does.
    let begun = || async { mailboxes.begun().await.expect("read") };
    while begun().await.len() != 1 {
        tokio::task::yield_now().await;
    }
    let messages = mailboxes.messages("bob").await.expect("read");
    let lengths: Vec<_> =
        messages.iter().map(|message| (message.length_ms, message.caller.as_str())).collect();
    assert_eq!(lengths, [(3000, "0123456789")]);
    assert!(begun().await[0].file.contains("r.3"), "what goes on is left alone");
    ground.end().await;
}

#[tokio::test]
async fn a_run_that_is_told_again_is_answered_as_before() {
    let folder = folder();
    let mut ground = Ground::within(folder.clone(), Config::default()).await;
    ground.leave("r.1").await;
    ground.waiting().await;
    let hear = |ground: &mut Ground| {
        ground.start("r.2", RETRIEVE, "bob");
        ground.tell("r.2", What::Answered { leg: 0 });
    };
    hear(&mut ground);
    let id = ground.collecting().await;
    ground.tell("r.2", What::Collected { leg: 0, id, digits: "1".into(), why: Ended::Complete });
    let heard = ground.collecting().await;
    let deleted = |id| What::Collected { leg: 0, id, digits: "7".into(), why: Ended::Complete };
    ground.tell("r.2", deleted(heard));
    let asked = ground.collecting().await;
    ground.voicemail.shared.mailboxes.close().await;
    let mut ground = Ground::within(folder, Config::default()).await;
    hear(&mut ground);
    assert_eq!(ground.collecting().await, id);
    ground.tell("r.2", What::Collected { leg: 0, id, digits: "1".into(), why: Ended::Complete });
    assert_eq!(ground.collecting().await, heard, "the message is still there for this run");
    ground.tell("r.2", deleted(heard));
    assert_eq!(ground.collecting().await, asked);
    ground.end().await;
}

#[tokio::test]
async fn a_message_is_sent_with_its_sound_and_again_where_the_server_is_away() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = server.local_addr().expect("it is bound");
    let url = Secret::new(format!("smtp://{address}"));
    let mail = crate::config::MailConfig { url, from: "carillon@example.org".into(), attach: true };
    let mut ground = Ground::within(folder(), Config { mail: Some(mail), ..Config::default() }).await;
    // The first connection is closed at once.
    let serving = tokio::spawn(async move {
        drop(server.accept().await.expect("somebody connects"));
        take_letter(server.accept().await.expect("somebody connects again").0).await
    });
    ground.leave("r.1").await;
    ground.waiting().await;
    let mut now = node::clock::unix_ms();
    while ground.voicemail.shared.counts.mails.load(Ordering::Relaxed) == 0 {
        now += 60_000;
        ground.voicemail.shared.send_due(How::Mail, now).await;
    }
    let letter = serving.await.expect("a letter came");
    for part in
        ["To: bob@example.org", "From: carillon@example.org", "Message vocal de 0123456789", "audio/wav"]
    {
        assert!(letter.contains(part), "{part} in {}", &letter[..letter.len().min(2000)]);
    }
    assert_eq!(ground.voicemail.shared.mailboxes.due("mail", u64::MAX, 9).await.expect("read"), []);
    ground.end().await;
}

/// A mail server that takes one letter (RFC 5321).
async fn take_letter(stream: tokio::net::TcpStream) -> String {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut letter = String::new();
    let mut is_letter = false;
    write.write_all(b"220 here\r\n").await.expect("it listens");
    while let Some(line) = lines.next_line().await.expect("lines") {
        let answer = match line.get(..4).unwrap_or(&line) {
            "." => {
                is_letter = false;
                "250 taken"
            }
            _ if is_letter => {
                letter.push_str(&line);
                letter.push('\n');
                continue;
            }
            "DATA" => {
                is_letter = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        // It may have gone after its letter was taken.
        let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
    }
    letter
}

#[tokio::test]
async fn more_calls_than_runs_max_go_back_to_the_dial_plan() {
    let mut ground = Ground::within(folder(), Config { runs_max: 1, ..Config::default() }).await;
    ground.start("r.1", DEPOSIT, "");
    assert!(matches!(ground.command().await.1, Command::Answer));
    ground.start("r.2", DEPOSIT, "");
    assert!(matches!(ground.next().await, Heard::Ended(Err(ServiceError::Overloaded { .. }))));
    ground.voicemail.forget("r.1");
    assert_eq!(ground.voicemail.runs(), 0);
    ground.end().await;
}
