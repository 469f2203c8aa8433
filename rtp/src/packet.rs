//! RTP packets (RFC 3550 §5.1): read borrowed, written into room that is there, and patched in place by a relay. None
//! of it allocates.

use crate::error::ParseError;

/// Octets of the fixed header.
pub const HEADER_BYTES: usize = 12;

/// The fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// The first packet of a talk spurt (RFC 3551 §4.1), or what the codec says.
    pub marker: bool,
    /// What the payload is, 0 to 127.
    pub payload_type: u8,
    /// Rises by one with each packet.
    pub sequence: u16,
    /// When its first sample was taken, in units of the clock rate.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
}

impl Header {
    /// The header as octets, without padding, extension or contributing sources.
    pub fn octets(&self) -> [u8; HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [x0, x1, x2, x3] = self.ssrc.to_be_bytes();
        let second = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        [VERSION << 6, second, s0, s1, t0, t1, t2, t3, x0, x1, x2, x3]
    }

    /// Writes a packet with this header behind what stands in `out`.
    pub fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
        out.extend_from_slice(payload);
    }

    fn read(octets: [u8; HEADER_BYTES]) -> Self {
        let [_, second, s0, s1, t0, t1, t2, t3, x0, x1, x2, x3] = octets;
        Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([x0, x1, x2, x3]),
        }
    }
}

/// A packet that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its fixed header.
    pub header: Header,
    /// Contributing sources, four octets each.
    csrcs: &'a [u8],
    /// The header extension (RFC 3550 §5.3.1): what it is, and its octets.
    pub extension: Option<(u16, &'a [u8])>,
    /// The payload, without padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet (RFC 3550 §5.1, §A.1).
    pub fn read(octets: &'a [u8]) -> Result<Self, ParseError> {
        let fixed = fixed(octets)?;
        let header = Header::read(*fixed);
        let csrcs_end = HEADER_BYTES + usize::from(fixed[0] & 0x0f) * 4;
        let csrcs = octets
            .get(HEADER_BYTES..csrcs_end)
            .ok_or(ParseError::new(octets.len(), "as many contributing sources as are counted"))?;
        let mut start = csrcs_end;
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let short = ParseError::new(octets.len(), "the header extension");
            let head = octets.get(start..start + 4).ok_or(short)?;
            let end = start + 4 + usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
            extension =
                Some((u16::from_be_bytes([head[0], head[1]]), octets.get(start + 4..end).ok_or(short)?));
            start = end;
        }
        let mut end = octets.len();
        if fixed[0] & 0x20 != 0 {
            let padding = usize::from(octets[end - 1]);
            if padding == 0 || padding > end - start {
                return Err(ParseError::new(end - 1, "a count of padding that fits"));
            }
            end -= padding;
        }
        Ok(Self { header, csrcs, extension, payload: &octets[start..end] })
    }

    /// The contributing sources.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.csrcs.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
    }
}

fn fixed(octets: &[u8]) -> Result<&[u8; HEADER_BYTES], ParseError> {
    let fixed = octets.first_chunk().ok_or(ParseError::new(octets.len(), "a header of 12 octets"))?;
    if fixed[0] >> 6 != VERSION {
        return Err(ParseError::new(0, "version 2"));
    }
    Ok(fixed)
}

/// The header of a packet in its buffer, for a relay: all else stays as it came.
#[derive(Debug)]
pub struct HeaderMut<'a>(&'a mut [u8; HEADER_BYTES]);

impl<'a> HeaderMut<'a> {
    /// The header at the start of these octets, when there is one.
    pub fn of(octets: &'a mut [u8]) -> Option<Self> {
        fixed(octets).ok()?;
        octets.first_chunk_mut().map(Self)
    }

    /// What it says.
    pub fn header(&self) -> Header {
        Header::read(*self.0)
    }

    /// Another header; padding, extension and count of contributing sources stay.
    pub fn set(&mut self, header: &Header) {
        let first = self.0[0];
        *self.0 = header.octets();
        self.0[0] = first;
    }

    /// Another payload type.
    pub fn set_payload_type(&mut self, payload_type: u8) {
        self.0[1] = self.0[1] & 0x80 | payload_type & 0x7f;
    }

    /// Another marker.
    pub fn set_marker(&mut self, marker: bool) {
        self.0[1] = self.0[1] & 0x7f | u8::from(marker) << 7;
    }

    /// Another sequence number.
    pub fn set_sequence(&mut self, sequence: u16) {
        self.0[2..4].copy_from_slice(&sequence.to_be_bytes());
    }

    /// Another timestamp.
    pub fn set_timestamp(&mut self, timestamp: u32) {
        self.0[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }

    /// Another source.
    pub fn set_ssrc(&mut self, ssrc: u32) {
        self.0[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }
}

/// What a datagram on a media port is, by its first octets (RFC 7983 §7, RFC 5761 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// STUN: a question of ICE.
    Stun,
    /// DTLS: an agreement on keys.
    Dtls,
    /// ZRTP, by the cookie in the place of its timestamp (RFC 6189 §5).
    Zrtp,
    /// Something else: keep-alives of zeros or empty ones, strays.
    Other,
}

impl Arrival {
    /// Looks at the first octets.
    pub fn of(octets: &[u8]) -> Self {
        match octets {
            [0x10, _, _, _, b'Z', b'R', b'T', b'P', ..] => Self::Zrtp,
            [0..=3, _, ..] => Self::Stun,
            [20..=63, _, ..] => Self::Dtls,
            // RFC 5761 §4: with RTCP on the port, payload types 64 to 95 are its packet types 192 to 223.
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => Self::Other,
        }
    }
}

const VERSION: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Two contributing sources, an extension of one word, three octets of padding.
    const FULL: [u8; 38] = [
        0xb2, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0,
        1, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 0, 0, 3,
    ];

    #[test]
    fn each_part_of_a_packet_is_read() {
        let packet = Packet::read(&FULL).expect("a packet");
        let header = packet.header;
        assert_eq!(
            header,
            Header { marker: true, payload_type: 8, sequence: 0x1234, timestamp: 160, ssrc: 0xdead_beef }
        );
        assert_eq!(packet.csrcs().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(packet.extension, Some((0xbede, &[1, 2, 3, 4][..])));
        assert_eq!(packet.payload, [9; 7]);
    }

    #[test]
    fn what_is_no_packet_says_where() {
        let cut = |length: usize| Packet::read(&FULL[..length]).expect_err("too short").to_string();
        assert_eq!(cut(11), "octet 11: expected a header of 12 octets");
        assert_eq!(cut(19), "octet 19: expected as many contributing sources as are counted");
        assert_eq!(cut(27), "octet 27: expected the header extension");
        // The last octet counts more padding than there is.
        assert_eq!(cut(35), "octet 34: expected a count of padding that fits");
        let mut old = FULL;
        old[0] = 0x72;
        assert_eq!(Packet::read(&old).expect_err("old").to_string(), "octet 0: expected version 2");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for sequence in [0, 1, 0x7fff, 0xffff] {
            for marker in [false, true] {
                let payload_type = (sequence % 128) as u8;
                let header = Header {
                    marker,
                    payload_type,
                    sequence,
                    timestamp: 0xffff_ff00,
                    ssrc: u32::from(sequence),
                };
                let mut octets = Vec::new();
                header.write(&[1, 2, 3], &mut octets);
                let packet = Packet::read(&octets).expect("a packet");
                assert_eq!((packet.header, packet.payload), (header, &[1, 2, 3][..]));
            }
        }
    }

    #[test]
    fn a_patch_changes_its_field_alone() {
        let mut octets = FULL;
        let mut patched = HeaderMut::of(&mut octets).expect("a header");
        patched.set_payload_type(127);
        patched.set_marker(false);
        patched.set_sequence(7);
        patched.set_timestamp(9);
        patched.set_ssrc(11);
        let wanted = Header { marker: false, payload_type: 127, sequence: 7, timestamp: 9, ssrc: 11 };
        assert_eq!(patched.header(), wanted);
        let packet = Packet::read(&octets).expect("a packet");
        assert_eq!((packet.header, packet.payload, packet.csrcs().len()), (wanted, &[9; 7][..], 2));
        let header = Packet::read(&FULL).expect("a packet").header;
        HeaderMut::of(&mut octets).expect("a header").set(&header);
        assert_eq!(octets, FULL);
        assert!(HeaderMut::of(&mut [0x80; 11]).is_none());
    }

    #[test]
    fn datagrams_are_told_apart_by_their_first_octets() {
        let table: [(&[u8], Arrival); 9] = [
            (&FULL, Arrival::Rtp),
            (&[0x80, 200, 0, 6], Arrival::Rtcp),
            (&[0x80, 0xe5, 0, 6], Arrival::Rtp),
            (&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], Arrival::Stun),
            (&[22, 0xfe, 0xff], Arrival::Dtls),
            (&[0x10, 0, 0, 1, b'Z', b'R', b'T', b'P'], Arrival::Zrtp),
            (&[0x80], Arrival::Other),
            (&[], Arrival::Other),
            (b"\r\n\r\n", Arrival::Other),
        ];
        for (octets, wanted) in table {
            assert_eq!(Arrival::of(octets), wanted, "{octets:?}");
        }
    }
}
