//! baresip and linphone: what people hold in their hands. The scenarios are in `rig/calls.py`.

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::{BARESIP, LINPHONE};
use super::scene::{Scene, USUAL_S};

tests! {
    BARESIP => alice_calls_bob_over_udp_and_each_hears_the_other,
        alice_calls_bob_over_tcp_and_bob_hangs_up,
        alice_calls_bob_over_tls,
        a_phone_on_tls_calls_one_on_udp,
        a_busy_phone_is_told_to_the_caller,
        a_caller_who_gives_up_stops_the_ringing,
        nobody_answers_and_the_rule_says_what_then,
        a_number_that_nobody_has_is_not_found,
        a_wrong_password_is_refused_and_the_log_says_whose,
        a_user_whom_nobody_knows_is_refused_and_the_log_says_so,
        two_phones_of_one_user_ring_and_one_answers,
        a_call_goes_through_edge_and_registrar_apart;
    LINPHONE => linphone_registers_and_calls;
}

/// Runs a scenario with the phones on these transports.
fn play(scenario: &str, transports: &[&str]) -> Exchange {
    play_at(Exchange::start(Ground::namespace(), ""), scenario, transports)
}

/// Runs a scenario at an exchange that runs already.
pub fn play_at(mut exchange: Exchange, scenario: &str, transports: &[&str]) -> Exchange {
    Scene::start(&exchange, scenario, transports, USUAL_S).end(&mut exchange);
    exchange
}

fn alice_calls_bob_over_udp_and_each_hears_the_other() {
    play("caller-hangs-up", &["udp", "udp"]).end();
}

fn alice_calls_bob_over_tcp_and_bob_hangs_up() {
    play("callee-hangs-up", &["tcp", "tcp"]).end();
}

fn alice_calls_bob_over_tls() {
    play("caller-hangs-up", &["tls", "tls"]).end();
}

fn a_phone_on_tls_calls_one_on_udp() {
    play("callee-hangs-up", &["tls", "udp"]).end();
}

fn a_busy_phone_is_told_to_the_caller() {
    play("busy", &["udp", "tcp"]).end();
}

fn a_caller_who_gives_up_stops_the_ringing() {
    play("caller-gives-up", &["udp", "udp"]).end();
}

fn nobody_answers_and_the_rule_says_what_then() {
    play("no-answer", &["udp", "udp"]).end();
}

fn a_number_that_nobody_has_is_not_found() {
    play("unknown-number", &["udp", "udp"]).end();
}

fn a_wrong_password_is_refused_and_the_log_says_whose() {
    let mut exchange = play("wrong-password", &["udp"]);
    exchange.wait_for("wrong password for user `alice`");
    assert!(exchange.ctl(&["bindings"]).contains("Nobody is registered"));
    exchange.end();
}

fn a_user_whom_nobody_knows_is_refused_and_the_log_says_so() {
    let mut exchange = play("unknown-user", &["udp"]);
    // Case decides, and the administrator is told which name is near.
    exchange.wait_for("no user `Alice`");
    assert!(exchange.log().contains("alice"), "{}", exchange.log());
    exchange.end();
}

fn two_phones_of_one_user_ring_and_one_answers() {
    play("two-phones-of-bob", &["udp", "udp", "tcp"]).end();
}

fn a_call_goes_through_edge_and_registrar_apart() {
    let exchange = Exchange::start_apart(Ground::namespace(), "");
    play_at(exchange, "callee-hangs-up", &["udp", "tls"]).end();
}

fn linphone_registers_and_calls() {
    play("linphone-calls", &["udp", "udp"]).end();
}
