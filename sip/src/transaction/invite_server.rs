//! The INVITE server machine (RFC 3261 §17.2.1 with RFC 6026 §7.1).

use super::Failure;
use super::class::Class;
use super::output::Outputs;
use super::timer::{Intervals, Reliability, TRYING_AFTER, Timer};

/// Answers one INVITE.
#[derive(Debug)]
pub(crate) struct InviteServer {
    state: State,
    reliability: Reliability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The user has not answered finally; once it said anything, that is repeated.
    Proceeding {
        said: bool,
    },
    /// A final response of 300–699 waits for its ACK.
    Completed {
        doublings: u8,
    },
    Confirmed,
    /// A 2xx was sent; its repeats and ACKs are the user's.
    Accepted,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The INVITE came for the first time.
    Arrived,
    /// The INVITE came again.
    Repeated,
    /// An ACK that matches came.
    Acked,
    /// The user answers.
    Answered(Class),
    Timer(Timer),
    /// The transport could not send.
    Undelivered,
}

impl InviteServer {
    pub(crate) fn new(reliability: Reliability) -> Self {
        Self { state: State::Proceeding { said: false }, reliability }
    }

    /// Takes one event. Outputs are pushed in the order in which they must be carried out.
    pub(crate) fn handle(&mut self, event: Event, intervals: &Intervals, out: &mut Outputs) {
        match (&mut self.state, event) {
            // §17.2.1: a 100 within 200 ms, unless the user answers before.
            (State::Proceeding { .. }, Event::Arrived) => out.start(Timer::Trying, TRYING_AFTER),
            (State::Proceeding { said }, Event::Timer(Timer::Trying)) => {
                *said = true;
                out.trying();
            }
            // §17.2.1: a repeated INVITE is answered with the last provisional response, not passed up.
            (State::Proceeding { said: true }, Event::Repeated) => out.repeat(),
            (State::Proceeding { said: false }, Event::Repeated) => {}
            (State::Proceeding { said }, Event::Answered(Class::Trying | Class::Provisional)) => {
                *said = true;
                out.stop(Timer::Trying);
                out.keep_and_send();
            }
            // RFC 6026 §7.1: the machine stays to absorb repeats; the user repeats the 2xx.
            (State::Proceeding { .. }, Event::Answered(Class::Success)) => {
                out.stop(Timer::Trying);
                out.forget();
                out.send();
                out.start(Timer::L, intervals.lifetime());
                self.state = State::Accepted;
            }
            // §17.2.1: G repeats the response over lossy transports, H waits for the ACK over all.
            (State::Proceeding { .. }, Event::Answered(Class::Timeout | Class::Failure)) => {
                out.stop(Timer::Trying);
                out.forget();
                out.keep_and_send();
                if self.reliability == Reliability::Unreliable {
                    out.start(Timer::G, intervals.capped(0));
                }
                out.start(Timer::H, intervals.lifetime());
                self.state = State::Completed { doublings: 0 };
            }
            // An ACK before any final response acknowledges nothing.
            (State::Proceeding { .. }, Event::Acked) => {}

            (State::Completed { .. }, Event::Repeated) => out.repeat(),
            // §17.2.1: the interval doubles, at most T2.
            (State::Completed { doublings }, Event::Timer(Timer::G)) => {
                *doublings = doublings.saturating_add(1);
                out.repeat();
                out.start(Timer::G, intervals.capped(*doublings));
            }
            // §17.2.1: I absorbs further ACKs, and is zero over reliable transports.
            (State::Completed { .. }, Event::Acked) => {
                out.stop(Timer::G);
                out.stop(Timer::H);
                match self.reliability {
                    Reliability::Unreliable => {
                        out.start(Timer::I, intervals.t4);
                        self.state = State::Confirmed;
                    }
                    Reliability::Reliable => self.end(out),
                }
            }
            // §17.2.1: no ACK came; the user is told.
            (State::Completed { .. }, Event::Timer(Timer::H)) => {
                out.fail(Failure::Timeout);
                self.end(out);
            }
            // §17.2.1: any other final response of the user is discarded.
            (State::Completed { .. } | State::Confirmed, Event::Answered(_)) => {}

            (State::Confirmed, Event::Acked | Event::Repeated) => {}
            (State::Confirmed, Event::Timer(Timer::I)) => self.end(out),

            // RFC 6026 §7.1: repeats are absorbed, each ACK is passed up, each further 2xx is sent.
            (State::Accepted, Event::Repeated) => {}
            (State::Accepted, Event::Acked) => out.pass(),
            (State::Accepted, Event::Answered(Class::Success)) => out.send(),
            (State::Accepted, Event::Answered(_)) => {}
            (State::Accepted, Event::Timer(Timer::L)) => self.end(out),

            // RFC 6026 §7.1, figure 5: the user is told, and may try again.
            (State::Proceeding { .. } | State::Completed { .. } | State::Accepted, Event::Undelivered) => {
                out.fail(Failure::Transport);
            }

            (State::Confirmed | State::Terminated, Event::Undelivered) => {}
            // Only timers of other states can come here; what runs out late means nothing.
            (State::Proceeding { .. } | State::Completed { .. }, Event::Timer(_)) => {}
            (State::Confirmed | State::Accepted, Event::Timer(_)) => {}
            (State::Completed { .. } | State::Confirmed | State::Accepted, Event::Arrived) => {}
            (State::Terminated, Event::Arrived | Event::Repeated | Event::Acked) => {}
            (State::Terminated, Event::Answered(_) | Event::Timer(_)) => {}
        }
    }

    fn end(&mut self, out: &mut Outputs) {
        self.state = State::Terminated;
        out.gone();
    }
}
