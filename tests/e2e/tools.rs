//! sipsak asks whether we are there, `ctl` asks what we know, and a configuration that is wrong is refused.

use std::path::Path;
use std::process::Command;

use super::rig::{Exchange, SERVER, binary, config, lacks};

#[test]
fn sipsak_finds_the_exchange() {
    if lacks(&["ip", "sipsak"]) {
        return;
    }
    let mut exchange = Exchange::start(&config(""));
    let mut command = exchange.namespace.command(Path::new("sipsak"));
    command.args(["-v", "-s", &format!("sip:{SERVER}:5060")]);
    let said = exchange.run(command);
    assert!(said.contains("200 OK"), "{said}");
}

#[test]
fn ctl_says_what_a_number_would_do() {
    if lacks(&["ip"]) {
        return;
    }
    let exchange = Exchange::start(&config(""));
    let said = exchange.ctl(&["route", "6100", "--from", "alice"]);
    assert!(said.contains("extension 6100") && said.contains("bob") && said.contains("480"), "{said}");
    assert!(exchange.ctl(&["bindings"]).contains("Nobody is registered"));
    assert!(exchange.ctl(&["users", "list"]).contains("6003"));
}

#[test]
fn a_wrong_configuration_is_refused_with_line_and_column() {
    let file = std::env::temp_dir().join(format!("carillon-wrong-{}.toml", std::process::id()));
    std::fs::write(&file, config("lisen = []")).expect("the temporary folder can be written");
    let output = Command::new(binary()).arg("check").arg(&file).output().expect("the binary runs");
    std::fs::remove_file(&file).expect("our own file");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains(".toml:4:1: unknown key `lisen`; did you mean `listen`?"),
        "{said}"
    );
}
