//! When RTCP is due (RFC 3550 §6.2, §6.3, §A.7).

use std::time::Duration;

/// What the time between two reports depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Session {
    /// Sources that were heard, with us.
    pub members: u32,
    /// Those of them that send.
    pub senders: u32,
    /// We send.
    pub is_sender: bool,
    /// Octets a second that RTCP may take: 5 per cent of the session's.
    pub bandwidth: f64,
    /// Mean size of RTCP datagrams in octets, UDP and IP headers too.
    pub average_size: f64,
    /// Nothing was reported yet.
    pub is_first: bool,
}

impl Session {
    /// Two ends that both send G.711: what nearly every call is.
    pub fn call() -> Self {
        Self {
            members: 2,
            senders: 2,
            is_sender: true,
            bandwidth: 400.0,
            average_size: 120.0,
            is_first: true,
        }
    }

    /// How long to wait for the next report; `chance` is from 0 to 1, so that ends do not speak at once.
    pub fn interval(&self, chance: f64) -> Duration {
        let least = if self.is_first { LEAST_SECONDS / 2.0 } else { LEAST_SECONDS };
        let (mut bandwidth, mut members) = (self.bandwidth, self.members.max(1));
        // RFC 3550 §6.2: while few send, a quarter is theirs.
        if f64::from(self.senders) <= f64::from(self.members) * SENDERS_SHARE {
            if self.is_sender {
                (bandwidth, members) = (bandwidth * SENDERS_SHARE, self.senders.max(1));
            } else {
                (bandwidth, members) =
                    (bandwidth * (1.0 - SENDERS_SHARE), members.saturating_sub(self.senders).max(1));
            }
        }
        let even = (self.average_size * f64::from(members) / bandwidth.max(1.0)).max(least);
        let drawn = even * (chance.clamp(0.0, 1.0) + 0.5) / COMPENSATION;
        Duration::from_secs_f64(drawn.min(MOST_SECONDS))
    }

    /// Counts the size of a datagram that came or went (RFC 3550 §6.3.3).
    pub fn seen(&mut self, octets: usize) {
        let size = octets as f64 + HEADERS_OCTETS;
        self.average_size += (size - self.average_size) / 16.0;
    }
}

const LEAST_SECONDS: f64 = 5.0;
/// Longer than that nobody waits, however thin the line: the other end would think that we are gone.
const MOST_SECONDS: f64 = 60.0;
const SENDERS_SHARE: f64 = 0.25;
/// e - 3/2: reconsideration lets fewer reports through than the bandwidth allows (RFC 3550 §6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// UDP and IPv4.
const HEADERS_OCTETS: f64 = 28.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reports_about_every_five_seconds() {
        let mut session = Session::call();
        let seconds = |session: &Session, chance| session.interval(chance).as_secs_f64();
        assert!((seconds(&session, 0.5) - 2.5 / 1.218_28).abs() < 1e-4, "half of it at first");
        session.is_first = false;
        assert!((seconds(&session, 0.0) - 2.5 / 1.218_28).abs() < 1e-4);
        assert!((seconds(&session, 1.0) - 7.5 / 1.218_28).abs() < 1e-4);
    }

    #[test]
    fn many_members_share_the_bandwidth() {
        let listeners = Session { members: 1_001, senders: 1, is_first: false, ..Session::call() };
        let sender = listeners.interval(0.5);
        let listener = Session { is_sender: false, ..listeners }.interval(0.5);
        assert!(sender < Duration::from_secs(5) && listener == Duration::from_secs_f64(MOST_SECONDS));
    }

    #[test]
    fn the_mean_size_follows_what_is_seen() {
        let mut session = Session::call();
        (0..200).for_each(|_| session.seen(72));
        assert!((session.average_size - 100.0).abs() < 0.1, "{}", session.average_size);
    }
}
