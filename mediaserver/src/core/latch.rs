//! Where a stream really comes from. What SDP says is often wrong (NAT), and what arrives may be a stray: an address is
//! learnt by probation, then locked.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How much is to be believed of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// An address that nothing speaks for.
    Elsewhere,
    /// Another port of the host that SDP names, or of the one that signalling comes from.
    Host,
    /// What SDP says.
    Exact,
}

impl Trust {
    /// How many packets in sequence earn the lock.
    const fn probation(self) -> u8 {
        match self {
            Trust::Exact => 1,
            Trust::Host => 2,
            Trust::Elsewhere => 5,
        }
    }
}

/// What tells one source's packets from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Synchronization source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
}

#[derive(Debug, Clone, Copy)]
struct Locked {
    from: SocketAddr,
    trust: Trust,
    ssrc: u32,
    heard_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    mark: Mark,
    count: u8,
}

/// The source of one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Latch {
    expected: Option<SocketAddr>,
    /// Where signalling comes from.
    near: Option<IpAddr>,
    locked: Option<Locked>,
    candidate: Option<Candidate>,
    /// An offer or answer came since the source was last heard: another one may take its place.
    is_open: bool,
}

impl Latch {
    /// Begins anew at an offer or answer. A source that is locked stays, when SDP names the same address as before,
    /// until another one has passed its probation.
    pub fn reopen(&mut self, expected: Option<SocketAddr>, near: Option<IpAddr>) {
        if expected != self.expected {
            self.locked = None;
        }
        *self = Latch { expected, near, candidate: None, is_open: true, ..*self };
    }

    /// True when a packet from there may be used. `mark` is that of RTP; other packets are taken from a source that is
    /// known already, and earn nothing.
    pub fn admits(&mut self, now: Instant, from: SocketAddr, mark: Option<Mark>) -> bool {
        let trust = self.trust(from);
        let Some(mark) = mark else {
            return self.locked.map_or(trust == Trust::Exact, |locked| locked.from == from);
        };
        if let Some(locked) = &mut self.locked {
            if locked.from == from {
                locked.heard_at = now;
                locked.ssrc = mark.ssrc;
                self.is_open = false;
                return true;
            }
            let silent = now.saturating_duration_since(locked.heard_at);
            let moved = locked.from.ip() == from.ip() && locked.ssrc == mark.ssrc && silent >= MOVED;
            let may_replace = trust > locked.trust || moved || self.is_open && silent >= REPLACED;
            if !may_replace {
                self.candidate = None;
                return false;
            }
        }
        let count = match self.candidate {
            Some(before) if before.from == from && before.mark.is_followed_by(mark) => before.count + 1,
            _ => 1,
        };
        if count < trust.probation() {
            self.candidate = Some(Candidate { from, mark, count });
            return false;
        }
        self.candidate = None;
        self.is_open = false;
        self.locked = Some(Locked { from, trust, ssrc: mark.ssrc, heard_at: now });
        true
    }

    /// Where to send: the source that is locked, else what SDP says.
    pub fn target(&self) -> Option<SocketAddr> {
        self.locked.map(|locked| locked.from).or(self.expected)
    }

    /// The host that a packet of the same stream on another port has to come from.
    pub fn is_host(&self, ip: IpAddr) -> bool {
        match self.locked {
            Some(locked) => locked.from.ip() == ip,
            None => self.expected.is_some_and(|expected| expected.ip() == ip) || self.near == Some(ip),
        }
    }

    fn trust(&self, from: SocketAddr) -> Trust {
        match self.expected {
            Some(expected) if expected == from => Trust::Exact,
            Some(expected) if expected.ip() == from.ip() => Trust::Host,
            _ if self.near == Some(from.ip()) => Trust::Host,
            _ => Trust::Elsewhere,
        }
    }
}

impl Mark {
    /// The next packet of the same source, or one of the next few: one may be lost meanwhile.
    fn is_followed_by(self, next: Mark) -> bool {
        self.ssrc == next.ssrc && (1..=3).contains(&next.sequence.wrapping_sub(self.sequence))
    }
}

/// After so long a silence a source may come from another port of its host: a NAT has forgotten it.
const MOVED: Duration = Duration::from_secs(1);
/// After an offer or answer, a source that was silent for so long may be replaced by any other.
const REPLACED: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets as `t from ssrc sequence verdict` in ms; `open ADDRESS` is an offer or answer.
    fn check(script: &str) {
        let start = Instant::now();
        let mut latch = Latch::default();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
            if words[0] == "open" {
                latch.reopen(Some(address(words[1])), words.get(2).map(|near| near.parse().expect("an IP")));
                continue;
            }
            let now = start + Duration::from_millis(words[0].parse().expect("ms"));
            let mark =
                Mark { ssrc: words[2].parse().expect("a number"), sequence: words[3].parse().expect("too") };
            let verdict = if latch.admits(now, address(words[1]), Some(mark)) { "taken" } else { "dropped" };
            assert_eq!(verdict, words[4], "{line}");
        }
    }

    #[test]
    fn the_address_of_sdp_is_taken_at_once_and_locks() {
        check(
            "open 192.0.2.1:4000
             0    192.0.2.1:4000 7 1 taken
             20   192.0.2.66:9 9 1 dropped
             40   192.0.2.1:4000 7 2 taken",
        );
    }

    #[test]
    fn a_phone_behind_nat_is_learnt_from_the_host_of_its_signalling() {
        check(
            "open 192.168.1.5:4000 203.0.113.9
             0    203.0.113.9:31000 7 1 dropped
             20   203.0.113.9:31000 7 2 taken
             40   203.0.113.9:31002 8 1 dropped",
        );
    }

    #[test]
    fn an_address_that_nothing_speaks_for_needs_five_in_sequence() {
        check(
            "open 192.168.1.5:4000
             0    203.0.113.9:31000 7 10 dropped
             20   203.0.113.9:31000 7 11 dropped
             40   203.0.113.9:31000 7 13 dropped
             60   203.0.113.9:31000 7 14 dropped
             80   203.0.113.9:31000 7 15 taken
             100  192.168.1.5:4000 7 16 taken
             120  203.0.113.9:31000 7 17 dropped",
        );
    }

    #[test]
    fn strays_never_add_up_to_a_lock() {
        check(
            "open 192.168.1.5:4000
             0    203.0.113.9:31000 7 10 dropped
             20   203.0.113.9:31000 7 40 dropped
             40   203.0.113.9:31000 8 41 dropped
             60   203.0.113.10:31000 8 42 dropped
             80   203.0.113.9:31000 8 43 dropped
             100  203.0.113.9:31000 8 44 dropped",
        );
    }

    #[test]
    fn a_stranger_in_sequence_does_not_take_over_what_is_alive() {
        check(
            "open 192.0.2.1:4000
             0    192.0.2.1:4000 7 1 taken
             1    198.51.100.1:4000 7 2 dropped
             2    198.51.100.1:4000 7 3 dropped
             20   192.0.2.1:4000 7 2 taken
             21   198.51.100.1:4000 7 4 dropped
             22   198.51.100.1:4000 7 5 dropped
             23   198.51.100.1:4000 7 6 dropped
             5000 198.51.100.1:4000 7 7 dropped",
        );
    }

    #[test]
    fn a_nat_that_forgot_gives_another_port_and_is_followed() {
        check(
            "open 192.168.1.5:4000 203.0.113.9
             0    203.0.113.9:31000 7 1 dropped
             20   203.0.113.9:31000 7 2 taken
             500  203.0.113.9:31999 7 3 dropped
             1100 203.0.113.9:31999 7 4 dropped
             1120 203.0.113.9:31999 7 5 taken",
        );
    }

    #[test]
    fn an_offer_that_moves_reopens_and_one_that_does_not_keeps_the_lock() {
        check(
            "open 192.0.2.1:4000
             0    192.0.2.1:4000 7 1 taken
             open 192.0.2.1:4000
             20   198.51.100.1:4000 9 1 dropped
             40   192.0.2.1:4000 7 2 taken
             open 192.0.2.2:5000
             60   192.0.2.1:4000 7 3 dropped
             80   192.0.2.2:5000 8 1 taken",
        );
    }

    #[test]
    fn after_a_new_answer_a_silent_source_may_be_replaced_after_probation() {
        check(
            "open 192.0.2.1:4000
             0    192.0.2.1:4000 7 1 taken
             open 192.0.2.1:4000
             400  198.51.100.1:4000 9 1 dropped
             420  198.51.100.1:4000 9 2 dropped
             440  198.51.100.1:4000 9 3 dropped
             460  198.51.100.1:4000 9 4 dropped
             480  198.51.100.1:4000 9 5 taken",
        );
    }
}
