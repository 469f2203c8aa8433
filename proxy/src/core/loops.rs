//! Loops and breadth (RFC 5393): a request that comes back unchanged is refused, and one that forks at each turn
//! runs out of breadth.

use sip::branch::{Branch, LoopHash};
use sip::header::Via;
use sip::message::{Message, Name};

use super::request::Request;

/// What decides where a request goes, hashed. RFC 5393 §4.2.1: all that the routing depends on; not the Vias,
/// which change at each hop, and not the credentials, which come with a new CSeq.
pub(crate) fn hash(seed: [u64; 2], request: &Request<'_>) -> LoopHash {
    let cseq = request.cseq.to_be_bytes();
    let first = |name| request.message.first(name).unwrap_or_default();
    let parts = [
        request.uri_text,
        first(Name::Route),
        request.from_tag,
        request.to_tag,
        request.call_id,
        &cseq,
        first(Name::ProxyRequire),
    ];
    LoopHash::of(seed, &parts)
}

/// RFC 3261 §16.3 step 4: true when one of the Vias is ours and the request has not changed since.
pub(crate) fn is_loop(message: &Message<'_>, seen: LoopHash) -> bool {
    message.elements(Name::Via).skip(1).any(|via| {
        let branch = Via::parse(via).ok().and_then(|via| via.branch());
        branch.and_then(Branch::read).is_some_and(|branch| branch.seen == seen)
    })
}

/// RFC 5393 §5.3.1: what Max-Breadth says, 60 when it is missing, and never more than we allow ourselves.
pub(crate) fn breadth(message: &Message<'_>, max: u16) -> u16 {
    let said = message.first(Name::MaxBreadth).and_then(sip::scan::decimal);
    said.map_or(max, |said| u16::try_from(said).unwrap_or(u16::MAX).min(max))
}
