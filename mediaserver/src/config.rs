//! `[media]`. Plain data, read once.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use node::config::{Duration, Network};
use serde::Deserialize;

use crate::core::Terms;

/// `[media]`: where media is received and sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The ports, `"30000-39999"`: each stream of a leg takes two of them, a call of two phones four. Default
    /// 30000-39999, enough for 2,500 calls. Firewalls must let them in by UDP. Where they run out, calls are refused
    /// with 503.
    pub ports: Ports,
    /// The addresses of this machine that media uses: `["10.0.0.5"]`, or `[{ address = "10.0.0.5", advertise =
    /// "203.0.113.5", local_networks = ["10.0.0.0/8"] }]` behind a NAT. Default: for each phone the address from which
    /// this machine would send to it.
    pub addresses: Vec<MediaAddress>,
    /// How many threads relay. Default: one up to four cores, then a quarter of the cores.
    pub threads: Option<u16>,
    /// How many calls may have media here. Default 10,000, some 3 KB each beside their sockets. More are refused with
    /// 503.
    pub sessions_max: usize,
    /// How many questions may wait for one thread. Default 4096. More are refused with 503.
    pub queue_max: usize,
    /// After so long without a packet of a phone that should send, its call is told. Default 60 s.
    pub inactivity: Duration,
    /// The folder of the sounds that are played: WAV of any rate, or raw µ-law and A-law of 8000 Hz. A sound is looked up
    /// beside the configuration file first. Default: `sounds` in the state folder. `fr/NAME.wav` there is played in the
    /// place of our own clip of that name. A file that is replaced is heard from the next playing on.
    pub sounds: Option<PathBuf>,
    /// The folder of recordings: WAV of 16 bits, 8000 Hz or 16,000 Hz as the phone spoke. Default: `recordings` in the
    /// state folder.
    pub recordings: Option<PathBuf>,
    /// The folder of the configuration file, where there is one.
    #[serde(skip)]
    pub home: Option<PathBuf>,
    /// How packets are marked (RFC 2474), 0 to 63. Default 46, expedited forwarding. Networks that do not know it treat
    /// voice as anything else.
    pub dscp: u8,
}

impl Default for Config {
    fn default() -> Self {
        let terms = Terms::default();
        Config {
            ports: Ports { first: 30_000, last: 39_999 },
            addresses: Vec::new(),
            threads: None,
            sessions_max: terms.sessions_max,
            queue_max: 4096,
            inactivity: terms.inactivity.into(),
            sounds: None,
            recordings: None,
            home: None,
            dscp: 46,
        }
    }
}

impl Config {
    /// The number of threads on this machine.
    pub fn threads(&self) -> u16 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let usual = if cores <= 4 { 1 } else { u16::try_from(cores / 4).unwrap_or(u16::MAX) };
        self.threads.unwrap_or(usual).max(1)
    }

    /// It stands in a file of this folder: sounds are looked up there, and its paths begin there.
    pub fn stands_in(&mut self, folder: &Path) {
        for path in [&mut self.sounds, &mut self.recordings].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        self.home = Some(folder.to_owned());
    }

    /// Where sounds are looked up, in this order.
    pub fn sound_folders(&self) -> Vec<PathBuf> {
        let sounds = self.sounds.clone().unwrap_or_else(|| "sounds".into());
        self.home.iter().cloned().chain([sounds]).collect()
    }

    /// Where recordings are kept.
    pub fn recordings_folder(&self) -> PathBuf {
        self.recordings.clone().unwrap_or_else(|| "recordings".into())
    }

    /// What is wrong with it, as a sentence for people; `None` when it is good.
    pub fn mistake(&self) -> Option<String> {
        if self.dscp > 63 {
            return Some(format!("dscp = {} is above 63; 46 is voice", self.dscp));
        }
        let of = |family: fn(&IpAddr) -> bool| {
            self.addresses.iter().filter(move |own| family(&own.address)).count()
        };
        let wild = self.addresses.iter().find(|own| own.address.is_unspecified());
        if wild.is_some() {
            let said =
                "addresses: 0.0.0.0 cannot be told to a phone; name an address of this machine, or none";
            return Some(said.to_owned());
        }
        if of(IpAddr::is_ipv4) > ADDRESSES_MAX || of(IpAddr::is_ipv6) > ADDRESSES_MAX {
            return Some(format!("addresses: more than {ADDRESSES_MAX} of one family"));
        }
        None
    }

    /// What the sessions of one of the threads go by.
    pub fn terms(&self) -> Terms {
        let sessions_max = self.sessions_max.div_ceil(usize::from(self.threads()));
        Terms { sessions_max, inactivity: *self.inactivity, ..Terms::default() }
    }
}

/// A range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ports {
    /// The first one; even.
    pub first: u16,
    /// The last one.
    pub last: u16,
}

impl Ports {
    /// How many pairs there are.
    pub fn pairs(self) -> usize {
        (usize::from(self.last) + 1 - usize::from(self.first)) / 2
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of ports; write \"30000-39999\"");
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let read = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
        let (first, last) = (read(first)?, read(last)?);
        // RTP is on even ports (RFC 3550), RTCP on the next one.
        let first = first.saturating_add(first % 2);
        if first < 1024 || last <= first {
            return Err(format!("`{text}`: the first port is above 1023 and below the last one"));
        }
        Ok(Ports { first, last })
    }
}

impl TryFrom<String> for Ports {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// An address for media.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct MediaAddress {
    /// Of this machine.
    pub address: IpAddr,
    /// What phones outside `local_networks` are shown instead. Default: the address itself.
    pub advertise: Option<IpAddr>,
    /// Networks that reach the address without translation. Default: none.
    pub local_networks: Vec<Network>,
}

impl MediaAddress {
    /// What a phone over there is shown.
    pub fn shown(&self, near: Option<IpAddr>) -> IpAddr {
        let is_local =
            near.is_some_and(|near| self.local_networks.iter().any(|network| network.contains(near)));
        self.advertise.filter(|_| !is_local).unwrap_or(self.address)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "\"10.0.0.5\", or { address = \"10.0.0.5\", advertise = \"203.0.113.5\" }")]
enum Written {
    Line(IpAddr),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    address: IpAddr,
    advertise: Option<IpAddr>,
    #[serde(default)]
    local_networks: Vec<Network>,
}

impl From<Written> for MediaAddress {
    fn from(written: Written) -> Self {
        match written {
            Written::Line(address) => MediaAddress { address, advertise: None, local_networks: Vec::new() },
            Written::Table(Table { address, advertise, local_networks }) => {
                MediaAddress { address, advertise, local_networks }
            }
        }
    }
}

const ADDRESSES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_begin_even_and_end_above() {
        for (text, said) in [
            ("30000-39999", Ok("30000-39999")),
            ("30001 - 30004", Ok("30002-30004")),
            ("30000", Err("`30000` is no range of ports; write \"30000-39999\"")),
            ("a-b", Err("`a-b` is no range of ports; write \"30000-39999\"")),
            ("80-90", Err("`80-90`: the first port is above 1023 and below the last one")),
            ("4000-3000", Err("`4000-3000`: the first port is above 1023 and below the last one")),
        ] {
            let read = text.parse::<Ports>().map(|ports| ports.to_string());
            assert_eq!(read, said.map(String::from).map_err(String::from));
        }
        assert_eq!("30000-30004".parse::<Ports>().map(Ports::pairs), Ok(2));
    }

    #[test]
    fn an_address_is_a_line_or_a_table() {
        let config: Config = toml::from_str(
            r#"addresses = ["10.0.0.5", { address = "10.0.0.6", advertise = "203.0.113.5", local_networks = ["10.0.0.0/8"] }]"#,
        )
        .expect("both forms");
        let table = &config.addresses[1];
        assert_eq!(config.addresses[0].shown(None).to_string(), "10.0.0.5");
        assert_eq!(table.shown("10.9.9.9".parse().ok()).to_string(), "10.0.0.6");
        assert_eq!(table.shown("198.51.100.1".parse().ok()).to_string(), "203.0.113.5");
        assert_eq!(config.mistake(), None);
        assert!(Config { dscp: 64, ..Config::default() }.mistake().is_some());
    }
}
