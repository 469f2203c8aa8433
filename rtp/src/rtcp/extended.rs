//! Extended reports (RFC 3611): times that receivers ask for, and figures of a telephone call.

use super::word;
use crate::error::ParseError;
use crate::ntp::NtpTime;

/// The blocks of an XR, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'a>(pub(super) &'a [u8]);

/// One block (RFC 3611 §3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extended<'a> {
    /// Who only receives says its time (RFC 3611 §4.4).
    ReceiverTime(NtpTime),
    /// The answer to that (RFC 3611 §4.5): for each receiver the middle of its time, and how long ago that came in units
    /// of 1/65536 s.
    DelaySince(Delays<'a>),
    /// Figures of a call (RFC 3611 §4.7).
    Voip(VoipMetrics),
    /// Something else: its type and its octets.
    Other(u8, &'a [u8]),
}

impl<'a> Blocks<'a> {
    /// Each block.
    pub fn iter(&self) -> impl Iterator<Item = Extended<'a>> + use<'a> {
        let octets = self.0;
        let mut at = 0;
        std::iter::from_fn(move || {
            let (kind, body) = block(octets, at).ok()?;
            at += 4 + body.len();
            Some(Extended::read(kind, body))
        })
    }

    pub(super) fn check(&self) -> Result<(), ParseError> {
        let mut at = 0;
        while at < self.0.len() {
            at += 4 + block(self.0, at)?.1.len();
        }
        Ok(())
    }
}

fn block(octets: &[u8], at: usize) -> Result<(u8, &[u8]), ParseError> {
    let Some(&[kind, _, l0, l1]) = octets.get(at..at + 4) else {
        return Err(ParseError::new(at, "a block of an extended report"));
    };
    let end = at + 4 + usize::from(u16::from_be_bytes([l0, l1])) * 4;
    let body = octets.get(at + 4..end).ok_or(ParseError::new(at, "as much as the block's length says"))?;
    Ok((kind, body))
}

impl<'a> Extended<'a> {
    fn read(kind: u8, body: &'a [u8]) -> Self {
        match (kind, body) {
            (RECEIVER_TIME, _) => {
                let time = body.try_into().map(|octets| NtpTime(u64::from_be_bytes(octets)));
                time.map_or(Self::Other(kind, body), Self::ReceiverTime)
            }
            (DELAY_SINCE, _) if body.len().is_multiple_of(12) => Self::DelaySince(Delays(body)),
            (VOIP, _) => VoipMetrics::read(body).map_or(Self::Other(kind, body), Self::Voip),
            _ => Self::Other(kind, body),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut head = |kind: u8, bytes: usize| {
            let [l0, l1] = ((bytes / 4) as u16).to_be_bytes();
            out.extend_from_slice(&[kind, 0, l0, l1]);
        };
        match self {
            Self::ReceiverTime(time) => {
                head(RECEIVER_TIME, 8);
                out.extend_from_slice(&time.0.to_be_bytes());
            }
            Self::DelaySince(delays) => {
                head(DELAY_SINCE, delays.0.len());
                out.extend_from_slice(delays.0);
            }
            Self::Voip(metrics) => {
                head(VOIP, VoipMetrics::BYTES);
                metrics.write(out);
            }
            Self::Other(kind, body) => {
                head(*kind, body.len());
                out.extend_from_slice(body);
            }
        }
    }
}

/// Delays of receivers' times, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays<'a>(&'a [u8]);

impl<'a> Delays<'a> {
    /// Delays that were written by [`Delays::octets`], as many as are whole.
    pub fn of(octets: &'a [u8]) -> Self {
        Self(&octets[..octets.len() / 12 * 12])
    }

    /// One delay as octets: the receiver, the middle of its time, how long ago that came in units of 1/65536 s.
    pub fn octets(ssrc: u32, last: u32, delay: u32) -> [u8; 12] {
        let mut octets = [0; 12];
        for (place, word) in octets.chunks_exact_mut(4).zip([ssrc, last, delay]) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        octets
    }

    /// Each delay.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, u32)> + use<'a> {
        let three = |twelve: &[u8; 12]| {
            let number = |at| word(twelve, at).unwrap_or_default();
            (number(0), number(4), number(8))
        };
        self.0.as_chunks().0.iter().map(three)
    }
}

/// Figures of a call (RFC 3611 §4.7). What is not known has the number that the standard says: 127 for levels, factors
/// and scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoipMetrics {
    /// The source that is spoken of.
    pub ssrc: u32,
    /// Lost, in 256ths of what was expected.
    pub loss_rate: u8,
    /// Thrown away because too late or too early, in 256ths.
    pub discard_rate: u8,
    /// Lost and thrown away within bursts, in 256ths.
    pub burst_density: u8,
    /// The same between bursts.
    pub gap_density: u8,
    /// Mean length of bursts in ms.
    pub burst_ms: u16,
    /// Mean length of gaps in ms.
    pub gap_ms: u16,
    /// Round trip in ms.
    pub round_trip_ms: u16,
    /// Delay within the end in ms: jitter buffer, codec, sound card.
    pub end_system_ms: u16,
    /// Level of speech in dBm0; 127 is not known.
    pub signal_level: i8,
    /// Level of noise in dBm0; 127 is not known.
    pub noise_level: i8,
    /// Residual echo return loss in dB; 127 is not known.
    pub echo_return_loss: u8,
    /// Packets that a burst needs between losses to end: 16.
    pub gap_threshold: u8,
    /// R factor of this segment, 0 to 100; 127 is not known.
    pub r_factor: u8,
    /// R factor of what lies beyond it; 127 is not known.
    pub external_r_factor: u8,
    /// MOS for listening, in tenths; 127 is not known.
    pub mos_listening: u8,
    /// MOS for conversation, in tenths; 127 is not known.
    pub mos_conversation: u8,
    /// What the receiver does with loss and jitter (RFC 3611 §4.7.6).
    pub receiver_configuration: u8,
    /// Depth of the jitter buffer in ms: now, at most, and at most ever.
    pub jitter_buffer_ms: [u16; 3],
}

impl Default for VoipMetrics {
    fn default() -> Self {
        Self {
            ssrc: 0,
            loss_rate: 0,
            discard_rate: 0,
            burst_density: 0,
            gap_density: 0,
            burst_ms: 0,
            gap_ms: 0,
            round_trip_ms: 0,
            end_system_ms: 0,
            signal_level: 127,
            noise_level: 127,
            echo_return_loss: 127,
            gap_threshold: 16,
            r_factor: 127,
            external_r_factor: 127,
            mos_listening: 127,
            mos_conversation: 127,
            receiver_configuration: 0,
            jitter_buffer_ms: [0; 3],
        }
    }
}

impl VoipMetrics {
    const BYTES: usize = 32;

    fn read(body: &[u8]) -> Option<Self> {
        let all: &[u8; Self::BYTES] = body.try_into().ok()?;
        let two = |at: usize| u16::from_be_bytes([all[at], all[at + 1]]);
        Some(Self {
            ssrc: word(all, 0)?,
            loss_rate: all[4],
            discard_rate: all[5],
            burst_density: all[6],
            gap_density: all[7],
            burst_ms: two(8),
            gap_ms: two(10),
            round_trip_ms: two(12),
            end_system_ms: two(14),
            signal_level: all[16].cast_signed(),
            noise_level: all[17].cast_signed(),
            echo_return_loss: all[18],
            gap_threshold: all[19],
            r_factor: all[20],
            external_r_factor: all[21],
            mos_listening: all[22],
            mos_conversation: all[23],
            receiver_configuration: all[24],
            jitter_buffer_ms: [two(26), two(28), two(30)],
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[self.loss_rate, self.discard_rate, self.burst_density, self.gap_density]);
        for two in [self.burst_ms, self.gap_ms, self.round_trip_ms, self.end_system_ms] {
            out.extend_from_slice(&two.to_be_bytes());
        }
        out.extend_from_slice(&[
            self.signal_level.cast_unsigned(),
            self.noise_level.cast_unsigned(),
            self.echo_return_loss,
            self.gap_threshold,
            self.r_factor,
            self.external_r_factor,
            self.mos_listening,
            self.mos_conversation,
            self.receiver_configuration,
            0,
        ]);
        for two in self.jitter_buffer_ms {
            out.extend_from_slice(&two.to_be_bytes());
        }
    }
}

const RECEIVER_TIME: u8 = 4;
const DELAY_SINCE: u8 = 5;
const VOIP: u8 = 7;
