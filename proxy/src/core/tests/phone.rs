//! A phone as a script: it writes the messages of RFC 3261 §12 and §13 and remembers what a dialog needs.

use std::net::SocketAddr;

use sip::auth;
use sip::message::{Limits, Message, Name};
use sip::transport::{ConnectionId, Transport};

/// One phone.
#[derive(Debug, Clone)]
pub struct Phone {
    pub name: &'static str,
    pub user: String,
    pub password: String,
    pub transport: Transport,
    /// Where packets of it come from.
    pub address: SocketAddr,
    /// Where it believes to be; another than its address behind NAT.
    pub local: SocketAddr,
    pub connection: Option<ConnectionId>,
    /// More parameters of its Contact.
    pub contact_params: String,
    pub challenge: Option<Vec<String>>,
    pub uses: u32,
    pub serial: u32,
}

/// A message that a phone got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got(pub Vec<u8>);

/// What a phone knows of a dialog (RFC 3261 §12.1).
#[derive(Debug, Clone)]
pub struct Dialog {
    pub call_id: String,
    /// From and To as this side writes them, tags included.
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: Vec<String>,
    pub cseq: u32,
}

impl Phone {
    pub fn contact(&self) -> String {
        let transport = match self.transport {
            Transport::Udp => String::new(),
            other => format!(";transport={}", other.param_name()),
        };
        format!("<sip:{}@{}{transport}>", self.user, self.local)
    }

    pub fn via(&mut self) -> String {
        self.serial += 1;
        let name = self.transport.via_name();
        format!("SIP/2.0/{name} {};rport;branch=z9hG4bK{}{}", self.local, self.name, self.serial)
    }

    /// A request outside a dialog, with credentials once the phone was challenged.
    pub fn request(&mut self, method: &str, uri: &str, headers: &str, body: &str) -> String {
        self.serial += 1;
        let (name, serial) = (self.name, self.serial);
        let call = format!("Call-ID: {name}-{serial}\r\nCSeq: {serial} {method}\r\n");
        self.request_of(method, uri, &call, headers, body)
    }

    /// The same with a Call-ID and CSeq of the test's own.
    pub fn request_of(&mut self, method: &str, uri: &str, call: &str, headers: &str, body: &str) -> String {
        let via = self.via();
        let from = format!("<sip:{}@carillon.local>;tag={}-tag", self.user, self.name);
        let to =
            if method == "REGISTER" { format!("sip:{}@carillon.local", self.user) } else { uri.to_owned() };
        let credentials = self.credentials(method, uri);
        let contact = match method {
            "REGISTER" => format!("Contact: {}{}\r\n", self.contact(), self.contact_params),
            "INVITE" | "SUBSCRIBE" => format!("Contact: {}\r\n", self.contact()),
            _ => String::new(),
        };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: <{to}>\r\n{call}\
             {contact}{credentials}{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Reads the challenges of a 401 or 407.
    pub fn challenged(&mut self, response: &Got) {
        let message = response.message();
        let name = if message.status().is_some_and(|status| status.code() == 401) {
            Name::WwwAuthenticate
        } else {
            Name::ProxyAuthenticate
        };
        let values = message.lines(name).map(|value| String::from_utf8_lossy(value).into_owned());
        self.challenge = Some(values.collect());
        self.uses = 0;
    }

    fn credentials(&mut self, method: &str, uri: &str) -> String {
        let Some(challenges) = &self.challenge else { return String::new() };
        self.uses += 1;
        let with = auth::Answer {
            user: &self.user,
            password: &self.password,
            method,
            uri,
            body: b"",
            count: self.uses,
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        let name = if method == "REGISTER" { "Authorization" } else { "Proxy-Authorization" };
        auth::answer(challenges.iter().map(String::as_bytes), &with)
            .map(|value| format!("{name}: {value}\r\n"))
            .unwrap_or_default()
    }

    /// A response to a request that this phone got, with its Contact and Record-Route.
    pub fn response(&self, request: &Got, status: u16, headers: &str, body: &str) -> String {
        let message = request.message();
        let mut text = format!("SIP/2.0 {status} Said By A Phone\r\n");
        for field in message.fields() {
            let value = String::from_utf8_lossy(field.value);
            match field.name {
                Name::Via => text += &format!("Via: {value}\r\n"),
                Name::RecordRoute => text += &format!("Record-Route: {value}\r\n"),
                Name::From => text += &format!("From: {value}\r\n"),
                Name::To if value.contains(";tag=") => text += &format!("To: {value}\r\n"),
                Name::To => text += &format!("To: {value};tag={}-tag\r\n", self.name),
                Name::CallId => text += &format!("Call-ID: {value}\r\n"),
                Name::CSeq => text += &format!("CSeq: {value}\r\n"),
                _ => {}
            }
        }
        text + &format!(
            "Contact: {}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.contact(),
            body.len()
        )
    }

    /// A request inside a dialog.
    pub fn in_dialog(&mut self, dialog: &mut Dialog, method: &str, headers: &str) -> String {
        if method != "ACK" {
            dialog.cseq += 1;
        }
        let via = self.via();
        let routes: String = dialog.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let Dialog { call_id, local, remote, target, cseq, .. } = dialog;
        format!(
            "{method} {target} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n{routes}From: {local}\r\nTo: {remote}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: {}\r\n{headers}Content-Length: 0\r\n\r\n",
            self.contact()
        )
    }
}

impl Got {
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.0, &Limits::default()).expect("the edge writes messages that can be read")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The value of the first line of a header.
    pub fn header(&self, name: Name) -> String {
        String::from_utf8_lossy(self.message().first(name).unwrap_or_default()).into_owned()
    }

    pub fn uri(&self) -> String {
        String::from_utf8_lossy(self.message().request_uri().unwrap_or_default()).into_owned()
    }

    pub fn status(&self) -> u16 {
        self.message().status().map_or(0, sip::message::Status::code)
    }

    pub fn elements(&self, name: Name) -> Vec<String> {
        self.message().elements(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    fn target(&self) -> String {
        let contact = self.header(Name::Contact);
        contact.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
    }

    fn cseq_number(&self) -> u32 {
        self.message().cseq().map_or(0, |cseq| cseq.number)
    }
}

impl Dialog {
    /// The caller's side, from the response to his INVITE.
    pub fn of_caller(response: &Got) -> Self {
        let mut routes = response.elements(Name::RecordRoute);
        routes.reverse();
        Self {
            call_id: response.header(Name::CallId),
            local: response.header(Name::From),
            remote: response.header(Name::To),
            target: response.target(),
            routes,
            cseq: response.cseq_number(),
        }
    }

    /// The callee's side, from the INVITE that it got and the name of the phone that answered.
    pub fn of_callee(request: &Got, phone: &Phone) -> Self {
        Self {
            call_id: request.header(Name::CallId),
            local: format!("{};tag={}-tag", request.header(Name::To), phone.name),
            remote: request.header(Name::From),
            target: request.target(),
            routes: request.elements(Name::RecordRoute),
            cseq: 7000,
        }
    }
}
