//! REGISTER (RFC 3665 §2, RFC 3261 §10, RFC 3327, RFC 5626).

use sip::message::Name;
use sip::transport::Transport;

use super::services::Pace;
use super::world::{Setup, World};
use crate::config::ProxyConfig;

#[test]
fn a_phone_registers_with_digest() {
    let algorithms = vec!["SHA-256".into(), "MD5".into()];
    let config = ProxyConfig { algorithms, ..ProxyConfig::default() };
    let mut world = World::with(Setup { config, ..Setup::default() });
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    let challenge = world.take("alice");
    let algorithms = challenge.text().matches("algorithm=").count();
    assert_eq!(algorithms, 2, "{}", challenge.text());
    world.at("alice").challenged(&challenge);
    world.request("alice", "REGISTER", "sip:carillon.local", "Expires: 600\r\n", "");
    let accepted = world.take("alice");
    assert_eq!(accepted.header(Name::Contact), "<sip:alice@10.0.0.1:5060>;expires=600");
    assert_eq!(accepted.header(Name::Date), "Tue, 14 Nov 2023 22:13:20 GMT");
    world.expect(
        "0 alice > REGISTER
         0 alice < 401
         0 alice > REGISTER
         0 alice < 200",
    );
    // Fetched, then removed.
    world.at("alice").contact_params = ";expires=0".into();
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    assert_eq!(world.take("alice").header(Name::Contact), "");
    assert!(world.services.bindings["alice@carillon.local"].is_empty());
    world.finish();
}

#[test]
fn a_repeated_register_is_answered_by_its_transaction() {
    let mut world = World::new();
    world.register(&["alice"]);
    let sent = world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    world.send("alice", &sent.text());
    assert_eq!(world.take("alice"), world.take("alice"));
    world.expect(
        "0 alice > REGISTER
         0 alice < 200
         0 alice > REGISTER
         0 alice < 200",
    );
    assert_eq!(world.services.asked.iter().filter(|asked| asked.starts_with("register")).count(), 2);
    world.finish();
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let mut world = World::new();
    world.phone("mallory", "mallory", Transport::Udp, "10.0.0.66:5060");
    world.at("alice").password = "wrong".into();
    let mut answers = Vec::new();
    for who in ["alice", "mallory"] {
        world.request(who, "REGISTER", "sip:carillon.local", "", "");
        let challenge = world.take(who);
        world.at(who).challenged(&challenge);
        world.request(who, "REGISTER", "sip:carillon.local", "", "");
        let refused = world.take(who);
        assert_eq!(refused.status(), 401);
        let names: Vec<_> = refused.message().fields().map(|field| field.name).collect();
        answers.push((names, refused.header(Name::WwwAuthenticate).len()));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(world.edge.counters().wrong_credentials, 2);
    assert!(world.services.bindings.is_empty());
    world.finish();
}

#[test]
fn credentials_count_once() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.at("alice").uses = 0;
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    assert_eq!(world.take("alice").status(), 401);
    assert_eq!(world.edge.counters().replayed_credentials, 1);
    world.finish();
}

#[test]
fn an_old_nonce_is_stale() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.wait(301_000);
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    let stale = world.take("alice");
    assert!(stale.text().contains("stale=true"), "{}", stale.text());
    world.finish();
}

#[test]
fn a_nonce_is_replaced_before_it_is_stale() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.wait(200_000);
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    let accepted = world.take("alice").text();
    let next = accepted.split_once("nextnonce=\"").expect(&accepted).1.split('"').next().unwrap_or_default();
    let challenge = format!("Digest realm=\"carillon.local\", nonce=\"{next}\", algorithm=MD5, qop=\"auth\"");
    world.at("alice").challenge = Some(vec![challenge]);
    world.at("alice").uses = 0;
    // Past the life of the first one.
    world.wait(200_000);
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    assert_eq!(world.take("alice").status(), 200);
    world.finish();
}

#[test]
fn nobody_registers_for_another() {
    let mut world = World::new();
    world.register(&["alice"]);
    let text = world.at("alice").request("REGISTER", "sip:carillon.local", "", "");
    world.send("alice", &text.replace("To: <sip:alice@", "To: <sip:bob@"));
    assert_eq!(world.take("alice").status(), 403);
    let text = world.at("alice").request("REGISTER", "sip:carillon.local", "", "");
    world.send("alice", &text.replace("To: <sip:alice@carillon.local", "To: <sip:alice@example.net"));
    assert_eq!(world.take("alice").status(), 404);
    // By extension it is the same user.
    let text = world.at("alice").request("REGISTER", "sip:carillon.local", "", "");
    world.send("alice", &text.replace("To: <sip:alice@", "To: <sip:6001@"));
    assert_eq!(world.take("alice").status(), 200);
    world.finish();
}

#[test]
fn what_a_register_may_be_refused_for() {
    for (headers, contact_params, status, header) in [
        ("", ";expires=10", 423, "Min-Expires: 60"),
        ("Contact: *\r\nExpires: 0\r\n", "", 400, "Contact * With Another Contact"),
        ("Require: path, gruu\r\n", "", 420, "Unsupported: gruu"),
        ("Contact: <sip:broken\r\n", "", 400, "Bad Contact"),
    ] {
        let mut world = World::new();
        world.register(&["alice"]);
        world.at("alice").contact_params = contact_params.into();
        world.request("alice", "REGISTER", "sip:carillon.local", headers, "");
        let refused = world.take("alice");
        assert_eq!(refused.status(), status, "{headers}");
        assert!(refused.text().contains(header), "{}", refused.text());
        world.finish();
    }
}

#[test]
fn a_path_is_kept_and_told() {
    let mut world = World::new();
    world.register(&["alice"]);
    let headers = "Path: <sip:p2.example.net;lr>, <sip:p1.example.net;lr>\r\nSupported: path\r\n";
    world.request("alice", "REGISTER", "sip:carillon.local", headers, "");
    let accepted = world.take("alice");
    assert_eq!(accepted.elements(Name::Path), ["<sip:p2.example.net;lr>", "<sip:p1.example.net;lr>"]);
    let kept = &world.services.bindings["alice@carillon.local"];
    assert_eq!(kept[0].path, ["<sip:p2.example.net;lr>", "<sip:p1.example.net;lr>"]);
    world.finish();
}

#[test]
fn a_flow_of_outbound_is_named_by_instance_and_reg_id() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.at("alice").contact_params = ";reg-id=1;+sip.instance=\"<urn:uuid:0>\"".into();
    world.request("alice", "REGISTER", "sip:carillon.local", "Supported: path, outbound\r\n", "");
    let accepted = world.take("alice");
    assert_eq!(accepted.header(Name::Require), "outbound");
    assert!(
        accepted.text().contains(";+sip.instance=\"<urn:uuid:0>\";reg-id=1;expires=3600"),
        "{}",
        accepted.text()
    );
    world.finish();
}

#[test]
fn a_service_that_is_away_is_a_503_with_retry_after() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.services.pace = Pace::Broken;
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    assert_eq!(world.take("alice").status(), 503);
    // One that never answers is given up after its time, and its late answer is dropped.
    world.services.pace = Pace::Held;
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    world.wait(2_100);
    assert_eq!(world.take("alice").status(), 503);
    world.release();
    assert_eq!(world.edge.counters().late_answers, 1);
    world.finish();
}

#[test]
fn a_trusted_peer_registers_whom_it_found() {
    let config = ProxyConfig { trusted: vec!["10.0.0.50/32".parse().unwrap()], ..ProxyConfig::default() };
    for (user, status) in [("alice", 200), ("nobody", 404)] {
        let mut world = World::with(Setup { config: config.clone(), ..Setup::default() });
        world.phone("edge2", user, Transport::Udp, "10.0.0.50:5060");
        world.request("edge2", "REGISTER", "sip:carillon.local", "", "");
        assert_eq!(world.take("edge2").status(), status);
        world.finish();
    }
}

#[test]
fn parameters_that_mean_nothing_to_us_are_told_again() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.at("alice").contact_params = ";methods=\"INVITE, BYE\";q=0.25;audio;expires=120".into();
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    let accepted = world.take("alice");
    let told = "<sip:alice@10.0.0.1:5060>;q=0.250;methods=\"INVITE, BYE\";audio;expires=120";
    assert_eq!(accepted.header(Name::Contact), told);
    world.finish();
}
