//! The steps of the dial plan: who rings when, and what comes then.

use std::sync::Arc;

use sip::transport::Transport;

use super::services::Pace;
use super::world::{Setup, World};
use crate::config::ProxyConfig;
use crate::core::route::{Call, Decision, Routes, Step, Strategy};

pub struct Fixed(pub Vec<Step>);

impl Routes for Fixed {
    fn decide(&self, _call: &Call<'_>) -> Decision {
        Decision { rule: "test".into(), steps: self.0.clone().into() }
    }
}

pub fn ring(users: &[&str], seconds: Option<u32>, strategy: Strategy) -> Step {
    Step::Ring { users: users.iter().map(|user| Arc::from(*user)).collect(), seconds, strategy }
}

fn world(steps: Vec<Step>) -> World {
    let mut world = World::with(Setup { routes: Arc::new(Fixed(steps)), ..Setup::default() });
    world.phone("carol", "carol", Transport::Udp, "10.0.0.4:5060");
    world.register(&["alice", "bob", "martin"]);
    world
}

#[test]
fn the_next_step_rings_when_the_seconds_are_over() {
    let steps = vec![ring(&["bob"], Some(10), Strategy::All), ring(&["6003"], None, Strategy::All)];
    let mut world = world(steps);
    world.invite("alice", "100");
    let bob = world.take("bob");
    world.reply("bob", &bob, 180);
    world.wait(10_010);
    let cancel = world.take("bob");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &bob, 487);
    let martin = world.take("martin");
    world.reply("martin", &martin, 180);
    world.reply("martin", &martin, 200);
    world.expect(
        "0     alice  > INVITE
         0     alice  < 100
         0     bob    < INVITE
         0     bob    > 180
         0     alice  < 180
         10000 bob    < CANCEL
         10000 martin < INVITE
         10010 bob    > 200
         10010 bob    > 487
         10010 bob    < ACK
         10010 martin > 180
         10010 alice  < 180
         10010 martin > 200
         10010 alice  < 200",
    );
    world.finish();
}

#[test]
fn the_next_step_rings_at_once_when_all_have_refused() {
    let steps =
        vec![ring(&["bob", "nobody"], Some(10), Strategy::All), ring(&["martin"], None, Strategy::All)];
    let mut world = world(steps);
    let sent = world.invite("alice", "100");
    let bob = world.take("bob");
    world.reply("bob", &bob, 486);
    let martin = world.take("martin");
    world.reply("martin", &martin, 404);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn a_late_answer_of_an_earlier_step_wins() {
    let steps = vec![ring(&["bob"], Some(5), Strategy::All), ring(&["martin"], None, Strategy::All)];
    let mut world = world(steps);
    world.invite("alice", "100");
    let bob = world.take("bob");
    world.reply("bob", &bob, 180);
    world.wait(5_010);
    let martin = world.take("martin");
    world.reply("martin", &martin, 180);
    world.reply("bob", &bob, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    let cancel = world.take_only("martin", "CANCEL");
    world.reply("martin", &cancel, 200);
    world.reply("martin", &martin, 487);
    world.finish();
}

#[test]
fn in_order_each_one_rings_for_the_seconds() {
    let steps = vec![
        ring(&["bob", "martin"], Some(5), Strategy::InOrder),
        Step::Answer { status: 480, reason: Some("Nobody Is In".into()) },
    ];
    let mut world = world(steps);
    let sent = world.invite("alice", "100");
    for who in ["bob", "martin"] {
        let invite = world.take(who);
        assert!(who == "martin" || !world.has_mail("martin"));
        world.reply(who, &invite, 180);
        world.wait(5_010);
        let cancel = world.take(who);
        world.reply(who, &cancel, 200);
        world.reply(who, &invite, 487);
    }
    let last = world.take_only("alice", "480");
    assert!(last.text().starts_with("SIP/2.0 480 Nobody Is In"), "{}", last.text());
    world.hop_by_hop("alice", "ACK", &sent, Some(&last));
    world.finish();
}

#[test]
fn a_step_may_only_answer() {
    let mut world = world(vec![Step::Answer { status: 604, reason: None }]);
    let sent = world.invite("alice", "100");
    let answer = world.take_only("alice", "604");
    world.hop_by_hop("alice", "ACK", &sent, Some(&answer));
    world.finish();
}

#[test]
fn a_phone_that_is_dead_does_not_hold_up_the_end() {
    let steps = vec![ring(&["bob"], Some(5), Strategy::All), ring(&["martin"], None, Strategy::All)];
    let mut world = world(steps);
    let sent = world.invite("alice", "100");
    world.wait(5_010);
    let martin = world.take("martin");
    world.reply("martin", &martin, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn a_decline_ends_the_call_or_only_its_step() {
    for (ends_call, told) in [(true, 603), (false, 200)] {
        let steps = vec![ring(&["bob"], None, Strategy::All), ring(&["martin"], None, Strategy::All)];
        let config = ProxyConfig { decline_ends_call: ends_call, ..ProxyConfig::default() };
        let mut world = World::with(Setup { config, routes: Arc::new(Fixed(steps)) });
        world.register(&["alice", "bob", "martin"]);
        let sent = world.invite("alice", "100");
        let bob = world.take("bob");
        world.reply("bob", &bob, 603);
        if !ends_call {
            let martin = world.take("martin");
            world.reply("martin", &martin, 200);
        }
        let answer = world.take_only("alice", &told.to_string());
        if ends_call {
            world.hop_by_hop("alice", "ACK", &sent, Some(&answer));
        }
        world.finish();
    }
}

#[test]
fn services_that_answer_late_or_in_another_order_change_nothing() {
    let mut world = world(vec![ring(&["martin", "bob"], None, Strategy::InOrder)]);
    world.services.pace = Pace::Held;
    let sent = world.invite("alice", "100");
    world.wait(500);
    for _ in 0..5 {
        let last = world.services.answers.pop_back();
        if let Some((_, ticket, answer)) = last {
            let input = crate::core::effect::Input::Answered(ticket, answer);
            world.edge.handle(world.now, input, &mut world.services);
        }
    }
    world.services.pace = Pace::Now;
    world.release();
    let martin = world.take("martin");
    assert!(!world.has_mail("bob"));
    world.reply("martin", &martin, 486);
    let bob = world.take("bob");
    world.reply("bob", &bob, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn a_directory_that_never_answers_ends_in_500() {
    let mut world = world(vec![ring(&["bob"], None, Strategy::All)]);
    world.services.pace = Pace::Held;
    let sent = world.invite("alice", "100");
    let (_, ticket, answer) = world.services.answers.pop_front().expect("the caller's credentials");
    let input = crate::core::effect::Input::Answered(ticket, answer);
    world.edge.handle(world.now, input, &mut world.services);
    world.wait(2_100);
    let failed = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&failed));
    assert_eq!(world.edge.counters().questions_unanswered, 1);
    world.services.answers.clear();
    world.finish();
}
