//! Each clause that the code cites has its row in `sip/RFC.md`: file and test, or why it is not done.

use std::collections::BTreeSet;

use super::{report, tree};

const TABLE: &str = "sip/RFC.md";

#[test]
fn every_clause_that_is_cited_is_accounted_for() {
    let table = tree::read(TABLE);
    let known: BTreeSet<String> = clauses(&table).into_iter().map(|(_, clause)| clause).collect();
    let mut findings = Vec::new();
    let mut missing = BTreeSet::new();
    for source in tree::rust().iter().filter(|source| source.path != "tests/tidy/clauses.rs") {
        for (line, clause) in clauses(&source.text) {
            // The first citation of a clause is enough to find the others.
            if !known.contains(&clause) && missing.insert(clause.clone()) {
                let path = &source.path;
                findings.push(format!(
                    "{path}:{line}: {clause} is not in {TABLE}; add its row: clause, file, test"
                ));
            }
        }
    }
    report(&findings);
}

#[test]
fn the_files_and_tests_of_the_table_are_there() {
    let sources = tree::rust();
    let is_test = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}()")));
    let mut findings = Vec::new();
    for (number, row) in tree::read(TABLE).lines().enumerate().filter(|(_, row)| row.starts_with("| RFC ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, _, _, files, tests, _] = cells[..] else {
            findings.push(format!("{TABLE}:{}: a row has four cells", number + 1));
            continue;
        };
        for file in files.split_whitespace().filter(|file| !tree::root().join(file).exists()) {
            findings.push(format!("{TABLE}:{}: {file} is not there", number + 1));
        }
        for test in tests.split_whitespace().map(|test| test.trim_matches('`')).filter(|test| !is_test(test))
        {
            findings.push(format!("{TABLE}:{}: no test is called {test}", number + 1));
        }
    }
    report(&findings);
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
