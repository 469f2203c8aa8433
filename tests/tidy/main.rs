//! The house's rules, read from the tree: who may lean on whom, how long a file and a function may be, that each clause
//! that is cited is accounted for. Each finding says file and line, the rule, and what to do. Nothing but the standard
//! library and `cargo metadata`.

mod arrows;
mod bans;
mod clauses;
mod json;
mod length;
mod tree;

/// Fails with all findings at once.
#[track_caller]
fn report(findings: &[String]) {
    assert!(findings.is_empty(), "{} to tidy:\n{}\n", findings.len(), findings.join("\n"));
}
