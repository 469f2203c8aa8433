//! Mailboxes and what stands around them: a web address that is told of messages.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use store::{Mailboxes, Take};

use super::exchange::Exchange;
use super::ground::Ground;
use super::needs::NOTHING;

tests! {
    NOTHING => a_web_address_is_told_though_the_exchange_was_killed_meanwhile;
}

fn a_web_address_is_told_though_the_exchange_was_killed_meanwhile() {
    let ground = Ground::loopback();
    let web = TcpListener::bind((ground.address(9), 0)).expect("the ground is ours");
    let address = web.local_addr().expect("it is bound");
    let more = format!(
        "[voicemail]\nextension = \"6099\"\n[voicemail.webhook]\nurl = \"http://{address}/told\"\n\
         secret = \"a sentence of our own\"\n"
    );
    let mut exchange = Exchange::start(ground, &more);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let opened = runtime.block_on(Mailboxes::open(&exchange.folder.join("state/voicemail.db")));
    let mailboxes = opened.expect("the exchange has made it");
    left_by_a_call(&exchange, &runtime, &mailboxes, "voicemail/6002/r-1.wav");

    // It is killed while it waits for the answer, which never comes.
    let (waits, first, told) = request(&web);
    exchange.crash();
    drop(waits);
    exchange.restart();
    let (mut asks, again, _) = request(&web);
    asks.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it listens");
    let id = |head: &[String]| head.iter().find(|line| line.starts_with("webhook-id: msg_")).cloned();
    assert!(id(&first).is_some() && id(&first) == id(&again), "{first:?} {again:?}");
    assert!(again.iter().any(|line| line.starts_with("webhook-signature: v1,")), "{again:?}");
    for part in ["\"mailbox\":\"bob\"", "\"caller\":\"0123456789\"", "\"length_ms\":3000", "\"new\":1"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let left = || runtime.block_on(mailboxes.due("webhook", u64::MAX >> 1, 9)).expect("read").len();
    exchange.until("bindings", |_| left() == 0);
    exchange.end();
}

/// Three seconds of sound for bob, of a call that nobody conducts any more: the exchange files them by itself.
fn left_by_a_call(exchange: &Exchange, runtime: &tokio::runtime::Runtime, mailboxes: &Mailboxes, file: &str) {
    let path = exchange.folder.join("state/recordings").join(file);
    fs::create_dir_all(path.parent().expect("a name in a folder")).expect("our own folder");
    let mut octets = vec![0x55; 46 + 3 * 16_000];
    octets[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    fs::write(path, octets).expect("our own folder");
    let take = Take {
        file: file.to_owned(),
        run: "r".to_owned(),
        user: "bob".to_owned(),
        caller: "0123456789".to_owned(),
        at_ms: 1_794_781_800_000,
        ..Take::default()
    };
    runtime.block_on(mailboxes.begin(&take)).expect("it is noted");
}

/// What comes to a web server: who waits for the answer, the lines of the head, and the body.
fn request(web: &TcpListener) -> (TcpStream, Vec<String>, String) {
    let (stream, _) = web.accept().expect("somebody asks");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
    let mut reader = BufReader::new(stream.try_clone().expect("our own"));
    let head: Vec<String> = reader
        .by_ref()
        .lines()
        .map(|line| line.expect("a head").to_ascii_lowercase())
        .take_while(|line| !line.is_empty())
        .collect();
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    reader.read_exact(&mut body).expect("a body");
    (stream, head, String::from_utf8(body).expect("it is UTF-8"))
}
