//! SIPp: many calls at once, and what phones seldom do. Judged by its own count of failed calls.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::rig::{Exchange, SERVER, config, lacks};

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(name)
}

/// SIPp at this address of the namespace, not started yet.
fn sipp(exchange: &Exchange, address: &str, file: &str, calls: &str) -> Command {
    let mut command = exchange.namespace.command(Path::new("sipp"));
    command.arg(format!("{SERVER}:5060")).arg("-sf").arg(scenario(file));
    command.args(["-i", address, "-p", "5060", "-m", calls, "-nostdin", "-timeout", "60s", "-timeout_error"]);
    command.args(["-buff_size", "4194304"]).current_dir(&exchange.folder);
    command
}

/// Trusted addresses need no password, so that the load is of calls alone.
fn trusting() -> Exchange {
    Exchange::start(&config("[proxy]\ntrusted = [\"10.99.0.0/24\"]"))
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_thousand_registrations_with_digest_succeed() {
    if lacks(&["ip", "sipp"]) {
        return;
    }
    let mut exchange = Exchange::start(&config(""));
    std::fs::write(exchange.folder.join("users.csv"), "SEQUENTIAL\nalice;[authentication username=alice password=in-wonderland]\nbob;[authentication username=bob password=the-builder]\n")
        .expect("our own folder");
    let mut command = sipp(&exchange, "10.99.0.20", "register.xml", "1000");
    command.args(["-r", "200", "-inf", "users.csv"]);
    exchange.run(command);
    let bindings = exchange.ctl(&["bindings"]);
    assert!(bindings.contains("alice") && bindings.contains("bob"), "{bindings}");
}

#[test]
fn a_hundred_calls_at_once_succeed() {
    if lacks(&["ip", "sipp"]) {
        return;
    }
    let mut exchange = trusting();
    let command = sipp(&exchange, "10.99.0.21", "register-open.xml", "1");
    exchange.run(command);
    let mut called = sipp(&exchange, "10.99.0.21", "answer.xml", "400");
    let called = Ended(called.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is installed"));
    let mut command = sipp(&exchange, "10.99.0.20", "call.xml", "400");
    command.args(["-r", "100", "-l", "100"]);
    exchange.run(command);
    drop(called);
    let calls = exchange.ctl(&["calls"]);
    assert!(calls.contains("Nothing is under way"), "nothing is left behind: {calls}");
}

#[test]
fn an_unknown_method_and_a_cancel_pass() {
    if lacks(&["ip", "sipp"]) {
        return;
    }
    let mut exchange = trusting();
    let command = sipp(&exchange, "10.99.0.21", "register-open.xml", "1");
    exchange.run(command);
    let mut called = sipp(&exchange, "10.99.0.21", "answer-odd.xml", "1");
    let mut called =
        Ended(called.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is installed"));
    let command = sipp(&exchange, "10.99.0.20", "odd.xml", "1");
    exchange.run(command);
    let judged = called.0.wait().expect("it ran");
    assert!(judged.success(), "the called end saw something else: {judged}");
    let mut cancelled = sipp(&exchange, "10.99.0.21", "answer-cancelled.xml", "1");
    let mut cancelled =
        Ended(cancelled.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is installed"));
    let command = sipp(&exchange, "10.99.0.20", "cancel.xml", "1");
    exchange.run(command);
    let judged = cancelled.0.wait().expect("it ran");
    assert!(judged.success(), "the called end was not cancelled: {judged}");
}
