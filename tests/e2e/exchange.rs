//! A running exchange: the binary that people run, as one process or as edge and registrar apart, with its log. It
//! goes when the value does.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::ground::Ground;

/// A running exchange on a ground of its own.
pub struct Exchange {
    /// Files of this test.
    pub folder: PathBuf,
    /// The edge, or everything; it ends first.
    edge: Process,
    /// The services that are processes of their own, by their roles.
    services: Vec<(&'static str, Process)>,
    /// Where it runs. The last field: what is left in it ends with it.
    pub ground: Ground,
}

impl Exchange {
    /// Starts one with three users and what more the test wants in its configuration, and waits until it is ready.
    pub fn start(ground: Ground, more: &str) -> Self {
        let text = config(ground.address(1), more);
        Self::start_from(ground, &text)
    }

    /// Starts one with a configuration that the test wrote.
    pub fn start_from(ground: Ground, text: &str) -> Self {
        Self::start_among(ground, &[], text)
    }

    /// The same, with files beside the configuration.
    pub fn start_among(ground: Ground, files: &[(&str, &[u8])], text: &str) -> Self {
        let folder = folder(&ground);
        for (name, octets) in files {
            fs::write(folder.join(name), octets).expect("our own folder");
        }
        let file = write(&folder, "exchange.toml", text);
        let edge = Process::start(&ground, &folder, "state", &["--config".as_ref(), file.as_os_str()]);
        Self { folder, edge, services: Vec::new(), ground }
    }

    /// The same as two processes that ask each other over gRPC.
    pub fn start_apart(ground: Ground, more: &str) -> Self {
        let folder = folder(&ground);
        let trust = folder.join("trust");
        let asked = format!("{}:5070", ground.address(2));
        let rpc = format!(
            "[rpc]\nlisten = \"{asked}\"\nregistrar = \"https://{asked}\"\ntrust = \"{}\"\n{more}",
            trust.display()
        );
        let file = write(&folder, "exchange.toml", &config(ground.address(1), &rpc));
        let part = |role: &str, state| {
            let arguments = [role.as_ref(), "--config".as_ref(), file.as_os_str()];
            Process::start(&ground, &folder, state, &arguments)
        };
        let registrar = part("registrar", "registrar");
        let edge = part("proxy", "state");
        Self { folder, edge, services: vec![("registrar", registrar)], ground }
    }

    /// The same as five processes, each with the whole of a configuration that the test wrote.
    pub fn start_all_apart(ground: Ground, files: &[(&str, &[u8])], text: &str) -> Self {
        let folder = folder(&ground);
        for (name, octets) in files {
            fs::write(folder.join(name), octets).expect("our own folder");
        }
        let trust = folder.join("trust");
        let recordings = folder.join("state/recordings");
        let at = |port: u16| format!("{}:{port}", ground.address(2));
        let [registrar, media, callcenter, voicemail] = [5070, 5071, 5073, 5074].map(at);
        let part = |role: &'static str, rpc: &str| {
            let more = format!(
                "[rpc]\ntrust = \"{}\"\nregistrar = \"https://{registrar}\"\nmediaserver = \"https://{media}\"\n{rpc}\n\
                 [media]\nrecordings = \"{}\"\ninactivity = \"3s\"\n",
                trust.display(),
                recordings.display()
            );
            let file = write(&folder, &format!("{role}.toml"), &format!("{text}\n{more}"));
            let arguments = [role.as_ref(), "--config".as_ref(), file.as_os_str()];
            Process::start(&ground, &folder, if role == "proxy" { "state" } else { role }, &arguments)
        };
        let services = vec![
            ("registrar", part("registrar", &format!("listen = \"{registrar}\""))),
            ("mediaserver", part("mediaserver", &format!("listen = \"{media}\""))),
            ("callcenter", part("callcenter", &format!("listen = \"{callcenter}\""))),
            ("voicemail", part("voicemail", &format!("listen = \"{voicemail}\""))),
        ];
        let edge = part(
            "proxy",
            &format!(
                "voicemail = \"https://{voicemail}\"\n\
                 applications = {{ voicemail = \"https://{voicemail}\", callcenter = \"https://{callcenter}\" }}"
            ),
        );
        Self { folder, edge, services, ground }
    }

    /// Starts one as a person does who has read the first page: without a configuration.
    pub fn start_bare(ground: Ground) -> Self {
        let folder = folder(&ground);
        let edge = Process::start(&ground, &folder, "state", &[]);
        Self { folder, edge, services: Vec::new(), ground }
    }

    /// Where it listens.
    pub fn address(&self) -> Ipv4Addr {
        self.ground.address(1)
    }

    /// Waits for a line of the edge's log that holds these words, and returns it.
    pub fn wait_for(&mut self, words: &str) -> String {
        self.edge.wait_for(words)
    }

    /// Everything that was logged so far.
    pub fn log(&mut self) -> String {
        let services = self.services.iter_mut().map(|(_, process)| process);
        std::iter::once(&mut self.edge).chain(services).map(Process::log).collect::<Vec<_>>().join("\n")
    }

    /// What it printed for the person at the terminal.
    pub fn welcome(&self) -> String {
        fs::read_to_string(self.folder.join("state.welcome")).expect("our own file")
    }

    /// Asks the running exchange by `carillon ctl`.
    pub fn ctl(&self, words: &[&str]) -> String {
        let output = self.try_ctl(words);
        assert!(output.status.success(), "ctl {words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, with what is typed when it asks.
    pub fn ctl_typing(&self, words: &[&str], typed: &str) -> String {
        let file = write(&self.folder, "typed", typed);
        let typed = fs::File::open(file).expect("our own file");
        let output = self.ctl_command(words).stdin(typed).output().expect("the binary runs");
        assert!(output.status.success(), "ctl {words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, which may be refused.
    pub fn try_ctl(&self, words: &[&str]) -> Output {
        self.ctl_command(words).stdin(Stdio::null()).output().expect("the binary runs")
    }

    /// Asks a service that is a process of its own.
    pub fn ctl_of(&self, role: &str, words: &[&str]) -> Output {
        self.ctl_at(role, words).stdin(Stdio::null()).output().expect("the binary runs")
    }

    fn ctl_command(&self, words: &[&str]) -> Command {
        self.ctl_at("state", words)
    }

    fn ctl_at(&self, state: &str, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("ctl").args(words).arg("--state").arg(self.folder.join(state));
        command
    }

    /// Waits until all these users are registered.
    pub fn until_bound(&mut self, users: &[&str]) {
        self.until("bindings", |said| users.iter().all(|user| said.contains(user)));
    }

    /// Asks by `carillon ctl` until the answer is as the test wants it.
    pub fn until(&mut self, question: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.try_ctl(&[question]);
            if holds(&said(&output)) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{question}: {}
it logged:\n{}",
                said(&output),
                self.log()
            );
            self.edge.listen_for(Duration::from_millis(200));
        }
    }

    /// Runs a program to its end, demands that it succeeds, and returns what it said.
    pub fn run(&mut self, mut command: Command) -> String {
        let output = command.current_dir(&self.folder).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let succeeded = output.status.success();
        assert!(succeeded, "{command:?}:\n{}\nthe exchange logged:\n{}", said(&output), self.log());
        said(&output)
    }

    /// Kills the edge as a lost machine does: nothing in it is told.
    pub fn crash(&mut self) {
        self.edge.kill();
    }

    /// Starts the killed edge again as it was started first.
    pub fn restart(&mut self) {
        self.edge.restart();
    }

    /// A process by its role; where it is no process of its own, the one that does everything.
    pub fn part(&mut self, role: &str) -> &mut Process {
        let own = self.services.iter_mut().find(|(name, _)| *name == role);
        own.map_or(&mut self.edge, |(_, process)| process)
    }

    /// Sends the edge a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        self.edge.signal(name);
    }

    /// Ends it as an operator does, and demands that it ends well: nothing panicked, and it says so itself.
    pub fn end(self) {
        self.edge.signal("TERM");
        self.ended();
    }

    /// Waits for the end of one that was told to end, and demands that it ends well.
    pub fn ended(mut self) {
        self.edge.ended();
        for (_, process) in self.services.iter_mut().rev() {
            process.signal("TERM");
            process.ended();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.edge.kill();
        self.services.iter_mut().for_each(|(_, process)| process.kill());
        if std::thread::panicking() || std::env::var_os("CARILLON_KEEP").is_some() {
            eprintln!("kept: {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// One process and its log.
pub struct Process {
    /// How it was started.
    command: Command,
    /// What it prints for the person at the terminal.
    welcome: PathBuf,
    child: Child,
    log: Receiver<String>,
    /// What it logged since it was started last.
    seen: Vec<String>,
    /// What it logged before it was killed.
    before: Vec<String>,
}

impl Process {
    fn start(ground: &Ground, folder: &Path, state: &str, arguments: &[&OsStr]) -> Self {
        let mut command = ground.command(binary());
        command.args(arguments).arg("--state").arg(folder.join(state)).current_dir(folder);
        command.env("NO_COLOR", "1").env("CARILLON_LOG", "info");
        let welcome = folder.join(format!("{state}.welcome"));
        let (child, log) = launch(&mut command, &welcome);
        let mut process = Self { command, welcome, child, log, seen: Vec::new(), before: Vec::new() };
        process.wait_for("ready");
        process
    }

    /// Starts the killed one again as it was started first.
    pub fn restart(&mut self) {
        self.log();
        self.before.append(&mut self.seen);
        (self.child, self.log) = launch(&mut self.command, &self.welcome);
        self.wait_for("ready");
    }

    /// Waits for a line of its log that holds these words, and returns it.
    pub fn wait_for(&mut self, words: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(words)) {
            return line.clone();
        }
        let end = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("the exchange never said {words:?}; it said:\n{}", self.seen.join("\n"));
                }
            }
        }
    }

    /// Takes a line of the log, or none when none comes for so long.
    fn listen_for(&mut self, most: Duration) {
        self.seen.extend(self.log.recv_timeout(most).ok());
    }

    fn log(&mut self) -> String {
        self.seen.extend(self.log.try_iter());
        self.before.iter().chain(&self.seen).cloned().collect::<Vec<_>>().join("\n")
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(status.success(), "it does not run any more");
    }

    fn ended(&mut self) {
        self.wait_for("ended");
        let status = self.child.wait().expect("it is our child");
        let log = self.log();
        assert!(status.success() && !log.contains("panicked"), "it ended badly, {status}:\n{log}");
    }

    /// Ends it as a lost machine does: nothing in it is told.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process; what it logs comes line by line.
fn launch(command: &mut Command, welcome: &Path) -> (Child, Receiver<String>) {
    let welcome = fs::File::create(welcome).expect("our own folder");
    command.stdin(Stdio::null()).stdout(welcome).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the exchange starts");
    let lines = BufReader::new(child.stderr.take().expect("it was piped")).lines();
    let (to, log) = channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
    (child, log)
}

/// The binary that was built beside this test.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    let binary = own.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("carillon");
    assert!(binary.is_file(), "{} is not there; type: cargo build -p carillon", binary.display());
    binary
}

/// Three users, and what the scenarios of the rig dial. Tables of the whole go first, so `more` may begin with keys of
/// `[sip]`.
pub fn config(address: Ipv4Addr, more: &str) -> String {
    let listen = [("udp", 5060), ("tcp", 5060), ("tls", 5061)];
    config_at(&listen.map(|(transport, port)| format!("\"{transport}:{address}:{port}\"")), more)
}

/// The same with listeners as the test wants them, each as TOML writes it.
pub fn config_at(listen: &[String], more: &str) -> String {
    let user = |(name, extension, password)| {
        format!("[[user]]\nname = \"{name}\"\nextension = \"{extension}\"\npassword = \"{password}\"\n")
    };
    let users: String = USERS.into_iter().map(user).collect();
    let listen = listen.join(", ");
    format!(
        r#"[sip]
listen = [{listen}]
{more}
{users}
[[route]]
extension = "6100"
steps = [{{ ring = "bob", for = "2s" }}, {{ answer = 480 }}]
"#
    )
}

/// Name, extension and password of each.
pub const USERS: [(&str, &str, &str); 3] =
    [("alice", "6001", "in-wonderland"), ("bob", "6002", "the-builder"), ("martin", "6003", "one-two-three")];

/// What a program wrote.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).expect("our own folder");
    file
}

fn folder(ground: &Ground) -> PathBuf {
    let name = match ground {
        Ground::Namespace(name) => name.clone(),
        Ground::Loopback { first, .. } => format!("carillon-{first}"),
    };
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    folder
}

/// How long anything may take before we say that it does not come. Long, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(30);
