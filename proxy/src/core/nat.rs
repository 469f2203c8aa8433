//! Who is behind NAT: whose own idea of his address is not the one that we see.

use std::net::IpAddr;

use sip::message::{Message, Name};
use sip::transport::Flow;
use sip::uri::{Host, Uri};

/// True when the sender of a request cannot be reached at the address that it names in its Via or in `contact`, so
/// that only the flow leads back to it.
pub(crate) fn is_behind_nat(flow: &Flow, message: &Message<'_>, contact: Option<&Uri<'_>>) -> bool {
    // Behind another proxy the phone is that proxy's concern.
    if !is_first_hop(message) {
        return false;
    }
    let source = flow.remote.ip().to_canonical();
    // RFC 3261 §18.2.1: a Via that does not hold the source address.
    let sent_by = message.via().ok().and_then(|via| via.host.ip());
    if sent_by.is_none_or(|sent_by| sent_by.to_canonical() != source) {
        return true;
    }
    match contact.and_then(Uri::as_sip).map(|uri| uri.host) {
        // A gateway that mends the Via and forgets the Contact.
        Some(Host::V4(contact)) => is_private(contact.into()) && !is_private(source),
        Some(Host::V6(contact)) => is_private(IpAddr::V6(contact).to_canonical()) && !is_private(source),
        // A phone has no name that could be looked up.
        Some(Host::Name(_)) => true,
        None => false,
    }
}

/// True when a request comes from the phone itself: no proxy has put its Via above the phone's.
pub(crate) fn is_first_hop(message: &Message<'_>) -> bool {
    message.elements(Name::Via).nth(1).is_none()
}

/// Addresses that mean nothing outside their own network (RFC 1918, RFC 6598, RFC 4193, link-local).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private() || address.is_link_local() || address.is_loopback() || shared
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback()
        }
    }
}

#[cfg(test)]
mod tests {
    use sip::message::Limits;
    use sip::transport::{ListenerId, Transport};

    use super::*;

    #[test]
    fn whose_own_address_is_not_the_one_that_we_see() {
        for (via, source, contact, behind) in [
            ("192.0.2.9:5062", "192.0.2.9:5062", "sip:a@192.0.2.9:5062", false),
            ("192.0.2.9", "192.0.2.9:1024", "sip:a@192.0.2.9", false),
            ("10.0.0.9", "10.0.0.9:5060", "sip:a@10.0.0.9", false),
            ("10.0.0.9", "192.0.2.9:5060", "sip:a@10.0.0.9", true),
            ("192.0.2.9", "192.0.2.9:5060", "sip:a@10.0.0.9", true),
            ("192.0.2.9", "192.0.2.9:5060", "sip:a@198.51.100.1", false),
            ("phone.invalid", "192.0.2.9:5060", "sip:a@phone.invalid", true),
            ("192.0.2.9", "192.0.2.9:5060", "sip:a@carillon.local", true),
            ("192.0.2.9;branch=z, SIP/2.0/UDP 10.0.0.9", "192.0.2.7:5060", "sip:a@10.0.0.9", false),
            ("[2001:db8::9]", "[2001:db8::9]:5060", "sip:a@[2001:db8::9]", false),
        ] {
            let text = format!("REGISTER sip:b SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\n\r\n");
            let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
            let flow = Flow {
                transport: Transport::Udp,
                listener: ListenerId(0),
                local: "0.0.0.0".parse().unwrap(),
                remote: source.parse().unwrap(),
                connection: None,
            };
            let contact = Uri::parse(contact.as_bytes()).unwrap();
            assert_eq!(is_behind_nat(&flow, &message, Some(&contact)), behind, "{via} {source}");
        }
    }
}
