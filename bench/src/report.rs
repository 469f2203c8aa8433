//! The figures as a table and as JSON.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Outcome;
use crate::memory::Memory;
use crate::server::Peer;

/// One run of one server.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Processor time of the server for a completed unit, in microseconds.
    pub us_per_unit: f64,
    /// What became of the units.
    pub outcome: Outcome,
    /// Memory of the server behind the run, proportional set size in KiB.
    pub memory_kib: u64,
    /// The fixed loop: how fast the machine was just then.
    pub calibration: Duration,
    /// Jiffies that the host took during the run.
    pub stolen: u64,
}

/// One kind of unit at one rate, all rounds.
#[derive(Debug)]
pub struct Case {
    name: &'static str,
    rate: u32,
    floor_us: f64,
    carillon: Vec<Row>,
    kamailio: Vec<Row>,
}

impl Case {
    /// A case without rounds; `floor_us` is what its datagrams alone cost.
    pub fn new(name: &'static str, rate: u32, floor_us: f64) -> Self {
        Self { name, rate, floor_us, carillon: Vec::new(), kamailio: Vec::new() }
    }

    /// Adds one round's run.
    pub fn push(&mut self, peer: Peer, row: Row) {
        match peer {
            Peer::Carillon => self.carillon.push(row),
            Peer::Kamailio => self.kamailio.push(row),
        }
    }

    fn json(&self) -> Value {
        let (carillon, kamailio) = (median(&self.carillon), median(&self.kamailio));
        json!({
            "name": self.name,
            "rate": self.rate,
            "carillon_us": carillon.map(rounded),
            "kamailio_us": kamailio.map(rounded),
            "ratio": carillon.zip(kamailio).map(|(ours, theirs)| rounded(ours / theirs)),
            "carillon_best_us": best(&self.carillon).map(rounded),
            "kamailio_best_us": best(&self.kamailio).map(rounded),
            "floor_us": rounded(self.floor_us),
            "carillon_kib": self.carillon.last().map(|row| row.memory_kib),
            "kamailio_kib": self.kamailio.last().map(|row| row.memory_kib),
            "thrown_out": thrown_out(&self.carillon) + thrown_out(&self.kamailio),
            "calibration_ms": self.carillon.iter().map(|row| rounded(row.calibration.as_secs_f64() * 1e3)).collect::<Vec<_>>(),
            "stolen_jiffies": self.carillon.iter().chain(&self.kamailio).map(|row| row.stolen).sum::<u64>(),
        })
    }
}

/// What is measured when it is asked for.
#[derive(Debug, Default)]
pub struct Extra {
    /// The highest rate of calls without a failed or repeated one.
    pub clean_rates: Vec<(Peer, u32)>,
    /// Memory for what is kept.
    pub memory: Vec<(Peer, Memory)>,
}

impl Extra {
    fn print(&self) {
        for (peer, rate) in &self.clean_rates {
            println!("highest clean rate of calls, {peer:?}: {rate}/s");
        }
        for (peer, Memory { binding, call }) in &self.memory {
            println!(
                "memory, {peer:?}: {binding:.0} octets a binding, {call:.0} a call while its transactions live, {:.0} a \
                 transaction",
                call / CALL_TRANSACTIONS
            );
        }
    }

    fn json(&self) -> (Value, Value) {
        let rates = self.clean_rates.iter().map(|(peer, rate)| (name(*peer), json!(rate))).collect();
        let memory = self.memory.iter().map(|(peer, Memory { binding, call })| {
            (name(*peer), json!({ "binding_octets": rounded(*binding), "call_octets": rounded(*call), "transaction_octets": rounded(call / CALL_TRANSACTIONS) }))
        });
        (Value::Object(rates), Value::Object(memory.collect()))
    }
}

/// INVITE and BYE, each with the one who asks and the one who is asked.
const CALL_TRANSACTIONS: f64 = 4.0;

fn name(peer: Peer) -> String {
    format!("{peer:?}").to_lowercase()
}

/// Prints all cases as a table.
pub fn print(cases: &[Case], extra: &Extra) {
    if cases.is_empty() {
        return extra.print();
    }
    println!(
        "{:<22}{:>8}{:>13}{:>13}{:>8}{:>10}{:>12}{:>9}",
        "unit", "rate/s", "carillon µs", "kamailio µs", "ratio", "floor µs", "thrown out", "stolen"
    );
    for case in cases {
        let value = case.json();
        let cell = |key: &str| match &value[key] {
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        println!(
            "{:<22}{:>8}{:>13}{:>13}{:>8}{:>10}{:>12}{:>9}",
            case.name,
            case.rate,
            cell("carillon_us"),
            cell("kamailio_us"),
            cell("ratio"),
            cell("floor_us"),
            cell("thrown_out"),
            cell("stolen_jiffies"),
        );
    }
    extra.print();
}

/// Writes `{"cases":[...]}`, with the highest clean rates, the memory and the relay where they were measured.
pub fn write_json(
    cases: &[Case],
    extra: &Extra,
    relayed: &[crate::relay::Case],
    deposited: &[crate::deposits::Case],
    path: &Path,
) -> io::Result<()> {
    let (clean_rates, memory) = extra.json();
    let value = json!({
        "cases": cases.iter().map(Case::json).collect::<Vec<_>>(),
        "clean_call_rates": clean_rates,
        "memory": memory,
        "deposits": deposited.iter().map(crate::deposits::Case::json).collect::<Vec<_>>(),
        "relay": relayed.iter().map(crate::relay::Case::json).collect::<Vec<_>>(),
    });
    std::fs::write(path, serde_json::to_vec_pretty(&value)?)
}

/// The middle of the clean runs.
fn median(rows: &[Row]) -> Option<f64> {
    let mut figures: Vec<f64> = rows.iter().filter(|row| is_clean(row)).map(|row| row.us_per_unit).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// The least of the clean runs: what the machine allows when others leave it alone.
fn best(rows: &[Row]) -> Option<f64> {
    rows.iter().filter(|row| is_clean(row)).map(|row| row.us_per_unit).min_by(f64::total_cmp)
}

fn thrown_out(rows: &[Row]) -> usize {
    rows.iter().filter(|row| !is_clean(row)).count()
}

fn is_clean(row: &Row) -> bool {
    crate::is_clean(row.outcome)
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
