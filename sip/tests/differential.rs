//! Our reading beside that of `rsip`, an independent one, for messages where rsip is right: one element a line, no
//! folds, long names, no IPv6, known methods. What it misreads has its own tests with the answers of the RFCs.

use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::{HasHeaders, HeadersExt};
use rsip::{Header, SipMessage};
use sip::header::NameAddr;
use sip::message::{Limits, Message};
use sip::uri::Uri;

/// What a reading says of a message: each line is a fact.
type Facts = Vec<String>;

#[test]
fn both_readings_agree_about_generated_messages() {
    let mut chance = Chance(0x5eed_0002);
    for round in 0..2_000 {
        let octets = generated(&mut chance);
        let theirs = theirs(&octets).unwrap_or_else(|why| panic!("{round}: rsip says {why}: {octets}"));
        assert_eq!(ours(octets.as_bytes()), theirs, "{round}: {octets}");
    }
}

#[test]
fn both_readings_agree_about_the_torture_messages_that_rsip_reads() {
    for name in AGREED {
        let path = format!("{}/tests/torture/{name}.msg", env!("CARGO_MANIFEST_DIR"));
        let octets = std::fs::read_to_string(&path).expect("it is there");
        let theirs = theirs(&octets).unwrap_or_else(|why| panic!("{name}: rsip says {why}"));
        assert_eq!(ours(octets.as_bytes()), theirs, "{name}");
    }
}

fn ours(octets: &[u8]) -> Facts {
    let message = Message::parse(octets, &Limits::default()).expect("a message");
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut facts = match (message.method(), message.status()) {
        (Some(method), _) => vec![format!("{method}"), uri(message.request_uri().unwrap_or_default())],
        // rsip keeps no phrase.
        (_, Some(status)) => vec![format!("{status}")],
        _ => panic!("neither request nor response"),
    };
    facts.extend(message.fields().map(|field| format!("{}: {}", text(field.name_text), text(field.value))));
    facts.push(text(message.body()));
    let end = |end: NameAddr<'_>| format!("{} {:?}", uri(end.address), end.tag().map(text));
    facts.push(format!("from {}", end(message.from().expect("a From"))));
    facts.push(format!("to {}", end(message.to().expect("a To"))));
    let cseq = message.cseq().expect("a CSeq");
    facts.push(format!("cseq {} {}", cseq.number, cseq.method));
    let via = message.via().expect("a Via");
    facts.push(format!(
        "via {} {} {:?} {:?} {:?}",
        text(via.transport).to_ascii_uppercase(),
        via.host.to_string().to_ascii_lowercase(),
        via.port,
        via.branch().map(text),
        via.received().map(|address| address.to_string()),
    ));
    facts.push(format!("call {}", text(message.call_id())));
    facts
}

fn uri(octets: &[u8]) -> String {
    let Ok(Uri::Sip(uri)) = Uri::parse(octets) else { panic!("no sip URI: {}", octets.escape_ascii()) };
    let user = uri.user.map(String::from_utf8_lossy);
    let host = uri.host.to_string().to_ascii_lowercase();
    format!("{} {user:?} {host} {:?} {}", uri.secure, uri.port, uri.params.iter().count())
}

fn theirs(octets: &str) -> Result<Facts, rsip::Error> {
    let message = SipMessage::try_from(octets)?;
    let mut facts = match &message {
        SipMessage::Request(request) => vec![request.method.to_string(), their_uri(&request.uri)],
        SipMessage::Response(response) => vec![response.status_code.code().to_string()],
    };
    facts.extend(message.headers().iter().map(Header::to_string).map(|line| line.trim_end().to_owned()));
    facts.push(String::from_utf8_lossy(message.body()).into_owned());
    let from = message.from_header()?.typed()?;
    facts.push(format!("from {} {:?}", their_uri(&from.uri), from.tag().map(ToString::to_string)));
    let to = message.to_header()?.typed()?;
    facts.push(format!("to {} {:?}", their_uri(&to.uri), to.tag().map(ToString::to_string)));
    let cseq = message.cseq_header()?.typed()?;
    facts.push(format!("cseq {} {}", cseq.seq, cseq.method));
    let via = message.via_header()?.typed()?;
    facts.push(format!(
        "via {} {} {:?} {:?} {:?}",
        via.transport,
        via.uri.host().to_string().to_ascii_lowercase(),
        via.uri.port().map(|port| *port.value()),
        via.branch().map(ToString::to_string),
        via.received().ok().flatten().map(|address| address.to_string()),
    ));
    facts.push(format!("call {}", message.call_id_header()?.value()));
    Ok(facts)
}

fn their_uri(uri: &rsip::Uri) -> String {
    let secure = uri.scheme == Some(rsip::Scheme::Sips);
    let host = uri.host().to_string().to_ascii_lowercase();
    let port = uri.port().map(|port| *port.value());
    format!("{secure} {:?} {host} {port:?} {}", uri.user(), uri.params.len())
}

/// A message of parts that rsip reads as the RFCs say, in any order and number.
fn generated(chance: &mut Chance) -> String {
    let method = chance.of(&[
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "REGISTER",
        "OPTIONS",
        "PRACK",
        "UPDATE",
        "INFO",
        "REFER",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "MESSAGE",
    ]);
    let start = match chance.below(3) {
        0 => format!(
            "SIP/2.0 {}",
            chance.of(&["100 Trying", "180 Ringing", "200 OK", "404 Not Found", "486 Busy Here"])
        ),
        _ => format!("{method} {} SIP/2.0", chance.of(URIS)),
    };
    let body = chance.of(&["", "v=0\r\n", "two\r\n\r\nparts: 1\r\n", "caf\u{e9}"]);
    let mut lines = vec![
        format!(
            "From: {}<{}>{}",
            chance.of(DISPLAYS),
            chance.of(URIS),
            chance.of(&["", ";tag=1", ";x=y;tag=a.b-c"])
        ),
        format!("To: {}<{}>{}", chance.of(DISPLAYS), chance.of(URIS), chance.of(&["", ";tag=2"])),
        format!("Call-ID: {}", chance.of(&["1", "a@b", "f81d4fae-7dec@foo.bar.com"])),
        format!("CSeq: {} {method}", chance.of(&["0", "1", "4711", "2147483647"])),
        format!("Content-Length: {}", body.len()),
    ];
    for _ in 0..chance.below(4) {
        lines.push(
            chance
                .of(&[
                    "Max-Forwards: 70",
                    "Subject: a: b, \"c\" <d>",
                    "X-Unknown: ;,=",
                    "User-Agent: x/1 (y)",
                    "Supported: path, gruu",
                    "Allow: INVITE, ACK",
                ])
                .to_owned(),
        );
    }
    for _ in 0..=chance.below(3) {
        lines.push(format!(
            "Via: SIP/2.0/{} {}{}",
            chance.of(&["UDP", "TCP", "TLS"]),
            chance.of(&["a.org", "192.0.2.1:5060", "Host.example:5070"]),
            chance.of(&[";branch=z9hG4bK1", ";branch=z9hG4bKx.y-2;received=192.0.2.9", ";ttl=1;branch=old"])
        ));
    }
    for at in (1..lines.len()).rev() {
        lines.swap(at, chance.below(at + 1));
    }
    format!("{start}\r\n{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// A small generator, so that each run is the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn of(&mut self, all: &[&'static str]) -> &'static str {
        all[self.below(all.len())]
    }
}

const URIS: &[&str] = &[
    "sip:example.org",
    "sip:alice@example.org",
    "sips:alice@Example.ORG:5061",
    "sip:+33123@192.0.2.1;user=phone",
    "sip:abcd@192.0.2.1:5080;transport=tcp;lr",
    "sip:6002@pbx.example.org;maddr=192.0.2.7",
];

const DISPLAYS: &[&str] = &["", "Alice ", "\"Alice\" ", "\"Alice, of wonder\" "];

/// Messages of RFC 4475 and RFC 5118 that rsip reads as they mean; it refuses the others, or misreads them.
const AGREED: &[&str] = &[
    "badbranch",
    "baddate",
    "bcast",
    "bext01",
    "cparam01",
    "cparam02",
    "escnull",
    "inv2543",
    "lwsdisp",
    "mcl01",
    "multi01",
    "regbadct",
    "regescrt",
    "sdp01",
    "transports",
    "zeromf",
];

/// Where rsip misreads: what it says, beside what the RFC says and we say. When one of these fails because rsip has
/// learned better, its form may go into the generated messages.
#[test]
fn where_rsip_is_known_to_be_wrong() {
    // RFC 3261 §25.1: an IPv6 address stands in brackets.
    assert!(rsip::Uri::try_from("sip:alice@[2001:db8::1]:5060").map(|uri| uri.to_string()).is_err());
    let Ok(Uri::Sip(uri)) = Uri::parse(b"sip:alice@[2001:db8::1]:5060") else { panic!("a SIP URI") };
    assert_eq!((uri.host.to_string(), uri.port), ("[2001:db8::1]".to_owned(), Some(5060)));

    // RFC 3966 §3: a number is no host.
    let tel = rsip::Uri::try_from("tel:+33123").map(|uri| uri.host().to_string());
    assert_ne!(tel.ok().as_deref(), Some("+33123"));
    assert!(matches!(Uri::parse(b"tel:+33123"), Ok(Uri::Tel(_))));

    // RFC 3261 §25.1: a user part holds dots, hyphens and underscores.
    let user =
        rsip::Uri::try_from("sip:a.b-c_d@192.0.2.1").ok().and_then(|uri| uri.user().map(ToString::to_string));
    assert_ne!(user.as_deref(), Some("a.b-c_d"));
    let Ok(Uri::Sip(uri)) = Uri::parse(b"sip:a.b-c_d@192.0.2.1") else { panic!("a SIP URI") };
    assert_eq!(uri.user, Some(&b"a.b-c_d"[..]));

    // RFC 3261 §20.10: a quoted display name holds anything.
    let from = rsip::headers::From::from("\"a <b>\" <sip:c@example.net>;tag=1").typed();
    assert!(from.map_or(true, |from| from.uri.to_string() != "sip:c@example.net"));

    // RFC 3261 §7.3.3: compact names are names.
    let compact = "OPTIONS sip:a@b.c SIP/2.0\r\nv: SIP/2.0/UDP d.e;branch=z9hG4bK1\r\nf: <sip:f@g.h>;tag=1\r\n\
                   t: <sip:a@b.c>\r\ni: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let from = SipMessage::try_from(compact).and_then(|message| message.from_header().cloned()?.typed());
    assert!(from.is_err());
    let message = Message::parse(compact.as_bytes(), &Limits::default()).expect("a message");
    assert_eq!(message.from().expect("a From").address, b"sip:f@g.h");

    // RFC 3261 §7.3.1: two Vias on one line are two Vias.
    let two = compact.replace(
        "v: SIP/2.0/UDP d.e;branch=z9hG4bK1",
        "Via: SIP/2.0/UDP d.e;branch=z9hG4bK1, SIP/2.0/TCP x.y",
    );
    let vias = SipMessage::try_from(two.as_str())
        .map(|message| message.headers().iter().filter(|header| matches!(header, Header::Via(_))).count());
    assert_ne!(vias.ok(), Some(2));
    let message = Message::parse(two.as_bytes(), &Limits::default()).expect("a message");
    assert_eq!(message.elements(sip::message::Name::Via).count(), 2);
}
