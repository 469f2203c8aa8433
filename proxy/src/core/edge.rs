//! The edge: one value that takes each input, finds what it belongs to, and lets it go on. Here messages pass from
//! the transaction layer to registration, to forwarding, or to an answer of our own; what these do is beside it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use proto::Ticket;
use sip::branch::Branches;
use sip::message::{Message, Method, Refusal, Status};
use sip::transaction::{Endpoint, Event, Failure, TransactionId, TransactionKey};
use sip::transport::Packet;
use sip::wheel::Wheel;

use super::admit::{self, Admission};
use super::answer;
use super::authenticate::Guard;
use super::call::media::note_released;
use super::call::table::Calls;
use super::calls::CallState;
use super::client;
use super::counters::{Counters, Gauges};
use super::effect::{Answer, Input, Out, Turn};
use super::events;
use super::means::{Means, User, Waiter};
use super::notifier::{Notifier, Package, WRONG_PACKAGE};
use super::questions::Questions;
use super::register::Registering;
use super::request::Request;
use super::response;
use super::response_context::ResponseContext;
use super::settings::Settings;
use super::slots::{Slot, Slots};

/// The proxy of one shard. See [`super`] for its use.
pub struct Edge {
    pub(crate) means: Means,
    pub(crate) contexts: Slots<Box<ResponseContext>>,
    pub(crate) registrations: Slots<Registering>,
    pub(crate) notifier: Notifier,
    /// What the transaction layer has told and was not dealt with: after a panic, in the next input.
    events: Vec<Event<User>>,
    /// How many of these were.
    events_done: usize,
    /// What is being dealt with, so that a panic names it.
    pub(crate) at_hand: Option<AtHand>,
    /// The wall's time at a moment of the other clock.
    wall: (Instant, u64),
}

impl Edge {
    /// An edge with empty tables. `seed` must be drawn anew for each shard and start; `unix_ms` is the wall's time
    /// at `now`.
    pub fn new(settings: Arc<Settings>, seed: [u64; 4], now: Instant, unix_ms: u64) -> Self {
        let config = &settings.config;
        let questions_max = config.requests_max * 4 + config.registrations_max * 2;
        let means = Means {
            endpoint: Endpoint::new(settings.transactions, now, [seed[0], seed[1]]),
            branches: Branches::new(settings.edge, settings.shard, [seed[2], seed[3]]),
            guard: Guard::new(&settings, seed),
            wheel: Wheel::new(now, 0),
            questions: Questions::new(questions_max, *config.question_timeout),
            counters: Counters::default(),
            calls: Calls::new(config.conducted_max, now),
            errands: VecDeque::new(),
            strays: VecDeque::new(),
            calls_of: HashMap::new(),
            scratch: Vec::new(),
            reading: Vec::new(),
            settings: Arc::clone(&settings),
        };
        Self {
            means,
            contexts: Slots::new(config.requests_max),
            registrations: Slots::new(config.registrations_max),
            notifier: Notifier::new(config.notifier.subscriptions_max, Arc::clone(&settings.watched), now),
            events: Vec::new(),
            events_done: 0,
            at_hand: None,
            wall: (now, unix_ms),
        }
    }

    /// Sets the wall's time; the shell does so at each turn.
    pub fn set_wall(&mut self, now: Instant, unix_ms: u64) {
        self.wall = (now, unix_ms);
    }

    /// Other settings from now on. Limits of tables stay as they were made.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.means.guard.configure(&settings);
        self.notifier.drains = settings.config.new_calls_percent == 0;
        self.means.settings = settings;
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut dyn Out) {
        let since = now.saturating_duration_since(self.wall.0).as_millis();
        let unix_ms = self.wall.1 + u64::try_from(since).unwrap_or(0);
        let turn = &mut Turn { now, unix_ms, out };
        self.on_events(turn);
        while let Some(call) = self.means.calls.lost.pop() {
            call.abandon(&mut self.means, turn);
        }
        self.on_errands(turn);
        match input {
            Input::Packet(packet) => self.on_packet(turn, &packet),
            Input::Answered(ticket, answer) => self.on_answered(turn, ticket, answer),
            Input::Failed { transaction, why } => {
                tracing::debug!(call_id = %self.means.shown_call_id(transaction), why, "a message could not be sent");
                self.means.endpoint.failed(now, transaction, turn.wire(), &mut self.events);
                self.on_events(turn);
            }
            Input::ConnectionClosed(connection) => {
                self.means.endpoint.closed(now, connection, turn.wire(), &mut self.events);
                self.on_events(turn);
            }
            Input::Media(call, event) => self.on_media(turn, call, event),
            Input::MediaLost => self.on_media_lost(turn),
            Input::Run(run, said) => self.on_said(turn, run, said),
            Input::Changed(change) => self.on_change(turn, change),
            Input::Passed(passed) => self.on_passed(turn, passed.0),
            Input::Tick => self.on_tick(turn),
        }
        self.on_errands(turn);
    }

    /// When the next [`Input::Tick`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        let means = &self.means;
        let is_behind = !self.events.is_empty() || !means.errands.is_empty() || !means.calls.lost.is_empty();
        if is_behind || self.notifier.is_to_end() {
            return Some(self.wall.0);
        }
        [
            means.endpoint.deadline(),
            means.wheel.deadline(),
            means.calls.deadline(),
            self.notifier.deadline(),
            means.questions.deadline(),
            means.strays_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// True when no request is under way. Transactions that only absorb repeats may be.
    pub fn quiet(&self) -> bool {
        self.contexts.is_empty() && self.registrations.is_empty() && self.means.calls.len() == 0
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.means.counters
    }

    /// What is under way.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            requests: self.contexts.len(),
            registrations: self.registrations.len(),
            subscriptions: self.notifier.len(),
            conducted: self.means.calls.len(),
            questions: self.means.questions.len(),
            transactions: self.means.endpoint.live(),
        }
    }

    /// The requests under way, for people.
    pub fn calls(&self, now: Instant) -> Vec<CallState> {
        let requests = self.contexts.iter().filter_map(|context| CallState::of(context, &self.means, now));
        let conducted = self.means.calls.iter().filter_map(|call| CallState::of_conducted(call, now));
        requests.chain(conducted).collect()
    }

    fn on_packet(&mut self, turn: &mut Turn<'_>, packet: &Packet<'_>) {
        let limits = self.means.settings.limits;
        let Ok(mut message) = Message::parse(packet.octets, &limits) else {
            self.means.counters.unparseable += 1;
            return;
        };
        message.remember();
        if let Err(refusal) = sip::validate::check(&message, &limits) {
            return self.on_invalid(turn, packet, &message, refusal);
        }
        match self.means.endpoint.receive(turn.now, &message, turn.out.wire()) {
            Event::Request { key } => self.on_request(turn, packet, &message, key),
            Event::Ack { invite } => self.on_ack(turn, packet, &message, invite),
            Event::Cancel { key, invite } => self.on_cancel(turn, packet, &message, key, invite),
            Event::Response { user, transaction, status } => {
                self.on_response(turn, user, transaction, status, &message);
            }
            // RFC 6026 §7.3: what matches nothing is dropped, since forwarding it would serve attackers.
            Event::Stray => self.means.counters.stray_responses += 1,
            Event::Absorbed => {}
            event @ (Event::Failed { .. } | Event::Gone { .. }) => self.on_event(turn, event),
        }
    }

    /// RFC 3261 §16.3 step 1: a malformed request is answered; nothing answers a response or an ACK.
    fn on_invalid(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        refusal: Refusal,
    ) {
        match message.method() {
            None => self.means.counters.stray_responses += 1,
            Some(Method::Ack) => self.means.counters.stray_acks += 1,
            Some(_) => answer::refuse(&mut self.means, turn, packet, message, refusal),
        }
    }

    fn on_request(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
    ) {
        let means = &mut self.means;
        means.counters.requests += 1;
        let request = match Request::read(message) {
            Ok(request) => request,
            Err(refusal) => return answer::refuse(means, turn, packet, message, refusal),
        };
        let seen = match admit::admit(&means.settings, &mut means.counters, &request) {
            Admission::Forward(seen) => seen,
            Admission::OptionsOfUs => {
                return answer::statelessly(
                    means,
                    turn,
                    packet,
                    message,
                    Status::of(200),
                    None,
                    &CAPABILITIES,
                );
            }
            Admission::Refused(refusal, unsupported) => {
                means.counters.refused += 1;
                let header = unsupported.as_deref().map(|tags| ("Unsupported", tags));
                let (status, why) = (refusal.status, Some(refusal.why));
                return answer::statelessly(means, turn, packet, message, status, why, header.as_slice());
            }
        };
        let for_us = means.settings.is_for_us(&request.uri);
        if request.method == Method::Register && for_us {
            return self.on_register(turn, packet, &request, key);
        }
        if request.method == Method::Subscribe
            && let Some(package) = Package::of(message)
            && self.on_subscribe(turn, packet, &request, key, package)
        {
            return;
        }
        if for_us && !request.is_in_dialog() && events::is_own_package(request.method, message) {
            let (means, status) = (&mut self.means, Status::of(489));
            return answer::statelessly(means, turn, packet, message, status, None, &WRONG_PACKAGE);
        }
        if request.is_in_dialog() && self.on_conducted_request(turn, packet, &request, key) {
            return;
        }
        self.begin(turn, packet, &request, key, seen);
    }

    /// RFC 3261 §16.10 and §9.2: a CANCEL is answered at once, whatever becomes of its INVITE.
    fn on_cancel(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
        invite: Option<(TransactionId, User)>,
    ) {
        let Some((server, user)) = invite else {
            let status = Status::of(481);
            return answer::statelessly(&mut self.means, turn, packet, message, status, None, &[]);
        };
        match self.means.endpoint.accept(turn.now, packet, message, key, User::Alone) {
            Ok(cancel) => answer::respond(&mut self.means, turn, cancel, Status::of(200), None, &[]),
            Err(_) => answer::statelessly(&mut self.means, turn, packet, message, Status::of(200), None, &[]),
        }
        // RFC 3326 §2: why the caller gave up travels with our CANCELs.
        let reason =
            message.first(sip::message::Name::Reason).and_then(|reason| std::str::from_utf8(reason).ok());
        match user {
            User::Upstream(slot) => {
                self.with_context(turn, slot, |context, means, turn| context.on_cancel(means, turn, reason));
            }
            User::Conducted(slot) => {
                self.means.with_call(turn, slot, |call, means, turn| {
                    call.on_cancel(means, turn, server, reason);
                });
            }
            _ => {}
        }
    }

    fn on_response(
        &mut self,
        turn: &mut Turn<'_>,
        user: User,
        transaction: TransactionId,
        status: Status,
        message: &Message<'_>,
    ) {
        match user {
            User::Branch(slot, place) => self.with_context(turn, slot, |context, means, turn| {
                context.on_response(means, turn, usize::from(place), transaction, message);
            }),
            User::Answered(server) => response::repeat_success(&mut self.means, turn, server, message),
            // The answer to a CANCEL of ours says nothing (RFC 3261 §9.1).
            User::Alone
            | User::Upstream(_)
            | User::Registrant(_)
            | User::Conducted(_)
            | User::Subscriber(_) => {}
            User::Notified(slot) => {
                self.with_subscription(turn, slot, |subscription, means, turn| {
                    subscription.on_answer(means, turn, status, message);
                });
            }
            User::Leg(..) | User::Across(..) | User::Late => {
                self.on_conducted_response(turn, transaction, user, status, message);
            }
        }
    }

    fn on_answered(&mut self, turn: &mut Turn<'_>, ticket: Ticket, answer: Answer) {
        let Some(waiter) = self.means.questions.close(ticket) else {
            self.means.counters.late_answers += 1;
            return;
        };
        self.deliver(turn, waiter, Some(ticket), answer);
    }

    /// Hands an answer to who waits for it.
    fn deliver(&mut self, turn: &mut Turn<'_>, waiter: Waiter, ticket: Option<Ticket>, answer: Answer) {
        match (waiter, answer) {
            (Waiter::Registrant(slot), Answer::Identified(answer)) => {
                self.at_hand = Some(AtHand::Registration(slot));
                self.on_registrant(turn, slot, answer);
                self.at_hand = None;
            }
            (Waiter::Registration(slot), Answer::Registered(answer)) => {
                self.at_hand = Some(AtHand::Registration(slot));
                self.on_registered(turn, slot, answer);
                self.at_hand = None;
            }
            (
                Waiter::Caller(slot)
                | Waiter::Place(slot, _)
                | Waiter::Bindings(slot, _)
                | Waiter::Flow(slot)
                | Waiter::Address(slot, _)
                | Waiter::Offered(slot, _),
                answer,
            ) => self.with_context(turn, slot, |context, means, turn| {
                context.asked.retain(|asked| Some(*asked) != ticket);
                context.on_answer(means, turn, waiter, answer);
            }),
            (Waiter::Client(transaction), Answer::Resolved(answer)) => {
                client::found(&mut self.means, turn, transaction, answer);
            }
            (
                Waiter::Early(slot)
                | Waiter::Crossing(slot, _)
                | Waiter::Attended(slot)
                | Waiter::Joined(slot, _)
                | Waiter::Renewed(slot, ..),
                Answer::Described(answer),
            ) => {
                self.means.with_call(turn, slot, |call, means, turn| {
                    call.on_media_described(means, turn, waiter, answer);
                });
            }
            (Waiter::Begun(slot, id), Answer::Done(answer)) => {
                self.means.with_call(turn, slot, |call, means, turn| call.on_begun(means, turn, id, answer));
            }
            (Waiter::Released, Answer::Released(answer)) => note_released(answer),
            (Waiter::Affirmed, Answer::Released(_)) => {}
            (
                Waiter::Watcher(slot)
                | Waiter::Resource(slot)
                | Waiter::Watched(slot)
                | Waiter::Unasked(slot),
                answer,
            ) => self.on_notifiers_answer(turn, waiter, slot, answer),
            (
                Waiter::Registrant(_)
                | Waiter::Client(_)
                | Waiter::Registration(_)
                | Waiter::Early(_)
                | Waiter::Crossing(..)
                | Waiter::Attended(_)
                | Waiter::Joined(..)
                | Waiter::Renewed(..)
                | Waiter::Begun(..)
                | Waiter::Released
                | Waiter::Affirmed,
                _,
            ) => {
                tracing::error!("a service answered another question than it was asked");
            }
        }
    }

    fn on_tick(&mut self, turn: &mut Turn<'_>) {
        while let Some(waiter) = self.means.questions.expired(turn.now) {
            self.means.counters.questions_unanswered += 1;
            let answer = waiter.unanswered();
            if let Waiter::Caller(slot)
            | Waiter::Place(slot, _)
            | Waiter::Bindings(slot, _)
            | Waiter::Flow(slot) = waiter
                && let Some(context) = self.contexts.get_mut(slot)
            {
                let questions = &self.means.questions;
                context.asked.retain(|asked| questions.is_open(*asked));
            }
            self.deliver(turn, waiter, None, answer);
        }
        while let Some(index) = self.means.wheel.pop(turn.now) {
            if let Some(slot) = self.contexts.at(index) {
                self.with_context(turn, slot, ResponseContext::on_time);
            }
        }
        while let Some(slot) = self.means.calls.due(turn.now) {
            self.means.with_call(turn, slot, super::call::Call::on_time);
        }
        self.on_subscriptions_due(turn);
        self.means.on_strays_due(turn.now);
        self.means.endpoint.tick(turn.now, turn.out.wire(), &mut self.events);
        self.on_events(turn);
    }

    fn on_events(&mut self, turn: &mut Turn<'_>) {
        while let Some(event) = self.events.get(self.events_done).copied() {
            self.events_done += 1;
            self.on_event(turn, event);
        }
        self.events.clear();
        self.events_done = 0;
    }

    fn on_event(&mut self, turn: &mut Turn<'_>, event: Event<User>) {
        match event {
            Event::Failed { user: User::Branch(slot, place), failure, transaction } => {
                self.with_context(turn, slot, |context, means, turn| {
                    context.on_failure(means, turn, usize::from(place), transaction, failure);
                });
            }
            Event::Failed { user: User::Across(slot, serial), failure, .. } => {
                self.on_conducted_failure(turn, slot, serial, failure);
            }
            Event::Failed { user: User::Notified(slot), .. } => {
                self.with_subscription(turn, slot, |subscription, means, _| subscription.fail(means, 408));
            }
            Event::Failed { transaction, failure: Failure::Transport, .. } => {
                client::look_up(&mut self.means, turn, transaction);
            }
            // RFC 3261 §16.9: a response that cannot be delivered is dropped, and nothing is cancelled for it.
            // RFC 4320 §4.2: and a server that may not answer any more has nobody to answer.
            Event::Failed { user, failure, transaction } => {
                let why = match failure {
                    Failure::Timeout => "timeout",
                    Failure::Transport => "transport",
                };
                tracing::debug!(call_id = %self.means.shown_call_id(transaction), ?user, why, "a transaction failed");
            }
            Event::Gone { .. } => {}
            Event::Request { .. } | Event::Ack { .. } | Event::Cancel { .. } => {}
            Event::Response { .. } | Event::Stray | Event::Absorbed => {}
        }
    }

    /// Lets a context go on, then removes it or sets its timer: the one exit.
    pub(crate) fn with_context(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        go_on: impl FnOnce(&mut ResponseContext, &mut Means, &mut Turn<'_>),
    ) {
        let Some(context) = self.contexts.get_mut(slot) else { return };
        self.at_hand = Some(AtHand::Context(slot));
        go_on(context, &mut self.means, turn);
        self.at_hand = None;
        if !context.is_over() {
            let deadline = context.deadline();
            return self.means.set_timer(slot, deadline);
        }
        self.remove_context(turn, slot);
    }

    fn remove_context(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        if let Some(context) = self.contexts.get_mut(slot) {
            context.unlight_all(&self.means, turn);
        }
        if let Some(call) = self.take_context(slot) {
            self.means.with_call(turn, call, |call, _, _| call.over = true);
        }
    }

    /// Gives the conducted call that nobody has answered.
    pub(crate) fn take_context(&mut self, slot: Slot) -> Option<Slot> {
        let mut context = self.contexts.remove(slot)?;
        context.forget_questions(&mut self.means);
        self.means.set_timer(slot, None);
        if let Some(user) = &context.counted {
            self.means.end_call(user);
        }
        let is_connected = context.answered.is_some_and(|status| status < 300);
        if let Some(server) = context.server.filter(|_| context.call.is_none() || !is_connected) {
            self.means.endpoint.set_user(server, User::Alone);
        }
        context.call.filter(|_| !is_connected && context.ring.is_none())
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Edge").field("gauges", &self.gauges()).finish_non_exhaustive()
    }
}

/// What an input is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AtHand {
    /// A request that is forwarded.
    Context(Slot),
    /// A REGISTER.
    Registration(Slot),
    /// A SUBSCRIBE.
    Subscribing(Slot),
    /// A subscription.
    Subscription(Slot),
}

/// What a 200 to OPTIONS says (RFC 3261 §11.2).
const CAPABILITIES: [(&str, &str); 3] = [
    (
        "Allow",
        "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE",
    ),
    ("Accept", "application/sdp"),
    ("Supported", "path, outbound"),
];
