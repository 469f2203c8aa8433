//! What is kept: memory for each binding, and for each call while its transactions live.

use std::io;
use std::time::Duration;

use bench::unit::{Call, Ends, Register, registration_of_bob};

use crate::cpu;
use crate::load::Load;
use crate::server::{Mode, Peer, Server};

/// Octets of one server for each thing that it keeps.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// For a binding: the difference between as many users more, when no transaction is left.
    pub binding: f64,
    /// For a call, right behind a run: the transactions of INVITE and BYE still absorb repeats.
    pub call: f64,
}

/// Measures one server.
pub fn of(peer: Peer, carillon: &std::path::Path) -> io::Result<Memory> {
    Ok(Memory { binding: of_a_binding(peer, carillon)?, call: of_a_call(peer, carillon)? })
}

fn of_a_binding(peer: Peer, carillon: &std::path::Path) -> io::Result<f64> {
    let server = Server::start(peer, Mode::Open, BINDINGS * 2, carillon)?;
    let mut load = Load::open(server.address)?;
    let mut kib = [0; 2];
    // The first half makes the room that transactions take, which the second half uses again.
    for (half, kib) in kib.iter_mut().enumerate() {
        let first = BINDINGS * half as u64;
        let ends = ends(&server, &load, first)?;
        let role = Register { ends, users: BINDINGS * 2, answer: None };
        let time = Duration::from_secs(BINDINGS / u64::from(RATE));
        let outcome = load.run(&role, RATE, time)?;
        if outcome.failed > 0 {
            return Err(io::Error::other(format!("{} registrations failed", outcome.failed)));
        }
        std::thread::sleep(TRANSACTIONS_END);
        *kib = cpu::memory_kib(server.pid());
    }
    Ok(kib[1].saturating_sub(kib[0]) as f64 * 1024.0 / BINDINGS as f64)
}

fn of_a_call(peer: Peer, carillon: &std::path::Path) -> io::Result<f64> {
    let server = Server::start(peer, Mode::Open, 1, carillon)?;
    let mut load = Load::open(server.address)?;
    load.ask(&registration_of_bob(&ends(&server, &load, 0)?), true)?;
    load.run(&Call(ends(&server, &load, 1_000_000)?), 100, Duration::from_secs(1))?;
    let before = cpu::memory_kib(server.pid());
    let outcome = load.run(&Call(ends(&server, &load, 2_000_000)?), CALLS, Duration::from_secs(3))?;
    let more = cpu::memory_kib(server.pid()).saturating_sub(before);
    Ok(more as f64 * 1024.0 / outcome.done.max(1) as f64)
}

fn ends(server: &Server, load: &Load, first: u64) -> io::Result<Ends> {
    Ok(Ends { server: server.address, asking: load.asking_address()?, called: load.called_address()?, first })
}

const BINDINGS: u64 = 20_000;
const RATE: u32 = 2_000;
const CALLS: u32 = 1_000;
/// Timer J (RFC 3261 §17.2.2) and a little.
const TRANSACTIONS_END: Duration = Duration::from_secs(36);
