//! RTCP (RFC 3550 §6): compound packets read borrowed and written, with the reports, names, goodbyes and extended reports
//! (RFC 3611) that we read or make. What we do not know is passed over, as its length says.

mod block;
pub mod extended;
#[cfg(test)]
mod tests;
mod write;

pub use block::{ReportBlock, SenderInfo};
pub use extended::{Extended, VoipMetrics};
pub use write::Writer;

use crate::error::ParseError;

/// Which compounds are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The first packet is a report (RFC 3550 §6.1).
    Full,
    /// Any packet may be first: reduced size was agreed on (RFC 5506 §3).
    ReducedSize,
}

/// A datagram of RTCP whose packets fit each other.
#[derive(Debug, Clone, Copy)]
pub struct Compound<'a> {
    octets: &'a [u8],
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rtcp<'a> {
    /// SR: what was sent and what was received (RFC 3550 §6.4.1).
    SenderReport {
        /// Who sends.
        ssrc: u32,
        /// What was sent.
        sent: SenderInfo,
        /// What was received.
        blocks: Blocks<'a>,
    },
    /// RR: what was received (RFC 3550 §6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// What was received.
        blocks: Blocks<'a>,
    },
    /// SDES: who the sources are (RFC 3550 §6.5).
    Description(Description<'a>),
    /// BYE (RFC 3550 §6.6).
    Bye {
        /// The sources that go, four octets each.
        sources: Sources<'a>,
        /// Why, when it is said.
        reason: Option<&'a [u8]>,
    },
    /// XR (RFC 3611 §2).
    Extended {
        /// Who reports.
        ssrc: u32,
        /// Its blocks.
        blocks: extended::Blocks<'a>,
    },
    /// Something else: feedback (RFC 4585), APP, what comes later.
    Other {
        /// Its packet type, 192 to 223.
        packet_type: u8,
        /// Its count or format.
        count: u8,
        /// What stands behind its header of four octets.
        body: &'a [u8],
    },
}

impl<'a> Compound<'a> {
    /// Checks a datagram (RFC 3550 §6.1, §A.2): all packets are of version 2, their lengths add up to the datagram,
    /// padding stands in the last one alone, and the first one is what the rule says.
    pub fn read(octets: &'a [u8], rule: Rule) -> Result<Self, ParseError> {
        let mut at = 0;
        loop {
            let packet = raw(octets, at)?;
            if at == 0 && rule == Rule::Full && !matches!(packet.packet_type, SR | RR) {
                return Err(ParseError::new(1, "a report as the first packet"));
            }
            if packet.has_padding && packet.end != octets.len() {
                return Err(ParseError::new(at, "padding in the last packet alone"));
            }
            Rtcp::read(octets, at, &packet)?;
            at = packet.end;
            if at == octets.len() {
                return Ok(Self { octets });
            }
        }
    }

    /// Its packets, in their order.
    pub fn packets(&self) -> impl Iterator<Item = Rtcp<'a>> + use<'a> {
        let octets = self.octets;
        let mut at = 0;
        std::iter::from_fn(move || {
            let packet = (at < octets.len()).then(|| raw(octets, at).ok()).flatten()?;
            let read = Rtcp::read(octets, at, &packet).ok();
            at = packet.end;
            read
        })
    }
}

impl<'a> Rtcp<'a> {
    fn read(octets: &'a [u8], at: usize, packet: &Raw<'a>) -> Result<Self, ParseError> {
        let Raw { packet_type, count, body, .. } = *packet;
        let at = at + 4;
        let source = || {
            let ssrc = word(body, 0).ok_or(ParseError::new(at, "a source"))?;
            Ok::<_, ParseError>((ssrc, &body[4..]))
        };
        match packet_type {
            SR => {
                let (ssrc, rest) = source()?;
                let sent = SenderInfo::read(rest).ok_or(ParseError::new(at + 4, "a sender's report"))?;
                let blocks = Blocks::read(&rest[SenderInfo::BYTES..], count)
                    .ok_or(ParseError::new(at + 4 + SenderInfo::BYTES, "as many blocks as are counted"))?;
                Ok(Self::SenderReport { ssrc, sent, blocks })
            }
            RR => {
                let (ssrc, rest) = source()?;
                let blocks = Blocks::read(rest, count)
                    .ok_or(ParseError::new(at + 4, "as many blocks as are counted"))?;
                Ok(Self::ReceiverReport { ssrc, blocks })
            }
            SDES => {
                let description = Description { octets: body, count };
                description.check().map_err(|wrong| ParseError { at: at + wrong.at, ..wrong })?;
                Ok(Self::Description(description))
            }
            BYE => {
                let length = usize::from(count) * 4;
                let sources =
                    body.get(..length).ok_or(ParseError::new(at, "as many sources as are counted"))?;
                let reason = body[length..].split_first().map(|(length, rest)| {
                    let short = ParseError::new(octets.len(), "the reason");
                    rest.get(..usize::from(*length)).ok_or(short)
                });
                Ok(Self::Bye { sources: Sources(sources), reason: reason.transpose()? })
            }
            XR => {
                let (ssrc, rest) = source()?;
                let blocks = extended::Blocks(rest);
                blocks.check().map_err(|wrong| ParseError { at: at + 4 + wrong.at, ..wrong })?;
                Ok(Self::Extended { ssrc, blocks })
            }
            _ => Ok(Self::Other { packet_type, count, body }),
        }
    }
}

/// A packet by its header: its body is without padding.
struct Raw<'a> {
    packet_type: u8,
    count: u8,
    has_padding: bool,
    body: &'a [u8],
    end: usize,
}

fn raw(octets: &[u8], at: usize) -> Result<Raw<'_>, ParseError> {
    let Some(&[first, packet_type, l0, l1]) = octets.get(at..at + 4) else {
        return Err(ParseError::new(octets.len(), "a header of 4 octets"));
    };
    if first >> 6 != 2 {
        return Err(ParseError::new(at, "version 2"));
    }
    if !(192..=223).contains(&packet_type) {
        return Err(ParseError::new(at + 1, "a packet type of RTCP"));
    }
    let end = at + 4 + usize::from(u16::from_be_bytes([l0, l1])) * 4;
    let mut body =
        octets.get(at + 4..end).ok_or(ParseError::new(octets.len(), "as much as the length says"))?;
    let has_padding = first & 0x20 != 0;
    if has_padding {
        let padding = usize::from(body.last().copied().unwrap_or(0));
        if padding == 0 || padding > body.len() {
            return Err(ParseError::new(end - 1, "a count of padding that fits"));
        }
        body = &body[..body.len() - padding];
    }
    Ok(Raw { packet_type, count: first & 0x1f, has_padding, body, end })
}

/// Report blocks, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'a>(&'a [u8]);

impl<'a> Blocks<'a> {
    fn read(octets: &'a [u8], count: u8) -> Option<Self> {
        octets.get(..usize::from(count) * ReportBlock::BYTES).map(Self)
    }

    /// Each block.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        self.0.as_chunks().0.iter().map(ReportBlock::read)
    }
}

/// Sources, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources<'a>(&'a [u8]);

impl<'a> Sources<'a> {
    /// Each source.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.0.as_chunks().0.iter().map(|four| u32::from_be_bytes(*four))
    }
}

/// A description of sources (RFC 3550 §6.5): chunks, each a source and its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description<'a> {
    octets: &'a [u8],
    count: u8,
}

impl<'a> Description<'a> {
    /// Each item: the source, what it is (1 is CNAME), and its text.
    pub fn items(&self) -> impl Iterator<Item = (u32, u8, &'a [u8])> + use<'a> {
        let octets = self.octets;
        let (mut at, mut chunks, mut ssrc) = (0, self.count, None);
        std::iter::from_fn(move || {
            loop {
                let Some(source) = ssrc else {
                    chunks = chunks.checked_sub(1)?;
                    ssrc = Some(word(octets, at)?);
                    at += 4;
                    continue;
                };
                match *octets.get(at)? {
                    0 => {
                        // The rest of the word is filled with zeros.
                        at = at / 4 * 4 + 4;
                        ssrc = None;
                    }
                    kind => {
                        let start = at + 2;
                        let text = octets.get(start..start + usize::from(*octets.get(at + 1)?))?;
                        at = start + text.len();
                        return Some((source, kind, text));
                    }
                }
            }
        })
    }

    /// The canonical name of a source (RFC 3550 §6.5.1).
    pub fn cname(&self, ssrc: u32) -> Option<&'a [u8]> {
        self.items().find(|(source, kind, _)| *source == ssrc && *kind == CNAME).map(|(.., text)| text)
    }

    fn check(&self) -> Result<(), ParseError> {
        let mut at = 0;
        for _ in 0..self.count {
            word(self.octets, at).ok_or(ParseError::new(at, "a source"))?;
            at += 4;
            loop {
                match self.octets.get(at..) {
                    Some([0, ..]) => break,
                    Some([_, length, text @ ..]) if text.len() >= usize::from(*length) => {
                        at += 2 + usize::from(*length);
                    }
                    _ => return Err(ParseError::new(at, "an item, or a zero at the end of a chunk")),
                }
            }
            at = at / 4 * 4 + 4;
        }
        Ok(())
    }
}

/// Four octets as a number.
fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const XR: u8 = 207;
const CNAME: u8 = 1;
