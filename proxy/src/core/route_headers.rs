//! Route information (RFC 3261 §16.4): own Routes are taken out, with the token that one of them carries, and what
//! a strict router did to the Request-URI is undone.

use sip::message::{Message, Name};

use super::request::{self, Request};
use super::settings::Settings;
use super::token::{Bound, Opened};

/// What the Routes of a request say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// How many Routes in front are ours.
    pub own: usize,
    /// After a strict router: the Request-URI that it had moved to the last Route, and how many Routes are kept
    /// behind our own.
    pub keep: Option<(Box<[u8]>, usize)>,
    /// The dialog that a token of ours names.
    pub dialog: Option<Box<Opened>>,
    /// True when there was a token that we had not signed for this dialog.
    pub forged: bool,
    /// True when Routes remain that are not ours.
    pub goes_on: bool,
}

impl Way {
    /// Reads the Routes of a request.
    pub fn of(settings: &Settings, request: &Request<'_>) -> Self {
        let mut way = Self::default();
        let routes = request.message.elements(Name::Route);
        let count = routes.clone().count();
        // §16.4: the Request-URI is one that we put into a Record-Route: a strict router sent this.
        let rewritten = request.uri.as_sip().is_some_and(|uri| uri.lr() && settings.is_own_route(uri));
        if rewritten && count > 0 {
            if let Some(user) = request.uri.as_sip().and_then(|uri| uri.user) {
                way.open(settings, request, user);
            }
            let last = routes.clone().last().and_then(request::route_uri);
            if let Some((last, _)) = last {
                way.keep = Some((last.into(), count - 1));
            }
        }
        let kept = way.keep.as_ref().map_or(count, |(_, kept)| *kept);
        for route in routes.take(kept) {
            let Some(uri) = request::sip_route(route).filter(|uri| settings.is_own_route(uri)) else { break };
            // §16.4: a first Route that is ours is removed; with RFC 5658 there are two in a row.
            way.own += 1;
            if let Some(user) = uri.user {
                way.open(settings, request, user);
            }
        }
        if let Some((_, left)) = &mut way.keep {
            *left -= way.own;
        }
        way.goes_on = kept > way.own;
        way
    }

    /// The Routes that remain.
    pub fn remaining<'a>(&self, message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let left = self.keep.as_ref().map_or(usize::MAX, |(_, left)| *left);
        message
            .elements(Name::Route)
            .skip(self.own)
            .take(left)
            .collect::<smallvec::SmallVec<[_; 4]>>()
            .into_iter()
    }

    fn open(&mut self, settings: &Settings, request: &Request<'_>, user: &[u8]) {
        // A token stands for a dialog: a request that opens one cannot have it.
        if self.dialog.is_some() || !request.is_in_dialog() {
            return;
        }
        let bound = Bound { call_id: request.call_id, from_tag: request.from_tag, to_tag: request.to_tag };
        match settings.tokens.open(user, bound) {
            Some(opened) => self.dialog = Some(Box::new(opened)),
            None => self.forged = true,
        }
    }
}
