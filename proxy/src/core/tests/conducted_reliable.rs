//! Reliable provisional responses (RFC 3262) of conducted calls: each leg has its own.

use sip::message::Name;

use super::conducted::{SDP, body};
use super::phone::{Dialog, Got};
use super::services::Pace;
use super::world::World;

const REQUIRED: &str = "Require: 100rel\r\nContent-Type: application/sdp\r\n";

impl World {
    /// An INVITE whose caller requires PRACK.
    fn demand(&mut self) -> (Got, Got) {
        self.register(&["alice", "bob"]);
        let sent = self.request("alice", "INVITE", "sip:bob@carillon.local", REQUIRED, "alice");
        (sent, self.take("bob"))
    }

    /// Acknowledges a provisional response.
    fn prack(&mut self, caller: &mut Dialog, response: &Got) {
        let rack = format!("RAck: {} {}\r\n", response.header(Name::RSeq), response.header(Name::CSeq));
        let text = self.at("alice").in_dialog(caller, "PRACK", &rack);
        self.send("alice", &text);
    }
}

fn invited(dialog: &Dialog, sent: &Got) -> Dialog {
    let number = sent.message().cseq().map_or(0, |cseq| cseq.number);
    Dialog { cseq: number, ..dialog.clone() }
}

#[test]
fn a_caller_who_requires_it_hears_of_ringing_until_his_prack() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    assert_eq!(invite.message().count(Name::Require), 0, "each leg agrees by itself");
    assert!(invite.elements(Name::Supported).contains(&"100rel".to_owned()));
    world.reply("bob", &invite, 180);
    let ringing = world.take_only("alice", "180");
    assert_eq!(ringing.header(Name::Require), "100rel");
    world.wait(1600);
    let mut caller = Dialog::of_caller(&ringing);
    world.prack(&mut caller, &ringing);
    world.wait(60_000);
    world.expect(
        "0    alice > INVITE
         0    alice < 100
         0    bob   < INVITE
         0    bob   > 180
         0    alice < 180
         500  alice < 180
         1500 alice < 180
         1600 alice > PRACK
         1600 alice < 200",
    );
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("alice", "200");
    let ok = world.take_only("alice", "200");
    assert_eq!(ok.header(Name::CSeq), sent.header(Name::CSeq));
    world.within("alice", &mut invited(&caller, &sent), "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn each_provisional_response_waits_for_the_one_before() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply("bob", &invite, 180);
    world.reply_sdp("bob", &invite, 183, "early");
    let ringing = world.take_only("alice", "180");
    assert!(!world.has_mail("alice"));
    let mut caller = Dialog::of_caller(&ringing);
    world.prack(&mut caller, &ringing);
    world.take_only("alice", "200");
    let early = world.take("alice");
    assert_eq!((early.status(), body(&early)), (183, "early via media".to_owned()));
    let number = |got: &Got| got.header(Name::RSeq).parse::<u32>().expect("a number");
    assert_eq!(number(&early), number(&ringing) + 1);
    world.prack(&mut caller, &early);
    world.take_only("alice", "200");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    world.finish();
}

#[test]
fn the_answer_waits_for_the_prack_of_early_media() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply_sdp("bob", &invite, 183, "early");
    let early = world.take_only("alice", "183");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("bob", "ACK");
    assert!(!world.has_mail("alice"), "RFC 3262 §3");
    let mut caller = Dialog::of_caller(&early);
    world.prack(&mut caller, &early);
    world.take_only("alice", "200");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob via media");
    world.within("alice", &mut invited(&caller, &sent), "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_caller_who_cancels_while_the_answer_waits_gets_487() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply_sdp("bob", &invite, 183, "early");
    world.take_only("alice", "183");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let terminated = world.take_only("alice", "487");
    world.hop_by_hop("alice", "ACK", &sent, Some(&terminated));
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.finish();
}

#[test]
fn without_a_prack_the_call_is_refused() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply("bob", &invite, 180);
    world.wait(32_000);
    let refused = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    world.finish();
}

#[test]
fn without_a_prack_an_answer_that_waits_is_taken_back() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply_sdp("bob", &invite, 183, "early");
    world.wait(20_000);
    world.reply_sdp("bob", &invite, 200, "bob");
    world.wait(12_000);
    let refused = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.finish();
}

#[test]
fn a_prack_of_nothing_is_refused() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply("bob", &invite, 180);
    let ringing = world.take_only("alice", "180");
    let mut caller = Dialog::of_caller(&ringing);
    let text = world.at("alice").in_dialog(&mut caller, "PRACK", "RAck: 7 1 INVITE\r\n");
    world.send("alice", &text);
    world.take_only("alice", "481");
    world.prack(&mut caller, &ringing);
    world.take_only("alice", "200");
    world.prack(&mut caller, &ringing);
    world.take_only("alice", "481");
    world.reply("bob", &invite, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn a_late_offer_rings_without_a_word_since_none_could_be_described() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", "Require: 100rel\r\n", "");
    let invite = world.take("bob");
    assert!(!invite.elements(Name::Supported).contains(&"100rel".to_owned()), "RFC 3262 §5");
    world.reply("bob", &invite, 180);
    assert_eq!(world.take("alice").status(), 100);
    assert!(!world.has_mail("alice"));
    world.reply("bob", &invite, 486);
    let busy = world.take_only("alice", "486");
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    world.finish();
}

#[test]
fn a_phone_that_rings_reliably_gets_its_prack_from_us() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    let reliable = |rseq: u32| format!("Require: 100rel\r\nRSeq: {rseq}\r\n");
    world.reply_with("bob", &invite, 180, &reliable(41));
    let prack = world.take_only("bob", "PRACK");
    assert_eq!(
        (prack.header(Name::RAck), prack.header(Name::CSeq)),
        ("41 1 INVITE".into(), "2 PRACK".into())
    );
    assert_eq!(prack.uri(), "sip:bob@10.0.0.2:5060");
    world.reply("bob", &prack, 200);
    // It came again, and one is missing: neither is acknowledged.
    world.reply_with("bob", &invite, 180, &reliable(41));
    world.reply_with("bob", &invite, 180, &reliable(43));
    assert!(!world.has_mail("bob"));
    let text = world.at("bob").response(&invite, 183, &format!("{}{SDP}", reliable(42)), "early");
    world.send("bob", &text);
    let prack = world.take_only("bob", "PRACK");
    assert_eq!(prack.header(Name::CSeq), "3 PRACK");
    world.reply("bob", &prack, 200);
    assert_eq!(world.take_only("alice", "180").message().count(Name::RSeq), 0);
    assert_eq!(body(&world.take_only("alice", "183")), "early via media");
    world.reply_sdp("bob", &invite, 200, "bob");
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    world.within("alice", &mut caller, "BYE");
    let bye = world.take_only("bob", "BYE");
    assert_eq!(bye.header(Name::CSeq), "4 BYE", "numbers go on behind the PRACKs");
    world.reply("bob", &bye, 200);
    world.finish();
}

impl World {
    /// The same with an offer.
    fn prack_offering(&mut self, caller: &mut Dialog, response: &Got, sdp: &str) {
        let rack = format!("RAck: {} {}\r\n{SDP}", response.header(Name::RSeq), response.header(Name::CSeq));
        let text = self.at("alice").in_dialog(caller, "PRACK", &rack);
        let length = format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len());
        self.send("alice", &text.replace("Content-Length: 0\r\n\r\n", &length));
    }
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply_sdp("bob", &invite, 183, "early");
    let early = world.take_only("alice", "183");
    let mut caller = Dialog::of_caller(&early);
    world.services.media.clear();
    world.prack_offering(&mut caller, &early, "another");
    let ok = world.take_only("alice", "200");
    assert_eq!((body(&ok), ok.header(Name::CSeq).contains("PRACK")), ("media answers".to_owned(), true));
    assert_eq!(world.services.media, ["attend 0 offer another", "bridge 0 1"]);
    world.reply_sdp("bob", &invite, 200, "bob");
    let ok = world.take_only("alice", "200");
    assert_eq!(ok.header(Name::CSeq), sent.header(Name::CSeq));
    world.within("alice", &mut invited(&caller, &sent), "ACK");
    world.take_only("bob", "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn the_answer_to_the_invite_waits_for_that_to_the_offer_in_a_prack() {
    for refused in [false, true] {
        let mut world = World::conducted();
        let (sent, invite) = world.demand();
        world.reply_sdp("bob", &invite, 183, "early");
        let early = world.take_only("alice", "183");
        let mut caller = Dialog::of_caller(&early);
        world.services.pace = Pace::Held;
        world.prack_offering(&mut caller, &early, if refused { "broken" } else { "another" });
        // One acknowledgement is enough, whatever else names the response.
        world.prack(&mut caller, &early);
        world.take_only("alice", "481");
        world.reply_sdp("bob", &invite, 200, "bob");
        world.take_only("bob", "ACK");
        assert!(!world.has_mail("alice"));
        world.wait(1_000);
        world.services.pace = Pace::Now;
        world.release();
        let first = world.take("alice");
        assert_eq!(
            (first.status(), first.header(Name::CSeq).contains("PRACK")),
            (if refused { 488 } else { 200 }, true)
        );
        let ok = world.take_only("alice", "200");
        assert_eq!(ok.header(Name::CSeq), sent.header(Name::CSeq));
        world.within("alice", &mut invited(&caller, &sent), "ACK");
        world.say_goodbye(&mut caller);
        world.finish();
    }
}

#[test]
fn who_cancels_while_the_offer_in_his_prack_is_looked_at_gets_487_for_both() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply_sdp("bob", &invite, 183, "early");
    let early = world.take_only("alice", "183");
    world.services.pace = Pace::Held;
    world.prack_offering(&mut Dialog::of_caller(&early), &early, "another");
    world.hop_by_hop("alice", "CANCEL", &sent, None);
    let cancel = world.take_only("bob", "CANCEL");
    world.reply("bob", &cancel, 200);
    world.reply("bob", &invite, 487);
    let mut statuses = Vec::new();
    while world.has_mail("alice") {
        let got = world.take("alice");
        statuses
            .push((got.status(), got.header(Name::CSeq).rsplit(' ').next().unwrap_or_default().to_owned()));
        if statuses.last().is_some_and(|(status, method)| *status == 487 && method == "INVITE") {
            world.hop_by_hop("alice", "ACK", &sent, Some(&got));
        }
    }
    let of = |status, method: &str| (status, method.to_owned());
    assert_eq!(statuses, [of(200, "CANCEL"), of(487, "INVITE"), of(487, "PRACK")]);
    world.services.pace = Pace::Now;
    world.release();
    world.finish();
}

#[test]
fn an_offer_in_a_prack_while_that_of_the_invite_is_open_is_refused_alone() {
    let mut world = World::conducted();
    let (sent, invite) = world.demand();
    world.reply("bob", &invite, 180);
    let ringing = world.take_only("alice", "180");
    let mut caller = Dialog::of_caller(&ringing);
    world.prack_offering(&mut caller, &ringing, "another");
    world.take_only("alice", "488");
    world.reply_sdp("bob", &invite, 200, "bob");
    world.take_only("alice", "200");
    world.within("alice", &mut invited(&caller, &sent), "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}
