//! STUN on the SIP port (RFC 5389, used as RFC 5626 §4.4.2 asks): a binding request is answered with the address
//! that it came from. Nothing else of STUN is spoken here.

use std::net::{IpAddr, SocketAddr};

/// True when a datagram is STUN and not SIP: the two leading bits are zero and the magic cookie stands in its place
/// (RFC 5389 §8).
pub fn is_stun(octets: &[u8]) -> bool {
    octets.len() >= HEADER && octets[0] & 0xC0 == 0 && octets[4..8] == MAGIC_COOKIE
}

/// Appends the answer to a binding request from `remote`: a success with XOR-MAPPED-ADDRESS, or error 420 when the
/// request demands an attribute that we do not know (RFC 5389 §7.3.1). False when there is nothing to answer.
pub fn answer(request: &[u8], remote: SocketAddr, out: &mut Vec<u8>) -> bool {
    if !is_stun(request) || request[0..2] != BINDING_REQUEST {
        return false;
    }
    let length = usize::from(u16::from_be_bytes([request[2], request[3]]));
    if length % 4 != 0 || request.len() != HEADER + length {
        return false;
    }
    let Some(unknown) = unknown_attributes(&request[HEADER..]) else {
        return false;
    };
    let transaction = &request[4..HEADER];
    if unknown.is_empty() {
        success(transaction, remote, out);
    } else {
        refuse(transaction, &unknown, out);
    }
    true
}

fn success(transaction: &[u8], remote: SocketAddr, out: &mut Vec<u8>) {
    let address = remote.ip().to_canonical();
    let length: u16 = if address.is_ipv4() { 12 } else { 24 };
    out.extend_from_slice(&[0x01, 0x01]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(transaction);
    // RFC 5389 §15.2: port and address are masked by the cookie, an IPv6 address by the transaction id as well.
    out.extend_from_slice(&[0x00, 0x20]);
    out.extend_from_slice(&(length - 4).to_be_bytes());
    let port = remote.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
    match address {
        IpAddr::V4(address) => {
            out.extend_from_slice(&[0, 1]);
            out.extend_from_slice(&port.to_be_bytes());
            out.extend(address.octets().iter().zip(transaction).map(|(octet, mask)| octet ^ mask));
        }
        IpAddr::V6(address) => {
            out.extend_from_slice(&[0, 2]);
            out.extend_from_slice(&port.to_be_bytes());
            out.extend(address.octets().iter().zip(transaction).map(|(octet, mask)| octet ^ mask));
        }
    }
}

fn refuse(transaction: &[u8], unknown: &[u16], out: &mut Vec<u8>) {
    let listed = unknown.len() * 2;
    let padded = listed.next_multiple_of(4);
    let length = (4 + 4 + 4 + padded) as u16;
    out.extend_from_slice(&[0x01, 0x11]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(transaction);
    // ERROR-CODE 420 without a phrase, then UNKNOWN-ATTRIBUTES.
    out.extend_from_slice(&[0x00, 0x09, 0, 4, 0, 0, 4, 20]);
    out.extend_from_slice(&[0x00, 0x0A]);
    out.extend_from_slice(&(listed as u16).to_be_bytes());
    for kind in unknown {
        out.extend_from_slice(&kind.to_be_bytes());
    }
    out.resize(out.len() + padded - listed, 0);
}

/// The attributes below 0x8000 that we would have to understand, at most eight; `None` when they are malformed.
fn unknown_attributes(mut attributes: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !attributes.is_empty() {
        let (head, rest) = attributes.split_first_chunk::<4>()?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).next_multiple_of(4);
        attributes = rest.get(length..)?;
        if kind < 0x8000 && !TOLERATED.contains(&kind) && unknown.len() < 8 {
            unknown.push(kind);
        }
    }
    Some(unknown)
}

const HEADER: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// MAPPED-ADDRESS, USERNAME, MESSAGE-INTEGRITY: known by RFC 5389, and of no consequence here.
const TOLERATED: [u16; 3] = [0x0001, 0x0006, 0x0008];

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x00, 0x01];
        octets.extend_from_slice(&(attributes.len() as u16).to_be_bytes());
        octets.extend_from_slice(&MAGIC_COOKIE);
        octets.extend_from_slice(&ID);
        octets.extend_from_slice(attributes);
        octets
    }

    fn attribute_of(remote: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(answer(&request(&[]), remote.parse().expect(remote), &mut out));
        assert_eq!(out[0..2], [0x01, 0x01]);
        assert_eq!(out[8..20], ID);
        assert_eq!(usize::from(u16::from_be_bytes([out[2], out[3]])), out.len() - 20);
        out.split_off(20)
    }

    /// The values are those of the sample responses of RFC 5769 §2.2 and §2.3.
    #[test]
    fn the_mapped_address_is_that_of_the_samples_of_rfc_5769() {
        let four = attribute_of("192.0.2.1:32853");
        assert_eq!(four, [0x00, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let six = attribute_of("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
        assert_eq!(
            six,
            [
                0x00, 0x20, 0, 0x14, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc,
                0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9
            ]
        );
    }

    #[test]
    fn an_unknown_required_attribute_is_refused_with_420() {
        let mut out = Vec::new();
        let remote = "192.0.2.1:5060".parse().expect("an address");
        assert!(answer(&request(&[0x7f, 0x01, 0, 1, 9, 0, 0, 0]), remote, &mut out));
        assert_eq!(out[0..4], [0x01, 0x11, 0, 16]);
        assert_eq!(out[20..], [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0x7f, 0x01, 0, 0]);
    }

    #[test]
    fn what_is_no_binding_request_is_not_answered() {
        let remote = "192.0.2.1:5060".parse().expect("an address");
        let mut indication = request(&[]);
        indication[1] = 0x11;
        let mut short = request(&[]);
        short[3] = 4;
        let mut no_cookie = request(&[]);
        no_cookie[5] = 0;
        let bad_attribute = request(&[0x80, 0x22, 0, 9, 0, 0, 0, 0]);
        for octets in
            [&b"OPTIONS sip:a@b SIP/2.0\r\n"[..], &indication, &short, &no_cookie, &bad_attribute, b""]
        {
            let mut out = Vec::new();
            assert!(!answer(octets, remote, &mut out) && out.is_empty(), "{octets:?}");
        }
        assert!(is_stun(&indication) && !is_stun(b"REGISTER sip:example.org SIP/2.0\r\n"));
    }
}
