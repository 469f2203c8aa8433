//! What a test cannot run without, and how one knows whether it is here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// One need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A program, and the package of Debian that brings it.
    Program(&'static str, &'static str),
    /// Network namespaces: root, on Linux, with iproute2.
    Namespaces,
    /// JsSIP as one file for a browser.
    JsSip,
    /// A store that speaks as Amazon's does.
    S3rver,
    /// Packets that wait in a queue of the kernel for a program's verdict.
    PacketQueue,
    /// Debian's gRPC for Python.
    Grpc,
    /// Debian's own Python with numpy, which judges recordings.
    Numpy,
    /// A PostgreSQL server, not running.
    Postgresql,
}

/// baresip, which refuses loopback and so wants a namespace.
pub const BARESIP: &[Need] = &[Need::Namespaces, Need::Program("baresip", "baresip-core"), Need::Numpy];
/// baresip and SIPp.
pub const BARESIP_AND_SIPP: &[Need] = &[
    Need::Namespaces,
    Need::Program("baresip", "baresip-core"),
    Need::Program("sipp", "sip-tester"),
    Need::Numpy,
];
/// baresip and linphone.
pub const LINPHONE: &[Need] = &[
    Need::Namespaces,
    Need::Program("baresip", "baresip-core"),
    Need::Program("linphonec", "linphone-cli"),
    Need::Numpy,
];
/// baresip and Twinkle.
pub const TWINKLE: &[Need] = &[
    Need::Namespaces,
    Need::Program("baresip", "baresip-core"),
    Need::Program("twinkle-console", "twinkle-console"),
    Need::Numpy,
];
/// baresip, and Debian's gRPC for Python.
pub const PYTHON_APPLICATION: &[Need] = &[
    Need::Namespaces,
    Need::Program("baresip", "baresip-core"),
    Need::Numpy,
    Need::Program("protoc", "protobuf-compiler"),
    Need::Grpc,
];
/// SIPp.
pub const SIPP: &[Need] = &[Need::Program("sipp", "sip-tester")];
/// SIPp in a namespace.
pub const SIPP_APART: &[Need] = &[Need::Namespaces, Need::Program("sipp", "sip-tester")];
/// baresip, and a router that translates addresses.
pub const NAT: &[Need] = &[
    Need::Namespaces,
    Need::Program("baresip", "baresip-core"),
    Need::Program("iptables", "iptables"),
    Need::Numpy,
];
/// baresip, and a network that loses and delays.
pub const BAD_NETWORK: &[Need] = &[
    Need::Namespaces,
    Need::Program("baresip", "baresip-core"),
    Need::Program("iptables", "iptables"),
    Need::PacketQueue,
    Need::Numpy,
];
/// Chromium without windows, and JsSIP.
pub const BROWSER: &[Need] =
    &[Need::Namespaces, Need::Program("chromium-headless-shell", "chromium-headless-shell"), Need::JsSip];
/// A store for recordings.
pub const S3RVER: &[Need] = &[Need::Program("node", "nodejs"), Need::S3rver];
/// A PostgreSQL server.
pub const POSTGRESQL: &[Need] = &[Need::Postgresql];
/// A PostgreSQL server, and baresip.
pub const POSTGRESQL_AND_BARESIP: &[Need] =
    &[Need::Postgresql, Need::Namespaces, Need::Program("baresip", "baresip-core"), Need::Numpy];
/// What people probe exchanges with that are not theirs.
pub const SIPVICIOUS: &[Need] = &[Need::Namespaces, Need::Program("svwar", "sipvicious")];
/// SIPp, and a name server.
pub const DNSMASQ: &[Need] = &[Need::Program("sipp", "sip-tester"), Need::Program("dnsmasq", "dnsmasq-base")];
/// sipsak.
pub const SIPSAK: &[Need] = &[Need::Program("sipsak", "sipsak")];
/// A network of its own, where the usual ports are free.
pub const NAMESPACE: &[Need] = &[Need::Namespaces];
/// Nothing but the exchange.
pub const NOTHING: &[Need] = &[];

/// Debian's Python: another one in the path would not see Debian's numpy.
pub const PYTHON: &str = "/usr/bin/python3";

impl Need {
    /// What is missing, in words; `None` when it is here.
    pub fn missing(&self) -> Option<String> {
        match self {
            Self::Program(name, package) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let is_here = std::env::split_paths(&path)
                    .chain(["/usr/sbin".into(), "/sbin".into()])
                    .any(|folder: PathBuf| folder.join(name).is_file());
                (!is_here).then(|| format!("no {name} ({package})"))
            }
            Self::Namespaces => {
                static CAN: OnceLock<bool> = OnceLock::new();
                let can = || Path::new("/sbin/ip").exists() && succeeds("unshare", &["--net", "true"]);
                (!CAN.get_or_init(can)).then(|| "no network namespaces (root, iproute2)".to_owned())
            }
            Self::JsSip => {
                (!jssip().is_file()).then(|| "no jssip.js (./dev test makes it with npm)".to_owned())
            }
            Self::S3rver => {
                (!s3rver().is_file()).then(|| "no s3rver (./dev test installs it with npm)".to_owned())
            }
            Self::Postgresql => {
                postgresql().is_none().then(|| "no PostgreSQL server (postgresql)".to_owned())
            }
            Self::PacketQueue => {
                static HAS: OnceLock<bool> = OnceLock::new();
                let rule = "iptables -I INPUT -p udp --dport 9 -j NFQUEUE --queue-num 9";
                let has = || succeeds("unshare", &["--net", "sh", "-c", rule]);
                (!HAS.get_or_init(has)).then(|| "no NFQUEUE in this kernel".to_owned())
            }
            Self::Grpc => {
                static HAS: OnceLock<bool> = OnceLock::new();
                let has = || succeeds(PYTHON, &["-c", "import grpc, grpc_tools.protoc"]);
                (!HAS.get_or_init(has)).then(|| "no gRPC (python3-grpcio, python3-grpc-tools)".to_owned())
            }
            Self::Numpy => {
                static HAS: OnceLock<bool> = OnceLock::new();
                let has = || succeeds(PYTHON, &["-c", "import numpy"]);
                (!HAS.get_or_init(has)).then(|| "no numpy (python3-numpy)".to_owned())
            }
        }
    }
}

/// The programs of the newest PostgreSQL server: Debian keeps them out of the path.
pub fn postgresql() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.flatten().map(|version| version.path().join("bin"));
    programs.filter(|programs| programs.join("initdb").is_file()).max()
}

/// Where `./dev test` puts JsSIP.
pub fn jssip() -> PathBuf {
    beside_the_build("browser/jssip.js")
}

/// Where `./dev test` puts s3rver.
pub fn s3rver() -> PathBuf {
    beside_the_build("s3/node_modules/.bin/s3rver")
}

fn beside_the_build(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(3).unwrap_or(Path::new(".")).join(name)
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
