//! Registers a million phones and prints what it costs: octets a binding (resident memory), the delay of a REGISTER
//! while the store grows, of a refresh, of a look-up, and of the end of all bindings at once.
//!
//! `cargo run --release -p registrar --example million [bindings] [threads]`

use std::hint::black_box;
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::registrar::Changes;
use proto::{Action, ContactUpdate, Locate, Register, Registered};
use registrar::core::{Store, Terms};

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let bindings = arguments.next().unwrap_or(1_000_000);
    let threads = arguments.next().unwrap_or(1).max(1);
    let before = resident();
    let store = Store::new(Terms::default(), [1, 2, 3, 4], Arc::new(Changes::new(1, 8192)));
    let delays = phase(&store, bindings, threads, 1, register);
    let grown = resident();
    println!("{bindings} bindings, {threads} threads: {} octets a binding", (grown - before) / bindings);
    println!("register, growing   {delays}");
    println!("register, refresh   {}", phase(&store, bindings, threads, 2, register));
    println!("locate              {}", phase(&store, bindings, threads, 3, locate));
    println!("after the refreshes {} octets a binding", (resident() - before) / bindings);
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for _ in 0..Store::STEPS {
        let begun = Instant::now();
        store.expire_some(NOW_MS + 8_000_000);
        longest = longest.max(begun.elapsed());
    }
    println!("expire all          {:?} in {} steps, the longest {longest:?}", begun.elapsed(), Store::STEPS);
    assert_eq!(store.counters().bindings, 0);
}

/// Runs over all phones on so many threads, timing each.
fn phase(
    store: &Store,
    bindings: usize,
    threads: usize,
    pass: u32,
    act: impl Fn(&Store, usize, u32) + Sync,
) -> String {
    let begun = Instant::now();
    let mut delays: Vec<u32> = std::thread::scope(|scope| {
        let act = &act;
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut delays = Vec::with_capacity(bindings / threads + 1);
                    for number in (thread..bindings).step_by(threads) {
                        let begun = Instant::now();
                        act(store, number, pass);
                        delays.push(u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX));
                    }
                    delays
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let total = begun.elapsed();
    delays.sort_unstable();
    let at =
        |share: f64| Duration::from_nanos(u64::from(delays[((delays.len() - 1) as f64 * share) as usize]));
    let rate = bindings as f64 / total.as_secs_f64() / 1e6;
    format!(
        "p50 {:?}  p99 {:?}  p99.9 {:?}  max {:?}  ({rate:.2} million/s)",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    )
}

/// A phone as phones are: a desk phone behind NAT with an instance, all texts of usual length.
fn register(store: &Store, number: usize, pass: u32) {
    let aor = format!("user{number:07}@sip.example.org");
    let contact = format!(
        "sip:user{number:07}-0x55d2b8a01@10.{}.{}.{}:5060",
        number >> 16,
        number >> 8 & 255,
        number & 255
    );
    let instance = format!("<urn:uuid:{number:08x}-81fa-4f1b-8c02-{number:012x}>");
    let call_id = format!("{number:016x}{:016x}", number * 7919);
    let source = format!("udp:203.0.{}.{}:{}", number >> 8 & 255, number & 255, 1024 + number % 60_000);
    let contacts = [ContactUpdate {
        uri: &contact,
        instance: &instance,
        reg_id: 1,
        q: 1000,
        ..ContactUpdate::default()
    }];
    let answer = store.register(&Register {
        now_ms: NOW_MS + u64::from(pass) * 1000,
        aor: &aor,
        call_id: &call_id,
        cseq: pass,
        action: Action::Update(&contacts),
        path: &[],
        flow: &[7; 17],
        user_agent: "Yealink SIP-T46U 108.86.0.90",
        source: &source,
    });
    assert!(matches!(answer, Registered::Accepted { bindings } if bindings.len() == 1));
}

fn locate(store: &Store, number: usize, pass: u32) {
    let aor = format!("user{number:07}@sip.example.org");
    let found =
        store.locate(&Locate { now_ms: NOW_MS + u64::from(pass) * 1000, aor: &aor, past_copy: false });
    assert_eq!(black_box(found).len(), 1);
}

/// Resident memory of this process in octets.
fn resident() -> usize {
    let mut text = String::new();
    let read = std::fs::File::open("/proc/self/statm").and_then(|mut file| file.read_to_string(&mut text));
    read.expect("Linux tells the memory of a process");
    text.split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .expect("the second number is the pages")
        * 4096
}

const NOW_MS: u64 = 1_700_000_000_000;
