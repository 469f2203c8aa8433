//! Each target with values that are mutated from seeds, and with what fuzzing found worth keeping.

use std::fs;
use std::path::Path;

use super::{MESSAGES, PROGRAMS, Target, VALUES};

#[test]
fn every_program_holds_for_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in PROGRAMS {
        let folder = corpus.join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
            .map(|entry| entry.expect("a folder can be listed").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has a corpus");
        for file in files {
            let octets = fs::read(&file).expect("a file can be read");
            assert!(
                std::panic::catch_unwind(|| target(&octets)).is_ok(),
                "{name} fails for {}",
                file.display()
            );
        }
    }
}

#[test]
fn every_target_holds_for_mutated_values() {
    let seeds: Vec<&[u8]> = VALUE_SEEDS.iter().map(|seed| seed.as_bytes()).collect();
    run(VALUES, &seeds, 20_000);
}

#[test]
fn every_target_holds_for_mutated_messages() {
    run(MESSAGES, MESSAGE_SEEDS, 10_000);
}

fn run(targets: &[Target], seeds: &[&[u8]], rounds: usize) {
    let mut chance = Chance(0x5eed_0001);
    for (name, target) in targets {
        for round in 0..rounds {
            let mut octets = seeds[chance.below(seeds.len())].to_vec();
            for _ in 0..round % 5 {
                mutate(&mut octets, seeds, &mut chance);
            }
            let outcome = std::panic::catch_unwind(|| target(&octets));
            assert!(outcome.is_ok(), "{name} fails for {:?}", String::from_utf8_lossy(&octets));
        }
    }
}

/// Replaces, inserts, removes or doubles a few octets, or splices in a part of another seed.
fn mutate(octets: &mut Vec<u8>, seeds: &[&[u8]], chance: &mut Chance) {
    let at = chance.below(octets.len() + 1);
    let end = (at + chance.below(8)).min(octets.len());
    match chance.below(5) {
        0 => octets.insert(at, SPECIAL[chance.below(SPECIAL.len())]),
        1 => drop(octets.drain(at..end)),
        2 => {
            let part = octets[at..end].to_vec();
            octets.splice(at..at, part);
        }
        3 => {
            let other = seeds[chance.below(seeds.len())];
            let start = chance.below(other.len());
            octets.splice(at..end, other[start..].iter().take(12).copied());
        }
        _ => octets.splice(at..end, [chance.below(256) as u8]).for_each(drop),
    }
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
}

const SPECIAL: &[u8] = b" \t\r\n\"\\<>;,:=@%?&()[]*/.-+#0\0\x7f\x80\xff";

const VALUE_SEEDS: &[&str] = &[
    "sip:alice:secret@atlanta.com:5060;transport=tcp;%6C%72?subject=project%20x&priority=urgent",
    "sips:a;b=c%40d@[2001:db8::9:1]:5061;maddr=[::1];ttl=5",
    "tel:+33-1.23(45);ext=12;phone-context=example.com",
    "urn:service:sos",
    "\"A \\\"B\\\" <c>\" <sip:a@x.org;lr>;tag=1;x=\"y\\z\"",
    "Mr. Watson\r\n <sip:w@x.org?Replaces=1%40x%3Bto-tag%3D2>;index=1.1",
    "sip:a@192.0.2.1;expires=60;q=0.5",
    "<sip:a@x.org>;+sip.instance=\"<urn:uuid:0-1>\";reg-id=1;q=1.000",
    "*",
    "SIP / 2.0 / UDP first.example.com: 4000;ttl=16\r\n ;maddr=224.2.0.1 ;branch=z9hG4bK;rport;received=::1",
    "SIP/2.0/TCP [2001:db8::1]:5060;rport=5061;received=192.0.2.9",
    "1 INVITE",
    "776656 1 INVITE",
    "70",
    "presence.winfo;id=7",
    "active;expires=600;reason=noresource",
    "120 (I am (in) a \\) meeting);duration=60",
    "multipart/mixed;boundary=\"a b\"",
    "Q.850;cause=16;text=\"Terminated\"",
    "425928@bobster.org;to-tag=7743;from-tag=6472;early-only",
    "1800;refresher=uac",
    "id;header,none",
    "Digest username=\"alice\", realm=\"example.org\", nonce=\"abc\", uri=\"sip:example.org\", qop=auth, nc=00000001, \
     cnonce=\"x\", response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, opaque=\"\", userhash=false",
    "Digest realm=\"a\\\"b\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"o\", stale=TRUE",
    "307 isi.edu:5060 \"not \\\" understood\"",
];

/// Messages of RFC 4475 among others.
const MESSAGE_SEEDS: &[&[u8]] = &[
    include_bytes!("../../tests/torture/wsinv.msg"),
    include_bytes!("../../tests/torture/intmeth.msg"),
    include_bytes!("../../tests/torture/dblreq.msg"),
    include_bytes!("../../tests/torture/transports.msg"),
    include_bytes!("../../tests/torture/noreason.msg"),
    include_bytes!("../../tests/torture/inv2543.msg"),
    include_bytes!("../../tests/torture/ipv4-mapped-ipv6.msg"),
    b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;rport, SIP/2.0/UDP b\r\nf: a<sip:a>;tag=1\r\nt: <sip:b>\r\ni: 1\r\n\
      CSeq: 1 OPTIONS\r\nl: 4\r\n\r\nbody\r\n\r\nSIP/2.0 200 OK\nv: SIP/2.0/TCP x\n\n",
];
