//! What a subscription writes: the 200 to a SUBSCRIBE.

use std::time::{Duration, Instant};

use sip::build::{self, Extra};
use sip::message::Status;
use sip::transaction::TransactionId;

use crate::core::effect::Turn;
use crate::core::means::Means;
use crate::core::text::Text;

/// Seconds from now, rounded up: what is told is never less than what is kept.
pub(super) fn seconds(until: Instant, now: Instant) -> u64 {
    let left = until.saturating_duration_since(now);
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// RFC 6665 §4.2.1.1: 200 with the time that was granted; it makes the dialog, so Record-Route goes back.
pub(super) fn accept(
    means: &mut Means,
    turn: &mut Turn<'_>,
    server: TransactionId,
    tag: &str,
    contact: &Text,
    granted: Duration,
) {
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    let expires = granted.as_secs().to_string();
    let server_name = &means.settings.config.server;
    let lines: [(&str, &[u8]); 3] = [
        ("Contact", contact.as_bytes()),
        ("Expires", expires.as_bytes()),
        ("Server", server_name.as_bytes()),
    ];
    let headers = if server_name.is_empty() { &lines[..2] } else { &lines[..] };
    let kept = means.endpoint.kept_request(server).unwrap_or_default();
    if let Some(message) = means.endpoint.read(server, kept) {
        let extra = Extra { to_tag: Some(tag), record_route: true, headers, ..Extra::default() };
        build::response(&message, Status::of(200), &extra, &mut octets);
        means.endpoint.respond(turn.now, server, &octets, turn.wire());
    }
    means.scratch = octets;
}
