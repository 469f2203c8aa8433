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
}

impl Default for NotifierConfig {
    fn default() -> Self {
        Self {
            subscriptions_max: 50_000,
            subscriptions_per_user_max: 200,
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3600),
            interval: Duration::from_secs(1),
        }
    }
}
