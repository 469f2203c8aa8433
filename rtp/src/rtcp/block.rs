//! What a report says of what was sent, and of what was received.

use crate::ntp::NtpTime;

/// What a sender says of itself (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// When the report was sent.
    pub ntp: NtpTime,
    /// The same time in units of the stream's timestamps.
    pub timestamp: u32,
    /// Packets sent since the source began.
    pub packets: u32,
    /// Octets of payload sent since then, without headers and padding.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) const BYTES: usize = 20;

    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let words: &[u8; Self::BYTES] = octets.first_chunk()?;
        let word = |at: usize| u32::from_be_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]);
        let ntp = NtpTime(u64::from(word(0)) << 32 | u64::from(word(4)));
        Some(Self { ntp, timestamp: word(8), packets: word(12), octets: word(16) })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ntp.0.to_be_bytes());
        for word in [self.timestamp, self.packets, self.octets] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// What a receiver says of one source (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the source began; below zero when more came twice than were lost. 24 bits.
    pub cumulative_lost: i32,
    /// The highest sequence number, with how often it turned over in the upper half.
    pub highest_sequence: u32,
    /// Jitter in units of timestamps.
    pub jitter: u32,
    /// The middle of the time of the source's last report; 0 when there was none.
    pub last_report: u32,
    /// How long ago that came, in units of 1/65536 s.
    pub delay: u32,
}

impl ReportBlock {
    pub(super) const BYTES: usize = 24;

    pub(super) fn read(octets: &[u8; Self::BYTES]) -> Self {
        let word =
            |at: usize| u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        Self {
            ssrc: word(0),
            fraction_lost: octets[4],
            // Up and down again, so that the sign of 24 bits is kept.
            cumulative_lost: (word(4) << 8).cast_signed() >> 8,
            highest_sequence: word(8),
            jitter: word(12),
            last_report: word(16),
            delay: word(20),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        let loss = u32::from(self.fraction_lost) << 24 | lost;
        for word in [self.ssrc, loss, self.highest_sequence, self.jitter, self.last_report, self.delay] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}
