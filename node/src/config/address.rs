//! Where to listen (`udp:0.0.0.0:5060`) and networks (`10.0.0.0/8`), with errors that say what was meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sip::transport::Transport;

/// A transport and the address to listen on: `udp:0.0.0.0:5060`, `tls:[::]:5061`. Without a port: the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenAddress {
    /// The protocol.
    pub transport: Transport,
    /// The address; unspecified means every address of the machine. Port 0 lets the kernel choose (tests).
    pub address: SocketAddr,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, rest)) = text.split_once(':') else {
            return Err(format!("`{text}` has no address; write it as `udp:0.0.0.0:5060`"));
        };
        let Some(transport) = Transport::from_name(name.as_bytes()) else {
            return Err(format!(
                "`{name}` is no transport; take udp, tcp, tls, ws or wss, as in `udp:0.0.0.0:5060`"
            ));
        };
        let address = rest.parse::<SocketAddr>().ok().or_else(|| {
            // Bare IPv6 is refused: nobody could say whether its last part is a port.
            let ip = parse_ip(rest).filter(|ip| ip.is_ipv4() || rest.starts_with('['))?;
            Some(SocketAddr::new(ip, transport.default_port()))
        });
        let Some(address) = address else {
            return Err(advise(transport, rest));
        };
        Ok(Self { transport, address })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.param_name(), self.address)
    }
}

/// A network in CIDR form: `10.0.0.0/8`, `2001:db8::/32`. A bare address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// How many leading bits are the network's.
    pub prefix: u8,
}

impl Network {
    /// True when the address lies in the network; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let ignored = 32 - u32::from(self.prefix.min(32));
                (network.to_bits() ^ address.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let ignored = 128 - u32::from(self.prefix.min(128));
                (network.to_bits() ^ address.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a network; write it as `10.0.0.0/8` or `2001:db8::/32`");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address = parse_ip(address).ok_or_else(wrong)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        if prefix > most { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

fn parse_ip(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

fn advise(transport: Transport, rest: &str) -> String {
    let name = transport.param_name();
    let port = transport.default_port();
    if let Ok(port) = rest.trim_start_matches(':').parse::<u16>() {
        return format!(
            "`{name}:{rest}` has no address; write `{name}:{}:{port}` for all of them",
            Ipv4Addr::UNSPECIFIED
        );
    }
    if rest.matches(':').count() > 1 && !rest.contains('[') {
        return format!("an IPv6 address stands in brackets: `{name}:[2001:db8::1]:{port}`");
    }
    if let Some((host, _)) = rest.rsplit_once(':')
        && host == "*"
    {
        return format!("write `{name}:0.0.0.0:{port}` or `{name}:[::]:{port}` for all addresses");
    }
    format!(
        "`{rest}` is not an address and port; write it as `{name}:0.0.0.0:{port}` or `{name}:[::]:{port}`"
    )
}

macro_rules! as_text {
    ($name:ident, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                from.deserialize_str(Visitor)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    };
}
as_text!(ListenAddress, "a transport and an address in quotes, such as \"udp:0.0.0.0:5060\"");
as_text!(Network, "a network in quotes, such as \"10.0.0.0/8\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_are_read() {
        for (text, shown) in [
            ("udp:0.0.0.0:5060", "udp:0.0.0.0:5060"),
            ("tls:[::]:5061", "tls:[::]:5061"),
            ("TCP:127.0.0.1", "tcp:127.0.0.1:5060"),
            ("wss:[2001:db8::1]", "wss:[2001:db8::1]:443"),
            ("udp:192.0.2.1:0", "udp:192.0.2.1:0"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().map(|read| read.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn a_wrong_listen_address_is_refused_with_what_was_meant() {
        for (text, advice) in [
            ("5060", "write it as `udp:0.0.0.0:5060`"),
            ("udp:5060", "write `udp:0.0.0.0:5060` for all of them"),
            ("udp::5060", "write `udp:0.0.0.0:5060` for all of them"),
            ("sctp:0.0.0.0:5060", "take udp, tcp, tls, ws or wss"),
            ("tls:2001:db8::1:5061", "an IPv6 address stands in brackets: `tls:[2001:db8::1]:5061`"),
            ("tcp:*:5060", "write `tcp:0.0.0.0:5060` or `tcp:[::]:5060` for all addresses"),
            ("udp:example.org:5060", "`example.org:5060` is not an address and port"),
            ("udp:0.0.0.0:99999", "is not an address and port"),
        ] {
            let error = text.parse::<ListenAddress>().expect_err(text);
            assert!(error.contains(advice), "{text}: {error}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
        ] {
            let read: Network = network.parse().expect(network);
            assert_eq!(read.contains(address.parse().expect(address)), inside, "{network} {address}");
        }
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        assert!("10.0.0/8".parse::<Network>().is_err());
    }
}
