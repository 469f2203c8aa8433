//! A running exchange: the binary that people run, with its log. It goes when the value does.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::ground::Ground;

/// A running exchange on a ground of its own.
pub struct Exchange {
    /// Where it runs.
    pub ground: Ground,
    /// Files of this test.
    pub folder: PathBuf,
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
}

impl Exchange {
    /// Starts one with three users and what more the test wants in its configuration, and waits until it is ready.
    pub fn start(ground: Ground, more: &str) -> Self {
        let folder = folder(&ground);
        fs::write(folder.join("exchange.toml"), config(ground.address(1), more)).expect("our own folder");
        let file = folder.join("exchange.toml");
        Self::start_with(ground, folder, &["--config".as_ref(), file.as_os_str()])
    }

    /// Starts one as a person does who has read the first page: without a configuration.
    pub fn start_bare(ground: Ground) -> Self {
        let folder = folder(&ground);
        Self::start_with(ground, folder, &[])
    }

    fn start_with(ground: Ground, folder: PathBuf, arguments: &[&std::ffi::OsStr]) -> Self {
        let mut command = ground.command(binary());
        command.args(arguments).arg("--state").arg(folder.join("state"));
        command.env("NO_COLOR", "1").env("CARILLON_LOG", "info");
        let welcome = fs::File::create(folder.join("welcome")).expect("our own folder");
        command.stdin(Stdio::null()).stdout(welcome).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the exchange starts");
        let lines = BufReader::new(child.stderr.take().expect("it was piped")).lines();
        let (to, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
        let mut exchange = Self { ground, folder, child, log, seen: Vec::new() };
        exchange.wait_for("ready");
        exchange
    }

    /// Where it listens.
    pub fn address(&self) -> Ipv4Addr {
        self.ground.address(1)
    }

    /// Waits for a line of the log that holds these words, and returns it.
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

    /// Everything that was logged so far.
    pub fn log(&mut self) -> String {
        self.seen.extend(self.log.try_iter());
        self.seen.join("\n")
    }

    /// What it printed for the person at the terminal.
    pub fn welcome(&self) -> String {
        fs::read_to_string(self.folder.join("welcome")).expect("our own file")
    }

    /// Asks the running exchange by `carillon ctl`.
    pub fn ctl(&self, words: &[&str]) -> String {
        let output = self.try_ctl(words);
        assert!(output.status.success(), "ctl {words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, which may be refused.
    pub fn try_ctl(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.arg("ctl").args(words).arg("--state").arg(self.folder.join("state"));
        command.stdin(Stdio::null()).output().expect("the binary runs")
    }

    /// Runs a program to its end, demands that it succeeds, and returns what it said.
    pub fn run(&mut self, mut command: Command) -> String {
        let output = command.current_dir(&self.folder).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}"));
        let succeeded = output.status.success();
        assert!(succeeded, "{command:?}:\n{}\nthe exchange logged:\n{}", said(&output), self.log());
        said(&output)
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(status.success(), "it does not run any more");
    }

    /// Ends it as an operator does, and demands that it ends well: nothing panicked, and it says so itself.
    pub fn end(mut self) {
        let status = self.terminate();
        let log = self.log();
        assert!(status.success() && !log.contains("panicked"), "it ended badly, {status}:\n{log}");
    }

    fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_for("ended");
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() || std::env::var_os("CARILLON_KEEP").is_some() {
            eprintln!("kept: {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
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
    format!(
        r#"[sip]
listen = ["udp:{address}:5060", "tcp:{address}:5060", "tls:{address}:5061"]
{more}
[[user]]
name = "alice"
extension = "6001"
password = "in-wonderland"
[[user]]
name = "bob"
extension = "6002"
password = "the-builder"
[[user]]
name = "martin"
extension = "6003"
password = "one-two-three"
[[route]]
extension = "6100"
steps = [{{ ring = "bob", for = "2s" }}, {{ answer = 480 }}]
"#
    )
}

/// What a program wrote.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
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
