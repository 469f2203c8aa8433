//! Conducted calls: two dialogs that say the same (RFC 3261 §12, §13), with the media server between them.

use sip::message::Name;
use sip::transport::{ConnectionId, Transport};

use super::phone::{Dialog, Got};
use super::world::{Who, World};

pub const SDP: &str = "Content-Type: application/sdp\r\n";

impl World {
    /// INVITEs with an offer.
    pub fn offer(&mut self, who: Who, user: &str) -> Got {
        self.request(who, "INVITE", &format!("sip:{user}@carillon.local"), SDP, "alice")
    }

    /// Answers with a body.
    pub fn reply_sdp(&mut self, who: Who, request: &Got, status: u16, body: &str) {
        let text = self.at(who).response(request, status, SDP, body);
        self.send(who, &text);
    }

    /// Sends a request with a body inside a dialog.
    pub fn within_sdp(&mut self, who: Who, dialog: &mut Dialog, method: &str, body: &str) -> Got {
        let text = self.at(who).in_dialog(dialog, method, SDP);
        let text = text
            .replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.send(who, &text);
        Got(text.into_bytes())
    }

    /// A call that stands: the caller's dialog and the callee's.
    pub fn talk(&mut self) -> (Dialog, Dialog) {
        self.register(&["alice", "bob"]);
        self.offer("alice", "bob");
        let invite = self.take("bob");
        self.reply_sdp("bob", &invite, 200, "bob");
        let ok = self.take_only("alice", "200");
        let mut caller = Dialog::of_caller(&ok);
        self.within("alice", &mut caller, "ACK");
        let callee = Dialog::of_callee(&invite, &self.at("bob").clone());
        self.take_only("bob", "ACK");
        self.ladder();
        self.services.media.clear();
        (caller, callee)
    }

    /// Ends a call that stands by BYE of the caller.
    pub fn say_goodbye(&mut self, caller: &mut Dialog) {
        self.within("alice", caller, "BYE");
        self.take_only("alice", "200");
        let bye = self.take_only("bob", "BYE");
        self.reply("bob", &bye, 200);
    }
}

pub fn body(got: &Got) -> String {
    String::from_utf8_lossy(got.message().body()).into_owned()
}

#[test]
fn an_extension_that_a_leg_of_ours_does_not_do_is_named() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let headers = format!("Require: precondition, x-phones\r\n{SDP}");
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", &headers, "alice");
    let refused = world.take_only("alice", "420");
    assert!(refused.text().contains("Unsupported: precondition\r\n"), "{}", refused.text());
    assert!(!world.has_mail("bob"));
    world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
    world.finish();
}

#[test]
fn each_phone_is_told_what_its_leg_does_beside_what_the_other_phone_does() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let headers =
        format!("Allow: INVITE, ACK, BYE, UPDATE\r\nSupported: norefersub\r\nRequire: replaces\r\n{SDP}");
    world.request("alice", "INVITE", "sip:bob@carillon.local", &headers, "alice");
    let invite = world.take("bob");
    assert_eq!(invite.elements(Name::Allow).join(" "), "INVITE ACK BYE UPDATE PRACK REFER");
    for tag in ["norefersub", "replaces"] {
        assert!(invite.elements(Name::Supported).contains(&tag.to_owned()), "{}", invite.text());
    }
    let text =
        world.at("bob").response(&invite, 200, &format!("Allow: INVITE, ACK, BYE, REFER\r\n{SDP}"), "bob");
    world.send("bob", &text);
    let ok = world.take_only("alice", "200");
    assert_eq!(ok.elements(Name::Allow).join(" "), "INVITE ACK BYE REFER PRACK");
    assert_eq!(ok.elements(Name::Supported), ["replaces"]);
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    world.take_only("bob", "ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_call_from_invite_to_bye() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.offer("alice", "bob");
    let invite = world.take("bob");
    assert_ne!(invite.header(Name::CallId), sent.header(Name::CallId));
    assert_eq!(invite.elements(Name::Via).len(), 1, "the phone sees us, and nobody behind us");
    assert_eq!(invite.message().count(Name::RecordRoute), 0);
    assert_eq!(invite.header(Name::MaxForwards), "69");
    assert_eq!(body(&invite), "alice via media");
    world.reply("bob", &invite, 180);
    world.wait(2000);
    world.reply_sdp("bob", &invite, 200, "bob");
    let ringing = world.take_only("alice", "180");
    let ok = world.take("alice");
    assert_eq!(body(&ok), "bob via media");
    assert_eq!(ok.header(Name::To), ringing.header(Name::To), "one To-tag");
    assert_eq!(ok.header(Name::CallId), sent.header(Name::CallId));
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    let ack = world.take("bob");
    assert_eq!(ack.header(Name::CSeq), "1 ACK");
    assert_eq!(world.edge.calls(world.now)[0].state, "talking");
    world.wait(60_000);
    world.within("alice", &mut caller, "BYE");
    let bye = world.take("bob");
    world.reply("bob", &bye, 200);
    world.expect(
        "0     alice > INVITE
         0     alice < 100
         0     bob   < INVITE
         0     bob   > 180
         0     alice < 180
         2000  bob   > 200
         2000  bob   < ACK
         2000  alice < 200
         2000  alice > ACK
         62000 alice > BYE
         62000 alice < 200
         62000 bob   < BYE
         62000 bob   > 200",
    );
    let asked = ["offer 0.0 1.0 alice", "answer 1.0 0.0 bob", "release"];
    assert_eq!(world.services.media, asked);
    world.finish();
}

#[test]
fn the_called_one_hangs_up_and_says_why() {
    let mut world = World::conducted();
    let (_, mut callee) = world.talk();
    let text = world.at("bob").in_dialog(&mut callee, "BYE", "Reason: Q.850;cause=16\r\n");
    world.send("bob", &text);
    let bye = world.take_only("alice", "BYE");
    assert_eq!(bye.header(Name::Reason), "Q.850;cause=16");
    assert_eq!(bye.uri(), "sip:alice@10.0.0.1:5060");
    world.reply("alice", &bye, 200);
    world.expect(
        "0 bob   > BYE
         0 bob   < 200
         0 alice < BYE
         0 alice > 200",
    );
    world.finish();
}

#[test]
fn the_early_media_of_one_phone_are_heard() {
    let mut world = World::conducted();
    world.phone("bob2", "bob", sip::transport::Transport::Udp, "10.0.0.22:5060");
    world.register(&["alice", "bob", "bob2"]);
    world.offer("alice", "bob");
    let (first, second) = (world.take("bob"), world.take("bob2"));
    world.reply_sdp("bob2", &second, 183, "early");
    world.reply_sdp("bob", &first, 183, "other");
    world.reply("bob", &first, 180);
    let early = world.take_only("alice", "183");
    assert_eq!(body(&early), "early via media");
    assert!(body(&world.take_only("alice", "180")).is_empty());
    assert!(!world.has_mail("alice"), "a second 183 would say nothing");
    world.reply_sdp("bob", &first, 200, "bob");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob via media");
    let mut caller = Dialog::of_caller(&ok);
    world.within("alice", &mut caller, "ACK");
    let cancel = world.take_only("bob2", "CANCEL");
    world.reply("bob2", &cancel, 200);
    world.reply("bob2", &second, 487);
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.invite("alice", "bob");
    let invite = world.take("bob");
    assert!(body(&invite).is_empty());
    world.reply_sdp("bob", &invite, 200, "bob offers");
    let ok = world.take_only("alice", "200");
    assert_eq!(body(&ok), "bob offers via media");
    assert!(!world.has_mail("bob"), "our ACK waits for the answer");
    let mut caller = Dialog::of_caller(&ok);
    world.within_sdp("alice", &mut caller, "ACK", "alice answers");
    let ack = world.take_only("bob", "ACK");
    assert_eq!(body(&ack), "alice answers via media");
    assert_eq!(world.services.media, ["offer 1.0 0.0 bob offers", "answer 0.0 1.0 alice answers"]);
    world.reply_sdp("bob", &invite, 200, "bob offers");
    assert_eq!(world.take("bob"), ack, "a repeated 2xx gets the same ACK");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn all_failures_become_one() {
    let mut world = World::conducted();
    world.phone("bob2", "bob", sip::transport::Transport::Udp, "10.0.0.22:5060");
    world.register(&["alice", "bob", "bob2"]);
    let sent = world.offer("alice", "bob");
    let (first, second) = (world.take("bob"), world.take("bob2"));
    world.reply("bob", &first, 180);
    world.reply("bob2", &second, 404);
    world.reply_with("bob", &first, 486, "Warning: 399 bob \"away\"\r\n");
    let ringing = world.take_only("alice", "180");
    let busy = world.take("alice");
    assert_eq!(busy.status(), 486);
    assert_eq!(busy.header(Name::Warning), "399 bob \"away\"");
    assert_eq!(busy.header(Name::To), ringing.header(Name::To), "one To-tag");
    assert_eq!(busy.header(Name::CallId), sent.header(Name::CallId));
    assert_eq!(busy.elements(Name::Via).len(), 1);
    world.hop_by_hop("alice", "ACK", &sent, Some(&busy));
    assert_eq!(world.services.media.last().map(String::as_str), Some("release"));
    world.finish();
}

#[test]
fn a_redirection_rings_the_other_phone() {
    let mut world = World::conducted();
    world.register(&["alice", "bob", "martin"]);
    world.offer("alice", "bob");
    let invite = world.take("bob");
    let text = world.at("bob").response(&invite, 302, "", "");
    let text = text.replace("<sip:bob@10.0.0.2:5060>", "<sip:martin@carillon.local>");
    world.send("bob", &text);
    let second = world.take("martin");
    assert_ne!(second.header(Name::CallId), invite.header(Name::CallId), "a leg of its own");
    world.reply_sdp("martin", &second, 200, "martin");
    let mut caller = Dialog::of_caller(&world.take_only("alice", "200"));
    world.within("alice", &mut caller, "ACK");
    world.within("alice", &mut caller, "BYE");
    world.take_only("martin", "ACK");
    let bye = world.take_only("martin", "BYE");
    world.reply("martin", &bye, 200);
    world.finish();
}

#[test]
fn a_phone_is_put_on_hold_and_back() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    for (offer, answer) in [("hold", "held"), ("resume", "resumed")] {
        world.within_sdp("alice", &mut caller, "INVITE", offer);
        let invite = world.take_only("bob", "INVITE");
        assert_eq!(body(&invite), format!("{offer} via media"));
        world.reply_sdp("bob", &invite, 200, answer);
        let ok = world.take_only("alice", "200");
        assert_eq!(body(&ok), format!("{answer} via media"));
        world.within("alice", &mut caller, "ACK");
        world.take_only("bob", "ACK");
    }
    world.expect(
        "0 alice > INVITE
         0 alice < 100
         0 bob   < INVITE
         0 bob   > 200
         0 bob   < ACK
         0 alice < 200
         0 alice > ACK
         0 alice > INVITE
         0 alice < 100
         0 bob   < INVITE
         0 bob   > 200
         0 bob   < ACK
         0 alice < 200
         0 alice > ACK",
    );
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_late_offer_within_the_call() {
    let mut world = World::conducted();
    let (mut caller, _) = world.talk();
    world.within("alice", &mut caller, "INVITE");
    let invite = world.take_only("bob", "INVITE");
    world.reply_sdp("bob", &invite, 200, "bob offers");
    assert_eq!(body(&world.take_only("alice", "200")), "bob offers via media");
    world.within_sdp("alice", &mut caller, "ACK", "alice answers");
    assert_eq!(body(&world.take_only("bob", "ACK")), "alice answers via media");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn other_requests_cross_and_their_answers_come_back() {
    let mut world = World::conducted();
    let (mut caller, mut callee) = world.talk();
    for method in ["INFO", "MESSAGE", "OPTIONS", "NOTIFY", "UPDATE"] {
        let text = world.at("bob").in_dialog(&mut callee, method, "X-Tone: 5\r\n");
        world.send("bob", &text);
        let request = world.take_only("alice", method);
        assert_eq!(request.message().unknown(b"X-Tone"), Some(&b"5"[..]));
        assert_eq!(request.header(Name::MaxForwards), "69");
        world.reply_with("alice", &request, 202, "X-Answer: yes\r\n");
        let answer = world.take_only("bob", "202");
        assert_eq!(answer.message().unknown(b"X-Answer"), Some(&b"yes"[..]));
    }
    world.within_sdp("alice", &mut caller, "UPDATE", "more");
    let update = world.take_only("bob", "UPDATE");
    assert_eq!(body(&update), "more via media");
    world.reply_sdp("bob", &update, 200, "good");
    assert_eq!(body(&world.take_only("alice", "200")), "good via media");
    world.say_goodbye(&mut caller);
    world.finish();
}

#[test]
fn a_call_without_media_needs_no_media_server() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    world.request("alice", "INVITE", "sip:bob@carillon.local", "Content-Type: text/x\r\n", "hello");
    let invite = world.take("bob");
    assert_eq!(body(&invite), "hello");
    world.reply("bob", &invite, 486);
    let busy = world.take_only("alice", "486");
    let sent = invite.header(Name::CallId);
    assert_ne!(busy.header(Name::CallId), sent);
    assert!(world.services.media.is_empty());
    world.several_finals = true;
    world.finish();
}

#[test]
fn media_that_cannot_be_described_end_the_call() {
    let mut world = World::conducted();
    world.register(&["alice", "bob"]);
    let sent = world.request("alice", "INVITE", "sip:bob@carillon.local", SDP, "broken");
    let failed = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&failed));
    assert!(!world.has_mail("bob"), "no phone rings for it");
    let sent = world.offer("alice", "bob");
    let invite = world.take("bob");
    world.reply_sdp("bob", &invite, 200, "broken");
    let failed = world.take_only("alice", "500");
    world.hop_by_hop("alice", "ACK", &sent, Some(&failed));
    world.take_only("bob", "ACK");
    let bye = world.take_only("bob", "BYE");
    world.reply("bob", &bye, 200);
    world.finish();
}

#[test]
fn nat_is_looked_for_at_every_phone_that_may_be_rung() {
    use super::plan::{Fixed, ring};
    use crate::config::{Anchor, ProxyConfig};
    use crate::core::route::Strategy;
    let one = || ring(&["bob"], Some(5), Strategy::All);
    for (steps, conducted) in [(vec![one()], 0), (vec![one(), ring(&["martin"], None, Strategy::All)], 1)] {
        let config = ProxyConfig { anchor: Some(Anchor::Nat), ..ProxyConfig::default() };
        let routes = std::sync::Arc::new(Fixed(steps));
        let mut world = World::with(super::world::Setup { config, routes });
        world.register(&["alice", "bob"]);
        let sent = world.offer("alice", "100");
        assert_eq!(world.edge.counters().calls_conducted, conducted);
        let invite = world.take("bob");
        world.reply("bob", &invite, 603);
        let refused = world.take_only("alice", "603");
        world.hop_by_hop("alice", "ACK", &sent, Some(&refused));
        world.finish();
    }
}

#[test]
fn a_phone_that_connects_anew_is_reached_where_it_is() {
    for over in [Transport::Tcp, Transport::Udp] {
        let mut world = World::conducted();
        // Behind NAT where it is UDP: its Contact leads nowhere.
        world.phone("soft", "alice", over, "10.0.0.20:40000");
        world.at("soft").local = "192.168.1.20:5060".parse().expect("an address");
        world.register(&["soft", "bob"]);
        world.offer("soft", "bob");
        let invite = world.take("bob");
        world.reply_sdp("bob", &invite, 200, "bob");
        let ok = world.take_only("soft", "200");
        let (mut caller, mut callee) =
            (Dialog::of_caller(&ok), Dialog::of_callee(&invite, &world.at("bob").clone()));
        world.within("soft", &mut caller, "ACK");
        world.take_only("bob", "ACK");
        world.hang_up("soft");
        let phone = world.at("soft");
        phone.address = "10.0.0.20:40007".parse().expect("an address");
        phone.connection = over.is_reliable().then_some(ConnectionId { slot: 77, generation: 1 });
        world.within_sdp("soft", &mut caller, "INVITE", "moved");
        let moved = world.take_only("bob", "INVITE");
        world.reply_sdp("bob", &moved, 200, "moved too");
        world.take_only("soft", "200");
        world.within("soft", &mut caller, "ACK");
        world.take_only("bob", "ACK");
        world.within("bob", &mut callee, "BYE");
        world.take_only("bob", "200");
        let bye = world.take_only("soft", "BYE");
        world.reply("soft", &bye, 200);
        world.finish();
    }
}
