//! What may not be forwarded (RFC 3261 §16.3), who has to say who he is, and what we answer ourselves.

use std::sync::Arc;

use node::config::Duration;
use sip::message::Name;
use sip::transport::Transport;

use super::services::Pace;
use super::world::{Setup, World};
use crate::config::ProxyConfig;
use crate::core::route::Directly;

fn with(change: impl FnOnce(&mut ProxyConfig)) -> World {
    let mut config = ProxyConfig::default();
    change(&mut config);
    World::with(Setup { config, routes: Arc::new(Directly) })
}

#[test]
fn options_to_us_are_answered_without_a_transaction() {
    for uri in ["sip:carillon.local", "sip:10.0.0.100:5060", "sip:10.0.0.100"] {
        let mut world = World::new();
        world.request("alice", "OPTIONS", uri, "", "");
        let answer = world.take("alice");
        assert_eq!(answer.status(), 200, "{uri}");
        assert!(answer.header(Name::Allow).contains("INVITE, ACK, CANCEL, BYE"), "{}", answer.text());
        assert_eq!(answer.header(Name::Accept), "application/sdp");
        assert!(answer.header(Name::Supported).contains("path"));
        assert!(answer.header(Name::To).contains(";tag="));
        assert_eq!(world.edge.gauges().transactions, 0);
        world.finish();
    }
}

#[test]
fn what_may_not_be_forwarded_is_answered() {
    for (from, to, status, says) in [
        ("Max-Forwards: 70", "Max-Forwards: 0", 483, ""),
        ("Max-Forwards: 70", "Max-Forwards: many", 400, "Max-Forwards"),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nProxy-Require: quantum, path",
            420,
            "Unsupported: quantum, path",
        ),
        ("INVITE sip:bob@carillon.local", "INVITE http://carillon.local", 416, ""),
        ("Call-ID: ", "X-Call-ID: ", 400, "Call-ID"),
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 505, ""),
        ("Content-Length: 0", "Content-Length: 99", 400, "Content-Length"),
        ("Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Breadth: 0", 440, ""),
    ] {
        let mut world = World::new();
        world.register(&["alice", "bob"]);
        let text = world.at("alice").request("INVITE", "sip:bob@carillon.local", "", "");
        assert!(text.contains(from));
        let text = text.replace(from, to);
        world.send("alice", &text);
        let answer = loop {
            let answer = world.take("alice");
            if answer.status() >= 200 {
                break answer;
            }
        };
        assert_eq!(answer.status(), status, "{to}");
        assert!(answer.text().contains(says), "{}", answer.text());
        assert!(!world.has_mail("bob"));
        world.hop_by_hop("alice", "ACK", &super::phone::Got(text.into_bytes()), Some(&answer));
        assert!(!world.has_mail("bob"), "the ACK ends here");
        world.finish();
    }
}

#[test]
fn max_forwards_0_ends_options_here() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let text = world.at("alice").request("OPTIONS", "sip:bob@carillon.local", "", "");
    world.send("alice", &text.replace("Max-Forwards: 70", "Max-Forwards: 0"));
    assert_eq!(world.take("alice").status(), 200);
    assert!(!world.has_mail("bob"));
    world.finish();
}

#[test]
fn a_request_that_comes_back_is_a_loop_and_one_that_changed_is_a_spiral() {
    let mut world = with(|config| config.trusted = vec!["10.0.0.50/32".parse().unwrap()]);
    world.phone("mirror", "mirror", Transport::Udp, "10.0.0.50:5060");
    world.register(&["alice", "bob"]);
    world.request("alice", "MESSAGE", "sip:bob@10.0.0.50", "", "hello");
    let got = world.take("mirror");
    // The mirror sends it back as it is: to itself, by way of us.
    let via = world.at("mirror").via();
    let back = got.text().replacen("Via:", &format!("Via: {via}\r\nVia:"), 1);
    world.send("mirror", &back);
    assert_eq!(world.take("mirror").status(), 482);
    assert_eq!(world.edge.counters().loops, 1);
    // With another Request-URI it is another request to us.
    let via = world.at("mirror").via();
    let spiral = got.text().replacen("Via:", &format!("Via: {via}\r\nVia:"), 1);
    world.send("mirror", &spiral.replace("MESSAGE sip:bob@10.0.0.50", "MESSAGE sip:bob@carillon.local"));
    let message = world.take("bob");
    world.reply("bob", &message, 200);
    assert_eq!(world.take_only("mirror", "200").status(), 200);
    world.reply("mirror", &got, 482);
    assert_eq!(world.take_only("alice", "482").status(), 482);
    world.finish();
}

#[test]
fn packages_that_are_ours_to_be_are_refused_and_never_forked() {
    let mut world = World::new();
    world.register(&["alice"]);
    for (method, event) in
        [("SUBSCRIBE", "presence"), ("SUBSCRIBE", "presence.winfo"), ("PUBLISH", "presence")]
    {
        let headers = format!("Event: {event}\r\n");
        world.request("alice", method, "sip:alice@carillon.local", &headers, "");
        let refused = world.take("alice");
        assert_eq!(refused.status(), 489);
        assert!(!refused.header(Name::AllowEvents).is_empty());
    }
    world.finish();
}

#[test]
fn strangers_are_asked_and_nothing_is_relayed_for_them() {
    for (allow, from, to, status) in [
        (false, "sip:eve@example.net", "sip:bob@carillon.local", 407),
        (false, "sip:eve@example.net", "sip:bob@example.org", 407),
        (true, "sip:eve@example.net", "sip:bob@carillon.local", 100),
        (true, "sip:alice@carillon.local", "sip:bob@carillon.local", 407),
        (true, "sip:anonymous@anonymous.invalid", "sip:bob@carillon.local", 407),
        (true, "sip:eve@example.net", "sip:bob@example.org", 403),
    ] {
        let mut world = with(|config| config.allow_unauthenticated_calls = allow);
        world.register(&["bob"]);
        let text = world.at("alice").request("INVITE", to, "", "");
        let text = text.replace("From: <sip:alice@carillon.local>", &format!("From: <{from}>"));
        world.send("alice", &text);
        assert_eq!(world.take("alice").status(), status, "{allow} {from} {to}");
        if status == 100 {
            let invite = world.take("bob");
            world.reply("bob", &invite, 200);
        }
        world.finish();
    }
}

#[test]
fn nobody_calls_under_another_name() {
    for (from, headers, status) in [
        ("sip:alice@carillon.local", "", 100),
        ("sip:6001@10.0.0.100", "", 100),
        ("sip:anonymous@anonymous.invalid", "Privacy: id\r\n", 100),
        ("sip:bob@carillon.local", "", 403),
        ("sip:alice@example.net", "", 403),
        ("sip:alice@carillon.local", "P-Asserted-Identity: <sip:bob@carillon.local>\r\n", 403),
        ("sip:alice@carillon.local", "P-Asserted-Identity: \"A\" <sip:6001@carillon.local>\r\n", 100),
    ] {
        let mut world = World::new();
        world.register(&["alice", "bob"]);
        let text = world.at("alice").request("INVITE", "sip:bob@carillon.local", headers, "");
        let text = text.replace("From: <sip:alice@carillon.local>", &format!("From: <{from}>"));
        world.send("alice", &text);
        let mut answer = world.take("alice");
        if status == 403 {
            answer = world.take("alice");
        } else {
            let invite = world.take("bob");
            assert_eq!(invite.header(Name::PAssertedIdentity).is_empty(), !headers.contains("P-A"));
            world.reply("bob", &invite, 200);
        }
        assert_eq!(answer.status(), status, "{from} {headers}");
        if status == 403 {
            world.hop_by_hop("alice", "ACK", &super::phone::Got(text.into_bytes()), Some(&answer));
        }
        world.finish();
    }
}

#[test]
fn a_private_identity_stays_inside() {
    let mut world = with(|config| config.trusted = vec!["10.0.0.50/32".parse().unwrap()]);
    world.phone("trunk", "trunk", Transport::Udp, "10.0.0.50:5060");
    world.register(&["bob"]);
    let headers =
        "P-Asserted-Identity: <tel:+33123456789>\r\nPrivacy: id\r\nP-Preferred-Identity: <sip:x@y>\r\n";
    world.request("trunk", "INVITE", "sip:bob@carillon.local", headers, "");
    let invite = world.take("bob");
    assert_eq!(invite.header(Name::PAssertedIdentity), "");
    assert_eq!(invite.header(Name::PPreferredIdentity), "");
    world.reply("bob", &invite, 200);
    world.finish();
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_challenged_alike_at_a_call() {
    for user in ["alice", "nobody"] {
        let mut world = World::new();
        world.register(&["bob"]);
        world.at("alice").user = user.into();
        world.at("alice").password = "wrong".into();
        let sent = world.invite("alice", "bob");
        let challenge = world.take("alice");
        world.hop_by_hop("alice", "ACK", &sent, Some(&challenge));
        world.at("alice").challenged(&challenge);
        let sent = world.invite("alice", "bob");
        let again = world.take_only("alice", "407");
        world.hop_by_hop("alice", "ACK", &sent, Some(&again));
        assert!(!world.has_mail("bob"));
        world.finish();
    }
}

#[test]
fn unknown_numbers_and_absent_users_are_told_apart() {
    for (number, status) in [("6002", 480), ("6999", 404), ("nobody", 404)] {
        let mut world = World::new();
        world.register(&["alice"]);
        let sent = world.invite("alice", number);
        let refused = world.take_only("alice", &status.to_string());
        world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
        world.finish();
    }
}

#[test]
fn full_tables_refuse_new_calls_first() {
    let mut world = with(|config| {
        config.requests_max = 10;
        config.new_calls_percent = 20;
        config.retry_after = Duration::from_secs(7);
    });
    world.register(&["alice", "bob"]);
    world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 200);
    let answer = world.take_only("alice", "200");
    let mut caller = super::phone::Dialog::of_caller(&answer);
    world.services.pace = Pace::Held;
    for _ in 0..2 {
        world.request("alice", "MESSAGE", "sip:bob@carillon.local", "", "");
    }
    world.request("alice", "MESSAGE", "sip:bob@carillon.local", "", "");
    let busy = world.take("alice");
    assert_eq!((busy.status(), busy.header(Name::RetryAfter)), (503, "7".into()));
    // A request of a dialog is never shed.
    world.within("alice", &mut caller, "BYE");
    let bye = world.take("bob");
    world.reply("bob", &bye, 200);
    assert_eq!(world.take("alice").status(), 200);
    assert_eq!(world.edge.counters().overloaded, 1);
    world.services.pace = Pace::Now;
    world.release();
    world.finish();
}

#[test]
fn a_full_transaction_table_is_a_503() {
    let mut world = with(|config| config.transactions_max = 2);
    world.register(&["alice"]);
    world.request("alice", "REGISTER", "sip:carillon.local", "", "");
    let mut last = world.take("alice").status();
    for _ in 0..3 {
        world.request("alice", "REGISTER", "sip:carillon.local", "", "");
        last = world.take("alice").status();
    }
    assert_eq!(last, 503);
    assert!(world.edge.counters().overloaded > 0);
    world.finish();
}

#[test]
fn one_user_cannot_set_up_more_calls_than_allowed() {
    let mut world = with(|config| config.calls_per_user_max = 1);
    world.register(&["alice", "bob"]);
    let first = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    let second = world.invite("alice", "bob");
    let refused = world.take_only("alice", "486");
    assert!(refused.header(Name::Reason).contains("Too many calls"), "{}", refused.text());
    world.hop_by_hop("alice", "ACK", &second, Some(&refused));
    world.reply("bob", &invite, 603);
    let declined = world.take_only("alice", "603");
    world.hop_by_hop("alice", "ACK", &first, Some(&declined));
    // The first one has ended, and so there is room again.
    world.invite("alice", "bob");
    let invite = world.take_only("bob", "INVITE");
    world.reply("bob", &invite, 200);
    world.finish();
}

#[test]
fn rubbish_is_dropped_and_counted() {
    let mut world = World::new();
    for text in
        ["", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "ACK sip:a@b SIP/2.0\r\n\r\n"]
    {
        world.send("alice", text);
    }
    assert!(!world.has_mail("alice"));
    let counters = world.edge.counters();
    assert_eq!((counters.unparseable, counters.stray_responses, counters.stray_acks), (3, 1, 1));
    world.finish();
}
