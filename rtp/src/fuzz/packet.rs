//! The target for what comes to a media port.

use crate::packet::{Arrival, Header, HeaderMut, Packet};
use crate::rtcp::{Compound, Rtcp, Rule, Writer};

/// A datagram is told what it is; as RTP it can be patched back to itself; what of it is a compound of RTCP can be
/// written so that it is read as the same.
pub fn packet(octets: &[u8]) {
    let _ = Arrival::of(octets);
    if let Ok(packet) = Packet::read(octets) {
        assert!(packet.payload.len() + 12 <= octets.len());
        assert_eq!(packet.csrcs().count(), usize::from(octets[0] & 0x0f));
        let mut copy = octets.to_vec();
        let mut patched = HeaderMut::of(&mut copy).expect("it was read");
        patched.set(&Header::default());
        patched.set(&packet.header);
        assert_eq!(copy, octets);
    }
    for rule in [Rule::Full, Rule::ReducedSize] {
        let Ok(compound) = Compound::read(octets, rule) else { continue };
        let mut written = Vec::new();
        for packet in compound.packets() {
            write(packet, &mut written);
        }
        let again = Compound::read(&written, Rule::ReducedSize);
        assert!(written.is_empty() || again.is_ok(), "{again:?}");
    }
}

fn write(packet: Rtcp<'_>, out: &mut Vec<u8>) {
    let writer = Writer::new(out);
    let _ = match packet {
        Rtcp::SenderReport { ssrc, sent, blocks } => {
            writer.sender_report(ssrc, &sent, &blocks.iter().collect::<Vec<_>>())
        }
        Rtcp::ReceiverReport { ssrc, blocks } => {
            writer.receiver_report(ssrc, &blocks.iter().collect::<Vec<_>>())
        }
        Rtcp::Description(description) => {
            let last = description.items().last();
            let (ssrc, name) = last.map_or((0, &b""[..]), |(ssrc, _, name)| (ssrc, name));
            writer.cname(ssrc, std::str::from_utf8(name).unwrap_or_default())
        }
        Rtcp::Bye { sources, reason } => {
            let reason = std::str::from_utf8(reason.unwrap_or_default()).unwrap_or_default();
            writer.bye(sources.iter().next().unwrap_or_default(), reason)
        }
        Rtcp::Extended { ssrc, blocks } => writer.extended(ssrc, &blocks.iter().collect::<Vec<_>>()),
        Rtcp::Other { .. } => writer,
    };
}
