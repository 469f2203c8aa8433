//! baresip and linphone: what people hold in their hands.

use std::io::Write;
use std::process::Stdio;

use super::rig::{Exchange, PATIENCE, SERVER, config, lacks, rig};

/// One scenario of `rig/calls.py`, by one transport.
fn scenario(name: &str, transport: &str) -> Option<Exchange> {
    if lacks(&["ip", "baresip", "python3"]) {
        return None;
    }
    let mut exchange = Exchange::start(&config(""));
    let mut command = exchange.namespace.command(&rig("calls.py"));
    let port = if transport == "tls" { ":5061" } else { "" };
    command.arg(name).env("TRANSPORT", transport).env("SERVER", format!("{SERVER}{port}"));
    command.env("WORK", &exchange.folder).env("NETNS", &exchange.namespace.0);
    command.env("PASS1", "in-wonderland").env("PASS2", "the-builder");
    exchange.run(command);
    Some(exchange)
}

#[test]
fn alice_calls_bob_over_udp_and_each_hears_the_other() {
    scenario("caller-hangs-up", "udp");
}

#[test]
fn alice_calls_bob_over_tcp_and_bob_hangs_up() {
    scenario("callee-hangs-up", "tcp");
}

#[test]
fn alice_calls_bob_over_tls() {
    scenario("caller-hangs-up", "tls");
}

#[test]
fn a_busy_phone_is_told_to_the_caller() {
    scenario("busy", "udp");
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    scenario("caller-gives-up", "udp");
}

#[test]
fn nobody_answers_and_the_rule_says_what_then() {
    scenario("no-answer", "udp");
}

#[test]
fn a_number_that_nobody_has_is_not_found() {
    scenario("unknown-number", "udp");
}

#[test]
fn a_wrong_password_is_refused_and_the_log_says_whose() {
    let Some(mut exchange) = scenario("wrong-password", "udp") else { return };
    exchange.wait_for("alice");
    let log = exchange.log();
    assert!(log.contains("password"), "the administrator is told the cause:\n{log}");
}

#[test]
fn linphone_registers() {
    if lacks(&["ip", "linphonec"]) {
        return;
    }
    let exchange = Exchange::start(&config(""));
    let home = exchange.folder.join("home");
    std::fs::create_dir_all(home.join(".local/share/linphone")).expect("our own folder");
    std::fs::write(home.join(".linphonerc"), "[sip]\nsip_port=5080\n").expect("our own folder");
    let mut command = exchange.namespace.command(std::path::Path::new("linphonec"));
    command.env("HOME", &home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut phone = command.spawn().expect("it is installed");
    let mut keys = phone.stdin.take().expect("it was piped");
    let typed = format!("soundcard use files\nregister sip:bob@{SERVER} sip:{SERVER} the-builder\n");
    keys.write_all(typed.as_bytes()).expect("it reads what is typed");
    let end = std::time::Instant::now() + PATIENCE;
    let is_here = || {
        let bindings = exchange.ctl(&["bindings"]);
        bindings.contains("bob") && bindings.to_lowercase().contains("linphone")
    };
    while !is_here() {
        assert!(std::time::Instant::now() < end, "linphone does not register: {}", exchange.ctl(&["bindings"]));
    }
    keys.write_all(b"quit\n").expect("it still reads");
    drop(keys);
    let _ = phone.wait();
}
