//! 16 bits as they are, most significant octet first (RFC 3551 §4.5.11).

pub(super) fn encode(samples: &[i16], out: &mut Vec<u8>) {
    out.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()));
}

pub(super) fn decode(payload: &[u8], out: &mut Vec<i16>) {
    out.extend(payload.as_chunks().0.iter().map(|two| i16::from_be_bytes(*two)));
}
