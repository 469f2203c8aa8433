//! The INVITE client machine (RFC 3261 §17.1.1 with RFC 6026 §7.2), and when its CANCEL may go (§9.1).

use super::Failure;
use super::class::Class;
use super::output::Outputs;
use super::timer::{Intervals, Reliability, Timer};

/// Sends one INVITE.
#[derive(Debug)]
pub(crate) struct InviteClient {
    state: State,
    reliability: Reliability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling {
        doublings: u8,
        cancel: bool,
    },
    Proceeding {
        cancelled: bool,
    },
    /// A final response of 300–699 was acknowledged; its repeats are too.
    Completed,
    /// A 2xx was passed up; others may follow, from other branches.
    Accepted,
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The user has given the INVITE.
    Begun,
    /// A response came.
    Response(Class),
    /// The user gives up.
    Cancel,
    Timer(Timer),
    /// The transport could not send.
    Undelivered,
}

impl InviteClient {
    pub(crate) fn new(reliability: Reliability) -> Self {
        Self { state: State::Calling { doublings: 0, cancel: false }, reliability }
    }

    /// Takes one event. Outputs are pushed in the order in which they must be carried out.
    pub(crate) fn handle(&mut self, event: Event, intervals: &Intervals, out: &mut Outputs) {
        match (&mut self.state, event) {
            // §17.1.1.2: A repeats over lossy transports, B ends over all.
            (State::Calling { .. }, Event::Begun) => {
                out.send();
                if self.reliability == Reliability::Unreliable {
                    out.start(Timer::A, intervals.doubled(0));
                }
                out.start(Timer::B, intervals.lifetime());
            }
            // §17.1.1.2: the interval doubles without a limit but B.
            (State::Calling { doublings, .. }, Event::Timer(Timer::A)) => {
                *doublings = doublings.saturating_add(1);
                out.repeat();
                out.start(Timer::A, intervals.doubled(*doublings));
            }
            (State::Calling { .. }, Event::Timer(Timer::B)) => {
                out.fail(Failure::Timeout);
                self.end(out);
            }
            // §9.1: a CANCEL must not go before a provisional response has come.
            (State::Calling { cancel, .. }, Event::Cancel) => *cancel = true,
            (State::Calling { cancel, .. }, Event::Response(Class::Trying | Class::Provisional)) => {
                let cancelled = *cancel;
                out.stop(Timer::A);
                out.stop(Timer::B);
                out.pass();
                self.state = State::Proceeding { cancelled };
                if cancelled {
                    Self::cancel(intervals, out);
                }
            }

            // §17.1.1.2: no timer but the user's own (timer C of a proxy) runs while it rings.
            (State::Proceeding { .. }, Event::Response(Class::Trying | Class::Provisional)) => out.pass(),
            (State::Proceeding { cancelled: true }, Event::Cancel) => {}
            (State::Proceeding { cancelled }, Event::Cancel) => {
                *cancelled = true;
                Self::cancel(intervals, out);
            }
            // §9.1: 64*T1 after the CANCEL the INVITE counts as cancelled, answered or not.
            (State::Proceeding { .. }, Event::Timer(Timer::Cancelled)) => {
                out.fail(Failure::Timeout);
                self.end(out);
            }

            // RFC 6026 §7.2: the machine stays to pass repeated and further 2xx; the user acknowledges them.
            (State::Calling { .. } | State::Proceeding { .. }, Event::Response(Class::Success)) => {
                self.stop_all(out);
                out.pass();
                out.forget();
                out.start(Timer::M, intervals.lifetime());
                self.state = State::Accepted;
            }
            // §17.1.1.2: the layer itself acknowledges 300–699.
            (
                State::Calling { .. } | State::Proceeding { .. },
                Event::Response(Class::Timeout | Class::Failure),
            ) => {
                self.stop_all(out);
                out.ack();
                out.pass();
                out.forget();
                match self.reliability {
                    // §17.1.1.2: D is at least 32 s over lossy transports, zero over others.
                    Reliability::Unreliable => {
                        out.start(Timer::D, intervals.lifetime());
                        self.state = State::Completed;
                    }
                    Reliability::Reliable => self.end(out),
                }
            }

            // §17.1.1.2: a repeated final response is acknowledged again, not passed up.
            (State::Completed, Event::Response(Class::Timeout | Class::Failure)) => out.repeat(),
            (State::Completed, Event::Response(Class::Trying | Class::Provisional | Class::Success)) => {}
            (State::Completed, Event::Timer(Timer::D)) => self.end(out),

            // RFC 6026 §7.2: only 2xx are passed up.
            (State::Accepted, Event::Response(Class::Success)) => out.pass(),
            (State::Accepted, Event::Response(_)) => {}
            (State::Accepted, Event::Timer(Timer::M)) => self.end(out),
            (State::Completed | State::Accepted, Event::Cancel) => {}

            // §17.1.4: who waits for an answer or acknowledges one is told, and ends.
            (State::Calling { .. } | State::Proceeding { .. } | State::Completed, Event::Undelivered) => {
                self.stop_all(out);
                out.fail(Failure::Transport);
                self.end(out);
            }
            (State::Accepted | State::Terminated, Event::Undelivered) => {}

            // Only timers of other states can come here; what runs out late means nothing.
            (State::Calling { .. } | State::Proceeding { .. }, Event::Timer(_)) => {}
            (State::Completed | State::Accepted | State::Terminated, Event::Timer(_)) => {}
            (State::Proceeding { .. } | State::Completed | State::Accepted, Event::Begun) => {}
            (State::Terminated, Event::Begun | Event::Response(_) | Event::Cancel) => {}
        }
    }

    /// True while a CANCEL means something and none was asked for.
    pub(crate) fn takes_cancel(&self) -> bool {
        matches!(self.state, State::Calling { cancel: false, .. } | State::Proceeding { cancelled: false })
    }

    fn cancel(intervals: &Intervals, out: &mut Outputs) {
        out.cancel();
        out.start(Timer::Cancelled, intervals.lifetime());
    }

    fn stop_all(&self, out: &mut Outputs) {
        if let State::Calling { .. } = self.state {
            out.stop(Timer::A);
            out.stop(Timer::B);
        } else {
            out.stop(Timer::Cancelled);
        }
    }

    fn end(&mut self, out: &mut Outputs) {
        self.state = State::Terminated;
        out.gone();
    }
}
