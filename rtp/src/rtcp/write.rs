//! Compounds of our own.

use super::{BYE, CNAME, Extended, RR, ReportBlock, SDES, SR, SenderInfo, XR};

/// Writes a compound, packet after packet, behind what stands in a buffer. The order is the caller's: reports first
/// (RFC 3550 §6.1).
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    /// A compound behind what stands in `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// SR. Of more than 31 blocks the rest are left out (RFC 3550 §6.4.1).
    pub fn sender_report(self, ssrc: u32, sent: &SenderInfo, blocks: &[ReportBlock]) -> Self {
        let blocks = &blocks[..blocks.len().min(COUNT_MAX)];
        self.packet(SR, blocks.len(), |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            sent.write(out);
            for block in blocks {
                block.write(out);
            }
        })
    }

    /// RR. Of more than 31 blocks the rest are left out (RFC 3550 §6.4.2).
    pub fn receiver_report(self, ssrc: u32, blocks: &[ReportBlock]) -> Self {
        let blocks = &blocks[..blocks.len().min(COUNT_MAX)];
        self.packet(RR, blocks.len(), |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            for block in blocks {
                block.write(out);
            }
        })
    }

    /// SDES with a source's canonical name, of which at most 255 octets are written (RFC 3550 §6.5.1).
    pub fn cname(self, ssrc: u32, name: &str) -> Self {
        let name = &name.as_bytes()[..name.len().min(255)];
        self.packet(SDES, 1, |out| {
            let start = out.len();
            out.extend_from_slice(&ssrc.to_be_bytes());
            out.extend_from_slice(&[CNAME, name.len() as u8]);
            out.extend_from_slice(name);
            // At least one zero ends the chunk.
            let zeros = 4 - (out.len() - start) % 4;
            out.extend(std::iter::repeat_n(0, zeros));
        })
    }

    /// BYE of a source, with a reason when it is not empty (RFC 3550 §6.6).
    pub fn bye(self, ssrc: u32, reason: &str) -> Self {
        let reason = &reason.as_bytes()[..reason.len().min(255)];
        self.packet(BYE, 1, |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            if !reason.is_empty() {
                out.push(reason.len() as u8);
                out.extend_from_slice(reason);
                let zeros = (4 - (reason.len() + 1) % 4) % 4;
                out.extend(std::iter::repeat_n(0, zeros));
            }
        })
    }

    /// XR (RFC 3611 §2).
    pub fn extended(self, ssrc: u32, blocks: &[Extended<'_>]) -> Self {
        self.packet(XR, 0, |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            for block in blocks {
                block.write(out);
            }
        })
    }

    fn packet(self, packet_type: u8, count: usize, body: impl FnOnce(&mut Vec<u8>)) -> Self {
        let start = self.out.len();
        self.out.extend_from_slice(&[2 << 6 | count as u8, packet_type, 0, 0]);
        body(self.out);
        let words = (self.out.len() - start) / 4 - 1;
        self.out[start + 2..start + 4].copy_from_slice(&(words as u16).to_be_bytes());
        self
    }
}

/// What a count of five bits holds.
const COUNT_MAX: usize = 31;
