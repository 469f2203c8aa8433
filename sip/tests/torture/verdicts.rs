//! The verdicts.

use sip::framer::{Frame, Framer};
use sip::message::{Limits, Message};
use sip::validate::check;

use crate::octets;

/// Name, clause, verdict as a datagram, and what a stream gives: the verdicts of its messages, then `more` when it
/// waits for octets and `broken` when it cannot be cut any further. A refused response is dropped.
const TABLE: &[(&str, &str, &str, &str)] = &[
    // RFC 4475 §3.1.1: valid messages.
    ("wsinv", "3.1.1.1", "valid", "valid"),
    ("intmeth", "3.1.1.2", "valid", "valid"),
    ("esc01", "3.1.1.3", "valid", "valid"),
    ("escnull", "3.1.1.4", "valid", "valid"),
    ("esc02", "3.1.1.5", "valid", "valid"),
    ("lwsdisp", "3.1.1.6", "valid", "valid"),
    ("longreq", "3.1.1.7", "valid", "valid"),
    // A datagram is one message and what stands behind it is ignored; in a stream the second message begins there.
    // Its body is longer than its Content-Length, so a third one seems to begin, which is none.
    ("dblreq", "3.1.1.8", "valid", "valid, valid, unparseable"),
    ("semiuri", "3.1.1.9", "valid", "valid"),
    ("transports", "3.1.1.10", "valid", "valid"),
    ("mpart01", "3.1.1.11", "valid", "valid"),
    ("unreason", "3.1.1.12", "valid", "valid"),
    ("noreason", "3.1.1.13", "valid", "valid"),
    // RFC 4475 §3.1.2: invalid messages.
    ("badinv01", "3.1.2.1", "400 Bad Via", "400 Bad Via"),
    ("clerr", "3.1.2.2", "400 Body Shorter Than Content-Length", "more"),
    ("ncl", "3.1.2.3", "400 Bad Content-Length", "broken"),
    ("scalar02", "3.1.2.4", "400 Bad CSeq", "400 Bad CSeq"),
    ("scalarlg", "3.1.2.5", "400 Bad CSeq", "400 Bad CSeq"),
    ("quotbal", "3.1.2.6", "400 Bad To", "400 Bad To"),
    ("ltgtruri", "3.1.2.7", "400 Bad Request-URI", "400 Bad Request-URI"),
    ("lwsruri", "3.1.2.8", "400 Bad Request-URI", "400 Bad Request-URI"),
    ("lwsstart", "3.1.2.9", "400 Bad Request-URI", "400 Bad Request-URI"),
    ("trws", "3.1.2.10", "400 Spaces Behind The Request Line", "400 Spaces Behind The Request Line"),
    ("escruri", "3.1.2.11", "400 Headers In Request-URI", "400 Headers In Request-URI"),
    // Nothing here depends on the date, so it is carried as it came.
    ("baddate", "3.1.2.12", "valid", "valid"),
    ("regbadct", "3.1.2.13", "400 Bad Contact", "400 Bad Contact"),
    ("badaspec", "3.1.2.14", "400 Bad To", "400 Bad To"),
    ("baddn", "3.1.2.15", "400 Bad From", "400 Bad From"),
    ("badvers", "3.1.2.16", "505 Version Not Supported", "505 Version Not Supported"),
    ("mismatch01", "3.1.2.17", "400 CSeq Method Does Not Match", "400 CSeq Method Does Not Match"),
    ("mismatch02", "3.1.2.18", "400 CSeq Method Does Not Match", "400 CSeq Method Does Not Match"),
    // The framer looks for the end of a message only, so the stream goes on behind it.
    ("bigcode", "3.1.2.19", "unparseable", "unparseable"),
    // RFC 4475 §3.2: the transaction layer takes such a branch for none (RFC 3261 §17.2.3).
    ("badbranch", "3.2.1", "valid", "valid"),
    // RFC 4475 §3.3: what an application refuses. The validator refuses what nobody could process.
    ("insuf", "3.3.1", "400 Missing From", "400 Missing From"),
    ("unkscm", "3.3.2", "416 Unsupported URI Scheme", "416 Unsupported URI Scheme"),
    ("novelsc", "3.3.3", "416 Unsupported URI Scheme", "416 Unsupported URI Scheme"),
    // Not an address of record of ours: the registrar answers 404.
    ("unksm2", "3.3.4", "valid", "valid"),
    // The proxy answers 420 for what stands in Proxy-Require.
    ("bext01", "3.3.5", "valid", "valid"),
    // A phone answers 415.
    ("invut", "3.3.6", "valid", "valid"),
    // No credentials for us: challenged.
    ("regaut01", "3.3.7", "valid", "valid"),
    ("multi01", "3.3.8", "400 Repeated From", "400 Repeated From"),
    ("mcl01", "3.3.9", "400 Bad Content-Length", "broken"),
    // Its topmost Via is not ours, so the proxy drops it.
    ("bcast", "3.3.10", "valid", "valid"),
    // A proxy answers 483.
    ("zeromf", "3.3.11", "valid", "valid"),
    ("cparam01", "3.3.12", "valid", "valid"),
    ("cparam02", "3.3.13", "valid", "valid"),
    ("regescrt", "3.3.14", "valid", "valid"),
    ("sdp01", "3.3.15", "valid", "valid"),
    // RFC 4475 §3.4: RFC 2543. Without Content-Length it has no body on a stream, and its body breaks the stream.
    ("inv2543", "3.4.1", "valid", "valid, broken"),
    // RFC 5118 §4.
    ("ipv6-good", "4.1", "valid", "valid"),
    ("ipv6-bad", "4.2", "400 Bad Request-URI", "400 Bad Request-URI"),
    ("port-ambiguous", "4.3", "valid", "valid"),
    ("port-unambiguous", "4.4", "valid", "valid"),
    ("via-received-param-with-delim", "4.5", "valid", "valid"),
    ("via-received-param-no-delim", "4.5", "valid", "valid"),
    // The Content-Length that is printed is 17 too much; with the true one it is valid, as the facts show.
    ("ipv6-in-sdp", "4.6", "400 Body Shorter Than Content-Length", "more"),
    ("mult-ip-in-header", "4.7", "valid", "valid"),
    // Here and next the length that is printed is too little, and what is left over begins another message in a stream.
    ("mult-ip-in-sdp", "4.8", "valid", "valid, more"),
    ("ipv4-mapped-ipv6", "4.9", "valid", "valid, more"),
    ("ipv6-bug-abnf-3-colons", "4.10", "valid", "valid"),
    ("ipv6-correct-abnf-2-colons", "4.10", "valid", "valid"),
];

#[test]
fn each_datagram_gets_its_verdict() {
    for (name, clause, wanted, _) in TABLE {
        assert_eq!(&verdict(&octets(name)), wanted, "{name} ({clause})");
    }
}

#[test]
fn each_stream_gets_its_verdicts_however_it_is_cut() {
    for (name, clause, _, wanted) in TABLE {
        let octets = octets(name);
        for piece in [octets.len(), 1, 7, 100] {
            assert_eq!(&stream(&octets, piece), wanted, "{name} ({clause}) in pieces of {piece}");
        }
    }
}

#[test]
fn a_message_may_stand_between_others_in_a_stream() {
    let before = octets("ipv6-good");
    for (name, _, datagram, wanted) in TABLE.iter().filter(|row| row.2 == row.3) {
        let mut octets_of_three = before.clone();
        octets_of_three.extend_from_slice(&octets(name));
        octets_of_three.extend_from_slice(&before);
        assert_eq!(stream(&octets_of_three, 64), format!("valid, {wanted}, valid"), "{name}: {datagram}");
    }
}

#[test]
fn every_file_has_its_row() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is beside this file")
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".msg").map(str::to_owned)
        })
        .collect();
    let mut rows: Vec<&str> = TABLE.iter().map(|row| row.0).collect();
    files.sort_unstable();
    rows.sort_unstable();
    assert_eq!(files, rows);
    assert_eq!(rows.len(), 49 + 12, "RFC 4475 has 49 messages, RFC 5118 has 12");
}

fn verdict(octets: &[u8]) -> String {
    let limits = Limits::default();
    match Message::parse(octets, &limits) {
        Err(_) => "unparseable".to_owned(),
        Ok(message) => match check(&message, &limits) {
            Err(refusal) => refusal.to_string(),
            Ok(()) => "valid".to_owned(),
        },
    }
}

fn stream(octets: &[u8], piece: usize) -> String {
    let mut framer = Framer::new(Limits::default());
    let mut said = Vec::new();
    'pieces: for piece in octets.chunks(piece) {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => said.push(verdict(message)),
                Ok(Some(Frame::KeepAlive)) => {}
                Ok(None) => break,
                Err(_) => {
                    said.push("broken".to_owned());
                    break 'pieces;
                }
            }
        }
    }
    if framer.is_half_way() && said.last().is_none_or(|last| last != "broken") {
        said.push("more".to_owned());
    }
    said.join(", ")
}
