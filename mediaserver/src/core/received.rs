//! How well a stream arrives, over all the sources that it has had, and what that sounds like.

use std::time::{Duration, Instant};

use rtp::codec::Codec;
use rtp::ntp::NtpTime;
use rtp::packet::Header;
use rtp::quality::{self, Impairment, Stretch};
use rtp::reception::Reception;
use rtp::rtcp::ReportBlock;

/// Figures of one stream that comes to us.
#[derive(Debug, Clone, Default)]
pub(super) struct Received {
    pub packets: u64,
    pub octets: u64,
    /// Of sources that are over.
    lost_before: u64,
    source: Option<Reception>,
}

impl Received {
    /// Takes a packet that came in.
    pub fn packet(&mut self, now: Instant, header: &Header, length: usize, clock_hz: u32) {
        self.packets += 1;
        self.octets += length as u64;
        let source = match &mut self.source {
            Some(source) if source.ssrc() == header.ssrc => source,
            other => {
                self.lost_before += other.as_ref().map_or(0, lost);
                other.insert(Reception::new(header.ssrc, clock_hz))
            }
        };
        source.receive(now, header);
    }

    /// Packets that are missing.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, lost)
    }

    /// That of the present source.
    pub fn jitter(&self) -> Duration {
        self.source.as_ref().map_or(Duration::ZERO, |source| source.figures().jitter)
    }

    /// What we report of the present source.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        self.source.as_mut()?.report(now)
    }

    /// The source has sent a report of its own.
    pub fn report_came(&mut self, now: Instant, ssrc: u32, ntp: NtpTime) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc() == ssrc) {
            source.report_received(now, ntp);
        }
    }

    /// The mean opinion score times 100. `None` before a second of sound. A codec that is not known here counts as G.711.
    pub fn mos_100(&self, codec: Option<Codec>, round_trip: Option<Duration>) -> Option<u16> {
        if self.packets < 50 {
            return None;
        }
        let way = round_trip.unwrap_or_default() / 2;
        let stretch = Stretch {
            // A packet of 20 ms is waited for, and a buffer holds about twice the jitter.
            delay: way + Duration::from_millis(20) + self.jitter() * 2,
            loss: self.lost() as f64 / (self.lost() + self.packets) as f64,
            burst_ratio: 1.0,
        };
        let codec = codec.map_or(Impairment::G711_CONCEALED, Codec::impairment);
        let opinion = quality::opinion(&codec, quality::rating(&codec, &stretch));
        Some((opinion * 100.0).round() as u16)
    }
}

fn lost(source: &Reception) -> u64 {
    u64::try_from(source.figures().lost).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of two sources, one after the other, every 20 ms; those of `missing` do not come.
    fn stream(missing: impl Fn(u16) -> bool) -> Received {
        let start = Instant::now();
        let mut received = Received::default();
        for n in 0..1000u16 {
            let (ssrc, sequence) = if n < 500 { (1, n) } else { (2, 40_000 + n) };
            let header = Header { sequence, timestamp: u32::from(n) * 160, ssrc, ..Header::default() };
            if !missing(n) {
                received.packet(start + Duration::from_millis(20 * u64::from(n)), &header, 172, 8000);
            }
        }
        received
    }

    #[test]
    fn a_new_source_is_no_loss_and_keeps_that_of_the_one_before() {
        let clean = stream(|_| false);
        assert_eq!((clean.packets, clean.octets, clean.lost()), (1000, 172_000, 0));
        assert_eq!(stream(|n| n == 100 || n == 700).lost(), 2);
    }

    #[test]
    fn loss_and_delay_are_heard() {
        let clean = stream(|_| false).mos_100(None, None).expect("long enough");
        let lossy = stream(|n| n % 10 == 5);
        let lossy_mos = lossy.mos_100(None, None).expect("long enough");
        assert!(clean >= 435 && (290..360).contains(&lossy_mos), "{clean} {lossy_mos}");
        assert!(lossy.mos_100(None, Some(Duration::from_millis(800))) < Some(lossy_mos - 50));
        assert_eq!(Received::default().mos_100(None, None), None);
    }
}
