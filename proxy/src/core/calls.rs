//! What people may see of the requests under way: `carillon ctl calls`.

use std::time::{Duration, Instant};

use sip::message::Name;

use super::call::{CALLER, Call};
use super::means::Means;
use super::response_context::ResponseContext;

/// One request under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallState {
    /// The method.
    pub method: String,
    /// The Call-ID.
    pub call_id: String,
    /// The From header.
    pub from: String,
    /// The To header.
    pub to: String,
    /// The authenticated user, empty for others.
    pub user: String,
    /// `routing`, `calling`, `ringing`, `cancelled` or `ending`; `talking` for a conducted call that was answered.
    pub state: &'static str,
    /// Which rule of the dial plan decided, empty where none was asked.
    pub rule: String,
    /// For how long it has been under way.
    pub since: Duration,
}

impl CallState {
    /// A conducted call that was answered; while it is set up, its request under way stands for it.
    pub(crate) fn of_conducted(call: &Call, now: Instant) -> Option<Self> {
        let leg = call.leg(CALLER).filter(|_| call.peer.is_some() || !call.is_unanswered())?;
        let dialog = leg.dialog.as_ref()?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Some(Self {
            method: "INVITE".to_owned(),
            call_id: text(&leg.call_id),
            from: text(dialog.remote()),
            to: text(dialog.local()),
            user: call.user.clone(),
            state: call.state(),
            rule: call.rule.as_deref().unwrap_or_default().to_owned(),
            since: now.saturating_duration_since(call.since),
        })
    }

    /// `None` for a request that was answered and only waits for lost branches.
    pub(crate) fn of(context: &ResponseContext, means: &Means, now: Instant) -> Option<Self> {
        let message = context.request(means)?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Some(Self {
            method: message.method()?.as_str().to_owned(),
            call_id: text(message.call_id()),
            from: text(message.first(Name::From)?),
            to: text(message.first(Name::To)?),
            user: context.caller.as_ref().map(|user| user.name.clone()).unwrap_or_default(),
            state: context.state(),
            rule: context.plan.rule.as_deref().unwrap_or_default().to_owned(),
            since: now.saturating_duration_since(context.since),
        })
    }
}
