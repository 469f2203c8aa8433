//! Lamps: subscriptions to the calls of a user (RFC 4235), and to where he is registered (RFC 3680).

use sip::message::Name;
use sip::transport::Transport;

use super::phone::{Dialog, Got};
use super::world::{Setup, Who, World};
use crate::config::ProxyConfig;
use crate::config::notifier::WatchCalls;

/// Martin, who watches bob.
pub fn lamp(world: &mut World) -> Dialog {
    let (dialog, notify) = subscribe(world, "martin", "6002", "Event: dialog\r\n");
    let text = notify.text();
    assert!(text.contains("version=\"0\" state=\"full\" entity=\"sip:6002@carillon.local\">"), "{text}");
    assert_eq!(states(&notify), "");
    dialog
}

pub fn subscribe(world: &mut World, who: Who, user: &str, headers: &str) -> (Dialog, Got) {
    world.request(who, "SUBSCRIBE", &format!("sip:{user}@carillon.local"), headers, "");
    let answer = world.take(who);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let notify = world.take_only(who, "NOTIFY");
    world.reply(who, &notify, 200);
    (Dialog::of_caller(&answer), notify)
}

/// What martin's lamp shows next.
pub fn shown(world: &mut World) -> Got {
    let notify = world.take_only("martin", "NOTIFY");
    world.reply("martin", &notify, 200);
    world.wait(1_100);
    notify
}

/// `recipient early`, for each call of a document.
pub fn states(notify: &Got) -> String {
    let text = notify.text();
    let calls = text.split("<dialog ").skip(1).map(|call| {
        let side =
            call.split_once("direction=\"").map(|(_, rest)| rest.split('"').next().unwrap_or_default());
        let state = call.split(['<', '>']).skip_while(|part| *part != "state").nth(1).unwrap_or_default();
        format!("{} {state}", side.unwrap_or("gone"))
    });
    calls.collect::<Vec<_>>().join(", ")
}

/// Ends all subscriptions: nobody is there.
pub fn dark(mut world: World) {
    world.wait(4_000_000);
    world.finish();
}

#[test]
fn a_lamp_follows_a_call_to_its_end() {
    for conducted in [false, true] {
        let mut world = if conducted { World::conducted() } else { World::new() };
        world.register(&["alice", "bob", "martin"]);
        lamp(&mut world);
        world.wait(2_000);
        world.invite("alice", "bob");
        let invite = world.take("bob");
        assert_eq!(states(&shown(&mut world)), "recipient trying");
        world.reply("bob", &invite, 180);
        let ringing = shown(&mut world);
        assert_eq!(states(&ringing), "recipient early");
        // What a phone needs to pick the call up: the dialog of bob's phone, and who calls.
        for part in [
            format!("call-id=\"{}\"", invite.header(Name::CallId)),
            "local-tag=\"bob-tag\"".to_owned(),
            "<target uri=\"sip:alice@carillon.local\"/></remote>".to_owned(),
        ] {
            assert!(ringing.text().contains(&part), "{part}: {}", ringing.text());
        }
        world.reply("bob", &invite, 200);
        assert_eq!(states(&shown(&mut world)), "recipient confirmed");
        let answer = world.take_only("alice", "200");
        let mut caller = Dialog::of_caller(&answer);
        world.within("alice", &mut caller, "ACK");
        world.take_only("bob", "ACK");
        world.wait(60_000);
        world.within("alice", &mut caller, "BYE");
        let bye = world.take_only("bob", "BYE");
        world.reply("bob", &bye, 200);
        assert_eq!(states(&shown(&mut world)), "gone terminated");
        assert!(world.edge.means.settings.watched.is_empty());
        dark(world);
    }
}

#[test]
fn a_lamp_goes_out_when_the_caller_gives_up_or_the_phone_declines() {
    for gives_up in [true, false] {
        let mut world = World::new();
        world.register(&["alice", "bob", "martin"]);
        lamp(&mut world);
        let invite = world.invite("alice", "bob");
        let got = world.take("bob");
        if gives_up {
            world.reply("bob", &got, 180);
            world.hop_by_hop("alice", "CANCEL", &invite, None);
            let cancel = world.take_only("bob", "CANCEL");
            world.reply("bob", &cancel, 200);
            world.reply("bob", &got, 487);
        } else {
            world.reply("bob", &got, 486);
        }
        let refusal = world.take_only("alice", if gives_up { "487" } else { "486" });
        world.hop_by_hop("alice", "ACK", &invite, Some(&refusal));
        world.wait(1_100);
        // It came and went within a second: nothing, or its end, is left to tell.
        while world.has_mail("martin") {
            let last = states(&shown(&mut world));
            assert!(["", "gone terminated"].contains(&last.as_str()), "{last}");
        }
        assert!(world.edge.means.settings.watched.is_empty());
        dark(world);
    }
}

#[test]
fn a_caller_has_a_lamp_too_and_each_phone_of_a_user_is_one_call() {
    let mut world = World::new();
    world.phone("desk", "bob", Transport::Udp, "10.0.0.20:5060");
    world.register(&["alice", "bob", "desk", "martin"]);
    lamp(&mut world);
    subscribe(&mut world, "martin", "alice", "Event: dialog\r\n");
    world.wait(2_000);
    world.invite("alice", "bob");
    let (left, right) = (world.take("bob"), world.take("desk"));
    world.reply("bob", &left, 180);
    world.reply("desk", &right, 200);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &left, 487);
    world.wait(1_100);
    let answer = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&answer);
    world.within("alice", &mut caller, "ACK");
    let mut seen = Vec::new();
    while world.has_mail("martin") {
        seen.push(states(&shown(&mut world)));
    }
    for last in ["initiator confirmed", "recipient confirmed"] {
        assert!(seen.iter().any(|seen| seen == last), "{seen:?}");
    }
    assert!(!seen.iter().any(|seen| seen.contains("gone")), "{seen:?}");
    world.within("alice", &mut caller, "BYE");
    let bye = world.take_only("desk", "BYE");
    world.reply("desk", &bye, 200);
    world.several_finals = true;
    dark(world);
}

#[test]
fn a_call_whose_end_never_passes_runs_out() {
    let mut config = ProxyConfig::default();
    config.notifier.call_max = std::time::Duration::from_secs(600).into();
    for (timer, seconds) in [("", 600), ("Session-Expires: 90;refresher=uac\r\n", 122)] {
        let mut world = World::with(Setup { config: config.clone(), ..Setup::default() });
        world.register(&["alice", "bob", "martin"]);
        lamp(&mut world);
        world.wait(2_000);
        world.invite("alice", "bob");
        let invite = world.take("bob");
        shown(&mut world);
        world.reply_with("bob", &invite, 200, timer);
        let answer = world.take_only("alice", "200");
        world.within("alice", &mut Dialog::of_caller(&answer), "ACK");
        assert_eq!(states(&shown(&mut world)), "recipient confirmed");
        world.wait((seconds - 2) * 1000);
        assert!(!world.has_mail("martin"), "{timer}");
        world.wait(2_000);
        assert_eq!(states(&shown(&mut world)), "gone terminated", "{timer}");
        dark(world);
    }
}

#[test]
fn calls_may_be_for_their_own_eyes_alone() {
    let mut config = ProxyConfig::default();
    config.notifier.watch_calls = WatchCalls::Himself;
    let mut world = World::with(Setup { config, ..Setup::default() });
    world.register(&["martin"]);
    for (user, status) in [("bob", 403), ("nobody", 404), ("martin", 200)] {
        let headers = "Event: dialog\r\nExpires: 0\r\n";
        world.request("martin", "SUBSCRIBE", &format!("sip:{user}@carillon.local"), headers, "");
        assert_eq!(world.take("martin").status(), status);
    }
    let notify = world.take("martin");
    world.reply("martin", &notify, 200);
    world.finish();
}

#[test]
fn without_lamps_no_call_is_noted() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    assert!(world.edge.means.settings.watched.is_empty());
    world.reply("bob", &invite, 200);
    world.finish();
}

#[test]
fn who_asks_where_he_is_registered_hears_of_each_phone() {
    let mut world = World::new();
    world.phone("desk", "alice", Transport::Udp, "10.0.0.20:5060");
    world.register(&["alice"]);
    let (_, notify) = subscribe(&mut world, "alice", "alice", "Event: reg\r\n");
    let text = notify.text();
    assert_eq!(notify.header(Name::ContentType), "application/reginfo+xml");
    assert!(text.contains("aor=\"sip:alice@carillon.local\" id=\"r\" state=\"active\">"), "{text}");
    assert!(text.contains("event=\"registered\" expires=\"3600\""), "{text}");
    world.wait(6_000);
    world.at("desk").challenge = world.phones["alice"].challenge.clone();
    world.at("desk").uses = 100;
    world.request("desk", "REGISTER", "sip:carillon.local", "", "");
    assert_eq!(world.take("desk").status(), 200);
    let change = crate::core::effect::Change::Bindings("alice@carillon.local".into());
    world.give(crate::core::effect::Input::Changed(change));
    world.release_none();
    let notify = world.take("alice");
    assert!(
        notify.text().contains("version=\"1\"")
            && notify.text().contains("<uri>sip:alice@10.0.0.20:5060</uri>")
    );
    world.reply("alice", &notify, 481);
    // Nobody asks for another.
    world.request("alice", "SUBSCRIBE", "sip:bob@carillon.local", "Event: reg\r\n", "");
    assert_eq!(world.take("alice").status(), 403);
    world.finish();
}

#[test]
fn who_talks_with_an_application_is_seen_to_talk() {
    let mut world = super::applications_legs::company();
    subscribe(&mut world, "martin", "6001", "Event: dialog\r\n");
    world.wait(2_000);
    let mut caller = world.attended();
    let talking = shown(&mut world);
    assert_eq!(states(&talking), "initiator confirmed");
    assert!(
        talking.text().contains("<target uri=\"sip:7000@carillon.local\"/></remote>"),
        "{}",
        talking.text()
    );
    world.bye(&mut caller);
    assert_eq!(states(&shown(&mut world)), "gone terminated");
    // Nobody answers, and the mailbox does.
    world.offer("alice", "6002");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.take_only("alice", "180");
    assert_eq!(states(&shown(&mut world)), "initiator trying");
    assert_eq!(states(&shown(&mut world)), "initiator early");
    world.reply("bob", &invite, 486);
    world.say(1, proto::application::Command::Answer);
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    assert_eq!(states(&shown(&mut world)), "initiator confirmed");
    world.bye(&mut caller);
    assert_eq!(states(&shown(&mut world)), "gone terminated");
    assert!(world.edge.means.settings.watched.is_empty());
    world.ladder();
    dark(world);
}
