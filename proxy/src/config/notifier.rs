//! `[proxy.notifier]`: subscriptions of phones (RFC 6665), and their limits.

use node::config::Duration;
use serde::Deserialize;

/// `[proxy.notifier]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifierConfig {
    /// Subscriptions at once, of each shard, some 2 KiB each. Default 50000. More get 503 with Retry-After.
    pub subscriptions_max: usize,
    /// Those of one user at once, of each shard. Default 200: a phone with a hundred lamps, and its successor after a
    /// crash. More get 403.
    pub subscriptions_per_user_max: u32,
    /// The shortest subscription. Default 60 s. Shorter ones get 423 with Min-Expires.
    pub expires_min: Duration,
    /// The longest subscription. Default 1 h; longer ones are shortened. So long may lamps be dark after a crash.
    pub expires_max: Duration,
    /// The least time between two NOTIFYs of one subscription. Default 1 s (RFC 3842 §3.10); what happens meanwhile
    /// is told together.
    pub interval: Duration,
    /// Whether phones that did not subscribe are told of their mailbox too: once when they register and at each change.
    /// Default yes: many desk phones light their lamp only so. A phone that is told and subscribes as well hears it twice.
    pub unsolicited: bool,
    /// Who may watch the calls of a user (lamp fields): `everybody` who is a user of this domain, or `self`, nobody but
    /// he. Default `everybody`. Who watches sees with whom, and can pick up what rings.
    pub watch_calls: WatchCalls,
    /// Users in calls that are remembered for lamps at once, some 400 octets each. Default 100000. For more, no lamp is
    /// lit. None are remembered before the first phone has subscribed to lamps.
    pub calls_max: usize,
    /// How long a proxied call may go on without a sign of life before its lamps go out: its BYE may never pass here.
    /// Default 4 h. Phones with session timers (RFC 4028) say it themselves.
    pub call_max: Duration,
}

/// Who may watch calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchCalls {
    /// Every user of this domain.
    #[default]
    Everybody,
    /// The user alone.
    #[serde(rename = "self")]
    Himself,
}

impl Default for NotifierConfig {
    fn default() -> Self {
        Self {
            subscriptions_max: 50_000,
            subscriptions_per_user_max: 200,
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3600),
            interval: Duration::from_secs(1),
            unsolicited: true,
            watch_calls: WatchCalls::Everybody,
            calls_max: 100_000,
            call_max: Duration::from_secs(4 * 3600),
        }
    }
}
