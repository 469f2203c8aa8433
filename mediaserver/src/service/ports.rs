//! The bounded pool of ports, shared by all threads, and the choice of an address.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use crate::config::{Config, MediaAddress, Ports};
use crate::core::Family;

/// Which ports are free, for each of our addresses. What was used last is used again last, so that strays of a call that
/// has ended meet nobody.
#[derive(Debug)]
pub(super) struct Pool {
    ports: Ports,
    addresses: Vec<MediaAddress>,
    /// Those of the machine, in the order in which they are preferred.
    own: Vec<IpAddr>,
    free: Mutex<HashMap<IpAddr, VecDeque<u16>>>,
    taken: AtomicU32,
    seed: u64,
}

impl Pool {
    pub fn new(config: &Config, own: Vec<IpAddr>, seed: u64) -> Pool {
        Pool {
            ports: config.ports,
            addresses: config.addresses.clone(),
            own,
            free: Mutex::default(),
            taken: AtomicU32::new(0),
            seed,
        }
    }

    /// The address for a peer over there, and what it is shown. A peer without an address gets the first that fits.
    pub fn address(&self, near: Option<IpAddr>, family: Option<Family>) -> Option<(IpAddr, IpAddr)> {
        let family = family.or(near.map(|near| Family::of(near.to_canonical())));
        let fits = |ip: IpAddr| family.is_none_or(|family| Family::of(ip) == family);
        if self.addresses.is_empty() {
            let way = near.and_then(node::datagram::way_to).filter(|way| fits(*way));
            let own = way.or_else(|| self.own.iter().copied().find(|own| fits(*own)))?;
            return Some((own, own));
        }
        let fitting = || self.addresses.iter().filter(|own| fits(own.address));
        let is_local = |own: &&MediaAddress| {
            near.is_some_and(|near| own.local_networks.iter().any(|network| network.contains(near)))
        };
        let own = fitting().find(is_local).or_else(|| fitting().next())?;
        Some((own.address, own.shown(near)))
    }

    /// The first port of a pair that was free longest.
    pub fn take(&self, address: IpAddr) -> Option<u16> {
        let mut free = self.free.lock();
        let free = free.entry(address).or_insert_with(|| self.shuffled());
        let port = free.pop_front()?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(port)
    }

    /// A pair is free again.
    pub fn give_back(&self, address: IpAddr, port: u16) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        if let Some(free) = self.free.lock().get_mut(&address) {
            free.push_back(port);
        }
    }

    /// How many ports are free; of one address, where there are several.
    pub fn ports_free(&self) -> u32 {
        let all = u32::try_from(self.ports.pairs()).unwrap_or(u32::MAX);
        all.saturating_sub(self.taken.load(Ordering::Relaxed)) * 2
    }

    /// All pairs in an order that nobody can guess.
    fn shuffled(&self) -> VecDeque<u16> {
        let pairs = self.ports.pairs();
        let mut ports: Vec<u16> = (0..pairs).map(|pair| self.ports.first + 2 * pair as u16).collect();
        let mut seed = self.seed;
        for at in (1..ports.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ports.swap(at, (seed >> 33) as usize % (at + 1));
        }
        ports.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(text: &str) -> Pool {
        let config = toml::from_str(text).expect("a configuration");
        let own = ["10.0.0.1", "2001:db8::1", "127.0.0.1"].map(|own| own.parse().expect("an address"));
        Pool::new(&config, own.to_vec(), 7)
    }

    #[test]
    fn each_pair_is_given_once_and_comes_back_last() {
        let pool = pool("ports = \"30000-30005\"");
        let own = IpAddr::from([10, 0, 0, 1]);
        let mut taken: Vec<u16> = std::iter::from_fn(|| pool.take(own)).collect();
        assert_eq!(pool.ports_free(), 0);
        pool.give_back(own, taken[1]);
        pool.give_back(own, taken[0]);
        assert_eq!((pool.take(own), pool.take(own)), (Some(taken[1]), Some(taken[0])));
        taken.sort_unstable();
        assert_eq!(taken, [30_000, 30_002, 30_004]);
        assert!(pool.take([10, 0, 0, 2].into()).is_some(), "another address has ports of its own");
    }

    #[test]
    fn an_address_is_chosen_by_family_and_network() {
        let ip = |text: &str| text.parse::<IpAddr>().ok();
        let chosen = |pool: &Pool, near: Option<IpAddr>, family| {
            pool.address(near, family).map(|(own, shown)| format!("{own} {shown}"))
        };
        let machine = pool("");
        assert_eq!(chosen(&machine, None, None).as_deref(), Some("10.0.0.1 10.0.0.1"));
        assert_eq!(chosen(&machine, None, Some(Family::V6)).as_deref(), Some("2001:db8::1 2001:db8::1"));
        assert_eq!(chosen(&machine, ip("127.0.0.1"), None).as_deref(), Some("127.0.0.1 127.0.0.1"));
        let named = pool(
            r#"addresses = ["10.0.0.5", { address = "10.1.0.6", advertise = "203.0.113.5", local_networks = ["10.1.0.0/16"] }]"#,
        );
        assert_eq!(chosen(&named, ip("198.51.100.1"), None).as_deref(), Some("10.0.0.5 10.0.0.5"));
        assert_eq!(chosen(&named, ip("10.1.9.9"), None).as_deref(), Some("10.1.0.6 10.1.0.6"));
        assert_eq!(chosen(&named, None, Some(Family::V6)), None);
    }
}
