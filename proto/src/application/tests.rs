//! Client and server of `application.v1` against each other over a real socket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::transport::Server;

use super::*;
use crate::loopback::{Peer, soon};

/// A voicemail in four lines: answers, plays, and hangs up at the digit; all of it by events alone.
#[derive(Default)]
struct Script {
    conductor: Mutex<Option<Arc<dyn Conductor>>>,
    heard: Mutex<HashMap<String, Vec<u64>>>,
    forgotten: Mutex<Vec<String>>,
}

impl Application for Script {
    fn post(&self, run: &str, event: Event) {
        let mut heard = self.heard.lock().unwrap();
        let numbers = heard.entry(run.to_owned()).or_default();
        if event.number == 1 {
            numbers.clear();
        }
        numbers.push(event.number);
        drop(heard);
        let conductor = self.conductor.lock().unwrap().clone().unwrap();
        match event.what {
            What::Started(started) if started.dialled == "nobody" => {
                conductor.ended(run, Err(ServiceError::Refused("no such mailbox".to_owned())));
            }
            What::Started(_) => {
                conductor.post(run, 1, Command::Answer);
                conductor.post(run, 2, play());
            }
            What::Digit { .. } => conductor.post(run, 3, Command::HangUp { leg: 0, status: 0 }),
            What::Ended(_) => conductor.ended(run, Ok(())),
            _ => {}
        }
    }

    fn forget(&self, run: &str) {
        self.forgotten.lock().unwrap().push(run.to_owned());
    }

    fn follow(&self, conductor: Arc<dyn Conductor>) {
        *self.conductor.lock().unwrap() = Some(conductor);
    }
}

#[derive(Debug, PartialEq)]
enum Told {
    Command(u32, Command),
    Ended(Result<(), ServiceError>),
}

struct Call {
    client: ApplicationClient,
    told: mpsc::UnboundedReceiver<(String, Told)>,
}

struct Sink(mpsc::UnboundedSender<(String, Told)>);

impl Conductor for Sink {
    fn post(&self, run: &str, id: u32, command: Command) {
        let _ = self.0.send((run.to_owned(), Told::Command(id, command)));
    }

    fn ended(&self, run: &str, why: Result<(), ServiceError>) {
        let _ = self.0.send((run.to_owned(), Told::Ended(why)));
    }
}

impl Call {
    fn new(peer: &Peer, limits: RunLimits) -> Self {
        let client = ApplicationClient::new(peer.channel(), limits, &Handle::current());
        let (sender, told) = mpsc::unbounded_channel();
        client.follow(Arc::new(Sink(sender)));
        Call { client, told }
    }

    fn post(&self, number: u64, what: What) {
        self.client.post("run", Event { number, at_ms: 1_700_000_000_000, what });
    }

    async fn next(&mut self) -> Told {
        let (run, told) = soon(self.told.recv()).await.unwrap();
        assert_eq!(run, "run");
        told
    }
}

async fn serve(at: Option<SocketAddr>) -> (Peer, Arc<Script>) {
    let script = Arc::new(Script::default());
    let router = Server::builder().add_service(ApplicationServer::new(script.clone()).service());
    let peer = match at {
        Some(address) => Peer::start_at(address, router).await,
        None => Peer::start(router).await,
    };
    (peer, script)
}

fn started(dialled: &str) -> What {
    What::Started(Box::new(Started { dialled: dialled.to_owned(), ..Started::default() }))
}

fn play() -> Command {
    let sounds = vec![Sound::Clip { language: "fr".to_owned(), name: "enter-pin".to_owned() }];
    Command::Play { leg: 0, sounds, repeat: Repeat::Times(1), stop_on_digit: true }
}

const DIGIT: What = What::Digit { leg: 0, digit: '#' };
const HANG_UP: Command = Command::HangUp { leg: 0, status: 0 };

#[tokio::test]
async fn a_run_is_events_out_and_commands_in() {
    let (peer, script) = serve(None).await;
    let mut call = Call::new(&peer, RunLimits::default());
    call.post(1, started("6099"));
    assert_eq!(call.next().await, Told::Command(1, Command::Answer));
    assert_eq!(call.next().await, Told::Command(2, play()));
    call.post(2, What::Answered { leg: 0 });
    call.post(3, DIGIT);
    assert_eq!(call.next().await, Told::Command(3, HANG_UP));
    call.post(4, What::Ended(Parting::Application));
    assert_eq!(call.next().await, Told::Ended(Ok(())));
    assert_eq!(script.heard.lock().unwrap()["run"], [1, 2, 3, 4]);
    let counters = call.client.counters();
    assert_eq!((counters.runs, counters.begun, counters.replays), (0, 1, 0));
}

#[tokio::test]
async fn another_instance_is_told_everything_and_goes_on() {
    let (peer, _) = serve(None).await;
    let address = peer.address;
    let mut call = Call::new(&peer, RunLimits { replays_max: 30, ..RunLimits::default() });
    call.post(1, started("6099"));
    assert_eq!(call.next().await, Told::Command(1, Command::Answer));
    assert_eq!(call.next().await, Told::Command(2, play()));
    drop(peer);
    call.post(2, What::Answered { leg: 0 });
    call.post(3, DIGIT);
    let (_peer, script) = serve(Some(address)).await;
    // Answer and play were done; only what is new comes.
    assert_eq!(call.next().await, Told::Command(3, HANG_UP));
    call.post(4, What::Ended(Parting::Application));
    assert_eq!(call.next().await, Told::Ended(Ok(())));
    assert_eq!(script.heard.lock().unwrap()["run"], [1, 2, 3, 4]);
    assert_eq!(call.client.counters().repeated, 2);
}

#[tokio::test]
async fn a_run_whose_beginning_is_forgotten_is_given_up_with_its_instance() {
    let (peer, _) = serve(None).await;
    let mut call = Call::new(&peer, RunLimits { events_max: 1, ..RunLimits::default() });
    call.post(1, started("6099"));
    assert_eq!(call.next().await, Told::Command(1, Command::Answer));
    assert_eq!(call.next().await, Told::Command(2, play()));
    call.post(2, DIGIT);
    assert_eq!(call.next().await, Told::Command(3, HANG_UP));
    drop(peer);
    assert!(matches!(call.next().await, Told::Ended(Err(_))));
    assert_eq!(call.client.counters().lost, 1);
}

#[tokio::test]
async fn what_the_application_refuses_is_not_asked_again() {
    let (peer, _) = serve(None).await;
    let mut call = Call::new(&peer, RunLimits::default());
    call.post(1, started("nobody"));
    let why = ServiceError::Refused("no such mailbox".to_owned());
    assert_eq!(call.next().await, Told::Ended(Err(why)));
    assert_eq!(call.client.counters().replays, 0);
}

#[tokio::test]
async fn one_run_too_many_ends_at_once() {
    let (peer, _) = serve(None).await;
    let mut call = Call::new(&peer, RunLimits { runs_max: 0, ..RunLimits::default() });
    call.post(1, started("6099"));
    assert!(matches!(call.next().await, Told::Ended(Err(ServiceError::Overloaded { .. }))));
    assert_eq!(call.client.counters().overloaded, 1);
}

#[tokio::test]
async fn an_application_hears_that_a_run_has_lost_its_conductor() {
    let (peer, script) = serve(None).await;
    let mut call = Call::new(&peer, RunLimits::default());
    call.post(1, started("6099"));
    assert_eq!(call.next().await, Told::Command(1, Command::Answer));
    call.client.forget("run");
    soon(async {
        while script.forgotten.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(script.forgotten.lock().unwrap()[..], ["run"]);
}

#[test]
fn every_event_survives_the_wire() {
    let party = |user: &str| Party { user: user.into(), number: "6001".into(), display_name: "A".into() };
    let started = Started {
        purpose: "voicemail/deposit".into(),
        caller: party("alice"),
        callee: party("bob"),
        dialled: "6002".into(),
        why: Reached::Unreachable,
        language: "fr".into(),
        headers: vec![("Subject".into(), "x".into()), ("Subject".into(), "y".into())],
    };
    let (leg, id, why) = (3, 4, Ended::Digit('#'));
    let length = Duration::from_millis(5);
    for what in [
        What::Started(Box::new(started)),
        What::Answered { leg },
        What::Digit { leg, digit: 'D' },
        What::Played { leg, id, why: Ended::Failed },
        What::Recorded { leg, id, file: "a/b.wav".into(), length, why: Ended::Silence },
        What::Collected { leg, id, digits: "12".into(), why },
        What::Dialled { leg, id, outcome: Outcome::Declined },
        What::Left { leg },
        What::Refused { id, why: "no such file".into() },
        What::Ended(Parting::Transferred),
    ] {
        let event = Event { number: 7, at_ms: 8, what };
        assert_eq!(wire::event(wire::wired("run", &event)), Some(event));
    }
}

#[test]
fn every_command_survives_the_wire() {
    let (leg, second) = (3, Duration::from_secs(1));
    let tone = Tone { hz: [440, 0], on: second, off: second, times: 2 };
    let sounds = vec![Sound::File("bonjour.wav".into()), Sound::Tone(tone), Sound::Silence(second)];
    for command in [
        Command::Answer,
        play(),
        Command::Play { leg, sounds, repeat: Repeat::Forever, stop_on_digit: false },
        Command::Record {
            leg,
            to: "bob/1".into(),
            max: second,
            silence: Some(second),
            stop_digits: "#".into(),
            both_sides: true,
            beep: true,
        },
        Command::Collect { leg, digits_max: 4, first: second, between: second, end_digits: "#".into() },
        Command::Stop { leg, id: 2 },
        Command::Dial { leg, target: "6001".into(), within: second },
        Command::Bridge { leg, with: Some(0) },
        Command::Bridge { leg, with: None },
        Command::Hold { leg, on: true },
        Command::Transfer { leg, target: "6001".into() },
        Command::HangUp { leg, status: 486 },
    ] {
        assert_eq!(wire::command(wire::command_wired(1, command.clone())), command);
    }
    assert!(matches!(wire::command(crate::wire::application::v1::Command::default()), Command::Unknown(_)));
}
