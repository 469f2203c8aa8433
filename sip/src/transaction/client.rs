//! The non-INVITE client machine (RFC 3261 §17.1.2).

use super::Failure;
use super::class::Class;
use super::output::Outputs;
use super::timer::{Intervals, Reliability, Timer};

/// Sends one request that is neither INVITE nor ACK.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    reliability: Reliability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying { doublings: u8 },
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The user has given the request.
    Begun,
    /// A response came.
    Response(Class),
    Timer(Timer),
    /// The transport could not send.
    Undelivered,
}

impl Client {
    pub(crate) fn new(reliability: Reliability) -> Self {
        Self { state: State::Trying { doublings: 0 }, reliability }
    }

    /// Takes one event. Outputs are pushed in the order in which they must be carried out.
    pub(crate) fn handle(&mut self, event: Event, intervals: &Intervals, out: &mut Outputs) {
        match (&mut self.state, event) {
            // §17.1.2.2: E repeats over lossy transports, F ends over all.
            (State::Trying { .. }, Event::Begun) => {
                out.send();
                if self.reliability == Reliability::Unreliable {
                    out.start(Timer::E, intervals.capped(0));
                }
                out.start(Timer::F, intervals.lifetime());
            }
            // §17.1.2.2: the interval doubles, at most T2.
            (State::Trying { doublings }, Event::Timer(Timer::E)) => {
                *doublings = doublings.saturating_add(1);
                out.repeat();
                out.start(Timer::E, intervals.capped(*doublings));
            }
            // §17.1.2.2: once the server has spoken, each T2.
            (State::Proceeding, Event::Timer(Timer::E)) => {
                out.repeat();
                out.start(Timer::E, intervals.t2);
            }
            (State::Trying { .. } | State::Proceeding, Event::Timer(Timer::F)) => {
                out.stop(Timer::E);
                out.fail(Failure::Timeout);
                self.end(out);
            }
            (
                State::Trying { .. } | State::Proceeding,
                Event::Response(Class::Trying | Class::Provisional),
            ) => {
                out.pass();
                self.state = State::Proceeding;
            }
            // §17.1.2.2: K absorbs repeats over lossy transports, and is zero over others.
            (
                State::Trying { .. } | State::Proceeding,
                Event::Response(Class::Success | Class::Timeout | Class::Failure),
            ) => {
                out.stop(Timer::E);
                out.stop(Timer::F);
                out.pass();
                out.forget();
                match self.reliability {
                    Reliability::Unreliable => {
                        out.start(Timer::K, intervals.t4);
                        self.state = State::Completed;
                    }
                    Reliability::Reliable => self.end(out),
                }
            }
            (State::Completed, Event::Response(_)) => {}
            (State::Completed, Event::Timer(Timer::K)) => self.end(out),

            // §17.1.4: who waits for an answer is told, and ends.
            (State::Trying { .. } | State::Proceeding, Event::Undelivered) => {
                out.stop(Timer::E);
                out.stop(Timer::F);
                out.fail(Failure::Transport);
                self.end(out);
            }
            (State::Completed | State::Terminated, Event::Undelivered) => {}

            // Only timers of other states can come here; what runs out late means nothing.
            (State::Trying { .. } | State::Proceeding, Event::Timer(_)) => {}
            (State::Completed | State::Terminated, Event::Timer(_)) => {}
            (State::Proceeding | State::Completed, Event::Begun) => {}
            (State::Terminated, Event::Begun | Event::Response(_)) => {}
        }
    }

    fn end(&mut self, out: &mut Outputs) {
        self.state = State::Terminated;
        out.gone();
    }
}
