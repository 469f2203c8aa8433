//! Where a request goes (RFC 3261 §16.5), once its sender has shown who he is.

use std::sync::Arc;

use sip::message::Message;
use sip::uri::Uri;

use super::effect::Turn;
use super::flow;
use super::means::Means;
use super::request;
use super::response_context::{Kind, ResponseContext};
use super::route::{Call, Decision};
use super::targets::Target;
use crate::config::Anchor;

/// Where a request goes (RFC 3261 §16.5).
enum Destination {
    /// To one place that the request itself names.
    Target(Target),
    /// To whom the dial plan says.
    Plan(Decision, Option<Anchor>),
    /// To a phone whose flow is gone: its user says where it is now.
    Moved(Arc<str>),
    /// Nowhere.
    Nowhere(u16, &'static str),
}

impl ResponseContext {
    /// The sender is who he may be: the request goes its way.
    pub fn route(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        match self.destination(means, turn) {
            Destination::Target(target) => {
                self.add_target(means, target);
                self.advance(means, turn);
            }
            Destination::Plan(..) if self.picks_up(means, turn) || self.asks_for_slot(means, turn) => {}
            Destination::Plan(decision, anchor) => {
                self.plan.anchor = anchor;
                if let Some(caller) = &self.caller
                    && self.kind == Kind::Invite
                {
                    let name: Arc<str> = caller.name.as_str().into();
                    if !means.begin_call(&name) {
                        let reason = ("Reason", "SIP;cause=486;text=\"Too many calls of this user\"");
                        return self.answer_ourselves(means, turn, 486, None, &[reason]);
                    }
                    self.counted = Some(name);
                }
                means.counters.calls += u64::from(self.kind == Kind::Invite);
                self.follow_plan(means, turn, decision);
            }
            Destination::Moved(user) => self.look_again(means, turn, &user),
            Destination::Nowhere(status, why) => self.answer_ourselves(means, turn, status, Some(why), &[]),
        }
    }

    fn destination(&self, means: &Means, turn: &Turn<'_>) -> Destination {
        let settings = &means.settings;
        let unreadable = Destination::Nowhere(500, "Server Internal Error");
        let Some((method, uri_text)) = Message::request_line(self.request_octets(means)) else {
            return unreadable;
        };
        // §16.4: what a strict router put there has been put back.
        let uri_text = self.way.keep.as_ref().map_or(uri_text, |(uri, _)| uri);
        let Ok(uri) = Uri::parse(uri_text) else {
            return Destination::Nowhere(400, "Bad Request-URI");
        };
        let for_us = settings.is_for_us(&uri);
        if self.way.goes_on {
            return self.away(means, uri_text);
        }
        if let Some(dialog) = &self.way.dialog {
            let end = dialog.destination();
            match end.flow {
                Some(flow::Read::Usable(flow)) => {
                    return Destination::Target(Target {
                        flow: Some(flow),
                        by_uri: false,
                        ..Target::by_uri(uri_text)
                    });
                }
                Some(flow::Read::Gone) => {
                    return match std::str::from_utf8(&end.user) {
                        Ok(user) if !user.is_empty() => Destination::Moved(user.into()),
                        // RFC 5626 §5.3.1.
                        _ => Destination::Nowhere(430, "Flow Failed"),
                    };
                }
                None if !for_us => return Destination::Target(Target::by_uri(uri_text)),
                None => {}
            }
        }
        if !for_us {
            return self.away(means, uri_text);
        }
        if self.kind == Kind::Ack {
            // RFC 3261 §13.2.2.4: it goes to the one that has answered, not to whoever a number rings.
            return Destination::Nowhere(404, "Not Found");
        }
        let to_user = request::user_of(&uri);
        let call = Call {
            to_user: &to_user,
            host_is_local: true,
            from_user: self.caller.as_ref().map(|caller| caller.name.as_str()),
            from_extension: self.caller.as_ref().and_then(|caller| caller.extension.as_deref()),
            method: method.as_str(),
            unix_s: i64::try_from(turn.unix_ms / 1000).unwrap_or(i64::MAX),
        };
        let decision = settings.routes.decide(&call);
        let anchor = settings.routes.anchor(&call, &decision);
        Destination::Plan(decision, anchor)
    }

    /// To somewhere that is not ours: for those alone who may.
    fn away(&self, means: &Means, uri: &[u8]) -> Destination {
        let settings = &means.settings;
        // An ACK came this far only because its dialog or its INVITE is known.
        let is_known =
            self.way.dialog.is_some() || self.kind == Kind::Ack || settings.is_trusted(self.flow.remote.ip());
        if is_known || (self.caller.is_some() && settings.config.allow_foreign_domains) {
            Destination::Target(Target::by_uri(uri))
        } else {
            Destination::Nowhere(403, "No Relaying")
        }
    }
}
