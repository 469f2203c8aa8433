//! The event packages that are ours (RFC 6665 §5.4): their names, bodies and times.

use std::time::Duration;

use sip::header::Event;
use sip::message::{Message, Name};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Package {
    /// What waits in a mailbox (RFC 3842).
    Summary,
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
        }
    }

    /// The type of its body.
    pub const fn body_type(self) -> &'static str {
        match self {
            Self::Summary => "application/simple-message-summary",
        }
    }

    /// How long a subscription lasts that does not say.
    pub const fn expires_default(self) -> Duration {
        match self {
            // RFC 3842 §3.4.
            Self::Summary => Duration::from_secs(3600),
        }
    }
}

const ALL: [Package; 1] = [Package::Summary];

/// What Allow-Events says (RFC 6665 §8.2.2): our own packages, and those that reach a phone through us.
pub(crate) const ALLOW_EVENTS: &str = "message-summary, refer, conference";
