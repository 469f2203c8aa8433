//! Where to listen and what may wait there: `[sip]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer};

use super::table::Advertised;
use crate::config::{Duration, ListenAddress, Network, Size};

/// Options of the SIP transports: `[sip]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The sockets: `"udp:0.0.0.0:5060"`, or `{ address = "udp:0.0.0.0:5060", advertise = "203.0.113.5",
    /// local_networks = ["10.0.0.0/8"] }`. Default: UDP and TCP on port 5060 of every IPv4 address.
    pub listen: Vec<Listen>,
    /// Host names that mean this exchange besides its addresses. Default: none. One that is missing makes requests
    /// for it look like requests for somebody else.
    pub names: Vec<String>,
    /// Octets that the kernel keeps for each UDP socket in each direction. Default 4 MiB. The kernel may give less
    /// (`net.core.rmem_max`), which is logged; then bursts are lost.
    pub socket_buffer: Size,
    /// Stream connections in all. Default 20,000. A further one is closed at once and counted.
    pub connections_max: usize,
    /// Stream connections from one address. Default 512. An office behind one address needs one for each phone.
    pub connections_per_peer_max: usize,
    /// How long a connection may bring nothing. Default 15 min. Below the keep-alive time of phones (RFC 5626 §4.4.1:
    /// up to 2 min), they lose their flow.
    pub idle_timeout: Duration,
    /// How long a message may take from its first octet to its last. Default 10 s. Far above, slow senders hold
    /// connections; far below, phones on bad networks are cut off.
    pub half_request_timeout: Duration,
    /// How long connecting, TLS and the WebSocket upgrade may take together. Default 5 s. Above 32 s the
    /// transaction has ended before.
    pub connect_timeout: Duration,
    /// Octets that may wait to be written to one connection. Default 256 KiB. When it is full the peer does not
    /// read: the connection is closed.
    pub write_queue_max: Size,
    /// Messages that may wait for one connection to be made. Default 256. A further one fails at once.
    pub connect_queue_max: usize,
    /// What a message may measure.
    pub limits: MessageLimits,
    /// Certificates.
    pub tls: Tls,
    /// Where a certificate that had to be made is kept; set by the program, not by the file. Without it such a
    /// certificate lasts for one run.
    #[serde(skip)]
    pub state_folder: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        let usual = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"];
        Self {
            listen: usual.iter().filter_map(|text| text.parse().ok()).collect(),
            names: Vec::new(),
            socket_buffer: Size::mib(4),
            connections_max: 20_000,
            connections_per_peer_max: 512,
            idle_timeout: Duration::from_secs(900),
            half_request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            write_queue_max: Size::kib(256),
            connect_queue_max: 256,
            limits: MessageLimits::default(),
            tls: Tls::default(),
            state_folder: None,
        }
    }
}

impl Config {
    /// How often the files of certificates are looked at.
    pub(crate) fn tls_watch_period(&self) -> std::time::Duration {
        *self.tls.watch_period.unwrap_or(Duration::from_secs(1))
    }
}

/// Limits on a message: `[sip.limits]`. See [`sip::limits::Limits`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageLimits {
    /// Octets of a message, body included. Default 64 KiB less one, the most that a datagram holds.
    pub message_bytes_max: Size,
    /// Header lines. Default 256.
    pub headers_max: usize,
    /// Octets of one header with its folds. Default 16 KiB.
    pub line_bytes_max: Size,
    /// Octets of a Request-URI; a longer one is answered 414. Default 2 KiB.
    pub uri_bytes_max: Size,
    /// Octets of a body; a longer one is answered 513. Default 64 KiB less one.
    pub body_bytes_max: Size,
}

impl Default for MessageLimits {
    fn default() -> Self {
        let usual = sip::limits::Limits::default();
        Self {
            message_bytes_max: Size(usual.message_bytes_max),
            headers_max: usual.headers_max,
            line_bytes_max: Size(usual.line_bytes_max),
            uri_bytes_max: Size(usual.uri_bytes_max),
            body_bytes_max: Size(usual.body_bytes_max),
        }
    }
}

impl From<MessageLimits> for sip::limits::Limits {
    fn from(limits: MessageLimits) -> Self {
        Self {
            message_bytes_max: limits.message_bytes_max.bytes(),
            headers_max: limits.headers_max,
            line_bytes_max: limits.line_bytes_max.bytes(),
            uri_bytes_max: limits.uri_bytes_max.bytes(),
            body_bytes_max: limits.body_bytes_max.bytes(),
        }
    }
}

/// Certificates for TLS and WSS: `[sip.tls]`. They are read again when their files change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate and those that lead to its root, PEM. Default: a self-signed one, made on the first run and
    /// kept in the state folder; phones will warn of it.
    pub certificate: Option<PathBuf>,
    /// The private key of the certificate, PEM.
    pub key: Option<PathBuf>,
    /// Authorities that clients' certificates must come from, PEM. Default: clients need none.
    pub client_authorities: Option<PathBuf>,
    /// True refuses clients without a certificate. Default false: one is checked where it is given. It means
    /// nothing without `client_authorities`.
    pub client_required: bool,
    /// Authorities that the servers we connect to are judged by, PEM. Default: those of the system.
    pub authorities: Option<PathBuf>,
    /// False connects to servers whatever their certificate says. Default true. False lets anybody between read and
    /// change the calls; it is for laboratories.
    pub verify_servers: Option<bool>,
    /// How often the files are looked at. Default 1 s.
    pub watch_period: Option<Duration>,
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The transport, address and port.
    pub address: ListenAddress,
    /// What peers outside `local_networks` are told instead: `"203.0.113.5"`, `"sip.example.org:5060"`.
    pub advertise: Option<Advertised>,
    /// Networks that reach us without translation. Default: none.
    pub local_networks: Vec<Network>,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { address: text.parse()?, advertise: None, local_networks: Vec::new() })
    }
}

impl FromStr for Advertised {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a host; write a name or address, with a port where it differs");
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse::<u16>().map_err(|_| wrong())?))
            }
            _ => (text, None),
        };
        let name = host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let host = match inner.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if name && !host.is_empty() => host.to_owned(),
            Err(_) => return Err(wrong()),
        };
        Ok(Self { host, port })
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListenVisitor)
    }
}

struct ListenVisitor;

impl<'de> serde::de::Visitor<'de> for ListenVisitor {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "\"udp:0.0.0.0:5060\", or { address = \"udp:0.0.0.0:5060\", advertise = \"203.0.113.5\" }",
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Listen, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Listen, A::Error> {
        let table = ListenTable::deserialize(MapAccessDeserializer::new(map))?;
        let advertise = table.advertise.map(|text| text.parse()).transpose();
        let advertise = advertise.map_err(serde::de::Error::custom)?;
        Ok(Listen { address: table.address, advertise, local_networks: table.local_networks })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenTable {
    address: ListenAddress,
    advertise: Option<String>,
    #[serde(default)]
    local_networks: Vec<Network>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_a_line_or_a_table() {
        let config: Config = toml::from_str(
            r#"listen = ["udp:0.0.0.0:5060", { address = "tls:[::]:5061", advertise = "sip.example.org:443", local_networks = ["10.0.0.0/8"] }]"#,
        )
        .expect("both forms");
        assert_eq!(config.listen[0], "udp:0.0.0.0:5060".parse().expect("a line"));
        let table = &config.listen[1];
        let advertised = Advertised { host: "sip.example.org".to_owned(), port: Some(443) };
        assert_eq!(table.advertise, Some(advertised));
        assert_eq!(table.local_networks.len(), 1);
    }

    #[test]
    fn what_is_advertised_is_a_host_and_perhaps_a_port() {
        for (text, host, port) in [
            ("203.0.113.5", "203.0.113.5", None),
            ("203.0.113.5:5070", "203.0.113.5", Some(5070)),
            ("sip.example.org", "sip.example.org", None),
            ("2001:db8::1", "[2001:db8::1]", None),
            ("[2001:db8::1]:5061", "[2001:db8::1]", Some(5061)),
        ] {
            assert_eq!(text.parse(), Ok(Advertised { host: host.to_owned(), port }), "{text}");
        }
        for text in ["", "a b", "host:port", "sip:x@y", "[::1"] {
            assert!(text.parse::<Advertised>().is_err(), "{text}");
        }
    }
}
