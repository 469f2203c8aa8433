//! Networks as they are: IPv6, addresses that are translated on our side or on the phone's.

use std::process::Command;

use super::exchange::{Exchange, config_at};
use super::ground::{Ground, rig, take_down};
use super::needs::{NAT, SIPP_APART};
use super::scene::{Scene, USUAL_S};
use super::sipp::{ALICE, BOB, Run};

tests! {
    NAT => a_phone_behind_nat_is_called_over_udp,
        a_phone_behind_nat_is_called_over_tcp;
    SIPP_APART => phones_call_over_ipv6_with_udp,
        a_phone_on_tcp_calls_one_on_udp_over_ipv6,
        what_is_advertised_is_what_phones_are_told;
}

fn a_phone_behind_nat_is_called_over_udp() {
    behind_nat("udp");
}

fn a_phone_behind_nat_is_called_over_tcp() {
    behind_nat("tcp");
}

/// Bob's address means nothing outside his home: only the flow by which he registered leads to him.
fn behind_nat(transport: &str) {
    let mut exchange = Exchange::start(Ground::namespace(), "");
    let home = Home::behind(exchange.ground.name());
    let mut scene = Scene::start(&exchange, "behind-nat", &["udp", transport], USUAL_S);
    scene.until("registered", &mut exchange);
    let bindings = exchange.ctl(&["bindings", "--json"]);
    assert!(bindings.contains("10.99.1.2:41"), "bob is seen behind his router: {bindings}");
    scene.go_on();
    scene.end(&mut exchange);
    drop(home);
    exchange.end();
}

/// A router and a home behind it. They go with the value.
struct Home(String);

impl Home {
    fn behind(name: &str) -> Self {
        let home = Self(name.to_owned());
        let status = Command::new(rig("namespace.sh")).args(["behind", name]).status().expect("bash runs");
        assert!(status.success(), "the home behind {name} cannot be made");
        home
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        take_down(&format!("{}h", self.0));
        take_down(&format!("{}r", self.0));
    }
}

fn phones_call_over_ipv6_with_udp() {
    over_ipv6("u1");
}

fn a_phone_on_tcp_calls_one_on_udp_over_ipv6() {
    over_ipv6("t1");
}

fn over_ipv6(transport: &str) {
    let listen = ["\"udp:[fd99::1]:5060\"".to_owned(), "\"tcp:[fd99::1]:5060\"".to_owned()];
    let text = config_at(&listen, "[proxy]\ntrusted = [\"fd99::/64\"]");
    let mut exchange = Exchange::start_from(Ground::namespace(), &text);
    let run = |exchange: &Exchange, host: u8, scenario: &str, more: &[&str]| {
        Run::from(exchange, "[fd99::1]", &format!("fd99::{host}"), scenario, 1, more)
    };
    run(&exchange, BOB, "register-open.xml", &[]).judge(&mut exchange);
    let bindings = exchange.ctl(&["bindings"]);
    assert!(bindings.contains("[fd99::21]:5060"), "{bindings}");
    let called = run(&exchange, BOB, "answer.xml", &[]);
    run(&exchange, ALICE, "call.xml", &["-t", transport]).judge(&mut exchange);
    called.judge(&mut exchange);
    exchange.end();
}

/// An exchange behind a router of its own says the router's address, and knows it again when it comes back as Route.
fn what_is_advertised_is_what_phones_are_told() {
    let ground = Ground::loopback();
    let (address, network) = (ground.address(1), ground.address(0));
    let listen = [format!("{{ address = \"udp:{address}:5060\", advertise = \"203.0.113.5:5080\" }}")];
    let text = config_at(&listen, &format!("[proxy]\ntrusted = [\"{network}/24\"]"));
    let mut exchange = Exchange::start_from(ground, &text);
    Run::of(&exchange, BOB, "register-open.xml", 1, &[]).judge(&mut exchange);
    let called = Run::of(&exchange, BOB, "answer.xml", 1, &["-trace_msg", "-message_file", "answer.log"]);
    Run::of(&exchange, ALICE, "call.xml", 1, &[]).judge(&mut exchange);
    called.judge(&mut exchange);
    let told = std::fs::read_to_string(exchange.folder.join("answer.log")).expect("SIPp wrote it");
    let line = |head: &str| told.lines().find(|line| line.starts_with(head)).unwrap_or_default().to_owned();
    let says = |head| line(head).contains("203.0.113.5:5080");
    assert!(says("Record-Route:") && says("Via:"), "{} / {}", line("Record-Route:"), line("Via:"));
    assert!(!line("Record-Route:").contains(&address.to_string()), "{}", line("Record-Route:"));
    exchange.end();
}
