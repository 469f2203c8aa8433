//! SIPp: many calls at once, and what phones seldom do. Judged by its own statistics, not by its exit status alone.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::SIPP;

tests! {
    SIPP => a_thousand_registrations_with_digest_succeed,
        a_hundred_calls_at_once_succeed,
        a_hundred_calls_at_once_succeed_through_edge_and_registrar_apart,
        a_method_that_nobody_knows_passes,
        a_cancel_stops_the_ringing;
}

fn a_thousand_registrations_with_digest_succeed() {
    let mut exchange = Exchange::start(Ground::loopback(), "");
    // SIPp fills in credentials only where they come from a file.
    let users = "SEQUENTIAL\nalice;[authentication username=alice password=in-wonderland]\n\
                 bob;[authentication username=bob password=the-builder]\n";
    fs::write(exchange.folder.join("users.csv"), users).expect("our own folder");
    Run::of(&exchange, ALICE, "register.xml", 1000, &["-r", "200", "-inf", "users.csv"]).judge(&mut exchange);
    let bindings = exchange.ctl(&["bindings"]);
    assert!(bindings.contains("alice") && bindings.contains("bob"), "{bindings}");
    exchange.end();
}

fn a_hundred_calls_at_once_succeed() {
    a_hundred_at_once(trusting(Exchange::start));
}

fn a_hundred_calls_at_once_succeed_through_edge_and_registrar_apart() {
    a_hundred_at_once(trusting(Exchange::start_apart));
}

fn a_hundred_at_once(mut exchange: Exchange) {
    Run::of(&exchange, BOB, "register-open.xml", 1, &[]).judge(&mut exchange);
    let called = Run::of(&exchange, BOB, "answer.xml", 400, &[]);
    let calling = Run::of(&exchange, ALICE, "call.xml", 400, &["-r", "100", "-l", "100"]);
    let most = calling.judge(&mut exchange);
    called.judge(&mut exchange);
    // The last of a hundred begins long before the first, which lasts two seconds, is over.
    assert!(most >= 90, "only {most} calls stood at once");
    let calls = exchange.ctl(&["calls"]);
    assert!(calls.contains("Nothing is under way"), "nothing is left behind: {calls}");
    exchange.end();
}

fn a_method_that_nobody_knows_passes() {
    two_sides("odd.xml", "answer-odd.xml");
}

fn a_cancel_stops_the_ringing() {
    two_sides("cancel.xml", "answer-cancelled.xml");
}

fn two_sides(calling: &str, called: &str) {
    let mut exchange = trusting(Exchange::start);
    Run::of(&exchange, BOB, "register-open.xml", 1, &[]).judge(&mut exchange);
    let called = Run::of(&exchange, BOB, called, 1, &[]);
    Run::of(&exchange, ALICE, calling, 1, &[]).judge(&mut exchange);
    called.judge(&mut exchange);
    exchange.end();
}

/// Trusted addresses need no password, so that the load is of calls alone.
pub fn trusting(start: impl FnOnce(Ground, &str) -> Exchange) -> Exchange {
    let ground = Ground::loopback();
    let network = ground.address(0);
    start(ground, &format!("[proxy]\ntrusted = [\"{network}/24\"]"))
}

/// SIPp at work. It is killed with the value.
pub struct Run {
    child: Child,
    statistics: String,
    what: String,
}

impl Run {
    /// Starts a scenario at a host of the ground.
    pub fn of(exchange: &Exchange, host: u8, scenario: &str, calls: u32, more: &[&str]) -> Self {
        let address = exchange.ground.address(host).to_string();
        Self::from(exchange, &exchange.address().to_string(), &address, scenario, calls, more)
    }

    /// The same with the addresses as they are written: the exchange's as in a URI, the host's own.
    pub fn from(
        exchange: &Exchange,
        server: &str,
        address: &str,
        scenario: &str,
        calls: u32,
        more: &[&str],
    ) -> Self {
        let statistics = format!("{scenario}.csv");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario);
        let mut command: Command = exchange.ground.command("sipp");
        command.arg(format!("{server}:5060")).arg("-sf").arg(file).args(["-i", address]);
        command.args([
            "-p",
            "5060",
            "-m",
            &calls.to_string(),
            "-nostdin",
            "-timeout",
            "60s",
            "-timeout_error",
        ]);
        command
            .args(["-trace_stat", "-stf", &statistics, "-fd", "200ms", "-buff_size", "4194304"])
            .args(more);
        command.args(["-trace_err", "-error_file", &format!("{scenario}.errors")]);
        command
            .current_dir(&exchange.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("it is installed");
        Self { child, statistics, what: format!("{scenario} at {address}") }
    }

    /// Waits until so many calls stand at once, as its statistics have it.
    pub fn until_stand(&self, calls: u64, exchange: &mut Exchange) {
        let file = exchange.folder.join(&self.statistics);
        let stand = || column(&fs::read_to_string(&file).unwrap_or_default(), "CurrentCall").last().copied();
        exchange.until("calls", |said| stand() >= Some(calls) && said.contains("Nothing is under way"));
    }

    /// Waits for its end and demands that every call succeeded. Returns the most calls that stood at once.
    pub fn judge(mut self, exchange: &mut Exchange) -> u64 {
        let status = self.child.wait().expect("it is our child");
        let read = |name: &str| fs::read_to_string(exchange.folder.join(name)).unwrap_or_default();
        let statistics = read(&self.statistics);
        let errors = read(&self.statistics.replace(".csv", ".errors"));
        let count = |name: &str| column(&statistics, name).last().copied();
        let is_good =
            status.success() && count("FailedCall(C)") == Some(0) && count("SuccessfulCall(C)") > Some(0);
        let what = &self.what;
        assert!(
            is_good,
            "{what}: {status}, {:?} succeeded, {:?} failed\n{errors}\nthe exchange logged:\n{}",
            count("SuccessfulCall(C)"),
            count("FailedCall(C)"),
            exchange.log()
        );
        column(&statistics, "CurrentCall").into_iter().max().unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A column of SIPp's statistics, from top to bottom.
fn column(statistics: &str, name: &str) -> Vec<u64> {
    let mut lines = statistics.lines();
    let head = lines.next().unwrap_or_default();
    let Some(place) = head.split(';').position(|own| own == name) else { return Vec::new() };
    lines.filter_map(|line| line.split(';').nth(place)?.parse().ok()).collect()
}

/// The host that calls.
pub const ALICE: u8 = 20;
/// The host that is called.
pub const BOB: u8 = 21;
/// The host that calls besides.
pub const MARTIN: u8 = 22;
