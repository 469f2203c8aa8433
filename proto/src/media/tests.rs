//! Client and server of `media.v1` against each other over a real socket.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::transport::Server;

use super::*;
use crate::loopback::{Inbox, Peer, soon};
use crate::{ClientLimits, ServerLimits, ServiceError};

/// Media that says what it was asked, in words.
#[derive(Default)]
struct Script {
    asked: Mutex<Vec<String>>,
    sink: Mutex<Option<Arc<dyn MediaSink>>>,
}

impl Script {
    fn told(&self, ask: &impl std::fmt::Debug) {
        self.asked.lock().unwrap().push(format!("{ask:?}"));
    }

    fn done(&self, ask: &impl std::fmt::Debug, reply: Reply<()>) -> Asked<()> {
        self.told(ask);
        reply.now(Ok(()))
    }

    fn last(&self) -> String {
        self.asked.lock().unwrap().pop().unwrap()
    }
}

impl Media for Script {
    fn offer(&self, ask: &Offer<'_>, reply: Reply<Described>) -> Asked<Described> {
        self.told(ask);
        reply.now(match ask.call {
            "full" => Err(ServiceError::Overloaded { retry_after: Duration::from_secs(1) }),
            _ => Ok(Described { sdp: ask.sdp.to_ascii_uppercase() }),
        })
    }

    fn answer(&self, ask: &Answer<'_>, reply: Reply<Described>) -> Asked<Described> {
        self.told(ask);
        reply.now(Ok(Described { sdp: ask.sdp.to_vec() }))
    }

    fn attend(&self, ask: &Attend<'_>, reply: Reply<Described>) -> Asked<Described> {
        self.told(ask);
        reply.now(Ok(Described::default()))
    }

    fn bridge(&self, ask: &Bridge<'_>, reply: Reply<()>) -> Asked<()> {
        self.done(ask, reply)
    }

    fn play(&self, ask: &Play<'_>, reply: Reply<()>) -> Asked<()> {
        self.done(ask, reply)
    }

    fn record(&self, ask: &Record<'_>, reply: Reply<()>) -> Asked<()> {
        self.done(ask, reply)
    }

    fn collect(&self, ask: &Collect<'_>, reply: Reply<()>) -> Asked<()> {
        self.done(ask, reply)
    }

    fn stop(&self, ask: &Stop<'_>, reply: Reply<()>) -> Asked<()> {
        self.done(ask, reply)
    }

    fn press(&self, ask: &Press<'_>, reply: Reply<()>) -> Asked<()> {
        self.done(ask, reply)
    }

    fn release(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        self.told(ask);
        reply.now(Ok(Released { legs: vec![statistics(), LegStatistics::default()] }))
    }

    fn statistics(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        self.told(ask);
        reply.now(Ok(Released { legs: vec![statistics()] }))
    }

    fn load(&self, reply: Reply<Load>) -> Asked<Load> {
        reply.now(Ok(load()))
    }

    fn follow(&self, sink: Arc<dyn MediaSink>) {
        *self.sink.lock().unwrap() = Some(sink);
    }
}

const LEG: Leg = Leg { number: 3, branch: 1 };

fn statistics() -> LegStatistics {
    LegStatistics {
        leg: LEG,
        received: 1 << 40,
        received_octets: 2,
        sent: 3,
        sent_octets: 4,
        lost: 5,
        jitter_us: 6,
        round_trip_us: Some(0),
        strays: 7,
        mos_100: Some(438),
        one_way_ms: 9,
        quiet_ms: 10,
        lasted_ms: 8,
    }
}

fn load() -> Load {
    Load { sessions: 1, sessions_max: 2, ports_free: 3, is_draining: true }
}

struct Heard(mpsc::UnboundedSender<Option<(String, MediaEvent)>>);

impl MediaSink for Heard {
    fn post(&self, call: &str, event: MediaEvent) {
        let _ = self.0.send(Some((call.to_owned(), event)));
    }

    fn lost(&self) {
        let _ = self.0.send(None);
    }
}

async fn scene() -> (Arc<Script>, MediaClient, Peer) {
    let script = Arc::new(Script::default());
    let server = MediaServer::new(script.clone(), ServerLimits::default());
    let peer = Peer::start(Server::builder().add_service(server.service())).await;
    let client = MediaClient::new(peer.channel(), ClientLimits::default(), &Handle::current());
    soon(client.until_open(true)).await;
    (script, client, peer)
}

#[tokio::test]
async fn descriptions_go_there_and_back_octet_for_octet() {
    let (script, client, _peer) = scene().await;
    let mut inbox = Inbox::new();
    let offer = Offer {
        call: "c1",
        from: Leg::new(0),
        to: LEG,
        sdp: b"v=0\xff",
        from_address: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
        to_address: Some("2001:db8::1".parse().unwrap()),
    };
    assert!(matches!(client.offer(&offer, inbox.reply(1)), Asked::Later));
    assert_eq!(inbox.next().await, (1, Ok(Described { sdp: b"V=0\xff".to_vec() })));
    assert_eq!(script.last(), format!("{offer:?}"));

    let answer = Answer { call: "c1", from: LEG, to: Leg::new(0), sdp: b"x", from_address: None };
    assert!(matches!(client.answer(&answer, inbox.reply(2)), Asked::Later));
    assert_eq!(inbox.next().await, (2, Ok(Described { sdp: b"x".to_vec() })));
    assert_eq!(script.last(), format!("{answer:?}"));

    for theirs in [Theirs::Offer(b"o"), Theirs::Nothing, Theirs::Answer(b"a")] {
        let attend = Attend { call: "c1", leg: LEG, theirs, address: None };
        assert!(matches!(client.attend(&attend, inbox.reply(3)), Asked::Later));
        assert_eq!(inbox.next().await, (3, Ok(Described::default())));
        assert_eq!(script.last(), format!("{attend:?}"));
    }
}

#[tokio::test]
async fn what_is_to_be_done_arrives_as_it_was_said() {
    let (script, client, _peer) = scene().await;
    let mut inbox = Inbox::new();
    let second = Duration::from_secs(1);
    let tone = Tone { hz: [350, 440], on: second, off: Duration::ZERO, times: 0 };
    let clip = Sound::Clip { language: "fr", name: "enter-pin" };
    let sounds = [Sound::File("fr/bonjour"), clip, Sound::Tone(tone), Sound::Silence(second)];
    let play = |repeat| Play { call: "c", leg: LEG, id: 1, sounds: &sounds, repeat, stop_on_digit: true };
    let record = |silence| Record {
        call: "c",
        leg: LEG,
        id: 2,
        to: "bob/1",
        max: second * 60,
        silence,
        stop_digits: "#*",
        both_sides: true,
        beep: true,
    };
    let collect = Collect {
        call: "c",
        leg: LEG,
        id: 3,
        digits_max: 4,
        first: second,
        between: second,
        end_digits: "#",
    };
    let check = |asked: Asked<()>, said: String| {
        assert!(matches!(asked, Asked::Later));
        said
    };
    let mut said = Vec::new();
    for repeat in [Repeat::Times(2), Repeat::Forever] {
        said.push(check(client.play(&play(repeat), inbox.reply(0)), format!("{:?}", play(repeat))));
    }
    for silence in [None, Some(second)] {
        said.push(check(client.record(&record(silence), inbox.reply(0)), format!("{:?}", record(silence))));
    }
    said.push(check(client.collect(&collect, inbox.reply(0)), format!("{collect:?}")));
    let stop = Stop { call: "c", leg: LEG, id: 0 };
    said.push(check(client.stop(&stop, inbox.reply(0)), format!("{stop:?}")));
    let press = Press { call: "c", leg: LEG, digit: '#' };
    said.push(check(client.press(&press, inbox.reply(0)), format!("{press:?}")));
    for with in [None, Some(Leg::new(0))] {
        let bridge = Bridge { call: "c", leg: LEG, with };
        said.push(check(client.bridge(&bridge, inbox.reply(0)), format!("{bridge:?}")));
    }
    for _ in &said {
        assert_eq!(inbox.next().await, (0, Ok(())));
    }
    assert_eq!(*script.asked.lock().unwrap(), said);
}

#[tokio::test]
async fn statistics_load_and_errors_come_back() {
    let (script, client, _peer) = scene().await;
    let mut released = Inbox::new();
    for leg in [None, Some(LEG)] {
        let release = Release { call: "c", leg };
        assert!(matches!(client.release(&release, released.reply(1)), Asked::Later));
        let legs = vec![statistics(), LegStatistics::default()];
        assert_eq!(released.next().await, (1, Ok(Released { legs })));
        assert_eq!(script.last(), format!("{release:?}"));
    }
    let of = Release { call: "c", leg: None };
    assert!(matches!(client.statistics(&of, released.reply(5)), Asked::Later));
    assert_eq!(released.next().await, (5, Ok(Released { legs: vec![statistics()] })));
    let mut loads = Inbox::new();
    assert!(matches!(client.load(loads.reply(2)), Asked::Later));
    assert_eq!(loads.next().await, (2, Ok(load())));
    let mut inbox = Inbox::new();
    let offer = Offer { call: "full", from: LEG, to: LEG, sdp: b"", from_address: None, to_address: None };
    assert!(matches!(client.offer(&offer, inbox.reply(3)), Asked::Later));
    let overloaded = ServiceError::Overloaded { retry_after: Duration::from_secs(1) };
    assert_eq!(inbox.next().await, (3, Err(overloaded)));
}

#[tokio::test]
async fn events_reach_the_sink_and_a_lost_stream_is_said() {
    let (script, client, peer) = scene().await;
    let (sender, mut heard) = mpsc::unbounded_channel();
    client.follow(Arc::new(Heard(sender)));
    // The stream follows by its first question, and this one is answered after it.
    let mut loads = Inbox::new();
    assert!(matches!(client.load(loads.reply(1)), Asked::Later));
    loads.next().await.1.unwrap();
    let length = Duration::from_millis(1500);
    let mut events = vec![
        MediaEvent::Recorded { leg: LEG, id: 9, file: "bob/1.wav".into(), length, why: Ended::Silence },
        MediaEvent::Digit { leg: LEG, digit: '*', how: DigitForm::Event },
        MediaEvent::Digit { leg: LEG, digit: '7', how: DigitForm::Tone },
        MediaEvent::Digit { leg: LEG, digit: '0', how: DigitForm::Message },
        MediaEvent::Inactive { leg: LEG },
        MediaEvent::Idle,
        MediaEvent::Flow { leg: LEG, flow: Flow::OneWay },
        MediaEvent::Flow { leg: LEG, flow: Flow::Quiet },
        MediaEvent::Flow { leg: LEG, flow: Flow::Heard },
        MediaEvent::Gone,
    ];
    for why in [Ended::Complete, Ended::Digit('#'), Ended::Timeout, Ended::Stopped, Ended::Failed] {
        events.push(MediaEvent::Played { leg: LEG, id: 1, why });
        events.push(MediaEvent::Collected { leg: LEG, id: 2, digits: "12".into(), why });
    }
    let sink = script.sink.lock().unwrap().clone().unwrap();
    for event in &events {
        sink.post("c", event.clone());
    }
    for event in events {
        assert_eq!(soon(heard.recv()).await.unwrap(), Some(("c".to_owned(), event)));
    }
    drop(peer);
    assert_eq!(soon(heard.recv()).await.unwrap(), None);
}
