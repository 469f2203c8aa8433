//! Client and server of `registrar.v1` against each other over a real socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::Router;

use super::*;
use crate::loopback::{Inbox, Peer, soon};
use crate::{ClientLimits, ServerLimits};

const NOW_MS: u64 = 1_700_000_000_000;

/// A location that hands every reply to the test, and says what it was asked.
struct Script {
    replies: mpsc::UnboundedSender<(String, Reply<Located>)>,
    changes: Arc<Changes>,
}

impl Location for Script {
    fn register(&self, ask: &Register<'_>, reply: Reply<Registered>) -> Asked<Registered> {
        assert_eq!(ask.now_ms, NOW_MS, "the registrar's own clock");
        reply.now(Ok(match ask.aor {
            "full" => Registered::Full,
            "order" => Registered::OutOfOrder,
            "brief" => Registered::IntervalTooBrief { min_expires_s: 90 },
            "many" => Registered::TooManyContacts { contacts_max: 3 },
            "long" => Registered::Malformed(Fault::TooLong),
            "uri" => Registered::Malformed(Fault::ContactUri),
            _ => Registered::Accepted { bindings: echo(ask).standing_at(42) },
        }))
    }

    fn locate(&self, ask: &Locate<'_>, reply: Reply<Located>) -> Asked<Located> {
        match self.replies.send((ask.aor.to_owned(), reply)) {
            Ok(()) => Asked::Later,
            Err(failed) => failed.0.1.now(Err(ServiceError::Unavailable("the test is over".into()))),
        }
    }

    fn list(&self, ask: &ListBindings<'_>, reply: Reply<BindingPage>) -> Asked<BindingPage> {
        let listed =
            (0..ask.page_max).map(|n| Listed { aor: format!("{}{n}", ask.prefix), binding: bindings() });
        reply.now(Ok(BindingPage { listed: listed.collect(), next: Some(ask.from + 1) }))
    }

    fn remove(&self, ask: &RemoveBindings<'_>, reply: Reply<u32>) -> Asked<u32> {
        reply.now(Ok(if ask.uri.is_none() { 7 } else { 1 }))
    }

    fn changes(&self) -> Option<Arc<Changes>> {
        Some(self.changes.clone())
    }
}

/// What a location could remember of a request.
fn echo(ask: &Register<'_>) -> Bindings {
    let Action::Update(contacts) = ask.action else { return Bindings::default() };
    let mut bindings = Bindings::default();
    for contact in contacts {
        bindings.push(&Binding {
            uri: contact.uri,
            q: contact.q,
            expires_in_s: contact.expires.unwrap_or(3600),
            path: Path::Listed(ask.path),
            flow: ask.flow,
            instance: contact.instance,
            reg_id: contact.reg_id,
            params: contact.params,
            call_id: ask.call_id,
            cseq: ask.cseq,
            updated_ms: ask.now_ms,
            user_agent: ask.user_agent,
            source: ask.source,
        });
    }
    bindings
}

fn bindings() -> Bindings {
    [Binding { uri: "sip:a@h", ..Binding::default() }].into_iter().collect()
}

fn register<'a>(aor: &'a str, action: Action<'a>) -> Register<'a> {
    Register {
        now_ms: 1,
        aor,
        call_id: "c",
        cseq: 7,
        action,
        path: &["<sip:a;lr>", "<sip:b;lr>"],
        flow: &[0, 1, 255],
        user_agent: "phone",
        source: "udp:192.0.2.1:5060",
    }
}

fn locate(aor: &str) -> Locate<'_> {
    Locate { now_ms: NOW_MS, aor, past_copy: false }
}

struct Scene {
    server: RegistrarServer,
    questions: mpsc::UnboundedReceiver<(String, Reply<Located>)>,
    changes: Arc<Changes>,
    peer: Peer,
}

impl Scene {
    async fn set(limits: ServerLimits) -> Scene {
        let (replies, questions) = mpsc::unbounded_channel();
        let changes = Arc::new(Changes::new(5, 4));
        let location = Arc::new(Script { replies, changes: changes.clone() });
        let server = RegistrarServer::new(location, || NOW_MS, limits);
        let peer = Peer::start(router(&server)).await;
        Scene { server, questions, changes, peer }
    }

    async fn client(&self, limits: ClientLimits) -> RegistrarClient {
        let client = RegistrarClient::new(self.peer.channel(), limits, None, &Handle::current());
        soon(client.until_open(true)).await;
        client
    }

    async fn question(&mut self) -> (String, Reply<Located>) {
        soon(self.questions.recv()).await.unwrap()
    }
}

fn router(server: &RegistrarServer) -> Router {
    Server::builder().add_service(server.service())
}

fn located() -> Located {
    Located { bindings: bindings(), stale: false }
}

fn later<T: std::fmt::Debug>(asked: Asked<T>) {
    assert!(matches!(asked, Asked::Later), "{asked:?}");
}

#[tokio::test]
async fn every_answer_to_a_register_survives_the_way() {
    let scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let contacts = [
        ContactUpdate { uri: "sip:a@h", expires: Some(0), q: 1000, ..ContactUpdate::default() },
        ContactUpdate { uri: "sip:b@h", q: 10, instance: "i", reg_id: 3, params: ";audio", expires: None },
    ];
    let flows = [ContactUpdate { instance: "i", reg_id: 1, uri: "sip:a@h", ..ContactUpdate::default() }; 2];
    let update = Action::Update(&contacts);
    let echoed = echo(&Register { now_ms: NOW_MS, ..register("alice", update) });
    let mut inbox = Inbox::new();
    for (aor, action, expected) in [
        ("alice", update, Registered::Accepted { bindings: echoed }),
        ("alice", Action::Fetch, Registered::Accepted { bindings: Bindings::default() }),
        ("alice", Action::RemoveAll, Registered::Accepted { bindings: Bindings::default() }),
        ("alice", Action::Update(&flows), Registered::Malformed(Fault::SeveralFlows)),
        ("full", update, Registered::Full),
        ("order", update, Registered::OutOfOrder),
        ("brief", update, Registered::IntervalTooBrief { min_expires_s: 90 }),
        ("many", update, Registered::TooManyContacts { contacts_max: 3 }),
        ("long", update, Registered::Malformed(Fault::TooLong)),
        ("uri", update, Registered::Malformed(Fault::ContactUri)),
    ] {
        later(client.register(&register(aor, action), inbox.reply(1)));
        let (_, answer) = inbox.next().await;
        if let Ok(Registered::Accepted { bindings }) = &answer {
            assert_eq!(bindings.as_of(), 42);
        }
        assert_eq!(answer, Ok(expected), "{aor}");
    }
}

#[tokio::test]
async fn answers_find_their_questions_in_any_order() {
    let mut scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut inbox = Inbox::new();
    for ticket in 0..100 {
        later(client.locate(&locate(&ticket.to_string()), inbox.reply(ticket)));
    }
    let mut waiting = Vec::new();
    for ticket in 0..100 {
        let (aor, reply) = scene.question().await;
        assert_eq!(aor, ticket.to_string(), "asked in order");
        waiting.push((aor, reply));
    }
    for (aor, reply) in waiting.into_iter().rev() {
        let bindings = [Binding { uri: &aor, ..Binding::default() }].into_iter().collect();
        reply.send(Ok(Located { bindings, stale: false }));
    }
    for expected in (0..100).rev() {
        let (ticket, answer) = inbox.next().await;
        assert_eq!(ticket, expected);
        assert_eq!(answer.unwrap().bindings.iter().next().unwrap().uri, expected.to_string());
    }
    let counters = client.counters();
    assert_eq!((counters.asked, counters.answered, counters.in_flight), (100, 100, 0));
}

#[tokio::test]
async fn a_question_that_is_not_answered_in_time_is_over() {
    let mut scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut inbox = Inbox::new();
    later(client.locate(&locate("slow"), inbox.reply(1).within(Duration::from_secs(2))));
    later(client.locate(&locate("sooner"), inbox.reply(2).within(Duration::from_millis(20))));
    assert_eq!(inbox.next().await, (2, Err(ServiceError::Deadline)));
    let (_, slow) = scene.question().await;
    let (_, sooner) = scene.question().await;
    assert_eq!(sooner.deadline(), Some(Duration::from_millis(20)), "the service is told");
    // The late answer is dropped, the other still comes.
    sooner.send(Ok(located()));
    slow.send(Ok(located()));
    assert_eq!(inbox.next().await, (1, Ok(located())));
    assert!(inbox.is_empty());
    assert_eq!(client.counters().deadlines, 1);
}

#[tokio::test]
async fn more_questions_than_allowed_are_refused_at_once() {
    let mut scene = Scene::set(ServerLimits::default()).await;
    let retry_after = Duration::from_secs(9);
    let client =
        scene.client(ClientLimits { in_flight_max: 2, retry_after, ..ClientLimits::default() }).await;
    let mut inbox = Inbox::new();
    later(client.locate(&locate("a"), inbox.reply(1)));
    later(client.locate(&locate("b"), inbox.reply(2)));
    let asked = client.locate(&locate("c"), inbox.reply(3));
    assert!(
        matches!(asked, Asked::Now(Err(ServiceError::Overloaded { retry_after: after })) if after == retry_after)
    );
    scene.question().await.1.send(Ok(located()));
    assert_eq!(inbox.next().await.0, 1);
    later(client.locate(&locate("d"), inbox.reply(4)));
    assert_eq!(client.counters().overloaded, 1);
}

#[tokio::test]
async fn a_server_reads_no_more_than_it_has_room_to_answer() {
    let mut scene = Scene::set(ServerLimits { in_flight_max: 1 }).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut inbox = Inbox::new();
    later(client.locate(&locate("a"), inbox.reply(1)));
    later(client.locate(&locate("b"), inbox.reply(2)));
    let (_, first) = scene.question().await;
    assert!(scene.questions.is_empty());
    first.send(Ok(located()));
    scene.question().await.1.send(Ok(located()));
    assert_eq!((inbox.next().await.0, inbox.next().await.0), (1, 2));
}

#[tokio::test]
async fn a_lost_stream_fails_all_who_wait_and_is_opened_again() {
    let mut scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut inbox = Inbox::new();
    later(client.locate(&locate("a"), inbox.reply(1)));
    later(client.locate(&locate("b"), inbox.reply(2)));
    let kept = (scene.question().await, scene.question().await);
    let address = scene.peer.address;
    drop(scene.peer);
    for _ in 0..2 {
        let (_, answer) = inbox.next().await;
        assert!(matches!(answer, Err(ServiceError::Unavailable(_))), "{answer:?}");
    }
    soon(client.until_open(false)).await;
    let asked = client.locate(&locate("c"), inbox.reply(3));
    assert!(matches!(asked, Asked::Now(Err(ServiceError::Unavailable(_)))), "{asked:?}");
    drop(kept);
    let _again = Peer::start_at(address, router(&scene.server)).await;
    soon(client.until_open(true)).await;
    later(client.locate(&locate("d"), inbox.reply(4)));
    soon(scene.questions.recv()).await.unwrap().1.send(Ok(located()));
    assert_eq!(inbox.next().await, (4, Ok(located())));
    let counters = client.counters();
    assert_eq!((counters.lost, counters.unavailable), (1, 3));
}

#[tokio::test]
async fn a_draining_server_ends_its_streams_after_their_answers() {
    let mut scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut inbox = Inbox::new();
    later(client.locate(&locate("a"), inbox.reply(1)));
    let (_, reply) = scene.question().await;
    scene.server.drain();
    reply.send(Ok(located()));
    assert_eq!(inbox.next().await, (1, Ok(located())));
    soon(client.until_open(false)).await;
}

#[tokio::test]
async fn a_reply_that_is_dropped_is_told_once_on_either_side() {
    let mut scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut inbox = Inbox::new();
    later(client.locate(&locate("a"), inbox.reply(1)));
    drop(scene.question().await);
    assert_eq!(inbox.next().await, (1, Err(ServiceError::Gone)));
    later(client.locate(&locate("b"), inbox.reply(2)));
    drop(client);
    assert_eq!(inbox.next().await, (2, Err(ServiceError::Gone)));
    tokio::task::yield_now().await;
    assert!(inbox.is_empty());
}

#[tokio::test]
async fn tools_list_and_remove() {
    let scene = Scene::set(ServerLimits::default()).await;
    let client = scene.client(ClientLimits::default()).await;
    let mut pages = Inbox::new();
    later(client.list(&ListBindings { now_ms: 0, prefix: "al", page_max: 2, from: 6 }, pages.reply(1)));
    let page = pages.next().await.1.unwrap();
    let aors: Vec<_> = page.listed.iter().map(|listed| listed.aor.as_str()).collect();
    assert_eq!((aors, page.next), (vec!["al0", "al1"], Some(7)));
    assert_eq!(page.listed[1].binding, bindings());
    let mut removed = Inbox::new();
    for (uri, count) in [(None, 7), (Some("sip:a@h"), 1)] {
        later(client.remove(&RemoveBindings { aor: "alice", uri }, removed.reply(1)));
        assert_eq!(removed.next().await.1, Ok(count));
    }
}

#[derive(Debug, PartialEq)]
enum Told {
    Began(u64, u64),
    Changed(u64, String),
    Lost,
}

struct Ear(Mutex<mpsc::UnboundedSender<Told>>);

impl Ear {
    fn hear(&self, told: Told) {
        let _ = self.0.lock().unwrap().send(told);
    }
}

impl Follower for Ear {
    fn began(&self, run: u64, number: u64) {
        self.hear(Told::Began(run, number));
    }
    fn changed(&self, change: &Change) {
        self.hear(Told::Changed(change.number, change.aor.as_ref().to_owned()));
    }
    fn lost(&self) {
        self.hear(Told::Lost);
    }
}

#[tokio::test]
async fn a_follower_hears_changes_and_that_it_lost_some() {
    let scene = Scene::set(ServerLimits::default()).await;
    scene.changes.record("before");
    let (sender, mut told) = mpsc::unbounded_channel();
    let ear = Arc::new(Ear(Mutex::new(sender)));
    let client =
        RegistrarClient::new(scene.peer.channel(), ClientLimits::default(), Some(ear), &Handle::current());
    assert_eq!(soon(told.recv()).await, Some(Told::Began(5, 1)));
    scene.changes.record("alice");
    scene.changes.record("bob");
    assert_eq!(soon(told.recv()).await, Some(Told::Changed(2, "alice".into())));
    assert_eq!(soon(told.recv()).await, Some(Told::Changed(3, "bob".into())));
    // More than the log keeps, faster than anybody reads: the watch begins again.
    for _ in 0..100_000 {
        scene.changes.record("flood");
    }
    let began = loop {
        match soon(told.recv()).await.unwrap() {
            Told::Began(_, number) => break number,
            Told::Changed(_, aor) => assert_eq!(aor, "flood"),
            Told::Lost => panic!("the stream is whole"),
        }
    };
    assert!(began > 3 && began <= 100_003, "{began}");
    let _alive = client;
    drop(scene.peer);
    while soon(told.recv()).await.unwrap() != Told::Lost {}
}
