//! What the sessions of one thread need of the machine: its sockets. A port that sends to one peer for a while gets a
//! socket of its own for it, which is cheaper; the sessions do not know.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use node::datagram::{Poller, Port};
use proto::media::{MediaEvent, MediaSink};

use super::ports::Pool;
use super::spool::Step;
use super::{Follower, Shared, Tally};
use crate::config::Config;
use crate::core::{Family, Form, Out, Pair, PortId, Recorded};

/// Sockets of one thread; the pair n has the port ids 2n and 2n + 1.
pub(super) struct Machine {
    pub poller: Poller,
    pool: Arc<Pool>,
    dscp: u8,
    pairs: Vec<Option<Sockets>>,
    free: Vec<u32>,
    follower: Arc<Follower>,
    spool: SyncSender<Step>,
    recordings: u64,
    pub tally: Tally,
}

struct Sockets {
    address: IpAddr,
    port: u16,
    rtp: Port,
    rtcp: Port,
    /// Where RTP was sent last, how often in a row up to [`STEADY`], and the socket for it after that.
    steady: Option<(SocketAddr, u8)>,
    toward: Option<Port>,
}

impl Machine {
    /// The sockets of the thread of this number.
    pub fn new(number: u16, poller: Poller, config: &Config, shared: &Shared) -> Self {
        Machine {
            poller,
            pool: Arc::clone(&shared.pool),
            dscp: config.dscp,
            pairs: Vec::new(),
            free: Vec::new(),
            follower: Arc::clone(&shared.follower),
            spool: shared.spool.clone(),
            recordings: u64::from(number) << 48,
            tally: Tally::default(),
        }
    }

    /// The socket that a poll named, and the port that it belongs to.
    pub fn port(&self, number: u32) -> Option<(PortId, &Port)> {
        let id = PortId(number & !TOWARD);
        let sockets = self.pairs.get(id.0 as usize / 2)?.as_ref()?;
        let port = match (number & TOWARD, id.0 % 2) {
            (0, 0) => &sockets.rtp,
            (0, _) => &sockets.rtcp,
            _ => sockets.toward.as_ref()?,
        };
        Some((id, port))
    }

    /// The first free pair at this address that nobody else has.
    fn bind(&mut self, address: IpAddr) -> Option<Sockets> {
        let mut taken_elsewhere = Vec::new();
        let found = (0..ATTEMPTS_MAX).find_map(|_| {
            let port = self.pool.take(address)?;
            let bind = |port| Port::bind(SocketAddr::new(address, port), self.dscp);
            match bind(port).and_then(|rtp| Ok((rtp, bind(port + 1)?))) {
                Ok((rtp, rtcp)) => Some(Sockets { address, port, rtp, rtcp, steady: None, toward: None }),
                Err(why) => {
                    tracing::debug!(%address, port, %why, "a media port cannot be had");
                    taken_elsewhere.push(port);
                    None
                }
            }
        });
        self.tally.unbound += taken_elsewhere.len() as u64;
        for port in taken_elsewhere {
            self.pool.give_back(address, port);
        }
        found
    }
}

impl Sockets {
    /// Sends RTP; `means` are what a socket of its own takes.
    fn send<'a>(
        &mut self,
        octets: &[u8],
        to: SocketAddr,
        means: impl FnOnce() -> (&'a Poller, PortId, u8),
    ) -> io::Result<()> {
        match &mut self.steady {
            Some((steady, count)) if *steady == to => {
                if let Some(toward) = &self.toward {
                    return toward.send_on(octets);
                }
                *count = count.saturating_add(1);
                // Once, whatever comes of it.
                if *count == STEADY {
                    let (poller, id, dscp) = means();
                    let toward = self.rtp.toward(to, dscp);
                    let toward = toward.and_then(|port| poller.add(&port, id.0 | TOWARD).map(|()| port));
                    self.toward = toward.ok();
                }
            }
            // Another peer, or the same one after its NAT forgot it: all comes by the port itself again.
            _ => (self.steady, self.toward) = (Some((to, 0)), None),
        }
        self.rtp.send(octets, to)
    }
}

impl Out for Machine {
    fn take(&mut self, near: Option<IpAddr>, family: Option<Family>) -> Option<Pair> {
        let (address, shown) = self.pool.address(near, family)?;
        let sockets = self.bind(address)?;
        let shown = SocketAddr::new(shown, sockets.port);
        let at = self.free.pop().unwrap_or(self.pairs.len() as u32);
        let pair = Pair { rtp: PortId(2 * at), rtcp: PortId(2 * at + 1), shown };
        let added = self.poller.add(&sockets.rtp, pair.rtp.0);
        if let Err(why) = added.and_then(|()| self.poller.add(&sockets.rtcp, pair.rtcp.0)) {
            tracing::warn!(%why, "a media port cannot be waited for");
            self.free.push(at);
            self.pool.give_back(address, sockets.port);
            return None;
        }
        match self.pairs.get_mut(at as usize) {
            Some(room) => *room = Some(sockets),
            None => self.pairs.push(Some(sockets)),
        }
        Some(pair)
    }

    fn give_back(&mut self, pair: Pair) {
        let at = pair.rtp.0 / 2;
        if let Some(sockets) = self.pairs.get_mut(at as usize).and_then(Option::take) {
            let (address, port) = (sockets.address, sockets.port);
            // Closed before anybody else is given it.
            drop(sockets);
            self.pool.give_back(address, port);
            self.free.push(at);
        }
    }

    fn send(&mut self, from: PortId, to: SocketAddr, octets: &[u8]) {
        let Some(sockets) = self.pairs.get_mut(from.0 as usize / 2).and_then(Option::as_mut) else { return };
        let sent = if from.0.is_multiple_of(2) {
            sockets.send(octets, to, || (&self.poller, from, self.dscp))
        } else {
            sockets.rtcp.send(octets, to)
        };
        if sent.is_err() {
            self.tally.unsent += 1;
        }
    }

    fn begin_recording(&mut self, name: &str, form: Form) -> Option<u64> {
        // Unique among all threads: the upper bits are this one's.
        self.recordings += 1;
        let key = self.recordings;
        self.spool.try_send(Step::Begin { key, name: name.to_owned(), form }).ok()?;
        Some(key)
    }

    fn record(&mut self, key: u64, recorded: Recorded<'_>) {
        let step = match recorded {
            Recorded::Samples(samples) => Step::Samples { key, samples: samples.to_vec() },
            Recorded::End { call, leg, id, cut, why } => {
                Step::End { key, call: call.to_owned(), leg, id, cut, why }
            }
        };
        if self.spool.try_send(step).is_err() {
            self.tally.unspooled += 1;
        }
    }

    fn tell(&mut self, call: &str, event: MediaEvent) {
        if let MediaEvent::Flow { leg, flow } = event {
            tracing::debug!(call, leg = leg.number, ?flow, "how a leg is heard has changed");
        }
        self.follower.post(call, event);
    }
}

/// Marks the socket of a port that is for its peer alone.
const TOWARD: u32 = 1 << 31;
/// Packets in a row to one peer, a second of voice, before it gets a socket of its own.
const STEADY: u8 = 50;
/// How many ports of other programs are passed over before it is said that there is none.
const ATTEMPTS_MAX: usize = 64;
