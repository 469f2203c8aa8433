//! A namespace, a state folder and a running exchange in it; all of it goes when the value does.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What is needed beside the exchange itself. Without it a test says so and passes over.
pub fn lacks(tools: &[&str]) -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let has = |tool: &&&str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
    };
    let missing: Vec<_> = tools.iter().filter(|tool| !has(tool)).collect();
    if !is_root {
        eprintln!("left out: a network namespace needs root");
    }
    if !missing.is_empty() {
        eprintln!("left out: {missing:?} not installed (./dev test installs them as root)");
    }
    !is_root || !missing.is_empty()
}

/// A running exchange in a namespace of its own, at [`SERVER`].
pub struct Exchange {
    /// The namespace.
    pub namespace: Namespace,
    /// Files of this test.
    pub folder: PathBuf,
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
}

/// A network namespace with the addresses 10.99.0.1 to .60.
pub struct Namespace(pub String);

/// Where the exchange listens.
pub const SERVER: &str = "10.99.0.1";

impl Exchange {
    /// Starts one with this configuration and waits until it says that it is ready.
    pub fn start(config: &str) -> Self {
        let namespace = Namespace::up();
        let folder = std::env::temp_dir().join(format!("carillon-e2e-{}", namespace.0));
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        fs::write(folder.join("exchange.toml"), config).expect("our own folder");
        let mut command = namespace.command(&binary());
        command.arg("--config").arg(folder.join("exchange.toml")).arg("--state").arg(folder.join("state"));
        command.env("NO_COLOR", "1").env("CARILLON_LOG", "info").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the exchange starts");
        let lines = BufReader::new(child.stderr.take().expect("it was piped")).lines();
        let (to, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to.send(line)));
        let mut exchange = Self { namespace, folder, child, log, seen: Vec::new() };
        exchange.wait_for("ready");
        exchange
    }

    /// Waits for a line of the log that holds these words.
    pub fn wait_for(&mut self, words: &str) {
        if self.seen.iter().any(|line| line.contains(words)) {
            return;
        }
        let end = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.contains(words);
                    self.seen.push(line);
                    if found {
                        return;
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

    /// Asks the running exchange by `carillon ctl`.
    pub fn ctl(&self, words: &[&str]) -> String {
        let mut command = Command::new(binary());
        command.arg("ctl").args(words).arg("--state").arg(self.folder.join("state"));
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "ctl {words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a program in the namespace and demands that it succeeds.
    pub fn run(&mut self, mut command: Command) -> String {
        let output =
            command.current_dir(&self.folder).stdin(Stdio::null()).output().expect("it is installed");
        assert!(
            output.status.success(),
            "{command:?}: {}\nthe exchange logged:\n{}",
            said(&output),
            self.log()
        );
        said(&output)
    }

}

impl Drop for Exchange {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Namespace {
    fn up() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("car{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let status = Command::new(rig("namespace.sh")).args(["up", &name]).status().expect("bash runs");
        assert!(status.success(), "the namespace {name} cannot be made");
        Self(name)
    }

    /// A command inside it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Whatever a failed test left running in it goes first: a namespace lives as long as its processes.
        if let Ok(output) = Command::new("ip").args(["netns", "pids", &self.0]).output() {
            for pid in String::from_utf8_lossy(&output.stdout).split_whitespace() {
                let _ = Command::new("kill").args(["-KILL", pid]).status();
            }
        }
        let _ = Command::new(rig("namespace.sh")).args(["down", &self.0]).status();
    }
}

/// A file of the rig.
pub fn rig(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rig").join(name)
}

/// The binary that was built beside this test.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    let binary = own.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("carillon");
    assert!(binary.is_file(), "{} is not there; type: cargo build -p carillon", binary.display());
    binary
}

/// Three users, and what the scenarios of the rig dial.
pub fn config(more: &str) -> String {
    format!(
        r#"
[sip]
listen = ["udp:{SERVER}:5060", "tcp:{SERVER}:5060", "tls:{SERVER}:5061"]
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

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(30);
