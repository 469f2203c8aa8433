//! `./dev bench`: what a unit of work costs, beside a peer that is given the same load in the same run.
//!
//! The figure is processor time of all processes of the server divided by completed units, at a fixed rate. Runs
//! of both servers alternate. A run with a failed or repeated unit is thrown out and counted.

mod cpu;
mod deposits;
mod floor;
mod load;
mod memory;
mod relay;
mod report;
mod server;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bench::unit::{Call, Challenged, Conducted, Ends, Options, Register, Role, registration_of_bob};
use load::{Load, Outcome};
use report::{Case, Extra, Row};
use server::{Mode, PASSWORD, Peer, Server};

/// What is measured: a kind of unit at a rate.
#[derive(Debug, Clone, Copy)]
struct Plan {
    name: &'static str,
    kind: Kind,
    rate: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Options,
    Register,
    RegisterDigest,
    Call,
    Conducted,
    Relayed,
}

const PLANS: [Plan; 12] = [
    Plan { name: "OPTIONS", kind: Kind::Options, rate: 2_000 },
    Plan { name: "OPTIONS", kind: Kind::Options, rate: 12_000 },
    Plan { name: "REGISTER", kind: Kind::Register, rate: 2_000 },
    Plan { name: "REGISTER", kind: Kind::Register, rate: 10_000 },
    Plan { name: "REGISTER with digest", kind: Kind::RegisterDigest, rate: 1_500 },
    Plan { name: "REGISTER with digest", kind: Kind::RegisterDigest, rate: 6_000 },
    Plan { name: "call", kind: Kind::Call, rate: 600 },
    Plan { name: "call", kind: Kind::Call, rate: 2_000 },
    // Ours are conducted, with media that go from phone to phone, or through us; Kamailio proxies both.
    Plan { name: "conducted call", kind: Kind::Conducted, rate: 600 },
    Plan { name: "conducted call", kind: Kind::Conducted, rate: 2_000 },
    Plan { name: "relayed call", kind: Kind::Relayed, rate: 300 },
    Plan { name: "relayed call", kind: Kind::Relayed, rate: 1_000 },
];

const USERS: u64 = 1_000;

fn main() -> io::Result<()> {
    let options = match CommandLine::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(what) => {
            eprintln!(
                "{what}\nusage: bench [--carillon FILE] [--json FILE] [--seconds N] [--rounds N] [--only NAME] \
                 [--rate N] [--alone]\nNAME is one of {}",
                names().join(", ")
            );
            std::process::exit(2);
        }
    };
    let peers: &[Peer] = if options.alone {
        &[Peer::Carillon]
    } else if server::has_kamailio() {
        &[Peer::Carillon, Peer::Kamailio]
    } else {
        eprintln!("kamailio is not installed (apt-get install kamailio), so only Carillon is measured");
        &[Peer::Carillon]
    };
    let mut cases = Vec::new();
    for plan in PLANS.iter().filter(|plan| options.wants(plan.name) && options.has_rate(plan.rate)) {
        let mut case = Case::new(plan.name, plan.rate, floor::of(plan.kind)?);
        for round in 1..=options.rounds {
            for &peer in peers {
                eprint!(
                    "\r\x1b[K{} at {}/s, round {round} of {}: {peer:?} ...",
                    plan.name, plan.rate, options.rounds
                );
                let row = measure(*plan, peer, &options)?;
                case.push(peer, row);
            }
        }
        eprint!("\r\x1b[K");
        cases.push(case);
    }
    let mut extra = Extra::default();
    for &peer in peers {
        if options.wants(CLEAN_RATE) {
            eprint!("\r\x1b[K{peer:?}: the highest clean rate ...");
            extra.clean_rates.push((peer, highest_clean_rate(peer, &options)?));
        }
        if options.wants(MEMORY) {
            eprint!("\r\x1b[K{peer:?}: memory, two minutes ...");
            extra.memory.push((peer, memory::of(peer, &options.carillon)?));
        }
    }
    eprint!("\r\x1b[K");
    let mut relayed = Vec::new();
    if options.wants(RELAY) {
        let CommandLine { carillon, rate, rounds, time, alone, .. } = &options;
        relayed = relay::run(carillon, *rate, *rounds, *time, *alone)?;
        relay::print(&relayed);
    }
    let mut deposited = Vec::new();
    if options.wants(DEPOSITS) {
        deposited = deposits::run(&options.carillon, options.rate, options.time)?;
        deposits::print(&deposited);
    }
    report::print(&cases, &extra);
    if let Some(path) = &options.json {
        report::write_json(&cases, &extra, &relayed, &deposited, path)?;
        println!("written: {}", path.display());
    }
    Ok(())
}

/// One server, one run: warmed up for a second, then measured.
fn measure(plan: Plan, peer: Peer, options: &CommandLine) -> io::Result<Row> {
    let mode = match plan.kind {
        Kind::RegisterDigest => Mode::Digest,
        Kind::Conducted if peer == Peer::Carillon => Mode::Conducted,
        Kind::Relayed if peer == Peer::Carillon => Mode::Relayed,
        _ => Mode::Open,
    };
    let server = Server::start(peer, mode, USERS, &options.carillon)?;
    let mut load = Load::open(server.address)?;
    let mut ends = Ends {
        server: server.address,
        asking: load.asking_address()?,
        called: load.called_address()?,
        first: 1_000_000,
    };
    if matches!(plan.kind, Kind::Call | Kind::Conducted | Kind::Relayed) {
        load.ask(&registration_of_bob(&ends), true)?;
    }
    load.run(&*role(plan.kind, ends), plan.rate, Duration::from_secs(1))?;
    ends.first = 10_000_000;
    let (calibration, stolen) = (cpu::calibration(), cpu::stolen());
    let before = cpu::spent(server.pid());
    let outcome = load.run(&*role(plan.kind, ends), plan.rate, options.time)?;
    let spent = cpu::spent(server.pid()).saturating_sub(before);
    Ok(Row {
        us_per_unit: spent as f64 / 1_000.0 / outcome.done.max(1) as f64,
        outcome,
        memory_kib: cpu::memory_kib(server.pid()),
        calibration,
        stolen: cpu::stolen().saturating_sub(stolen),
    })
}

/// Doubles the rate until a run is not clean, then halves the step between.
fn highest_clean_rate(peer: Peer, options: &CommandLine) -> io::Result<u32> {
    let clean = |rate: u32| {
        let plan = Plan { name: "call", kind: Kind::Call, rate };
        measure(plan, peer, options).map(|row| is_clean(row.outcome))
    };
    let (mut low, mut step) = (500, 500);
    while low < CLEAN_RATE_MAX && clean(low + step)? {
        low += step;
        step = low;
    }
    while step > 250 {
        step /= 2;
        if clean(low + step)? {
            low += step;
        }
    }
    Ok(low)
}

fn is_clean(outcome: Outcome) -> bool {
    outcome.failed == 0 && outcome.repeated == 0 && outcome.done == outcome.begun
}

fn role(kind: Kind, ends: Ends) -> Box<dyn Role> {
    match kind {
        Kind::Options => Box::new(Options(ends)),
        Kind::Register => Box::new(Register { ends, users: USERS, answer: None }),
        Kind::RegisterDigest => Box::new(Register { ends, users: USERS, answer: Some(digest()) }),
        Kind::Call => Box::new(Call(ends)),
        Kind::Conducted | Kind::Relayed => Box::new(Conducted(Call(ends))),
    }
}

/// MD5, since that is what Kamailio is asked with: the same arithmetic for both servers.
fn digest() -> Challenged {
    Box::new(|challenge, user, uri| sip::auth::answer_md5(challenge, user, PASSWORD, "REGISTER", uri))
}

struct CommandLine {
    carillon: PathBuf,
    json: Option<PathBuf>,
    time: Duration,
    only: Option<String>,
    rate: Option<u32>,
    rounds: usize,
    alone: bool,
}

impl CommandLine {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            carillon: "target/release/carillon".into(),
            json: None,
            time: Duration::from_secs(5),
            only: None,
            rate: None,
            rounds: 3,
            alone: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
            match argument.as_str() {
                "--carillon" => read.carillon = value()?.into(),
                "--json" => read.json = Some(value()?.into()),
                "--only" => {
                    let name = value()?;
                    if !names().contains(&name.as_str()) {
                        return Err(format!("{name} is nothing that is measured"));
                    }
                    read.only = Some(name);
                }
                "--seconds" => {
                    let seconds = value()?.parse().ok().filter(|seconds| (1..=60).contains(seconds));
                    read.time = Duration::from_secs(seconds.ok_or("--seconds wants 1 to 60")?);
                }
                "--rate" => read.rate = Some(value()?.parse().map_err(|_| "--rate wants a number")?),
                "--rounds" => read.rounds = value()?.parse().map_err(|_| "--rounds wants a number")?,
                "--alone" => read.alone = true,
                other => return Err(format!("{other} is not an option")),
            }
        }
        Ok(read)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }

    fn has_rate(&self, rate: u32) -> bool {
        self.rate.is_none_or(|asked| asked == rate)
    }
}

/// What is measured, by the names that `--only` takes.
fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = PLANS.iter().map(|plan| plan.name).collect();
    names.dedup();
    names.extend([RELAY, DEPOSITS, MEMORY, CLEAN_RATE]);
    names
}

const CLEAN_RATE_MAX: u32 = 16_000;
/// The cases of media.
const RELAY: &str = "relay";
const DEPOSITS: &str = "deposits";
const MEMORY: &str = "memory";
const CLEAN_RATE: &str = "clean-rate";
