//! Later requests of a dialog: tokens, strict routers, flows that are gone.

use sip::message::Name;
use sip::transport::{ConnectionId, Transport};

use super::phone::{Dialog, Got};
use super::world::World;

/// Alice calls a phone of bob; both sides of the dialog, and the INVITE.
fn talk(world: &mut World, callee: &'static str) -> (Dialog, Dialog, Got) {
    world.invite("alice", "bob");
    let invite = world.take(callee);
    world.reply(callee, &invite, 200);
    let answer = world.take_only("alice", "200");
    let mut caller = Dialog::of_caller(&answer);
    world.within("alice", &mut caller, "ACK");
    world.take_only(callee, "ACK");
    let callee = Dialog::of_callee(&invite, &world.phones[callee]);
    world.ladder();
    (caller, callee, invite)
}

#[test]
fn every_method_passes_in_a_dialog_without_credentials() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let (mut caller, mut callee, _) = talk(&mut world, "bob");
    world.at("alice").challenge = None;
    for method in ["INVITE", "PRACK", "UPDATE", "INFO", "REFER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "BYE"] {
        for (from, to) in [("alice", "bob"), ("bob", "alice")] {
            let dialog = if from == "alice" { &mut caller } else { &mut callee };
            world.within(from, dialog, method);
            let got = world.take_only(to, method);
            assert_eq!(got.header(Name::RecordRoute), "", "{method}");
            world.reply(to, &got, 200);
            let mut ok = world.take(from);
            while ok.status() < 200 {
                ok = world.take(from);
            }
            assert_eq!(ok.status(), 200);
            if method == "INVITE" {
                let dialog = if from == "alice" { &mut caller } else { &mut callee };
                world.within(from, dialog, "ACK");
                world.take_only(to, "ACK");
            }
        }
    }
    world.finish();
}

#[test]
fn a_forged_token_is_no_token() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let (mut caller, _, _) = talk(&mut world, "bob");
    let good = caller.routes[0].clone();
    let token = good.split([':', '@']).nth(1).unwrap().to_owned();
    let forged = if token.ends_with('A') {
        token.replace('A', "B")
    } else {
        format!("{}A", &token[..token.len() - 1])
    };
    caller.routes[0] = good.replace(&token, &forged);
    world.within("alice", &mut caller, "BYE");
    // It is asked who it is, like any request without a token.
    assert_eq!(world.take_only("alice", "407").status(), 407);
    assert!(!world.has_mail("bob"));
    // A token of another dialog is none either; an ACK with one is dropped.
    caller.routes[0] = good;
    caller.call_id = "another".into();
    world.within("alice", &mut caller, "BYE");
    assert_eq!(world.take_only("alice", "407").status(), 407);
    world.within("alice", &mut caller, "ACK");
    assert!(!world.has_mail("bob"));
    assert_eq!((world.edge.counters().forged_tokens, world.edge.counters().stray_acks), (2, 1));
    world.finish();
}

#[test]
fn a_strict_router_is_understood() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let (mut caller, _, _) = talk(&mut world, "bob");
    // RFC 3261 §16.4: it has moved our Route into the Request-URI, and the target to the end of the Routes.
    let ours = caller.routes[0].trim_matches(['<', '>']).to_owned();
    let target = std::mem::replace(&mut caller.target, ours);
    caller.routes = vec![format!("<{target}>")];
    world.within("alice", &mut caller, "BYE");
    let bye = world.take("bob");
    assert_eq!((bye.uri(), bye.header(Name::Route)), (target, String::new()));
    world.reply("bob", &bye, 200);
    assert_eq!(world.take_only("alice", "200").status(), 200);
    world.finish();
}

#[test]
fn a_strict_router_ahead_is_obeyed() {
    let mut world = World::new();
    world.phone("gate", "gate", Transport::Udp, "10.0.0.50:5060");
    world.register(&["alice", "bob"]);
    let (mut caller, _, _) = talk(&mut world, "bob");
    // RFC 3261 §16.6 step 6: a Route without `lr` becomes the Request-URI, and the target goes behind the Routes.
    caller.routes.push("<sip:10.0.0.50>".into());
    world.within("alice", &mut caller, "BYE");
    let bye = world.take("gate");
    assert_eq!(
        (bye.uri(), bye.header(Name::Route)),
        ("sip:10.0.0.50".into(), format!("<{}>", caller.target))
    );
    world.reply("gate", &bye, 200);
    world.finish();
}

#[test]
fn a_phone_that_registered_again_on_a_new_flow_is_found() {
    for (instance, status) in [(";+sip.instance=\"<urn:uuid:7>\"", 200), ("", 200)] {
        let mut world = World::new();
        world.phone("desk", "bob", Transport::Tcp, "10.0.0.20:40000");
        world.at("desk").contact_params = instance.into();
        world.register(&["alice", "desk"]);
        let (mut caller, _, _) = talk(&mut world, "desk");
        world.hang_up("desk");
        world.at("desk").connection = Some(ConnectionId { slot: 99, generation: 1 });
        world.request("desk", "REGISTER", "sip:carillon.local", "", "");
        assert_eq!(world.take_only("desk", "200").status(), 200);
        world.within("alice", &mut caller, "BYE");
        let bye = world.take_only("desk", "BYE");
        world.reply("desk", &bye, status);
        assert_eq!(world.take_only("alice", "200").status(), 200);
        assert_eq!(world.edge.counters().flows_looked_up, 1);
        world.finish();
    }
}

#[test]
fn a_flow_that_is_gone_for_good_is_a_430() {
    let mut world = World::new();
    world.phone("desk", "bob", Transport::Tls, "10.0.0.20:40000");
    world.register(&["alice", "desk"]);
    let (mut caller, _, _) = talk(&mut world, "desk");
    world.hang_up("desk");
    world.services.bindings.clear();
    world.within("alice", &mut caller, "BYE");
    assert_eq!(world.take_only("alice", "430").status(), 430);
    world.finish();
}

#[test]
fn a_subscription_of_a_foreign_package_opens_a_dialog_through_us() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    world.request("alice", "SUBSCRIBE", "sip:bob@carillon.local", "Event: conference\r\n", "");
    let subscribe = world.take("bob");
    assert_eq!(subscribe.elements(Name::RecordRoute).len(), 1);
    world.reply("bob", &subscribe, 202);
    assert_eq!(world.take("alice").status(), 202);
    let mut callee = Dialog::of_callee(&subscribe, &world.phones["bob"]);
    world.within("bob", &mut callee, "NOTIFY");
    let notify = world.take("alice");
    assert_eq!(notify.uri(), "sip:alice@10.0.0.1:5060");
    world.reply("alice", &notify, 200);
    assert_eq!(world.take("bob").status(), 200);
    world.finish();
}
