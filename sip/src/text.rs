//! Numbers as text without an allocation, and lines as RFC 3261 §7 wants them.

use crate::scan;

/// Writes `number` in decimal at the end of `digits` and gives the part that was written.
pub fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// Writes `octets` behind what stands in `out`, each LF that stands alone as CRLF: what we send is not to be read
/// otherwise by a peer that takes CRLF only.
pub fn lines(mut octets: &[u8], out: &mut Vec<u8>) {
    while let Some(feed) = scan::find(b'\n', octets) {
        let (line, rest) = octets.split_at(feed);
        out.extend_from_slice(line);
        out.extend_from_slice(if line.ends_with(b"\r") { b"\n" } else { b"\r\n" });
        octets = &rest[1..];
    }
    out.extend_from_slice(octets);
}
