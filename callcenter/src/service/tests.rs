//! The shell between an exchange and a directory of tests.

use std::sync::Arc;

use jiff::tz::TimeZone;
use parking_lot::Mutex;
use prompt::Language;
use proto::application::{Command, Started};
use proto::{Identified, Identify, User};

use super::*;
use crate::config::{CodesConfig, Known, read};

/// Knows bob at once, carol later, and drops every other question.
#[derive(Default)]
struct People(Mutex<Vec<Reply<Found>>>);

impl Directory for People {
    fn credentials(&self, _: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified> {
        reply.now(Ok(Identified::Unknown { nearest: None }))
    }

    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        match ask.name_or_extension {
            "6002" => reply.now(Ok(Found::User(Arc::new(User::default())))),
            "6005" => {
                self.0.lock().push(reply);
                Asked::Later
            }
            _ => Asked::Later,
        }
    }

    fn configure(&self, name: &str, change: &Change, reply: Reply<Settings>) -> Asked<Settings> {
        let mut settings = Settings::default();
        settings.apply(change);
        match name {
            "6002" | "" => reply.now(Ok(settings)),
            _ => reply.now(Err(ServiceError::Unavailable("the disk".into()))),
        }
    }
}

#[derive(serde::Deserialize)]
struct File {
    menu: Vec<toml::Spanned<crate::config::MenuConfig>>,
}

#[derive(Default)]
struct Exchange(Mutex<Vec<String>>);

impl Conductor for Exchange {
    fn post(&self, run: &str, id: u32, command: Command) {
        let what = format!("{command:?}");
        let word = what.split([' ', '(']).next().unwrap_or_default();
        let target = match &command {
            Command::Transfer { target, .. } => format!(" {target}"),
            _ => String::new(),
        };
        self.0.lock().push(format!("{run} {id} {word}{target}"));
    }

    fn ended(&self, run: &str, why: Result<(), ServiceError>) {
        self.0.lock().push(format!("{run} ended {}", why.is_ok()));
    }
}

struct World {
    callcenter: Callcenter,
    people: Arc<People>,
    exchange: Arc<Exchange>,
    kept: Arc<Mutex<Vec<bool>>>,
    number: u64,
}

impl World {
    fn new(runs_max: usize) -> Self {
        let File { menu } = toml::from_str("[[menu]]\nname = \"a\"\n").expect("a good file");
        let known = Known {
            users: &[],
            groups: &[],
            codes: &CodesConfig { night_toggle: "*28".into(), ..CodesConfig::default() },
            mailboxes: None,
            language: Language::English,
            zone: TimeZone::UTC,
        };
        let book = Arc::new(read(&menu, &[], &known).expect("good").book);
        let (people, exchange) = (Arc::new(People::default()), Arc::new(Exchange::default()));
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keeper = Arc::clone(&kept);
        let night = Night::new(false, move |is_on| keeper.lock().push(is_on));
        let callcenter = Callcenter::new(book, Arc::clone(&people) as Arc<dyn Directory>, night, runs_max);
        callcenter.follow(Arc::clone(&exchange) as Arc<dyn Conductor>);
        World { callcenter, people, exchange, kept, number: 0 }
    }

    fn post(&mut self, run: &str, what: What) {
        self.number = if matches!(what, What::Started(_)) { 1 } else { self.number + 1 };
        self.callcenter.post(run, Event { number: self.number, at_ms: 0, what });
    }

    fn start(&mut self, run: &str) {
        let purpose = purpose_of("a");
        self.post(run, What::Started(Box::new(Started { purpose, ..Started::default() })));
        self.post(run, What::Answered { leg: 0 });
    }

    fn dial(&mut self, run: &str, digits: &str) {
        for digit in digits.chars() {
            self.post(run, What::Digit { leg: 0, digit });
        }
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.exchange.0.lock())
    }
}

#[test]
fn a_call_is_conducted_until_it_is_sent_on() {
    let mut world = World::new(9);
    world.start("one");
    world.dial("one", "6002#");
    world.post("one", What::Ended(Parting::Transferred));
    assert_eq!(
        world.said(),
        [
            "one 1 Answer",
            "one 2 Play",
            "one 3 Collect",
            "one 4 Stop",
            "one 5 Transfer 6002",
            "one ended true"
        ]
    );
    assert_eq!(world.callcenter.runs(), 0);
}

#[test]
fn an_answer_that_comes_late_or_never_goes_to_who_asked() {
    let mut world = World::new(9);
    world.start("one");
    world.dial("one", "6005#");
    world.said();
    let reply = world.people.0.lock().pop().expect("the question");
    reply.send(Ok(Found::User(Arc::new(User::default()))));
    assert_eq!(world.said(), ["one 5 Transfer 6005"]);
    // Nobody answers: the question is dropped while it is asked.
    world.start("two");
    world.dial("two", "7#");
    assert_eq!(world.said().last().map(String::as_str), Some("two 6 Collect"));
    // A run that is over is told nothing.
    world.start("three");
    world.dial("three", "6005#");
    world.callcenter.forget("three");
    world.said();
    drop(world.people.0.lock().pop());
    assert_eq!((world.said(), world.callcenter.runs()), (Vec::new(), 2));
}

#[test]
fn runs_are_bounded_and_one_that_begins_anew_is_not_counted_twice() {
    let mut world = World::new(1);
    world.start("one");
    world.start("one");
    world.said();
    world.start("two");
    assert_eq!(world.said(), ["two ended false"]);
    assert_eq!(world.callcenter.runs(), 1);
}

fn dialled(world: &mut World, code: &str, user: &str) -> Vec<String> {
    let caller = proto::application::Party { user: user.into(), ..Default::default() };
    let purpose = purpose_of_code(code);
    world.post("one", What::Started(Box::new(Started { purpose, caller, ..Started::default() })));
    world.post("one", What::Answered { leg: 0 });
    let said = world.exchange.0.lock().clone();
    world.post("one", What::Played { leg: 0, id: 2, why: proto::media::Ended::Complete });
    world.post("one", What::Ended(Parting::Application));
    world.said();
    said
}

#[test]
fn codes_change_what_the_directory_and_the_night_keep() {
    let mut world = World::new(9);
    for (code, user) in
        [("do-not-disturb", "6002"), ("do-not-disturb-toggle", "6002"), ("night-toggle", "zoe")]
    {
        assert_eq!(dialled(&mut world, code, user), ["one 1 Answer", "one 2 Play"], "{code}");
    }
    assert_eq!(*world.kept.lock(), [true]);
    // What cannot be kept is said too.
    assert_eq!(dialled(&mut world, "forward-busy-off", "zoe"), ["one 1 Answer", "one 2 Play"]);
    assert_eq!(dialled(&mut world, "night-toggle", "")[0], "one 1 HangUp");
    dialled(&mut world, "night-toggle", "6002");
    assert_eq!(*world.kept.lock(), [true, false]);
}
