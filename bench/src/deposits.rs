//! Messages left in mailboxes at once: what a second of one costs the whole exchange (greeting, beep, recording, disk),
//! what it holds in memory, and whether each is there afterwards.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cpu;
use crate::server::{Mode, Peer, Server};
use bench::unit::{Call, Ends, Role as _, Unit, Verdict};

/// How many callers speak at once.
const AT_ONCE: [u32; 3] = [50, 200, 400];

/// So many deposits at once.
#[derive(Debug)]
pub struct Case {
    at_once: u32,
    /// Processor time for a second of a call that speaks to a mailbox, in microseconds.
    us_per_second: f64,
    kib_per_call: f64,
    /// Messages that are there afterwards.
    filed: usize,
    /// Their seconds, and those of the shortest.
    seconds: f64,
    shortest: f64,
    lag: Duration,
    stolen: u64,
}

/// Measures all numbers of callers, or the one that is asked for.
pub fn run(carillon: &Path, at_once: Option<u32>, time: Duration) -> io::Result<Vec<Case>> {
    let counts = AT_ONCE.into_iter().filter(|count| at_once.is_none_or(|asked| asked == *count));
    let of = |count| {
        eprint!("\r\x1b[K{count} deposits at once ...");
        measure(carillon, count, time)
    };
    let cases = counts.map(of).collect();
    eprint!("\r\x1b[K");
    cases
}

/// A caller who is connected to the mailbox.
struct Caller {
    unit: Unit,
    to: SocketAddr,
}

fn measure(carillon: &Path, at_once: u32, time: Duration) -> io::Result<Case> {
    let server = Server::start(Peer::Carillon, Mode::Mailboxes, 0, carillon)?;
    let signalling = UdpSocket::bind("127.0.0.1:0")?;
    signalling.set_read_timeout(Some(PATIENCE))?;
    let asking = signalling.local_addr()?;
    let call = Call(Ends { server: server.address, asking, called: asking, first: 1 });
    let media: Vec<UdpSocket> =
        (0..SOCKETS).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let mut callers = vec![begin(&call, &signalling, 1)?];
    let empty = cpu::memory_kib(server.pid());
    for number in 2..=u64::from(at_once) {
        callers.push(begin(&call, &signalling, number)?);
    }
    let stolen = cpu::stolen();
    speak(&callers, &media, GREETING)?;
    let before = cpu::spent(server.pid());
    let lag = speak(&callers, &media, time)?;
    let spent = cpu::spent(server.pid()).saturating_sub(before);
    let grown = cpu::memory_kib(server.pid()).saturating_sub(empty);
    for caller in &mut callers {
        end(&call, &signalling, caller)?;
    }
    let lengths = filed(&server.state(), callers.len())?;
    Ok(Case {
        at_once,
        us_per_second: spent as f64 / 1_000.0 / f64::from(at_once) / time.as_secs_f64(),
        kib_per_call: grown as f64 / f64::from(at_once.max(2) - 1),
        filed: lengths.len(),
        seconds: lengths.iter().sum(),
        shortest: lengths.iter().copied().fold(f64::INFINITY, f64::min),
        lag,
        stolen: cpu::stolen().saturating_sub(stolen),
    })
}

/// Calls bob, who has no phone, and waits until the mailbox has answered.
fn begin(call: &Call, signalling: &UdpSocket, number: u64) -> io::Result<Caller> {
    let (mut unit, mut out, mut room) = (Unit::new(number), Vec::new(), [0; 4096]);
    call.begin(&mut unit, &mut out);
    signalling.send_to(&out, call.0.server)?;
    loop {
        let (length, from) = signalling.recv_from(&mut room)?;
        let octets = &room[..length];
        if call.number(octets) != Some(number) {
            continue;
        }
        match call.answered(&mut unit, octets, &mut out) {
            Verdict::SendLater(_) => {
                signalling.send_to(&out, from)?;
                let text = String::from_utf8_lossy(octets);
                let port =
                    text.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
                let port: u16 = port.ok_or_else(|| io::Error::other(format!("no stream in {text}")))?;
                return Ok(Caller { unit, to: SocketAddr::new(from.ip(), port) });
            }
            Verdict::Wait => {}
            _ => return Err(io::Error::other(format!("no mailbox: {}", String::from_utf8_lossy(octets)))),
        }
    }
}

/// Hangs up and waits for the answer.
fn end(call: &Call, signalling: &UdpSocket, caller: &mut Caller) -> io::Result<()> {
    let (mut out, mut room) = (Vec::new(), [0; 4096]);
    call.later(&mut caller.unit, &mut out);
    signalling.send_to(&out, call.0.server)?;
    loop {
        let (length, _) = signalling.recv_from(&mut room)?;
        if call.number(&room[..length]) == Some(caller.unit.number) {
            match call.answered(&mut caller.unit, &room[..length], &mut out) {
                Verdict::Done => return Ok(()),
                Verdict::Wait => {}
                _ => return Err(io::Error::other(String::from_utf8_lossy(&room[..length]).into_owned())),
            }
        }
    }
}

/// All speak for so long, each a packet of A-law noise every 20 ms. How far the load was behind at its worst.
fn speak(callers: &[Caller], media: &[UdpSocket], time: Duration) -> io::Result<Duration> {
    let start = Instant::now();
    let (mut packet, mut noise, mut lag) = ([0; PACKET], 0x2545_f491_u32, Duration::ZERO);
    for turn in 0..(time.as_millis() / PTIME.as_millis()) as u32 {
        let due = PTIME * turn;
        if let Some(wait) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(wait);
        }
        lag = lag.max(start.elapsed().saturating_sub(due));
        for octet in &mut packet[12..] {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            *octet = noise as u8;
        }
        // Those of the time before go on where they were: the clock is the wall's.
        let stamp = SEQUENCE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for (at, caller) in callers.iter().enumerate() {
            packet[..2].copy_from_slice(&[0x80, 8]);
            packet[2..4].copy_from_slice(&(stamp as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&stamp.wrapping_mul(160).to_be_bytes());
            packet[8..12].copy_from_slice(&(at as u32 + 1).to_be_bytes());
            media[at % media.len()].send_to(&packet, caller.to)?;
        }
    }
    Ok(lag)
}

/// The seconds of each message that is there, once as many are there as should be or nothing more comes.
fn filed(state: &Path, expected: usize) -> io::Result<Vec<f64>> {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut lengths = Vec::new();
        collect(&state.join("recordings"), &mut lengths)?;
        if lengths.len() >= expected || Instant::now() > until {
            return Ok(lengths);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn collect(folder: &PathBuf, lengths: &mut Vec<f64>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, lengths)?;
        } else if path.extension().is_some_and(|ending| ending == "wav") {
            let octets = fs::read(&path)?;
            let field = |at: usize| octets.get(at..at + 4).and_then(|field| field.try_into().ok());
            let rate = field(28).map_or(16_000, u32::from_le_bytes);
            lengths.push(octets.len().saturating_sub(44) as f64 / f64::from(rate.max(1)));
        }
    }
    Ok(())
}

/// Prints the cases as a table.
pub fn print(cases: &[Case]) {
    println!(
        "{:<22}{:>14}{:>12}{:>8}{:>11}{:>12}{:>9}{:>9}",
        "deposits at once", "µs a second", "KiB a call", "filed", "seconds", "shortest", "lag ms", "stolen"
    );
    for case in cases {
        println!(
            "{:<22}{:>14.0}{:>12.1}{:>8}{:>11.0}{:>12.1}{:>9}{:>9}",
            case.at_once,
            case.us_per_second,
            case.kib_per_call,
            case.filed,
            case.seconds,
            case.shortest,
            case.lag.as_millis(),
            case.stolen,
        );
    }
}

impl Case {
    /// All figures.
    pub fn json(&self) -> Value {
        json!({
            "at_once": self.at_once,
            "us_per_second": self.us_per_second,
            "kib_per_call": self.kib_per_call,
            "filed": self.filed,
            "seconds": self.seconds,
            "shortest_seconds": self.shortest,
            "lag_ms": self.lag.as_millis() as u64,
            "stolen_jiffies": self.stolen,
        })
    }
}

static SEQUENCE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
/// The greeting in English takes less.
const GREETING: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(10);
const PTIME: Duration = Duration::from_millis(20);
const SOCKETS: usize = 16;
/// G.711 for 20 ms, with its header.
const PACKET: usize = 172;
