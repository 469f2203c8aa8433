//! Subscriptions (RFC 6665), and what phones are told of their mailboxes (RFC 3842).

use std::sync::Arc;

use proto::Waiting;
use sip::message::Name;
use sip::transport::Transport;

use super::phone::{Dialog, Got};
use super::services::Pace;
use super::world::{Setup, Who, World};
use crate::config::ProxyConfig;
use crate::core::effect::{Change, Input};

const SUMMARY: &str = "Event: message-summary\r\n";

/// Subscribes, with credentials; the answer and the first NOTIFY, which is answered.
fn subscribe(world: &mut World, who: Who, user: &str, headers: &str) -> (Dialog, Got) {
    let answer = ask(world, who, user, headers);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let notify = world.take_only(who, "NOTIFY");
    world.reply(who, &notify, 200);
    (Dialog::of_caller(&answer), notify)
}

/// Sends a SUBSCRIBE with credentials; the final answer.
fn ask(world: &mut World, who: Who, user: &str, headers: &str) -> Got {
    let uri = format!("sip:{user}@carillon.local");
    world.request(who, "SUBSCRIBE", &uri, headers, "");
    let answer = world.take(who);
    if answer.status() != 407 {
        return answer;
    }
    world.at(who).challenged(&answer);
    world.request(who, "SUBSCRIBE", &uri, headers, "");
    world.take(who)
}

fn waiting(new: u32) -> Waiting {
    Waiting { new, old: 8, account: "6099".into(), ..Waiting::default() }
}

fn change(world: &mut World, user: &str, new: u32) {
    world.services.waiting.insert(user.into(), waiting(new));
    let waiting = Arc::new(waiting(new));
    world.give(Input::Changed(Change::Waiting { user: user.into(), waiting }));
    world.release_none();
}

fn state(notify: &Got) -> String {
    notify.header(Name::SubscriptionState)
}

#[test]
fn a_phone_hears_of_its_mailbox_until_it_ends_its_subscription() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.services.waiting.insert("alice".into(), waiting(2));
    world.at("alice").challenge = None;
    let (mut dialog, notify) = subscribe(&mut world, "alice", "alice", SUMMARY);
    assert_eq!(state(&notify), "active;expires=3600");
    assert_eq!(notify.header(Name::Event), "message-summary");
    assert!(notify.text().ends_with(
        "\r\n\r\nMessages-Waiting: yes\r\nMessage-Account: sip:6099@carillon.local\r\nVoice-Message: 2/8 (0/0)\r\n"
    ));
    world.expect(
        "0 alice > SUBSCRIBE
         0 alice < 407
         0 alice > SUBSCRIBE
         0 alice < 200
         0 alice < NOTIFY
         0 alice > 200",
    );
    world.wait(5_000);
    change(&mut world, "alice", 3);
    let notify = world.take("alice");
    assert!(notify.text().contains("Voice-Message: 3/8"), "{}", notify.text());
    world.reply("alice", &notify, 200);
    // RFC 6665 §4.1.2.3: a SUBSCRIBE with Expires 0 ends it, and the last NOTIFY says so.
    let end = world.at("alice").in_dialog(&mut dialog, "SUBSCRIBE", &format!("{SUMMARY}Expires: 0\r\n"));
    world.send("alice", &end);
    let (answer, notify) = (world.take("alice"), world.take("alice"));
    assert_eq!((answer.status(), answer.header(Name::Expires)), (200, "0".into()));
    assert_eq!(state(&notify), "terminated;reason=timeout");
    world.reply("alice", &notify, 200);
    assert_eq!(world.edge.gauges().subscriptions, 0);
    world.finish();
}

#[test]
fn what_changes_within_a_second_is_told_together() {
    let mut world = World::new();
    world.register(&["alice"]);
    let (_, notify) = subscribe(&mut world, "alice", "6001", SUMMARY);
    assert!(notify.text().contains("Messages-Waiting: no\r\nMessage-Account: sip:6001@carillon.local\r\n"));
    world.ladder();
    for new in 1..5 {
        change(&mut world, "alice", new);
    }
    world.wait(999);
    assert!(!world.has_mail("alice"));
    world.wait(10);
    let notify = world.take("alice");
    assert!(notify.text().contains("Voice-Message: 4/8"), "{}", notify.text());
    // While that is not answered nothing else is sent, however much happens.
    change(&mut world, "alice", 7);
    world.wait(400);
    assert!(!world.has_mail("alice"));
    world.reply("alice", &notify, 200);
    world.wait(700);
    let notify = world.take("alice");
    assert!(notify.text().contains("Voice-Message: 7/8"), "{}", notify.text());
    // RFC 6665 §4.2.2: who says that he knows of no subscription has none.
    world.reply("alice", &notify, 481);
    assert_eq!((world.edge.gauges().subscriptions, world.edge.counters().subscriptions_failed), (0, 1));
    change(&mut world, "alice", 8);
    assert!(!world.has_mail("alice"));
    world.finish();
}

#[test]
fn a_subscription_is_prolonged_or_runs_out() {
    let mut world = World::new();
    world.register(&["alice"]);
    let headers = format!("{SUMMARY}Expires: 60\r\n");
    let (mut dialog, notify) = subscribe(&mut world, "alice", "alice", &headers);
    assert_eq!(state(&notify), "active;expires=60");
    world.wait(50_000);
    let again = world.at("alice").in_dialog(&mut dialog, "SUBSCRIBE", &headers);
    world.send("alice", &again);
    assert_eq!(world.take("alice").header(Name::Expires), "60");
    let notify = world.take("alice");
    assert_eq!(state(&notify), "active;expires=60");
    world.reply("alice", &notify, 200);
    world.wait(59_000);
    assert!(!world.has_mail("alice"));
    world.wait(1_100);
    let notify = world.take("alice");
    assert_eq!(state(&notify), "terminated;reason=timeout");
    world.reply("alice", &notify, 200);
    // A dialog that we do not know, or no more, is a 481, so that the phone begins anew.
    world.send("alice", &again.replace("z9hG4bK", "z9hG4bKx"));
    assert_eq!(world.take("alice").status(), 481);
    world.finish();
}

#[test]
fn a_phone_that_is_gone_is_told_nothing_more() {
    let mut world = World::new();
    world.register(&["alice"]);
    subscribe(&mut world, "alice", "alice", SUMMARY);
    world.wait(2_000);
    change(&mut world, "alice", 1);
    world.take("alice");
    // Timer F: 64*T1.
    world.wait(33_000);
    assert_eq!((world.edge.gauges().subscriptions, world.edge.counters().subscriptions_failed), (0, 1));
    world.finish();
}

#[test]
fn a_connection_that_closes_takes_its_subscriptions_along() {
    let mut world = World::new();
    world.phone("desk", "alice", Transport::Tcp, "10.0.0.20:40000");
    world.register(&["desk"]);
    let (_, notify) = subscribe(&mut world, "desk", "alice", SUMMARY);
    assert!(notify.header(Name::Contact).ends_with(";transport=tcp>"), "{}", notify.text());
    world.hang_up("desk");
    world.wait(2_000);
    change(&mut world, "alice", 1);
    assert_eq!((world.edge.gauges().subscriptions, world.edge.counters().subscriptions_failed), (0, 1));
    world.finish();
}

#[test]
fn a_phone_behind_nat_is_told_by_the_flow_on_which_it_asked() {
    let mut world = World::new();
    world.phone("home", "alice", Transport::Udp, "198.51.100.7:1024");
    world.at("home").local = "192.168.1.2:5060".parse().unwrap();
    world.register(&["home"]);
    let (mut dialog, _) = subscribe(&mut world, "home", "alice", SUMMARY);
    let end = world.at("home").in_dialog(&mut dialog, "SUBSCRIBE", &format!("{SUMMARY}Expires: 0\r\n"));
    world.send("home", &end);
    assert_eq!(world.take("home").status(), 200);
    let notify = world.take("home");
    world.reply("home", &notify, 200);
    world.finish();
}

#[test]
fn a_fetch_is_told_once() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.services.waiting.insert("alice".into(), waiting(2));
    let (_, notify) = subscribe(&mut world, "alice", "alice", &format!("{SUMMARY}Expires: 0\r\n"));
    assert_eq!(state(&notify), "terminated;reason=timeout");
    assert!(notify.text().contains("Voice-Message: 2/8"));
    assert_eq!(world.edge.gauges().subscriptions, 0);
    world.finish();
}

#[test]
fn what_a_subscribe_may_be_refused_for() {
    for (user, headers, status, header) in [
        ("alice", "Event: message-summary\r\nExpires: 20\r\n", 423, "Min-Expires: 60"),
        (
            "alice",
            "Event: message-summary\r\nAccept: text/plain\r\n",
            406,
            "Accept: application/simple-message",
        ),
        ("alice", "Event: presence\r\n", 489, "Allow-Events: message-summary"),
        ("bob", SUMMARY, 403, "Not Yours To Watch"),
        // Where messages are listened to is no user: the phone means its own mailbox.
        ("6099", SUMMARY, 200, "Expires: 3600"),
    ] {
        let mut world = World::new();
        world.register(&["alice"]);
        let answer = ask(&mut world, "alice", user, headers);
        assert_eq!(answer.status(), status, "{headers}");
        assert!(answer.text().contains(header), "{}", answer.text());
        if status == 200 {
            let notify = world.take("alice");
            world.reply("alice", &notify, 481);
        }
        world.finish();
    }
}

#[test]
fn tables_are_bounded_and_refusals_counted() {
    let mut config = ProxyConfig::default();
    (config.notifier.subscriptions_max, config.notifier.subscriptions_per_user_max) = (2, 1);
    let mut world = World::with(Setup { config, ..Setup::default() });
    world.register(&["alice", "bob", "martin"]);
    for (who, status) in [("alice", 200), ("alice", 403), ("bob", 200), ("martin", 503)] {
        let answer = ask(&mut world, who, who, &format!("{SUMMARY}Expires: 60\r\n"));
        assert_eq!(answer.status(), status, "{who}");
        if status == 200 {
            let notify = world.take(who);
            world.reply(who, &notify, 200);
        }
    }
    assert_eq!(world.edge.counters().subscriptions_refused, 2);
    world.finish();
}

#[test]
fn a_mailbox_that_nobody_knows_of_is_told_later() {
    let mut world = World::new();
    world.register(&["alice"]);
    world.services.waiting.insert("alice".into(), waiting(2));
    world.services.pace = Pace::Held;
    world.request("alice", "SUBSCRIBE", "sip:alice@carillon.local", SUMMARY, "");
    world.release_one();
    assert_eq!(world.take("alice").status(), 200);
    world.wait(2_100);
    // No body: the subscription stands, and what it is about is not known.
    let notify = world.take("alice");
    assert!(notify.text().ends_with("Content-Length: 0\r\n\r\n"), "{}", notify.text());
    world.reply("alice", &notify, 200);
    world.release();
    world.services.pace = Pace::Now;
    world.wait(31_000);
    let notify = world.take("alice");
    assert!(notify.text().contains("Voice-Message: 2/8"), "{}", notify.text());
    world.reply("alice", &notify, 481);
    world.finish();
}

#[test]
fn a_drain_sends_subscribers_to_come_again() {
    let mut world = World::new();
    world.register(&["alice"]);
    subscribe(&mut world, "alice", "alice", SUMMARY);
    let mut draining = (*world.edge.means.settings).clone();
    draining.config.new_calls_percent = 0;
    world.edge.configure(Arc::new(draining));
    world.wait(10);
    let notify = world.take("alice");
    assert_eq!(state(&notify), "terminated;reason=probation;retry-after=10");
    world.reply("alice", &notify, 200);
    assert_eq!(ask(&mut world, "alice", "alice", SUMMARY).status(), 503);
    world.finish();
}

#[test]
fn a_phone_that_does_not_subscribe_is_told_all_the_same() {
    let mut world = World::new();
    world.edge.means.settings.watched.set_mailboxes();
    world.phone("home", "alice", Transport::Udp, "198.51.100.7:1024");
    world.phone("desk", "alice", Transport::Tcp, "10.0.0.20:40000");
    world.at("home").local = "192.168.1.2:5060".parse().unwrap();
    world.services.waiting.insert("alice".into(), waiting(2));
    world.register(&["alice", "home", "desk", "bob"]);
    // One of them subscribes; bob has no mailbox.
    let (_, notify) = subscribe(&mut world, "alice", "alice", SUMMARY);
    assert!(notify.text().contains("Voice-Message: 2/8"));
    world.wait(2_100);
    for who in ["home", "desk"] {
        let notify = world.take(who);
        for part in
            ["\r\nEvent: message-summary\r\n", "\r\nSubscription-State: active\r\n", "Voice-Message: 2/8"]
        {
            assert!(notify.text().contains(part), "{part}: {}", notify.text());
        }
        world.reply(who, &notify, 200);
    }
    assert!(!world.has_mail("alice") && !world.has_mail("bob"));
    // A refresh is no news, a message is; each phone hears of it once.
    for (cseq, is_news) in [(100, true), (101, false)] {
        let call = format!("Call-ID: home-again\r\nCSeq: {cseq} REGISTER\r\n");
        let text = world.at("home").request_of("REGISTER", "sip:carillon.local", &call, "", "");
        world.send("home", &text);
        assert_eq!(world.take("home").status(), 200);
        world.wait(2_100);
        assert_eq!(world.has_mail("home"), is_news);
        if is_news {
            let notify = world.take("home");
            world.reply("home", &notify, 200);
        }
    }
    change(&mut world, "alice", 3);
    for who in ["home", "desk", "alice"] {
        let notify = world.take(who);
        assert!(notify.text().contains("Voice-Message: 3/8"), "{}", notify.text());
        world.reply(who, &notify, 481);
    }
    world.wait(5_000);
    for who in ["home", "desk", "alice"] {
        assert!(!world.has_mail(who), "{who}");
    }
    world.finish();
}
