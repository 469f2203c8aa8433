use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::*;
use crate::loopback::{Inbox, soon};
use crate::registrar::{Action, Binding, Change, ContactUpdate};

const NOW_MS: u64 = 1_700_000_000_000;

/// A registrar that hands every reply to the test, or says at once that it is away.
struct Remote {
    away: bool,
    locates: mpsc::UnboundedSender<Reply<Located>>,
    registers: mpsc::UnboundedSender<Reply<Registered>>,
}

impl Location for Remote {
    fn register(&self, _: &Register<'_>, reply: Reply<Registered>) -> Asked<Registered> {
        self.registers.send(reply).unwrap();
        Asked::Later
    }

    fn locate(&self, _: &Locate<'_>, reply: Reply<Located>) -> Asked<Located> {
        if self.away {
            return reply.now(Err(ServiceError::Unavailable("away".into())));
        }
        self.locates.send(reply).unwrap();
        Asked::Later
    }
}

struct Scene {
    near: Near,
    follower: Arc<dyn Follower>,
    locates: mpsc::UnboundedReceiver<Reply<Located>>,
    registers: mpsc::UnboundedReceiver<Reply<Registered>>,
    inbox: Inbox<Located>,
}

impl Scene {
    fn set(limits: NearLimits, away: bool) -> Scene {
        let (locates, located) = mpsc::unbounded_channel();
        let (registers, registered) = mpsc::unbounded_channel();
        let copy = NearCopy::new(limits, &Handle::current());
        let follower = copy.follower();
        let near = copy.before(Arc::new(Remote { away, locates, registers }));
        Scene { near, follower, locates: located, registers: registered, inbox: Inbox::new() }
    }

    fn locate(&self, aor: &str, at_s: u64, past_copy: bool) -> Asked<Located> {
        self.near.locate(&Locate { now_ms: NOW_MS + at_s * 1000, aor, past_copy }, self.inbox.reply(1))
    }

    /// The copy answers at once and is fresh: the URIs.
    fn fresh(&self, aor: &str, at_s: u64) -> Option<String> {
        match self.locate(aor, at_s, false) {
            Asked::Now(Ok(Located { bindings, stale: false })) => Some(uris(&bindings)),
            Asked::Now(other) => panic!("{other:?}"),
            Asked::Later => None,
        }
    }

    /// Takes the last question that reached the registrar and answers it.
    async fn answer(&mut self, bindings: Bindings) -> Located {
        let mut reply = soon(self.locates.recv()).await.unwrap();
        while let Ok(later) = self.locates.try_recv() {
            reply = later;
        }
        reply.send(Ok(Located { bindings, stale: false }));
        loop {
            // The questions that were not answered are answered from the copy.
            match self.inbox.next().await.1 {
                Ok(located) if !located.stale => return located,
                _ => {}
            }
        }
    }

    /// Looks up and lets the registrar answer.
    async fn learn(&mut self, aor: &str, bindings: Bindings) {
        assert!(matches!(self.locate(aor, 0, true), Asked::Later));
        assert_eq!(self.answer(bindings.clone()).await.bindings, bindings);
    }

    fn changed(&self, number: u64, aor: &str) {
        self.follower.changed(&Change { number, aor: aor.into() });
    }
}

fn at(uri: &str, as_of: u64) -> Bindings {
    let binding = Binding { uri, expires_in_s: 60, ..Binding::default() };
    [binding].into_iter().collect::<Bindings>().standing_at(as_of)
}

fn uris(bindings: &Bindings) -> String {
    let told: Vec<_> =
        bindings.iter().map(|binding| format!("{}={}", binding.uri, binding.expires_in_s)).collect();
    told.join(" ")
}

#[tokio::test]
async fn a_copy_answers_while_changes_are_heard() {
    let mut scene = Scene::set(NearLimits::default(), false);
    scene.learn("alice", at("sip:a@h", 0)).await;
    assert_eq!(scene.fresh("alice", 0), None, "no watch has begun");
    scene.follower.began(1, 10);
    scene.learn("alice", at("sip:a@h", 10)).await;
    assert_eq!(scene.fresh("alice", 20).as_deref(), Some("sip:a@h=40"));
    assert_eq!(scene.fresh("alice", 60), None, "it has expired");
    scene.changed(11, "bob");
    assert_eq!(scene.fresh("alice", 0).as_deref(), Some("sip:a@h=60"));
    scene.changed(12, "alice");
    assert_eq!(scene.fresh("alice", 0), None, "it was changed");
    scene.learn("alice", at("sip:b@h", 12)).await;
    assert_eq!(scene.fresh("alice", 0).as_deref(), Some("sip:b@h=60"));
    assert!(matches!(scene.locate("alice", 0, true), Asked::Later), "asked past the copy");
    scene.changed(14, "bob");
    assert_eq!(scene.fresh("alice", 0), None, "13 was not heard");
    scene.learn("alice", at("sip:c@h", 14)).await;
    assert!(scene.fresh("alice", 0).is_some());
    scene.follower.lost();
    assert_eq!(scene.fresh("alice", 0), None, "the stream was lost");
    scene.follower.began(2, 0);
    assert_eq!(scene.fresh("alice", 0), None, "another run began");
}

#[tokio::test]
async fn an_answer_that_is_older_than_a_change_is_not_fresh() {
    let mut scene = Scene::set(NearLimits::default(), false);
    scene.follower.began(1, 10);
    scene.changed(11, "alice");
    scene.learn("alice", at("sip:old@h", 10)).await;
    assert_eq!(scene.fresh("alice", 0), None);
    scene.learn("alice", at("sip:new@h", 11)).await;
    scene.learn("alice", at("sip:old@h", 10)).await;
    assert_eq!(scene.fresh("alice", 0).as_deref(), Some("sip:new@h=60"), "a late answer does not win");
    // Asked before the stream was lost, answered after it was found again.
    assert!(matches!(scene.locate("bob", 0, false), Asked::Later));
    scene.follower.lost();
    scene.follower.began(1, 11);
    scene.answer(at("sip:b@h", 11)).await;
    assert_eq!(scene.fresh("bob", 0), None);
}

#[tokio::test]
async fn our_own_register_is_known_before_its_answer_leaves() {
    let mut scene = Scene::set(NearLimits::default(), false);
    scene.follower.began(1, 0);
    let contacts = [ContactUpdate { uri: "sip:a@h", ..ContactUpdate::default() }];
    let mut inbox = Inbox::new();
    let ask = Register {
        now_ms: NOW_MS,
        aor: "alice",
        call_id: "c",
        cseq: 1,
        action: Action::Update(&contacts),
        path: &[],
        flow: &[],
        user_agent: "",
        source: "",
    };
    assert!(matches!(scene.near.register(&ask, inbox.reply(7)), Asked::Later));
    let reply = soon(scene.registers.recv()).await.unwrap();
    reply.send(Ok(Registered::Accepted { bindings: at("sip:a@h", 1) }));
    assert_eq!(scene.fresh("alice", 0).as_deref(), Some("sip:a@h=60"));
    assert_eq!(inbox.next().await.0, 7);
    scene.changed(1, "alice");
    assert!(scene.fresh("alice", 0).is_some(), "the change that it is itself does not make it stale");
    // A refused one teaches nothing.
    assert!(matches!(scene.near.register(&ask, inbox.reply(8)), Asked::Later));
    soon(scene.registers.recv()).await.unwrap().send(Ok(Registered::Full));
    assert_eq!(inbox.next().await, (8, Ok(Registered::Full)));
    assert!(scene.fresh("alice", 0).is_some());
}

#[tokio::test]
async fn a_stale_copy_answers_when_no_registrar_does() {
    let limits = NearLimits { stale_after: Duration::from_millis(1), ..NearLimits::default() };
    let mut scene = Scene::set(limits, false);
    for (bindings, told) in [(at("sip:a@h", 0), "sip:a@h=50"), (Bindings::default(), "")] {
        scene.learn("alice", bindings).await;
        assert!(matches!(scene.locate("alice", 10, false), Asked::Later));
        let (_, answer) = scene.inbox.next().await;
        let located = answer.unwrap();
        assert_eq!((uris(&located.bindings).as_str(), located.stale), (told, true));
        // The late answer is not told twice.
        soon(scene.locates.recv())
            .await
            .unwrap()
            .send(Ok(Located { bindings: at("sip:l@h", 0), stale: false }));
        assert!(scene.inbox.is_empty());
    }
    assert_eq!(scene.near.counters().stale, 2);
    // Of whom nothing is known, nothing is said.
    assert!(matches!(scene.locate("bob", 0, false), Asked::Later));
    drop(soon(scene.locates.recv()).await);
    assert_eq!(scene.inbox.next().await.1, Err(ServiceError::Gone));
}

#[tokio::test]
async fn a_registrar_that_is_known_to_be_away_is_not_waited_for() {
    let scene = Scene::set(NearLimits::default(), true);
    let shared = &scene.near.copy.shared;
    shared.copies.store("alice", &at("sip:a@h", 0), NOW_MS, 0);
    match scene.locate("alice", 0, false) {
        Asked::Now(Ok(located)) => assert!(located.stale),
        other => panic!("{other:?}"),
    }
    for (aor, past_copy) in [("alice", true), ("bob", false)] {
        let asked = scene.locate(aor, 0, past_copy);
        assert!(matches!(asked, Asked::Now(Err(ServiceError::Unavailable(_)))), "{asked:?}");
    }
}

#[tokio::test]
async fn what_was_not_looked_up_lately_gives_way() {
    let scene = Scene::set(NearLimits { aors_max: 100, ..NearLimits::default() }, false);
    scene.follower.began(1, 0);
    let copies = &scene.near.copy.shared.copies;
    for n in 0..10_000 {
        copies.store(&n.to_string(), &at("sip:a@h", 0), NOW_MS, copies.epoch());
        let _ = scene.fresh("0", 0);
    }
    assert!(scene.near.counters().aors <= 100);
    assert!(scene.fresh("0", 0).is_some());
    assert!(scene.fresh("9999", 0).is_some());
}
