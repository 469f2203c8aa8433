//! The name servers, by hickory: one look-up, and how long what it brings is good.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver as Hickory, TokioResolver};

use super::config::{Config, NameServer};
use super::records::{Answer, Kind, Lookup, Naptr, Records, Srv};
use crate::clock;

/// The name servers of a configuration, or of the system.
pub(crate) struct NameServers {
    /// Absent when the system names none.
    hickory: Option<TokioResolver>,
    ttl_min: Duration,
    ttl_max: Duration,
    negative_ttl: Duration,
    /// How long one look-up may take with all its repeats and, by the system's search list, all its names.
    patience: Duration,
}

impl NameServers {
    /// To be called inside the runtime that is to ask.
    pub(crate) fn new(config: &Config) -> Self {
        let hickory = build(config)
            .map_err(|error| tracing::warn!(%error, "no name servers: only static names are found"))
            .ok();
        Self {
            hickory,
            ttl_min: *config.ttl_min,
            ttl_max: *config.ttl_max,
            negative_ttl: *config.negative_ttl,
            patience: *config.timeout * 4,
        }
    }

    /// Asks for records. The time says how long the answer is good.
    pub(crate) async fn ask(&self, lookup: &Lookup) -> (Answer, Duration) {
        let limit = |ttl: Duration| ttl.clamp(self.ttl_min, self.ttl_max);
        let Some(hickory) = &self.hickory else {
            return (Answer::Failed("there are no name servers".into()), AFTER_FAILURE);
        };
        let kind = match lookup.kind {
            Kind::Naptr => RecordType::NAPTR,
            Kind::Srv => RecordType::SRV,
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
        };
        let asking = AssertUnwindSafe(hickory.lookup(&*lookup.name, kind)).catch_unwind();
        let found = match tokio::time::timeout(self.patience, asking).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => return (Answer::Failed("the look-up panicked".into()), AFTER_FAILURE),
            Err(_) => return (Answer::Failed("the look-up took too long".into()), AFTER_FAILURE),
        };
        match found {
            Ok(found) => {
                let records = records_of(lookup.kind, found.answers().iter().map(|record| &record.data));
                let ttl = found.valid_until().saturating_duration_since(clock::now());
                (Answer::of(records), limit(ttl))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { negative_ttl, .. }))) => {
                let said = negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
                (Answer::Nothing, limit(said.unwrap_or(self.negative_ttl)))
            }
            Err(error) => (Answer::Failed(error.to_string().into()), AFTER_FAILURE),
        }
    }
}

fn records_of<'a>(kind: Kind, answers: impl Iterator<Item = &'a RData>) -> Records {
    let (mut naptr, mut srv, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for answer in answers.take(RECORDS_MAX) {
        match answer {
            RData::NAPTR(record) => naptr.push(Naptr {
                order: record.order,
                preference: record.preference,
                flags: String::from_utf8_lossy(&record.flags).into(),
                service: String::from_utf8_lossy(&record.services).into(),
                replacement: record.replacement.to_string().into(),
            }),
            RData::SRV(record) => srv.push(Srv {
                priority: record.priority,
                weight: record.weight,
                port: record.port,
                target: record.target.to_string().into(),
            }),
            RData::A(address) => addresses.push(IpAddr::V4(address.0)),
            RData::AAAA(address) => addresses.push(IpAddr::V6(address.0)),
            _ => {}
        }
    }
    match kind {
        Kind::Naptr => Records::Naptr(naptr),
        Kind::Srv => Records::Srv(srv),
        Kind::A | Kind::Aaaa => Records::Addresses(addresses),
    }
}

fn build(config: &Config) -> Result<TokioResolver, NetError> {
    let mut builder = if config.nameservers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let server = |NameServer(address): &NameServer| {
            let port = address.port();
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = port;
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        };
        let servers = config.nameservers.iter().map(server).collect();
        let all = ResolverConfig::from_name_servers(servers);
        Hickory::builder_with_config(all, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = *config.timeout;
    options.attempts = 1;
    options.max_active_requests = config.lookups_max.saturating_mul(NEEDS_EACH);
    // What is kept is kept by us.
    options.cache_size = 0;
    builder.build()
}

/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 64;
/// Look-ups that one host may need at once, as a rule.
const NEEDS_EACH: usize = 8;
/// How long a failure is remembered, so that a dead name server is not asked for each call.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
