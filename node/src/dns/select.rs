//! RFC 3263 without I/O: from a host, port and transport and the records that are known, to next hops in the order
//! in which they are to be tried, or to the records that are needed first.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sip::transport::{NextHop, Transport};

use super::records::{Answer, Kind, Lookup, Naptr, Srv, bare};

mod weights;

/// A host to be found (RFC 3263 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// The host of the URI: a name or an address, in brackets or without.
    pub host: &'a str,
    /// The port of the URI.
    pub port: Option<u16>,
    /// The transport parameter of the URI. For the way of a response (RFC 3263 §5), that of the Via.
    pub transport: Option<Transport>,
    /// True for a `sips:` URI.
    pub secure: bool,
}

/// What follows from what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The next hops, best first; none when the domain offers nothing that we can use.
    Done(Vec<NextHop>),
    /// These records are needed first.
    Needs(Vec<Lookup>),
}

/// Follows RFC 3263 §4 as far as `known` goes. `reachable` tells which transports and addresses we can send to.
/// `chance` decides the order of servers by their weights: the same number gives the same order, so that a
/// question keeps to its servers while their addresses are looked up.
pub fn select(
    query: &Query<'_>,
    known: impl Fn(&Lookup) -> Option<Answer>,
    reachable: impl Fn(Transport, Option<IpAddr>) -> bool,
    chance: u64,
) -> Progress {
    let host = bare(query.host);
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let mut walk = Walk {
        known,
        reachable,
        chance,
        host: inner,
        certified: inner.into(),
        needs: Vec::new(),
        hops: Vec::new(),
    };
    walk.go(query);
    let Walk { needs, mut hops, .. } = walk;
    if needs.is_empty() {
        hops.truncate(HOPS_MAX);
        Progress::Done(hops)
    } else {
        Progress::Needs(needs)
    }
}

struct Walk<'a, K, R> {
    known: K,
    reachable: R,
    chance: u64,
    host: &'a str,
    /// What a certificate must hold.
    certified: Arc<str>,
    needs: Vec<Lookup>,
    hops: Vec<NextHop>,
}

impl<K, R> Walk<'_, K, R>
where
    K: Fn(&Lookup) -> Option<Answer>,
    R: Fn(Transport, Option<IpAddr>) -> bool,
{
    fn go(&mut self, query: &Query<'_>) {
        // RFC 3263 §4.1: without a transport, numbers and ports mean UDP, or TLS for sips.
        let usual = if query.secure { Transport::Tls } else { Transport::Udp };
        let given = query.transport.map(|transport| match (transport, query.secure) {
            (Transport::Udp | Transport::Tcp, true) => Transport::Tls,
            (Transport::Ws, true) => Transport::Wss,
            (transport, _) => transport,
        });
        let host = Lookup::new(Kind::A, self.host).name;
        if let Ok(address) = self.host.parse::<IpAddr>() {
            let transport = given.unwrap_or(usual);
            return self.push(transport, address, query.port.unwrap_or(transport.default_port()));
        }
        match (given, query.port) {
            // RFC 3263 §4.2: a port means addresses at once.
            (given, Some(port)) => self.addresses(given.unwrap_or(usual), &host, port),
            (Some(transport), None) => match service_name(transport, &host) {
                Some(service) => {
                    if let Some(servers) = self.srv(&service) {
                        self.follow(transport, &host, &servers);
                    }
                }
                // RFC 7118 defines no SRV service of WebSocket.
                None => self.addresses(transport, &host, transport.default_port()),
            },
            (None, None) => self.offers(&host, usual, query.secure),
        }
    }

    /// RFC 3263 §4.1: NAPTR, else SRV of each transport that we speak, else addresses.
    fn offers(&mut self, host: &str, usual: Transport, secure: bool) {
        let Some(answer) = self.look(Lookup::whole(Kind::Naptr, host)) else { return };
        let mut records = answer.naptr().to_vec();
        records.sort_by_key(|record| (record.order, record.preference));
        let mut order = None;
        let mut fits = Vec::new();
        for record in &records {
            let Some(transport) = self.transport_of(record, secure) else { continue };
            // RFC 3403 §4.1: once one fits, records of a higher order must not be considered.
            if *order.get_or_insert(record.order) == record.order {
                fits.push((transport, &record.replacement));
            }
        }
        if fits.is_empty() {
            return self.services(host, usual, secure);
        }
        for (transport, replacement) in fits {
            if let Some(servers) = self.srv(replacement) {
                self.servers(transport, &servers);
            }
        }
    }

    /// The transport that a NAPTR record leads to, when we can use it. `sips:` never leaves TLS.
    fn transport_of(&self, record: &Naptr, secure: bool) -> Option<Transport> {
        if !record.flags.eq_ignore_ascii_case("s") || bare(&record.replacement).is_empty() {
            return None;
        }
        let is = |service: &str| record.service.eq_ignore_ascii_case(service);
        let transport = if is("SIPS+D2T") {
            Transport::Tls
        } else if is("SIP+D2T") && !secure {
            Transport::Tcp
        } else if is("SIP+D2U") && !secure {
            Transport::Udp
        } else {
            return None;
        };
        (self.reachable)(transport, None).then_some(transport)
    }

    /// RFC 3263 §4.1: without NAPTR the SRV records of the transports that we speak, in our own order. `_sips` is
    /// asked for `sips:` alone.
    fn services(&mut self, host: &str, usual: Transport, secure: bool) {
        let ours: &[Transport] = if secure { &[Transport::Tls] } else { &[Transport::Udp, Transport::Tcp] };
        let mut offered = Vec::new();
        for &transport in ours {
            if (self.reachable)(transport, None)
                && let Some(name) = service_name(transport, host)
                && let Some(servers) = self.srv(&name)
                && !servers.is_empty()
            {
                offered.push((transport, servers));
            }
        }
        if !self.needs.is_empty() {
            return;
        }
        if offered.is_empty() {
            self.addresses(usual, host, usual.default_port());
        }
        for (transport, servers) in offered {
            self.servers(transport, &servers);
        }
    }

    /// RFC 3263 §4.2: the servers of a transport, or without any the host itself.
    fn follow(&mut self, transport: Transport, host: &str, servers: &[Srv]) {
        if servers.is_empty() {
            self.addresses(transport, host, transport.default_port());
        } else {
            self.servers(transport, servers);
        }
    }

    fn servers(&mut self, transport: Transport, servers: &[Srv]) {
        for server in servers {
            // RFC 2782: a target of `.` says that the service is decidedly not there.
            let target = Lookup::whole(Kind::A, &server.target).name;
            if &*target != "." {
                self.addresses(transport, &target, server.port);
            }
        }
    }

    /// The SRV records of a name in the order of RFC 2782; `None` when they must be asked for.
    fn srv(&mut self, name: &str) -> Option<Vec<Srv>> {
        let lookup = Lookup::whole(Kind::Srv, name);
        let mut draws = weights::Draws::new(self.chance, &lookup.name);
        let answer = self.look(lookup)?;
        let mut servers = weights::in_order(answer.srv().to_vec(), |most| draws.below(most));
        servers.truncate(SERVERS_MAX);
        Some(servers)
    }

    /// The addresses of a name, IPv4 first. Both families are asked for at once.
    fn addresses(&mut self, transport: Transport, name: &str, port: u16) {
        for kind in [Kind::A, Kind::Aaaa] {
            let Some(answer) = self.look(Lookup { kind, name: name.into() }) else { continue };
            for address in answer.addresses() {
                self.push(transport, *address, port);
            }
        }
    }

    fn push(&mut self, transport: Transport, address: IpAddr, port: u16) {
        if !(self.reachable)(transport, Some(address)) {
            return;
        }
        // RFC 5922 §7.3: the certificate is of the domain that was asked for, not of the server's name.
        let host = transport.is_secure().then(|| Arc::clone(&self.certified));
        let remote = SocketAddr::new(address, port);
        let hop = NextHop::Address { transport, remote, host, listener: None };
        if !self.hops.contains(&hop) {
            self.hops.push(hop);
        }
    }

    fn look(&mut self, lookup: Lookup) -> Option<Answer> {
        let answer = (self.known)(&lookup);
        if answer.is_none() && !self.needs.contains(&lookup) && self.needs.len() < NEEDS_MAX {
            self.needs.push(lookup);
        }
        answer
    }
}

/// The name of the SRV records of a transport (RFC 3263 §4.1).
fn service_name(transport: Transport, name: &str) -> Option<String> {
    match transport {
        Transport::Udp => Some(format!("_sip._udp.{name}")),
        Transport::Tcp => Some(format!("_sip._tcp.{name}")),
        Transport::Tls => Some(format!("_sips._tcp.{name}")),
        Transport::Ws | Transport::Wss => None,
    }
}

/// Servers of one SRV answer that are looked at.
const SERVERS_MAX: usize = 8;
/// Next hops that are given.
const HOPS_MAX: usize = 16;
/// Look-ups asked for at once: two families of so many servers, and some more.
const NEEDS_MAX: usize = 24;

#[cfg(test)]
mod tests;
