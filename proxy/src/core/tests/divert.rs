//! Forwarding, do-not-disturb and follow-me.

use std::sync::{Arc, Mutex};

use proto::application::Command;
use proto::directory::Change;
use sip::message::Name;
use sip::transport::Transport;

use super::applications::{silenced, step};
use super::conducted::SDP;
use super::phone::{Dialog, Got};
use super::plan::ring;
use super::world::{Setup, World};
use crate::core::route::{Call, Decision, Directly, Routes, Step, Strategy};

/// A world in which users want something: `bob forward-busy 6003`.
fn world(wishes: &[&str]) -> World {
    let mut world = World::with(Setup::default());
    world.phone("carol", "carol", Transport::Udp, "10.0.0.4:5060");
    want(&mut world, wishes);
    world.register(&["alice", "bob", "martin"]);
    world
}

fn want(world: &mut World, wishes: &[&str]) {
    for wish in wishes {
        let mut words = wish.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (user, key, value) = (word(), word(), word());
        let change = Change::read(key, value).expect("a wish");
        let (user, _) = world.services.users.get_mut(user).expect("a user");
        let mut changed = user.as_ref().clone();
        changed.settings.apply(&change);
        *user = Arc::new(changed);
    }
}

/// Who called is told this; nothing is left.
fn ends(mut world: World, sent: &Got, status: &str) {
    let answer = world.take_only("alice", status);
    world.hop_by_hop("alice", "ACK", sent, Some(&answer));
    world.finish();
}

fn refuses(world: &mut World, who: &'static str, status: u16) -> Got {
    let got = world.take(who);
    world.reply(who, &got, status);
    got
}

#[test]
fn all_calls_go_elsewhere_and_say_so() {
    let mut world = world(&["bob forward-always 6003"]);
    let sent = world.invite("alice", "bob");
    let martin = refuses(&mut world, "martin", 486);
    assert_eq!(martin.header(Name::Diversion), "<sip:6002@carillon.local>;reason=unconditional;counter=1");
    assert_eq!(
        martin.header(Name::HistoryInfo),
        "<sip:6002@carillon.local>;index=1, <sip:6003@carillon.local;cause=302>;index=1.1"
    );
    assert!(!world.has_mail("bob"));
    ends(world, &sent, "486");
}

#[test]
fn a_busy_phone_a_decline_and_peace_forward_what_goes_on_busy() {
    for (wishes, bob) in [
        (&["bob forward-busy martin"][..], Some(486)),
        (&["bob forward-busy martin", "bob forward-no-answer carol"], Some(486)),
        (&["bob forward-busy martin", "bob do-not-disturb on"], None),
    ] {
        let mut world = world(wishes);
        let sent = world.invite("alice", "6002");
        if let Some(status) = bob {
            refuses(&mut world, "bob", status);
        }
        let martin = refuses(&mut world, "martin", 486);
        let reason = if bob.is_some() { "user-busy" } else { "do-not-disturb" };
        assert!(martin.header(Name::Diversion).contains(reason), "{}", martin.text());
        ends(world, &sent, "486");
    }
}

#[test]
fn peace_is_a_busy_phone() {
    let mut world = world(&["bob do-not-disturb on", "bob follow-me 6003 10"]);
    let sent = world.invite("alice", "bob");
    assert!(!world.has_mail("bob") && !world.has_mail("martin"));
    ends(world, &sent, "486");
}

#[test]
fn who_does_not_answer_forwards_after_twenty_seconds() {
    let mut world = world(&["bob forward-no-answer 6003"]);
    let sent = world.invite("alice", "bob");
    let bob = world.take("bob");
    world.reply("bob", &bob, 180);
    world.wait(20_010);
    let cancel = world.take("bob");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &bob, 487);
    let martin = refuses(&mut world, "martin", 486);
    assert!(martin.header(Name::Diversion).contains("reason=no-answer"), "{}", martin.text());
    ends(world, &sent, "486");
}

#[test]
fn who_has_no_phone_forwards_what_cannot_reach_one() {
    let mut world = World::with(Setup::default());
    want(&mut world, &["bob forward-unreachable 6003", "bob forward-no-answer alice"]);
    world.register(&["alice", "martin"]);
    let sent = world.invite("alice", "bob");
    let martin = refuses(&mut world, "martin", 486);
    assert!(martin.header(Name::Diversion).contains("reason=unavailable"), "{}", martin.text());
    ends(world, &sent, "486");
}

#[test]
fn others_ring_for_who_is_followed_each_for_its_seconds_and_then_it_is_forwarded() {
    let mut world = world(&["bob follow-me 6003 5", "bob forward-busy alice"]);
    let sent = world.invite("alice", "bob");
    refuses(&mut world, "bob", 486);
    let martin = world.take_only("martin", "INVITE");
    world.reply("martin", &martin, 180);
    world.wait(5010);
    let cancel = world.take_only("martin", "CANCEL");
    world.reply("martin", &cancel, 200);
    world.reply("martin", &martin, 487);
    let alice = world.take_only("alice", "INVITE");
    world.reply("alice", &alice, 486);
    ends(world, &sent, "486");
}

#[test]
fn forwarding_in_a_circle_ends() {
    let mut world = world(&["bob forward-always martin", "martin forward-always bob"]);
    let sent = world.invite("alice", "bob");
    assert!(!world.has_mail("bob") && !world.has_mail("martin"));
    ends(world, &sent, "480");
}

#[test]
fn a_chain_of_forwardings_says_who_was_in_it() {
    let mut world = world(&["bob forward-busy martin", "martin forward-busy alice"]);
    let sent = world.invite("alice", "bob");
    refuses(&mut world, "bob", 486);
    refuses(&mut world, "martin", 486);
    let alice = world.take_only("alice", "INVITE");
    assert_eq!(
        alice.header(Name::Diversion),
        "<sip:6003@carillon.local>;reason=user-busy;counter=1, <sip:6002@carillon.local>;reason=user-busy;counter=1"
    );
    assert!(alice.header(Name::HistoryInfo).ends_with("<sip:alice@carillon.local;cause=486>;index=1.1.1"));
    world.reply("alice", &alice, 486);
    ends(world, &sent, "486");
}

#[test]
fn in_a_group_peace_is_kept_and_nobody_forwards() {
    struct Both;
    impl Routes for Both {
        fn decide(&self, _: &Call<'_>) -> Decision {
            let steps = [ring(&["bob", "martin"], None, Strategy::All)];
            Decision { rule: "group".into(), steps: steps.into() }
        }
    }
    let mut world = World::with(Setup { routes: Arc::new(Both), ..Setup::default() });
    want(&mut world, &["bob do-not-disturb on", "martin forward-always alice"]);
    world.register(&["alice", "bob", "martin"]);
    let sent = world.invite("alice", "6100");
    refuses(&mut world, "martin", 486);
    assert!(!world.has_mail("bob"));
    ends(world, &sent, "486");
}

#[test]
fn a_forwarded_call_may_do_what_its_user_may() {
    #[derive(Default)]
    struct Asked(Mutex<Vec<String>>);
    impl Routes for Asked {
        fn decide(&self, call: &Call<'_>) -> Decision {
            let who = format!(
                "{} {:?} for {}",
                call.from_user.unwrap_or_default(),
                call.from_extension,
                call.to_user
            );
            self.0.lock().expect("not poisoned").push(who);
            match call.to_user {
                "0899" => Decision {
                    rule: "dear".into(),
                    steps: [Step::Answer { status: 403, reason: None }].into(),
                },
                _ => Directly.decide(call),
            }
        }
    }
    let routes = Arc::new(Asked::default());
    let mut world = World::with(Setup { routes: Arc::clone(&routes) as Arc<dyn Routes>, ..Setup::default() });
    want(&mut world, &["bob forward-always 0899"]);
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "6002");
    assert_eq!(
        routes.0.lock().expect("not poisoned").last().map(String::as_str),
        Some("bob Some(\"6002\") for 0899")
    );
    ends(world, &sent, "403");
}

/// 7000 is an application's; bob forwards there what this wish says.
fn to_menu(wish: &str) -> World {
    struct Menu;
    impl Routes for Menu {
        fn decide(&self, call: &Call<'_>) -> Decision {
            match call.to_user {
                "7000" => Decision { rule: "menu".into(), steps: [step("desk/menu")].into() },
                _ => Directly.decide(call),
            }
        }
    }
    let mut world = World::with(Setup { routes: Arc::new(Menu), ..Setup::default() });
    want(&mut world, &[wish]);
    world
}

#[test]
fn an_unanswered_call_may_be_forwarded_to_an_application() {
    for (wish, why) in [
        ("bob forward-busy 7000", "Busy"),
        ("bob forward-no-answer 7000", "NoAnswer"),
        ("bob forward-unreachable 7000", "Unreachable"),
    ] {
        let mut world = to_menu(wish);
        world.register(if why == "Unreachable" { &["alice"] } else { &["alice", "bob"] });
        let sent = world.offer("alice", "6002");
        match why {
            "Busy" => {
                refuses(&mut world, "bob", 486);
            }
            "NoAnswer" => {
                let bob = world.take("bob");
                world.reply("bob", &bob, 180);
                world.wait(20_010);
                silenced(&mut world, "bob", &bob);
            }
            _ => {}
        }
        world.told(&[&format!("1 started desk/menu alice/6001>bob/6002 6002 {why}")]);
        world.say(1, Command::HangUp { leg: 0, status: 486 });
        ends_at_application(world, &sent);
    }
}

#[test]
fn an_application_that_sends_a_forwarded_call_on_says_who_had_it() {
    for answered in [false, true] {
        let mut world = to_menu("bob forward-busy 7000");
        world.register(&["alice", "bob", "martin"]);
        let sent = world.offer("alice", "6002");
        refuses(&mut world, "bob", 486);
        let started = world.services.started.take().expect("a run");
        let (bob, menu) = (
            "<sip:6002@carillon.local>;reason=user-busy;counter=1",
            "<sip:7000@carillon.local>;reason=unconditional;counter=1",
        );
        let history = "<sip:6002@carillon.local>;index=1, <sip:7000@carillon.local;cause=486>;index=1.1";
        assert_eq!(
            started.headers,
            [("Diversion".into(), bob.into()), ("History-Info".into(), history.into())]
        );
        if answered {
            world.say(1, Command::Answer);
            let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
            world.within("alice", &mut caller, "ACK");
        }
        world.say(2, Command::Transfer { leg: 0, target: "sip:6003@carillon.local".into() });
        let martin = world.take_only("martin", "INVITE");
        assert_eq!(martin.elements(Name::Diversion), [menu, bob]);
        let history = format!("{history}, <sip:6003@carillon.local;cause=302>;index=1.1.1");
        assert_eq!(martin.header(Name::HistoryInfo), history);
        world.reply("martin", &martin, 486);
        if answered {
            world.say(3, Command::HangUp { leg: 0, status: 0 });
            world.hung_up("alice");
            world.finish();
        } else {
            ends(world, &sent, "486");
        }
    }
}

#[test]
fn an_application_that_took_an_unanswered_call_says_so_as_it_sends_it_on() {
    let mut world = super::applications::office();
    world.offer("alice", "6002");
    let bob = world.take("bob");
    world.reply("bob", &bob, 180);
    world.wait(10_000);
    silenced(&mut world, "bob", &bob);
    world.say(1, Command::Answer);
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    // `0` for the operator, who is the same group of phones here.
    world.say(2, Command::Transfer { leg: 0, target: "6003".into() });
    let again = world.take_only("bob", "INVITE");
    assert_eq!(again.header(Name::Diversion), "<sip:6002@carillon.local>;reason=no-answer;counter=1");
    assert_eq!(
        again.header(Name::HistoryInfo),
        "<sip:6002@carillon.local>;index=1, <sip:6003@carillon.local;cause=408>;index=1.1"
    );
    world.reply("bob", &again, 486);
    world.say(3, Command::HangUp { leg: 0, status: 0 });
    world.hung_up("alice");
    world.finish();
}

fn ends_at_application(mut world: World, sent: &Got) {
    let refused = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", sent, Some(&refused));
    world.told(&["2 ended Application"]);
    world.finish();
}

#[test]
fn a_call_that_cannot_be_conducted_is_refused_before_a_phone_rings_that_forwards_to_an_application() {
    let mut world = to_menu("bob forward-busy 7000");
    world.register(&["alice", "bob"]);
    let headers = format!("Require: precondition\r\n{SDP}");
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", &headers, "alice");
    assert!(!world.has_mail("bob"));
    ends(world, &sent, "420");
}

#[test]
fn a_caller_who_gives_up_before_the_application_is_reached_ends_it_all() {
    let mut world = to_menu("bob forward-no-answer 7000");
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "6002");
    let bob = world.take("bob");
    world.reply("bob", &bob, 180);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.take("alice");
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &bob, 487);
    world.told(&[]);
    ends(world, &sent, "487");
}
