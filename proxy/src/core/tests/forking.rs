//! Several phones (RFC 3261 §16.6 and §16.7): together, one after the other, losers, challenges, redirections.

use std::sync::Arc;

use sip::message::Name;
use sip::transport::Transport;

use super::phone::Dialog;
use super::services::hop;
use super::world::{Setup, World};
use crate::config::ProxyConfig;
use crate::core::route::Directly;

fn three_phones(q: [&str; 3]) -> World {
    let mut world = World::new();
    world.phone("desk", "bob", Transport::Udp, "10.0.0.21:5060");
    world.phone("soft", "bob", Transport::Tcp, "10.0.0.22:40000");
    for (who, q) in ["bob", "desk", "soft"].into_iter().zip(q) {
        world.at(who).contact_params = format!(";q={q}");
    }
    world.register(&["alice", "bob", "desk", "soft"]);
    world
}

#[test]
fn all_phones_ring_and_the_losers_are_cancelled() {
    let mut world = three_phones(["1", "1", "1"]);
    world.invite("alice", "bob");
    let invites = ["bob", "desk", "soft"].map(|who| world.take(who));
    world.reply("bob", &invites[0], 180);
    world.reply("desk", &invites[1], 180);
    world.wait(100);
    world.reply("desk", &invites[1], 200);
    let cancel = world.take("bob");
    assert_eq!(cancel.header(Name::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invites[0], 487);
    // The third one has said nothing yet, so its CANCEL waits.
    world.reply("soft", &invites[2], 180);
    let cancel = world.take("soft");
    world.reply("soft", &cancel, 200);
    world.reply("soft", &invites[2], 487);
    world.expect(
        "0   alice > INVITE
         0   alice < 100
         0   bob   < INVITE
         0   desk  < INVITE
         0   soft  < INVITE
         0   bob   > 180
         0   alice < 180
         0   desk  > 180
         0   alice < 180
         100 desk  > 200
         100 alice < 200
         100 bob   < CANCEL
         100 bob   > 200
         100 bob   > 487
         100 bob   < ACK
         100 soft  > 180
         100 soft  < CANCEL
         100 soft  > 200
         100 soft  > 487
         100 soft  < ACK",
    );
    world.finish();
}

#[test]
fn two_phones_that_answer_at_once_both_reach_the_caller() {
    let mut world = three_phones(["1", "1", "1"]);
    world.several_finals = true;
    world.invite("alice", "bob");
    let invites = ["bob", "desk", "soft"].map(|who| world.take(who));
    for (who, invite) in ["bob", "desk", "soft"].into_iter().zip(&invites) {
        world.reply(who, invite, 200);
        let answer = world.take_only("alice", "200");
        assert!(answer.header(Name::To).ends_with(&format!("tag={who}-tag")), "{}", answer.text());
        let mut caller = Dialog::of_caller(&answer);
        world.within("alice", &mut caller, "ACK");
        world.take_only(who, "ACK");
    }
    world.finish();
}

#[test]
fn a_lower_q_rings_after_a_higher_one() {
    let mut world = three_phones(["0.3", "0.9", "0.3"]);
    let sent = world.invite("alice", "bob");
    let desk = world.take("desk");
    world.wait(400);
    world.reply("desk", &desk, 486);
    let (bob, soft) = (world.take("bob"), world.take("soft"));
    world.reply("bob", &bob, 404);
    world.reply("soft", &soft, 480);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.expect(
        "0    alice > INVITE
         0    alice < 100
         0    desk  < INVITE
         400 desk  > 486
         400 desk  < ACK
         400 bob   < INVITE
         400 soft  < INVITE
         400 bob   > 404
         400 bob   < ACK
         400 soft  > 480
         400 soft  < ACK
         400 alice < 486
         400 alice > ACK",
    );
    world.finish();
}

#[test]
fn a_6xx_ends_all() {
    let mut world = three_phones(["1", "1", "0.5"]);
    let sent = world.invite("alice", "bob");
    let (bob, desk) = (world.take("bob"), world.take("desk"));
    world.reply("bob", &bob, 180);
    world.reply("desk", &desk, 603);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &bob, 487);
    let declined = world.take_only("alice", "603");
    world.hop_by_hop("alice", "ACK", &sent, Some(&declined));
    assert!(!world.has_mail("soft"), "no new branch after a 6xx");
    world.finish();
}

#[test]
fn the_challenges_of_all_phones_are_told_together() {
    let mut world = three_phones(["1", "1", "1"]);
    let sent = world.invite("alice", "bob");
    let invites = ["bob", "desk", "soft"].map(|who| world.take(who));
    world.reply_with("bob", &invites[0], 401, "WWW-Authenticate: Digest realm=\"one\", nonce=\"a\"\r\n");
    world.reply_with("desk", &invites[1], 407, "Proxy-Authenticate: Digest realm=\"two\", nonce=\"b\"\r\n");
    world.reply("soft", &invites[2], 486);
    let challenge = world.take_only("alice", "401");
    assert_eq!(challenge.header(Name::WwwAuthenticate), "Digest realm=\"one\", nonce=\"a\"");
    assert_eq!(challenge.header(Name::ProxyAuthenticate), "Digest realm=\"two\", nonce=\"b\"");
    world.hop_by_hop("alice", "ACK", &sent, Some(&challenge));
    world.finish();
}

#[test]
fn breadth_is_shared_and_what_does_not_fit_waits() {
    let mut world = three_phones(["1", "1", "1"]);
    world.request("alice", "INVITE", "sip:bob@carillon.local", "Max-Breadth: 2\r\n", "");
    let (bob, desk) = (world.take("bob"), world.take("desk"));
    assert_eq!(bob.header(Name::MaxBreadth), "1");
    assert!(!world.has_mail("soft"));
    world.reply("bob", &bob, 486);
    world.reply("desk", &desk, 486);
    let soft = world.take("soft");
    assert_eq!(soft.header(Name::MaxBreadth), "2");
    world.reply("soft", &soft, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}

#[test]
fn a_redirection_is_followed_within_the_domain() {
    let mut world = World::new();
    world.register(&["alice", "bob", "martin"]);
    world.invite("alice", "bob");
    let invite = world.take("bob");
    let text = world.at("bob").response(&invite, 302, "", "");
    world.send("bob", &text.replace("<sip:bob@10.0.0.2:5060>", "<sip:6003@carillon.local>;q=0.5"));
    let invite = world.take("martin");
    world.reply("martin", &invite, 200);
    world.expect(
        "0 alice  > INVITE
         0 alice  < 100
         0 bob    < INVITE
         0 bob    > 302
         0 bob    < ACK
         0 martin < INVITE
         0 martin > 200
         0 alice  < 200",
    );
    world.finish();
}

#[test]
fn a_redirection_is_passed_on_when_told() {
    let config = ProxyConfig { follow_redirects: false, ..ProxyConfig::default() };
    let mut world = World::with(Setup { config, routes: Arc::new(Directly) });
    world.register(&["alice", "bob", "martin"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    let text = world.at("bob").response(&invite, 302, "", "");
    world.send("bob", &text.replace("<sip:bob@10.0.0.2:5060>", "<sip:6003@carillon.local>"));
    let moved = world.take_only("alice", "302");
    assert_eq!(moved.header(Name::Contact), "<sip:6003@carillon.local>");
    world.hop_by_hop("alice", "ACK", &sent, Some(&moved));
    world.finish();
}

#[test]
fn redirections_that_go_in_circles_end() {
    let mut world = World::new();
    world.register(&["alice", "bob", "martin"]);
    let sent = world.invite("alice", "bob");
    for (who, own, to) in [("bob", "bob@10.0.0.2", "martin"), ("martin", "martin@10.0.0.3", "bob")] {
        let invite = world.take(who);
        let text = world.at(who).response(&invite, 302, "", "");
        let to = format!("<sip:{to}@carillon.local>");
        world.send(who, &text.replace(&format!("<sip:{own}:5060>"), &to));
    }
    let last = world.take_only("alice", "480");
    world.hop_by_hop("alice", "ACK", &sent, Some(&last));
    world.finish();
}

#[test]
fn the_next_address_of_a_host_is_tried() {
    let mut world = World::new();
    world.phone("gate", "gate", Transport::Udp, "10.0.0.51:5060");
    world.phone("gone", "gone", Transport::Tcp, "10.0.0.50:5060");
    world.services.hosts.insert("example.org".into(), vec![hop("10.0.0.50:5060"), hop("10.0.0.51:5060")]);
    world.register(&["alice"]);
    world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    world.expect(
        "0 alice > INVITE
         0 alice < 100
         0 10.0.0.50:5060 < INVITE",
    );
    // Nobody is at the first one: after 64*T1 the second gets a branch of its own.
    world.wait(32_000);
    let invite = world.take("gate");
    assert_eq!(invite.uri(), "sip:carol@example.org");
    world.reply("gate", &invite, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    // A 503 sends it on as well.
    world.at("gone").transport = Transport::Udp;
    world.request("alice", "MESSAGE", "sip:carol@example.org", "", "");
    let message = world.take("gone");
    world.reply("gone", &message, 503);
    let message = world.take("gate");
    world.reply("gate", &message, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}

#[test]
fn a_host_that_nobody_knows_is_a_502() {
    let mut world = World::new();
    world.register(&["alice"]);
    let sent = world.request("alice", "INVITE", "sip:carol@example.org", "", "");
    let bad = world.take_only("alice", "502");
    world.hop_by_hop("alice", "ACK", &sent, Some(&bad));
    world.finish();
}

#[test]
fn a_large_request_goes_by_tcp_where_we_may_choose() {
    let mut world = World::new();
    world.phone("gate", "gate", Transport::Tcp, "10.0.0.51:5060");
    world.phone("gate-udp", "gate", Transport::Udp, "10.0.0.51:5060");
    world.register(&["alice", "bob"]);
    let body = "x".repeat(1400);
    world.request("alice", "MESSAGE", "sip:carol@10.0.0.51", "", &body);
    let message = world.take("gate");
    assert!(message.elements(Name::Via)[0].starts_with("SIP/2.0/TCP 10.0.0.100:5060"), "{}", message.text());
    world.reply("gate", &message, 200);
    // Said in the URI, it is not ours to choose; nor for a phone that is reached as it registered.
    world.request("alice", "MESSAGE", "sip:carol@10.0.0.51;transport=udp", "", &body);
    let message = world.take("gate-udp");
    world.reply("gate-udp", &message, 200);
    world.request("alice", "MESSAGE", "sip:bob@carillon.local", "", &body);
    let message = world.take("bob");
    world.reply("bob", &message, 200);
    // Where no connection can be made, the datagram is tried after all (RFC 3261 §18.1.1).
    world.at("gate").address = "10.0.0.99:5060".parse().unwrap();
    world.request("alice", "MESSAGE", "sip:carol@10.0.0.51", "", &body);
    let message = world.take("gate-udp");
    world.reply("gate-udp", &message, 200);
    world.finish();
}

#[test]
fn a_path_leads_to_its_phone() {
    let mut world = World::new();
    world.phone("edge2", "edge2", Transport::Udp, "10.0.0.50:5060");
    world.register(&["alice", "bob"]);
    let headers = "Path: <sip:10.0.0.50;lr;ob>\r\nSupported: path\r\n";
    world.request("bob", "REGISTER", "sip:carillon.local", headers, "");
    world.take("bob");
    world.invite("alice", "bob");
    let invite = world.take("edge2");
    assert_eq!(invite.uri(), "sip:bob@10.0.0.2:5060");
    assert_eq!(invite.header(Name::Route), "<sip:10.0.0.50;lr;ob>");
    world.reply("edge2", &invite, 200);
    world.finish();
}

#[test]
fn the_flows_of_one_phone_are_tried_one_after_the_other() {
    let mut world = World::new();
    world.phone("flow1", "bob", Transport::Tcp, "10.0.0.30:40001");
    world.phone("flow2", "bob", Transport::Tcp, "10.0.0.30:40002");
    for (who, reg_id) in [("flow1", 1), ("flow2", 2)] {
        world.at(who).contact_params = format!(";reg-id={reg_id};+sip.instance=\"<urn:uuid:1>\"");
    }
    world.register(&["alice"]);
    for who in ["flow1", "flow2"] {
        for _ in 0..2 {
            world.request(who, "REGISTER", "sip:carillon.local", "Supported: outbound, path\r\n", "");
            let answer = world.take(who);
            world.at(who).challenged(&answer);
        }
    }
    assert_eq!(world.services.bindings["bob@carillon.local"].len(), 2);
    world.invite("alice", "bob");
    let first = world.take("flow2");
    assert!(!world.has_mail("flow1"));
    world.reply("flow2", &first, 430);
    let second = world.take("flow1");
    world.reply("flow1", &second, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}
