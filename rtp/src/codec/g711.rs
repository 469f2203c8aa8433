//! G.711: samples of 16 bits to octets and back. Decoding is a table that the compiler makes; encoding is arithmetic, as
//! fast as a table and without its place in the cache.

/// The sample that an octet of µ-law means.
pub const fn of_ulaw(octet: u8) -> i16 {
    OF_ULAW[octet as usize]
}

/// The sample that an octet of A-law means.
pub const fn of_alaw(octet: u8) -> i16 {
    OF_ALAW[octet as usize]
}

/// The octet of µ-law that stands for a sample.
pub const fn to_ulaw(sample: i16) -> u8 {
    // The whole range is shifted so that each segment begins at a power of two.
    let loud = sample.unsigned_abs();
    let biased = if loud > ULAW_CLIP { ULAW_CLIP } else { loud } + ULAW_BIAS;
    let segment = 8 - biased.leading_zeros();
    let step = biased >> (segment + 3) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment as u8) << 4 | step as u8)
}

/// The octet of A-law that stands for a sample.
pub const fn to_alaw(sample: i16) -> u8 {
    // Below zero the complement: there is no zero, and both sides have the same steps.
    let (loud, sign) = if sample < 0 { (!sample, 0) } else { (sample, 0x80) };
    let loud = loud.unsigned_abs();
    let code = if loud < 256 {
        (loud >> 4) as u8
    } else {
        let segment = 8 - loud.leading_zeros();
        (segment as u8) << 4 | (loud >> (segment + 3) & 0x0f) as u8
    };
    (sign | code) ^ ALAW_EVEN_BITS
}

const OF_ULAW: [i16; 256] = table(true);
const OF_ALAW: [i16; 256] = table(false);

const fn table(is_ulaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = if is_ulaw { expand_ulaw(octet as u8) } else { expand_alaw(octet as u8) };
        octet += 1;
    }
    table
}

const fn expand_ulaw(octet: u8) -> i16 {
    let code = !octet;
    let (segment, step) = (code >> 4 & 7, (code & 0x0f) as i16);
    let loud = ((step << 3) + ULAW_BIAS.cast_signed()) << segment;
    if code & 0x80 == 0 { loud - ULAW_BIAS.cast_signed() } else { ULAW_BIAS.cast_signed() - loud }
}

const fn expand_alaw(octet: u8) -> i16 {
    let code = octet ^ ALAW_EVEN_BITS;
    let (segment, step) = (code >> 4 & 7, (code & 0x0f) as i16);
    let loud = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -loud } else { loud }
}

const ULAW_BIAS: u16 = 132;
const ULAW_CLIP: u16 = 32_635;
/// A-law inverts every second bit, so that silence is not all zeros.
const ALAW_EVEN_BITS: u8 = 0x55;
