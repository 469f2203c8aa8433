//! Many calls at once, with phones and services that do what they like: whatever happens, each INVITE gets one
//! final answer and nothing is left behind. A seed makes a run; each runs twice with the same trace.

use sip::message::Method;
use sip::transport::Transport;

use super::phone::Got;
use super::services::Pace;
use super::world::{Who, World};
use crate::core::effect::Input;

/// xorshift64*: chance that is the same on each machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

const CALLEES: [Who; 5] = ["bob", "desk", "soft", "martin", "gone"];

struct Storm {
    world: World,
    chance: Chance,
    /// INVITEs of alice that may be cancelled.
    sent: Vec<Got>,
    /// Requests at phones that were not finally answered.
    open: Vec<(Who, Got)>,
    trace: String,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.several_finals = true;
        world.phone("desk", "bob", Transport::Tcp, "10.0.0.21:40000");
        world.phone("soft", "bob", Transport::Udp, "10.0.0.22:5060");
        world.phone("gone", "martin", Transport::Tls, "10.0.0.23:40000");
        world.at("desk").contact_params = ";q=0.5".into();
        world.at("gone").contact_params = ";q=0.2".into();
        world.register(&["alice", "bob", "desk", "soft", "martin", "gone"]);
        world.services.pace = Pace::Held;
        let chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Self { world, chance, sent: Vec::new(), open: Vec::new(), trace: String::new() }
    }

    fn run(mut self) -> String {
        self.steps();
        if self.chance.one_in(2) {
            self.world.services.answers.clear();
        } else {
            self.world.services.pace = Pace::Now;
            self.world.release();
        }
        self.read_mail();
        self.trace += &self.world.ladder();
        let Self { world, trace, .. } = self;
        world.finish_after(trace)
    }

    fn steps(&mut self) {
        for _ in 0..200 {
            match self.chance.below(64) {
                0..=5 => self.call(),
                6..=8 => self.give_up(),
                9..=34 => self.let_a_service_answer(),
                35..=58 => self.let_a_phone_answer(),
                59..=62 => self.world.wait(10),
                _ => {
                    let long = self.chance.below(12_000) as u64;
                    self.world.wait(long);
                }
            }
            self.read_mail();
        }
    }

    /// [`Storm::run`] with a fuse: after the panic a new call goes as if nothing had happened.
    fn blow(mut self) -> Vec<&'static str> {
        self.steps();
        self.world.services.fuse = None;
        self.world.services.pace = Pace::Now;
        self.world.release();
        self.world.wait(400_000);
        while CALLEES.iter().chain(&["alice"]).any(|who| self.world.has_mail(who)) {
            self.read_mail();
        }
        let panics = self.world.panics.clone();
        // The nonce of before is too old by now.
        self.world.register(&["alice"]);
        let call = self.world.invite("alice", "6003");
        let invite = self.world.take_only("martin", "INVITE");
        self.world.reply("martin", &invite, 603);
        let declined = self.world.take_only("alice", "603");
        self.world.hop_by_hop("alice", "ACK", &call, Some(&declined));
        self.world.finish();
        panics
    }

    fn call(&mut self) {
        let number = ["6002", "bob", "6003", "6999"][self.chance.below(4)];
        // A nonce is used up after a while, as with real phones that do not count.
        let sent = self.world.invite("alice", number);
        self.sent.push(sent);
    }

    fn give_up(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let place = self.chance.below(self.sent.len());
        let sent = self.sent[place].clone();
        self.world.hop_by_hop("alice", "CANCEL", &sent, None);
    }

    fn let_a_service_answer(&mut self) {
        if self.world.services.answers.is_empty() {
            return;
        }
        let place = self.chance.below(self.world.services.answers.len());
        let Some((_, ticket, answer)) = self.world.services.answers.remove(place) else { return };
        if self.chance.one_in(20) {
            return;
        }
        self.world.give(Input::Answered(ticket, answer));
        self.world.release_none();
    }

    fn let_a_phone_answer(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let place = self.chance.below(self.open.len());
        let (who, request) = self.open[place].clone();
        let status = [100, 180, 180, 183, 200, 486, 404, 480, 603, 503, 302, 401][self.chance.below(12)];
        if who == "gone" && self.chance.one_in(4) {
            return self.world.hang_up("gone");
        }
        self.world.reply(who, &request, status);
        if self.chance.one_in(5) {
            self.world.reply(who, &request, status);
        }
        if status >= 200 && !self.chance.one_in(8) {
            self.open.remove(place);
        }
    }

    /// Phones answer CANCELs, mostly, and acknowledge what the layer cannot.
    fn read_mail(&mut self) {
        for who in CALLEES {
            while self.world.has_mail(who) {
                let got = self.world.take(who);
                match got.message().method() {
                    Some(Method::Invite) if self.open.iter().any(|(_, open)| *open == got) => {}
                    Some(Method::Invite) => self.open.push((who, got)),
                    Some(Method::Cancel) => self.on_cancel(who, &got),
                    _ => {}
                }
            }
        }
        while self.world.has_mail("alice") {
            let got = self.world.take("alice");
            let refused = got.status() >= 300 && got.text().contains(" INVITE\r\n");
            let call_id = got.header(sip::message::Name::CallId);
            let sent =
                self.sent.iter().find(|sent| sent.header(sip::message::Name::CallId) == call_id).cloned();
            if let (true, Some(sent)) = (refused, sent) {
                self.world.hop_by_hop("alice", "ACK", &sent, Some(&got));
            }
        }
    }

    fn on_cancel(&mut self, who: Who, cancel: &Got) {
        self.world.reply(who, cancel, 200);
        let branch = |got: &Got| got.elements(sip::message::Name::Via)[0].clone();
        let place = self.open.iter().position(|(at, open)| *at == who && branch(open) == branch(cancel));
        if let Some(place) = place
            && !self.chance.one_in(6)
        {
            let (_, invite) = self.open.remove(place);
            self.world.reply(who, &invite, 487);
        }
    }
}

#[test]
fn whatever_phones_and_services_do_each_call_ends_once_and_nothing_is_left() {
    for seed in 1..=60 {
        let first = Storm::new(seed).run();
        let again = Storm::new(seed).run();
        assert_eq!(first, again, "seed {seed} does not repeat");
    }
}

#[test]
fn a_panic_anywhere_ends_its_own_call_and_leaves_nothing() {
    let mut panics = Vec::new();
    for seed in 1..=200 {
        let mut storm = Storm::new(seed);
        // By turns early and late, so that each kind of input meets it.
        storm.world.services.fuse = Some(seed as u32 * 7 % 311);
        panics.extend(storm.blow());
    }
    for kind in ["a packet", "an answer", "a failure", "a tick"] {
        let count = panics.iter().filter(|met| **met == kind).count();
        assert!(count > 0, "no panic in {kind}: {panics:?}");
    }
}
