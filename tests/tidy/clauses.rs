//! Each clause that the code cites has its row in a table: file and test, or why it is not done. What `rtp` cites stands
//! in `rtp/RFC.md`; elsewhere the row may be in either table.

use std::collections::BTreeSet;

use super::{report, tree};

const TABLES: [&str; 2] = ["sip/RFC.md", "rtp/RFC.md"];

/// The tables in which a file's clauses may have their rows, best first.
fn tables_of(path: &str) -> &'static [&'static str] {
    if path.starts_with("rtp/") { &TABLES[1..] } else { &TABLES }
}

#[test]
fn every_clause_that_is_cited_is_accounted_for() {
    let known = TABLES.map(|table| {
        let rows = clauses(&tree::read(table)).into_iter().map(|(_, clause)| (table, clause));
        rows.collect::<BTreeSet<_>>()
    });
    let is_known =
        |table: &&str, clause: &str| known.iter().any(|rows| rows.contains(&(*table, clause.to_owned())));
    let mut findings = Vec::new();
    let mut missing = BTreeSet::new();
    for source in tree::rust().iter().filter(|source| source.path != "tests/tidy/clauses.rs") {
        let (path, tables) = (&source.path, tables_of(&source.path));
        for (line, clause) in clauses(&source.text) {
            // The first citation of a clause is enough to find the others.
            let is_missing = !tables.iter().any(|table| is_known(table, &clause));
            if is_missing && missing.insert((tables[0], clause.clone())) {
                let table = tables[0];
                findings.push(format!(
                    "{path}:{line}: {clause} is not in {table}; add its row: clause, file, test"
                ));
            }
        }
    }
    report(&findings);
}

#[test]
fn the_files_and_tests_of_the_tables_are_there() {
    let sources = tree::rust();
    let findings: Vec<String> = TABLES.iter().flat_map(|table| wrong_rows(table, &sources)).collect();
    report(&findings);
}

/// What is wrong with the rows of a table.
fn wrong_rows(table: &str, sources: &[tree::Source]) -> Vec<String> {
    let is_test = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}()")));
    let mut findings = Vec::new();
    for (number, row) in tree::read(table).lines().enumerate().filter(|(_, row)| row.starts_with("| RFC ")) {
        let number = number + 1;
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, _, _, files, tests, _] = cells[..] else {
            findings.push(format!("{table}:{number}: a row has four cells"));
            continue;
        };
        for file in files.split_whitespace().filter(|file| !tree::root().join(file).exists()) {
            findings.push(format!("{table}:{number}: {file} is not there"));
        }
        for test in tests.split_whitespace().map(|test| test.trim_matches('`')).filter(|test| !is_test(test))
        {
            findings.push(format!("{table}:{number}: no test is called {test}"));
        }
    }
    findings
}

/// `RFC 3261 §17.2.1` and its like, with the line on which each stands. `RFC 3261 §9.1, §17.1.1.3` is two of them.
fn clauses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for part in line.split("RFC ").skip(1) {
            let Some((rfc, mut rest)) = part.split_once(' ') else { continue };
            if rfc.is_empty() || !rfc.bytes().all(|octet| octet.is_ascii_digit()) {
                continue;
            }
            while let Some(section) = rest.strip_prefix('§') {
                let length = section
                    .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.')
                    .unwrap_or(section.len());
                let name = section[..length].trim_end_matches('.');
                found.push((number + 1, format!("RFC {rfc} §{name}")));
                rest = &section[length..];
                rest = ["–", ", ", " and ", " or "]
                    .iter()
                    .find_map(|joint| rest.strip_prefix(joint))
                    .unwrap_or(rest);
            }
        }
    }
    found
}

#[test]
fn lists_of_clauses_are_read() {
    let names =
        |text| clauses(text).into_iter().map(|(line, name)| format!("{line} {name}")).collect::<Vec<_>>();
    assert_eq!(
        names("a\n// RFC 3261 §9.1, §17.1.1.3. RFC 6026 §7.1: and RFC 3263 too (RFC 8760 §2.4)."),
        ["2 RFC 3261 §9.1", "2 RFC 3261 §17.1.1.3", "2 RFC 6026 §7.1", "2 RFC 8760 §2.4"]
    );
}
