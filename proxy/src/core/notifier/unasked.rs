//! NOTIFYs that nobody asked for: many phones light their lamp for messages without a subscription. They are told when
//! they register and at each change, where `unsolicited` says so, unless they have subscribed; by the way that their
//! registration says, so through NAT, over its connection, and along its Path.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::{Bindings, Find, Found, Locate, Located, ServiceError, Summarise, User, Waiting};
use sip::branch::LoopHash;
use sip::build::Request;
use sip::message::Method;
use sip::transport::{ListenerId, NextHop, Transport};
use sip::uri::Uri;
use sip::wheel::Wheel;
use smallvec::SmallVec;

use super::{lamps, summary};
use crate::core::call::write::{contact, draw, draw_call_id};
use crate::core::edge::Edge;
use crate::core::effect::{Effect, Turn};
use crate::core::flow;
use crate::core::forward;
use crate::core::means::{self, Means, Waiter};
use crate::core::request;
use crate::core::slots::{Slot, Slots};
use crate::core::targets::{self, Target};
use crate::core::text::Text;

/// Users whose phones are about to be told.
pub(crate) struct Unasked {
    slots: Slots<Reminder>,
    wheel: Wheel,
    /// Registrations that have been told, by their Call-ID: a refresh is no news.
    known: HashSet<u64>,
}

/// One of them.
#[derive(Debug)]
struct Reminder {
    user: Arc<str>,
    /// What waits, where that is known.
    waiting: Option<Waiting>,
    /// The phones, where those are known.
    phones: Vec<Phone>,
}

/// How a phone is reached.
#[derive(Debug)]
struct Phone {
    target: Target,
    /// Where it registered from.
    from: Option<SocketAddr>,
}

impl Unasked {
    /// None.
    pub fn new(now: Instant) -> Self {
        Self { slots: Slots::new(REMINDERS_MAX), wheel: Wheel::new(now, 0), known: HashSet::new() }
    }

    /// The nearest moment of all of them.
    pub fn deadline(&self) -> Option<Instant> {
        self.wheel.deadline()
    }
}

impl Edge {
    /// A phone has registered: it is told after a moment, in which it may subscribe.
    pub(crate) fn on_phone_registered(
        &mut self,
        turn: &mut Turn<'_>,
        user: &Arc<User>,
        bindings: &Bindings,
        call_id: &[u8],
    ) {
        let settings = &self.means.settings;
        if !settings.config.notifier.unsolicited {
            return;
        }
        let name = lamps::call_of(settings, call_id);
        let its = bindings.iter().filter(|binding| binding.call_id.as_bytes() == call_id);
        let start = settings.tokens.start();
        let phones: Vec<Phone> = its.filter_map(|binding| phone(&binding, user, start)).collect();
        let unasked = &mut self.notifier.unasked;
        if phones.is_empty() {
            unasked.known.remove(&name);
            return;
        }
        if unasked.known.len() >= KNOWN_MAX {
            unasked.known.clear();
        }
        if !unasked.known.insert(name) {
            return;
        }
        let reminder = Reminder { user: user.name.as_str().into(), waiting: None, phones };
        if let Ok(slot) = unasked.slots.insert(reminder) {
            unasked.wheel.start(slot.index, unasked.wheel.tick_at(turn.now + AFTER));
        }
    }

    /// What waits for a user has changed: the shard of his name tells his phones.
    pub(crate) fn remind(&mut self, turn: &mut Turn<'_>, user: &Arc<str>, waiting: &Waiting) {
        let settings = &self.means.settings;
        let is_ours = settings.spread.shard_of(user.as_bytes()) == u16::from(settings.shard);
        if !is_ours || !settings.config.notifier.unsolicited || !settings.watched.has_mailboxes() {
            return;
        }
        let reminder =
            Reminder { user: Arc::clone(user), waiting: Some(waiting.clone()), phones: Vec::new() };
        let Ok(slot) = self.notifier.unasked.slots.insert(reminder) else { return };
        let question = Effect::Find(Find { name_or_extension: user });
        self.ask_for(turn, slot, Waiter::Unasked(slot), question);
    }

    /// Phones that have registered a moment ago.
    pub(crate) fn on_reminders_due(&mut self, turn: &mut Turn<'_>) {
        while let Some(index) = self.notifier.unasked.wheel.pop(turn.now) {
            let Some(slot) = self.notifier.unasked.slots.at(index) else { continue };
            let Some(reminder) = self.notifier.unasked.slots.get(slot) else { continue };
            let user = Arc::clone(&reminder.user);
            self.ask_for(turn, slot, Waiter::Unasked(slot), Effect::Summarise(Summarise { user: &user }));
        }
    }

    fn ask_for(&mut self, turn: &mut Turn<'_>, slot: Slot, waiter: Waiter, question: Effect<'_>) {
        if self.means.ask(turn, waiter, question).is_err() {
            self.notifier.unasked.slots.remove(slot);
        }
    }

    /// The directory knows the user.
    pub(crate) fn on_reminded_user(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Found, ServiceError>,
    ) {
        let Ok(Found::User(user)) = answer else {
            self.notifier.unasked.slots.remove(slot);
            return;
        };
        let question = Locate { now_ms: turn.unix_ms, aor: &user.aor, past_copy: false };
        self.ask_for(turn, slot, Waiter::Unasked(slot), Effect::Locate(question));
    }

    /// The registrar knows his phones.
    pub(crate) fn on_reminded_phones(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Located, ServiceError>,
    ) {
        let Some(mut reminder) = self.notifier.unasked.slots.remove(slot) else { return };
        let Ok(located) = answer else { return };
        let user = Arc::new(User { name: reminder.user.as_ref().into(), ..User::default() });
        let start = self.means.settings.tokens.start();
        reminder.phones =
            located.bindings.iter().filter_map(|binding| phone(&binding, &user, start)).collect();
        tell(&mut self.means, turn, &reminder);
    }

    /// Voicemail knows what waits.
    pub(crate) fn on_reminded_count(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Option<Waiting>, ServiceError>,
    ) {
        let Some(mut reminder) = self.notifier.unasked.slots.remove(slot) else { return };
        // Who has no mailbox is not told of it.
        if let Ok(Some(waiting)) = answer {
            reminder.waiting = Some(waiting);
            tell(&mut self.means, turn, &reminder);
        }
    }
}

fn phone(binding: &proto::Binding<'_>, user: &Arc<User>, start: u32) -> Option<Phone> {
    let target = Target::of_binding(binding, 0, user, start)?;
    let from = match flow::read_binding(binding.flow, start) {
        Some((flow::Read::Usable(flow), _)) if binding.path.is_empty() => Some(flow.remote),
        Some(_) | None => None,
    };
    Some(Phone { target, from })
}

fn tell(means: &mut Means, turn: &mut Turn<'_>, reminder: &Reminder) {
    let subscribed = means.settings.watched.subscribers(&reminder.user);
    for phone in &reminder.phones {
        let has_subscribed = phone.from.is_some_and(|from| subscribed.contains(&from));
        if !has_subscribed && let Some(hop) = hop(&phone.target) {
            notify(means, turn, reminder, &phone.target, hop);
        }
    }
}

fn notify(means: &mut Means, turn: &mut Turn<'_>, reminder: &Reminder, target: &Target, hop: NextHop) {
    let settings = Arc::clone(&means.settings);
    let remote = hop.remote().ip();
    let listener: Option<ListenerId> = match &hop {
        NextHop::Flow(flow) => Some(flow.listener),
        NextHop::Address { transport, .. } => settings.listeners.pick(*transport, remote),
    };
    let Some(listener) = listener else { return };
    let (tag, call_id) = (draw(means), draw_call_id(means));
    let branch = means.branches.draw(LoopHash::NONE);
    let via = forward::via(&settings, hop.transport(), listener, remote, branch);
    let (host, port) = settings.listeners.sent_by(listener, remote);
    let own = format!("sip:{}@{host}:{port}", reminder.user);
    let contact = contact(&settings, &tag, hop.transport(), listener, remote);
    let (from, to) = (Text::of(format_args!("<{own}>;tag={tag}")), Text::of(format_args!("<{own}>")));
    let mut body = String::new();
    summary::write(reminder.waiting.as_ref(), &own, &mut body);
    let mut octets = std::mem::take(&mut means.scratch);
    octets.clear();
    let mut request = Request::begin(Method::Notify, &target.uri, &mut octets)
        .header("Via", via.as_bytes())
        .header("Max-Forwards", b"70");
    for route in &target.route {
        request = request.header("Route", route.as_bytes());
    }
    request
        .header("From", from.as_bytes())
        .header("To", to.as_bytes())
        .header("Call-ID", call_id.as_bytes())
        .header("CSeq", b"1 NOTIFY")
        .header("Contact", contact.as_bytes())
        .header("Event", b"message-summary")
        .header("Subscription-State", b"active")
        .end(Some(("application/simple-message-summary", body.as_bytes())));
    // What a phone says to it changes nothing: some say 481, and light their lamp.
    if means.endpoint.request(turn.now, means::User::Alone, hop, &octets, turn.wire()).is_ok() {
        means.counters.notifies += 1;
    }
    means.scratch = octets;
}

/// Where a phone is reached without a question: its flow, or an address in its Path or Contact.
fn hop(target: &Target) -> Option<NextHop> {
    if let Some(flow) = target.flow {
        return Some(NextHop::Flow(flow));
    }
    let routes: SmallVec<[&[u8]; 1]> = target.route.iter().map(|route| route.as_bytes()).collect();
    let uri = match routes.first() {
        Some(route) => request::sip_route(route)?,
        None => match Uri::parse(&target.uri).ok()? {
            Uri::Sip(uri) => uri,
            Uri::Tel(_) | Uri::Other { .. } => return None,
        },
    };
    let ip = uri.maddr().unwrap_or(uri.host).ip()?;
    let said = uri.transport().and_then(Transport::from_name);
    let transport = said.unwrap_or(if uri.secure { Transport::Tls } else { Transport::Udp });
    Some(targets::to_address(transport, ip, uri.port))
}

/// How long a phone that has registered may take to subscribe.
const AFTER: Duration = Duration::from_secs(2);
/// Users whose phones are about to be told at once; more are not told.
const REMINDERS_MAX: usize = 10_000;
/// Registrations that are remembered; beyond, all are forgotten, and told once more.
const KNOWN_MAX: usize = 100_000;
