//! How long a file and a function may be, and how a file begins.

use super::report;
use super::tree::{self, Source};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Longer, and why that is better: a file, or a file and a function.
const ALLOWED: [(&str, &str); 12] = [
    ("sip/src/name.rs:parse", "a table of names"),
    ("sip/src/name.rs:as_str", "a table of names"),
    ("sip/src/status.rs:default_reason", "a table of phrases"),
    ("sip/src/transaction/carry.rs:carry_out", "one arm for each output of the machines"),
    ("sip/src/transaction/invite_client.rs:handle", "a machine is one match"),
    ("sip/src/transaction/invite_server.rs:handle", "a machine is one match"),
    ("sip/src/transaction/server.rs:handle", "a machine is one match"),
    ("sip/src/transaction/tests/storm.rs:storm", "one storm, from its first packet to its last timer"),
    ("bench/src/load.rs:run", "one loop, whose order is what is measured"),
    ("carillon/src/run.rs:run", "the order in which a process is made"),
    ("node/src/shard/start.rs:start", "the order in which shards are made"),
    ("sip/src/transaction/tests/table.rs:responses_go_back_as_the_via_and_the_source_say", "a table"),
];

#[test]
fn files_and_functions_are_short_enough_to_read() {
    let mut findings = Vec::new();
    let mut needed = Vec::new();
    for source in tree::rust() {
        for (what, finding) in long(&source) {
            match ALLOWED.iter().find(|(allowed, _)| *allowed == what) {
                Some((allowed, _)) => needed.push(*allowed),
                None => findings.push(finding),
            }
        }
    }
    for (allowed, _) in ALLOWED.iter().filter(|(allowed, _)| !needed.contains(allowed)) {
        findings.push(format!("tests/tidy/length.rs: {allowed} is short enough now; take it from the list"));
    }
    report(&findings);
}

#[test]
fn every_file_begins_with_what_lives_in_it() {
    // A `tests.rs` is told by the file that it tests.
    let may = |path: &str| path.ends_with("/tests.rs") || path.ends_with("/build.rs");
    let begins = |source: &&Source| !source.text.starts_with("//!") && !may(&source.path);
    let sources = tree::rust();
    let findings: Vec<String> = sources
        .iter()
        .filter(begins)
        .map(|source| format!("{}:1: begin with //!: what lives here, and what does not", source.path))
        .collect();
    report(&findings);
}

/// What is too long in a file: its name for the list of exceptions, and the finding.
fn long(source: &Source) -> Vec<(String, String)> {
    let path = &source.path;
    let lines = source.text.lines().count();
    let mut found = Vec::new();
    if lines > FILE_LINES_MAX {
        let advice =
            format!("{path}:1: {lines} lines, at most {FILE_LINES_MAX}; cut it where its subjects part");
        found.push((path.clone(), advice));
    }
    for (line, name, length) in functions(&source.text) {
        if length > FUNCTION_LINES_MAX {
            let advice = format!(
                "{path}:{line}: {name} has {length} lines, at most {FUNCTION_LINES_MAX}; name its parts, or give the \
                 reason in tests/tidy/length.rs"
            );
            found.push((format!("{path}:{name}"), advice));
        }
    }
    found
}

/// Line, name and length of each function: from its `fn` to the brace that closes at the same indentation, which is
/// where rustfmt puts it.
fn functions(text: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let is_function = before.split_whitespace().all(|word| {
            ["pub", "const", "async", "extern"].contains(&word)
                || word.starts_with("pub(")
                || word.ends_with(')')
        });
        if !is_function || before.contains("//") {
            continue;
        }
        let name = after.split(['(', '<']).next().unwrap_or_default();
        let ends = |(more, line): (usize, &&str)| {
            let own = line.len() - line.trim_start().len();
            own == indent
                && (line.trim_start() == "}" || line.ends_with(';') || more == 0 && line.ends_with('}'))
        };
        if let Some(more) = lines[start..].iter().enumerate().position(ends) {
            found.push((start + 1, name, more + 1));
        }
    }
    found
}

#[test]
fn functions_are_measured_where_rustfmt_ends_them() {
    let text = "impl A {\n    pub(crate) fn long(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n\n    fn one() {}\n    \
                fn none();\n}\n// fn comment()\nlet f = |fn_| 1;\n";
    assert_eq!(functions(text), [(2, "long", 5), (8, "one", 1), (9, "none", 1)]);
}
