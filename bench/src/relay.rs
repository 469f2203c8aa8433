//! Media relayed, beside rtpengine in userspace: processor time for a packet, what a call keeps in memory, and how much
//! later a packet arrives. Both servers get the same calls in turn, each with its own process.

mod phones;
mod server;

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cpu;
use phones::Phones;
use server::{Relay, Server};

/// How many calls stand at once; each has a packet every 20 ms in both directions.
const CALLS: [u32; 3] = [100, 400, 800];

/// What one run of one server came to.
#[derive(Debug, Clone, Copy)]
struct Row {
    us_per_packet: f64,
    heard: phones::Heard,
    kib_per_call: f64,
    calibration: Duration,
    stolen: u64,
}

impl Row {
    /// A run with losses, or with a load that lagged behind, says nothing.
    fn is_clean(&self) -> bool {
        self.heard.received + self.heard.sent / 10_000 >= self.heard.sent && self.heard.lag < LAG_MAX
    }
}

/// So many calls, all rounds of both servers.
#[derive(Debug)]
pub struct Case {
    calls: u32,
    carillon: Vec<Row>,
    rtpengine: Vec<Row>,
}

/// Measures all numbers of calls, or the one that is asked for.
pub fn run(
    carillon: &Path,
    calls: Option<u32>,
    rounds: usize,
    time: Duration,
    alone: bool,
) -> io::Result<Vec<Case>> {
    let mut relays = vec![Relay::Carillon];
    if alone {
    } else if server::has_rtpengine() {
        relays.push(Relay::Rtpengine);
    } else {
        eprintln!(
            "rtpengine is not installed (apt-get install rtpengine-daemon), so only Carillon is measured"
        );
    }
    let mut cases = Vec::new();
    for count in CALLS.into_iter().filter(|count| calls.is_none_or(|calls| calls == *count)) {
        let mut case = Case { calls: count, carillon: Vec::new(), rtpengine: Vec::new() };
        for round in 1..=rounds {
            for relay in &relays {
                eprint!("\r\x1b[Krelay of {count} calls, round {round} of {rounds}: {relay:?} ...");
                let row = measure(*relay, carillon, count, time)?;
                match relay {
                    Relay::Carillon => case.carillon.push(row),
                    Relay::Rtpengine => case.rtpengine.push(row),
                }
            }
        }
        eprint!("\r\x1b[K");
        cases.push(case);
    }
    Ok(cases)
}

/// One server, its calls, a second to warm up, and the run.
fn measure(relay: Relay, carillon: &Path, calls: u32, time: Duration) -> io::Result<Row> {
    let mut server = Server::start(relay, carillon)?;
    let mut phones = Phones::open()?;
    // The first call brings what all share.
    phones.join(&mut server, 1)?;
    let empty = cpu::memory_kib(server.pid());
    phones.join(&mut server, calls - 1)?;
    phones.talk(Duration::from_secs(1))?;
    let (calibration, stolen) = (cpu::calibration(), cpu::stolen());
    let before = cpu::spent(server.pid());
    let heard = phones.talk(time)?;
    let spent = cpu::spent(server.pid()).saturating_sub(before);
    let grown = cpu::memory_kib(server.pid()).saturating_sub(empty);
    Ok(Row {
        us_per_packet: spent as f64 / 1_000.0 / heard.received.max(1) as f64,
        heard,
        kib_per_call: grown as f64 / f64::from(calls.max(2) - 1),
        calibration,
        stolen: cpu::stolen().saturating_sub(stolen),
    })
}

/// Prints the cases as a table.
pub fn print(cases: &[Case]) {
    println!(
        "{:<10}{:>12}{:>14}{:>15}{:>8}{:>11}{:>11}{:>11}{:>11}{:>12}{:>9}",
        "relay",
        "packets/s",
        "carillon µs",
        "rtpengine µs",
        "ratio",
        "p50 µs",
        "p99 µs",
        "p50 peer",
        "p99 peer",
        "thrown out",
        "stolen"
    );
    for case in cases {
        let value = case.json();
        let cell = |key: &str| match &value[key] {
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        println!(
            "{:<10}{:>12}{:>14}{:>15}{:>8}{:>11}{:>11}{:>11}{:>11}{:>12}{:>9}",
            case.calls,
            case.calls * 100,
            cell("carillon_us"),
            cell("rtpengine_us"),
            cell("ratio"),
            cell("carillon_p50_us"),
            cell("carillon_p99_us"),
            cell("rtpengine_p50_us"),
            cell("rtpengine_p99_us"),
            cell("thrown_out"),
            cell("stolen_jiffies"),
        );
        println!("          KiB a call: {} and {}", cell("carillon_kib"), cell("rtpengine_kib"));
    }
}

impl Case {
    /// All figures.
    pub fn json(&self) -> Value {
        let (ours, theirs) = (&self.carillon, &self.rtpengine);
        let cost = |row: &Row| row.us_per_packet;
        let ratio = middle(ours, cost).zip(middle(theirs, cost)).map(|(ours, theirs)| rounded(ours / theirs));
        let of = |of: fn(&Row) -> f64| [ours, theirs].map(|rows| middle(rows, of).map(rounded));
        let [carillon_us, rtpengine_us] = of(cost);
        let [carillon_p50, rtpengine_p50] = of(|row| row.heard.p50_us);
        let [carillon_p99, rtpengine_p99] = of(|row| row.heard.p99_us);
        let [carillon_kib, rtpengine_kib] = of(|row| row.kib_per_call);
        let rows = || ours.iter().chain(theirs);
        json!({
            "calls": self.calls,
            "carillon_us": carillon_us,
            "rtpengine_us": rtpengine_us,
            "ratio": ratio,
            "carillon_best_us": best(ours).map(rounded),
            "rtpengine_best_us": best(theirs).map(rounded),
            "carillon_p50_us": carillon_p50,
            "carillon_p99_us": carillon_p99,
            "rtpengine_p50_us": rtpengine_p50,
            "rtpengine_p99_us": rtpengine_p99,
            "carillon_kib": carillon_kib,
            "rtpengine_kib": rtpengine_kib,
            "thrown_out": rows().filter(|row| !row.is_clean()).count(),
            "calibration_ms": rows().map(|row| rounded(row.calibration.as_secs_f64() * 1e3)).collect::<Vec<_>>(),
            "stolen_jiffies": rows().map(|row| row.stolen).sum::<u64>(),
        })
    }
}

/// The middle of the clean runs.
fn middle(rows: &[Row], of: impl Fn(&Row) -> f64) -> Option<f64> {
    let mut figures: Vec<f64> = rows.iter().filter(|row| row.is_clean()).map(of).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

fn best(rows: &[Row]) -> Option<f64> {
    rows.iter().filter(|row| row.is_clean()).map(|row| row.us_per_packet).min_by(f64::total_cmp)
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// A load that lags by more sends in bursts that no phone would.
const LAG_MAX: Duration = Duration::from_millis(100);
