//! Each target with octets that are mutated from seeds, and with what fuzzing found worth keeping.

use std::fs;
use std::path::Path;

use super::{PROGRAMS, Target};

/// The files of a program's corpus.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let listed = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<_> = listed.map(|entry| entry.expect("a folder can be listed").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has a corpus");
    files.into_iter().map(|file| fs::read(file).expect("a file can be read")).collect()
}

#[test]
fn every_program_holds_for_its_corpus() {
    for (name, target) in PROGRAMS {
        for octets in corpus(name) {
            check((name, *target), &octets);
        }
    }
}

#[test]
fn every_target_holds_for_mutated_octets() {
    let mut chance = Chance(0x5eed_0001);
    for (name, target) in PROGRAMS {
        let seeds = corpus(name);
        for round in 0..6_000 {
            let mut octets = seeds[chance.below(seeds.len())].clone();
            for _ in 0..=round % 5 {
                mutate(&mut octets, &seeds, &mut chance);
            }
            check((name, *target), &octets);
        }
    }
}

fn check((name, target): Target, octets: &[u8]) {
    let outcome = std::panic::catch_unwind(|| target(octets));
    assert!(outcome.is_ok(), "{name} fails for {:?} {octets:?}", String::from_utf8_lossy(octets));
}

/// Replaces, inserts, removes or doubles a few octets, or splices in a part of another seed.
fn mutate(octets: &mut Vec<u8>, seeds: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(octets.len() + 1);
    let end = (at + chance.below(16)).min(octets.len());
    match chance.below(6) {
        0 => octets.insert(at, SPECIAL[chance.below(SPECIAL.len())]),
        1 => drop(octets.drain(at..end)),
        2 => {
            let part = octets[at..end].to_vec();
            octets.splice(at..at, part);
        }
        3 => {
            let other = &seeds[chance.below(seeds.len())];
            let start = chance.below(other.len());
            octets.splice(at..end, other[start..].iter().take(24).copied());
        }
        4 => octets.truncate(at),
        _ => octets.splice(at..end, [chance.below(256) as u8]).for_each(drop),
    }
}

const SPECIAL: &[u8] = b"\0\r\n =:/;,0129\x7f\x80\xff";

/// A small generator, so that each run is the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}
