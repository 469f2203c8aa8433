//! Request validation (RFC 3261 §16.3), in its order: what may not be forwarded is answered, without a transaction.

use sip::branch::LoopHash;
use sip::message::{Method, Name, Refusal};
use sip::uri::Uri;

use super::counters::Counters;
use super::loops;
use super::request::Request;
use super::settings::Settings;

/// What becomes of a request that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may be forwarded. What decides its routing is hashed for its branches.
    Forward(LoopHash),
    /// It asks what we can do, and is answered here (§16.3 step 3, §11.2).
    OptionsOfUs,
    /// It is refused; the header is Unsupported with the option tags.
    Refused(Refusal, Option<String>),
}

/// Checks a request other than ACK and CANCEL.
pub(crate) fn admit(settings: &Settings, counters: &mut Counters, request: &Request<'_>) -> Admission {
    // §16.3 step 2: a scheme that we cannot route.
    if let Uri::Other { .. } = request.uri {
        return refused(416, "Unsupported URI Scheme");
    }
    let is_options = request.method == Method::Options;
    if is_options && is_addressed_to_us(settings, request) {
        return Admission::OptionsOfUs;
    }
    // §16.3 step 3.
    if request.max_forwards == Some(0) {
        return if is_options { Admission::OptionsOfUs } else { refused(483, "Too Many Hops") };
    }
    // §16.3 step 4 with RFC 5393 §4.2.
    let seen = loops::hash(settings.loop_key, request);
    if loops::is_loop(request.message, seen) {
        counters.loops += 1;
        return refused(482, "Loop Detected");
    }
    // §16.3 step 5: options that a proxy must know; we know none.
    let unsupported = options(request, Name::ProxyRequire, &[]);
    if let Some(unsupported) = unsupported {
        return Admission::Refused(Refusal::of(420, "Bad Extension"), Some(unsupported));
    }
    Admission::Forward(seen)
}

/// The option tags of a header that are not among `known`, as Unsupported lists them.
pub(crate) fn options(request: &Request<'_>, name: Name, known: &[&[u8]]) -> Option<String> {
    let is_unknown = |tag: &&[u8]| !known.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let unknown: Vec<_> =
        request.message.elements(name).filter(is_unknown).map(String::from_utf8_lossy).collect();
    if unknown.is_empty() { None } else { Some(unknown.join(", ")) }
}

fn is_addressed_to_us(settings: &Settings, request: &Request<'_>) -> bool {
    request.uri.as_sip().is_some_and(|uri| uri.user.is_none() && settings.is_local(&uri.host, uri.port))
}

fn refused(status: u16, why: &'static str) -> Admission {
    Admission::Refused(Refusal::of(status, why), None)
}
