//! People who probe exchanges that are not theirs: SIPVicious learns nothing about who is here, and phones go on.

use std::fs;

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::SIPVICIOUS;

tests! {
    SIPVICIOUS => nobody_learns_which_users_exist,
        guessed_passwords_are_refused_and_logged;
}

fn nobody_learns_which_users_exist() {
    let mut exchange = Exchange::start(Ground::namespace(), "");
    fs::write(exchange.folder.join("names"), "alice\nbob\nnobody\n6001\n6999\n").expect("our own folder");
    for method in ["REGISTER", "OPTIONS", "INVITE"] {
        // It would list whom it found, and how each answered. Forced, since it sees by itself that it learns nothing.
        let said = probe(&mut exchange, "svwar", &["--force", "-m", method, "-d", "names"]);
        let answers: Vec<&str> = ["alice", "bob", "nobody", "6001", "6999"]
            .into_iter()
            .map(|name| {
                let row = |line: &&str| line.split(['|', ' ']).any(|word| word == name);
                said.lines().find(row).and_then(|line| line.split('|').nth(2)).unwrap_or_default().trim()
            })
            .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{method}: {answers:?}\n{said}");
    }
    exchange.end();
}

fn guessed_passwords_are_refused_and_logged() {
    let mut exchange = Exchange::start(Ground::namespace(), "");
    let words: Vec<String> = (0..200).map(|number| format!("guess-{number}")).collect();
    fs::write(exchange.folder.join("words"), words.join("\n")).expect("our own folder");
    let said = probe(&mut exchange, "svcrack", &["-u", "alice", "-d", "words"]);
    assert!(said.contains("found nothing"), "{said}");
    exchange.wait_for("wrong password for user `alice`");
    // The exchange goes on: an operator and a prober are answered.
    assert!(exchange.ctl(&["bindings"]).contains("Nobody is registered"));
    let said = probe(&mut exchange, "svmap", &[]);
    assert!(said.contains("Carillon"), "{said}");
    exchange.end();
}

/// What a program of SIPVicious says. It takes its home for its own, so it gets one of this test.
fn probe(exchange: &mut Exchange, program: &str, arguments: &[&str]) -> String {
    let mut command = exchange.ground.command(program);
    command.args(arguments).arg(exchange.address().to_string());
    command.env("HOME", &exchange.folder);
    exchange.run(command)
}
