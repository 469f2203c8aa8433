//! What a shard of the edge is made with: the configuration, who it is, its keys and the dial plan.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use node::Listeners;
use node::shard::Spread;
use sip::auth::Replay;
use sip::message::Limits;
use sip::uri::{Host, SipUri, Uri};

use super::call::slot::Parks;
use super::notifier::watched::Watched;
use super::route::Routes;
use super::token;
use crate::config::ProxyConfig;

/// Everything that is known before the first message. Shared by the shards of a process, but for `shard`.
#[derive(Clone)]
pub struct Settings {
    /// `[proxy]`.
    pub config: ProxyConfig,
    /// Our addresses.
    pub listeners: Arc<Listeners>,
    /// The dial plan.
    pub routes: Arc<dyn Routes>,
    /// The keys of Record-Route tokens.
    pub tokens: token::Keys,
    /// The limits of messages.
    pub limits: Limits,
    /// What the transaction layer is made with.
    pub transactions: sip::transaction::Config,
    /// The key of nonces, shared by the edges of a site.
    pub nonce_key: [u8; 32],
    /// Which nonces were used how often: one table for all shards, locked for the moment of a look.
    pub uses: Arc<Mutex<Replay>>,
    /// What lamps show of calls: one table for all shards.
    pub watched: Arc<Watched>,
    /// Which slots calls are parked at: one table for all shards.
    pub parked: Arc<Parks>,
    /// The key of loop hashes, shared by the edges of a site.
    pub loop_key: [u64; 2],
    /// Which Call-ID belongs to which shard: those that we make are drawn until they fall in ours.
    pub spread: Spread,
    /// The number of this edge, from 0.
    pub edge: u16,
    /// The number of this shard, from 0.
    pub shard: u8,
}

impl Settings {
    /// The digest realm.
    pub fn realm(&self) -> &str {
        self.config.realm()
    }

    /// True when a host means the one canonical domain: its name, an alias, or an address of ours.
    pub fn is_local(&self, host: &Host<'_>, port: Option<u16>) -> bool {
        if let Host::Name(name) = host {
            let name = name.strip_suffix('.').unwrap_or(name);
            let known = |known: &str| known.eq_ignore_ascii_case(name);
            if known(&self.config.domain) || self.config.aliases.iter().any(|alias| known(alias)) {
                return port.is_none_or(|port| self.listeners.iter().any(|own| own.bound.port() == port));
            }
        }
        self.is_us(host, port)
    }

    /// True when host and port are an address at which this process listens.
    pub fn is_us(&self, host: &Host<'_>, port: Option<u16>) -> bool {
        match host {
            Host::Name(name) => self.listeners.is_us(name, port),
            Host::V4(address) => self.listeners.is_our_address(IpAddr::V4(*address), port),
            Host::V6(address) => self.listeners.is_our_address(IpAddr::V6(*address), port),
        }
    }

    /// True when the Request-URI of a request asks for somebody here. A `tel:` URI does: its number is ours to
    /// route (RFC 3261 §16.5).
    pub fn is_for_us(&self, uri: &Uri<'_>) -> bool {
        match uri {
            Uri::Sip(uri) => self.is_local(&uri.host, uri.port),
            Uri::Tel(_) => true,
            Uri::Other { .. } => false,
        }
    }

    /// True when a Route names us.
    pub fn is_own_route(&self, uri: &SipUri<'_>) -> bool {
        self.is_local(&uri.host, uri.port)
    }

    /// True for peers whose requests need no authentication.
    pub fn is_trusted(&self, peer: IpAddr) -> bool {
        self.config.trusted.iter().any(|network| network.contains(peer))
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Settings").field("config", &self.config).finish_non_exhaustive()
    }
}
