//! How often the core of a shard allocates for a unit of work, from the packet that comes in to the sends that go out,
//! once it is warm.

use bench::shard::{Kind, Shard};

#[test]
fn a_unit_of_work_allocates_no_more_than_the_design_says() {
    let mut over = Vec::new();
    // The kept request and the answer of the registrar; the same, the challenge, and a longer request; the kept messages
    // of four transactions, and what the dial plan, the registrar and three response contexts hold. A tenth is for the
    // tables of the index that still grow.
    let most_of =
        [(Kind::Options, 0.0), (Kind::Register, 2.1), (Kind::RegisterDigest, 5.1), (Kind::Call, 24.0)];
    for (kind, most) in most_of {
        let mut shard = Shard::new(kind);
        let mut total = 0;
        for _ in 0..UNITS {
            shard.unit(&mut |step| total += allocation_counter::measure(step).count_total);
        }
        let each = total as f64 / UNITS as f64;
        println!("{}: {each}", kind.name());
        if each > most {
            over.push(format!("{} allocates {each} times, {most} at most", kind.name()));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
}

const UNITS: u64 = 1000;
