//! A 2xx that nobody wants any more: it is acknowledged, and its dialog ended by BYE (RFC 3261 §13.2.2.4). All that
//! is needed stands in the 2xx itself.

use sip::dialog::{Dialog, Outgoing};
use sip::message::{Message, Method};
use sip::transport::NextHop;

use super::leg::Leg;
use super::write;
use crate::core::effect::Turn;
use crate::core::means::{Means, User};

/// Acknowledges and ends.
pub(crate) fn end(means: &mut Means, turn: &mut Turn<'_>, message: &Message<'_>, reached: Option<NextHop>) {
    let Some((leg, hop)) = acknowledged(means, turn, message, reached) else { return };
    let Some(mut dialog) = leg.dialog.clone() else { return };
    let via = write::via(means, &leg, &hop);
    let headers: [(&str, &[u8]); 1] = [("Reason", b"SIP;cause=200;text=\"Call completed elsewhere\"")];
    let outgoing = Outgoing { headers: &headers, ..Outgoing::new(via.as_bytes()) };
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    dialog.request(Method::Bye, &outgoing, &mut octets);
    if means.endpoint.request(turn.now, User::Alone, hop, &octets, turn.out.wire()).is_err() {
        means.counters.overloaded += 1;
    }
    means.scratch = octets;
    means.counters.late_successes += 1;
}

/// Acknowledges, as the first 2xx and each repeat of it demand.
pub(crate) fn acknowledged(
    means: &mut Means,
    turn: &mut Turn<'_>,
    message: &Message<'_>,
    reached: Option<NextHop>,
) -> Option<(Leg, NextHop)> {
    let mut leg = Leg::new(message.call_id(), "");
    let mut dialog = Dialog::uac(message, message, false).ok()?;
    let number = dialog.local_number()?;
    // Behind the PRACKs that may have gone.
    dialog.skip_numbers(PRACKS_MAX);
    if let Some(hop) = &reached {
        let listener =
            means.settings.listeners.pick(hop.transport(), hop.remote().ip()).unwrap_or(leg.listener);
        leg.reach(hop, listener);
    }
    leg.dialog = Some(dialog);
    let hop = leg.hop()?;
    let via = write::via(means, &leg, &hop);
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    if let Some(dialog) = &leg.dialog {
        dialog.acknowledge(number, &Outgoing::new(via.as_bytes()), &mut octets);
        turn.wire().send_octets(hop.clone(), None, &octets);
    }
    means.scratch = octets;
    Some((leg, hop))
}

/// More provisional responses of one phone than are acknowledged.
const PRACKS_MAX: u32 = 100;
