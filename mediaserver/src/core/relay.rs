//! The way of a packet: from a port, past the latch, to the peer's port. Nothing is allocated here.

use std::net::SocketAddr;
use std::time::Instant;

use proto::media::{DigitForm, MediaEvent};
use rtp::dtmf::{Event, Press, Receiver};
use rtp::packet::{Arrival, HEADER_BYTES, Header, HeaderMut, Packet};

use super::flow;
use super::latch::Mark;
use super::leg::{COMFORT_NOISE, LegState, Said, Stream};
use super::session::Session;
use super::transcoder::Transcoder;
use super::voice::{HEARD, Scratch, dialled};
use super::{Tools, Use};

impl Session {
    /// Takes a packet that came to one of this session's ports.
    pub fn packet(
        &mut self,
        now: Instant,
        used: Use,
        from: SocketAddr,
        octets: &mut [u8],
        tools: &mut Tools<'_>,
    ) {
        match Arrival::of(octets) {
            Arrival::Rtcp => self.rtcp(now, used, from, octets, tools),
            Arrival::Rtp if !used.is_rtcp => match HeaderMut::of(octets).map(|header| header.header()) {
                Some(header) => self.rtp(now, used, (from, &header), octets, tools),
                None => self.other(now, used, from, octets, tools),
            },
            _ => self.other(now, used, from, octets, tools),
        }
    }

    fn rtp(
        &mut self,
        now: Instant,
        used: Use,
        (from, header): (SocketAddr, &Header),
        octets: &mut [u8],
        tools: &mut Tools<'_>,
    ) {
        let Session { call, legs, .. } = self;
        let Some((leg, peer)) = pair(legs, used.leg) else { return };
        let LegState { name, voice, streams, watch, ahead, .. } = leg;
        let Some(stream) = streams.get_mut(usize::from(used.stream)) else { return };
        if !stream.latch.admits(now, from, Some(Mark { ssrc: header.ssrc, sequence: header.sequence })) {
            stream.strays += 1;
            tools.counters.strays += 1;
            return;
        }
        stream.received.packet(now, header, octets.len(), stream.said.clock_hz.max(1));
        leg.heard_at = now;
        leg.is_silent = false;
        leg.is_resting = header.payload_type == COMFORT_NOISE;
        if used.stream == 0
            && header.sequence.is_multiple_of(flow::ONE_OF)
            && let Some(codec) = stream.said.sound(header.payload_type)
            && let Ok(packet) = Packet::read(octets)
        {
            watch.hear(now, codec, packet.payload);
        }
        let mut pressed = stream.dialled(now, header, octets).map(|digit| (digit, DigitForm::Event));
        let said = &stream.said;
        if let Some(voice) = voice {
            voice.take(now, said, octets);
            // A leg that has no events dials by tones, which are listened for while digits are collected.
            if let Some(codec) = said.sound(header.payload_type).filter(|_| said.events.is_none())
                && let Ok(packet) = Packet::read(octets)
            {
                pressed = voice.hear(codec, packet.payload, tools.scratch).map(|digit| (digit, HEARD));
            }
        }
        if let Some((digit, how)) = pressed {
            let ahead = leg.peer.is_none().then_some(ahead);
            let ended = dialled(now, *name, voice.as_deref_mut(), ahead, digit);
            tools.out.tell(call, MediaEvent::Digit { leg: *name, digit, how });
            if let Some(voice) = voice {
                voice.end_recording_by(digit, call, *name, tools.out);
            }
            for event in ended.into_iter().flatten() {
                tools.out.tell(call, event);
            }
        }
        let mut peer = peer.filter(|peer| said.direction.sends() && !peer.is_played_to());
        if let Some(voice) = peer.as_mut().and_then(|peer| peer.voice.as_mut()) {
            voice.take_other(now, said, octets);
        }
        match peer.and_then(|peer| peer.streams.get_mut(usize::from(used.stream))) {
            Some(stream) if stream.target().is_some() => stream.pass_on(now, said, header, octets, tools),
            _ => tools.counters.unrouted += 1,
        }
    }

    fn rtcp(&mut self, now: Instant, used: Use, from: SocketAddr, octets: &[u8], tools: &mut Tools<'_>) {
        let Some((leg, peer)) = pair(&mut self.legs, used.leg) else { return };
        let Some(stream) = leg.streams.get_mut(usize::from(used.stream)) else { return };
        if !stream.latch.is_host(from.ip()) {
            stream.strays += 1;
            tools.counters.strays += 1;
            return;
        }
        if used.is_rtcp {
            stream.rtcp_from = Some(from);
        }
        if !stream.said.is_secure
            && let Some((ssrc, ntp)) = stream.reports.came(now, octets)
        {
            stream.received.report_came(now, ssrc, ntp);
        }
        let has_own = stream.rewriter.is_some();
        let stream = peer.and_then(|peer| peer.streams.get_mut(usize::from(used.stream)));
        // Reports of one source mean nothing where its packets have other numbers: that leg has reports of ours.
        let stream = stream.filter(|stream| stream.rewriter.is_none());
        match stream.and_then(|stream| Some((stream.rtcp_target()?, stream))) {
            Some(((port, to), stream)) => {
                if !stream.said.is_secure {
                    stream.reports.went(now, octets);
                }
                tools.out.send(port, to, octets);
            }
            None if has_own => {}
            None => tools.counters.unrouted += 1,
        }
    }

    /// What is neither: DTLS or ZRTP between two phones that agree on keys, a fax. It passes as it is, from a source
    /// that is known.
    fn other(&mut self, now: Instant, used: Use, from: SocketAddr, octets: &[u8], tools: &mut Tools<'_>) {
        let Some(leg) = self.legs.get_mut(usize::from(used.leg)).and_then(Option::as_mut) else { return };
        let Some(stream) = leg.streams.get_mut(usize::from(used.stream)) else { return };
        let is_known =
            if used.is_rtcp { stream.latch.is_host(from.ip()) } else { stream.latch.admits(now, from, None) };
        if !is_known {
            stream.strays += 1;
            tools.counters.strays += 1;
            return;
        }
        leg.heard_at = now;
        let peer = leg.peer.and_then(|peer| self.legs.get(usize::from(peer))?.as_ref());
        let stream = peer.and_then(|peer| peer.streams.get(usize::from(used.stream)));
        let target = stream.and_then(|stream| {
            if used.is_rtcp { stream.rtcp_target() } else { Some((stream.ports.rtp, stream.target()?)) }
        });
        match target {
            Some((port, to)) => tools.out.send(port, to, octets),
            None => tools.counters.unrouted += 1,
        }
    }
}

/// A leg, and the one that hears it.
fn pair(legs: &mut [Option<LegState>], leg: u16) -> Option<(&mut LegState, Option<&mut LegState>)> {
    let own = usize::from(leg);
    let peer = legs.get(own)?.as_ref()?.peer.map(usize::from).filter(|peer| *peer != own);
    let Some(peer) = peer.filter(|peer| *peer < legs.len()) else {
        return Some((legs.get_mut(own)?.as_mut()?, None));
    };
    let [own, peer] = legs.get_disjoint_mut([own, peer]).ok()?;
    Some((own.as_mut()?, peer.as_mut()))
}

impl Stream {
    /// The key that went down with this packet, when it is an event (RFC 4733).
    fn dialled(&mut self, now: Instant, header: &Header, octets: &[u8]) -> Option<char> {
        if self.said.events != Some(header.payload_type) || self.said.is_secure {
            return None;
        }
        let rate = self.said.clock_hz;
        let fresh = || (header.ssrc, Box::new(Receiver::new(rate)));
        let digits = self.digits.get_or_insert_with(fresh);
        if digits.0 != header.ssrc {
            *digits = fresh();
        }
        let told = digits.1.receive(now, header.timestamp, Packet::read(octets).ok()?.payload).ok()?;
        let mut down = told.into_iter().flatten();
        down.find_map(|press| if let Press::Down(digit) = press { Some(digit.letter()) } else { None })
    }

    /// Sends a packet of another leg, which has said this of itself, to this one.
    fn pass_on(
        &mut self,
        now: Instant,
        from: &Said,
        header: &Header,
        octets: &mut [u8],
        tools: &mut Tools<'_>,
    ) {
        let Some(to) = self.target() else { return };
        let mut length = octets.len();
        let mut is_other_codec = false;
        if let Some(rewriter) = self.rewriter.as_mut().filter(|_| !from.is_secure) {
            let (theirs, ours) = (from.clock_hz.max(1), self.said.clock_hz.max(1));
            let scaled = |units: u32| match theirs == ours {
                true => units,
                false => (u64::from(units) * u64::from(ours) / u64::from(theirs)) as u32,
            };
            let mut out = rewriter.rewrite(now, &Header { timestamp: scaled(header.timestamp), ..*header });
            if from.events == Some(header.payload_type) {
                let Some(events) = self.said.events else { return };
                out.payload_type = events;
                if theirs != ours {
                    scale_event(octets, scaled);
                }
            } else if let (Some(theirs), Some(ours)) = (from.sound(header.payload_type), self.said.codec) {
                out.payload_type = ours.1;
                is_other_codec = theirs != ours.0;
                if is_other_codec {
                    let Ok(packet) = Packet::read(octets) else { return };
                    let Scratch { samples, resampled, octets } = tools.scratch;
                    octets.clear();
                    octets.extend_from_slice(&out.octets());
                    let known = self.transcoder.take().filter(|known| known.is_between(theirs, ours.0));
                    let known = known.unwrap_or_else(|| Box::new(Transcoder::new(theirs, ours.0)));
                    self.transcoder.insert(known).transcode(packet.payload, [samples, resampled], octets);
                    length = octets.len().max(HEADER_BYTES);
                }
            }
            if !is_other_codec && let Some(mut patched) = HeaderMut::of(octets) {
                patched.set(&out);
            }
        }
        tools.out.send(self.ports.rtp, to, if is_other_codec { &tools.scratch.octets } else { octets });
        self.sent += 1;
        self.sent_octets += length as u64;
        tools.counters.relayed += 1;
        tools.counters.relayed_octets += length as u64;
    }
}

/// RFC 4733 §2.3.5: how long a key has been down is told in the units of the stream's clock.
fn scale_event(octets: &mut [u8], scaled: impl Fn(u32) -> u32) {
    let Ok(packet) = Packet::read(octets) else { return };
    let Ok(event) = Event::read(packet.payload) else { return };
    let at = octets.len() - packet.payload.len();
    // Padding would stand behind the payload; nobody pads four octets.
    if octets[0] & 0x20 != 0 {
        return;
    }
    let duration = u16::try_from(scaled(u32::from(event.duration))).unwrap_or(u16::MAX);
    octets[at..at + 4].copy_from_slice(&Event { duration, ..event }.octets());
}
