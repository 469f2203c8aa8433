//! Requests of a dialog whose flow is gone (RFC 5626 §5.3.1): the phone may have registered again, on a new flow.

use std::sync::Arc;

use proto::{Find, Found, Locate, Located, ServiceError};

use super::effect::{Effect, Turn};
use super::means::{Means, Waiter};
use super::response_context::{Place, ResponseContext};
use super::targets::Target;

impl ResponseContext {
    /// Asks for the user at the other end of the dialog.
    pub fn look_again(&mut self, means: &mut Means, turn: &mut Turn<'_>, user: &str) {
        self.looked_again = true;
        means.counters.flows_looked_up += 1;
        match means.ask(turn, Waiter::Flow(self.id), Effect::Find(Find { name_or_extension: user })) {
            Ok(ticket) => self.asked.push(ticket),
            Err(_) => self.flow_failed(means, turn),
        }
    }

    /// The directory knows the user: where are the phones?
    pub fn on_flow_user(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Found, ServiceError>,
    ) {
        let Ok(Found::User(user)) = answer else { return self.flow_failed(means, turn) };
        let question = Locate { now_ms: turn.unix_ms, aor: &user.aor, past_copy: true };
        match means.ask(turn, Waiter::Flow(self.id), Effect::Locate(question)) {
            Ok(ticket) => {
                self.asked.push(ticket);
                self.plan.places = smallvec::smallvec![Place::Locating(user)];
            }
            Err(_) => self.flow_failed(means, turn),
        }
    }

    /// The same phone by its instance, else the only phone that the user has.
    pub fn on_flow(&mut self, means: &mut Means, turn: &mut Turn<'_>, answer: Result<Located, ServiceError>) {
        let place = self.plan.places.pop();
        self.plan.places.clear();
        let (Ok(located), Some(Place::Locating(user)), Some(dialog)) = (answer, place, &self.way.dialog)
        else {
            return self.flow_failed(means, turn);
        };
        let instance = dialog.destination().instance;
        let start = means.settings.tokens.start();
        let only = located.bindings.len() == 1;
        let found = located.bindings.iter().find_map(|binding| {
            let target = Target::of_binding(&binding, 0, &user, start)?;
            let same = instance != 0 && target.instance == instance;
            (same || (only && (instance == 0 || target.instance == 0))).then_some(target)
        });
        let uri = self.dialog_uri(means);
        match (found, uri) {
            (Some(found), Some(uri)) => {
                // The Request-URI stays the one of the dialog; only the way to it is new.
                let by_uri = found.by_uri && found.flow.is_none();
                let uri = if by_uri { found.uri } else { uri };
                self.add_target(
                    means,
                    Target { uri, by_uri, ..Target { flow: found.flow, ..Target::by_uri(b"") } },
                );
                self.advance(means, turn);
            }
            _ => self.flow_failed(means, turn),
        }
    }

    fn flow_failed(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.plan.places.clear();
        self.answer_ourselves(means, turn, 430, Some("Flow Failed"), &[]);
    }

    fn dialog_uri(&self, means: &Means) -> Option<Box<[u8]>> {
        if let Some((uri, _)) = &self.way.keep {
            return Some(uri.clone());
        }
        let message = self.request(means)?;
        message.request_uri().map(Box::from)
    }

    /// The user at the other end, when the token says it and nobody has looked yet.
    pub fn moved_user(&self) -> Option<Arc<str>> {
        let end = self.way.dialog.as_ref()?.destination();
        let user = std::str::from_utf8(&end.user).ok().filter(|user| !user.is_empty())?;
        (!self.looked_again).then(|| user.into())
    }
}
