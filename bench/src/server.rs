//! The servers under test: each started afresh in a folder of its own, and ended with all of its children.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Ours.
    Carillon,
    /// Kamailio, with our own configuration, tuned.
    Kamailio,
}

/// What the server is to do with registrations and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nobody is asked for a password.
    Open,
    /// Registrations are challenged.
    Digest,
    /// As open, and we conduct each call, since its users have mailboxes; media go from phone to phone.
    Conducted,
    /// As open, and we conduct each call, with its media relayed.
    Relayed,
    /// As open, with mailboxes; nobody has a phone.
    Mailboxes,
}

/// A server that runs; it ends when this is dropped.
pub struct Server {
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts one on a free port of loopback and waits until it answers.
    pub fn start(peer: Peer, mode: Mode, users: u64, carillon: &Path) -> io::Result<Self> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let folder = std::env::temp_dir().join(format!("carillon-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = match peer {
            Peer::Carillon => carillon_command(carillon, &folder, address, mode, users)?,
            Peer::Kamailio => kamailio_command(&folder, address, mode)?,
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|why| io::Error::new(why.kind(), format!("{command:?} does not start: {why}")))?;
        let server = Self { child, folder, address };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// Where ours keeps what it is told to keep.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The process at the head of the family.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_it_answers(&self) -> io::Result<()> {
        let probe = UdpSocket::bind("127.0.0.1:0")?;
        probe.set_read_timeout(Some(Duration::from_millis(200)))?;
        let own = probe.local_addr()?;
        let end = Instant::now() + START;
        let mut count = 0;
        while Instant::now() < end {
            count += 1;
            let server = self.address;
            let text = format!(
                "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKprobe{count};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:probe@{server}>;tag=p\r\nTo: <sip:{server}>\r\n\
                 Call-ID: probe-{count}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            let mut buffer = [0; 2048];
            if probe.send_to(text.as_bytes(), server).is_ok() && probe.recv_from(&mut buffer).is_ok() {
                return Ok(());
            }
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the server does not answer; its log ends:\n{tail}"),
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The whole group: Kamailio's workers are children of their own.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// True when Kamailio is installed.
pub fn has_kamailio() -> bool {
    Command::new("kamailio")
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn carillon_command(
    binary: &Path,
    folder: &Path,
    address: SocketAddr,
    mode: Mode,
    users: u64,
) -> io::Result<Command> {
    use std::fmt::Write as _;
    let trusted = if mode == Mode::Digest { "" } else { "\"127.0.0.0/8\"" };
    let anchor = if mode == Mode::Relayed { "always" } else { "never" };
    let mut text = format!(
        "[sip]\nlisten = [\"udp:{address}\"]\n[shard]\nshards = 1\n[log]\nlevel = \"info\"\n\
         [proxy]\ntrusted = [{trusted}]\nanchor = \"{anchor}\"\n"
    );
    if matches!(mode, Mode::Mailboxes | Mode::Conducted) {
        text +=
            "[voicemail]\nextension = \"6099\"\nruns_max = 1000\nmessages_max = 1000\ntotal_max = \"10h\"\n";
    }
    for user in (0..users).map(|number| format!("u{number}")).chain(["alice".into(), "bob".into()]) {
        let _ =
            write!(text, "[[user]]\nname = \"{user}\"\nextension = \"9{user}\"\npassword = \"{PASSWORD}\"\n");
    }
    let file = folder.join("carillon.toml");
    fs::write(&file, text)?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(&file).arg("--state").arg(folder.join("state"));
    Ok(command)
}

/// Tuned as a careful administrator would: the TLSF allocator, two workers for one socket, large buffers.
fn kamailio_command(folder: &Path, address: SocketAddr, mode: Mode) -> io::Result<Command> {
    let text = include_str!("kamailio.cfg")
        .replace("@LISTEN@", &format!("udp:{address}"))
        .replace("@CHALLENGE@", if mode == Mode::Digest { "1" } else { "0" })
        .replace("@PASSWORD@", PASSWORD);
    let file = folder.join("kamailio.cfg");
    fs::write(&file, text)?;
    let mut command = Command::new("kamailio");
    command.arg("-f").arg(&file).args(["-DD", "-E", "-x", "tlsf", "-X", "tlsf", "-m", "512", "-M", "32"]);
    command.arg("-Y").arg(folder).arg("-w").arg(folder);
    Ok(command)
}

/// The password of all users of the comparison.
pub const PASSWORD: &str = "in-wonderland";
const START: Duration = Duration::from_secs(40);
