//! The target set (RFC 3261 §16.5) and the order in which it is tried (§16.6): by rank of the step, then by q.

use std::net::IpAddr;
use std::sync::Arc;

use proto::{Binding, Bindings};
use sip::transport::{Flow, NextHop, Transport};
use smallvec::SmallVec;

use super::flow;

/// One place to send a copy of the request to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The Request-URI of the copy.
    pub uri: Box<[u8]>,
    /// Routes to put in front, topmost first: the Path of a binding (RFC 3327 §5.3).
    pub route: SmallVec<[Box<str>; 1]>,
    /// Flows to try before anything is looked up.
    pub flow: Option<Flow>,
    /// Whether the URI itself says where to go, when there is no flow or it fails.
    pub by_uri: bool,
    /// Who of the step: lower ones are tried before.
    pub rank: u16,
    /// The preference in thousandths: higher ones are tried before.
    pub q: u16,
    /// Whose phone it is.
    pub user: Option<Arc<proto::User>>,
    /// Which phone of that user; 0 when it does not say.
    pub instance: u32,
    /// True when it registered from behind NAT.
    pub behind_nat: bool,
    /// Older flows of the same phone, the next one last (RFC 5626 §5.3): tried when this one fails.
    pub spare: Vec<Target>,
}

impl Target {
    /// A target that is reached as its URI says.
    pub fn by_uri(uri: &[u8]) -> Self {
        Self {
            uri: uri.into(),
            route: SmallVec::new(),
            flow: None,
            by_uri: true,
            rank: 0,
            q: 1000,
            user: None,
            instance: 0,
            behind_nat: false,
            spare: Vec::new(),
        }
    }

    /// A phone of `user`. `None` when its flow is gone and nothing else leads to it: it has to register again.
    pub fn of_binding(binding: &Binding<'_>, rank: u16, user: &Arc<proto::User>, start: u32) -> Option<Self> {
        let (flow, by_uri) = reach(binding, start);
        if flow.is_none() && !by_uri {
            return None;
        }
        // RFC 3261 §19.1.1: a Request-URI has no headers.
        let uri = binding.uri.split('?').next().unwrap_or_default();
        Some(Self {
            uri: uri.as_bytes().into(),
            route: binding.path.iter().map(Box::from).collect(),
            flow,
            by_uri,
            rank,
            q: binding.q,
            user: Some(Arc::clone(user)),
            instance: instance_hash(binding.instance),
            behind_nat: matches!(flow::read_binding(binding.flow, start), Some((_, true))),
            spare: Vec::new(),
        })
    }

    /// The phones of a user, one target for each: RFC 5626 §5.3 forbids to try two flows of one phone at once, so
    /// the flow that was registered last goes first and the others are kept in hand.
    pub fn of_bindings(
        bindings: &Bindings,
        rank: u16,
        user: &Arc<proto::User>,
        start: u32,
    ) -> SmallVec<[Self; 2]> {
        let mut phones: SmallVec<[SmallVec<[(u64, Self); 1]>; 2]> = SmallVec::new();
        for binding in bindings {
            let Some(target) = Self::of_binding(&binding, rank, user, start) else { continue };
            let is_flow = binding.reg_id != 0 && target.instance != 0;
            let same = |phone: &SmallVec<[(u64, Self); 1]>| is_flow && phone[0].1.instance == target.instance;
            let place = phones.iter().position(same);
            let flow = (binding.updated_ms, target);
            match place {
                Some(place) => phones[place].push(flow),
                None => phones.push(SmallVec::from_iter([flow])),
            }
        }
        let newest = |mut flows: SmallVec<[(u64, Self); 1]>| {
            flows.sort_by_key(|(updated_ms, _)| *updated_ms);
            let (_, mut newest) = flows.pop()?;
            newest.spare = flows.into_iter().map(|(_, older)| older).collect();
            Some(newest)
        };
        phones.into_iter().filter_map(newest).collect()
    }

    /// True when both are tried at the same time.
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.rank, self.q) == (other.rank, other.q)
    }
}

/// Puts targets into the order in which they are tried; equal ones stay as they came.
pub(crate) fn order(targets: &mut [Target]) {
    targets.sort_by(|left, right| left.rank.cmp(&right.rank).then(right.q.cmp(&left.q)));
}

/// Names a phone by its instance in four octets, the same in each process; 0 for a phone that has none.
pub(crate) fn instance_hash(instance: &str) -> u32 {
    if instance.is_empty() {
        return 0;
    }
    // FNV-1a: nobody gains by choosing an instance that meets another of his own.
    let hash = instance
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

/// The flow to use for a binding, and whether its URI may be used when there is none.
fn reach(binding: &Binding<'_>, start: u32) -> (Option<Flow>, bool) {
    // RFC 3327 §5.3: behind a Path, the Path leads to it and not the flow of its last proxy.
    if !binding.path.is_empty() {
        return (None, true);
    }
    // RFC 5626 §5.3: a flow that was registered by reg-id is the only way to its phone.
    let outbound = binding.reg_id != 0;
    match flow::read_binding(binding.flow, start) {
        Some((flow::Read::Usable(flow), behind_nat)) => {
            if flow.connection.is_none() && !behind_nat && !outbound {
                // RFC 3261 §16.6 step 7: a phone that is not behind NAT is reached where its Contact says.
                return (None, true);
            }
            let dialable =
                !behind_nat && !outbound && matches!(flow.transport, Transport::Udp | Transport::Tcp);
            (Some(flow), dialable)
        }
        Some((flow::Read::Gone, behind_nat)) => (None, !behind_nat && !outbound),
        None => (None, true),
    }
}

/// What leads to an address that stands in a URI.
pub(crate) fn to_address(transport: Transport, ip: IpAddr, port: Option<u16>) -> NextHop {
    NextHop::Address {
        transport,
        remote: (ip, port.unwrap_or(transport.default_port())).into(),
        host: None,
        listener: None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sip::transport::{ConnectionId, ListenerId};

    use super::*;

    fn user() -> Arc<proto::User> {
        Arc::new(proto::User { name: "bob".into(), ..proto::User::default() })
    }

    fn flow_octets(transport: Transport, behind_nat: bool, start: u32) -> Vec<u8> {
        let stream = transport != Transport::Udp;
        let flow = Flow {
            transport,
            listener: ListenerId(0),
            local: "0.0.0.0".parse().unwrap(),
            remote: SocketAddr::from(([192, 0, 2, 9], 5060)),
            connection: stream.then_some(ConnectionId { slot: 1, generation: 1 }),
        };
        let mut octets = Vec::new();
        flow::write_binding(&flow, behind_nat, start, &mut octets);
        octets
    }

    #[test]
    fn how_a_binding_is_reached() {
        use Transport::{Tcp, Tls, Udp};
        for (transport, behind_nat, reg_id, start, has_path, expected) in [
            (Udp, false, 0, 1, false, Some((false, true))),
            (Udp, true, 0, 1, false, Some((true, false))),
            (Udp, false, 1, 1, false, Some((true, false))),
            (Udp, true, 0, 2, false, Some((true, false))),
            (Tcp, false, 0, 1, false, Some((true, true))),
            (Tcp, true, 0, 1, false, Some((true, false))),
            (Tcp, false, 0, 2, false, Some((false, true))),
            (Tcp, true, 0, 2, false, None),
            (Tcp, false, 1, 2, false, None),
            (Tls, false, 0, 1, false, Some((true, false))),
            (Tls, true, 0, 1, true, Some((false, true))),
        ] {
            let flow = flow_octets(transport, behind_nat, 1);
            let path: &[&str] = if has_path { &["<sip:p1.example.net;lr>"] } else { &[] };
            let binding = Binding {
                uri: "sip:bob@192.0.2.9",
                flow: &flow,
                reg_id,
                path: path.into(),
                ..Binding::default()
            };
            let target = Target::of_binding(&binding, 0, &user(), start);
            let found = target.map(|target| (target.flow.is_some(), target.by_uri));
            assert_eq!(found, expected, "{transport:?} {behind_nat} {reg_id} {start} {has_path}");
        }
    }

    #[test]
    fn the_flows_of_one_phone_are_one_target() {
        let flow = flow_octets(Transport::Tcp, false, 1);
        let binding = |uri: &'static str, instance: &'static str, reg_id, updated_ms| Binding {
            uri,
            instance,
            reg_id,
            updated_ms,
            flow: Box::leak(flow.clone().into_boxed_slice()),
            ..Binding::default()
        };
        let bindings = Bindings::from_iter([
            binding("sip:a1", "urn:a", 1, 10),
            binding("sip:b", "urn:b", 1, 10),
            binding("sip:a2", "urn:a", 2, 30),
            binding("sip:a3", "urn:a", 3, 20),
            binding("sip:plain", "urn:a", 0, 40),
        ]);
        let targets = Target::of_bindings(&bindings, 0, &user(), 1);
        let uris: Vec<_> = targets.iter().map(|target| &*target.uri).collect();
        assert_eq!(uris, [&b"sip:a2"[..], b"sip:b", b"sip:plain"]);
        let spare: Vec<_> = targets[0].spare.iter().map(|target| &*target.uri).collect();
        assert_eq!(spare, [&b"sip:a1"[..], b"sip:a3"]);
    }

    #[test]
    fn targets_are_tried_by_rank_and_then_by_q() {
        let target = |name: &str, rank, q| Target { rank, q, ..Target::by_uri(name.as_bytes()) };
        let mut targets =
            [target("d", 1, 1000), target("b", 0, 500), target("a", 0, 700), target("c", 0, 500)];
        order(&mut targets);
        let names: Vec<_> = targets.iter().map(|target| target.uri[0]).collect();
        assert_eq!(names, b"abcd");
        assert!(!targets[0].is_beside(&targets[1]) && targets[1].is_beside(&targets[2]));
    }
}
