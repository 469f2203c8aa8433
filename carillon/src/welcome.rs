//! What the exchange prints when it starts: where it listens, who is here, and what to type into a softphone.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use node::Listeners;
use sip::transport::Transport;

use crate::state::ExampleUser;

/// The text for a person at the terminal. `example` are the users of the built-in example, with `made` when their
/// passwords are new.
pub fn text(listeners: &Listeners, state: &Path, example: Option<(&[ExampleUser], bool)>) -> String {
    let mut text = format!("Carillon {}\n\n  listens on\n", env!("CARGO_PKG_VERSION"));
    for listener in listeners.iter() {
        let name = listener.transport.param_name();
        let bound = listener.bound;
        let hosts = match bound.ip().is_unspecified() {
            false => vec![bound.ip()],
            true => listeners
                .interfaces()
                .iter()
                .map(|own| own.address)
                .filter(|own| own.is_ipv4() == bound.is_ipv4())
                .collect(),
        };
        let shown: Vec<_> =
            hosts.iter().map(|host| std::net::SocketAddr::new(*host, bound.port()).to_string()).collect();
        let _ = writeln!(text, "    {name:<4} {}", shown.join("  "));
    }
    let Some((users, made)) = example else {
        let _ = writeln!(text, "\n  ask it    carillon ctl bindings --state {}", state.display());
        return text;
    };
    if made {
        let _ = write!(
            text,
            "\n  users, with passwords made just now and kept in {}\n{}",
            state.display(),
            passwords(users)
        );
    } else {
        text += "\n  users   alice 6001, bob 6002, martin 6003; their passwords: carillon passwords\n";
    }
    let (host, port) = phone_address(listeners);
    let _ = write!(
        text,
        "\n  in a softphone on this network\n    user name alice, password as above, domain and server {host}{port}\n    \
         the same for bob on another phone; then dial 6002\n"
    );
    text
}

/// Names, numbers and passwords, a line each.
pub fn passwords(users: &[ExampleUser]) -> String {
    let line = |user: &ExampleUser| format!("    {:<8} {:<6} {}\n", user.name, user.extension, user.password);
    users.iter().map(line).collect()
}

/// The address that a phone on the same network would use, and its port where it is not the usual one.
fn phone_address(listeners: &Listeners) -> (IpAddr, String) {
    let udp = listeners.iter().find(|listener| listener.transport == Transport::Udp);
    let first = udp.or_else(|| listeners.iter().next());
    let bound = first.map_or_else(|| ([127, 0, 0, 1], 5060).into(), |listener| listener.bound);
    let world =
        listeners.interfaces().iter().map(|own| own.address).find(|own| own.is_ipv4() == bound.is_ipv4());
    let host = if bound.ip().is_unspecified() { world.unwrap_or(bound.ip()) } else { bound.ip() };
    (host, if bound.port() == 5060 { String::new() } else { format!(":{}", bound.port()) })
}
