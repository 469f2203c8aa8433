//! The framer: however a stream is cut into reads, the same messages come out.

use super::*;
use crate::message::Message;

const ONE: &str = "OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nX:\r\n folded\r\nl: 4\r\n\r\nbody";
const TWO: &str = "SIP/2.0 200 OK\nCall-ID: 2\n\n";

/// What comes out of `stream` when it is read `step` octets at a time.
fn cut(stream: &[u8], step: usize, limits: Limits) -> (Vec<String>, Option<&'static str>) {
    let mut framer = Framer::new(limits);
    let mut frames = Vec::new();
    for read in stream.chunks(step) {
        framer.push(read);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(octets))) => frames.push(String::from_utf8_lossy(octets).into_owned()),
                Ok(Some(Frame::KeepAlive)) => frames.push("ping".into()),
                Ok(None) => break,
                Err(why) => return (frames, Some(why.expected)),
            }
        }
    }
    (frames, None)
}

#[test]
fn the_same_messages_come_out_however_the_stream_is_cut() {
    let stream = format!("\r\n{ONE}{TWO}\r\n\r\n{ONE}\r\n{ONE}\r\n\r\n\r\n\r\n{TWO}");
    let wanted = [ONE, TWO, "ping", ONE, ONE, "ping", "ping", TWO];
    for step in [1, 2, 3, 5, 7, 16, 64, 1000] {
        // The last message ends with the octet that shows that no fold follows, so nothing waits.
        let (frames, broken) = cut(stream.as_bytes(), step, Limits::default());
        assert_eq!((frames, broken), (wanted.map(str::to_owned).to_vec(), None), "{step} octets at a time");
    }
}

#[test]
fn the_framer_and_the_parser_agree_where_a_message_ends() {
    for text in [ONE, TWO] {
        let message = Message::parse(text.as_bytes(), &Limits::default()).expect("a message");
        assert_eq!(cut(text.as_bytes(), 9, Limits::default()).0, [String::from_utf8_lossy(message.octets())]);
    }
}

#[test]
fn a_stream_whose_messages_have_no_certain_end_is_broken_for_good() {
    let small = Limits {
        message_bytes_max: 300,
        headers_max: 3,
        line_bytes_max: 100,
        body_bytes_max: 50,
        ..Limits::default()
    };
    let long = "x".repeat(120);
    for (stream, expected) in [
        ("A b SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n".to_owned(), "one Content-Length"),
        ("A b SIP/2.0\r\nl: -1\r\n\r\n".to_owned(), "one Content-Length"),
        ("A b SIP/2.0\r\nl: 99999999999\r\n\r\n".to_owned(), "one Content-Length"),
        ("A b SIP/2.0\r\nno colon\r\n\r\n".to_owned(), "a header name and a colon"),
        ("A b SIP/2.0\r\nl: 51\r\n\r\n".to_owned(), "a shorter body"),
        ("A b SIP/2.0\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\n\r\n".to_owned(), "fewer header lines"),
        (format!("A {long}"), "a shorter start line"),
        (format!("A b SIP/2.0\r\nX: {long}"), "a shorter header line"),
        ("\rA b SIP/2.0\r\n\r\n".to_owned(), "a line feed behind a carriage return"),
    ] {
        for step in [1, 10, 1000] {
            assert_eq!(cut(stream.as_bytes(), step, small), (vec![], Some(expected)), "{stream:?} by {step}");
        }
    }
}

#[test]
fn half_a_message_is_known_as_such() {
    let mut framer = Framer::new(Limits::default());
    framer.push(b"\r\n");
    assert_eq!(framer.next(), Ok(None));
    assert!(!framer.is_half_way(), "an empty line begins nothing");
    framer.push(b"OPTIONS");
    assert_eq!(framer.next(), Ok(None));
    assert!(framer.is_half_way());
}

#[test]
fn a_header_of_many_folds_is_read_in_linear_time() {
    // Read again from its start at each fold, it would take seconds.
    let limits = Limits { line_bytes_max: 1 << 20, message_bytes_max: 1 << 20, ..Limits::default() };
    let stream = format!("A b SIP/2.0\r\nX: 1{}\r\n\r\n", "\n ".repeat(16_000));
    for step in [1, 7, stream.len()] {
        assert_eq!(cut(stream.as_bytes(), step, limits), (vec![stream.clone()], None), "{step} at a time");
    }
}

#[test]
fn an_idle_connection_holds_no_memory_of_a_large_message() {
    let mut framer = Framer::new(Limits::default());
    framer.push(format!("A b SIP/2.0\r\nl: 60000\r\n\r\n{}", "x".repeat(60_000)).as_bytes());
    assert!(matches!(framer.next(), Ok(Some(Frame::Message(_)))));
    assert_eq!(framer.next(), Ok(None));
    assert_eq!((framer.held(), framer.buffer.capacity()), (0, 0));
}
