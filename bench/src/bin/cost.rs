//! `./dev cost`: how many instructions a unit of work takes in the core of a shard, counted by callgrind, beside what
//! `bench/cost.txt` keeps. Growth above 5 % fails, unless another compiler counted what is kept.
//!
//! The units run in virtual time with fixed seeds, so two counts of one program differ by less than a thousandth.
//! Valgrind has no instructions for SHA: a digest costs more here than on a machine that has.

use std::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use bench::shard::{Kind, Shard};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["units", name] => {
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            let mut shard = Shard::new(kind.expect("this program starts itself with a name that it knows"));
            (0..UNITS).for_each(|_| shard.unit(&mut |step| measured(step)));
            ExitCode::SUCCESS
        }
        [] => say(compare(false)),
        ["--write"] => say(compare(true)),
        _ => {
            eprintln!("usage: cost [--write]");
            ExitCode::from(2)
        }
    }
}

/// Callgrind counts in here alone.
#[inline(never)]
fn measured(step: &mut dyn FnMut()) {
    step();
    // Behind the call, so that it is no jump that callgrind would not see the end of.
    std::hint::black_box(());
}

fn say(result: io::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("cost: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Counts each kind and prints it beside what is kept; false when one has grown.
fn compare(write: bool) -> io::Result<bool> {
    let kept = fs::read_to_string(KEPT).unwrap_or_default();
    let compiler = compiler()?;
    let is_same = kept.lines().next() == Some(compiler.as_str());
    let mut text = format!("{compiler}\n");
    let mut grown = Vec::new();
    println!("{:<22}{:>14}{:>14}{:>9}", "unit", "instructions", "kept", "change");
    for kind in Kind::ALL {
        let (name, count) = (kind.name(), count(kind)?);
        let _ = writeln!(text, "{name}: {count}");
        let before =
            kept.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse::<u64>().ok());
        let Some(before) = before else {
            println!("{name:<22}{count:>14}{:>14}{:>9}", "-", "-");
            continue;
        };
        let change = (count as f64 / before as f64 - 1.0) * 100.0;
        println!("{name:<22}{count:>14}{before:>14}{change:>+8.1}%");
        if change > GROWTH_PERCENT {
            grown.push(name);
        }
    }
    if write {
        fs::write(KEPT, text)?;
        println!("written: bench/cost.txt");
        return Ok(true);
    }
    if !is_same {
        let before = kept.lines().next().unwrap_or("nobody");
        println!(
            "not judged: {before} built what is kept, this was built by {compiler}; `./dev cost --write` keeps this"
        );
        return Ok(true);
    }
    if !grown.is_empty() {
        println!(
            "more than {GROWTH_PERCENT} % more: {}. Take it back, or say in the commit what it buys and run `./dev cost --write`",
            grown.join(", ")
        );
    }
    Ok(grown.is_empty())
}

/// Instructions of one unit.
fn count(kind: Kind) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=cost::measured*"])
        .arg("--callgrind-out-file=/dev/null")
        .arg(env::current_exe()?)
        .args(["units", kind.name()])
        .output()
        .map_err(|why| io::Error::new(why.kind(), format!("valgrind does not start: {why}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse::<u64>().ok());
    match count {
        Some(count) if count > 0 && output.status.success() => Ok(count / UNITS),
        _ => Err(io::Error::other(format!("valgrind has counted nothing:\n{said}"))),
    }
}

fn compiler() -> io::Result<String> {
    let output =
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

const UNITS: u64 = 500;
const GROWTH_PERCENT: f64 = 5.0;
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cost.txt");
