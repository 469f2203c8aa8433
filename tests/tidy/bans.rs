//! What may not stand in the tree: unfinished work, tests that are switched off, clocks in machines, paths of somebody's
//! machine.

use super::tree::Source;
use super::{report, tree};

/// The rooms that read the clock and wait: they carry time to the others.
const KEEPERS_OF_TIME: [&str; 5] = ["node", "carillon", "bench", "tests", "tidy"];
/// The rooms to which time and chance are arguments.
const TIMELESS: [&str; 8] = ["sip", "rtp", "proto", "store", "proxy", "registrar", "voicemail", "callcenter"];
/// The first lines of their `lib.rs`.
const SWITCH: &str = "#![cfg_attr(not(test), warn(clippy::disallowed_methods))]";

const BANS: [&str; 5] = [
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::sleep",
    "tokio::time::sleep",
    "rand::random",
];

#[test]
fn clocks_sleeps_and_chance_are_banned_where_they_are_arguments() {
    let mut findings = Vec::new();
    let list = tree::read("clippy.toml");
    for ban in BANS {
        let line = list.lines().find(|line| line.contains(&format!("path = \"{ban}\"")));
        if !line.is_some_and(|line| line.contains("reason = \"")) {
            findings.push(format!("clippy.toml: ban {ban} under disallowed-methods, with its reason"));
        }
    }
    for room in TIMELESS.iter().filter(|room| !KEEPERS_OF_TIME.contains(room)) {
        if !tree::read(&format!("{room}/src/lib.rs")).contains(SWITCH) {
            findings
                .push(format!("{room}/src/lib.rs: add {SWITCH}, which switches on the bans of clippy.toml"));
        }
    }
    report(&findings);
}

#[test]
fn nothing_is_left_unfinished() {
    // Written in two parts, so that this file does not find itself.
    let marks = [
        (concat!("to", "do!("), "finish it"),
        (concat!("unimpl", "emented!("), "finish it"),
        (concat!("#[ig", "nore"), "mend the test, or assert what is true and say why"),
        (concat!("FIX", "ME"), "mend it, or say in words what is wrong and when it matters"),
    ];
    let mut findings = Vec::new();
    for (source, number, line) in lines(&tree::rust()) {
        for (mark, advice) in marks.iter().filter(|(mark, _)| line.contains(mark)) {
            findings.push(format!("{}:{number}: {mark} is unfinished work; {advice}", source.path));
        }
        // A mark with the condition that ends it is a plan: `… until RFC 9999 is out`.
        let later = concat!("TO", "DO");
        if line.contains(later) && !line.contains("until ") && !line.contains("when ") {
            findings.push(format!(
                "{}:{number}: {later} without the condition that ends it; finish it or write it \
                                   (until …)",
                source.path
            ));
        }
    }
    report(&findings);
}

#[test]
fn tests_do_not_slumber() {
    let naps = [concat!("sle", "ep("), concat!("sleep_", "ms("), concat!("sleep_", "until(")];
    let mut findings = Vec::new();
    for (source, number, line) in lines(&tree::rust()) {
        if source.is_test() && naps.iter().any(|nap| line.contains(nap)) {
            let path = &source.path;
            findings.push(format!(
                "{path}:{number}: a test that sleeps is slow or wrong; wait for the event itself"
            ));
        }
    }
    report(&findings);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let homes = [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let mut findings = Vec::new();
    for (source, number, line) in lines(&tree::written()) {
        for home in homes.iter().filter(|home| starts_a_path(line, home)) {
            findings.push(format!(
                "{}:{number}: {home}… exists on one machine; say it from the project's top, or \
                                   take it as an argument",
                source.path
            ));
        }
    }
    report(&findings);
}

/// True when the words stand where a path begins: `"/x/…`, not `https://a/x/…`.
fn starts_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || "/._-*}])>".contains(before))
    })
}

fn lines(sources: &[Source]) -> impl Iterator<Item = (&Source, usize, &str)> {
    sources.iter().flat_map(|source| {
        source.text.lines().enumerate().map(move |(number, line)| (source, number + 1, line))
    })
}
