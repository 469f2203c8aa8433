//! Edge and registrar as processes of their own: what phones notice of it, and what operators are told.

use std::fs;
use std::process::Command;

use super::exchange::{Exchange, binary, config, said};
use super::ground::Ground;
use super::needs::{BARESIP, NOTHING};
use super::scene::Scene;

tests! {
    BARESIP => the_registrar_dies_between_two_calls_and_phones_come_back;
    NOTHING => an_edge_without_certificates_says_which_to_copy,
        a_dead_registrar_is_told_with_cause_and_next_step;
}

/// The registrar keeps bindings in memory: they go with it, and each phone is back when it renews its own.
fn the_registrar_dies_between_two_calls_and_phones_come_back() {
    let mut exchange = Exchange::start_apart(Ground::namespace(), SHORT);
    let mut scene = Scene::start(&exchange, "call-twice", &["udp", "udp"], SHORT_S);
    scene.until("between", &mut exchange);
    exchange.part("registrar").kill();
    exchange.wait_for("the registrar is lost");
    exchange.part("registrar").restart();
    exchange.wait_for("the registrar answers again");
    exchange.until_bound(&["alice", "bob"]);
    scene.go_on();
    scene.end(&mut exchange);
    exchange.end();
}

fn an_edge_without_certificates_says_which_to_copy() {
    let ground = Ground::loopback();
    let folder = std::env::temp_dir().join(format!("carillon-uncertified-{}", ground.address(1)));
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let file = folder.join("edge.toml");
    let rpc = format!("[rpc]\nregistrar = \"https://{}:5070\"", ground.address(2));
    fs::write(&file, config(ground.address(1), &rpc)).expect("our own folder");
    let mut command = Command::new(binary());
    command.args(["proxy", "--config"]).arg(&file).arg("--state").arg(folder.join("state"));
    let output = command.output().expect("the binary runs");
    fs::remove_dir_all(&folder).expect("our own folder");
    let said = said(&output);
    let is_clear =
        ["ca.pem", "client.pem", "client.key", "Copy", "registrar"].iter().all(|word| said.contains(word));
    assert!(!output.status.success() && is_clear, "{said}");
}

fn a_dead_registrar_is_told_with_cause_and_next_step() {
    let mut exchange = Exchange::start_apart(Ground::loopback(), "");
    exchange.part("registrar").kill();
    let line = exchange.wait_for("the registrar is lost");
    let registrar = format!("{}:5070", exchange.ground.address(2));
    assert!(line.contains(&registrar) && line.contains("why=") && line.contains("Start it again"), "{line}");
    let refused = exchange.try_ctl(&["bindings"]);
    assert!(!refused.status.success(), "nobody can say who is registered: {}", said(&refused));
    exchange.part("registrar").restart();
    exchange.wait_for("the registrar answers again");
    assert!(exchange.ctl(&["bindings"]).contains("Nobody is registered"));
    exchange.end();
}

/// Registrations that end soon, so that nobody waits a minute for a phone to come back.
const SHORT: &str = "[registrar]\nmin_expires = \"5s\"\n";
const SHORT_S: u32 = 10;
