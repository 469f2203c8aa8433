//! The client whose response could not be delivered to where its request came from (RFC 3261 §18.2.2): when its Via
//! names a host, that leads to it by RFC 3263 §5.

use node::dns::Query;
use proto::ServiceError;
use sip::message::Message;
use sip::transaction::TransactionId;
use sip::transport::{NextHop, Transport};
use sip::uri::Host;

use super::effect::{Effect, Turn};
use super::means::{Means, Waiter};

/// Asks where the client of a server transaction is, once for each way that it has.
pub(crate) fn look_up(means: &mut Means, turn: &mut Turn<'_>, server: TransactionId) {
    let Some((host, port, transport)) = sent_by(means, server) else { return };
    // RFC 3263 §5: with a port its addresses, without one SRV of the transport of the Via.
    let query = Query { host: &host, port, transport: Some(transport), secure: false };
    if means.ask(turn, Waiter::Client(server), Effect::Resolve(query)).is_err() {
        tracing::debug!(call_id = %means.shown_call_id(server), host, "too many questions: a response is lost");
    }
}

/// Sends the response again, to the first address that was found.
pub(crate) fn found(
    means: &mut Means,
    turn: &mut Turn<'_>,
    server: TransactionId,
    answer: Result<Vec<NextHop>, ServiceError>,
) {
    match answer {
        Ok(hops) => {
            if let Some(hop) = hops.into_iter().next() {
                means.endpoint.redirect(server, hop, turn.wire());
            }
        }
        Err(error) => {
            tracing::debug!(call_id = %means.shown_call_id(server), %error, "nobody knows the host of a Via: a response is lost")
        }
    }
}

/// The name and port in the top Via of a response that got lost, and the transport. A browser's name leads nowhere.
fn sent_by(means: &Means, server: TransactionId) -> Option<(String, Option<u16>, Transport)> {
    let response = means.endpoint.lost_response(server)?;
    let transport = means.endpoint.next_hop(server)?.transport();
    let message = Message::parse(response, &means.settings.limits).ok()?;
    let via = message.via().ok()?;
    match (via.host, transport) {
        (Host::Name(name), Transport::Udp | Transport::Tcp | Transport::Tls) => {
            Some((name.to_owned(), via.port, transport))
        }
        _ => None,
    }
}
