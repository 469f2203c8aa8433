//! Each target with values that are mutated from seeds.

use super::VALUES;

#[test]
fn every_target_holds_for_mutated_values() {
    let mut chance = Chance(0x5eed_0001);
    for (name, target) in VALUES {
        for round in 0..20_000 {
            let mut value = SEEDS[chance.below(SEEDS.len())].as_bytes().to_vec();
            for _ in 0..round % 5 {
                mutate(&mut value, &mut chance);
            }
            let outcome = std::panic::catch_unwind(|| target(&value));
            assert!(outcome.is_ok(), "{name} fails for {:?}", String::from_utf8_lossy(&value));
        }
    }
}

/// Replaces, inserts, removes or doubles a few octets, or splices in a part of another seed.
fn mutate(value: &mut Vec<u8>, chance: &mut Chance) {
    let at = chance.below(value.len() + 1);
    let end = (at + chance.below(8)).min(value.len());
    match chance.below(5) {
        0 => value.insert(at, SPECIAL[chance.below(SPECIAL.len())]),
        1 => drop(value.drain(at..end)),
        2 => {
            let part = value[at..end].to_vec();
            value.splice(at..at, part);
        }
        3 => {
            let other = SEEDS[chance.below(SEEDS.len())].as_bytes();
            let start = chance.below(other.len());
            value.splice(at..end, other[start..].iter().take(12).copied());
        }
        _ => value.splice(at..end, [chance.below(256) as u8]).for_each(drop),
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

const SEEDS: &[&str] = &[
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
    "307 isi.edu:5060 \"not \\\" understood\"",
];
