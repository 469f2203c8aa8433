//! The relays under test, each a process of its own, and how each is asked for a call.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use node::rpc;
use proto::media::{Answer, Described, Leg, Media, MediaClient, Offer};
use proto::{Asked, ClientLimits, Reply, ServiceError, Sink, Ticket};
use tokio::runtime::Runtime;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relay {
    /// `carillon mediaserver`, asked over gRPC.
    Carillon,
    /// rtpengine without its kernel module, asked by its NG protocol.
    Rtpengine,
}

/// A relay that runs; it ends when this is dropped.
pub struct Server {
    child: Child,
    folder: PathBuf,
    way: Way,
}

enum Way {
    Carillon { client: MediaClient, _runtime: Runtime },
    Rtpengine { socket: UdpSocket, asked: u32 },
}

/// True when rtpengine is installed.
pub fn has_rtpengine() -> bool {
    let mut command = Command::new("rtpengine");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Server {
    /// Starts one and waits until it can be asked.
    pub fn start(relay: Relay, carillon: &Path) -> io::Result<Self> {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("carillon-relay-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = match relay {
            Relay::Carillon => carillon_command(carillon, &folder, port)?,
            Relay::Rtpengine => rtpengine_command(port),
        };
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command
            .spawn()
            .map_err(|why| io::Error::new(why.kind(), format!("{command:?} does not start: {why}")))?;
        let way = match relay {
            Relay::Carillon => carillon_way(&folder, port),
            Relay::Rtpengine => rtpengine_way(port),
        };
        match way {
            Ok(way) => Ok(Server { child, folder, way }),
            Err(why) => {
                end(child);
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                Err(io::Error::new(why.kind(), format!("{why}; its log ends: {tail:?}")))
            }
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A call between two phones; where each of them sends.
    pub fn call(
        &mut self,
        number: usize,
        caller: SocketAddr,
        callee: SocketAddr,
    ) -> io::Result<[SocketAddr; 2]> {
        let name = format!("call-{number}-of-the-bench");
        let (offer, answer) = (sdp(caller), sdp(callee));
        let (to_callee, to_caller) = match &mut self.way {
            Way::Carillon { client, .. } => {
                let near = |of: SocketAddr| Some(of.ip());
                let (a, b) = (Leg::new(0), Leg::new(1));
                let offer = Offer {
                    call: &name,
                    from: a,
                    to: b,
                    sdp: offer.as_bytes(),
                    from_address: near(caller),
                    to_address: near(callee),
                };
                let to_callee = ask(|reply| client.offer(&offer, reply))?;
                let answer = Answer {
                    call: &name,
                    from: b,
                    to: a,
                    sdp: answer.as_bytes(),
                    from_address: near(callee),
                };
                let to_caller = ask(|reply| client.answer(&answer, reply))?;
                (to_callee.sdp, to_caller.sdp)
            }
            Way::Rtpengine { socket, asked } => {
                let mut ask = |command: &str, to: &str, sdp: &str| {
                    *asked += 1;
                    let text = |text: &str| format!("{}:{text}", text.len());
                    let mut question = format!("{asked} d7:command{}7:call-id{}", text(command), text(&name));
                    question += &format!("8:from-tag1:a{to}3:sdp{}3:ICE6:removee", text(sdp));
                    question_of(socket, &question)
                };
                (ask("offer", "", &offer)?, ask("answer", "6:to-tag1:b", &answer)?)
            }
        };
        Ok([place(&to_caller)?, place(&to_callee)?])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn carillon_command(binary: &Path, folder: &Path, port: u16) -> io::Result<Command> {
    let text = format!(
        "[rpc]\nlisten = \"127.0.0.1:{port}\"\n[log]\nlevel = \"info\"\n[media]\nports = \"{PORTS_FIRST}-{PORTS_LAST}\"\n"
    );
    let file = folder.join("mediaserver.toml");
    fs::write(&file, text)?;
    let mut command = Command::new(binary);
    command.arg("mediaserver").arg("--config").arg(&file).arg("--state").arg(folder.join("state"));
    Ok(command)
}

/// As few threads as there are cores, no kernel module, and nothing logged of calls.
fn rtpengine_command(port: u16) -> Command {
    let mut command = Command::new("rtpengine");
    command.args(["--table=-1", "--interface=127.0.0.1", "--foreground", "--log-stderr", "--log-level=3"]);
    command.args(["--num-threads=2", "--delete-delay=0", "--timeout=3600", "--tos=184"]);
    command.arg(format!("--listen-ng=127.0.0.1:{port}"));
    command.arg(format!("--port-min={PORTS_FIRST}")).arg(format!("--port-max={PORTS_LAST}"));
    command
}

fn carillon_way(folder: &Path, port: u16) -> io::Result<Way> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let trust = folder.join("state/rpc");
    let until = Instant::now() + START;
    let trust = loop {
        match rpc::Trust::of_client(&trust) {
            Ok(trust) => break trust,
            Err(why) if Instant::now() > until => return Err(io::Error::other(why)),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let inside = runtime.enter();
    let channel = rpc::channel(&format!("https://127.0.0.1:{port}"), &trust).map_err(io::Error::other)?;
    let client = MediaClient::new(channel, ClientLimits::default(), runtime.handle());
    drop(inside);
    let open = async { tokio::time::timeout(START, client.until_open(true)).await };
    runtime.block_on(open).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
    Ok(Way::Carillon { client, _runtime: runtime })
}

fn rtpengine_way(port: u16) -> io::Result<Way> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let until = Instant::now() + START;
    while question_of(&socket, "0 d7:command4:pinge").is_err() {
        if Instant::now() > until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "rtpengine does not answer"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Way::Rtpengine { socket, asked: 0 })
}

/// Asks rtpengine; gives its whole answer, in which the description stands as it is.
fn question_of(socket: &UdpSocket, question: &str) -> io::Result<Vec<u8>> {
    socket.send(question.as_bytes())?;
    let mut room = [0; 4096];
    let length = socket.recv(&mut room)?;
    let answer = room[..length].to_vec();
    let text = String::from_utf8_lossy(&answer);
    if text.contains("5:error") {
        return Err(io::Error::other(text.into_owned()));
    }
    Ok(answer)
}

struct Mailbox(mpsc::Sender<Result<Described, ServiceError>>);

impl Sink<Described> for Mailbox {
    fn post(&self, _: Ticket, answer: Result<Described, ServiceError>) {
        let _ = self.0.send(answer);
    }
}

fn ask(question: impl FnOnce(Reply<Described>) -> Asked<Described>) -> io::Result<Described> {
    let (sender, answers) = mpsc::channel();
    let answer = match question(Reply::new(Arc::new(Mailbox(sender)), Ticket(0))) {
        Asked::Now(answer) => answer,
        Asked::Later => answers.recv_timeout(START).map_err(io::Error::other)?,
    };
    answer.map_err(|why| io::Error::other(why.to_string()))
}

fn sdp(phone: SocketAddr) -> String {
    let (ip, port) = (phone.ip(), phone.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )
}

/// Where a description says that sound is wanted.
fn place(sdp: &[u8]) -> io::Result<SocketAddr> {
    let text = String::from_utf8_lossy(sdp);
    let port = text.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let port: u16 = port.ok_or_else(|| io::Error::other(format!("no stream in {text}")))?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

const PORTS_FIRST: u16 = 20_000;
const PORTS_LAST: u16 = 31_999;
const START: Duration = Duration::from_secs(20);
