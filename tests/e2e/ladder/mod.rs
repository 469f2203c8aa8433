//! Flow ladders: what each phone of a call flow sends and gets, in text files (`tests/ladders`, whose README is the
//! format). The same file runs in a simulated world with exact times, and over sockets with order and presence against
//! the running binary: as one process with one, two and four shards, and as edge and registrar apart.

mod phone;
mod script;
mod simulated;
mod sockets;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use phone::Phone;
use script::{Direction, Ladder, Line};
use sockets::Shape;

use super::Test;
use super::needs::NOTHING;

/// Where phones and exchange are, and what lies between.
trait World {
    /// Puts a message of a phone on the wire, at this moment of the ladder in ms.
    fn send(&mut self, at_ms: u64, who: usize, octets: &[u8]);

    /// What a phone gets at that moment. `again`: it has had the very same octets before; `None` when this world
    /// has seen some, but cannot tell which.
    fn receive(&mut self, at_ms: u64, who: usize, again: bool) -> Result<Option<Vec<u8>>, String>;

    /// Stops the services, or lets them go on.
    fn services(&mut self, at_ms: u64, go: bool);

    /// What phones have got and nobody has looked at.
    fn rest(&mut self) -> Vec<String>;

    /// The ladder is over: nobody gets anything more, and nothing is left behind.
    fn end(self: Box<Self>) -> Result<(), String>;
}

/// Who is where in a world.
struct Places {
    exchange: SocketAddr,
    phones: Vec<SocketAddr>,
}

/// A test for each ladder and world.
pub fn tests() -> Vec<Test> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("ladders");
    let mut files = Vec::new();
    collect(&top, &mut files);
    files.sort();
    assert!(!files.is_empty(), "there are ladders in {}", top.display());
    files.into_iter().flat_map(|file| ways(&top, &file)).collect()
}

fn ways(top: &Path, file: &Path) -> Vec<Test> {
    let name = file.strip_prefix(top).unwrap_or(file).with_extension("").display().to_string();
    let test = |way: &str, begin: fn(&Ladder) -> (Places, Box<dyn World>)| {
        let file = file.to_owned();
        Test::new("ladder", &format!("{way}::{name}"), NOTHING, move || {
            let ladder = read(&file).unwrap_or_else(|why| panic!("{why}"));
            let (places, world) = begin(&ladder);
            play(&ladder, &places, world);
        })
    };
    let read = read(file);
    let of_one_process = read.as_ref().is_ok_and(|ladder| ladder.only_whole.is_some());
    let mut tests = Vec::new();
    if !of_one_process {
        tests.push(test("simulated", simulated::begin));
    }
    if read.is_ok_and(|ladder| ladder.only_simulated.is_none()) {
        tests.push(test("whole", |ladder| sockets::begin(ladder, Shape::Whole)));
        tests.push(test("two_shards", |ladder| sockets::begin(ladder, Shape::Shards(2))));
        tests.push(test("four_shards", |ladder| sockets::begin(ladder, Shape::Shards(4))));
        if !of_one_process {
            tests.push(test("apart", |ladder| sockets::begin(ladder, Shape::Apart)));
        }
    }
    tests
}

fn read(file: &Path) -> Result<Ladder, String> {
    let text = fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
    Ladder::read(&text).map_err(|why| format!("{}:{why}", file.display()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "ladder") {
            files.push(path);
        }
    }
}

/// Plays a ladder, registrations first. A difference is a panic that shows what was due beside what happened.
fn play(ladder: &Ladder, places: &Places, mut world: Box<dyn World>) {
    let words = words(ladder, places);
    let domain = places.exchange.ip().to_string();
    let make = |(who, at): (&script::Who, &SocketAddr)| Phone::new(who, *at, &domain);
    let mut phones: Vec<Phone> = ladder.phones.iter().zip(&places.phones).map(make).collect();
    for who in (0..phones.len()).filter(|who| ladder.phones[*who].is_registered) {
        for line in script::registration() {
            step(&line, who, &mut phones, &mut *world, &words)
                .unwrap_or_else(|wrong| panic!("{} cannot register: {}", ladder.phones[who].name, wrong.why));
        }
        phones[who].forget_challenge();
    }
    for (place, line) in ladder.lines.iter().enumerate() {
        if let Err(wrong) = step(line, line.who, &mut phones, &mut *world, &words) {
            let rest = world.rest();
            panic!("{}", difference(ladder, place, &wrong, &rest));
        }
    }
    world.end().unwrap_or_else(|why| {
        let wrong = Wrong { came: "something more".to_owned(), why };
        panic!("{}", difference(ladder, ladder.lines.len(), &wrong, &[]))
    });
}

/// What differs from a line: what came in a word or two, and the whole of it.
struct Wrong {
    came: String,
    why: String,
}

/// The ladder beside what happened, up to the line where they part.
fn difference(ladder: &Ladder, place: usize, wrong: &Wrong, rest: &[String]) -> String {
    let width = ladder.lines.iter().map(|line| line.text.len()).max().unwrap_or_default();
    let mut text = format!("it went another way\n       {:width$}   what happened\n", "the ladder");
    for (number, line) in ladder.lines.iter().enumerate() {
        let (mark, happened) = match number.cmp(&place) {
            Ordering::Less => (' ', "the same"),
            Ordering::Equal => ('!', wrong.came.as_str()),
            Ordering::Greater => (' ', ""),
        };
        let _ = writeln!(text, "{mark} {:4} {:width$}   {happened}", line.number, line.text);
    }
    if place == ladder.lines.len() {
        let _ = writeln!(text, "!      {:width$}   {}", "(the end)", wrong.came);
    }
    for other in rest {
        let _ = writeln!(text, "       {:width$}   not looked at: {other}", "");
    }
    text + &wrong.why
}

fn step(
    line: &Line,
    who: usize,
    phones: &mut [Phone],
    world: &mut dyn World,
    words: &BTreeMap<String, String>,
) -> Result<(), Wrong> {
    match line.direction {
        Direction::ServicesStop => world.services(line.at_ms, false),
        Direction::ServicesGo => world.services(line.at_ms, true),
        Direction::Sends => {
            let dialogs = phones.iter().flat_map(Phone::words).collect();
            let write = phones[who].write(&line.filled(words).filled(&dialogs));
            let octets = write.map_err(|why| Wrong { came: "it cannot be sent".to_owned(), why })?;
            world.send(line.at_ms, who, &octets);
        }
        Direction::Gets => {
            let got = world.receive(line.at_ms, who, line.again);
            if let Some(octets) = got.map_err(|why| Wrong { came: first_line(&why), why })? {
                line.filled(words).judge(&octets).map_err(|why| Wrong {
                    came: format!("{} {}", line.at_ms, script::summary(&octets)),
                    why: format!("{why}; it got:\n{}", String::from_utf8_lossy(&octets)),
                })?;
                phones[who].hear(&octets);
            }
        }
    }
    Ok(())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// What `{domain}` and `{alice}` stand for.
fn words(ladder: &Ladder, places: &Places) -> BTreeMap<String, String> {
    let phones = ladder.phones.iter().zip(&places.phones).map(|(who, at)| (who.name.clone(), at.to_string()));
    phones.chain([("domain".to_owned(), places.exchange.ip().to_string())]).collect()
}
