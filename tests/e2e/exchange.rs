//! A running exchange: the binary that people run, as one process or as edge and registrar apart, with its log. It
//! goes when the value does.

use std::ffi::{OsStr, OsString};
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
    /// The registrar, where it is a process of its own.
    registrar: Option<Process>,
    /// Where it runs. The last field: what is left in it ends with it.
    pub ground: Ground,
}

impl Exchange {
    /// Starts one with three users and what more the test wants in its configuration, and waits until it is ready.
    pub fn start(ground: Ground, more: &str) -> Self {
        let folder = folder(&ground);
        let file = write(&folder, "exchange.toml", &config(ground.address(1), more));
        let edge = Process::start(&ground, &folder, "state", &["--config".as_ref(), file.as_os_str()]);
        Self { folder, edge, registrar: None, ground }
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
        Self { folder, edge, registrar: Some(registrar), ground }
    }

    /// Starts one as a person does who has read the first page: without a configuration.
    pub fn start_bare(ground: Ground) -> Self {
        let folder = folder(&ground);
        let edge = Process::start(&ground, &folder, "state", &[]);
        Self { folder, edge, registrar: None, ground }
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
        let processes = [Some(&mut self.edge), self.registrar.as_mut()];
        processes.into_iter().flatten().map(Process::log).collect::<Vec<_>>().join("\n")
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

    fn ctl_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("ctl").args(words).arg("--state").arg(self.folder.join("state"));
        command
    }

    /// Runs a program to its end, demands that it succeeds, and returns what it said.
    pub fn run(&mut self, mut command: Command) -> String {
        let output = command.current_dir(&self.folder).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let succeeded = output.status.success();
        assert!(succeeded, "{command:?}:\n{}\nthe exchange logged:\n{}", said(&output), self.log());
        said(&output)
    }

    /// Ends the edge at once, as a power cut does, and starts it again with what it had kept.
    pub fn crash_and_restart(&mut self) {
        self.edge.kill();
        self.edge = self.edge.again(&self.ground, &self.folder);
    }

    /// The same for the registrar.
    pub fn crash_and_restart_registrar(&mut self) {
        let registrar = self.registrar.as_mut().expect("the registrar is a process of its own");
        registrar.kill();
        *registrar = registrar.again(&self.ground, &self.folder);
    }

    /// Waits until the edge has ended by itself, and demands that it ended well.
    pub fn ends(mut self) {
        self.edge.has_ended();
    }

    /// Sends the edge a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        self.edge.signal(name);
    }

    /// Ends it as an operator does, and demands that it ends well: nothing panicked, and it says so itself.
    pub fn end(mut self) {
        self.edge.end();
        if let Some(registrar) = &mut self.registrar {
            registrar.end();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.edge.kill();
        self.registrar.iter_mut().for_each(Process::kill);
        if std::thread::panicking() || std::env::var_os("CARILLON_KEEP").is_some() {
            eprintln!("kept: {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// One process and its log.
struct Process {
    child: Child,
    state: String,
    arguments: Vec<OsString>,
    log: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    fn start(ground: &Ground, folder: &Path, state: &str, arguments: &[&OsStr]) -> Self {
        let mut command = ground.command(binary());
        command.args(arguments).arg("--state").arg(folder.join(state)).current_dir(folder);
        command.env("NO_COLOR", "1").env("CARILLON_LOG", "info");
        let welcome = fs::File::create(folder.join(format!("{state}.welcome"))).expect("our own folder");
        command.stdin(Stdio::null()).stdout(welcome).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the exchange starts");
        let lines = BufReader::new(child.stderr.take().expect("it was piped")).lines();
        let (to, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
        let arguments = arguments.iter().map(|argument| OsString::from(*argument)).collect();
        let mut process = Self { child, state: state.to_owned(), arguments, log, seen: Vec::new() };
        process.wait_for("ready");
        process
    }

    /// Another one with the same files.
    fn again(&self, ground: &Ground, folder: &Path) -> Self {
        let arguments: Vec<&OsStr> = self.arguments.iter().map(OsString::as_os_str).collect();
        Self::start(ground, folder, &self.state, &arguments)
    }

    fn wait_for(&mut self, words: &str) -> String {
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

    fn log(&mut self) -> String {
        self.seen.extend(self.log.try_iter());
        self.seen.join("\n")
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(status.success(), "it does not run any more");
    }

    fn end(&mut self) {
        self.signal("TERM");
        self.has_ended();
    }

    fn has_ended(&mut self) {
        self.wait_for("ended");
        let status = self.child.wait().expect("it is our child");
        let log = self.log();
        assert!(status.success() && !log.contains("panicked"), "it ended badly, {status}:\n{log}");
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let user = |(name, extension, password)| {
        format!("[[user]]\nname = \"{name}\"\nextension = \"{extension}\"\npassword = \"{password}\"\n")
    };
    let users: String = USERS.into_iter().map(user).collect();
    format!(
        r#"[sip]
listen = ["udp:{address}:5060", "tcp:{address}:5060", "tls:{address}:5061"]
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
