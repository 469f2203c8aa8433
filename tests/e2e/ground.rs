//! Where a test takes place: a network namespace, or addresses of loopback that no other test has.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A network of its own. It goes, with whatever still runs in it, when the value does.
#[derive(Debug)]
pub enum Ground {
    /// A network namespace with the addresses 10.99.0.1 to .60, for phones that refuse loopback.
    Namespace(String),
    /// The addresses 127.x.y.1 to .254.
    Loopback {
        /// Of the exchange.
        first: Ipv4Addr,
        /// While it is open nobody else takes these addresses.
        _held: UdpSocket,
    },
}

impl Ground {
    /// A namespace. Its name says whose it is, so that [`sweep`] knows what a killed run has left behind.
    pub fn namespace() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let status = Command::new(rig("namespace.sh")).args(["up", &name]).status().expect("bash runs");
        assert!(status.success(), "the namespace {name} cannot be made");
        Self::Namespace(name)
    }

    /// Addresses of loopback: whoever holds the port of a network's first address has the network.
    pub fn loopback() -> Self {
        let start = std::process::id();
        let networks = (0..NETWORKS).map(|more| (start + more) % NETWORKS);
        let claim = |network: u32| {
            let [.., high, low] = network.to_be_bytes();
            let first = Ipv4Addr::new(127, 64 + high, low, 1);
            UdpSocket::bind((first, CLAIM_PORT)).ok().map(|_held| Self::Loopback { first, _held })
        };
        networks.into_iter().find_map(claim).expect("one of 16384 networks is free")
    }

    /// The address of a host of this network, from 1. The exchange is 1.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        match self {
            Self::Namespace(_) => Ipv4Addr::new(10, 99, 0, host),
            Self::Loopback { first, .. } => {
                let [a, b, c, _] = first.octets();
                Ipv4Addr::new(a, b, c, host)
            }
        }
    }

    /// A program in this network, not started yet.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        match self {
            Self::Namespace(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program.as_ref());
                command
            }
            Self::Loopback { .. } => Command::new(program.as_ref()),
        }
    }

    /// The name of the namespace; empty on loopback.
    pub fn name(&self) -> &str {
        if let Self::Namespace(name) = self { name } else { "" }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Self::Namespace(name) = self {
            take_down(name);
        }
    }
}

/// Takes down the namespaces of runs that were killed before they could.
pub fn sweep() {
    let Ok(list) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for name in String::from_utf8_lossy(&list.stdout).lines().filter_map(|line| line.split(' ').next()) {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('x').next());
        let Some(owner) = owner.filter(|pid| pid.parse::<u32>().is_ok()) else { continue };
        if !Path::new("/proc").join(owner).exists() {
            take_down(name);
        }
    }
}

/// A namespace lives as long as a process in it, so these end first.
pub fn take_down(name: &str) {
    if let Ok(output) = Command::new("ip").args(["netns", "pids", name]).output() {
        for pid in String::from_utf8_lossy(&output.stdout).split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
    }
    let _ = Command::new(rig("namespace.sh")).args(["down", name]).status();
}

/// A file of the rig.
pub fn rig(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rig").join(name)
}

/// How our namespaces begin; the process that owns one follows, then an `x` and a count.
const PREFIX: &str = "carillon-";
/// 127.64.0.0 to 127.127.255.0.
const NETWORKS: u32 = 64 * 256;
/// Held for as long as a network of loopback is in use; nobody speaks there.
const CLAIM_PORT: u16 = 15_059;
