//! Calls whose media go through us: baresip to baresip, and each hears the other by way of the media server.

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::BARESIP;
use super::phones;

tests! {
    BARESIP => a_conducted_call_is_relayed_and_the_caller_hangs_up,
        a_conducted_call_is_relayed_and_the_called_one_hangs_up,
        a_caller_gives_up_while_a_conducted_call_rings,
        a_conducted_call_meets_a_busy_phone;
}

fn a_conducted_call_is_relayed_and_the_caller_hangs_up() {
    relayed("caller-hangs-up", &["udp", "udp"]);
}

fn a_conducted_call_is_relayed_and_the_called_one_hangs_up() {
    relayed("callee-hangs-up", &["tcp", "udp"]);
}

fn a_caller_gives_up_while_a_conducted_call_rings() {
    phones::play_at(conducting(), "caller-gives-up", &["udp", "udp"]).end();
}

fn a_conducted_call_meets_a_busy_phone() {
    phones::play_at(conducting(), "busy", &["udp", "tcp"]).end();
}

/// The tones of both are found in what the other recorded (the scenario judges that), and it was we who carried them.
fn relayed(scenario: &str, transports: &[&str]) {
    let exchange = phones::play_at(conducting(), scenario, transports);
    let page = metrics(&exchange);
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.rsplit(' ').next());
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_else(|| panic!("no {name} in\n{page}"))
    };
    assert!(value("carillon_media_packets_total") > 100.0, "{page}");
    assert!(value("carillon_media_sessions_total") >= 1.0, "{page}");
    exchange.end();
}

fn conducting() -> Exchange {
    let ground = Ground::namespace();
    let at = ground.address(1);
    Exchange::start(ground, &format!("[proxy]\nanchor = \"always\"\n[http]\nlisten = \"{at}:9560\""))
}

/// Asked from inside the namespace, by a program that is there.
fn metrics(exchange: &Exchange) -> String {
    let mut command = exchange.ground.command("bash");
    let at = exchange.address();
    let script =
        format!("exec 3<>/dev/tcp/{at}/9560; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3");
    let output = command.args(["-c", &script]).output().expect("bash runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
