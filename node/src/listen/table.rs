//! What the cores know of our own addresses: plain values, no sockets.

use std::net::{IpAddr, SocketAddr};

use sip::transport::{ListenerId, Transport};

use crate::config::Network;

/// A listening socket as others see it.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its place in the configuration.
    pub id: ListenerId,
    /// The protocol.
    pub transport: Transport,
    /// Where it is bound; the address may be unspecified, the port is the real one.
    pub bound: SocketAddr,
    /// What peers outside the local networks are told instead of the bound address (behind NAT).
    pub advertised: Option<Advertised>,
    /// Networks whose peers reach us at the interface's own address, in spite of `advertised`.
    pub local_networks: Vec<Network>,
}

/// The name or address that peers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// A host name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port; without it, that of the listener.
    pub port: Option<u16>,
}

/// An address of the machine and the network that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// Its network, from the netmask.
    pub network: Network,
}

/// All listeners with what they are called: how a core writes its Via, Record-Route and Contact, picks the socket
/// to send from, and knows itself in a Route or Request-URI.
#[derive(Debug, Clone, Default)]
pub struct Listeners {
    list: Vec<Entry>,
    interfaces: Vec<Interface>,
    names: Vec<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    listener: Listener,
    /// The host text for each interface of its family, or for the one bound address; the first is the default.
    hosts: Vec<(Interface, String)>,
}

impl Listeners {
    /// The table. `interfaces` are the machine's addresses, the one that leads to the world first; `names` are
    /// further host names that mean us.
    pub fn new(
        listeners: impl IntoIterator<Item = Listener>,
        interfaces: impl IntoIterator<Item = Interface>,
        names: impl IntoIterator<Item = String>,
    ) -> Self {
        let interfaces: Vec<Interface> = interfaces.into_iter().collect();
        let list = listeners
            .into_iter()
            .map(|listener| Entry { hosts: hosts_of(&listener, &interfaces), listener })
            .collect();
        let names = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { list, interfaces, names }
    }

    /// The listeners in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Listener> {
        self.list.iter().map(|entry| &entry.listener)
    }

    /// One of them.
    pub fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.entry(id).map(|entry| &entry.listener)
    }

    /// The machine's addresses.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// What a peer at `remote` is told to reach this listener: the host as it stands in a Via or URI (IPv6 in
    /// brackets) and the port. An unknown listener is called `invalid.`.
    pub fn sent_by(&self, id: ListenerId, remote: IpAddr) -> (&str, u16) {
        let Some(Entry { listener, hosts }) = self.entry(id) else {
            return ("invalid.", 0);
        };
        let remote = remote.to_canonical();
        if let Some(advertised) = &listener.advertised
            && !listener.local_networks.iter().any(|network| network.contains(remote))
        {
            return (&advertised.host, advertised.port.unwrap_or(listener.bound.port()));
        }
        let nearest = hosts.iter().find(|(interface, _)| interface.network.contains(remote));
        let host = nearest.or_else(|| hosts.first()).map_or("localhost", |(_, host)| host);
        (host, listener.bound.port())
    }

    /// The listener to send from towards `remote`: the first of the protocol and address family that can reach it.
    pub fn pick(&self, transport: Transport, remote: IpAddr) -> Option<ListenerId> {
        let remote = remote.to_canonical();
        let usable = |listener: &&Listener| {
            let bound = listener.bound.ip();
            listener.transport == transport
                && bound.is_ipv4() == remote.is_ipv4()
                && (bound.is_unspecified() || bound.is_loopback() == remote.is_loopback())
        };
        let near = |listener: &&Listener| {
            let address = listener.bound.ip();
            address.is_unspecified()
                || self.interfaces.iter().any(|own| own.address == address && own.network.contains(remote))
        };
        let found = self.iter().filter(usable).find(near).or_else(|| self.iter().find(usable));
        found.map(|listener| listener.id)
    }

    /// True when host and port of a URI or Via mean this process. Without a port, any listener's port is meant.
    /// IPv6 addresses may stand in brackets or without.
    pub fn is_us(&self, host: &str, port: Option<u16>) -> bool {
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let name = inner.strip_suffix('.').unwrap_or(inner);
        match inner.parse::<IpAddr>() {
            Ok(address) => self.is_our_address(address.to_canonical(), port),
            Err(_) => self.is_our_name(name, port),
        }
    }

    /// The same for an address that is no text.
    pub fn is_our_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        self.list.iter().any(|Entry { listener, hosts }| {
            let bound = listener.bound;
            let here = bound.ip() == address
                || bound.ip().is_unspecified()
                    && hosts.iter().any(|(interface, _)| interface.address == address)
                || bound.ip().is_unspecified()
                    && address.is_loopback()
                    && address.is_ipv4() == bound.is_ipv4();
            if here && port.is_none_or(|port| port == bound.port()) {
                return true;
            }
            listener.advertised.as_ref().is_some_and(|advertised| {
                let text = advertised.host.trim_start_matches('[').trim_end_matches(']');
                text.parse::<IpAddr>().is_ok_and(|told| told.to_canonical() == address)
                    && port.is_none_or(|port| port == advertised.port.unwrap_or(bound.port()))
            })
        })
    }

    fn is_our_name(&self, name: &str, port: Option<u16>) -> bool {
        let known = self.names.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.list.iter().any(|Entry { listener, .. }| {
            let bound = listener.bound.port();
            if known && port.is_none_or(|port| port == bound) {
                return true;
            }
            listener.advertised.as_ref().is_some_and(|advertised| {
                let port_is_ours = port.is_none_or(|port| port == advertised.port.unwrap_or(bound));
                (advertised.host.eq_ignore_ascii_case(name) || known) && port_is_ours
            })
        })
    }

    fn entry(&self, id: ListenerId) -> Option<&Entry> {
        let at_its_place = self.list.get(usize::from(id.0)).filter(|entry| entry.listener.id == id);
        at_its_place.or_else(|| self.list.iter().find(|entry| entry.listener.id == id))
    }
}

/// The host text of an address: IPv6 stands in brackets.
pub(crate) fn host_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn hosts_of(listener: &Listener, interfaces: &[Interface]) -> Vec<(Interface, String)> {
    let bound = listener.bound.ip();
    if !bound.is_unspecified() {
        let prefix = if bound.is_ipv4() { 32 } else { 128 };
        let only = Interface { address: bound, network: Network { address: bound, prefix } };
        return vec![(only, host_text(bound))];
    }
    let family = interfaces.iter().filter(|own| own.address.is_ipv4() == bound.is_ipv4());
    family.map(|own| (*own, host_text(own.address))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Listeners {
        let listener = |id, transport, bound: &str, advertised: Option<&str>| Listener {
            id: ListenerId(id),
            transport,
            bound: bound.parse().expect(bound),
            advertised: advertised.map(|host| Advertised { host: host.to_owned(), port: None }),
            local_networks: vec!["10.0.0.0/8".parse().expect("a network")],
        };
        let interface = |text: &str| {
            let network: Network = text.parse().expect(text);
            Interface { address: network.address, network }
        };
        Listeners::new(
            [
                listener(0, Transport::Udp, "0.0.0.0:5060", Some("203.0.113.5")),
                listener(1, Transport::Udp, "[::]:5060", None),
                listener(2, Transport::Tcp, "10.0.0.7:5080", None),
                listener(3, Transport::Tls, "0.0.0.0:5061", Some("sip.example.org")),
                listener(4, Transport::Tcp, "0.0.0.0:5060", None),
            ],
            ["10.0.0.7/8", "192.168.1.9/24", "127.0.0.1/8", "2001:db8::7/64", "::1"].map(interface),
            ["Example.com".to_owned()],
        )
    }

    #[test]
    fn a_peer_is_told_the_address_at_which_it_reaches_us() {
        let table = table();
        for (id, remote, host, port) in [
            (0, "198.51.100.1", "203.0.113.5", 5060),
            (0, "10.9.9.9", "10.0.0.7", 5060),
            (4, "192.168.1.20", "192.168.1.9", 5060),
            (4, "127.0.0.1", "127.0.0.1", 5060),
            (4, "8.8.8.8", "10.0.0.7", 5060),
            (1, "2001:db8::99", "[2001:db8::7]", 5060),
            (1, "::1", "[::1]", 5060),
            (2, "192.168.1.20", "10.0.0.7", 5080),
            (3, "8.8.8.8", "sip.example.org", 5061),
            (3, "10.1.1.1", "10.0.0.7", 5061),
            (9, "8.8.8.8", "invalid.", 0),
        ] {
            let told = table.sent_by(ListenerId(id), remote.parse().expect(remote));
            assert_eq!(told, (host, port), "{id} {remote}");
        }
    }

    #[test]
    fn the_socket_to_send_from_matches_protocol_and_family() {
        let table = table();
        for (transport, remote, picked) in [
            (Transport::Udp, "8.8.8.8", Some(0)),
            (Transport::Udp, "2001:db8::1", Some(1)),
            (Transport::Tcp, "10.1.1.1", Some(2)),
            (Transport::Tcp, "127.0.0.1", Some(4)),
            (Transport::Tcp, "192.168.1.20", Some(4)),
            (Transport::Tls, "8.8.8.8", Some(3)),
            (Transport::Tls, "2001:db8::1", None),
            (Transport::Ws, "8.8.8.8", None),
        ] {
            let found = table.pick(transport, remote.parse().expect(remote));
            assert_eq!(found.map(|id| id.0), picked, "{transport:?} {remote}");
        }
    }

    #[test]
    fn we_know_ourselves_and_nobody_else() {
        let table = table();
        for (host, port, ours) in [
            ("203.0.113.5", Some(5060), true),
            ("203.0.113.5", Some(5061), false),
            ("10.0.0.7", Some(5060), true),
            ("10.0.0.7", Some(5080), true),
            ("10.0.0.7", Some(5081), false),
            ("10.0.0.7", None, true),
            ("127.0.0.2", Some(5060), true),
            ("[2001:db8::7]", Some(5060), true),
            ("2001:db8::7", None, true),
            ("[2001:db8::8]", None, false),
            ("SIP.example.org", Some(5061), true),
            ("sip.example.org.", None, true),
            ("example.com", None, true),
            ("example.com", Some(5080), true),
            ("example.com", Some(7), false),
            ("example.org", None, false),
            ("8.8.8.8", Some(5060), false),
            ("", None, false),
        ] {
            assert_eq!(table.is_us(host, port), ours, "{host} {port:?}");
        }
    }
}
