//! What name resolution counts, and what `/metrics` says of it.

use super::resolver::Resolver;
use crate::clock;
use crate::shard::Count;
use crate::telemetry::{Page, Registry};

/// What a resolver counts.
#[derive(Debug, Default)]
pub struct ResolverCounters {
    /// Hosts found from what was known.
    pub known: Count,
    /// Hosts for which name servers were asked.
    pub asked: Count,
    /// Hosts refused: `lookups_max`.
    pub refused: Count,
    /// Hosts with no address that we can reach.
    pub unknown: Count,
    /// Records that were in the cache.
    pub hits: Count,
    /// Records that were asked of a name server.
    pub misses: Count,
    /// Records that another question was asking for already.
    pub joined: Count,
    /// Records that no name server could tell.
    pub failures: Count,
    /// Targets that did not answer.
    pub died: Count,
}

impl Resolver {
    /// Adds its counters to the metrics.
    pub fn add_metrics(&self, registry: &Registry) {
        let resolver = self.clone();
        registry.add(move |page| write(page, &resolver));
    }
}

fn write(page: &mut Page, resolver: &Resolver) {
    let counters = resolver.counters();
    for (how, count) in [
        ("known", &counters.known),
        ("asked", &counters.asked),
        ("refused", &counters.refused),
        ("unknown", &counters.unknown),
    ] {
        let help = "Hosts to be found, by how they were answered.";
        page.counter("carillon_dns_hosts_total", help, &[("how", how)], count.read());
    }
    for (how, count) in [
        ("hit", &counters.hits),
        ("miss", &counters.misses),
        ("joined", &counters.joined),
        ("failed", &counters.failures),
    ] {
        let help =
            "Records looked up: in the cache, not in it, asked for by another already, told by nobody.";
        page.counter("carillon_dns_lookups_total", help, &[("how", how)], count.read());
    }
    let died = counters.died.read();
    page.counter("carillon_dns_targets_died_total", "Times that a target did not answer.", &[], died);
    let (cached, dead) = resolver.sizes(clock::now());
    page.gauge("carillon_dns_cache_entries", "Look-ups that are kept.", &[], cached as f64);
    page.gauge("carillon_dns_dead_targets", "Targets that are tried last.", &[], dead as f64);
}
