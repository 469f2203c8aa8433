//! RFC 3263 over a small zone.

use std::collections::BTreeMap;

use super::*;
use crate::dns::records::{Naptr, Records, Srv};

/// A zone file: `name kind values`.
const ZONE: &str = "
example.org          naptr 50 50 s SIPS+D2T _sips._tcp.example.org
example.org          naptr 90 50 s SIP+D2T  _sip._tcp.example.org
example.org          naptr 100 50 s SIP+D2U _sip._udp.example.org
_sips._tcp.example.org srv 0 1 5061 a.example.org
_sip._tcp.example.org  srv 0 1 5060 a.example.org
_sip._tcp.example.org  srv 1 1 5070 b.example.org
_sip._udp.example.org  srv 0 1 5060 a.example.org
a.example.org        a    192.0.2.1
a.example.org        aaaa 2001:db8::1
b.example.org        a    192.0.2.2
srv.example.net      a    192.0.2.9
_sip._udp.srv.example.net srv 0 0 5090 b.example.org
_sip._tcp.srv.example.net srv 0 0 5091 b.example.org
plain.example.net    a    192.0.2.3
plain.example.net    a    192.0.2.4
same.example.net     naptr 10 20 s SIP+D2U _sip._udp.example.org
same.example.net     naptr 10 10 s SIP+D2T _sip._tcp.example.org
same.example.net     naptr 20 10 s SIPS+D2T _sips._tcp.example.org
odd.example.net      naptr 10 10 u E2U+sip .
odd.example.net      a    192.0.2.5
none.example.net     a    192.0.2.6
_sip._udp.none.example.net srv 0 0 0 .
";

/// Any will do: the zone has one server for each priority.
const CHANCE: u64 = 1;

type Zone = BTreeMap<Lookup, Answer>;

fn zone() -> Zone {
    let mut records: BTreeMap<Lookup, Records> = BTreeMap::new();
    for line in ZONE.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |place: usize| words[place].parse::<u16>().expect("a number");
        let kind = match words[1] {
            "naptr" => Kind::Naptr,
            "srv" => Kind::Srv,
            "a" => Kind::A,
            _ => Kind::Aaaa,
        };
        let entry = records.entry(Lookup::whole(kind, words[0])).or_insert_with(|| match kind {
            Kind::Naptr => Records::Naptr(Vec::new()),
            Kind::Srv => Records::Srv(Vec::new()),
            Kind::A | Kind::Aaaa => Records::Addresses(Vec::new()),
        });
        match entry {
            Records::Naptr(list) => list.push(Naptr {
                order: number(2),
                preference: number(3),
                flags: words[4].into(),
                service: words[5].into(),
                replacement: words[6].into(),
            }),
            Records::Srv(list) => list.push(Srv {
                priority: number(2),
                weight: number(3),
                port: number(4),
                target: words[5].into(),
            }),
            Records::Addresses(list) => list.push(words[2].parse().expect("an address")),
        }
    }
    records.into_iter().map(|(lookup, records)| (lookup, Answer::of(records))).collect()
}

/// Walks until it is done, as the resolver does; gives the hops as text and how many rounds of look-ups it took.
fn walk(query: &Query<'_>, reachable: impl Fn(Transport, Option<IpAddr>) -> bool) -> (String, usize) {
    let zone = zone();
    let mut asked: Zone = BTreeMap::new();
    for round in 0.. {
        let known = |lookup: &Lookup| asked.get(lookup).cloned();
        match select(query, known, &reachable, CHANCE) {
            Progress::Done(hops) => {
                let text: Vec<String> = hops
                    .iter()
                    .map(|hop| match hop {
                        NextHop::Address { transport, remote, host, .. } => {
                            let host = host.as_ref().map(|host| format!("={host}")).unwrap_or_default();
                            format!("{}:{remote}{host}", transport.param_name())
                        }
                        NextHop::Flow(_) => "a flow".to_owned(),
                    })
                    .collect();
                return (text.join(" "), round);
            }
            Progress::Needs(needs) => {
                assert!(!needs.is_empty() && round < 5);
                for lookup in needs {
                    let whole = Lookup::whole(lookup.kind, &lookup.name);
                    let answer = zone.get(&whole).cloned().unwrap_or(Answer::Nothing);
                    assert!(asked.insert(lookup, answer).is_none(), "nothing is asked twice");
                }
            }
        }
    }
    unreachable!("it ends above")
}

fn query(text: &str) -> (String, Option<u16>, Option<Transport>, bool) {
    let (secure, rest) = match text.strip_prefix("sips:") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("sip:").expect("a scheme")),
    };
    let (place, transport) = match rest.split_once(";transport=") {
        Some((place, name)) => (place, Transport::from_name(name.as_bytes())),
        None => (rest, None),
    };
    match place.rsplit_once(':') {
        Some((host, port)) if !place.ends_with(']') => {
            (host.to_owned(), Some(port.parse().expect("a port")), transport, secure)
        }
        _ => (place.to_owned(), None, transport, secure),
    }
}

fn check(uri: &str, four_only: bool, speaks: &[Transport], expected: &str, rounds: usize) {
    let (host, port, transport, secure) = query(uri);
    let asked = Query { host: &host, port, transport, secure };
    let reachable = |transport: Transport, address: Option<IpAddr>| {
        speaks.contains(&transport) && !(four_only && address.is_some_and(|address| address.is_ipv6()))
    };
    assert_eq!(walk(&asked, reachable), (expected.to_owned(), rounds), "{uri}");
}

const ALL: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

#[test]
fn hosts_are_found_as_rfc_3263_says() {
    for (uri, expected, rounds) in [
        // Numbers: §4.1, §4.2.
        ("sip:192.0.2.77", "udp:192.0.2.77:5060", 0),
        ("sip:192.0.2.77:5070", "udp:192.0.2.77:5070", 0),
        ("sips:192.0.2.77", "tls:192.0.2.77:5061=192.0.2.77", 0),
        ("sip:[2001:db8::77];transport=tcp", "tcp:[2001:db8::77]:5060", 0),
        ("sip:192.0.2.77;transport=ws", "ws:192.0.2.77:80", 0),
        // NAPTR: the best order alone, its SRV, its addresses; the certificate is of the domain.
        ("sip:example.org", "tls:192.0.2.1:5061=example.org tls:[2001:db8::1]:5061=example.org", 3),
        ("sips:EXAMPLE.org.", "tls:192.0.2.1:5061=EXAMPLE.org tls:[2001:db8::1]:5061=EXAMPLE.org", 3),
        (
            "sip:same.example.net",
            "tcp:192.0.2.1:5060 tcp:[2001:db8::1]:5060 tcp:192.0.2.2:5070 udp:192.0.2.1:5060 udp:[2001:db8::1]:5060",
            3,
        ),
        // A port: addresses at once. A transport: its SRV.
        ("sip:a.example.org:5080", "udp:192.0.2.1:5080 udp:[2001:db8::1]:5080", 1),
        ("sip:example.org;transport=tcp", "tcp:192.0.2.1:5060 tcp:[2001:db8::1]:5060 tcp:192.0.2.2:5070", 2),
        ("sip:b.example.org;transport=udp", "udp:192.0.2.2:5060", 2),
        (
            "sips:example.org;transport=tcp",
            "tls:192.0.2.1:5061=example.org tls:[2001:db8::1]:5061=example.org",
            2,
        ),
        // No NAPTR: SRV of what we speak, else addresses.
        ("sip:srv.example.net", "udp:192.0.2.2:5090 tcp:192.0.2.2:5091", 3),
        ("sip:plain.example.net", "udp:192.0.2.3:5060 udp:192.0.2.4:5060", 3),
        (
            "sips:plain.example.net",
            "tls:192.0.2.3:5061=plain.example.net tls:192.0.2.4:5061=plain.example.net",
            3,
        ),
        ("sip:odd.example.net", "udp:192.0.2.5:5060", 3),
        // Not offered, not there.
        ("sip:none.example.net", "", 2),
        ("sip:nowhere.example.net", "", 3),
    ] {
        check(uri, false, &ALL, expected, rounds);
    }
}

#[test]
fn only_what_we_can_send_to_is_given() {
    check("sip:example.org", true, &ALL, "tls:192.0.2.1:5061=example.org", 3);
    check("sip:example.org", true, &[Transport::Udp], "udp:192.0.2.1:5060", 3);
    check(
        "sip:example.org",
        true,
        &[Transport::Udp, Transport::Tcp],
        "tcp:192.0.2.1:5060 tcp:192.0.2.2:5070",
        3,
    );
    check("sips:example.org", true, &[Transport::Udp], "", 2);
    check("sip:192.0.2.1;transport=tcp", true, &[Transport::Udp], "", 0);
}

#[test]
fn what_nobody_could_say_is_passed_over() {
    let known = |lookup: &Lookup| match (lookup.kind, &*lookup.name) {
        (Kind::A, "plain.example.net") => Some(Answer::of(Records::Addresses(vec![[192, 0, 2, 3].into()]))),
        _ => Some(Answer::Failed("timeout".into())),
    };
    let asked = Query { host: "plain.example.net", port: None, transport: None, secure: false };
    let Progress::Done(hops) = select(&asked, known, |_, _| true, CHANCE) else { panic!("all is known") };
    assert_eq!(hops.len(), 1);
}

#[test]
fn a_question_keeps_to_its_servers_while_their_addresses_are_looked_up() {
    let servers: Vec<Srv> = (0..20)
        .map(|number| Srv {
            priority: 0,
            weight: 1,
            port: 5060,
            target: format!("s{number}.example.org").into(),
        })
        .collect();
    for chance in 0..50 {
        let mut asked: Zone = BTreeMap::new();
        let mut rounds = 0;
        let hops = loop {
            let query =
                Query { host: "example.org", port: None, transport: Some(Transport::Udp), secure: false };
            match select(&query, |lookup| asked.get(lookup).cloned(), |_, _| true, chance) {
                Progress::Done(hops) => break hops,
                Progress::Needs(needs) => {
                    rounds += 1;
                    assert!(rounds <= 2, "SRV, then addresses, and no further servers");
                    for lookup in needs {
                        let answer = match lookup.kind {
                            Kind::Srv => Answer::of(Records::Srv(servers.clone())),
                            Kind::A => {
                                Answer::of(Records::Addresses(vec![[192, 0, 2, asked.len() as u8].into()]))
                            }
                            Kind::Naptr | Kind::Aaaa => Answer::Nothing,
                        };
                        asked.insert(lookup, answer);
                    }
                }
            }
        };
        assert_eq!(hops.len(), SERVERS_MAX);
    }
}

#[test]
fn the_search_list_completes_what_people_write_and_not_what_records_say() {
    let names = |text: &str| {
        let mut seen = Vec::new();
        let known = |lookup: &Lookup| match (lookup.kind, &*lookup.name) {
            (Kind::Srv, "_sip._tcp.asterisk.voice.") => Some(Answer::of(Records::Srv(vec![Srv {
                priority: 0,
                weight: 0,
                port: 5060,
                target: "a.voice".into(),
            }]))),
            (Kind::Naptr | Kind::Srv, _) => Some(Answer::Nothing),
            (Kind::A | Kind::Aaaa, _) => None,
        };
        let (host, port, transport, secure) = query(text);
        let asked = Query { host: &host, port, transport, secure };
        if let Progress::Needs(needs) = select(&asked, known, |_, _| true, CHANCE) {
            let hosts = needs.iter().filter(|lookup| lookup.kind == Kind::A);
            seen.extend(hosts.map(|lookup| lookup.name.to_string()));
        }
        seen.join(" ")
    };
    assert_eq!(names("sip:asterisk.voice;transport=udp"), "asterisk.voice");
    assert_eq!(names("sip:asterisk.voice:5080"), "asterisk.voice");
    assert_eq!(names("sip:asterisk.voice;transport=tcp"), "a.voice.");
}
