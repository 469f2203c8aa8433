//! What is left when the process is killed and started again: ARCHITECTURE.md, "What a crash loses".

use std::fs;

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::{BARESIP, NOTHING, SIPP};
use super::scene::{Scene, USUAL_S};
use super::sipp::{ALICE, BOB, Run, trusting};

tests! {
    BARESIP => a_call_over_udp_outlives_the_exchange_and_ends_through_the_next,
        a_call_over_tcp_outlives_the_exchange_and_ends_through_the_next,
        phones_come_back_to_an_exchange_that_lost_them;
    SIPP => a_hundred_calls_outlive_the_exchange;
    NOTHING => a_half_written_file_of_the_state_is_made_anew;
}

fn a_call_over_udp_outlives_the_exchange_and_ends_through_the_next() {
    outlived(&["udp", "udp"], USUAL_S, |_| ());
}

fn a_call_over_tcp_outlives_the_exchange_and_ends_through_the_next() {
    // Connections die with the process: the way to the other end is known again when its phone has come back.
    outlived(&["tcp", "tcp"], SHORT_S, |exchange| exchange.until_bound(&["alice", "bob"]));
}

fn outlived(transports: &[&str], refresh_s: u32, come_back: impl Fn(&mut Exchange)) {
    let mut exchange = Exchange::start(Ground::namespace(), SHORT);
    let mut scene = Scene::start(&exchange, "exchange-dies", transports, refresh_s);
    scene.until("established", &mut exchange);
    exchange.crash();
    scene.go_on();
    scene.until("talked on", &mut exchange);
    exchange.restart();
    come_back(&mut exchange);
    scene.go_on();
    scene.end(&mut exchange);
    exchange.end();
}

fn phones_come_back_to_an_exchange_that_lost_them() {
    let mut exchange = Exchange::start(Ground::namespace(), SHORT);
    let mut scene = Scene::start(&exchange, "come-back", &["udp", "tcp"], SHORT_S);
    scene.until("registered", &mut exchange);
    exchange.crash();
    exchange.restart();
    assert!(exchange.ctl(&["bindings"]).contains("Nobody is registered"), "bindings are in memory");
    exchange.until_bound(&["alice", "bob"]);
    scene.go_on();
    scene.end(&mut exchange);
    exchange.end();
}

fn a_hundred_calls_outlive_the_exchange() {
    let mut exchange = trusting(Exchange::start);
    Run::of(&exchange, BOB, "register-open.xml", 1, &[]).judge(&mut exchange);
    let called = Run::of(&exchange, BOB, "answer.xml", 100, &[]);
    let calling = Run::of(&exchange, ALICE, "call-long.xml", 100, &["-r", "100"]);
    calling.until_stand(100, &mut exchange);
    exchange.crash();
    exchange.restart();
    calling.judge(&mut exchange);
    called.judge(&mut exchange);
    exchange.end();
}

/// A killed process may leave files that it was writing; the next one begins them anew and says nothing of it.
fn a_half_written_file_of_the_state_is_made_anew() {
    let mut exchange = Exchange::start(Ground::loopback(), "");
    let state = exchange.folder.join("state");
    let kept: Vec<_> = files(&state);
    assert!(kept.iter().any(|(name, _)| name == "keys"), "{kept:?}");
    exchange.crash();
    for (name, _) in &kept {
        fs::write(state.join(format!("{name}.new")), "half").expect("our own folder");
    }
    exchange.restart();
    for (name, octets) in &kept {
        assert_eq!(&fs::read(state.join(name)).expect("it was there"), octets, "{name} is what it was");
    }
    exchange.end();
}

/// The small files of a state folder, which do not change while it runs.
fn files(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("it was made").map_while(Result::ok);
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("our own names");
    let names = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(name);
    let names = names.filter(|name| !name.contains(".db"));
    names.map(|name| (name.clone(), fs::read(folder.join(&name)).expect("our own file"))).collect()
}

/// Registrations that end soon, so that nobody waits a minute for a phone to come back.
const SHORT: &str = "[registrar]\nmin_expires = \"5s\"\n";
const SHORT_S: u32 = 10;
