//! What the sessions of one thread need of the machine: its sockets.

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

    /// The socket of a port.
    pub fn port(&self, id: PortId) -> Option<&Port> {
        let sockets = self.pairs.get(id.0 as usize / 2)?.as_ref()?;
        Some(if id.0.is_multiple_of(2) { &sockets.rtp } else { &sockets.rtcp })
    }

    /// The first free pair at this address that nobody else has.
    fn bind(&mut self, address: IpAddr) -> Option<Sockets> {
        let mut taken_elsewhere = Vec::new();
        let found = (0..ATTEMPTS_MAX).find_map(|_| {
            let port = self.pool.take(address)?;
            let bind = |port| Port::bind(SocketAddr::new(address, port), self.dscp);
            match bind(port).and_then(|rtp| Ok((rtp, bind(port + 1)?))) {
                Ok((rtp, rtcp)) => Some(Sockets { address, port, rtp, rtcp }),
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
        if let Some(port) = self.port(from)
            && port.send(octets, to).is_err()
        {
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
            tracing::info!(call, leg = leg.number, ?flow, "how a leg is heard has changed");
        }
        self.follower.post(call, event);
    }
}

/// How many ports of other programs are passed over before it is said that there is none.
const ATTEMPTS_MAX: usize = 64;
