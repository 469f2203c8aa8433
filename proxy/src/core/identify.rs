//! Who calls: the question to the directory for a request that showed credentials, and what its answer allows. And
//! which answer of a service goes where in a response context.

use std::sync::Arc;

use proto::{Identified, Identify, ServiceError};
use sip::message::{Message, Refusal};

use super::authenticate::{self, Judgement, Side};
use super::effect::{Answer, Effect, Turn};
use super::means::{Means, Waiter};
use super::request::Request;
use super::response_context::ResponseContext;

impl ResponseContext {
    /// Asks who the caller is.
    pub fn identify(&mut self, means: &mut Means, turn: &mut Turn<'_>, username: &str) {
        let settings = Arc::clone(&means.settings);
        let question = Identify { realm: settings.realm(), username };
        match means.ask(turn, Waiter::Caller(self.id), Effect::Credentials(question)) {
            Ok(ticket) => self.asked.push(ticket),
            Err(_) => self.answer_ourselves(means, turn, 503, Some("Too Many Questions"), &[]),
        }
    }

    /// A service has answered.
    pub fn on_answer(&mut self, means: &mut Means, turn: &mut Turn<'_>, waiter: Waiter, answer: Answer) {
        match (waiter, answer) {
            (Waiter::Caller(_), Answer::Identified(answer)) => self.on_identified(means, turn, answer),
            (Waiter::Place(_, place), Answer::Found(answer)) => {
                self.on_found(means, turn, place.into(), answer);
            }
            (Waiter::Bindings(_, place), Answer::Located(answer)) => {
                self.on_located(means, turn, place.into(), answer);
            }
            (Waiter::Flow(_), Answer::Found(answer)) => self.on_flow_user(means, turn, answer),
            (Waiter::Flow(_), Answer::Located(answer)) => self.on_flow(means, turn, answer),
            (Waiter::Address(_, branch), Answer::Resolved(answer)) => {
                self.on_resolved(means, turn, branch.into(), answer);
            }
            (Waiter::Offered(_, branch), Answer::Described(answer)) => {
                self.on_offered(means, turn, branch.into(), answer);
            }
            (waiter, _) => {
                tracing::error!(call_id = %self.shown_call_id(means), ?waiter, "a service answered another question than it was asked");
                self.answer_ourselves(means, turn, 500, None, &[]);
            }
        }
    }

    /// The directory has said who the caller may be.
    fn on_identified(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Identified, ServiceError>,
    ) {
        let octets = means.read_again(self.server);
        let message = self.server.and_then(|server| means.endpoint.read(server, &octets));
        let judgement = judge(means, turn, message.as_ref(), answer);
        means.reading = octets;
        match judgement {
            Judgement::User(user, _) => {
                self.caller = Some(user);
                self.route(means, turn);
            }
            Judgement::Refused(refusal) => {
                means.counters.refused += 1;
                self.answer_ourselves(means, turn, refusal.status.code(), Some(refusal.why), &[]);
            }
            Judgement::Challenge => {
                let settings = Arc::clone(&means.settings);
                let challenge = means.guard.challenge(&settings, turn.unix_ms / 1000, Side::Proxy, false);
                means.counters.challenges += 1;
                let status = Side::Proxy.status().code();
                self.answer_ourselves(means, turn, status, None, &authenticate::lines(&challenge));
            }
        }
    }
}

/// Credentials first, then the names that the request uses.
pub(crate) fn judge(
    means: &mut Means,
    turn: &Turn<'_>,
    message: Option<&Message<'_>>,
    answer: Result<Identified, ServiceError>,
) -> Judgement {
    let settings = Arc::clone(&means.settings);
    let unreadable = Judgement::Refused(Refusal::of(500, "Server Internal Error"));
    let Some(Ok(request)) = message.map(Request::read) else { return unreadable };
    let judgement = authenticate::judge(means, turn.unix_ms / 1000, &request, Side::Proxy, answer);
    if let Judgement::User(user, _) = &judgement
        && let Err(refusal) = authenticate::check_identity(&settings, &request, user)
    {
        return Judgement::Refused(refusal);
    }
    judgement
}
