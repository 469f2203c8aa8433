//! What a machine may ask of the layer. The machines know neither octets nor addresses nor the table.

use std::time::Duration;

use smallvec::SmallVec;

use super::Failure;
use super::timer::Timer;

/// One order, in the sequence in which it must be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Send the message that came with the event.
    Send,
    /// Keep that message, so that it can be repeated.
    Keep,
    /// Send again what was kept last: a client's request, then its ACK; a server's response.
    Repeat,
    /// Make a 100 from the request, keep it and send it.
    Trying,
    /// Make the ACK for the final response that came with the event, keep it and send it.
    Ack,
    /// Send the CANCEL that waits, in a transaction of its own.
    Cancel,
    /// The octets of the request are needed no more.
    Forget,
    /// Pass the message that came with the event to the user.
    Pass,
    /// Start a timer.
    Start(Timer, Duration),
    /// Stop a timer.
    Stop(Timer),
    /// Tell the user that nobody answers.
    Fail(Failure),
    /// The machine has ended: the one exit.
    Gone,
}

/// The orders of one event.
#[derive(Debug, Default)]
pub(crate) struct Outputs(SmallVec<[Output; 8]>);

impl Outputs {
    pub(crate) fn send(&mut self) {
        self.0.push(Output::Send);
    }

    pub(crate) fn keep_and_send(&mut self) {
        self.0.extend([Output::Keep, Output::Send]);
    }

    pub(crate) fn repeat(&mut self) {
        self.0.push(Output::Repeat);
    }

    pub(crate) fn trying(&mut self) {
        self.0.push(Output::Trying);
    }

    pub(crate) fn ack(&mut self) {
        self.0.push(Output::Ack);
    }

    pub(crate) fn cancel(&mut self) {
        self.0.push(Output::Cancel);
    }

    pub(crate) fn forget(&mut self) {
        self.0.push(Output::Forget);
    }

    pub(crate) fn pass(&mut self) {
        self.0.push(Output::Pass);
    }

    pub(crate) fn start(&mut self, timer: Timer, after: Duration) {
        self.0.push(Output::Start(timer, after));
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.0.push(Output::Stop(timer));
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.0.push(Output::Fail(failure));
    }

    pub(crate) fn gone(&mut self) {
        self.0.push(Output::Gone);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Output> {
        self.0.iter().copied()
    }
}
