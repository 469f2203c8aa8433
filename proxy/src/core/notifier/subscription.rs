//! One subscription (RFC 6665 §4.2): a dialog in which we send NOTIFY, one at a time, until it is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::{Bindings, Locate, Located, ServiceError, Summarise, Ticket, User, Waiting};
use sip::dialog::{Dialog, Outgoing};
use sip::header::RetryAfter;
use sip::message::{Message, Method, Name, Status};
use sip::transport::{Flow, ListenerId, NextHop, Transport};
use sip::uri::Uri;

use super::package::Package;
use super::{dialog_info, reginfo, summary, write};
use crate::config::notifier::NotifierConfig;
use crate::core::call::write::contact;
use crate::core::effect::{Effect, Turn};
use crate::core::forward;
use crate::core::means::{self, Means, Waiter};
use crate::core::slots::Slot;
use crate::core::targets;
use crate::core::text::Text;

/// One of them.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Its place in the table.
    pub id: Slot,
    pub package: Package,
    /// The value of Event, with its `id` where the phone gave one.
    pub event: Box<str>,
    /// Who watches; nobody of ours for a trusted peer.
    pub watcher: Option<Arc<User>>,
    /// Who is watched.
    pub resource: Arc<User>,
    /// The same as the phone named him: `sip:6002@192.0.2.1`.
    pub entity: Box<str>,
    pub dialog: Dialog,
    pub way: WayBack,
    /// Where it subscribed from first.
    pub from: SocketAddr,
    /// When it ends.
    pub expires: Instant,
    /// True when only the state as it is now was asked for.
    pub fetch: bool,
    /// What there is to tell.
    pub state: State,
    /// When something was told last.
    pub told: Option<Instant>,
    /// True when there is something to tell.
    pub due: bool,
    /// True while a NOTIFY waits for its answer.
    pub under_way: bool,
    /// Of the next document, where it has one.
    pub version: u32,
    /// When what is told changes by itself: a call or a registration runs out.
    pub look_at: Option<Instant>,
    /// Not to be told anything before.
    pub not_before: Option<Instant>,
    /// When a service is to be asked again.
    pub ask_at: Option<Instant>,
    /// The question to it.
    pub asked: Option<Ticket>,
    /// To be removed.
    pub over: bool,
}

/// How the phone is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WayBack {
    /// The flow by which it subscribed.
    pub flow: Flow,
    /// True when only that leads to it: from behind NAT, and over a connection.
    pub only: bool,
}

/// What a subscription tells.
#[derive(Debug)]
pub(crate) enum State {
    /// Not known yet.
    Unknown,
    /// What waits; nothing for somebody without a mailbox.
    Waiting(Option<Waiting>),
    /// What [`super::watched`] knows of calls, and the ids of those that were told of.
    Calls { told: Vec<String> },
    /// Where the user is registered, and what was told of it.
    Bindings { now: Bindings, told: Option<Vec<reginfo::Told>> },
}

/// Why a subscription ends (RFC 6665 §4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its time is over, or its phone has ended it.
    Timeout,
    /// We go: the phone is to come again after a while.
    Probation,
}

impl Subscription {
    /// Whose limit it counts for.
    pub fn user(&self) -> Option<Arc<str>> {
        self.watcher.as_ref().map(|user| Arc::from(user.name.as_str()))
    }

    /// What it watches.
    pub fn watched(&self) -> (Package, Arc<str>) {
        let name = match self.package {
            Package::Summary | Package::Dialog => &self.resource.name,
            Package::Registration => &self.resource.aor,
        };
        (self.package, Arc::from(name.as_str()))
    }

    /// The nearest of its moments.
    pub fn deadline(&self, config: &NotifierConfig) -> Instant {
        let may_tell = (self.due && !self.under_way).then(|| self.may_tell_at(config)).flatten();
        [may_tell, self.ask_at, self.look_at].into_iter().flatten().fold(self.expires, Instant::min)
    }

    /// When the next NOTIFY may go; nothing when it may go at once.
    fn may_tell_at(&self, config: &NotifierConfig) -> Option<Instant> {
        let interval = (*config.interval).max(self.package.interval_min());
        self.told.map(|told| told + interval).max(self.not_before)
    }

    /// Learns the state, from the beginning or again, and tells it. RFC 6665 §4.2.1.2: each SUBSCRIBE is followed by a
    /// NOTIFY at once.
    pub fn begin(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        (self.told, self.due) = (None, true);
        self.ask(means, turn);
    }

    /// Asks the service that knows. What calls there are is at hand.
    pub fn ask(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.ask_at = None;
        if let Some(ticket) = self.asked.take() {
            means.questions.close(ticket);
        }
        let resource = Arc::clone(&self.resource);
        let question = match self.package {
            Package::Dialog => return self.tell(means, turn),
            Package::Summary => Effect::Summarise(Summarise { user: &resource.name }),
            Package::Registration => {
                Effect::Locate(Locate { now_ms: turn.unix_ms, aor: &resource.aor, past_copy: false })
            }
        };
        match means.ask(turn, Waiter::Watched(self.id), question) {
            Ok(ticket) => self.asked = Some(ticket),
            Err(_) => self.unknown(means, turn),
        }
    }

    /// What was told may be wrong: asked again soon, not all at once.
    pub fn ask_again(&mut self, now: Instant) {
        self.ask_at = Some(now + Duration::from_millis(u64::from(self.id.index % 1000) * 10));
    }

    /// What waits, because it was asked for or has changed.
    pub fn on_waiting(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Option<Waiting>, ServiceError>,
    ) {
        match answer {
            Ok(waiting) => {
                let is_new = !matches!(&self.state, State::Waiting(known) if *known == waiting);
                self.state = State::Waiting(waiting);
                self.due |= is_new;
                self.tell(means, turn);
            }
            Err(error) => self.on_error(means, turn, &error),
        }
    }

    /// Where the user is registered.
    pub fn on_bindings(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Located, ServiceError>,
    ) {
        let located = match answer {
            Ok(located) => located,
            Err(error) => return self.on_error(means, turn, &error),
        };
        let ends = located.bindings.iter().map(|binding| binding.expires_in_s).min();
        self.look_at = ends.map(|seconds| turn.now + Duration::from_secs(u64::from(seconds) + 1));
        let told = match std::mem::replace(&mut self.state, State::Unknown) {
            State::Bindings { told, .. } => told,
            State::Unknown | State::Waiting(_) | State::Calls { .. } => None,
        };
        self.due |= reginfo::is_new(&located.bindings, told.as_deref());
        self.state = State::Bindings { now: located.bindings, told };
        self.tell(means, turn);
    }

    fn on_error(&mut self, means: &mut Means, turn: &mut Turn<'_>, error: &ServiceError) {
        means.counters.service_errors += 1;
        let (user, package) = (&self.resource.name, self.package.name());
        tracing::warn!(user, package, %error, "nobody knows what a phone asks for");
        self.unknown(means, turn);
    }

    /// Nobody says: the phone is told that its subscription stands, and is told more later.
    fn unknown(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        self.ask_at = Some(turn.now + ASK_AGAIN);
        self.tell(means, turn);
    }

    /// Sends what there is to tell, unless it has to wait for the answer to the last NOTIFY or for its time.
    pub fn tell(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.fetch {
            return self.end(means, turn, Why::Timeout);
        }
        let config = &means.settings.config.notifier;
        let waits = self.under_way || self.may_tell_at(config).is_some_and(|at| at > turn.now);
        if self.due && !waits {
            self.notify(means, turn, None);
        }
    }

    /// Ends it, and says why.
    pub fn end(&mut self, means: &mut Means, turn: &mut Turn<'_>, why: Why) {
        if !self.over {
            self.notify(means, turn, Some(why));
        }
        self.over = true;
    }

    /// Its moment has come.
    pub fn on_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        if self.expires <= turn.now {
            means.counters.subscriptions_expired += 1;
            return self.end(means, turn, Why::Timeout);
        }
        if self.look_at.take_if(|at| *at <= turn.now).is_some() {
            self.due |= self.package == Package::Dialog;
            self.ask_at = Some(turn.now);
        }
        if self.ask_at.is_some_and(|at| at <= turn.now) {
            self.ask(means, turn);
        }
        self.tell(means, turn);
    }

    /// A NOTIFY was answered (RFC 6665 §4.2.2): what is refused ends the subscription, unless it is to be tried again.
    pub fn on_answer(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        status: Status,
        message: &Message<'_>,
    ) {
        if status.is_provisional() {
            return;
        }
        self.under_way = false;
        if status.is_success() {
            return self.tell(means, turn);
        }
        let again = message.first(Name::RetryAfter).and_then(|value| RetryAfter::parse(value).ok());
        match again {
            Some(again) if status.class() == 5 => {
                self.due = true;
                self.not_before = Some(turn.now + Duration::from_secs(u64::from(again.seconds)));
            }
            Some(_) | None => self.fail(means, status.code()),
        }
    }

    /// A NOTIFY was refused, or nobody answered it: nobody is there.
    pub fn fail(&mut self, means: &mut Means, status: u16) {
        means.counters.subscriptions_failed += 1;
        let call_id = String::from_utf8_lossy(&self.dialog.id().call_id);
        tracing::debug!(%call_id, status, "a NOTIFY failed, and its subscription is over");
        self.over = true;
    }

    /// Our Contact towards the phone.
    pub fn contact(&self, means: &Means) -> Text {
        let hop = self.hop();
        let listener = self.listener(means, &hop);
        let tag = String::from_utf8_lossy(&self.dialog.id().local_tag);
        contact(&means.settings, &tag, hop.transport(), listener, hop.remote().ip())
    }

    fn notify(&mut self, means: &mut Means, turn: &mut Turn<'_>, ends: Option<Why>) {
        let hop = self.hop();
        let listener = self.listener(means, &hop);
        let branch = means.branches.draw(sip::branch::LoopHash::NONE);
        let via = forward::via(&means.settings, hop.transport(), listener, hop.remote().ip(), branch);
        let contact = self.contact(means);
        let state = self.state_line(turn.now, ends, means.settings.config.retry_after.as_secs());
        let mut body = String::new();
        self.write_body(means, turn, &mut body);
        let headers: [(&str, &[u8]); 2] =
            [("Event", self.event.as_bytes()), ("Subscription-State", state.as_bytes())];
        let outgoing = Outgoing {
            contact: Some(contact.as_bytes()),
            headers: &headers,
            body: (!body.is_empty()).then_some((self.package.body_type(), body.as_bytes())),
            ..Outgoing::new(via.as_bytes())
        };
        let mut octets = std::mem::take(&mut means.scratch);
        octets.clear();
        self.dialog.request(Method::Notify, &outgoing, &mut octets);
        let user = if ends.is_some() { means::User::Alone } else { means::User::Notified(self.id) };
        let sent = means.endpoint.request(turn.now, user, hop, &octets, turn.wire());
        means.scratch = octets;
        (self.due, self.told, self.not_before) = (false, Some(turn.now), None);
        match sent {
            Ok(_) => {
                means.counters.notifies += 1;
                self.under_way = ends.is_none();
            }
            Err(_) => {
                means.counters.overloaded += 1;
                self.over = true;
            }
        }
    }

    /// RFC 6665 §8.2.3.
    fn state_line(&self, now: Instant, ends: Option<Why>, retry_after_s: u64) -> Text {
        match ends {
            None => Text::of(format_args!("active;expires={}", write::seconds(self.expires, now))),
            Some(Why::Timeout) => Text::of(format_args!("terminated;reason=timeout")),
            Some(Why::Probation) => {
                Text::of(format_args!("terminated;reason=probation;retry-after={retry_after_s}"))
            }
        }
    }

    fn write_body(&mut self, means: &Means, turn: &Turn<'_>, out: &mut String) {
        let version = self.version;
        match &mut self.state {
            State::Unknown => return,
            State::Waiting(waiting) => return summary::write(waiting.as_ref(), &self.entity, out),
            State::Calls { told } => {
                let user: Arc<str> = Arc::from(self.resource.name.as_str());
                let parties = means.settings.watched.of(&user, turn.now);
                let now: Vec<String> = parties.iter().map(dialog_info::id).collect();
                told.retain(|id| !now.contains(id));
                dialog_info::write(version, &self.entity, &parties, told, out);
                *told = now;
                self.look_at = parties.iter().map(|party| party.until).min();
            }
            State::Bindings { now, told } => {
                *told = Some(reginfo::write(version, &self.entity, now, told.as_deref(), out));
            }
        }
        // RFC 4235 §4.1, RFC 3680 §5.1: one more with each document.
        self.version = version.wrapping_add(1);
    }

    /// Where a NOTIFY goes (RFC 3261 §12.2.1.1); where that is a name, back to where the SUBSCRIBE came from.
    fn hop(&self) -> NextHop {
        if self.way.only {
            return NextHop::Flow(self.way.flow);
        }
        self.address().unwrap_or(NextHop::Flow(self.way.flow))
    }

    fn address(&self) -> Option<NextHop> {
        let Ok(Uri::Sip(uri)) = Uri::parse(self.dialog.next_hop()) else { return None };
        let ip = uri.maddr().unwrap_or(uri.host).ip()?;
        let said = uri.transport().and_then(Transport::from_name);
        let transport = said.unwrap_or(if uri.secure { Transport::Tls } else { Transport::Udp });
        Some(targets::to_address(transport, ip, uri.port))
    }

    fn listener(&self, means: &Means, hop: &NextHop) -> ListenerId {
        match hop {
            NextHop::Flow(flow) => flow.listener,
            NextHop::Address { transport, remote, .. } => {
                means.settings.listeners.pick(*transport, remote.ip()).unwrap_or(self.way.flow.listener)
            }
        }
    }
}

/// How long a service that did not say is left alone.
const ASK_AGAIN: Duration = Duration::from_secs(30);
