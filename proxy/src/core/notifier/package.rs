//! The event packages that are ours (RFC 6665 §5.4): their names, bodies and times.

use std::time::Duration;

use sip::header::Event;
use sip::message::{Message, Name};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Package {
    /// What waits in a mailbox (RFC 3842).
    Summary,
    /// The calls of a user (RFC 4235).
    Dialog,
    /// Where a user is registered (RFC 3680).
    Registration,
}

impl Package {
    /// The package of a request, where it is ours.
    pub fn of(message: &Message<'_>) -> Option<Self> {
        let event = Event::parse(message.first(Name::Event)?).ok()?;
        ALL.into_iter().find(|package| package.name().as_bytes().eq_ignore_ascii_case(event.package))
    }

    /// As Event says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Summary => "message-summary",
            Self::Dialog => "dialog",
            Self::Registration => "reg",
        }
    }

    /// The type of its body.
    pub const fn body_type(self) -> &'static str {
        match self {
            Self::Summary => "application/simple-message-summary",
            Self::Dialog => "application/dialog-info+xml",
            Self::Registration => "application/reginfo+xml",
        }
    }

    /// The least time between two NOTIFYs, where one second is not enough.
    pub const fn interval_min(self) -> Duration {
        match self {
            Self::Summary | Self::Dialog => Duration::ZERO,
            // RFC 3680 §4.10.
            Self::Registration => Duration::from_secs(5),
        }
    }

    /// How long a subscription lasts that does not say.
    pub const fn expires_default(self) -> Duration {
        match self {
            // RFC 3842 §3.4, RFC 4235 §3.4.
            Self::Summary | Self::Dialog => Duration::from_secs(3600),
            // RFC 3680 §4.4.
            Self::Registration => Duration::from_secs(3761),
        }
    }
}

const ALL: [Package; 3] = [Package::Summary, Package::Dialog, Package::Registration];

/// What Allow-Events says (RFC 6665 §8.2.2): our own packages, and those that reach a phone through us.
pub(crate) const ALLOW_EVENTS: &str = "message-summary, dialog, reg, refer, conference";
