//! CANCEL (RFC 3261 §9, §16.10; RFC 3665 §3.8).

use sip::message::Name;

use super::phone::Dialog;
use super::services::Pace;
use super::world::World;

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.wait(3000);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take("bob");
    assert_eq!(cancel.header(Name::Via), invite.elements(Name::Via)[0], "it is cancelled by its own branch");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.expect(
        "0    alice > INVITE
         0    alice < 100
         0    bob   < INVITE
         0    bob   > 180
         0    alice < 180
         3000 alice > CANCEL
         3000 alice < 200
         3000 bob   < CANCEL
         3000 bob   > 200
         3000 bob   > 487
         3000 bob   < ACK
         3000 alice < 487
         3000 alice > ACK",
    );
    world.finish();
}

#[test]
fn a_repeated_cancel_is_answered_from_its_own_transaction() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.ladder();
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take("bob");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.expect(
        "0 alice > CANCEL
         0 alice < 200
         0 bob   < CANCEL
         0 alice > CANCEL
         0 alice < 200
         0 bob   > 200
         0 bob   > 487
         0 bob   < ACK
         0 alice < 487
         0 alice > ACK",
    );
    world.finish();
}

#[test]
fn a_cancel_before_any_response_waits_for_one() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.ladder();
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.wait(100);
    world.reply("bob", &invite, 180);
    let cancel = world.take("bob");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    world.expect(
        "0   alice > CANCEL
         0   alice < 200
         0   alice < 487
         0   alice > ACK
         100 bob   > 180
         100 bob   < CANCEL
         100 bob   > 200
         100 bob   > 487
         100 bob   < ACK",
    );
    world.finish();
}

#[test]
fn a_cancel_while_a_service_thinks_is_answered_at_once() {
    // One question after the other: who calls, who is called, where he is.
    for answered in 0..3 {
        let mut world = World::new();
        world.register(&["alice", "bob"]);
        world.services.pace = Pace::Held;
        let sent = world.invite("alice", "bob");
        for _ in 0..answered {
            let (_, ticket, answer) = world.services.answers.pop_front().expect("a question");
            let input = crate::core::effect::Input::Answered(ticket, answer);
            world.edge.handle(world.now, input, &mut world.services);
        }
        world.ladder();
        world.hop_by_hop("alice", "CANCEL", &sent, None);
        let terminated = world.take_only("alice", "487");
        world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
        world.release();
        world.expect(
            "0 alice > CANCEL
             0 alice < 200
             0 alice < 487
             0 alice > ACK",
        );
        assert_eq!(world.edge.counters().late_answers, 1, "after {answered} answers");
        world.finish();
    }
}

#[test]
fn a_2xx_that_crosses_the_cancel_wins() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take("bob");
    world.reply("bob", &invite, 200);
    world.reply("bob", &cancel, 200);
    let answer = world.take_only("alice", "200");
    assert!(answer.header(Name::CSeq).ends_with("CANCEL"));
    let answer = world.take_only("alice", "200");
    assert!(answer.header(Name::CSeq).ends_with("INVITE"));
    let mut caller = Dialog::of_caller(&answer);
    world.within("alice", &mut caller, "ACK");
    assert_eq!(world.take("bob").message().method().unwrap().as_str(), "ACK");
    world.finish();
}

#[test]
fn a_cancel_that_matches_nothing_is_answered_481() {
    let mut world = World::new();
    world.register(&["alice"]);
    let mut text = world.at("alice").request("INVITE", "sip:bob@carillon.local", "", "");
    text = text.replace("INVITE", "CANCEL");
    world.send("alice", &text);
    assert_eq!(world.take("alice").status(), 481);
    world.finish();
}

#[test]
fn the_reason_of_a_cancel_travels() {
    let mut world = World::new();
    world.register(&["alice", "bob"]);
    let sent = world.invite("alice", "bob");
    let invite = world.take("bob");
    world.reply("bob", &invite, 180);
    let via = sent.header(Name::Via);
    let text = format!(
        "CANCEL {} SIP/2.0\r\nVia: {via}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\nContent-Length: 0\r\n\r\n",
        sent.uri(),
        sent.header(Name::From),
        sent.header(Name::To),
        sent.header(Name::CallId),
        sent.header(Name::CSeq).replace("INVITE", "CANCEL"),
    );
    world.send("alice", &text);
    let cancel = world.take("bob");
    assert_eq!(cancel.header(Name::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.finish();
}
