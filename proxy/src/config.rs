//! `[proxy]`: what the edge allows, and the limit of each of its tables. Plain data, read once.

pub mod notifier;
pub mod plan;

use node::config::{Duration, Network};
use serde::Deserialize;

/// Whose media go through a media server of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// Nobody's, as long as phones can do without: they go from phone to phone.
    Never,
    /// Those of calls with a phone behind NAT at either end.
    Nat,
    /// Everybody's.
    Always,
}

/// `[proxy]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// The one canonical domain: the host of every address of record. Default `carillon.local`; all local addresses
    /// are aliases of it. Changing it makes every stored HA1 useless when `realm` is not set.
    pub domain: String,
    /// More names of the same domain, such as the DNS names that phones use. Default: none. A name that is missing
    /// here is foreign: calls to it are forwarded away, and registrations for it refused.
    pub aliases: Vec<String>,
    /// The digest realm (RFC 7616 §3.3). Default: `domain`. Phones show it; stored HA1 values contain it.
    pub realm: Option<String>,
    /// Digest algorithms to offer, the preferred first (RFC 8760 §2.4): `SHA-256`, `SHA-512-256`, `MD5`. Default
    /// `["MD5"]`. A phone should pass over what it does not know, yet some (baresip 1.0) give up when they meet
    /// SHA-256, even beside MD5; without MD5 most desk phones cannot register.
    pub algorithms: Vec<String>,
    /// How long a nonce may be used before it is called stale. Default 5 min. Shorter asks phones twice for each
    /// registration; longer gives a captured answer more time.
    pub nonce_lifetime: Duration,
    /// Whether strangers may call our users. Default no: whoever calls authenticates. With yes, a From of our own
    /// domain still has to authenticate, and nobody is ever relayed to a foreign domain without.
    pub allow_unauthenticated_calls: bool,
    /// Whether authenticated users may call foreign domains (`sip:bob@example.net`). Default yes.
    pub allow_foreign_domains: bool,
    /// Networks whose requests need no authentication and whose P-Asserted-Identity is believed (RFC 3325), such as
    /// a trunk or another proxy. Default: none. A phone network does not belong here.
    pub trusted: Vec<Network>,
    /// How long a branch may ring without a final answer (timer C, RFC 3261 §16.6 step 11). Default 180 s, at
    /// least 3 min by the standard. Below it long ringing is cut; far above it lost branches pile up.
    pub ring_timeout: Duration,
    /// Whether the proxy itself follows a 3xx response of a phone (RFC 3261 §16.7 step 4). Default yes, so that call
    /// forwarding by 302 works; a Contact of a foreign domain is followed only with `allow_foreign_domains`.
    pub follow_redirects: bool,
    /// Whether a 6xx ends the call for all phones and all steps (RFC 3261 §16.7 step 5). Default yes. With no, it
    /// ends only the phones of its step, and the next step is taken.
    pub decline_ends_call: bool,
    /// Whose media go through a media server of ours: `never`, `nat` (calls with a phone behind NAT), or `always`.
    /// Such a call is conducted: it has a dialog with each phone, and holds memory and ports until it ends. Without a
    /// media server it is refused with 500. Default: those that need it. A call that an application may get is
    /// conducted whatever this says, and its media go from phone to phone until an application, a transfer, a parking
    /// place or music on hold has it; by default they go through the media server from the first ring where a phone of
    /// it is behind NAT, where the two speak IPv4 and IPv6, and towards whoever is no user of ours, so that what a trunk
    /// says before it answers is heard. With `never` such a caller hears what his own phone plays until the answer.
    pub anchor: Option<Anchor>,
    /// How long a session of a conducted call lasts without a sign of its phone, where that does session timers
    /// (RFC 4028): a phone that vanished is noticed then, at the latest. Default 30 min, the standard's choice;
    /// `"0s"` asks no phone for it, and still agrees with those that ask.
    pub session_expires: Duration,
    /// The shortest such time that a phone may ask for; less is refused with 422. Default 90 s, which is the
    /// least. Short ones cost a request of each phone every half of it.
    pub session_expires_min: Duration,
    /// What a phone on hold hears in a conducted call: a sound file, looked up as those of menus are. Default: a soft
    /// tone every five seconds; `""` leaves it in silence.
    pub music_on_hold: Option<String>,
    /// The code with which a user picks up a call that rings at another's phone: `*86002` for extension 6002. Default
    /// `*8`; empty turns it off. Conducted calls alone can be picked up.
    pub pickup: String,
    /// How long an application may leave a caller whom it has answered in silence, with nothing played, recorded or
    /// collected and nobody rung or joined, before the dial plan goes on. Default 5 min; `"0s"` for ever. Short ones cut
    /// programs that think, or that wait for digits without collecting.
    pub application_idle: Duration,
    /// Calls that the call core conducts at once, from the first ring to the end, some 8 KiB each. Default 20000. More
    /// get 503 with Retry-After.
    pub conducted_max: usize,
    /// Requests that are under way at once. Default 50000, some 2 KiB each. More get 503 with Retry-After.
    pub requests_max: usize,
    /// The share of `requests_max`, in percent, above which new calls are refused; requests of established
    /// dialogs never are. Default 80.
    pub new_calls_percent: u8,
    /// Registrations under way at once. Default 50000. More get 503 with Retry-After.
    pub registrations_max: usize,
    /// Transactions at once, of all kinds; each is kept for 32 s after its end. Default 1000000.
    pub transactions_max: usize,
    /// Calls of one user that are being set up at once. Default 20. More get 486 with a Reason.
    pub calls_per_user_max: u32,
    /// Phones that one request is sent to, over all its steps. Default 30. More are left out and counted.
    pub targets_max: usize,
    /// How many branches of one request may be open at once, over all proxies behind us (Max-Breadth,
    /// RFC 5393 §5.3). Default 60.
    pub breadth_max: u16,
    /// How long registrar, directory and DNS may take for one question. Default 2 s. Then the request is refused
    /// with 503 or 480, and a late answer is dropped.
    pub question_timeout: Duration,
    /// What Retry-After says when we are too busy. Default 10 s.
    pub retry_after: Duration,
    /// Octets of a request above which a hop whose transport is our choice is tried by TCP first
    /// (RFC 3261 §18.1.1). Default 1300.
    pub datagram_bytes_max: usize,
    /// The language of what callers hear from the exchange itself, `en` or `fr`, unless their phones ask for another.
    /// Default `en`.
    pub language: String,
    /// What phones may watch.
    pub notifier: notifier::NotifierConfig,
    /// What the Server header says. Default `Carillon`; empty leaves the header out.
    pub server: String,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            domain: "carillon.local".into(),
            aliases: Vec::new(),
            realm: None,
            algorithms: vec!["MD5".into()],
            nonce_lifetime: Duration::from_secs(300),
            allow_unauthenticated_calls: false,
            allow_foreign_domains: true,
            trusted: Vec::new(),
            ring_timeout: Duration::from_secs(180),
            follow_redirects: true,
            decline_ends_call: true,
            anchor: None,
            session_expires: Duration::from_secs(1800),
            session_expires_min: Duration::from_secs(90),
            music_on_hold: None,
            pickup: "*8".into(),
            application_idle: Duration::from_secs(300),
            conducted_max: 20_000,
            requests_max: 50_000,
            new_calls_percent: 80,
            registrations_max: 50_000,
            transactions_max: 1_000_000,
            calls_per_user_max: 20,
            targets_max: 30,
            breadth_max: 60,
            question_timeout: Duration::from_secs(2),
            retry_after: Duration::from_secs(10),
            datagram_bytes_max: 1300,
            language: "en".into(),
            notifier: notifier::NotifierConfig::default(),
            server: "Carillon".into(),
        }
    }
}

impl ProxyConfig {
    /// The digest realm.
    pub fn realm(&self) -> &str {
        self.realm.as_deref().unwrap_or(&self.domain)
    }
}
