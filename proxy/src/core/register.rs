//! REGISTER for our domain (RFC 3261 §10.3): who asks, whether he may, what he wants, and what he is told.

use std::sync::Arc;

use proto::registrar::Fault;
use proto::{Action, Bindings, ContactUpdate, Identified, Identify, Register, Registered, ServiceError};
use sip::header::{Contact, ContactValue};
use sip::message::{Message, Name, Refusal, Status};
use sip::transaction::{TransactionId, TransactionKey};
use sip::transport::{Flow, Packet};
use smallvec::SmallVec;

use super::admit;
use super::answer;
use super::authenticate::{self, Claim, Judgement, Side};
use super::date;
use super::edge::Edge;
use super::effect::{Effect, Turn};
use super::flow;
use super::means::{Means, User, Waiter};
use super::nat;
use super::request::{self, Request};
use super::slots::Slot;
use super::text::Text;

/// One REGISTER that waits for an answer of a service. Its octets are kept by its server transaction.
#[derive(Debug)]
pub(crate) struct Registering {
    pub server: TransactionId,
    flow: Flow,
    /// Whose, once that is proved.
    user: Option<Arc<proto::User>>,
    /// The nonce is to be replaced: half of its life has gone.
    nonce_ages: bool,
    /// The request has a Path, which the answer tells back.
    has_path: bool,
}

impl Edge {
    /// Takes a REGISTER whose Request-URI is our domain.
    pub(crate) fn on_register(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        request: &Request<'_>,
        key: TransactionKey,
    ) {
        let message = request.message;
        // §10.3 step 2: what must be understood.
        if let Some(unsupported) = admit::options(request, Name::Require, &[b"path", b"outbound"]) {
            let headers = [("Unsupported", unsupported.as_str())];
            let status = Status::of(420);
            return answer::statelessly(&mut self.means, turn, packet, message, status, None, &headers);
        }
        // §10.3 step 5: the address of record must be of our domain.
        if !self.means.settings.is_for_us(&request.to) {
            let refusal = Refusal::of(404, "Not Found");
            return answer::refuse(&mut self.means, turn, packet, message, refusal);
        }
        let now = turn.unix_ms / 1000;
        let claim = if self.means.settings.is_trusted(packet.flow.remote.ip()) {
            // A trusted peer has asked for the password itself: the To names who it found.
            Claim::Credentials(request::user_of(&request.to))
        } else {
            self.means.guard.claim(&self.means.settings, now, request, Side::Registrar)
        };
        let username = match claim {
            Claim::Credentials(username) => username,
            Claim::Challenge { stale } => {
                return authenticate::challenge_statelessly(
                    &mut self.means,
                    turn,
                    packet,
                    message,
                    Side::Registrar,
                    stale,
                );
            }
        };
        let Some(slot) = self.open_registration(turn, packet, message, key) else {
            return self.answer_busy(turn, packet, message);
        };
        let settings = Arc::clone(&self.means.settings);
        let question = Identify { realm: settings.realm(), username: &username };
        if self.means.ask(turn, Waiter::Registrant(slot), Effect::Credentials(question)).is_err() {
            self.end_registration(turn, slot, Status::of(503), None, &[]);
        }
    }

    fn open_registration(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        key: TransactionKey,
    ) -> Option<Slot> {
        let has_path = message.count(Name::Path) > 0;
        let none = TransactionId { slot: u32::MAX, generation: u32::MAX };
        let slot = self
            .registrations
            .insert(Registering { server: none, flow: packet.flow, user: None, nonce_ages: false, has_path })
            .ok()?;
        let user = User::Registrant(slot);
        let Ok(server) = self.means.endpoint.accept(turn.now, packet, message, key, user) else {
            self.registrations.remove(slot);
            return None;
        };
        self.registrations.get_mut(slot)?.server = server;
        Some(slot)
    }

    /// The directory has answered: §10.3 steps 3 and 4.
    pub(crate) fn on_registrant(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Identified, ServiceError>,
    ) {
        let Some(registering) = self.registrations.get(slot) else { return };
        let octets = self.means.read_again(Some(registering.server));
        let outcome = decide(&mut self.means, turn, slot, registering, &octets, answer);
        self.means.reading = octets;
        match outcome {
            Outcome::Asked { user, nonce_ages } => {
                if let Some(registering) = self.registrations.get_mut(slot) {
                    (registering.user, registering.nonce_ages) = (Some(user), nonce_ages);
                }
            }
            Outcome::Refused(refusal) => {
                self.means.counters.refused += 1;
                self.end_registration(turn, slot, refusal.status, Some(refusal.why), &[]);
            }
            Outcome::Challenged => {
                let challenge = self.means.guard.challenge(
                    &self.means.settings,
                    turn.unix_ms / 1000,
                    Side::Registrar,
                    false,
                );
                self.means.counters.challenges += 1;
                let headers = authenticate::lines(&challenge);
                self.end_registration(turn, slot, Side::Registrar.status(), None, &headers);
            }
        }
    }

    /// The registrar has answered: §10.3 step 8.
    pub(crate) fn on_registered(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        answer: Result<Registered, ServiceError>,
    ) {
        let (status, reason) = match answer {
            Ok(Registered::Accepted { bindings }) => return self.accept_registration(turn, slot, &bindings),
            Ok(Registered::IntervalTooBrief { min_expires_s }) => {
                let least = min_expires_s.to_string();
                return self.end_registration(turn, slot, Status::of(423), None, &[("Min-Expires", &least)]);
            }
            // §10.3 step 7: an update out of order fails, as if the server had.
            Ok(Registered::OutOfOrder) => (500, Some("CSeq Out Of Order".to_owned())),
            Ok(Registered::Malformed(fault)) => (400, Some(fault.to_string())),
            Ok(Registered::TooManyContacts { contacts_max }) => {
                (403, Some(format!("Too Many Contacts, {contacts_max} at most")))
            }
            Ok(Registered::Full) => (503, None),
            Err(error) => {
                self.means.counters.service_errors += 1;
                let kept = self.registrations.get(slot).map(|registering| registering.server);
                let octets =
                    kept.and_then(|server| self.means.endpoint.kept_request(server)).unwrap_or_default();
                let call_id = String::from_utf8_lossy(sip::scan::call_id(octets).unwrap_or_default());
                tracing::warn!(%call_id, %error, "a registration cannot be stored");
                (503, None)
            }
        };
        self.means.counters.refused += 1;
        let seconds = self.means.settings.config.retry_after.as_secs().to_string();
        let headers = [("Retry-After", seconds.as_str())];
        let headers = if status == 503 { &headers[..] } else { &[] };
        self.end_registration(
            turn,
            slot,
            Status::new(status).unwrap_or(Status::of(500)),
            reason.as_deref(),
            headers,
        );
    }

    fn accept_registration(&mut self, turn: &mut Turn<'_>, slot: Slot, bindings: &Bindings) {
        let Some(registering) = self.registrations.get(slot) else { return };
        self.means.counters.registrations += 1;
        let contacts: SmallVec<[Text; 2]> = bindings.iter().map(|binding| contact_line(&binding)).collect();
        let path = if registering.has_path { self.path_of(registering.server) } else { SmallVec::new() };
        let outbound = bindings.iter().any(|binding| binding.reg_id != 0);
        let now_s = turn.unix_ms / 1000;
        let date = date::http(now_s);
        let next_nonce = registering.nonce_ages.then(|| self.means.guard.next_nonce(now_s));
        let mut headers: SmallVec<[(&str, &str); 8]> = SmallVec::new();
        headers.extend(contacts.iter().map(|contact| ("Contact", contact.as_str())));
        // RFC 3327 §5.2: the path is told back, so that the phone knows it.
        headers.extend(path.iter().map(|path| ("Path", path.as_str())));
        if outbound {
            // RFC 5626 §6.
            headers.push(("Require", "outbound"));
        }
        headers.extend([
            ("Supported", "path, outbound"),
            ("Date", std::str::from_utf8(&date).unwrap_or_default()),
        ]);
        headers.extend(next_nonce.as_deref().map(|next| ("Authentication-Info", next)));
        let user = registering.user.clone().filter(|_| self.means.settings.watched.has_mailboxes());
        // The answer may end the transaction at once.
        let call_id = user.as_ref().and_then(|_| self.means.endpoint.call_id(registering.server));
        let call_id = call_id.unwrap_or_default().to_vec();
        self.end_registration(turn, slot, Status::of(200), None, &headers);
        if let Some(user) = user {
            self.on_phone_registered(turn, &user, bindings, &call_id);
        }
    }

    /// The Path of a kept request, a text for each line.
    fn path_of(&self, server: TransactionId) -> SmallVec<[String; 1]> {
        let kept = self.means.endpoint.kept_request(server).unwrap_or_default();
        let message = self.means.endpoint.read(server, kept);
        message.map_or(SmallVec::new(), |message| {
            message.lines(Name::Path).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
        })
    }

    fn end_registration(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        status: Status,
        reason: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        let Some(registering) = self.registrations.remove(slot) else { return };
        answer::respond(&mut self.means, turn, registering.server, status, reason, headers);
        self.means.endpoint.set_user(registering.server, User::Alone);
    }
}

enum Outcome {
    Asked { user: Arc<proto::User>, nonce_ages: bool },
    Refused(Refusal),
    Challenged,
}

fn decide(
    means: &mut Means,
    turn: &mut Turn<'_>,
    slot: Slot,
    registering: &Registering,
    octets: &[u8],
    answer: Result<Identified, ServiceError>,
) -> Outcome {
    let settings = Arc::clone(&means.settings);
    let Some(message) = means.endpoint.read(registering.server, octets) else {
        return Outcome::Refused(Refusal::of(500, "Server Internal Error"));
    };
    let request = match Request::read(&message) {
        Ok(request) => request,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let judgement = if settings.is_trusted(registering.flow.remote.ip()) {
        believe(answer)
    } else {
        authenticate::judge(means, turn.unix_ms / 1000, &request, Side::Registrar, answer)
    };
    let (user, nonce_ages) = match judgement {
        Judgement::User(user, ages) => (user, ages),
        Judgement::Challenge => return Outcome::Challenged,
        Judgement::Refused(refusal) => return Outcome::Refused(refusal),
    };
    // §10.3 step 4: a user registers phones for himself alone.
    if !authenticate::is_name_of(&request::user_of(&request.to), &user) {
        tracing::info!(call_id = %request.shown_call_id(), user = user.name, to = %request.to, "a user tried to register for somebody else");
        return Outcome::Refused(Refusal::of(403, "Not Your Address Of Record"));
    }
    match ask_registrar(means, turn, slot, registering, &request, &user.aor) {
        Ok(()) => Outcome::Asked { user, nonce_ages },
        Err(refusal) => Outcome::Refused(refusal),
    }
}

/// What a trusted peer says of a user is so, if there is such a user.
fn believe(answer: Result<Identified, ServiceError>) -> Judgement {
    match answer {
        Ok(Identified::Known { user, .. }) => Judgement::User(user, false),
        Ok(Identified::Unknown { .. }) => Judgement::Refused(Refusal::of(404, "Not Found")),
        Err(_) => Judgement::Refused(Refusal::of(503, "Directory Unavailable")),
    }
}

/// §10.3 steps 6 and 7 are the registrar's; here the request is put into its words.
fn ask_registrar(
    means: &mut Means,
    turn: &mut Turn<'_>,
    slot: Slot,
    registering: &Registering,
    request: &Request<'_>,
    aor: &str,
) -> Result<(), Refusal> {
    let message = request.message;
    let bad = |_| Refusal::of(400, "Malformed Contact");
    let expires = message.expires();
    let outbound = message.elements(Name::Supported).any(|tag| tag.eq_ignore_ascii_case(b"outbound"));
    let mut wildcards = 0;
    let mut contacts: SmallVec<[(Contact<'_>, String); 2]> = SmallVec::new();
    for element in message.elements(Name::Contact) {
        match ContactValue::parse(element).map_err(bad)? {
            ContactValue::Star => wildcards += 1,
            ContactValue::Contact(contact) => contacts.push((contact, other_params(&contact))),
        }
    }
    let mut updates: SmallVec<[ContactUpdate<'_>; 2]> = SmallVec::new();
    let mut first_uri = None;
    for (contact, params) in &contacts {
        let uri = contact.uri().map_err(bad)?;
        first_uri = first_uri.or(Some(uri));
        updates.push(ContactUpdate {
            uri: text(contact.name_addr.address)?,
            expires: contact.expires().or(expires),
            q: contact.q.unwrap_or(1000),
            instance: text(contact.instance().unwrap_or_default())?,
            // RFC 5626 §6: a reg-id counts when the phone supports outbound and we are its first hop.
            reg_id: if outbound { contact.reg_id().unwrap_or(0) } else { 0 },
            params,
        });
    }
    let action = Action::of(&updates, wildcards, expires).map_err(fault)?;
    let path: SmallVec<[&str; 2]> =
        message.elements(Name::Path).filter_map(|path| std::str::from_utf8(path).ok()).collect();
    let behind_nat = nat::is_behind_nat(&registering.flow, message, first_uri.as_ref());
    let mut flow = SmallVec::<[u8; 40]>::new();
    flow::write_binding(&registering.flow, behind_nat, means.settings.tokens.start(), &mut flow);
    let mut source = Text::default();
    source.push_str(registering.flow.transport.param_name());
    source.push(b":");
    source.push_address(registering.flow.remote);
    let call_id = String::from_utf8_lossy(request.call_id);
    let user_agent = message.first(Name::UserAgent).map(String::from_utf8_lossy).unwrap_or_default();
    let question = Register {
        now_ms: turn.unix_ms,
        aor,
        call_id: &call_id,
        cseq: request.cseq,
        action,
        path: &path,
        flow: &flow,
        user_agent: &user_agent,
        source: source.as_str(),
    };
    let asked = means.ask(turn, Waiter::Registration(slot), Effect::Register(question));
    asked.map(|_| ()).map_err(|_| Refusal::of(503, "Too Many Questions"))
}

fn fault(fault: Fault) -> Refusal {
    let why = match fault {
        Fault::WildcardExpires => "Contact * Needs Expires 0",
        Fault::WildcardNotAlone => "Contact * With Another Contact",
        Fault::SeveralFlows => "Several Contacts With reg-id",
        Fault::ContactUri => "Malformed Contact URI",
        Fault::TooLong => "Contact Too Long",
    };
    Refusal::of(400, why)
}

/// The parameters of a Contact that mean nothing to us: they are kept and told again.
fn other_params(contact: &Contact<'_>) -> String {
    let known: [&[u8]; 4] = [b"q", b"expires", b"+sip.instance", b"reg-id"];
    let mut text = Vec::new();
    for param in contact.params().iter().filter(|param| !known.iter().any(|known| param.is(known))) {
        param.write(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A binding as a 200 tells it (§10.3 step 8).
fn contact_line(binding: &proto::Binding<'_>) -> Text {
    let mut line = Text::default();
    line.push(b"<");
    line.push_str(binding.uri);
    line.push(b">");
    if binding.q < 1000 {
        line.push(b";q=0.");
        for digit in [binding.q / 100, binding.q / 10 % 10, binding.q % 10] {
            line.push_number(digit);
        }
    }
    if !binding.instance.is_empty() {
        line.push(b";+sip.instance=\"<");
        line.push_str(binding.instance);
        line.push(b">\"");
    }
    if binding.reg_id != 0 {
        line.push(b";reg-id=");
        line.push_number(binding.reg_id);
    }
    line.push_str(binding.params);
    line.push(b";expires=");
    line.push_number(binding.expires_in_s);
    line
}

fn text(octets: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(octets).map_err(|_| Refusal::of(400, "Malformed Contact"))
}
