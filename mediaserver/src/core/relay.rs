//! The way of a packet: from a port, past the latch, to the peer's port. Nothing is allocated here.

use std::net::SocketAddr;
use std::time::Instant;

use proto::media::{DigitForm, MediaEvent};
use rtp::packet::{Arrival, Header, HeaderMut, Packet};

use super::latch::Mark;
use super::session::Session;
use super::{Counters, Out, Use};

impl Session {
    /// Takes a packet that came to one of this session's ports.
    pub fn packet(
        &mut self,
        now: Instant,
        used: Use,
        from: SocketAddr,
        octets: &mut [u8],
        counters: &mut Counters,
        out: &mut dyn Out,
    ) {
        match Arrival::of(octets) {
            Arrival::Rtcp => self.rtcp(used, from, octets, counters, out),
            Arrival::Rtp if !used.is_rtcp => match HeaderMut::of(octets).map(|header| header.header()) {
                Some(header) => self.rtp(now, used, from, &header, octets, counters, out),
                None => self.other(now, used, from, octets, counters, out),
            },
            _ => self.other(now, used, from, octets, counters, out),
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "what a packet is; a struct of them would be made for each packet"
    )]
    fn rtp(
        &mut self,
        now: Instant,
        used: Use,
        from: SocketAddr,
        header: &Header,
        octets: &mut [u8],
        counters: &mut Counters,
        out: &mut dyn Out,
    ) {
        let Some(leg) = self.legs.get_mut(usize::from(used.leg)).and_then(Option::as_mut) else { return };
        let Some(stream) = leg.streams.get_mut(usize::from(used.stream)) else { return };
        if !stream.latch.admits(now, from, Some(Mark { ssrc: header.ssrc, sequence: header.sequence })) {
            stream.strays += 1;
            counters.strays += 1;
            return;
        }
        stream.received.packet(now, header, octets.len(), stream.said.clock_hz.max(1));
        leg.heard_at = now;
        leg.is_silent = false;
        if stream.said.events == Some(header.payload_type) && !stream.said.is_secure {
            let told = (header.ssrc, header.timestamp);
            if stream.last_digit != Some(told)
                && let Ok(packet) = Packet::read(octets)
                && let Some(digit) = digit(packet.payload)
            {
                stream.last_digit = Some(told);
                let digit = MediaEvent::Digit { leg: leg.name, digit, how: DigitForm::Event };
                out.tell(self.call(), digit);
            }
        }
        let Some(leg) = self.legs.get_mut(usize::from(used.leg)).and_then(Option::as_mut) else { return };
        let peer = leg.peer;
        let sends =
            leg.streams.get(usize::from(used.stream)).is_some_and(|stream| stream.said.direction.sends());
        let peer = peer.filter(|_| sends).and_then(|peer| self.legs.get_mut(usize::from(peer))?.as_mut());
        let peer = peer.and_then(|peer| peer.streams.get_mut(usize::from(used.stream)));
        let Some((stream, to)) = peer.and_then(|stream| stream.target().map(|to| (stream, to))) else {
            counters.unrouted += 1;
            return;
        };
        out.send(stream.ports.rtp, to, octets);
        stream.sent += 1;
        stream.sent_octets += octets.len() as u64;
        counters.relayed += 1;
        counters.relayed_octets += octets.len() as u64;
    }

    fn rtcp(
        &mut self,
        used: Use,
        from: SocketAddr,
        octets: &[u8],
        counters: &mut Counters,
        out: &mut dyn Out,
    ) {
        let Some(leg) = self.legs.get_mut(usize::from(used.leg)).and_then(Option::as_mut) else { return };
        let Some(stream) = leg.streams.get_mut(usize::from(used.stream)) else { return };
        if !stream.latch.is_host(from.ip()) {
            stream.strays += 1;
            counters.strays += 1;
            return;
        }
        if used.is_rtcp {
            stream.rtcp_from = Some(from);
        }
        let peer = leg.peer.and_then(|peer| self.legs.get(usize::from(peer))?.as_ref());
        let target = peer.and_then(|peer| peer.streams.get(usize::from(used.stream))?.rtcp_target());
        match target {
            Some((port, to)) => out.send(port, to, octets),
            None => counters.unrouted += 1,
        }
    }

    /// What is neither: DTLS or ZRTP between two phones that agree on keys, a fax. It passes as it is, from a source
    /// that is known.
    fn other(
        &mut self,
        now: Instant,
        used: Use,
        from: SocketAddr,
        octets: &[u8],
        counters: &mut Counters,
        out: &mut dyn Out,
    ) {
        let Some(leg) = self.legs.get_mut(usize::from(used.leg)).and_then(Option::as_mut) else { return };
        let Some(stream) = leg.streams.get_mut(usize::from(used.stream)) else { return };
        let is_known =
            if used.is_rtcp { stream.latch.is_host(from.ip()) } else { stream.latch.admits(now, from, None) };
        if !is_known {
            stream.strays += 1;
            counters.strays += 1;
            return;
        }
        leg.heard_at = now;
        let peer = leg.peer.and_then(|peer| self.legs.get(usize::from(peer))?.as_ref());
        let stream = peer.and_then(|peer| peer.streams.get(usize::from(used.stream)));
        let target = stream.and_then(|stream| {
            if used.is_rtcp { stream.rtcp_target() } else { Some((stream.ports.rtp, stream.target()?)) }
        });
        match target {
            Some((port, to)) => out.send(port, to, octets),
            None => counters.unrouted += 1,
        }
    }
}

/// The digit of a named event (RFC 4733), at its first packet.
fn digit(payload: &[u8]) -> Option<char> {
    const DIGITS: &[u8; 16] = b"0123456789*#ABCD";
    let event = *payload.first_chunk::<4>()?.first()?;
    DIGITS.get(usize::from(event)).map(|digit| char::from(*digit))
}
