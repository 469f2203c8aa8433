//! The order of servers by priority and weight (RFC 2782), and where its chance comes from.

use crate::dns::records::Srv;

/// Draws for one set of records: decided by the chance of the question and the name of the set alone.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(chance: u64, name: &str) -> Self {
        // FNV-1a over the name, so that the sets of one question are drawn apart.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(chance ^ hash)
    }

    /// A number below `most`, which is above zero.
    pub(super) fn below(&mut self, most: u32) -> u32 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(most)) >> 64) as u32
    }
}

/// RFC 2782: by priority, and within one by chance in proportion to the weights, those of weight 0 first in line.
/// `draw(n)` gives a number below `n`.
pub(super) fn in_order(mut records: Vec<Srv>, mut draw: impl FnMut(u32) -> u32) -> Vec<Srv> {
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let group = records.iter().take_while(|record| record.priority == first.priority).count();
        let sum: u32 = records[..group].iter().map(|record| u32::from(record.weight)).sum();
        let chosen = draw(sum + 1);
        let mut running = 0;
        let place = records[..group].iter().position(|record| {
            running += u32::from(record.weight);
            running >= chosen
        });
        ordered.push(records.remove(place.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record(priority: u16, weight: u16, port: u16) -> Srv {
        Srv { priority, weight, port, target: "a".into() }
    }

    fn records() -> Vec<Srv> {
        vec![record(1, 0, 5), record(0, 30, 1), record(0, 10, 2), record(0, 0, 3), record(0, 60, 4)]
    }

    #[test]
    fn weights_are_shares() {
        let mut first = BTreeMap::new();
        for chosen in 0..=100 {
            let mut draws = 0;
            let order = in_order(records(), |most| {
                draws += 1;
                if draws == 1 {
                    assert_eq!(most, 101);
                    chosen
                } else {
                    0
                }
            });
            *first.entry(order[0].port).or_insert(0) += 1;
            assert_eq!(order.len(), 5);
            assert_eq!(order[4].port, 5, "another priority comes later");
        }
        assert_eq!(first, BTreeMap::from([(1, 30), (2, 10), (3, 1), (4, 60)]));
    }

    #[test]
    fn many_questions_share_the_servers_and_one_keeps_to_its_own() {
        let mut first = BTreeMap::new();
        for chance in 0..10_000_u64 {
            let order = |chance| {
                let mut draws = Draws::new(chance, "_sip._udp.example.org.");
                in_order(records(), |most| draws.below(most))
            };
            assert_eq!(order(chance), order(chance));
            *first.entry(order(chance)[0].port).or_insert(0_u32) += 1;
        }
        for (port, share) in [(1, 3000), (2, 1000), (4, 5900)] {
            assert!(first[&port].abs_diff(share) < 300, "port {port}: {first:?}");
        }
    }
}
