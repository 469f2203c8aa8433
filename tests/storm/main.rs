//! Storms: two sites of the exchange, a dozen phones and many calls between them, with a network that loses, doubles,
//! delays and so reorders, services that answer now, later, too late, with an error or never, phones that refuse,
//! redirect, ring for ever, are switched off, lose their connection and change their mind. A seed makes a storm.
//!
//! Whatever happens: each INVITE gets one final answer, each refusal and each 2xx its ACK, each BYE its response, and at
//! the end every table of every site and phone is empty. Each storm runs twice and must leave the same trace.

mod chance;
mod phone;
mod rings;
mod world;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use world::{End, World};

/// Storms in a run, by seed from 1; `CARILLON_SEEDS` is another number, for a longer night.
const SEEDS: u64 = 1000;

#[test]
fn whatever_network_phones_and_services_do_each_call_ends_once_and_nothing_is_left() {
    if let Some(seed) = std::env::var("CARILLON_SEED").ok().and_then(|text| text.parse().ok()) {
        let end = World::new(seed).told().run();
        println!("{}", end.told);
        assert!(end.wrong.is_empty(), "seed {seed}:\n{}", end.wrong.join("\n"));
        return;
    }
    let last = std::env::var("CARILLON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let next = AtomicU64::new(1);
    let sum = Mutex::new((String::new(), End::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > last {
                        return;
                    }
                    let (first, again) = (World::new(seed).run(), World::new(seed).run());
                    let (text, all) = &mut *sum.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.trace != again.trace {
                        let _ = writeln!(
                            text,
                            "seed {seed} does not repeat: something in it is not from the seed"
                        );
                    }
                    for wrong in &first.wrong {
                        let _ = writeln!(text, "seed {seed}: {wrong}");
                    }
                    all.add(&first);
                }
            });
        }
    });
    let (text, all) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let End { messages, invites, answered, crossed, .. } = all;
    println!(
        "{messages} messages; {invites} INVITEs, {answered} of them answered; {crossed} answers crossed"
    );
    let failed = text.lines().count();
    let some: Vec<&str> = text.lines().take(40).collect();
    assert!(
        text.is_empty(),
        "{failed} findings:\n{}\nto run one seed alone and see its messages:\n  \
         CARILLON_SEED=N cargo test -p tests --test storm -- --nocapture",
        some.join("\n")
    );
    // A storm in which nobody can speak would find nothing, and a phone that picks up in vain is rare.
    assert!(answered * 5 > invites, "{answered} of {invites} calls answered");
    assert!(crossed * 20 < answered, "{crossed} of {answered} answers found nobody");
}
