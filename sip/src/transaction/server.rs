//! The non-INVITE server machine (RFC 3261 §17.2.2 with RFC 4320 §4).

use super::Failure;
use super::class::Class;
use super::output::Outputs;
use super::timer::{Intervals, Reliability, Timer};

/// Answers one request that is neither INVITE nor ACK.
#[derive(Debug)]
pub(crate) struct Server {
    state: State,
    reliability: Reliability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    /// A 100 was sent.
    Proceeding,
    /// Answered finally; `silent` when the answer was a 408, which must not be sent.
    Completed {
        silent: bool,
    },
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The request came for the first time.
    Arrived,
    /// The request came again.
    Repeated,
    /// The user answers.
    Answered(Class),
    Timer(Timer),
    /// The transport could not send.
    Undelivered,
}

impl Server {
    pub(crate) fn new(reliability: Reliability) -> Self {
        Self { state: State::Trying, reliability }
    }

    /// Takes one event. Outputs are pushed in the order in which they must be carried out.
    pub(crate) fn handle(&mut self, event: Event, intervals: &Intervals, out: &mut Outputs) {
        match (&mut self.state, event) {
            // RFC 4320 §4.1 says when a 100 is due; §4.2 when the client has stopped waiting.
            (State::Trying, Event::Arrived) => {
                out.start(Timer::Trying, intervals.until_patience());
                out.start(Timer::Unanswered, intervals.lifetime());
            }
            // RFC 4320 §4.1: a 100 must be sent once the client's timer E has been reset to T2.
            (State::Trying, Event::Timer(Timer::Trying)) => {
                out.trying();
                self.state = State::Proceeding;
            }
            // RFC 4320 §4.1: over a lossy transport no 100 before that moment.
            (State::Trying, Event::Answered(Class::Trying)) => {
                if self.reliability == Reliability::Reliable {
                    out.stop(Timer::Trying);
                    out.keep_and_send();
                    self.state = State::Proceeding;
                }
            }
            // §17.2.2: nothing was said yet, so there is nothing to repeat.
            (State::Trying, Event::Repeated) => {}
            (State::Proceeding, Event::Repeated) => out.repeat(),
            (State::Proceeding, Event::Answered(Class::Trying)) => {}
            // RFC 4320 §4.1: no other provisional response to a non-INVITE request.
            (State::Trying | State::Proceeding, Event::Answered(Class::Provisional)) => {}
            // §17.2.2: the final response is repeated for each repeated request until J.
            (State::Trying | State::Proceeding, Event::Answered(Class::Success | Class::Failure)) => {
                out.stop(Timer::Trying);
                out.stop(Timer::Unanswered);
                out.forget();
                match self.reliability {
                    Reliability::Unreliable => {
                        out.keep_and_send();
                        out.start(Timer::J, intervals.lifetime());
                        self.state = State::Completed { silent: false };
                    }
                    Reliability::Reliable => {
                        out.send();
                        self.end(out);
                    }
                }
            }
            // RFC 4320 §4.2: a 408 is never sent; the client has its own timer F.
            (State::Trying | State::Proceeding, Event::Answered(Class::Timeout)) => {
                out.stop(Timer::Trying);
                out.stop(Timer::Unanswered);
                out.forget();
                match self.reliability {
                    Reliability::Unreliable => {
                        out.start(Timer::J, intervals.lifetime());
                        self.state = State::Completed { silent: true };
                    }
                    Reliability::Reliable => self.end(out),
                }
            }
            // RFC 4320 §4.2: what cannot be answered in time is not answered at all.
            (State::Trying | State::Proceeding, Event::Timer(Timer::Unanswered)) => self.end(out),

            (State::Completed { silent: false }, Event::Repeated) => out.repeat(),
            (State::Completed { silent: true }, Event::Repeated) => {}
            // §17.2.2: any other final response of the user is discarded.
            (State::Completed { .. }, Event::Answered(_)) => {}
            (State::Completed { .. }, Event::Timer(Timer::J)) => self.end(out),

            // §17.2.4 and figure 8: the user is told, and the machine ends.
            (State::Trying | State::Proceeding | State::Completed { .. }, Event::Undelivered) => {
                out.fail(Failure::Transport);
                self.end(out);
            }

            // Only timers of other states can come here; what runs out late means nothing.
            (State::Trying | State::Proceeding | State::Completed { .. }, Event::Timer(_)) => {}
            (State::Proceeding | State::Completed { .. }, Event::Arrived) => {}
            (State::Terminated, Event::Arrived | Event::Repeated | Event::Answered(_)) => {}
            (State::Terminated, Event::Timer(_) | Event::Undelivered) => {}
        }
    }

    fn end(&mut self, out: &mut Outputs) {
        self.state = State::Terminated;
        out.gone();
    }
}
