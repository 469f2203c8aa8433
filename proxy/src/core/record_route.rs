//! Record-Route (RFC 3261 §16.6 step 4): how later requests of a dialog come back to us, with the signed token in
//! the user part; two of them where the transport or the address changes between the sides (RFC 5658 §3).

use sip::transport::{ListenerId, NextHop, Transport};
use smallvec::SmallVec;

use super::settings::Settings;
use super::text::Text;

/// The Record-Routes of one copy: none, one, or two, the caller's side first.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordRoutes(SmallVec<[Text; 1]>);

/// One side of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub transport: Transport,
    pub listener: ListenerId,
    pub remote: std::net::IpAddr,
}

impl Side {
    /// The side of a next hop that is sent to by `listener`.
    pub fn of(hop: &NextHop, listener: ListenerId) -> Self {
        Self { transport: hop.transport(), listener, remote: hop.remote().ip() }
    }
}

impl RecordRoutes {
    /// Our URIs towards the caller and the callee, the token in the first.
    ///
    /// `secure`: the Request-URI is of `sips:`, and so must these be (RFC 3261 §16.6 step 4).
    pub fn new(settings: &Settings, caller: Side, callee: Side, secure: bool, token: &[u8]) -> Self {
        let same_name = settings.listeners.sent_by(caller.listener, caller.remote)
            == settings.listeners.sent_by(callee.listener, callee.remote);
        let mut routes = SmallVec::new();
        routes.push(uri(settings, caller, secure, token));
        // RFC 5658 §3.3: with one URI for both sides, a side could not reach us by its own transport.
        if !(same_name && caller.transport == callee.transport) {
            routes.push(uri(settings, callee, secure, b""));
        }
        Self(routes)
    }

    /// The values in the order in which they are put in front: the last one ends up on top.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Text::as_bytes)
    }
}

fn uri(settings: &Settings, side: Side, secure: bool, token: &[u8]) -> Text {
    let (host, port) = settings.listeners.sent_by(side.listener, side.remote);
    let mut text = Text::default();
    text.push(if secure { b"<sips:" } else { b"<sip:" });
    if !token.is_empty() {
        text.push(token);
        text.push(b"@");
    }
    text.push_str(host);
    text.push(b":");
    text.push_number(port);
    match side.transport {
        Transport::Udp => {}
        // RFC 3261 §26.2.2: `sips:` says TLS itself.
        Transport::Tls if secure => {}
        other => {
            text.push(b";transport=");
            text.push_str(other.param_name());
        }
    }
    text.push(b";lr>");
    text
}
