//! In a simulated world: the edge, the registrar and the directory as they are, a wire without delay, and time that
//! stands still until the ladder moves it. So times are exact.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use proxy::core::counters::Gauges;
use proxy::core::effect::Input;
use sip::transport::{ConnectionId, Packet};
use tests::Site;

use super::script::{Ladder, Who, summary};
use super::{Places, World};
use crate::exchange;

/// A world with the phones of a ladder, each at an address of its own.
pub fn begin(ladder: &Ladder) -> (Places, Box<dyn World>) {
    let exchange = SocketAddr::from(([10, 0, 0, 1], 5060));
    let host = |number: usize| u8::try_from(number).expect("a ladder has few phones") + 10;
    let phones: Vec<SocketAddr> =
        (0..ladder.phones.len()).map(|number| ([10, 0, 0, host(number)], 5060).into()).collect();
    let connection = |(number, who): (usize, &Who)| {
        who.is_stream.then_some(ConnectionId { slot: number as u32, generation: 0 })
    };
    let connections = ladder.phones.iter().enumerate().map(connection).collect();
    let start = Instant::now();
    let site = Site::new(&exchange::config([10, 0, 0, 1].into(), &ladder.config), exchange, 0, start);
    let inboxes = phones.iter().map(|_| VecDeque::new()).collect();
    let places = Places { exchange, phones: phones.clone() };
    let names = ladder.phones.iter().map(|who| who.name.clone()).collect();
    let world =
        Simulated { site, names, phones, connections, inboxes, are_stopped: false, start, now: start };
    (places, Box::new(world))
}

struct Simulated {
    site: Site,
    names: Vec<String>,
    phones: Vec<SocketAddr>,
    connections: Vec<Option<ConnectionId>>,
    /// Services answer nothing.
    are_stopped: bool,
    /// What each phone has got and not yet looked at, and when.
    inboxes: Vec<VecDeque<(u64, Vec<u8>)>>,
    start: Instant,
    now: Instant,
}

impl World for Simulated {
    fn send(&mut self, at_ms: u64, who: usize, octets: &[u8]) {
        self.advance(at_ms);
        let flow = self.site.flow(self.phones[who], self.connections[who]);
        let packet = Packet { octets, flow, arrived: self.now };
        self.site.edge.handle(self.now, Input::Packet(packet), &mut self.site.services);
        self.settle();
    }

    fn receive(&mut self, at_ms: u64, who: usize, _again: bool) -> Result<Option<Vec<u8>>, String> {
        self.advance(at_ms);
        match self.inboxes[who].pop_front() {
            Some((came, octets)) if came == at_ms => Ok(Some(octets)),
            Some((came, octets)) => Err(format!("a {} came at {came} ms", summary(&octets))),
            None => Err("nothing came".to_owned()),
        }
    }

    fn services(&mut self, at_ms: u64, go: bool) {
        self.advance(at_ms);
        self.are_stopped = !go;
        self.settle();
    }

    fn rest(&mut self) -> Vec<String> {
        let of = |(who, inbox): (&String, &VecDeque<(u64, Vec<u8>)>)| -> Vec<String> {
            inbox.iter().map(|(at_ms, octets)| format!("{at_ms} {who} < {}", summary(octets))).collect()
        };
        self.names.iter().zip(&self.inboxes).flat_map(of).collect()
    }

    fn end(mut self: Box<Self>) -> Result<(), String> {
        let past = self.milliseconds() + 400_000;
        self.advance(past);
        if let Some((at_ms, octets)) = self.inboxes.iter().flatten().next() {
            return Err(format!(
                "at {at_ms} ms a {} came:\n{}",
                summary(octets),
                String::from_utf8_lossy(octets)
            ));
        }
        let gauges = self.site.edge.gauges();
        if gauges != Gauges::default() || self.site.edge.deadline().is_some() {
            return Err(format!(
                "something is left behind: {gauges:?}, deadline {:?}",
                self.site.edge.deadline()
            ));
        }
        Ok(())
    }
}

impl Simulated {
    fn milliseconds(&self) -> u64 {
        u64::try_from((self.now - self.start).as_millis()).expect("a ladder is short")
    }

    /// Lets time pass, and the edge act whenever it wants to.
    fn advance(&mut self, at_ms: u64) {
        let until = self.start + Duration::from_millis(at_ms);
        while let Some(deadline) = self.site.edge.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.site.edge.handle(self.now, Input::Tick, &mut self.site.services);
            self.settle();
        }
        self.now = self.now.max(until);
    }

    /// Carries what the edge sent, and answers what it asked, until it is content.
    fn settle(&mut self) {
        loop {
            let at_ms = self.milliseconds();
            for (sending, octets) in self.site.services.wire.sends() {
                let to = sending.to.remote();
                if let Some(who) = self.phones.iter().position(|phone| *phone == to) {
                    self.inboxes[who].push_back((at_ms, octets.to_vec()));
                }
            }
            self.site.services.wire.clear();
            if self.are_stopped {
                return;
            }
            let input = if let Some((ticket, answer)) = self.site.services.answers.pop_front() {
                Input::Answered(ticket, answer)
            } else if let Some(change) = self.site.services.change() {
                Input::Changed(change)
            } else {
                return;
            };
            self.site.edge.handle(self.now, input, &mut self.site.services);
        }
    }
}
