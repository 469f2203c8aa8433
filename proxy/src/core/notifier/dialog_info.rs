//! `application/dialog-info+xml` (RFC 4235 §4): the calls of a user. Always the full state, so that a NOTIFY that a phone
//! missed costs nothing; a call that was told of and is over stands in the next one as terminated.

use std::fmt::Write;

use super::watched::{Lamp, Party, Side};
use super::xml::Escaped;

/// Appends the document. `gone` are the ids of calls that were told of last time and are no more.
pub(super) fn write(version: u32, entity: &str, parties: &[Party], gone: &[String], out: &mut String) {
    let entity = Escaped(entity);
    // Writing into memory does not fail.
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
         version=\"{version}\" state=\"full\" entity=\"{entity}\">\r\n"
    );
    for party in parties {
        let _ = write!(out, "<dialog id=\"{}\" call-id=\"{}\"", id(party), Escaped(&party.call_id));
        for (name, tag) in [("local-tag", &party.local_tag), ("remote-tag", &party.remote_tag)] {
            if !tag.is_empty() {
                let _ = write!(out, " {name}=\"{}\"", Escaped(tag));
            }
        }
        let (direction, state) = (direction(party.side), state(party.lamp));
        let remote = Escaped(&party.remote);
        let _ = write!(
            out,
            " direction=\"{direction}\">\r\n<state>{state}</state>\r\n<local><identity>{entity}</identity>\
             <target uri=\"{entity}\"/></local>\r\n<remote><identity"
        );
        if !party.remote_name.is_empty() {
            let _ = write!(out, " display=\"{}\"", Escaped(&party.remote_name));
        }
        let _ = write!(out, ">{remote}</identity><target uri=\"{remote}\"/></remote>\r\n</dialog>\r\n");
    }
    for id in gone {
        let _ = write!(out, "<dialog id=\"{id}\"><state>terminated</state></dialog>\r\n");
    }
    out.push_str("</dialog-info>\r\n");
}

/// The name of a call in the document, the same in each.
pub(super) fn id(party: &Party) -> String {
    let side = if party.side == Side::Initiator { 'i' } else { 'r' };
    format!("{:016x}{side}", party.call)
}

const fn direction(side: Side) -> &'static str {
    match side {
        Side::Initiator => "initiator",
        Side::Recipient => "recipient",
    }
}

/// RFC 4235 §3.7.1: `proceeding` would need a To tag before it rings, which a proxy does not see.
const fn state(lamp: Lamp) -> &'static str {
    match lamp {
        Lamp::Trying => "trying",
        Lamp::Early => "early",
        Lamp::Confirmed => "confirmed",
    }
}
