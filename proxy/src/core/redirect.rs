//! Redirections that the proxy follows itself (RFC 3261 §16.7 step 4): the contacts of a 3xx become targets.

use std::sync::Arc;

use sip::header::{Contact, ContactValue};
use sip::message::{Message, Name};
use sip::uri::Uri;
use smallvec::SmallVec;

use super::means::Means;
use super::request;
use super::response_context::ResponseContext;
use super::route::{Step, Strategy};
use super::targets::Target;

impl ResponseContext {
    /// Takes over the contacts of a 3xx; false when the response has to be considered like any other.
    ///
    /// A contact of our own domain is rung like a step of the dial plan, after the phones of this one; a foreign
    /// one is a target, as far as its caller may reach it.
    pub fn follow_redirection(&mut self, means: &mut Means, place: usize, message: &Message<'_>) -> bool {
        let settings = Arc::clone(&means.settings);
        if !settings.config.follow_redirects
            || self.cancelled
            || self.closed
            || self.redirections >= REDIRECTIONS_MAX
        {
            return false;
        }
        let foreign_allowed = settings.config.allow_foreign_domains && self.caller.is_some();
        let mut users: Vec<Arc<str>> = Vec::new();
        let mut taken = false;
        for contact in contacts(message) {
            let Ok(uri) = contact.uri() else { continue };
            if settings.is_for_us(&uri) {
                let user = request::user_of(&uri);
                if !user.is_empty() {
                    users.push(user.into());
                }
            } else if foreign_allowed && uri.as_sip().is_some() {
                let rank = self.branches[place].target.rank;
                let address = plain(&uri);
                let q = contact.q.unwrap_or(1000);
                taken |= self.add_target(means, Target { rank, q, ..Target::by_uri(&address) });
            }
        }
        if !users.is_empty() {
            self.insert_step(users);
            taken = true;
        }
        self.redirections += u8::from(taken);
        taken
    }

    /// Puts a step behind the present one.
    fn insert_step(&mut self, users: Vec<Arc<str>>) {
        let mut steps: Vec<Step> = self.plan.steps.as_deref().unwrap_or_default().to_vec();
        let at = self.plan.next.min(steps.len());
        steps.insert(
            at,
            Step::Ring { users: users.into(), seconds: self.plan.seconds, strategy: Strategy::All },
        );
        self.plan.steps = Some(steps.into());
    }
}

fn contacts<'a>(message: &Message<'a>) -> SmallVec<[Contact<'a>; 2]> {
    let read = |element| match ContactValue::parse(element) {
        Ok(ContactValue::Contact(contact)) => Some(contact),
        Ok(ContactValue::Star) | Err(_) => None,
    };
    let mut contacts: SmallVec<[Contact<'a>; 2]> = message.elements(Name::Contact).filter_map(read).collect();
    contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q.unwrap_or(1000)));
    contacts
}

/// RFC 3261 §19.1.5: the headers of a URI are no part of a Request-URI.
fn plain(uri: &Uri<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    uri.write(&mut text);
    if let Some(at) = text.iter().position(|octet| *octet == b'?') {
        text.truncate(at);
    }
    text
}

/// How often one call may be redirected.
const REDIRECTIONS_MAX: u8 = 5;
