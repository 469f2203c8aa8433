//! What an administrator may choose.

use std::time::Duration;

use jiff::tz::TimeZone;

/// How voicemail behaves. Plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The longest message. Default 180 s.
    pub message_max: Duration,
    /// What is shorter is dropped. Default 2 s: above it, people who just say "it's me" are lost; below it, mailboxes
    /// fill with the sound of receivers being put down.
    pub message_min: Duration,
    /// A silence that ends a message, and is cut off. Default 10 s; 0 for never.
    pub silence: Duration,
    /// How long a menu waits for a key. Default 5 s.
    pub choice_wait: Duration,
    /// How often a menu is said before the caller is thought to have gone. Default 3.
    pub tries_max: u32,
    /// Where the company is: days and hours are said as they are there. Default UTC.
    pub zone: TimeZone,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            message_max: Duration::from_secs(180),
            message_min: Duration::from_secs(2),
            silence: Duration::from_secs(10),
            choice_wait: Duration::from_secs(5),
            tries_max: 3,
            zone: TimeZone::UTC,
        }
    }
}
