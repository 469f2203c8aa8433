//! What RTCP tells of the way between a leg and us, and our own reports to legs whose stream is ours.
//!
//! The reports of two phones pass through as they are, and are read on their way: whoever answers a sender's report tells
//! how long it had it. A leg that hears a stream of ours (a prompt, several sources one after the other) is told of that
//! stream by us, since the reports of those sources have other numbers.

use std::time::{Duration, Instant};

use rtp::interval;
use rtp::ntp::{NtpTime, of_short_units};
use rtp::rtcp::{Compound, ReportBlock, Rtcp, Rule, SenderInfo, Writer};

use super::leg::Stream;

/// The reports of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reports {
    /// The last sender's report that went to the leg: the middle of its time, and when it went.
    told: Option<(u32, Instant)>,
    /// Between the leg and us.
    pub round_trip: Option<Duration>,
    /// When our own is due.
    due: Option<Instant>,
    /// Packets that had been sent when our last one went.
    sent: u64,
}

impl Reports {
    /// RTCP that goes to the leg.
    pub fn went(&mut self, now: Instant, octets: &[u8]) {
        for packet in packets(octets) {
            if let Rtcp::SenderReport { sent, .. } = packet {
                self.told = Some((sent.ntp.middle(), now));
            }
        }
    }

    /// RTCP that came from the leg; gives the time of its own sender's report, where it holds one, with its source.
    pub fn came(&mut self, now: Instant, octets: &[u8]) -> Option<(u32, NtpTime)> {
        let mut own = None;
        for packet in packets(octets) {
            let blocks = match packet {
                Rtcp::SenderReport { ssrc, sent, blocks } => {
                    own = Some((ssrc, sent.ntp));
                    blocks
                }
                Rtcp::ReceiverReport { blocks, .. } => blocks,
                _ => continue,
            };
            for block in blocks.iter() {
                self.answered(now, &block);
            }
        }
        own
    }

    fn answered(&mut self, now: Instant, block: &ReportBlock) {
        let Some((middle, at)) = self.told.filter(|(middle, _)| *middle == block.last_report) else { return };
        if middle == 0 {
            return;
        }
        // Clocks differ a little: what would be less than nothing is nothing.
        let away = now.saturating_duration_since(at).saturating_sub(of_short_units(block.delay));
        self.round_trip = Some(away);
    }
}

impl Stream {
    /// Writes our report to the leg behind what stands in `out`, when one is due; `clock` is the time as reports say it.
    pub fn report(&mut self, now: Instant, clock: NtpTime, seed: u64, out: &mut Vec<u8>) -> bool {
        let Some(rewriter) = self.rewriter.as_ref().filter(|_| !self.said.is_secure) else { return false };
        let chance = (seed.rotate_left(self.reports.sent as u32) >> 11) as f64 / (1_u64 << 53) as f64;
        let mut session = interval::Session::call();
        session.is_first = self.reports.due.is_none();
        let next = now + session.interval(chance);
        let due = *self.reports.due.get_or_insert(next);
        if now < due {
            return false;
        }
        self.reports.due = Some(next);
        let block = self.received.report(now);
        let blocks = block.as_slice();
        let (ssrc, writer) = (rewriter.ssrc(), Writer::new(out));
        // RFC 3550 §6.4: whoever has sent since its last report says so.
        let timestamp = rewriter.timestamp(now).filter(|_| self.sent > self.reports.sent);
        let writer = match timestamp {
            Some(timestamp) => {
                let octets = self.sent_octets.saturating_sub(self.sent * rtp::packet::HEADER_BYTES as u64);
                let (packets, octets) = (self.sent as u32, octets as u32);
                self.reports.told = Some((clock.middle(), now));
                writer.sender_report(ssrc, &SenderInfo { ntp: clock, timestamp, packets, octets }, blocks)
            }
            None => writer.receiver_report(ssrc, blocks),
        };
        writer.cname(ssrc, &format!("{seed:016x}"));
        self.reports.sent = self.sent;
        true
    }
}

fn packets(octets: &[u8]) -> impl Iterator<Item = Rtcp<'_>> {
    Compound::read(octets, Rule::ReducedSize).ok().into_iter().flat_map(|compound| compound.packets())
}
