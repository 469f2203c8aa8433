//! Carries out what a machine orders: octets to the outbox, timers into the wheel, the end into the list of
//! what is to be told.

use std::time::Instant;

use super::endpoint::{Endpoint, LIMITS};
use super::machine::Machine;
use super::output::{Output, Outputs};
use super::table::{Closing, Transaction};
use super::{Failure, TransactionId};
use crate::build;
use crate::message::{Message, Status};
use crate::transport::{NextHop, Outbox, Transport};
use crate::wheel::Tick;

/// The message that came with an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    Nothing,
    /// The user's: to be sent.
    Octets(&'a [u8]),
    /// The peer's: to be acknowledged.
    Response(&'a Message<'a>),
}

/// What the caller has to tell the user.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Carried {
    pub(super) sent: bool,
    pub(super) passed: bool,
    pub(super) failure: Option<Failure>,
}

impl<U: Copy> Endpoint<U> {
    pub(super) fn carry_out(
        &mut self,
        slot: u32,
        outputs: &Outputs,
        now: Instant,
        given: Given<'_>,
        out: &mut Outbox,
    ) -> Carried {
        let mut carried = Carried::default();
        let mut timed = false;
        let id = self.table.id_of(slot);
        for output in outputs.iter() {
            let Some(found) = self.table.at_mut(slot) else { break };
            match output {
                Output::Send => {
                    if let Given::Octets(octets) = given {
                        out.send_octets(found.hop.clone(), Some(id), octets);
                        carried.sent = true;
                    }
                }
                Output::Keep => {
                    if let Given::Octets(octets) = given {
                        found.keep(octets);
                    }
                }
                Output::Repeat => {
                    self.counters.repeated += u64::from(found.repeat(id, out));
                }
                Output::Trying => {
                    found.write_trying(&mut self.buffer);
                    found.repeat(id, out);
                }
                Output::Ack => {
                    if let Given::Response(response) = given {
                        found.write_ack(response, &mut self.buffer);
                        found.repeat(id, out);
                    }
                }
                Output::Cancel => {
                    if let Some(cancel) = found.cancel.take() {
                        let hop = found.hop.clone();
                        self.begin(now, cancel.user, hop, &cancel.octets, out);
                    }
                }
                Output::Forget => {
                    if found.forget() {
                        self.forgetting.push(slot);
                    }
                }
                Output::Pass => carried.passed = true,
                Output::Start(timer, after) => {
                    let lane = timer.lane();
                    found.timers[lane] = Some(timer);
                    found.due[lane] = self.wheel.tick_at(now + after);
                    timed = true;
                }
                Output::Stop(timer) => {
                    let lane = timer.lane();
                    if found.timers[lane] == Some(timer) {
                        found.timers[lane] = None;
                        found.due[lane] = Tick::MAX;
                        timed = true;
                    }
                }
                Output::Fail(failure) => carried.failure = Some(failure),
                Output::Gone => {
                    self.leave(slot);
                    timed = true;
                }
            }
        }
        if timed {
            self.hang(slot);
        }
        if let Some(found) = self.table.at_mut(slot).filter(|found| found.last.is_empty()) {
            found.last = Vec::new();
        }
        carried
    }

    /// Once for an INVITE that came on a TCP connection which is gone: its response goes to the address that it
    /// came from, at the port of its Via (§18.2.2). False when there is no such way.
    pub(super) fn answer_elsewhere(&mut self, id: TransactionId, out: &mut Outbox) -> bool {
        let Some(found) = self.table.at_mut(id.slot) else { return false };
        let (Machine::InviteServer(_), NextHop::Flow(flow)) = (&found.machine, &found.hop) else {
            return false;
        };
        if flow.transport != Transport::Tcp || found.closing == Closing::End {
            return false;
        }
        let Some(port) = found.fallback_port.take() else { return false };
        found.hop = NextHop::Address {
            transport: flow.transport,
            remote: (flow.remote.ip(), port).into(),
            host: None,
            listener: Some(flow.listener),
        };
        found.repeat(id, out);
        true
    }

    /// An RFC 2543 INVITE is acknowledged with the To tag of our final response (§17.2.3): its ACK has a key of
    /// its own, made while the request is still there.
    pub(super) fn keep_ack_key(&mut self, id: TransactionId, response: &[u8]) {
        let Some(found) = self.table.get(id).filter(|found| found.is_legacy) else { return };
        if let Machine::InviteServer(_) = found.machine
            && let Some(key) = self.keys.legacy_ack(&found.request, response)
        {
            self.table.add_ack(key, id.slot);
        }
    }
}

impl<U> Transaction<U> {
    /// Sends again what was kept last; false when nothing was.
    pub(super) fn repeat(&self, id: TransactionId, out: &mut Outbox) -> bool {
        let octets =
            if self.machine.is_client() && self.last.is_empty() { &self.request } else { &self.last };
        if octets.is_empty() {
            return false;
        }
        out.send_octets(self.hop.clone(), Some(id), octets);
        true
    }

    /// Keeps a response, in the room of the last one where it fits without waste.
    fn keep(&mut self, octets: &[u8]) {
        self.last.clear();
        if self.last.capacity() < octets.len() || self.last.capacity() > 2 * octets.len() {
            self.last = Vec::with_capacity(octets.len());
        }
        self.last.extend_from_slice(octets);
    }

    /// A server needs its request no more, and leaves the larger room to what is kept next. A client's user may
    /// want another look in this turn: true, and it is forgotten at the next tick.
    fn forget(&mut self) -> bool {
        self.cancel = None;
        match self.machine {
            Machine::InviteServer(_) | Machine::Server(_) => {
                let request = std::mem::take(&mut self.request);
                if request.capacity() > self.last.capacity() {
                    self.last = request;
                }
                self.last.clear();
                false
            }
            Machine::InviteClient(_) | Machine::Client(_) => {
                let later = self.closing == Closing::No;
                if later {
                    self.closing = Closing::Forget;
                }
                later
            }
        }
    }

    fn write_trying(&mut self, buffer: &mut Vec<u8>) {
        buffer.clear();
        if let Ok(request) = Message::parse(&self.request, &LIMITS) {
            build::response(&request, Status::of(100), &build::Extra::default(), buffer);
        }
        self.keep(buffer);
    }

    fn write_ack(&mut self, response: &Message<'_>, buffer: &mut Vec<u8>) {
        buffer.clear();
        if let Ok(invite) = Message::parse(&self.request, &LIMITS) {
            build::ack(&invite, response, buffer);
        }
        self.keep(buffer);
    }
}
