//! After a panic: the call that the input was about is removed, with its timers, questions and transactions; everything
//! else goes on. Peers of a proxied call are told nothing: whatever could be said might panic again. The legs of a
//! conducted one hear BYE with the next input, since nobody else could end them.

use sip::transaction::TransactionId;

use super::edge::{AtHand, Edge};
use super::means::User;
use super::slots::Slot;

impl Edge {
    /// Removes what was being dealt with when a panic came, and whatever else has the Call-ID of the packet that
    /// caused it. Events of other calls that came with it are dealt with in the next input.
    pub fn recover(&mut self, octets: Option<&[u8]>) {
        let named = octets.and_then(sip::scan::call_id).map(<[u8]>::to_vec);
        let at_hand = self.at_hand.take();
        let call_id = named.or_else(|| at_hand.and_then(|at_hand| self.call_id_of(at_hand)));
        match at_hand {
            Some(AtHand::Context(slot)) => self.drop_context(slot),
            Some(AtHand::Registration(slot)) => self.drop_registration(slot),
            Some(AtHand::Subscribing(slot)) => self.drop_subscribing(slot),
            Some(AtHand::Subscription(slot)) => self.notifier.forget(slot),
            None => {}
        }
        if let Some(call_id) = call_id {
            self.drop_call(&call_id);
        }
    }

    fn call_id_of(&self, at_hand: AtHand) -> Option<Vec<u8>> {
        let octets = match at_hand {
            AtHand::Context(slot) => self.contexts.get(slot)?.request_octets(&self.means),
            AtHand::Registration(slot) => {
                self.means.endpoint.kept_request(self.registrations.get(slot)?.server)?
            }
            AtHand::Subscribing(slot) => {
                self.means.endpoint.kept_request(self.notifier.asking.get(slot)?.server)?
            }
            AtHand::Subscription(slot) => return self.notifier.call_id_of(slot),
        };
        sip::scan::call_id(octets).map(<[u8]>::to_vec)
    }

    fn drop_call(&mut self, call_id: &[u8]) {
        // An ACK has no transaction.
        let means = &self.means;
        let is_named = |slot: &Slot| {
            let octets = self.contexts.get(*slot).map(|context| context.request_octets(means));
            octets.and_then(sip::scan::call_id) == Some(call_id)
        };
        let contexts: Vec<Slot> = self.contexts.names().filter(is_named).collect();
        for slot in contexts {
            self.drop_context(slot);
        }
        if let Some(call) = self.means.calls.with_call_id(call_id) {
            self.means.calls.forget(call);
        }
        if let Some(subscription) = self.notifier.with_call_id(call_id) {
            self.notifier.forget(subscription);
        }
        for transaction in self.means.endpoint.of_call(call_id) {
            match self.means.endpoint.user(transaction) {
                Some(User::Upstream(slot) | User::Branch(slot, _)) => self.drop_context(slot),
                Some(User::Registrant(slot)) => self.drop_registration(slot),
                Some(User::Subscriber(slot)) => self.drop_subscribing(slot),
                Some(User::Conducted(call) | User::Leg(call, _) | User::Across(call, _)) => {
                    self.means.calls.forget(call);
                }
                Some(User::Alone | User::Answered(_) | User::Late | User::Notified(_)) | None => {}
            }
            self.means.endpoint.end(transaction);
        }
    }

    fn drop_context(&mut self, slot: Slot) {
        let Some(context) = self.contexts.get(slot) else { return };
        let branches = context.branches.iter().filter_map(|branch| branch.transaction);
        let transactions: Vec<TransactionId> = branches.chain(context.server).collect();
        if let Some(call) = self.take_context(slot) {
            self.means.calls.forget(call);
        }
        for transaction in transactions {
            self.means.endpoint.end(transaction);
        }
    }

    fn drop_subscribing(&mut self, slot: Slot) {
        if let Some(asking) = self.notifier.asking.remove(slot) {
            self.means.endpoint.end(asking.server);
        }
    }

    fn drop_registration(&mut self, slot: Slot) {
        if let Some(registering) = self.registrations.remove(slot) {
            self.means.endpoint.end(registering.server);
        }
    }
}
