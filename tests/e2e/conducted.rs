//! Calls whose media go through us: baresip to baresip, and each hears the other by way of the media server.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::exchange::Exchange;
use super::ground::{Ground, rig};
use super::needs::{BAD_NETWORK, BARESIP, PYTHON};
use super::phones;

tests! {
    BARESIP => a_conducted_call_is_relayed_and_the_caller_hangs_up,
        a_conducted_call_is_relayed_and_the_called_one_hangs_up,
        people_with_mailboxes_talk_from_phone_to_phone,
        a_caller_gives_up_while_a_conducted_call_rings,
        a_conducted_call_meets_a_busy_phone;
    BAD_NETWORK => a_conducted_call_over_a_network_that_loses_and_reorders,
        sound_comes_as_it_was_said_but_for_what_the_network_loses,
        what_a_bad_network_loses_is_filled_in_where_sound_is_recorded;
}

fn a_conducted_call_is_relayed_and_the_caller_hangs_up() {
    relayed("caller-hangs-up", &["udp", "udp"]);
}

fn a_conducted_call_is_relayed_and_the_called_one_hangs_up() {
    relayed("callee-hangs-up", &["tcp", "udp"]);
}

/// A mailbox may have the call, so it is conducted. Nobody needs the media server until then.
fn people_with_mailboxes_talk_from_phone_to_phone() {
    let mailboxes = "[voicemail]\nextension = \"6099\"";
    let exchange = phones::play_at(starting(mailboxes), "caller-hangs-up", &["udp", "udp"]);
    let page = metrics(&exchange);
    assert!(figure(&page, "carillon_calls_conducted_total") >= 1.0, "{page}");
    assert!(figure(&page, "carillon_media_sessions_total") < 1.0, "{page}");
    exchange.end();
}

fn a_caller_gives_up_while_a_conducted_call_rings() {
    phones::play_at(conducting(), "caller-gives-up", &["udp", "udp"]).end();
}

fn a_conducted_call_meets_a_busy_phone() {
    phones::play_at(conducting(), "busy", &["udp", "tcp"]).end();
}

/// What phones send to the media ports is lost, delayed and overtaken on its way. Each still finds the other's tones in
/// their order.
fn a_conducted_call_over_a_network_that_loses_and_reorders() {
    let exchange = conducting();
    let network = BadNetwork::before(&exchange, "-p udp --dport 30000:39999", [5, 40, 30]);
    let exchange = phones::play_at(exchange, "caller-hangs-up", &["udp", "udp"]);
    let (seen, lost) = network.end();
    assert!(seen > 200 && lost > 0, "{lost} of {seen} were lost: the network was not bad");
    let page = metrics(&exchange);
    assert!(page.contains("carillon_media_packets_total"), "{page}");
    exchange.end();
}

/// Two ends that know each packet which they sent. On a good network all of them come, bit by bit, in their order and time. On a
/// bad one those that it lost are missing, and none besides; what comes is as late as the network made it, and the tone is as loud
/// as it was said.
fn sound_comes_as_it_was_said_but_for_what_the_network_loses() {
    let exchange = starting("[proxy]\nanchor = \"always\"\ntrusted = [\"10.99.0.0/24\"]");
    let good = fidelity(&exchange, &[&to_bob(&exchange)]);
    for fault in ["missing", "doubled", "overtaken", "altered", "misplaced", "gap"] {
        assert_eq!(named(&good, fault), Some(0.0), "{fault} in {good}");
    }
    // What the relay adds is far below the time of a packet.
    assert!(named(&good, "delay_p50").is_some_and(|delay| delay < 20.0), "{good}");
    let network = BadNetwork::before(&exchange, "-p udp --dport 30000:39999", [5, 40, 30]);
    let bad = fidelity(&exchange, &[&to_bob(&exchange)]);
    let (seen, lost) = network.end();
    assert!(lost > 0 && named(&bad, "overtaken") > Some(0.0), "the network was not bad: {bad}");
    assert_eq!(
        (named(&bad, "sent"), named(&bad, "missing")),
        (Some(seen as f64), Some(lost as f64)),
        "{bad}"
    );
    for fault in ["doubled", "altered", "misplaced"] {
        assert_eq!(named(&bad, fault), Some(0.0), "{fault} in {bad}");
    }
    assert!(named(&bad, "delay_p50") >= Some(40.0), "{bad}");
    for page in [&good, &bad] {
        let louder =
            named(page, "level_heard").zip(named(page, "level_sent")).map(|(heard, sent)| heard - sent);
        assert!(louder.is_some_and(|louder| louder.abs() < 0.1), "{page}");
    }
    exchange.end();
}

/// A message that is left over a bad network: the jitter buffer waits for what comes late, and what never comes is concealed. The
/// tone has its level, and there is no silence in it.
fn what_a_bad_network_loses_is_filled_in_where_sound_is_recorded() {
    let exchange = starting(
        "[voicemail]\nextension = \"6099\"\n[proxy]\ntrusted = [\"10.99.0.0/24\"]\nanchor = \"always\"",
    );
    let network = BadNetwork::before(&exchange, "-p udp --dport 30000:39999", [5, 40, 30]);
    let recordings = exchange.folder.join("state/recordings");
    let said = fidelity(&exchange, &["--seconds", "20", "--recordings", &recordings.to_string_lossy()]);
    let (_, lost) = network.end();
    assert!(lost > 10, "the network was not bad: {lost}");
    assert!(named(&said, "seconds") > Some(3.0), "{said}");
    assert!(named(&said, "level_heard").is_some_and(|level| (level + 10.0).abs() < 1.0), "{said}");
    assert!(named(&said, "silence").is_some_and(|silence| silence < 100.0), "{said}");
    exchange.end();
}

fn to_bob(exchange: &Exchange) -> String {
    exchange.ground.address(32).to_string()
}

/// What two ends of a call, or one and a mailbox, say of the sound between them.
fn fidelity(exchange: &Exchange, more: &[&str]) -> String {
    let mut command = exchange.ground.command(PYTHON);
    command.arg(rig("fidelity.py")).arg(exchange.address().to_string());
    command.arg(exchange.ground.address(31).to_string()).args(more);
    let output = command.output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    said
}

/// A figure of a line of JSON.
fn named(text: &str, name: &str) -> Option<f64> {
    let rest = text.split(&format!("\"{name}\": ")).nth(1)?;
    rest.split([',', '}']).next()?.parse().ok()
}

/// A network that is bad as long as this is there.
struct BadNetwork(Child);

impl BadNetwork {
    /// What iptables matches loses so many per cent, and comes so many milliseconds later, and up to so many more.
    fn before(exchange: &Exchange, matched: &str, [loss, delay, jitter]: [u32; 3]) -> Self {
        let mut command = exchange.ground.command(PYTHON);
        command.arg(rig("netem.py")).args(["--match", matched]);
        for (name, value) in [("--loss", loss), ("--delay", delay), ("--jitter", jitter)] {
            command.arg(name).arg(value.to_string());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("Python runs");
        let out = child.stdout.as_mut().expect("its output is ours");
        let mut line = String::new();
        BufReader::with_capacity(1, out).read_line(&mut line).expect("it says something");
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// Packets that it saw and lost.
    fn end(mut self) -> (u64, u64) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let mut text = String::new();
        let out = self.0.stdout.as_mut().expect("its output is ours");
        out.read_to_string(&mut text).expect("it says what it did");
        let figure = |name: &str| named(&text, name).unwrap_or_default() as u64;
        (figure("seen"), figure("lost"))
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The tones of both are found in what the other recorded (the scenario judges that), and it was we who carried them.
fn relayed(scenario: &str, transports: &[&str]) {
    let exchange = phones::play_at(conducting(), scenario, transports);
    let page = metrics(&exchange);
    assert!(figure(&page, "carillon_media_packets_total") > 100.0, "{page}");
    assert!(figure(&page, "carillon_media_sessions_total") >= 1.0, "{page}");
    exchange.end();
}

fn figure(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.rsplit(' ').next());
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{page}"))
}

fn conducting() -> Exchange {
    starting("[proxy]\nanchor = \"always\"")
}

fn starting(with: &str) -> Exchange {
    let ground = Ground::namespace();
    let at = ground.address(1);
    Exchange::start(ground, &format!("{with}\n[http]\nlisten = \"{at}:9560\""))
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
