//! Responses of our own: without a transaction where nothing has to be remembered (RFC 3261 §8.2.7), through the
//! server transaction otherwise.

use std::hash::Hasher;

use sip::build::{self, Extra};
use sip::message::{Message, Name, Refusal, Status};
use sip::transaction::TransactionId;
use sip::transport::Packet;
use siphasher::sip128::{Hasher128, SipHasher13};
use smallvec::SmallVec;

use super::effect::Turn;
use super::means::Means;
use super::response_context::ResponseContext;
use super::settings::Settings;

/// Answers without a transaction: the same request gets the same answer, To-tag included. An ACK never gets one.
pub(crate) fn statelessly(
    means: &mut Means,
    turn: &mut Turn<'_>,
    packet: &Packet<'_>,
    message: &Message<'_>,
    status: Status,
    reason: Option<&str>,
    headers: &[(&str, &str)],
) {
    means.counters.stateless_answers += 1;
    let settings = &means.settings;
    means.endpoint.answer(packet, message, turn.out.wire(), |top_via, out| {
        write(settings, message, status, reason, headers, top_via, out);
    });
}

/// Refuses a request without a transaction.
pub(crate) fn refuse(
    means: &mut Means,
    turn: &mut Turn<'_>,
    packet: &Packet<'_>,
    message: &Message<'_>,
    refusal: Refusal,
) {
    means.counters.refused += 1;
    statelessly(means, turn, packet, message, refusal.status, Some(refusal.why), &[]);
}

/// Answers by the server transaction of a request.
pub(crate) fn respond(
    means: &mut Means,
    turn: &mut Turn<'_>,
    server: TransactionId,
    status: Status,
    reason: Option<&str>,
    headers: &[(&str, &str)],
) {
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    let kept = means.endpoint.kept_request(server).unwrap_or_default();
    if let Some(message) = means.endpoint.read(server, kept) {
        write(&means.settings, &message, status, reason, headers, None, &mut octets);
        means.endpoint.respond(turn.now, server, &octets, turn.wire());
    }
    means.scratch = octets;
}

/// Says 100 for a request that is under way.
pub(crate) fn trying(means: &mut Means, turn: &mut Turn<'_>, context: &ResponseContext) {
    if let Some(server) = context.server {
        respond(means, turn, server, Status::of(100), None, &[]);
    }
}

/// RFC 3261 §8.2.6: what is said with every response of ours.
fn write(
    settings: &Settings,
    message: &Message<'_>,
    status: Status,
    reason: Option<&str>,
    headers: &[(&str, &str)],
    top_via: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    let tag = Tag::of(settings, message);
    let mut all: SmallVec<[(&str, &[u8]); 12]> = SmallVec::new();
    all.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    if !settings.config.server.is_empty() && status.code() != 100 {
        all.push(("Server", settings.config.server.as_bytes()));
    }
    let extra = Extra { reason, to_tag: Some(tag.as_str()), top_via, headers: &all, ..Extra::default() };
    build::response(message, status, &extra, out);
}

/// True for the ACK to a final response of ours that went without a transaction: it ends here.
pub(crate) fn is_ack_for_us(settings: &Settings, message: &Message<'_>) -> bool {
    let to_tag = message.to().ok().and_then(|to| to.tag());
    to_tag == Some(Tag::of(settings, message).as_str().as_bytes())
}

/// The To-tag of every response of ours to this request and its repeats.
pub(crate) fn to_tag(settings: &Settings, message: &Message<'_>) -> String {
    Tag::of(settings, message).as_str().to_owned()
}

/// The To-tag of our responses: a keyed hash of what names the request, so that it is the same for its repeats and
/// cannot be guessed (RFC 3261 §8.2.7, §19.3).
struct Tag([u8; 20]);

impl Tag {
    fn of(settings: &Settings, message: &Message<'_>) -> Self {
        let [left, right] = settings.loop_key;
        let mut hasher = SipHasher13::new_with_keys(left, right);
        let from = message.from().ok().and_then(|from| from.tag());
        for part in [b"To-tag", message.first(Name::CallId).unwrap_or_default(), from.unwrap_or_default()] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        let mut bits = hasher.finish128().as_u128();
        let mut text = [0; 20];
        for digit in &mut text {
            *digit = DIGITS[(bits & 31) as usize];
            bits >>= 5;
        }
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
