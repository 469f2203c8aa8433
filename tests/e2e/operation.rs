//! Operation: how it drains, and what its log and its HTTP port say to machines.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::{NOTHING, SIPP};
use super::sipp::{ALICE, BOB, MARTIN, Run, trusting};

tests! {
    SIPP => a_draining_exchange_refuses_new_calls_and_lets_a_ringing_one_be_answered,
        what_is_logged_of_a_request_has_its_call_id;
    NOTHING => machines_ask_whether_it_is_alive_and_ready_and_what_it_counts,
        drain_by_ctl_ends_an_idle_exchange;
}

fn a_draining_exchange_refuses_new_calls_and_lets_a_ringing_one_be_answered() {
    let mut exchange = trusting(|ground, more| {
        let http = format!("{more}\n[http]\nlisten = \"{}:9560\"", ground.address(1));
        Exchange::start(ground, &http)
    });
    Run::of(&exchange, BOB, "register-open.xml", 1, &[]).judge(&mut exchange);
    let called = Run::of(&exchange, BOB, "answer-slow.xml", 1, &[]);
    let calling = Run::of(&exchange, ALICE, "call-long.xml", 1, &[]);
    exchange.until("calls", |said| said.contains("INVITE"));
    exchange.signal("TERM");
    exchange.wait_for("draining");
    let ready = fetch(exchange.address(), "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("drain"), "{ready}");
    assert!(fetch(exchange.address(), "/healthz").starts_with("HTTP/1.1 200"), "it is alive all the same");
    // 503 with Retry-After, which the scenario demands.
    Run::of(&exchange, MARTIN, "refused.xml", 1, &[]).judge(&mut exchange);
    // The ringing call is answered; then nothing is under way, and it ends. The call's later requests need the keys
    // of its token only, which the next process has.
    exchange.wait_for("ended");
    exchange.restart();
    calling.judge(&mut exchange);
    called.judge(&mut exchange);
    exchange.end();
}

fn what_is_logged_of_a_request_has_its_call_id() {
    let mut exchange = Exchange::start(Ground::loopback(), "[log]\njson = true");
    let users = "SEQUENTIAL\nalice;[authentication username=alice password=through-the-looking-glass]\n";
    std::fs::write(exchange.folder.join("users.csv"), users).expect("our own folder");
    let more = ["-inf", "users.csv", "-cid_str", "looking-glass-%u"];
    Run::of(&exchange, ALICE, "register-wrong.xml", 1, &more).judge(&mut exchange);
    let line = exchange.wait_for("wrong password for user `alice`");
    let is_json = line.starts_with('{') && line.ends_with('}');
    assert!(is_json && line.contains("\"call_id\":\"looking-glass-1\""), "{line}");
    exchange.end();
}

fn machines_ask_whether_it_is_alive_and_ready_and_what_it_counts() {
    let ground = Ground::loopback();
    let http = format!("[http]\nlisten = \"{}:9560\"", ground.address(1));
    let exchange = Exchange::start(ground, &http);
    let address = exchange.address();
    assert!(fetch(address, "/healthz").contains("alive"));
    assert!(fetch(address, "/readyz").contains("ready"));
    let page = fetch(address, "/metrics");
    assert!(page.contains("# TYPE") && page.contains("carillon_"), "{page}");
    exchange.end();
}

fn drain_by_ctl_ends_an_idle_exchange() {
    let exchange = Exchange::start(Ground::loopback(), "");
    assert!(exchange.ctl(&["drain"]).contains("No new calls"));
    exchange.ended();
}

/// A page of its HTTP port, with its head.
fn fetch(address: Ipv4Addr, path: &str) -> String {
    let mut stream = TcpStream::connect((address, 9560)).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: exchange\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it answers");
    page
}
