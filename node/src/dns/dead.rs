//! Which targets did not answer lately: they are tried last (RFC 3263 §4.3).

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sip::transport::{NextHop, Transport};

/// A bounded memory of targets that failed.
#[derive(Debug, Default)]
pub(crate) struct Dead {
    until: HashMap<Target, Instant>,
    /// The same by their ends, so that the one that ends first can make room.
    ends: BTreeSet<(Instant, Target)>,
}

type Target = (Transport, SocketAddr);

impl Dead {
    /// Remembers that a target timed out, was refused or answered 503, until then.
    pub(crate) fn add(&mut self, transport: Transport, remote: SocketAddr, until: Instant) {
        let target = (transport, remote);
        self.remove(target);
        if self.until.len() >= DEAD_MAX
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.until.remove(&first);
        }
        self.until.insert(target, until);
        self.ends.insert((until, target));
    }

    /// Forgets a target that answered.
    pub(crate) fn remove(&mut self, target: Target) {
        if let Some(until) = self.until.remove(&target) {
            self.ends.remove(&(until, target));
        }
    }

    /// How many are remembered now.
    pub(crate) fn len(&mut self, now: Instant) -> usize {
        while let Some((until, target)) = self.ends.first().copied().filter(|(until, _)| *until <= now) {
            self.ends.remove(&(until, target));
            self.until.remove(&target);
        }
        self.until.len()
    }

    /// Puts the dead behind the living; the order is kept otherwise. When all are dead all are tried.
    pub(crate) fn sort(&self, now: Instant, hops: &mut [NextHop]) {
        hops.sort_by_key(|hop| {
            self.until.get(&(hop.transport(), hop.remote())).is_some_and(|until| now < *until)
        });
    }
}

/// How long a server that did not answer is tried last. A Retry-After may be longer, but not without bound.
pub(crate) fn time(usual: Duration, retry_after: Option<Duration>) -> Duration {
    retry_after.map_or(usual, |asked| asked.min(RETRY_AFTER_MAX))
}

/// Targets remembered; beyond it the one that is forgotten first makes room.
const DEAD_MAX: usize = 10_000;
/// The longest Retry-After that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(port: u16) -> NextHop {
        NextHop::Address {
            transport: Transport::Udp,
            remote: ([192, 0, 2, 1], port).into(),
            host: None,
            listener: None,
        }
    }

    #[test]
    fn the_dead_are_tried_last_until_they_answer_or_their_time_is_over() {
        let now = crate::clock::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let order = |dead: &Dead, now| {
            let mut hops = vec![hop(1), hop(2), hop(3)];
            dead.sort(now, &mut hops);
            hops.iter().map(|hop| hop.remote().port()).collect::<Vec<_>>()
        };
        let mut dead = Dead::default();
        dead.add(Transport::Udp, hop(1).remote(), at(10));
        dead.add(Transport::Udp, hop(1).remote(), at(30));
        dead.add(Transport::Udp, hop(2).remote(), at(5));
        dead.add(Transport::Tcp, hop(3).remote(), at(30));
        assert_eq!(order(&dead, now), [3, 1, 2]);
        assert_eq!(order(&dead, at(5)), [2, 3, 1]);
        dead.remove((Transport::Udp, hop(1).remote()));
        assert_eq!(order(&dead, at(5)), [1, 2, 3]);
        assert_eq!((dead.len(now), dead.len(at(5)), dead.len(at(30))), (2, 1, 0));
        assert!(dead.ends.is_empty());
    }

    #[test]
    fn its_memory_is_bounded() {
        let now = crate::clock::now();
        let mut dead = Dead::default();
        for number in 0..DEAD_MAX as u64 + 10 {
            let remote = ([10, 0, (number >> 8) as u8, number as u8], 5060).into();
            dead.add(Transport::Udp, remote, now + Duration::from_secs(60 + number));
        }
        assert_eq!((dead.until.len(), dead.ends.len()), (DEAD_MAX, DEAD_MAX));
        assert!(!dead.until.contains_key(&(Transport::Udp, ([10, 0, 0, 9], 5060).into())));
        assert!(dead.until.contains_key(&(Transport::Udp, ([10, 0, 0, 10], 5060).into())));
    }

    #[test]
    fn a_retry_after_is_believed_within_bounds() {
        let usual = Duration::from_secs(30);
        for (asked, time_of_it) in [(None, 30), (Some(5), 5), (Some(120), 120), (Some(1_000_000), 600)] {
            assert_eq!(time(usual, asked.map(Duration::from_secs)), Duration::from_secs(time_of_it));
        }
    }
}
