//! Mailboxes and what stands around them: a web address that is told of messages, operators who
//! look into them, and phones and watchers that others wrote, which are told what waits (RFC 3842).

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use store::{Mailboxes, StoredMessage, Take};

use super::exchange::{Exchange, said};
use super::ground::Ground;
use super::needs::{NOTHING, SIPP};
use super::sipp::{BOB, Run, trusting};

tests! {
    NOTHING => a_web_address_is_told_though_the_exchange_was_killed_meanwhile,
        an_operator_looks_into_mailboxes_and_sets_them_right;
    SIPP => a_watcher_is_told_what_waits_and_what_does_no_more,
        a_phone_that_never_asked_is_told_too;
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

fn an_operator_looks_into_mailboxes_and_sets_them_right() {
    let exchange = Exchange::start(Ground::loopback(), "[voicemail]\nextension = \"6099\"\n");
    let refused = |words: &[&str]| {
        let output = exchange.try_ctl(words);
        assert!(!output.status.success(), "{}", said(&output));
        said(&output)
    };
    assert!(exchange.ctl(&["voicemail", "list"]).contains("No mailbox holds a message"));
    assert!(exchange.ctl(&["voicemail", "messages", "bob"]).contains("empty"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let opened = runtime.block_on(Mailboxes::open(&exchange.folder.join("state/voicemail.db")));
    let mailboxes = opened.expect("the exchange has made it");
    record(&exchange, "voicemail/6002/r-1.wav");
    let message = StoredMessage {
        file: "voicemail/6002/r-1.wav".to_owned(),
        user: "bob".to_owned(),
        caller: "0123456789".to_owned(),
        length_ms: 3000,
        is_new: true,
        ..StoredMessage::default()
    };
    assert!(runtime.block_on(mailboxes.file(&message, 9, 9_000_000)).expect("written"));
    runtime.block_on(mailboxes.wrong("bob", 1, 1, u64::MAX >> 1)).expect("locked");

    let list = exchange.ctl(&["voicemail", "list"]);
    assert!(list.starts_with("USER") && list.contains("\nbob   1") && list.contains("100"), "{list}");
    let letters = exchange.ctl(&["voicemail", "messages", "6002", "--json"]);
    let id = letters.split('"').find(|word| word.starts_with("msg_")).expect("it is listed with its id");
    let begins = &id[..12];
    let wav = exchange.folder.join("complaint.wav");
    let export = ["voicemail", "export", "bob", begins, wav.to_str().expect("our own folder is UTF-8")];
    assert!(exchange.ctl(&export).contains("of 0123456789 for bob"));
    assert!(fs::read(&wav).expect("it is there") == sound());
    assert!(refused(&export).contains("name a file that is not there yet"));
    assert!(exchange.ctl(&["voicemail", "list"]).contains("\nbob   1"), "it is new still");

    assert!(exchange.ctl(&["voicemail", "unlock", "bob"]).contains("takes PINs again"));
    let new = ["voicemail", "reset-pin", "bob", "--new"];
    assert!(exchange.ctl_typing(&new, "90210\n").contains("a new PIN"));
    assert!(exchange.ctl(&["voicemail", "list", "bob"]).contains("own"));
    assert!(refused(&new).contains("the PIN is empty"));
    assert!(exchange.ctl(&["voicemail", "reset-pin", "bob"]).contains("bob has no PIN"));
    assert!(exchange.ctl(&["voicemail", "delete", "bob", begins]).contains("is gone"));
    let again = refused(&["voicemail", "delete", "bob", begins]);
    assert!(again.contains("carillon ctl voicemail messages bob"), "{again}");
    let misspelt = refused(&["voicemail", "messages", "Bob"]);
    assert!(misspelt.contains("bob exists"), "{misspelt}");
    exchange.end();

    let without = Exchange::start(Ground::loopback(), "");
    let output = without.try_ctl(&["voicemail", "list"]);
    assert!(said(&output).contains("[voicemail]"), "{}", said(&output));
    without.end();
}

fn a_watcher_is_told_what_waits_and_what_does_no_more() {
    let mut exchange = with_mailboxes();
    let trace = exchange.folder.join("watched");
    let messages = trace.to_str().expect("our own folder is UTF-8").to_owned();
    let watcher = Run::of(&exchange, BOB, "watch.xml", 1, &["-trace_msg", "-message_file", &messages]);
    exchange.until("bindings", |_| fs::read_to_string(&trace).is_ok_and(|seen| seen.contains("Waiting: no")));
    leave(&exchange);
    exchange
        .until("bindings", |_| fs::read_to_string(&trace).is_ok_and(|seen| seen.contains("Waiting: yes")));
    throw_away(&exchange);
    watcher.judge(&mut exchange);
    exchange.end();
}

fn a_phone_that_never_asked_is_told_too() {
    let mut exchange = with_mailboxes();
    Run::of(&exchange, BOB, "register-open.xml", 1, &[]).judge(&mut exchange);
    // Two seconds after it has registered, and at each change; SIPp answers from the address that it registered from.
    Run::of(&exchange, BOB, "lamp-dark.xml", 1, &[]).judge(&mut exchange);
    let phone = Run::of(&exchange, BOB, "lamp-lit.xml", 1, &[]);
    leave(&exchange);
    phone.judge(&mut exchange);
    let phone = Run::of(&exchange, BOB, "lamp-dark.xml", 1, &[]);
    throw_away(&exchange);
    phone.judge(&mut exchange);
    exchange.end();
}

/// Whose phones need no password.
fn with_mailboxes() -> Exchange {
    trusting(|ground, more| Exchange::start(ground, &format!("{more}\n[voicemail]\nextension = \"6099\"\n")))
}

/// A message for bob, of which the exchange tells his phones.
fn leave(exchange: &Exchange) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let opened = runtime.block_on(Mailboxes::open(&exchange.folder.join("state/voicemail.db")));
    left_by_a_call(exchange, &runtime, &opened.expect("the exchange has made it"), "voicemail/6002/r-1.wav");
}

fn throw_away(exchange: &Exchange) {
    let letters = exchange.ctl(&["voicemail", "messages", "bob", "--json"]);
    let id = letters.split('"').find(|word| word.starts_with("msg_")).expect("it is listed with its id");
    exchange.ctl(&["voicemail", "delete", "bob", id]);
}

/// Three seconds of sound for bob, of a call that nobody conducts any more: the exchange files them by itself.
fn left_by_a_call(exchange: &Exchange, runtime: &tokio::runtime::Runtime, mailboxes: &Mailboxes, file: &str) {
    record(exchange, file);
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

/// Three seconds of sound as the media server writes them.
fn sound() -> Vec<u8> {
    let mut octets = vec![0x55; 46 + 3 * 16_000];
    octets[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    octets
}

fn record(exchange: &Exchange, file: &str) {
    let path = exchange.folder.join("state/recordings").join(file);
    fs::create_dir_all(path.parent().expect("a name in a folder")).expect("our own folder");
    fs::write(path, sound()).expect("our own folder");
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
