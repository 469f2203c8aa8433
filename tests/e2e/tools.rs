//! What operators do: probe it, ask it, change its configuration, end it.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;

use super::exchange::{Exchange, binary, config, said};
use super::ground::Ground;
use super::needs::{NAMESPACE, NOTHING, SIPSAK};

tests! {
    SIPSAK => sipsak_finds_the_exchange;
    NAMESPACE => without_a_configuration_it_says_who_is_here_and_what_to_type;
    NOTHING => ctl_says_what_a_number_would_do,
        a_wrong_configuration_is_refused_with_line_and_column,
        a_port_that_is_taken_is_named,
        a_changed_configuration_is_read_and_a_wrong_one_refused,
        a_port_is_free_again_when_the_exchange_has_ended;
}

fn sipsak_finds_the_exchange() {
    let mut exchange = Exchange::start(Ground::loopback(), "");
    let mut command = exchange.ground.command("sipsak");
    command.args(["-v", "-s", &format!("sip:{}:5060", exchange.address())]);
    let said = exchange.run(command);
    assert!(said.contains("200 OK"), "{said}");
    exchange.end();
}

fn without_a_configuration_it_says_who_is_here_and_what_to_type() {
    let exchange = Exchange::start_bare(Ground::namespace());
    let welcome = exchange.welcome();
    for (user, extension) in [("alice", "6001"), ("bob", "6002"), ("martin", "6003")] {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let line = welcome.lines().map(words).find(|words| words.first().is_some_and(|word| word == user));
        let line = line.unwrap_or_else(|| panic!("{user} is not in:\n{welcome}"));
        assert_eq!(line[1], extension, "{welcome}");
        assert!(line[2].len() >= 8, "a password worth its name:\n{welcome}");
    }
    assert!(welcome.contains("udp") && welcome.contains("10.99.0.1:5060"), "where it listens:\n{welcome}");
    exchange.end();
}

fn ctl_says_what_a_number_would_do() {
    let exchange = Exchange::start(Ground::loopback(), "");
    let said = exchange.ctl(&["route", "6100", "--from", "alice"]);
    assert!(said.contains("extension 6100") && said.contains("bob") && said.contains("480"), "{said}");
    assert!(exchange.ctl(&["bindings"]).contains("Nobody is registered"));
    assert!(exchange.ctl(&["users", "list"]).contains("6003"));
    exchange.end();
}

fn a_wrong_configuration_is_refused_with_line_and_column() {
    let ground = Ground::loopback();
    let file = std::env::temp_dir().join(format!("carillon-wrong-{}.toml", ground.address(1)));
    fs::write(&file, config(ground.address(1), "lisen = []")).expect("the temporary folder can be written");
    let output = Command::new(binary()).arg("check").arg(&file).output().expect("the binary runs");
    fs::remove_file(&file).expect("our own file");
    let said = said(&output);
    let expected = ".toml:3:1: unknown key `lisen`; did you mean `listen`?";
    assert!(!output.status.success() && said.contains(expected), "{said}");
}

fn a_port_that_is_taken_is_named() {
    let ground = Ground::loopback();
    let address = ground.address(1);
    let _taken = UdpSocket::bind((address, 5060)).expect("nobody else has this network");
    let folder = std::env::temp_dir().join(format!("carillon-taken-{address}"));
    let output = Command::new(binary())
        .args(["--listen", &format!("udp:{address}:5060"), "--state"])
        .arg(&folder)
        .output()
        .expect("the binary runs");
    let _ = fs::remove_dir_all(&folder);
    let said = said(&output);
    let is_clear = said.contains(&format!("udp:{address}:5060")) && said.contains("--listen");
    assert!(!output.status.success() && is_clear, "it names the port and the option: {said}");
}

fn a_changed_configuration_is_read_and_a_wrong_one_refused() {
    let mut exchange = Exchange::start(Ground::loopback(), "");
    let file = exchange.folder.join("exchange.toml");
    let first = fs::read_to_string(&file).expect("our own file");
    let zoe = "[[user]]\nname = \"zoe\"\nextension = \"6004\"\npassword = \"four-words\"\n";
    // Written beside and moved, as editors do, so that no half of it is ever read.
    let write = |text: &str| {
        let beside = file.with_extension("new");
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &file)).expect("our own folder");
    };
    write(&format!("{first}{zoe}"));
    exchange.signal("HUP");
    exchange.wait_for("4 users");
    write(&format!("{first}{zoe}nickname = \"z\"\n"));
    let refused = exchange.try_ctl(&["reload"]);
    assert!(!refused.status.success() && said(&refused).contains("nickname"), "{}", said(&refused));
    assert!(exchange.ctl(&["users", "list"]).contains("zoe"), "the running one stays");
    exchange.end();
}

fn a_port_is_free_again_when_the_exchange_has_ended() {
    let exchange = Exchange::start(Ground::loopback(), "");
    let address = exchange.address();
    let folder = exchange.folder.clone();
    exchange.end();
    assert!(!folder.exists(), "its files are gone");
    UdpSocket::bind((address, 5060)).expect("the port is free");
}
