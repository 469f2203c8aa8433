//! The targets for whole messages, for streams of them, and for the digest headers.

use std::time::Instant;

use crate::auth::{Authorization, Challenge};
use crate::build::{self, Extra};
use crate::edit::Edit;
use crate::framer::{Frame, Framer};
use crate::header::{ContactValue, Via};
use crate::message::{Limits, Message, Name, Status};
use crate::transaction::{Config, Endpoint, Event};
use crate::transport::{Flow, ListenerId, Outbox, Packet, Transport};
use crate::validate::check;

/// A message that is read has its lines where it says, is copied octet for octet, and, when it is valid, is answered
/// and forwarded by messages that are valid too.
pub fn message(octets: &[u8]) {
    let limits = Limits::default();
    let Ok(message) = Message::parse(octets, &limits) else { return };
    for field in message.fields() {
        assert!(field.start < field.end && field.end <= message.fields_end(), "a line lies in the head");
        assert_eq!(Name::parse(field.name_text), field.name);
    }
    let _ = (
        message.via(),
        message.from(),
        message.to(),
        message.cseq(),
        message.max_forwards(),
        message.expires(),
    );
    let _ = message.elements(Name::Contact).filter(|one| ContactValue::parse(one).is_ok()).count();
    if check(&message, &limits).is_err() {
        return;
    }
    let mut copy = Vec::new();
    Edit::new(&message).write(&mut copy);
    assert!(copy.ends_with(message.body()), "the body is copied");
    if message.is_request() {
        // A line end more for each LF that stood alone, and a Content-Length more, may be beyond the limits.
        let wider = Limits {
            message_bytes_max: 2 * limits.message_bytes_max,
            line_bytes_max: 2 * limits.line_bytes_max,
            headers_max: limits.headers_max + 1,
            ..limits
        };
        let copy = Message::parse(&copy, &wider).expect("a copy can be read");
        assert!(!copy.has_lone_feeds() && !copy.has_lone_returns(), "a copy ends its lines as it should");
        let mut twice = Vec::new();
        Edit::new(&copy).write(&mut twice);
        assert_eq!(twice, copy.octets(), "a second copy changes nothing");
        let added = usize::from(message.content_length().is_none());
        assert_eq!(copy.fields().len(), message.fields().len() + added, "all lines are copied");
        answered(&message, &limits);
        forwarded(&message, &limits);
        kept(&message);
    }
}

/// What a server transaction keeps of a request is read by its index as it would be by a pass over its octets.
#[expect(clippy::disallowed_methods, reason = "any moment will do: nothing here waits")]
fn kept(message: &Message<'_>) {
    let now = Instant::now();
    let mut endpoint = Endpoint::new(Config { transactions_max: 1, ..Config::default() }, now, [1, 2]);
    let Event::Request { key } = endpoint.receive(now, message, &mut Outbox::default()) else { return };
    let flow = Flow {
        transport: Transport::Udp,
        listener: ListenerId(1),
        local: [192, 0, 2, 1].into(),
        remote: ([198, 51, 100, 7], 40_000).into(),
        connection: None,
    };
    let packet = Packet { octets: message.octets(), flow, arrived: now };
    let id = endpoint.accept(now, &packet, message, key, ()).expect("there is room for one");
    let octets = endpoint.kept_request(id).expect("it is not answered yet");
    let passed = Message::parse(octets, &UNLIMITED).expect("what was marked can be read");
    let indexed = endpoint.read(id, octets).expect("and by its index");
    assert!(indexed.fields().eq(passed.fields()), "the lines stand where they are");
    assert_eq!((indexed.start_line(), indexed.body()), (passed.start_line(), passed.body()));
    // A line end of the Via that was written anew may have been the only LF that stood alone.
    assert!(indexed.has_lone_feeds() || !passed.has_lone_feeds());
}

const UNLIMITED: Limits = Limits {
    message_bytes_max: usize::MAX,
    headers_max: usize::MAX,
    line_bytes_max: usize::MAX,
    uri_bytes_max: usize::MAX,
    body_bytes_max: usize::MAX,
};

/// The answer to a valid request is valid, with its Vias.
fn answered(message: &Message<'_>, limits: &Limits) {
    let via = message.via().expect("a valid message has a Via");
    let mut top = Vec::new();
    via.write_received(([192, 0, 2, 1], 5060).into(), &mut top);
    let mut answer = Vec::new();
    let extra = Extra { to_tag: Some("tag"), top_via: Some(&top), ..Extra::default() };
    build::response(message, Status::of(404), &extra, &mut answer);
    let Ok(answer) = Message::parse(&answer, limits) else {
        panic!("an answer can be read: {}", String::from_utf8_lossy(&answer))
    };
    assert_eq!(
        check(&answer, limits),
        Ok(()),
        "an answer is valid: {}",
        String::from_utf8_lossy(answer.octets())
    );
    assert_eq!(answer.elements(Name::Via).count(), message.elements(Name::Via).count(), "it has the Vias");
    assert_eq!(answer.via().map(|via| via.branch()), Ok(via.branch()), "it finds its way back");
    if message.to().is_ok_and(|to| to.params.find(b"tag").is_none()) {
        assert_eq!(answer.to().map(|to| to.tag()), Ok(Some(&b"tag"[..])), "it has the tag that it was given");
    }
}

/// A valid request with a Via more is valid, and without it again has those that it had.
fn forwarded(message: &Message<'_>, limits: &Limits) {
    let mut there = Vec::new();
    Edit::new(message).push_front(Name::Via, b"SIP/2.0/UDP x;branch=z9hG4bKx").write(&mut there);
    let Ok(there) = Message::parse(&there, &Limits { headers_max: limits.headers_max + 1, ..*limits }) else {
        return;
    };
    assert_eq!(there.via().map(|via| via.branch()), Ok(Some(&b"z9hG4bKx"[..])), "our Via is the first");
    let mut back = Vec::new();
    Edit::new(&there).pop(Name::Via).write(&mut back);
    let Ok(back) = Message::parse(&back, limits) else {
        panic!("what comes back can be read: {}", String::from_utf8_lossy(&back))
    };
    let texts = |message: &Message<'_>| -> Vec<Vec<u8>> {
        let lines = |one: &[u8]| one.iter().copied().filter(|octet| *octet != b'\r').collect();
        message.elements(Name::Via).map(lines).collect()
    };
    assert_eq!(texts(&back), texts(message), "the others are as they were, but for their line ends");
    assert_eq!(back.body(), message.body());
    assert!(back.elements(Name::Via).all(|one| Via::parse(one).is_ok()));
}

/// A stream is cut alike whatever its reads, and each message that is cut out is one for the parser, to its last octet.
/// The first octet says how long the reads are.
pub fn stream(octets: &[u8]) {
    let Some((first, octets)) = octets.split_first() else { return };
    let whole = cut(octets, octets.len().max(1));
    let pieces = cut(octets, usize::from(*first).max(1));
    assert_eq!(whole, pieces, "the reads do not matter");
    for frame in whole.iter().flatten() {
        if let Ok(message) = Message::parse(frame, &Limits::default())
            && message.content_length().is_some()
        {
            assert_eq!(message.octets().len(), frame.len(), "framer and parser agree where a message ends");
        }
    }
}

/// The messages of a stream, and `None` where it breaks.
fn cut(octets: &[u8], read: usize) -> Vec<Option<Vec<u8>>> {
    let mut framer = Framer::new(Limits::default());
    let mut frames = Vec::new();
    for read in octets.chunks(read) {
        framer.push(read);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => frames.push(Some(message.to_vec())),
                Ok(Some(Frame::KeepAlive)) => {}
                Ok(None) => break,
                Err(_) => {
                    frames.push(None);
                    return frames;
                }
            }
        }
    }
    frames
}

/// Answers and challenges of digest never panic, and a challenge that is written reads as the same.
pub fn digest(octets: &[u8]) {
    if let Ok(read) = Authorization::parse(Name::Authorization, octets) {
        let _ = read.unescaped_username();
    }
    let Some(read) = Challenge::parse(Name::WwwAuthenticate, octets) else { return };
    if octets.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
        // Challenges are written from texts of our own, which have no folds.
        return;
    }
    let mut written = Vec::new();
    read.write(&mut written);
    let again = Challenge::parse(Name::WwwAuthenticate, &written).expect("what was written can be read");
    let mut twice = Vec::new();
    again.write(&mut twice);
    assert_eq!(written, twice, "a second writing changes nothing");
    assert_eq!(
        (again.realm.unescape(), again.nonce.unescape()),
        (read.realm.unescape(), read.nonce.unescape())
    );
    assert_eq!(again.stale, read.stale);
}
