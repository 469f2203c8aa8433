//! A phone as a script: it writes what a line of a ladder asks for, and remembers what the next line needs (RFC 3261
//! §8.1, §12, §13). It repeats nothing by itself: who repeats stands in the ladder.

use std::net::SocketAddr;

use sip::auth;
use sip::build::{self, Extra};
use sip::dialog::{Dialog, Outgoing, State};
use sip::message::{Limits, Message, Method, Name, Status};

use super::script::{Line, Who, summary};
use crate::exchange::USERS;

/// One phone.
pub struct Phone {
    name: String,
    user: String,
    address: SocketAddr,
    is_stream: bool,
    domain: String,
    /// How many branches, Call-IDs and numbers were used.
    serial: u32,
    /// The requests outside dialogs that it sent last, one of each method.
    asked: Vec<Asked>,
    /// Requests that it got and has not answered finally.
    unanswered: Vec<Vec<u8>>,
    dialog: Option<Dialog>,
    /// The INVITE that it sent last, and the last final response to it.
    invite: Option<Vec<u8>>,
    answer: Option<Vec<u8>>,
    /// What it sent, for `again`.
    sent: Vec<Vec<u8>>,
}

/// A request outside a dialog, and what became of it.
struct Asked {
    method: String,
    uri: String,
    call_id: String,
    number: u32,
    /// The challenge of each realm (RFC 3261 §22.3), by the name of its header, and how often it was answered.
    challenges: Vec<(Name, Vec<u8>, u32)>,
}

impl Phone {
    /// A phone of a user at an address, for which the exchange is the domain.
    pub fn new(who: &Who, address: SocketAddr, domain: &str) -> Self {
        Self {
            name: who.name.clone(),
            user: who.user.clone(),
            address,
            is_stream: who.is_stream,
            domain: domain.to_owned(),
            serial: 0,
            asked: Vec::new(),
            unanswered: Vec::new(),
            dialog: None,
            invite: None,
            answer: None,
            sent: Vec::new(),
        }
    }

    /// What `{alice.replaces}` stands for, its dialog as a value of Replaces (RFC 3891), and `{alice.replaces%}`, the same in
    /// a URI.
    pub fn words(&self) -> Vec<(String, String)> {
        let Some(id) = self.dialog.as_ref().map(Dialog::id) else { return Vec::new() };
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let value =
            format!("{};to-tag={};from-tag={}", text(&id.call_id), text(&id.remote_tag), text(&id.local_tag));
        let escaped = value.replace(';', "%3B").replace('=', "%3D").replace(':', "%3A");
        let name = &self.name;
        vec![(format!("{name}.replaces"), value), (format!("{name}.replaces%"), escaped)]
    }

    /// A session of this phone.
    fn sdp(&self) -> String {
        let host = self.address.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n\
             a=rtpmap:0 PCMU/8000\r\n"
        )
    }

    /// Begins without credentials, as a phone that was just switched on does.
    pub fn forget_challenge(&mut self) {
        self.asked.iter_mut().for_each(|asked| asked.challenges.clear());
    }

    /// The octets that a line asks for.
    pub fn write(&mut self, line: &Line) -> Result<Vec<u8>, String> {
        let what = line.what.as_str();
        if line.again {
            let earlier = self.sent.iter().rev().find(|octets| summary(octets) == what);
            return earlier.cloned().ok_or_else(|| format!("{} has not sent a {what} before", self.name));
        }
        let octets = match what {
            _ if line.returned => self.returned(line)?,
            _ if what.parse::<u16>().is_ok() => self.response(line)?,
            "ACK" => self.acknowledge()?,
            "CANCEL" => {
                let invite = self.invite.as_deref().ok_or("there is no INVITE to cancel")?;
                written(|out| build::cancel(&message(invite), &[], out))
            }
            _ if line.target.is_none() && what != "REGISTER" => self.within_dialog(line)?,
            _ => self.request(line),
        };
        if what == "INVITE" {
            self.invite = Some(octets.clone());
            self.answer = None;
        }
        self.sent.push(octets.clone());
        Ok(octets)
    }

    /// Takes notice of a message that came.
    pub fn hear(&mut self, octets: &[u8]) {
        let message = message(octets);
        let Some(status) = message.status() else {
            if message.method() != Some(Method::Ack) {
                self.unanswered.push(octets.to_vec());
            }
            if let Some(dialog) = &mut self.dialog {
                // Whether it is in order is the exchange's to keep; the scripts are not out of order.
                let _ = dialog.receive(&message);
            }
            return;
        };
        let Ok(cseq) = message.cseq() else { return };
        self.note_challenge(&message, status);
        if cseq.method != Method::Invite {
            return;
        }
        if status.is_final() {
            self.answer = Some(octets.to_vec());
        }
        self.note_dialog(&message, status);
    }

    fn note_challenge(&mut self, response: &Message<'_>, status: Status) {
        let name = match status.code() {
            401 => Name::WwwAuthenticate,
            407 => Name::ProxyAuthenticate,
            _ => return,
        };
        let call_id = String::from_utf8_lossy(response.call_id()).into_owned();
        if let Some(asked) = self.asked.iter_mut().find(|asked| asked.call_id == call_id) {
            for value in response.lines(name) {
                let realm = realm(value);
                asked.challenges.retain(|(own, known, _)| *own != name || self::realm(known) != realm);
                asked.challenges.push((name, value.to_vec(), 0));
            }
        }
    }

    /// RFC 3261 §12.1.2 and §13.2.2.4: the dialog of an INVITE of ours.
    fn note_dialog(&mut self, response: &Message<'_>, status: Status) {
        let Some(invite) = &self.invite else { return };
        let has_tag = response.to().is_ok_and(|to| to.tag().is_some());
        if status.code() <= 100 || status.code() >= 300 || !has_tag {
            return;
        }
        match &mut self.dialog {
            Some(dialog) if sip::dialog::DialogId::of(response).is_ok_and(|id| id == *dialog.id()) => {
                // RFC 3261 §12.2.1.2: later responses move the target and never the route set.
                let _ = match (status.is_success(), dialog.state()) {
                    (true, State::Early) => dialog.confirm(response),
                    (true, _) => dialog.refresh_target(response),
                    (false, _) => Ok(()),
                };
            }
            _ => self.dialog = Dialog::uac(&message(invite), response, false).ok(),
        }
    }

    /// A request outside a dialog. The same one once more, after a challenge, carries credentials (RFC 3261 §22.2).
    fn request(&mut self, line: &Line) -> Vec<u8> {
        self.serial += 1;
        let method = line.what.as_str();
        let uri = match line.target.as_deref() {
            None => format!("sip:{}", self.domain),
            Some(target) if target.contains(':') => target.to_owned(),
            Some(user) => format!("sip:{user}@{}", self.domain),
        };
        let earlier = self.asked.iter().position(|asked| asked.method == method && asked.uri == uri);
        // RFC 3261 §10.2: registrations of a phone have one Call-ID.
        let goes_on = |asked: &Asked| !asked.challenges.is_empty() || method == "REGISTER";
        let mut asked = match earlier.map(|place| self.asked.remove(place)).filter(goes_on) {
            Some(asked) => Asked { number: asked.number + 1, ..asked },
            None => Asked {
                method: method.to_owned(),
                uri: uri.clone(),
                call_id: format!("{}-{}-{}", self.name, self.serial, self.address),
                number: self.serial,
                challenges: Vec::new(),
            },
        };
        asked.challenges.iter_mut().for_each(|(_, _, uses)| *uses += 1);
        let credentials = self.credentials(&asked, line.header("password"));
        let to =
            if method == "REGISTER" { format!("sip:{}@{}", self.user, self.domain) } else { uri.clone() };
        let mut headers = vec![
            ("Via", self.via()),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<sip:{}@{}>;tag={}-{}", self.user, self.domain, self.name, asked.call_id)),
            ("To", format!("<{to}>")),
            ("Call-ID", asked.call_id.clone()),
            ("CSeq", format!("{} {method}", asked.number)),
        ];
        if ["REGISTER", "INVITE", "SUBSCRIBE"].contains(&method) {
            headers.push(("Contact", self.contact()));
        }
        headers.extend(credentials);
        self.asked.push(asked);
        let sdp = line.sdp.then(|| self.sdp());
        written(|out| write_request(method, &uri, headers, line, sdp.as_deref(), out))
    }

    /// RFC 3261 §22.3: an answer for each realm that has asked.
    fn credentials(&self, asked: &Asked, password: Option<&str>) -> Vec<(&'static str, String)> {
        let own = USERS.iter().find(|(name, ..)| *name == self.user).map(|(.., password)| *password);
        let answer = |(name, value, uses): &(Name, Vec<u8>, u32)| {
            let with = auth::Answer {
                count: *uses,
                user: &self.user,
                password: password.or(own).unwrap_or_default(),
                method: &asked.method,
                uri: &asked.uri,
                body: b"",
                cnonce: "0a4f113b",
            };
            let header = if *name == Name::WwwAuthenticate { "Authorization" } else { "Proxy-Authorization" };
            auth::answer([value.as_slice()], &with).map(|answer| (header, answer))
        };
        asked.challenges.iter().filter_map(answer).collect()
    }

    fn within_dialog(&mut self, line: &Line) -> Result<Vec<u8>, String> {
        let via = self.via();
        let contact = self.contact();
        let sdp = line.sdp.then(|| self.sdp());
        let name = &self.name;
        let dialog = self
            .dialog
            .as_mut()
            .ok_or_else(|| format!("{name} has no dialog; say whom the request is for"))?;
        let others = line.headers.iter().filter(|(name, _)| name != "Contact");
        let headers: Vec<(&str, &[u8])> = others
            .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default().as_bytes()))
            .collect();
        let contact = line.header("Contact").unwrap_or(&contact);
        let outgoing = Outgoing {
            contact: Some(contact.as_bytes()),
            headers: &headers,
            body: sdp.as_ref().map(|sdp| (SDP, sdp.as_bytes())),
            ..Outgoing::new(via.as_bytes())
        };
        let method =
            Method::parse(line.what.as_bytes()).ok_or_else(|| format!("{} is no method", line.what))?;
        Ok(written(|out| {
            dialog.request(method, &outgoing, out);
        }))
    }

    /// RFC 3261 §17.1.1.3 for a refusal, §13.2.2.4 for a 2xx.
    fn acknowledge(&mut self) -> Result<Vec<u8>, String> {
        let via = self.via();
        let invite = self.invite.as_deref().ok_or("there is no INVITE to acknowledge")?;
        let answer = self.answer.as_deref().ok_or("the INVITE has no final response")?;
        let (invite, answer) = (message(invite), message(answer));
        if !answer.status().is_some_and(Status::is_success) {
            return Ok(written(|out| build::ack(&invite, &answer, out)));
        }
        let dialog = self.dialog.as_ref().ok_or("the 2xx made no dialog")?;
        let number = invite.cseq().map_err(|why| format!("{why:?}"))?.number;
        Ok(written(|out| dialog.acknowledge(number, &Outgoing::new(via.as_bytes()), out)))
    }

    /// The response to the last request that waits for one, or to the last of the method that the line names.
    fn response(&mut self, line: &Line) -> Result<Vec<u8>, String> {
        let status = Status::of(line.what.parse().map_err(|_| format!("{} is no status", line.what))?);
        let is_meant =
            |request: &Vec<u8>| line.target.as_ref().is_none_or(|method| summary(request) == *method);
        let place = self.unanswered.iter().rposition(is_meant);
        let place = place.ok_or_else(|| format!("{} has no request to answer so", self.name))?;
        let octets = self.unanswered[place].clone();
        if status.is_final() {
            self.unanswered.remove(place);
        }
        let request = message(&octets);
        let tag = format!("{}-tag", self.name);
        if request.method() == Some(Method::Invite) && (101..300).contains(&status.code()) {
            match &mut self.dialog {
                Some(dialog) if request.call_id() == &*dialog.id().call_id => dialog.confirm_sent(),
                _ => self.dialog = Dialog::uas(&request, tag.as_bytes(), status, false).ok(),
            }
        }
        let contact = self.contact();
        let mut headers = vec![("Contact", contact.as_bytes())];
        for (name, value) in &line.headers {
            headers.retain(|(own, _)| own != name);
            headers.push((name, value.as_deref().unwrap_or_default().as_bytes()));
        }
        let sdp = line.sdp.then(|| self.sdp());
        let body = sdp.as_ref().map(|sdp| (SDP, sdp.as_bytes()));
        let extra =
            Extra { body, to_tag: Some(&tag), record_route: true, headers: &headers, ..Extra::default() };
        Ok(written(|out| build::response(&request, status, &extra, out)))
    }

    /// What it got last, with a Via of its own on top and the Request-URI of the line: as a proxy sends it back.
    fn returned(&mut self, line: &Line) -> Result<Vec<u8>, String> {
        let via = self.via();
        let octets = self.unanswered.last().ok_or_else(|| format!("{} has got no request", self.name))?;
        let text = String::from_utf8_lossy(octets);
        let (first, rest) = text.split_once("\r\n").ok_or("it is no message")?;
        let mut words = first.split(' ');
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let uri = line.header("uri").unwrap_or(uri);
        Ok(format!("{method} {uri} SIP/2.0\r\nVia: {via}\r\n{rest}").into_bytes())
    }

    fn via(&mut self) -> String {
        self.serial += 1;
        let transport = if self.is_stream { "TCP" } else { "UDP" };
        format!("SIP/2.0/{transport} {};rport;branch=z9hG4bK-{}-{}", self.address, self.name, self.serial)
    }

    fn contact(&self) -> String {
        let transport = if self.is_stream { ";transport=tcp" } else { "" };
        format!("<sip:{}@{}{transport}>", self.user, self.address)
    }
}

/// Headers of the line stand in place of our own; `none` leaves one out.
fn write_request<'a>(
    method: &str,
    uri: &str,
    mut headers: Vec<(&'a str, String)>,
    line: &'a Line,
    sdp: Option<&str>,
    out: &mut Vec<u8>,
) {
    for (name, value) in line.headers.iter().filter(|(name, _)| name != "password") {
        headers.retain(|(own, _)| own != name);
        if let Some(value) = value.as_ref().filter(|value| *value != "none") {
            headers.push((name, value.clone()));
        }
    }
    let method = Method::parse(method.as_bytes()).expect("a ladder's method is a token");
    let mut request = build::Request::begin(method, uri.as_bytes(), out);
    for (name, value) in &headers {
        request = request.header(name, value.as_bytes());
    }
    request.end(sdp.map(|sdp| (SDP, sdp.as_bytes())));
}

/// The realm of a challenge, as it is written.
fn realm(challenge: &[u8]) -> String {
    let text = String::from_utf8_lossy(challenge);
    text.split("realm=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

fn message(octets: &[u8]) -> Message<'_> {
    Message::parse(octets, &Limits::default()).expect("it was read before")
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut octets = Vec::new();
    write(&mut octets);
    octets
}

const SDP: &str = "application/sdp";
