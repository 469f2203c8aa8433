//! Branches (RFC 3261 §16.6): equal preference at the same time, lower preference after, each within the breadth
//! that RFC 5393 §5.3 leaves us, and for each its hops one after the other.

use node::dns::Query;
use proto::ServiceError;
use sip::message::Message;
use sip::transaction::Full;
use sip::transport::{NextHop, Transport};
use sip::uri::{Host, SipUri, Uri};
use smallvec::SmallVec;

use super::best::Answer;
use super::effect::{Effect, Tried, Turn};
use super::forward::Copy;
use super::means::{Means, User, Waiter};
use super::notifier::watched::Lamp;
use super::record_route::{RecordRoutes, Side};
use super::request;
use super::response_context::{Branch, BranchState, Hop, Kind, ResponseContext};
use super::targets;
use super::token::{Bound, End};

impl ResponseContext {
    /// Starts the next targets of equal preference.
    pub fn fork(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if !self.may_conduct(means, turn) {
            return;
        }
        let Some(first) = self.waiting.front() else { return };
        let beside = self.waiting.iter().take_while(|target| target.is_beside(first)).count();
        let new_rank = self.branches.last().is_none_or(|last| last.target.rank != first.rank)
            || self.plan.ends.is_none();
        // RFC 5393 §5.3.3.1: each branch gets a share of what is left; who gets none waits for another to end.
        let room = self.breadth.saturating_sub(self.open_branches());
        if room == 0 && self.kind != Kind::Ack {
            self.waiting.clear();
            self.best.consider(440, Answer::Local("Max-Breadth Exceeded"), SmallVec::new());
            return self.advance(means, turn);
        }
        let count = beside.min(usize::from(room.max(1)));
        let born = self.branches.len();
        for target in self.waiting.drain(..count) {
            self.branches.push(Branch::new(target));
        }
        means.counters.branches += count as u64;
        if new_rank {
            // The seconds count from the first copy that is sent, however long its address took to find.
            self.plan.begins = true;
        }
        let share = room / count as u16;
        for place in born..born + count {
            self.branches[place].breadth = share;
            self.try_next_hop(means, turn, place);
        }
        // A branch that failed at once may have been the last one.
        self.advance(means, turn);
    }

    /// Sends a branch to its next hop; looks the address up when it is not known yet. Without any hop left the
    /// branch has failed.
    pub fn try_next_hop(&mut self, means: &mut Means, turn: &mut Turn<'_>, place: usize) {
        let branch = &mut self.branches[place];
        if let Some(hop) = branch.hops.pop() {
            if self.call.is_some() && self.waits_for_offer(means, turn, place, &hop.to) {
                return self.branches[place].hops.push(hop);
            }
            if let Err(Full) = self.send(means, turn, place, hop) {
                means.counters.overloaded += 1;
                self.fail_branch(place, 503, "Too Many Transactions");
            }
            return;
        }
        if branch.resolved {
            if branch.take_spare() {
                return self.try_next_hop(means, turn, place);
            }
            let (status, why) = branch.failed.unwrap_or((480, "Temporarily Unavailable"));
            return self.fail_branch(place, status, why);
        }
        branch.resolved = true;
        self.resolve(means, turn, place);
    }

    /// The address of a branch is known, or cannot be found.
    pub fn on_resolved(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        place: usize,
        answer: Result<Vec<NextHop>, ServiceError>,
    ) {
        match answer {
            Ok(hops) => {
                let branch = &mut self.branches[place];
                branch.failed = Some((502, "Unresolvable Destination"));
                let flexible = branch.flexible;
                let hop = |to| Hop { to, flexible, by_name: true };
                branch.hops = hops.into_iter().rev().map(hop).collect();
            }
            Err(error) => {
                means.counters.service_errors += 1;
                tracing::warn!(call_id = %self.shown_call_id(means), %error, "a host name cannot be resolved");
                self.branches[place].failed = Some((502, "Unresolvable Destination"));
            }
        }
        self.try_next_hop(means, turn, place);
        self.advance(means, turn);
    }

    /// RFC 3261 §16.6 step 7: the next hop is the first Route's, else the Request-URI's.
    fn resolve(&mut self, means: &mut Means, turn: &mut Turn<'_>, place: usize) {
        let Some(asked) = self.address_of(means, place) else {
            self.fail_branch(place, 416, "Unsupported URI Scheme");
            return;
        };
        match asked {
            Address::Known { hop, flexible } => {
                let flexible = flexible && self.may_choose_transport(place);
                self.branches[place].hops.push(Hop { to: hop, flexible, by_name: false });
                self.try_next_hop(means, turn, place);
            }
            Address::Name { host, port, transport, secure } => {
                let question = Query { host: &host, port, transport, secure };
                let who = Waiter::Address(self.id, place as u16);
                self.branches[place].flexible =
                    transport.is_none() && !secure && self.may_choose_transport(place);
                match means.ask(turn, who, Effect::Resolve(question)) {
                    Ok(ticket) => self.branches[place].asked = Some(ticket),
                    Err(_) => self.fail_branch(place, 503, "Too Many Questions"),
                }
            }
        }
    }

    /// A phone is reached as it registered: it need not listen for connections, and trying one would cost it the
    /// time of a call.
    fn may_choose_transport(&self, place: usize) -> bool {
        let target = &self.branches[place].target;
        target.user.is_none() || !target.route.is_empty()
    }

    fn address_of(&self, means: &Means, place: usize) -> Option<Address> {
        let target = &self.branches[place].target;
        let message;
        let route = match target.route.first() {
            Some(route) => Some(route.as_bytes()),
            None if self.way.goes_on => {
                message = self.request(means)?;
                self.way.remaining(&message).next()
            }
            None => None,
        };
        match route {
            Some(route) => request::sip_route(route).map(|uri| Address::of(&uri)),
            None => match Uri::parse(&target.uri).ok()? {
                Uri::Sip(uri) => Some(Address::of(&uri)),
                Uri::Tel(_) | Uri::Other { .. } => None,
            },
        }
    }

    /// RFC 3261 §16.6 steps 1 to 11: writes the copy and sends it.
    fn send(&mut self, means: &mut Means, turn: &mut Turn<'_>, place: usize, hop: Hop) -> Result<(), Full> {
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        let Hop { mut to, flexible, mut by_name } = hop;
        let written = self.write_copy(means, place, &to, &mut octets);
        let large = octets.len() > means.settings.config.datagram_bytes_max;
        if written
            && large
            && flexible
            && to.transport() == Transport::Udp
            && means.settings.listeners.pick(Transport::Tcp, to.remote().ip()).is_some()
        {
            // RFC 3261 §18.1.1: a large request goes by a transport with congestion control; where that fails,
            // the datagram is tried after all.
            let stream = over(Transport::Tcp, &to);
            self.branches[place].hops.push(Hop { to, flexible: false, by_name });
            (to, by_name) = (stream, false);
            octets.clear();
            self.write_copy(means, place, &to, &mut octets);
        }
        let user = User::Branch(self.id, place as u16);
        let sent = if !written {
            self.fail_branch(place, 500, "No Listener For This Transport");
            Ok(())
        } else if self.kind == Kind::Ack {
            turn.wire().send_octets(to, None, &octets);
            self.branches[place].state = BranchState::Completed;
            Ok(())
        } else {
            let trying = by_name.then(|| to.clone());
            if std::mem::take(&mut self.plan.begins) {
                self.start_seconds(turn);
            }
            means.endpoint.request(turn.now, user, to, &octets, turn.wire()).map(|transaction| {
                let branch = &mut self.branches[place];
                branch.trying = trying;
                branch.transaction = Some(transaction);
                branch.state = BranchState::Calling;
                // §16.6 step 11: timer C for INVITE alone.
                let ring = means.settings.config.ring_timeout;
                branch.timer_c = (self.kind == Kind::Invite).then(|| turn.now + *ring);
            })
        };
        means.scratch = octets;
        if matches!(sent, Ok(())) && self.branches[place].state == BranchState::Calling {
            self.light(means, turn, place, Lamp::Trying, None);
        }
        sent
    }

    /// The hop that a branch tries has answered or died; either is told once.
    pub fn tell_tried(&mut self, turn: &mut Turn<'_>, place: usize, how: Tried) {
        if let Some(hop) = self.branches[place].trying.take() {
            turn.out.tried(&hop, how);
        }
    }

    fn write_copy(&self, means: &mut Means, place: usize, hop: &NextHop, out: &mut Vec<u8>) -> bool {
        let settings = std::sync::Arc::clone(&means.settings);
        let branch = &self.branches[place];
        let remote = hop.remote().ip();
        let listener = match hop {
            NextHop::Flow(flow) => Some(flow.listener),
            NextHop::Address { listener, transport, .. } => {
                listener.or_else(|| settings.listeners.pick(*transport, remote))
            }
        };
        let Some(listener) = listener else { return false };
        let text = means.branches.draw(self.seen);
        let Some(message) = self.request(means) else { return false };
        let record = self.record_routes(means, &message, branch, hop, Side::of(hop, listener));
        let breadth_said = message.count(sip::message::Name::MaxBreadth) > 0;
        Copy {
            message: &message,
            way: &self.way,
            target: &branch.target,
            hop,
            listener,
            branch: text,
            record,
            breadth: (breadth_said || branch.breadth < self.breadth).then_some(branch.breadth),
            trusted: settings.is_trusted(remote),
            diversions: &self.plan.diversions.chain,
        }
        .write(&settings, out);
        match self.call {
            Some(call) => Self::conduct_copy(call, means, branch.leg, hop, listener, out),
            None => true,
        }
    }

    /// RFC 3261 §16.6 step 4, for requests that open a dialog.
    fn record_routes(
        &self,
        means: &Means,
        message: &Message<'_>,
        branch: &Branch,
        hop: &NextHop,
        callee: Side,
    ) -> RecordRoutes {
        let opens = matches!(self.kind, Kind::Invite | Kind::OpensDialog);
        let (true, Ok(from), Ok(to)) = (opens, message.from(), message.to()) else {
            return RecordRoutes::default();
        };
        if self.call.is_some() || to.tag().is_some_and(|tag| !tag.is_empty()) {
            return RecordRoutes::default();
        }
        let caller = Side {
            transport: self.flow.transport,
            listener: self.flow.listener,
            remote: self.flow.remote.ip(),
        };
        let caller_name = self.caller.as_ref().map(|user| user.name.as_str());
        let callee_name = branch.target.user.as_ref().map(|user| user.name.as_str());
        // A phone that is reached as its Contact says needs no flow in the token, and behind a proxy the flow is
        // not the phone's.
        let keeps_flow = self.first_hop && (self.behind_nat || self.flow.connection.is_some());
        let caller_end = End {
            flow: keeps_flow.then_some(self.flow),
            user: caller_name.unwrap_or_default(),
            instance: self.caller_instance,
        };
        let callee_end = End {
            flow: match hop {
                NextHop::Flow(flow) => Some(*flow),
                NextHop::Address { .. } => None,
            },
            user: callee_name.unwrap_or_default(),
            instance: branch.target.instance,
        };
        let from_tag = from.tag().unwrap_or_default();
        let bound = Bound { call_id: message.call_id(), from_tag, to_tag: b"" };
        let mut token = SmallVec::new();
        means.settings.tokens.sign(&caller_end, &callee_end, bound, &mut token);
        let secure = message.uri().is_ok_and(|uri| uri.as_sip().is_some_and(|uri| uri.secure));
        RecordRoutes::new(&means.settings, caller, callee, secure, &token)
    }

    /// Ends a branch that brought no response of its own.
    pub fn fail_branch(&mut self, place: usize, status: u16, why: &'static str) {
        let branch = &mut self.branches[place];
        branch.state = BranchState::Completed;
        branch.timer_c = None;
        if !branch.abandoned {
            self.best.consider(status, Answer::Local(why), SmallVec::new());
        }
    }
}

/// Where a URI leads.
enum Address {
    Known { hop: NextHop, flexible: bool },
    Name { host: String, port: Option<u16>, transport: Option<Transport>, secure: bool },
}

impl Address {
    /// RFC 3263 §4.1 and §4.2 for what needs no question; `maddr` before the host (RFC 3261 §19.1.1).
    fn of(uri: &SipUri<'_>) -> Self {
        let host = uri.maddr().unwrap_or(uri.host);
        let said = uri.transport().and_then(Transport::from_name);
        let said = if uri.secure { Some(secured(said)) } else { said };
        match host {
            Host::Name(name) => {
                Self::Name { host: name.to_owned(), port: uri.port, transport: said, secure: uri.secure }
            }
            Host::V4(_) | Host::V6(_) => {
                let transport = said.unwrap_or(Transport::Udp);
                let ip = host.ip().unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
                Self::Known { hop: targets::to_address(transport, ip, uri.port), flexible: said.is_none() }
            }
        }
    }
}

/// RFC 3261 §26.2.2: `sips:` goes under TLS, whatever its transport parameter says.
fn secured(said: Option<Transport>) -> Transport {
    match said {
        Some(Transport::Ws | Transport::Wss) => Transport::Wss,
        Some(Transport::Udp | Transport::Tcp | Transport::Tls) | None => Transport::Tls,
    }
}

/// The same hop by another transport.
fn over(transport: Transport, hop: &NextHop) -> NextHop {
    NextHop::Address { transport, remote: hop.remote(), host: None, listener: None }
}
