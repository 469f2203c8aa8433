//! Who may lean on whom, and which foreign crate belongs to which room.

use std::process::Command;

use super::json::Json;
use super::{report, tree};

/// One room, those below it that it may use, and those that only its tests may use.
struct Room {
    name: &'static str,
    uses: &'static [&'static str],
    in_tests: &'static [&'static str],
}

const fn room(name: &'static str, uses: &'static [&'static str], in_tests: &'static [&'static str]) -> Room {
    Room { name, uses, in_tests }
}

/// ARCHITECTURE.md draws them. Services never lean on each other: they meet in `proto`'s traits.
const ROOMS: [Room; 16] = [
    room("sip", &[], &[]),
    room("rtp", &[], &[]),
    room("proto", &[], &[]),
    room("prompt", &[], &[]),
    room("sdk", &["proto"], &[]),
    room("node", &["sip", "proto"], &[]),
    room("store", &[], &[]),
    room("proxy", &["node", "proto", "sip"], &[]),
    room("registrar", &["node", "proto", "sip", "store"], &[]),
    room("mediaserver", &["node", "prompt", "proto", "rtp", "store"], &[]),
    room("voicemail", &["node", "prompt", "proto", "store"], &[]),
    room("callcenter", &["node", "prompt", "proto", "store"], &[]),
    room(
        "carillon",
        &[
            "callcenter",
            "mediaserver",
            "node",
            "prompt",
            "proto",
            "proxy",
            "registrar",
            "sip",
            "store",
            "voicemail",
        ],
        &[],
    ),
    room(
        "tests",
        &["node", "proto", "proxy", "registrar", "sip"],
        &["carillon", "mediaserver", "prompt", "rtp", "store"],
    ),
    room("tidy", &[], &[]),
    room("bench", &["mediaserver", "node", "proto", "proxy", "registrar", "sip"], &[]),
];

/// A foreign crate, the only rooms that may use it outside tests, and why.
const FOREIGN: [(&str, &[&str], &str); 13] = [
    (
        "tokio",
        &["node", "proto", "sdk", "store", "registrar", "proxy", "voicemail", "carillon", "bench"],
        "sip and rtp have no runtime",
    ),
    ("socket2", &["node", "bench"], "node alone opens sockets"),
    ("quinn-udp", &["node"], "node alone opens sockets"),
    ("nix", &["node", "bench"], "node alone speaks to the kernel; the load reads when packets came"),
    ("hickory-resolver", &["node"], "node alone asks DNS"),
    ("rustls", &["node"], "node alone does TLS"),
    ("tokio-rustls", &["node"], "node alone does TLS"),
    ("tokio-tungstenite", &["node"], "node alone frames WebSocket"),
    ("sqlx", &["store"], "store alone speaks SQL"),
    ("redis", &["store"], "store alone speaks to Redis"),
    ("reqwest", &["voicemail"], "webhooks alone ask the web"),
    ("rsip", &[], "it misreads what comes from a network; it is an oracle in tests"),
    ("rand", &["node", "proxy", "carillon", "bench"], "chance is an argument"),
];

/// What `sip` may use: a new dependency of the room that everything stands on is watched most.
const SIP: [&str; 9] =
    ["hashbrown", "hmac", "md-5", "memchr", "sha2", "siphasher", "smallvec", "subtle", "thiserror"];

/// What `rtp` may use, for the same reason.
const RTP: [&str; 2] = ["audio-codec", "thiserror"];

#[test]
fn crates_lean_only_on_those_below_them() {
    let mut findings = Vec::new();
    for package in metadata().at("packages").list() {
        let name = package.at("name").text().expect("a package has a name");
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            findings.push(format!("{name}: a new crate; say in tests/tidy/arrows.rs what it may lean on"));
            continue;
        };
        for dependency in package.at("dependencies").list() {
            let other = dependency.at("name").text().expect("a dependency has a name");
            let is_dev = dependency.at("kind").text() == Some("dev");
            let manifest = format!("{}/Cargo.toml", folder(package));
            findings.extend(judge(room, other, is_dev).map(|what| format!("{manifest}: {what}")));
        }
    }
    report(&findings);
}

fn judge(room: &Room, other: &str, is_dev: bool) -> Option<String> {
    let name = room.name;
    if ROOMS.iter().any(|room| room.name == other) {
        let is_allowed = room.uses.contains(&other) || is_dev && room.in_tests.contains(&other);
        return (!is_allowed).then(|| {
            format!(
                "{name} must not lean on {other}; ask by a trait of proto, or move what both need below both"
            )
        });
    }
    if is_dev {
        return None;
    }
    let is_strange = name == "sip" && !SIP.contains(&other) || name == "rtp" && !RTP.contains(&other);
    if is_strange {
        return Some(format!(
            "{name} takes {other} in; it is pure, and each dependency of it needs a reason here"
        ));
    }
    let (_, rooms, why) = FOREIGN.iter().find(|(foreign, ..)| *foreign == other)?;
    (!rooms.contains(&name)).then(|| format!("{name} must not use {other}: {why}"))
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let metadata = metadata();
    let packages = metadata.at("packages").list().iter();
    let findings: Vec<String> = packages
        .map(|package| format!("{}/Cargo.toml", folder(package)))
        .filter(|manifest| !tree::read(manifest).contains("[lints]\nworkspace = true"))
        .map(|manifest| format!("{manifest}: add [lints] with workspace = true"))
        .collect();
    report(&findings);
}

/// The folder of a package, from the top of the project.
fn folder(package: &Json) -> String {
    let manifest = package.at("manifest_path").text().expect("a package has a manifest");
    let root = tree::root().display().to_string();
    let inside = manifest.strip_prefix(&root).unwrap_or(manifest);
    inside.trim_start_matches('/').trim_end_matches("/Cargo.toml").to_owned()
}

fn metadata() -> Json {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(tree::root());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Json::read(&String::from_utf8_lossy(&output.stdout))
}
