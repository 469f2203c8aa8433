//! Browsers as phones: JsSIP in Chromium, over WebSocket in clear and under TLS. The page is `rig/browser.html`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::exchange::{Exchange, config_at};
use super::ground::{Ground, rig};
use super::needs::{BROWSER, jssip};

tests! {
    BROWSER => browsers_call_each_other_over_websocket,
        browsers_call_each_other_over_websocket_under_tls;
}

fn browsers_call_each_other_over_websocket() {
    call("ws", 8088);
}

fn browsers_call_each_other_over_websocket_under_tls() {
    call("wss", 8089);
}

fn call(transport: &str, port: u16) {
    let ground = Ground::namespace();
    let address = ground.address(1);
    // UDP too: there the browser asks by STUN where it is seen. It never speaks to 5060, whatever the protocol.
    let listen = [format!("\"{transport}:{address}:{port}\""), format!("\"udp:{address}:5070\"")];
    let mut exchange = Exchange::start_from(ground, &config_at(&listen, ""));
    fs::copy(rig("browser.html"), exchange.folder.join("browser.html")).expect("our own folder");
    fs::copy(jssip(), exchange.folder.join("jssip.js")).expect("it was made");
    let page = format!(
        "file://{}/browser.html?uri={transport}://{address}:{port}&domain={address}&stun={address}:5070",
        exchange.folder.display()
    );
    let said = browse(&exchange, &page);
    let log = exchange.log();
    for words in [
        "both are registered",
        "bob rings for alice",
        "alice hears it ring",
        "alice hears bob",
        "bob is told of the end",
        &format!("seen at {address}"),
        "PASSED",
    ] {
        assert!(said.contains(words), "not {words:?}; the page said:\n{said}\nthe exchange logged:\n{log}");
    }
    exchange.end();
}

/// Opens a page and reads what it says until it has passed or failed. Chromium itself would never end.
fn browse(exchange: &Exchange, page: &str) -> String {
    // It ends itself where the page hangs: then its output ends too.
    let mut command = exchange.ground.command("timeout");
    command.args([
        "60",
        "chromium-headless-shell",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ]);
    command.args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]);
    // Our certificate is one that the exchange made for itself.
    command.args(["--ignore-certificate-errors", "--enable-logging=stderr", "--remote-debugging-port=0"]);
    command.arg(format!("--user-data-dir={}", exchange.folder.join("profile").display())).arg(page);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut browser = Browser(command.spawn().expect("it is installed"));
    let mut said = String::new();
    let lines = BufReader::new(browser.0.stderr.take().expect("it was piped")).lines();
    for line in lines.map_while(Result::ok).filter(|line| line.contains("CONSOLE")) {
        said += &format!("{line}\n");
        if line.contains("SAID PASSED") || line.contains("SAID FAILED") {
            break;
        }
    }
    said
}

/// Killed with the value; what it started goes with the namespace.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        // SIGTERM, which `timeout` hands on.
        let _ = std::process::Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
