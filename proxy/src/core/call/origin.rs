//! What a phone is told of its session, whoever describes it: the other phone, the media server, another phone after a
//! transfer. Its `o=` line stays the same, but for a version that grows with each change (RFC 3264 §8).

use std::borrow::Cow;

use super::leg::Leg;

impl Leg {
    /// A description as this phone is told it, after what it was told before. It is noted as the last one.
    pub fn tell<'a>(&mut self, sdp: &'a [u8]) -> Cow<'a, [u8]> {
        let told = continued(&self.said, sdp);
        self.said.clear();
        self.said.extend_from_slice(&told);
        told
    }
}

/// `sdp` with the origin of what was said before it; as it is where nothing was, or where a line of theirs cannot be
/// read.
fn continued<'a>(before: &[u8], sdp: &'a [u8]) -> Cow<'a, [u8]> {
    let (Some(old), Some(new)) = (Origin::find(before), Origin::find(sdp)) else { return Cow::Borrowed(sdp) };
    let is_same = before[..old.start] == sdp[..new.start] && before[old.end..] == sdp[new.end..];
    let version = if is_same { old.version } else { old.version.wrapping_add(1) };
    if new.version == version && (new.front, new.back) == (old.front, old.back) {
        return Cow::Borrowed(sdp);
    }
    let version = version.to_string();
    Cow::Owned(
        [&sdp[..new.start], old.front, b" ", version.as_bytes(), b" ", old.back, &sdp[new.end..]].concat(),
    )
}

/// An `o=` line (RFC 8866 §5.2), and where it stands.
struct Origin<'a> {
    start: usize,
    end: usize,
    /// `o=`, user name and session id.
    front: &'a [u8],
    version: u64,
    /// Network, address type and address.
    back: &'a [u8],
}

impl<'a> Origin<'a> {
    fn find(sdp: &'a [u8]) -> Option<Self> {
        let is_start = |at: usize| sdp[at..].starts_with(b"o=") && (at == 0 || sdp[at - 1] == b'\n');
        let start = (0..sdp.len().min(ORIGIN_WITHIN)).find(|at| is_start(*at))?;
        let length = sdp[start..].iter().position(|octet| matches!(octet, b'\r' | b'\n'))?;
        let line = &sdp[start..start + length];
        let mut spaces = line.iter().enumerate().filter(|(_, octet)| **octet == b' ').map(|(at, _)| at);
        let (_, second, third) = (spaces.next()?, spaces.next()?, spaces.next()?);
        let version = std::str::from_utf8(&line[second + 1..third]).ok()?.parse().ok()?;
        Some(Self { start, end: start + length, front: &line[..second], version, back: &line[third + 1..] })
    }
}

/// The line is the second one of a description.
const ORIGIN_WITHIN: usize = 512;

#[cfg(test)]
mod tests {
    use super::Leg;

    fn told(leg: &mut Leg, sdp: &str) -> String {
        String::from_utf8_lossy(&leg.tell(sdp.as_bytes())).into_owned()
    }

    #[test]
    fn the_first_description_is_told_as_it_is() {
        let mut leg = Leg::new(b"call", "tag");
        let sdp = "v=0\r\no=bob 7 2 IN IP4 10.0.0.2\r\ns=-\r\n";
        assert_eq!(told(&mut leg, sdp), sdp);
        assert_eq!(leg.said, sdp.as_bytes());
    }

    #[test]
    fn who_is_heard_next_is_described_as_a_change_of_the_same_session() {
        let mut leg = Leg::new(b"call", "tag");
        told(&mut leg, "v=0\r\no=bob 7 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\n");
        let next = told(&mut leg, "v=0\r\no=- 99 99 IN IP6 ::1\r\ns=x\r\nc=IN IP6 ::1\r\n");
        assert_eq!(next, "v=0\r\no=bob 7 3 IN IP4 10.0.0.2\r\ns=x\r\nc=IN IP6 ::1\r\n");
    }

    #[test]
    fn what_does_not_change_keeps_its_version() {
        let mut leg = Leg::new(b"call", "tag");
        told(&mut leg, "v=0\r\no=bob 7 2 IN IP4 10.0.0.2\r\ns=-\r\n");
        let again = told(&mut leg, "v=0\r\no=- 99 5 IN IP4 10.0.0.9\r\ns=-\r\n");
        assert_eq!(again, "v=0\r\no=bob 7 2 IN IP4 10.0.0.2\r\ns=-\r\n");
        let changed = told(&mut leg, "v=0\r\no=- 99 5 IN IP4 10.0.0.9\r\ns=-\r\na=sendonly\r\n");
        assert!(changed.contains("o=bob 7 3 IN"), "{changed}");
    }

    #[test]
    fn an_origin_that_cannot_be_read_is_left_alone() {
        let mut leg = Leg::new(b"call", "tag");
        for sdp in ["", "v=0\r\n", "o=", "o=- 1 x IN IP4 h\r\n", "v=0\r\no=- 1 2", "alice"] {
            told(&mut leg, "v=0\r\no=bob 7 2 IN IP4 10.0.0.2\r\ns=-\r\n");
            assert_eq!(told(&mut leg, sdp), sdp);
        }
    }
}
