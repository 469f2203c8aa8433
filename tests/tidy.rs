//! The house's rules, read from the tree: which room may lean on which, how long a file and a function may be, and
//! that each clause that the code cites is in `sip/RFC.md`. It needs nothing that is not in the standard library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may lean on whom. A crate that is not here may lean on nobody.
const ARROWS: [(&str, &[&str]); 9] = [
    ("sip", &[]),
    ("proto", &[]),
    ("node", &["sip", "proto"]),
    ("store", &[]),
    ("proxy", &["node", "proto", "sip"]),
    ("registrar", &["node", "proto", "sip", "store"]),
    ("carillon", &["node", "proto", "proxy", "registrar", "sip", "store"]),
    ("tests", &["node", "proto", "proxy", "registrar", "sip", "store"]),
    ("bench", &["sip"]),
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are longer, and why that is better.
const LONG_FUNCTIONS: [(&str, &str); 7] = [
    ("sip/src/name.rs:parse", "a table of names"),
    ("sip/src/name.rs:as_str", "a table of names"),
    ("sip/src/status.rs:default_reason", "a table of phrases"),
    ("sip/src/transaction/carry.rs:carry_out", "one arm for each output of the machines"),
    ("sip/src/transaction/invite_client.rs:handle", "a machine is one match"),
    ("sip/src/transaction/invite_server.rs:handle", "a machine is one match"),
    ("sip/src/transaction/server.rs:handle", "a machine is one match"),
];

/// What only `node`, `main.rs`, tools and tests may do: elsewhere time and chance are arguments.
const BANNED: [(&str, &str); 4] = [
    ("Instant::now()", "take `now: Instant` as an argument"),
    ("SystemTime::now()", "take the time as an argument"),
    ("thread::sleep(", "set a timer"),
    ("rand::random", "take a seed or a generator as an argument"),
];
const BANNED_IN: [&str; 5] = ["sip/src", "proto/src", "store/src", "proxy/src", "registrar/src"];

#[test]
fn crates_lean_only_on_those_below_them() {
    let mut wrong = Vec::new();
    for (name, allowed) in ARROWS {
        let manifest =
            fs::read_to_string(root().join(name).join("Cargo.toml")).expect("each crate has a manifest");
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{name}/Cargo.toml: add [lints] workspace = true"));
        }
        let own = |line: &&str| {
            ARROWS.iter().any(|(other, _)| {
                line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} ="))
            })
        };
        let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        for line in section.lines().filter(own) {
            let other = line.split(['.', ' ']).next().unwrap_or_default();
            if !allowed.contains(&other) {
                wrong.push(format!(
                    "{name}/Cargo.toml: {name} must not lean on {other}; they meet in proto's traits"
                ));
            }
        }
    }
    report(&wrong);
}

#[test]
fn files_and_functions_are_short_enough_to_read() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let shown = shown(&path);
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!(
                "{shown}: {lines} lines, at most {FILE_LINES_MAX}; cut it where its subjects part"
            ));
        }
        if !text.starts_with("//!") && !is_test(&shown) {
            wrong.push(format!("{shown}:1: begin with //!: what lives here, and what does not"));
        }
        for (line, name, length) in functions(&text) {
            let is_allowed = LONG_FUNCTIONS.iter().any(|(allowed, _)| *allowed == format!("{shown}:{name}"));
            let is_allowed = is_allowed || is_test(&shown);
            if length > FUNCTION_LINES_MAX && !is_allowed {
                wrong
                    .push(format!("{shown}:{line}: {name} has {length} lines, at most {FUNCTION_LINES_MAX}"));
            }
        }
    }
    report(&wrong);
}

#[test]
fn every_clause_that_is_cited_is_accounted_for() {
    let table = fs::read_to_string(root().join("sip/RFC.md")).unwrap_or_default();
    let known: BTreeSet<String> = clauses(&table).into_iter().map(|(_, clause)| clause).collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (line, clause) in clauses(&text) {
            if !known.contains(&clause) {
                wrong.push(format!("{}:{line}: {clause} is not in sip/RFC.md; add its row", shown(&path)));
            }
        }
    }
    report(&wrong);
}

#[test]
fn nothing_is_left_unfinished_and_time_is_an_argument() {
    // Written in two parts, so that this file does not find itself.
    let unfinished = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let shown = shown(&path);
        let is_pure = BANNED_IN.iter().any(|folder| shown.starts_with(folder)) && !is_test(&shown);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            for mark in unfinished.iter().filter(|mark| line.contains(**mark)) {
                wrong.push(format!(
                    "{shown}:{}: {mark} is unfinished work; finish it or say why not",
                    number + 1
                ));
            }
        }
        for (number, line) in code.lines().enumerate().filter(|_| is_pure) {
            let line = line.split("//").next().unwrap_or_default();
            for (call, instead) in BANNED.iter().filter(|(call, _)| line.contains(call)) {
                wrong.push(format!("{shown}:{}: {call} is for node alone; {instead}", number + 1));
            }
        }
    }
    report(&wrong);
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn is_test(shown: &str) -> bool {
    shown.ends_with("tests.rs") || shown.contains("/tests/")
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for (name, _) in ARROWS {
        walk(&root().join(name), &mut files);
    }
    files.sort();
    files
        .into_iter()
        .map(|path| (fs::read_to_string(&path).expect("a source is text"), path))
        .map(|(text, path)| (path, text))
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Line, name and length of each function: from its `fn` to the brace that closes at the same depth of indentation.
fn functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim_start();
        let is_function = code.starts_with("fn ")
            || code.starts_with("pub") && code.contains(" fn ")
            || code.starts_with("async fn ")
            || code.starts_with("const fn ");
        let Some(name) = code.split("fn ").nth(1).filter(|_| is_function) else { continue };
        let name = name.split(['(', '<']).next().unwrap_or_default().to_owned();
        let close = format!("{}}}", " ".repeat(indent));
        let end = lines[start..].iter().position(|line| {
            *line == close || line.ends_with(';') && line.len() - line.trim_start().len() == indent
        });
        if let Some(length) = end {
            found.push((start + 1, name, length + 1));
        }
    }
    found
}

/// `RFC 3261 §17.2.1` and its like, with the line on which each stands.
fn clauses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for part in line.split("RFC ").skip(1) {
            let Some((rfc, rest)) = part.split_once(" §") else { continue };
            if rfc.is_empty() || !rfc.bytes().all(|octet| octet.is_ascii_digit()) {
                continue;
            }
            let section: String =
                rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '.').collect();
            found.push((number + 1, format!("RFC {rfc} §{}", section.trim_end_matches('.'))));
        }
    }
    found
}
