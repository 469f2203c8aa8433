//! The wheel against a sorted map, and the facts that its users rely on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn pop_all(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
    std::iter::from_fn(|| wheel.pop(now)).collect()
}

#[test]
fn a_timer_fires_at_the_first_tick_that_is_not_before_it() {
    let began = Instant::now();
    let mut wheel = Wheel::new(began, 4);
    let due = wheel.tick_at(began + ms(501));
    wheel.start(0, due);
    assert_eq!(wheel.deadline(), Some(began + ms(510)));
    assert_eq!(wheel.pop(began + ms(509)), None);
    assert_eq!(wheel.pop(began + ms(510)), Some(0));
    assert_eq!((wheel.pop(began + ms(510)), wheel.deadline(), wheel.len()), (None, None, 0));
}

#[test]
fn deadlines_are_exact_however_many_are_started_moved_and_stopped_within_forty_seconds() {
    let began = Instant::now();
    let mut wheel = Wheel::new(began, 4);
    for (owner, after) in [(0, 32_000), (1, 500), (2, 4_000), (3, 500)] {
        let due = wheel.tick_at(began + ms(after));
        wheel.start(owner, due);
    }
    assert_eq!(wheel.deadline(), Some(began + ms(500)));
    wheel.stop(1);
    assert_eq!(wheel.deadline(), Some(began + ms(500)));
    wheel.stop(3);
    assert_eq!(wheel.deadline(), Some(began + ms(4_000)));
    wheel.start(2, 3_300);
    assert_eq!(wheel.deadline(), Some(began + ms(32_000)));
    assert_eq!(pop_all(&mut wheel, began + ms(40_000)), [0, 2]);
}

#[test]
fn timers_of_one_tick_fire_in_the_order_in_which_they_started() {
    let began = Instant::now();
    let mut wheel = Wheel::new(began, 8);
    for owner in [5, 1, 3, 0] {
        wheel.start(owner, 7);
    }
    wheel.stop(3);
    wheel.start(3, 7);
    assert_eq!(pop_all(&mut wheel, began + ms(70)), [5, 1, 0, 3]);
}

#[test]
fn what_is_already_due_fires_at_the_next_call_and_a_restart_waits_its_time() {
    let began = Instant::now();
    let mut wheel = Wheel::new(began, 8);
    assert_eq!(wheel.pop(began + ms(5_000)), None);
    wheel.start(0, 3);
    assert_eq!(wheel.deadline(), Some(began + ms(5_000)));
    assert_eq!(wheel.pop(began + ms(5_000)), Some(0));
    wheel.start(0, 501);
    assert_eq!(wheel.pop(began + ms(5_000)), None);
    assert_eq!(wheel.due(0), Some(501));
}

#[test]
fn far_timers_keep_their_tick_through_every_ring() {
    let began = Instant::now();
    for seconds in [40, 41, 180, 3_600, 86_400, 10 * 86_400, 200 * 86_400] {
        let mut wheel = Wheel::new(began, 1);
        let due = wheel.tick_at(began + Duration::from_secs(seconds));
        wheel.start(0, due);
        let mut wakes = 0;
        let fired = loop {
            let now = wheel.deadline().expect("one timer runs");
            wakes += 1;
            if wheel.pop(now).is_some() {
                break now;
            }
        };
        assert_eq!(fired, began + Duration::from_secs(seconds));
        assert!(wakes <= 6, "{wakes} wakes for {seconds} s");
    }
}

#[test]
fn it_agrees_with_a_sorted_map_in_every_random_run() {
    for seed in 1..=60_u64 {
        agree(seed);
    }
}

/// Starts, moves, stops and jumps of all sizes; the map is keyed by (tick, order of start).
fn agree(seed: u64) {
    let mut chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut draw = move |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let began = Instant::now();
    let (mut wheel, mut now, mut order) = (Wheel::new(began, 0), began, 0_u64);
    let mut model: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut ticks: BTreeMap<u32, u64> = BTreeMap::new();
    for _ in 0..2_000 {
        let owner = draw(50) as u32;
        match draw(8) {
            0..=3 => {
                let reach = [100, 5_000, 50_000, 4_000_000, 20_000_000_000][draw(5) as usize];
                let due = wheel.tick_at(now + ms(draw(reach)));
                wheel.start(owner, due);
                if ticks.get(&owner) != Some(&due) {
                    remove(&mut model, &mut ticks, owner);
                    model.entry(due).or_default().push(owner);
                    ticks.insert(owner, due);
                }
                order += 1;
            }
            4 => {
                wheel.stop(owner);
                remove(&mut model, &mut ticks, owner);
            }
            5 => now += ms([7, 300, 41_000, 90_000_000][draw(4) as usize]),
            _ => {
                if let Some(deadline) = wheel.deadline() {
                    let (&first, _) = model.first_key_value().expect("both run or neither");
                    assert!(deadline <= wheel.moment(first).max(now));
                    now = now.max(deadline);
                }
            }
        }
        let until = (now - began).as_millis() as u64 / 10;
        while let Some(fired) = wheel.pop(now) {
            let (&tick, owners) = model.first_key_value().expect("only what was started fires");
            assert!(tick <= until, "seed {seed}: early");
            assert!(owners.contains(&fired), "seed {seed}: {fired} out of turn");
            remove(&mut model, &mut ticks, fired);
        }
        assert!(model.first_key_value().is_none_or(|(&tick, _)| tick > until), "seed {seed}: late");
        assert_eq!(wheel.len(), ticks.len());
    }
    assert!(order > 0);
}

fn remove(model: &mut BTreeMap<u64, Vec<u32>>, ticks: &mut BTreeMap<u32, u64>, owner: u32) {
    if let Some(tick) = ticks.remove(&owner) {
        let owners = model.get_mut(&tick).expect("the two maps agree");
        owners.retain(|&other| other != owner);
        if owners.is_empty() {
            model.remove(&tick);
        }
    }
}
