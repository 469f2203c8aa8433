//! Options of name resolution: `[dns]`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use crate::config::Duration;

/// Options of name resolution: `[dns]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name servers: `"10.0.0.53"`, or with a port, `"10.0.0.53:5353"`. Default: those of the system
    /// (`/etc/resolv.conf`), with its search list and `/etc/hosts`.
    pub nameservers: Vec<NameServer>,
    /// How long a name server may take; each is asked twice. Default 800 ms, so that both fit into
    /// `[proxy] question_timeout`. Far below it, names that are asked for rarely are not found.
    pub timeout: Duration,
    /// The longest time that an answer is kept, whatever its TTL. Default 1 h.
    pub ttl_max: Duration,
    /// The shortest time that an answer is kept, whatever its TTL. Default 1 s. At 0 a record without TTL is asked for
    /// again by each call.
    pub ttl_min: Duration,
    /// How long it is remembered that a name has no records, where the answer does not say (RFC 2308 §5).
    /// Default 30 s.
    pub negative_ttl: Duration,
    /// How long an answer that has run out still serves when no name server answers (RFC 8767 §4). Default 1 d.
    pub stale_max: Duration,
    /// How long a target that did not answer is tried last. Default 30 s. At 0 each call waits for it again; far above
    /// it a target that came back gets no calls. The Retry-After of a 503 stands above it, up to 10 min.
    pub dead_time: Duration,
    /// Answers that are kept. Default 10,000. The one that runs out first makes room.
    pub cache_max: usize,
    /// Hosts that are being looked up at once. Default 256. One more is not found, and its call fails.
    pub lookups_max: usize,
    /// Addresses that name servers are not asked for: `hosts."pbx.example.org" = ["192.0.2.1"]`.
    pub hosts: BTreeMap<DomainName, Vec<IpAddr>>,
    /// SRV records that name servers are not asked for: `[[dns.srv]]`.
    pub srv: Vec<StaticSrv>,
    /// NAPTR records that name servers are not asked for: `[[dns.naptr]]`.
    pub naptr: Vec<StaticNaptr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nameservers: Vec::new(),
            timeout: Duration::from_millis(800),
            ttl_max: Duration::from_secs(3600),
            ttl_min: Duration::from_secs(1),
            negative_ttl: Duration::from_secs(30),
            stale_max: Duration::from_secs(86_400),
            dead_time: Duration::from_secs(30),
            cache_max: 10_000,
            lookups_max: 256,
            hosts: BTreeMap::new(),
            srv: Vec::new(),
            naptr: Vec::new(),
        }
    }
}

impl Config {
    /// What each value alone cannot say.
    pub fn check(&self) -> Result<(), String> {
        if self.timeout.is_zero() {
            return Err("timeout is above zero; without time no name server can answer".into());
        }
        if self.ttl_max < self.ttl_min {
            return Err("ttl_max is not below ttl_min".into());
        }
        if self.cache_max == 0 || self.lookups_max == 0 {
            return Err("cache_max and lookups_max are above zero".into());
        }
        Ok(())
    }
}

/// A static SRV record: `[[dns.srv]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticSrv {
    /// `_sip._udp.example.org`.
    pub name: DomainName,
    /// The lowest is tried first. Default 0.
    #[serde(default)]
    pub priority: u16,
    /// The share among those of one priority. Default 0.
    #[serde(default)]
    pub weight: u16,
    /// The port of the server.
    pub port: u16,
    /// The name of the server; `"."` says that there is none.
    pub target: DomainName,
}

/// A static NAPTR record: `[[dns.naptr]]`. Its flag is `s`: an SRV record follows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticNaptr {
    /// The domain.
    pub name: DomainName,
    /// The lowest is tried first. Default 0.
    #[serde(default)]
    pub order: u16,
    /// The lowest is tried first among those of one order. Default 0.
    #[serde(default)]
    pub preference: u16,
    /// `SIP+D2U`, `SIP+D2T` or `SIPS+D2T`.
    pub service: Service,
    /// The name of the SRV record.
    pub replacement: DomainName,
}

/// A name server with its port, which is 53 where none is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let alone = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        alone.or_else(|_| text.parse()).map(Self).map_err(|_| {
            format!("`{text}` is no address of a name server; write `10.0.0.53`, `10.0.0.53:5353` or `[2001:db8::53]:53`")
        })
    }
}

/// A name of the domain name system, in lower case and without a dot at its end; the root is `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainName(pub Box<str>);

impl FromStr for DomainName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "." {
            return Ok(Self(text.into()));
        }
        let name = super::records::bare(text);
        let is_octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_octet);
        // RFC 1035 §2.3.4.
        if name.len() <= 253 && name.split('.').all(is_label) && name.parse::<IpAddr>().is_err() {
            Ok(Self(name.to_ascii_lowercase().into()))
        } else {
            Err(format!("`{text}` is no name; write it as `pbx.example.org`"))
        }
    }
}

/// What a NAPTR record offers (RFC 3263 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Service {
    /// SIP over UDP.
    #[serde(rename = "SIP+D2U")]
    Udp,
    /// SIP over TCP.
    #[serde(rename = "SIP+D2T")]
    Tcp,
    /// SIP over TLS.
    #[serde(rename = "SIPS+D2T")]
    Tls,
}

impl Service {
    /// As it stands in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "SIP+D2U",
            Self::Tcp => "SIP+D2T",
            Self::Tls => "SIPS+D2T",
        }
    }
}

impl<'de> Deserialize<'de> for NameServer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for DomainName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Source;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, said) in [
            ("nameservers = [\"10.0.0.53\", \"[2001:db8::1]:5353\"]", ""),
            ("nameserver = []", "x.toml:1:1: unknown key `nameserver`; did you mean `nameservers`?"),
            (
                "nameservers = [\"dns.example.org\"]",
                "x.toml:1:15: `dns.example.org` is no address of a name server; write `10.0.0.53`, `10.0.0.53:5353` or `[2001:db8::53]:53`",
            ),
            ("hosts.\"a b\" = []", "x.toml:1:7: `a b` is no name; write it as `pbx.example.org`"),
            (
                "[[srv]]\nname = \"_sip._udp.a.example\"\nport = 5060\ntarget = \"192.0.2.1\"",
                "x.toml:4:10: `192.0.2.1` is no name; write it as `pbx.example.org`",
            ),
            ("[[srv]]\nname = \"_sip._udp.a.example\"\nport = 0\ntarget = \".\"", ""),
        ] {
            let read = Source::of(Path::new("x.toml"), text).parse::<Config>();
            assert_eq!(
                read.err().map(|report| report.to_string()).unwrap_or_default().trim(),
                said,
                "{text}"
            );
        }
        let service = "[[naptr]]\nname = \"a.example\"\nservice = \"SIP+D2X\"\nreplacement = \"b.example\"";
        let said = Source::of(Path::new("x.toml"), service).parse::<Config>().expect_err("no such service");
        let said = said.to_string();
        assert!(said.contains("x.toml:3:11") && said.contains("SIP+D2X"), "{said}");
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let wrong = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().expect_err("it cannot work")
        };
        assert_eq!(Config::default().check(), Ok(()));
        assert!(wrong(|config| config.timeout = Duration::from_secs(0)).contains("timeout"));
        assert!(wrong(|config| config.ttl_max = Duration::from_millis(1)).contains("ttl_max"));
        assert!(wrong(|config| config.cache_max = 0).contains("cache_max"));
    }
}
