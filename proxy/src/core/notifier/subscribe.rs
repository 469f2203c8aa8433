//! SUBSCRIBE (RFC 6665 §4.2.1): who asks, for whom, whether he may, and for how long.

use std::sync::Arc;
use std::time::Duration;

use proto::{Find, Found, Identified, Identify, ServiceError, User};
use sip::dialog::Dialog;
use sip::message::{Message, Name, Refusal, Status};
use sip::transaction::{TransactionId, TransactionKey};
use sip::transport::{Flow, Packet};
use sip::uri::Uri;

use super::package::{ALLOW_EVENTS, Package};
use super::subscription::{State, Subscription, WayBack, Why};
use super::{Refused, lamps, write};
use crate::config::notifier::WatchCalls;
use crate::core::answer;
use crate::core::authenticate::{self, Claim, Demand, Judgement, Side};
use crate::core::edge::Edge;
use crate::core::effect::{Effect, Turn};
use crate::core::identify;
use crate::core::means::{self, Waiter};
use crate::core::nat;
use crate::core::request::{self, Request};
use crate::core::route_headers::Way;
use crate::core::settings::Settings;
use crate::core::slots::Slot;

/// A SUBSCRIBE that waits for an answer of a service. Its octets are kept by its server transaction.
#[derive(Debug)]
pub(crate) struct Subscribing {
    pub server: TransactionId,
    package: Package,
    flow: Flow,
    watcher: Option<Arc<User>>,
}

/// Why a SUBSCRIBE is refused.
struct No {
    status: Status,
    why: Option<&'static str>,
    header: Option<(&'static str, String)>,
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status, why: Some(refusal.why), header: None }
    }
}

impl Edge {
    /// Takes a SUBSCRIBE of a package of ours; false for one that is for somebody else.
    pub(crate) fn on_subscribe(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        package: Package,
    ) -> bool {
        if request.is_in_dialog() {
            return self.on_resubscribe(turn, packet, request, key, package);
        }
        let is_ours = self.means.settings.is_for_us(&request.uri);
        if is_ours {
            self.on_new_subscribe(turn, packet, request, key, package);
        }
        is_ours
    }

    fn on_new_subscribe(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        package: Package,
    ) {
        let message = request.message;
        if self.is_too_busy_for(request) {
            return self.answer_busy(turn, packet, message);
        }
        let means = &mut self.means;
        let username = match authenticate::demand(&means.settings, &packet.flow, request, &Way::default()) {
            Demand::Nothing if means.settings.is_trusted(packet.flow.remote.ip()) => None,
            Demand::Refused(refusal) => return answer::refuse(means, turn, packet, message, refusal),
            // A stranger may call, where that is allowed, and watches nobody.
            Demand::Nothing | Demand::Credentials => {
                let now = turn.unix_ms / 1000;
                match means.guard.claim(&means.settings, now, request, Side::Proxy) {
                    Claim::Credentials(username) => Some(username),
                    Claim::Challenge { stale } => {
                        return authenticate::challenge_statelessly(
                            means,
                            turn,
                            packet,
                            message,
                            Side::Proxy,
                            stale,
                        );
                    }
                }
            }
        };
        let Some(slot) = self.open_subscribing(turn, packet, message, key, package) else {
            return self.answer_busy(turn, packet, message);
        };
        let Some(username) = username else { return self.find_resource(turn, slot) };
        let settings = Arc::clone(&self.means.settings);
        let question = Identify { realm: settings.realm(), username: &username };
        if self.means.ask(turn, Waiter::Watcher(slot), Effect::Credentials(question)).is_err() {
            self.end_subscribing(turn, slot, Refusal::of(503, "Too Many Questions").into());
        }
    }

    fn open_subscribing(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
        package: Package,
    ) -> Option<Slot> {
        let none = TransactionId { slot: u32::MAX, generation: u32::MAX };
        let subscribing = Subscribing { server: none, package, flow: packet.flow, watcher: None };
        let slot = self.notifier.asking.insert(subscribing).ok()?;
        let user = means::User::Subscriber(slot);
        let Ok(server) = self.means.endpoint.accept(turn.now, packet, message, key, user) else {
            self.notifier.asking.remove(slot);
            return None;
        };
        self.notifier.asking.get_mut(slot)?.server = server;
        Some(slot)
    }

    /// The directory has said who asks.
    pub(crate) fn on_watcher(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Identified, ServiceError>,
    ) {
        let Some(server) = self.notifier.asking.get(slot).map(|asking| asking.server) else { return };
        let octets = self.means.read_again(Some(server));
        let message = self.means.endpoint.read(server, &octets);
        let judgement = identify::judge(&mut self.means, turn, message.as_ref(), answer);
        self.means.reading = octets;
        match judgement {
            Judgement::User(user, _) => {
                if let Some(asking) = self.notifier.asking.get_mut(slot) {
                    asking.watcher = Some(user);
                }
                self.find_resource(turn, slot);
            }
            Judgement::Refused(refusal) => self.end_subscribing(turn, slot, refusal.into()),
            Judgement::Challenge => {
                let settings = Arc::clone(&self.means.settings);
                let challenge =
                    self.means.guard.challenge(&settings, turn.unix_ms / 1000, Side::Proxy, false);
                self.means.counters.challenges += 1;
                self.answer_subscribing(
                    turn,
                    slot,
                    Side::Proxy.status(),
                    None,
                    &authenticate::lines(&challenge),
                );
            }
        }
    }

    /// Asks who is watched, unless that is the one who asks.
    fn find_resource(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        let Some(asking) = self.notifier.asking.get(slot) else { return };
        let (server, watcher) = (asking.server, asking.watcher.clone());
        let kept = self.means.endpoint.kept_request(server).unwrap_or_default();
        let message = self.means.endpoint.read(server, kept);
        let uri = message.as_ref().and_then(|message| message.uri().ok());
        let name = uri.map(|uri| request::user_of(&uri).into_owned()).unwrap_or_default();
        if let Some(watcher) = watcher.filter(|watcher| authenticate::is_name_of(&name, watcher)) {
            return self.establish(turn, slot, watcher);
        }
        let question = Find { name_or_extension: &name };
        if self.means.ask(turn, Waiter::Resource(slot), Effect::Find(question)).is_err() {
            self.end_subscribing(turn, slot, Refusal::of(503, "Too Many Questions").into());
        }
    }

    /// The directory has said who is watched.
    pub(crate) fn on_resource(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Found, ServiceError>,
    ) {
        let Some(asking) = self.notifier.asking.get(slot) else { return };
        let refusal = match (answer, &asking.watcher) {
            (Ok(Found::User(resource)), Some(watcher))
                if !may_watch(&self.means.settings, asking.package, watcher, &resource) =>
            {
                Refusal::of(403, "Not Yours To Watch")
            }
            (Ok(Found::User(resource)), _) => return self.establish(turn, slot, resource),
            // Some phones ask at the number where messages are listened to: they mean their own.
            (Ok(Found::Nobody { .. }), Some(watcher)) if asking.package == Package::Summary => {
                let own = Arc::clone(watcher);
                return self.establish(turn, slot, own);
            }
            (Ok(Found::Nobody { .. }), watcher) => {
                match self.slot_to_watch(slot).filter(|_| asking.package == Package::Dialog) {
                    None => Refusal::of(404, "Not Found"),
                    Some(resource) => match watcher {
                        Some(watcher)
                            if !may_watch(&self.means.settings, asking.package, watcher, &resource) =>
                        {
                            Refusal::of(403, "Not Yours To Watch")
                        }
                        _ => return self.establish(turn, slot, resource),
                    },
                }
            }
            (Err(error), _) => {
                self.means.counters.service_errors += 1;
                tracing::warn!(%error, "the directory cannot say who is watched");
                Refusal::of(503, "Directory Unavailable")
            }
        };
        self.end_subscribing(turn, slot, refusal.into());
    }

    /// The slot that is to be watched, as if it were a user.
    fn slot_to_watch(&self, slot: Slot) -> Option<Arc<User>> {
        let server = self.notifier.asking.get(slot)?.server;
        let message = self.means.endpoint.read(server, self.means.endpoint.kept_request(server)?)?;
        let number = message.uri().ok().map(|uri| request::user_of(&uri).into_owned())?;
        let settings = &self.means.settings;
        settings.routes.park(&number)?;
        let (name, aor) = (lamps::watched_slot(&number), format!("{number}@{}", settings.config.domain));
        Some(Arc::new(User { name: name.to_string(), extension: Some(number), aor, ..User::default() }))
    }

    /// Makes the subscription: 200, then NOTIFY.
    fn establish(&mut self, turn: &mut Turn<'_>, slot: Slot, resource: Arc<User>) {
        let Some(asking) = self.notifier.asking.get(slot) else { return };
        let server = asking.server;
        let octets = self.means.read_again(Some(server));
        let made = match self.means.endpoint.read(server, &octets) {
            Some(message) => make(&self.means.settings, turn, asking, &message, resource),
            None => Err(Refusal::of(500, "Server Internal Error").into()),
        };
        self.means.reading = octets;
        let (subscription, granted) = match made {
            Ok(made) => made,
            Err(no) => return self.end_subscribing(turn, slot, no),
        };
        // The same phone begins anew under the same names: the old one is no more.
        let tag = subscription.dialog.id().local_tag.clone();
        if let Some(old) = self.notifier.by_tag.get(&tag).copied() {
            self.notifier.forget(old);
        }
        let contact = subscription.contact(&self.means);
        let per_user_max = self.means.settings.config.notifier.subscriptions_per_user_max;
        let placed = match self.notifier.insert(subscription, per_user_max) {
            Ok(placed) => placed,
            Err(refused) => {
                self.means.counters.subscriptions_refused += 1;
                let no = match refused {
                    Refused::Full => Refusal::of(503, "Too Many Subscriptions"),
                    Refused::OfUser => Refusal::of(403, "Too Many Subscriptions"),
                };
                return self.end_subscribing(turn, slot, no.into());
            }
        };
        self.notifier.asking.remove(slot);
        self.means.endpoint.set_user(server, means::User::Alone);
        self.means.counters.subscriptions += 1;
        write::accept(&mut self.means, turn, server, &String::from_utf8_lossy(&tag), &contact, granted);
        self.with_subscription(turn, placed, |subscription, means, turn| {
            subscription.begin(means, turn);
        });
    }

    /// A SUBSCRIBE in a dialog: it prolongs or ends a subscription of ours. True when it was dealt with.
    fn on_resubscribe(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
        package: Package,
    ) -> bool {
        let message = request.message;
        let Some(slot) = self.notifier.find(request) else {
            // What is sent to us alone belongs to nobody else: it was ended, or is from before a restart.
            let is_ours = self.means.settings.is_for_us(&request.uri)
                && Way::of(&self.means.settings, request).dialog.is_none();
            if is_ours {
                let status = Status::of(481);
                answer::statelessly(&mut self.means, turn, packet, message, status, None, &[]);
            }
            return is_ours;
        };
        let granted = granted(&self.means.settings, package, message);
        let refusal = self.with_subscription(turn, slot, |subscription, _, _| {
            if subscription.package != package {
                return Some(No::from(Refusal::of(481, "Another Package")));
            }
            if subscription.dialog.receive(message).is_err() {
                return Some(Refusal::of(500, "CSeq Out Of Order").into());
            }
            None
        });
        let granted = match (refusal.flatten(), granted) {
            (Some(no), _) | (None, Err(no)) => {
                let header = no.header.as_ref().map(|(name, value)| (*name, value.as_str()));
                let headers = header.as_slice();
                answer::statelessly(&mut self.means, turn, packet, message, no.status, no.why, headers);
                return true;
            }
            (None, Ok(granted)) => granted,
        };
        let user = means::User::Alone;
        let Ok(server) = self.means.endpoint.accept(turn.now, packet, message, key, user) else {
            self.answer_busy(turn, packet, message);
            return true;
        };
        self.with_subscription(turn, slot, |subscription, means, turn| {
            // RFC 6665 §4.1.2.2 with RFC 3261 §12.2.2: it moves the target.
            let _ = subscription.dialog.refresh_target(message);
            subscription.way = way_back(packet.flow, message);
            subscription.expires = turn.now + granted;
            let contact = subscription.contact(means);
            write::accept(means, turn, server, "", &contact, granted);
            if granted.is_zero() {
                subscription.end(means, turn, Why::Timeout);
            } else {
                subscription.begin(means, turn);
            }
        });
        true
    }

    fn end_subscribing(&mut self, turn: &mut Turn<'_>, slot: Slot, no: No) {
        self.means.counters.refused += 1;
        let seconds = self.means.settings.config.retry_after.as_secs().to_string();
        let retry = (no.status.code() == 503).then_some(("Retry-After", seconds.as_str()));
        let header = no.header.as_ref().map(|(name, value)| (*name, value.as_str())).or(retry);
        self.answer_subscribing(turn, slot, no.status, no.why, header.as_slice());
    }

    fn answer_subscribing(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        status: Status,
        why: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        let Some(asking) = self.notifier.asking.remove(slot) else { return };
        answer::respond(&mut self.means, turn, asking.server, status, why, headers);
        self.means.endpoint.set_user(asking.server, means::User::Alone);
    }
}

/// Whether one user may watch another.
fn may_watch(settings: &Settings, package: Package, watcher: &User, resource: &User) -> bool {
    let is_own = watcher.name == resource.name;
    match package {
        Package::Summary | Package::Registration => is_own,
        Package::Dialog => is_own || settings.config.notifier.watch_calls == WatchCalls::Everybody,
    }
}

fn make(
    settings: &Settings,
    turn: &Turn<'_>,
    asking: &Subscribing,
    message: &Message<'_>,
    resource: Arc<User>,
) -> Result<(Subscription, Duration), No> {
    let package = asking.package;
    if !takes(message, package.body_type()) {
        let accept = ("Accept", package.body_type().to_owned());
        return Err(No { status: Status::of(406), why: None, header: Some(accept) });
    }
    if message.count(Name::Contact) == 0 {
        return Err(Refusal::of(400, "No Contact").into());
    }
    let granted = granted(settings, package, message)?;
    let secure = asking.flow.transport.is_secure();
    let tag = answer::to_tag(settings, message);
    let bad = |_| No::from(Refusal::of(400, "Malformed Contact"));
    let mut dialog = Dialog::uas(message, tag.as_bytes(), Status::of(200), secure).map_err(bad)?;
    dialog.confirm_sent();
    let event = message.first(Name::Event).map(String::from_utf8_lossy).unwrap_or_default();
    let subscription = Subscription {
        id: Slot { index: 0, generation: 0 },
        package,
        event: event.as_ref().into(),
        watcher: asking.watcher.clone(),
        resource,
        entity: entity(message).into(),
        dialog,
        way: way_back(asking.flow, message),
        from: asking.flow.remote,
        // RFC 6665 §4.4.3: a fetch is over with its one NOTIFY, once the state is known.
        expires: turn.now + if granted.is_zero() { FETCH_MAX } else { granted },
        fetch: granted.is_zero(),
        state: match package {
            Package::Dialog => State::Calls { told: Vec::new() },
            Package::Summary | Package::Registration => State::Unknown,
        },
        version: 0,
        look_at: None,
        told: None,
        due: true,
        under_way: false,
        not_before: None,
        ask_at: None,
        asked: None,
        over: false,
    };
    Ok((subscription, granted))
}

/// How long it lasts (RFC 6665 §4.2.1.1): shortened to what we allow; too short a time is refused, none at all asks
/// for the state as it is now.
fn granted(settings: &Settings, package: Package, message: &Message<'_>) -> Result<Duration, No> {
    let config = &settings.config.notifier;
    let wanted = message.expires().map(|seconds| Duration::from_secs(u64::from(seconds)));
    let wanted = wanted.unwrap_or(package.expires_default());
    if !wanted.is_zero() && wanted < *config.expires_min {
        let least = config.expires_min.as_secs().to_string();
        return Err(No { status: Status::of(423), why: None, header: Some(("Min-Expires", least)) });
    }
    Ok(wanted.min(*config.expires_max))
}

/// RFC 6665 §3.1.3: without Accept it takes what the package says.
fn takes(message: &Message<'_>, body_type: &str) -> bool {
    let mut any = false;
    for element in message.elements(Name::Accept) {
        any = true;
        let kind = element.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
        if kind.eq_ignore_ascii_case(body_type.as_bytes()) || kind == b"*/*" || kind == b"application/*" {
            return true;
        }
    }
    !any
}

/// Who is watched, as the phone says it: without what does not name him.
fn entity(message: &Message<'_>) -> String {
    let uri = message.request_uri().map(String::from_utf8_lossy).unwrap_or_default();
    uri.split([';', '?']).next().unwrap_or_default().to_owned()
}

fn way_back(flow: Flow, message: &Message<'_>) -> WayBack {
    let contact = message.elements(Name::Contact).next();
    let contact = contact.and_then(|contact| sip::header::NameAddr::parse(Name::Contact, contact).ok());
    let uri: Option<Uri<'_>> = contact.as_ref().and_then(|contact| contact.uri().ok());
    let is_first = nat::is_first_hop(message);
    let behind_nat = nat::is_behind_nat(&flow, message, uri.as_ref());
    WayBack { flow, only: is_first && (behind_nat || flow.connection.is_some()) }
}

/// The longest that a fetch may take.
const FETCH_MAX: Duration = Duration::from_secs(32);
/// Header lines of a 489 (RFC 6665 §8.3.2).
pub(crate) const WRONG_PACKAGE: [(&str, &str); 1] = [("Allow-Events", ALLOW_EVENTS)];
