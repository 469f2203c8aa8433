//! How many shards there are, and the bounds of their queues.

use serde::Deserialize;

use crate::config::Size;

/// Options of the shards: `[shard]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many threads handle SIP. Default: one up to four cores, then a quarter of the cores. More than the
    /// machine can run at once makes every message wait.
    pub shards: Option<u16>,
    /// Packets that may wait for one shard, coming from another shard or a stream. Default 4096. When it is full a
    /// datagram is dropped and counted, and a stream stops being read.
    pub queue_packets_max: usize,
    /// Octets of those packets together. Default 8 MiB.
    pub queue_octets_max: Size,
    /// Answers of services that may wait for one shard. Default 65,536. When it is full the answer is lost and its
    /// question runs into its deadline.
    pub queue_answers_max: usize,
    /// How many inputs that made a core panic are remembered, so that their repeats are dropped for 32 s.
    /// Default 1024. Below the rate of such inputs, each costs one caught panic more.
    pub quarantine_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shards: None,
            queue_packets_max: 4096,
            queue_octets_max: Size::mib(8),
            queue_answers_max: 65_536,
            quarantine_max: 1024,
        }
    }
}

impl Config {
    /// The number of shards on this machine.
    pub fn count(&self) -> u16 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let usual = if cores <= 4 { 1 } else { u16::try_from(cores / 4).unwrap_or(u16::MAX) };
        self.shards.unwrap_or(usual).max(1)
    }
}
