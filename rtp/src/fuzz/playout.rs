//! The target for what plays and rewrites packets.

use std::time::Duration;

use super::start;
use crate::codec::Codec;
use crate::jitter::Config;
use crate::packet::{HEADER_BYTES, Header, Packet};
use crate::playout::Playout;
use crate::reception::Reception;
use crate::rewriter::Rewriter;

/// Packets with any numbers at any time: as much sound as is asked for comes out, what is kept has its limit, the counts
/// add up, and what leaves has one SSRC.
pub fn playout(octets: &[u8]) {
    let config = Config { packets_max: 20, ..Config::default() };
    let mut playout = Playout::new(Codec::Pcma, config);
    let mut reception = Reception::new(1, 8_000);
    let mut rewriter = Rewriter::new(7, 8_000, 0, 0);
    let (mut now, mut out, mut came) = (start(), [0; 160], 0);
    // Eight octets are a packet: how long after the one before it comes, who sends it, its numbers.
    for packet in octets.as_chunks::<8>().0 {
        let [wait, ssrc, s0, s1, timestamp @ ..] = *packet;
        now += Duration::from_millis(u64::from(wait));
        let header = Header {
            marker: ssrc & 0x80 != 0,
            payload_type: 8,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes(timestamp),
            ssrc: u32::from(ssrc & 3),
        };
        let mut written = Vec::with_capacity(HEADER_BYTES + 160);
        header.write(&[0xd5; 160][..usize::from(wait).min(160)], &mut written);
        playout.receive(now, &Packet::read(&written).expect("a packet of our own"));
        reception.receive(now, &header);
        assert_eq!(rewriter.rewrite(now, &header).ssrc, 7);
        came += 1;
        for _ in 0..wait / 20 {
            playout.fill(now, &mut out);
        }
    }
    let figures = playout.figures(now);
    assert!(figures.depth <= config.packets_max);
    assert_eq!(figures.received, came);
    assert!(figures.played + figures.late + figures.doubled + figures.discarded <= came);
    let _ = (reception.figures(), reception.report(now), reception.bursts().figures());
}
