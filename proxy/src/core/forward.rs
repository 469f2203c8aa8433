//! The copy of a request for one branch (RFC 3261 §16.6 steps 1 to 8 and 10): one pass over the octets, with edits.

use sip::branch::BranchText;
use sip::edit::Edit;
use sip::message::{Message, Name};
use sip::transport::{ListenerId, NextHop, Transport};
use smallvec::SmallVec;

use super::authenticate;
use super::divert::Chain;
use super::record_route::RecordRoutes;
use super::request;
use super::route_headers::Way;
use super::settings::Settings;
use super::targets::Target;
use super::text::Text;

/// Everything that a copy depends on.
pub(crate) struct Copy<'a> {
    /// The request as it came.
    pub message: &'a Message<'a>,
    /// What its Routes said.
    pub way: &'a Way,
    /// Where the copy goes.
    pub target: &'a Target,
    /// Its next hop.
    pub hop: &'a NextHop,
    /// The listener that sends it.
    pub listener: ListenerId,
    /// Our branch.
    pub branch: BranchText,
    /// The Record-Routes to add.
    pub record: RecordRoutes,
    /// The breadth that this branch may use, when it has to be said.
    pub breadth: Option<u16>,
    /// True when the next hop is trusted with identities (RFC 3325 §5).
    pub trusted: bool,
    /// Who has forwarded the call.
    pub diversions: &'a Chain,
}

impl Copy<'_> {
    /// Writes the copy behind what stands in `out`.
    pub fn write(&self, settings: &Settings, out: &mut Vec<u8>) {
        let message = self.message;
        let mut digits = [0; 20];
        let mut breadth_digits = [0; 20];
        // §16.6 step 3: one hop fewer. A missing Max-Forwards becomes 70.
        let forwards =
            message.max_forwards().ok().flatten().map_or(MAX_FORWARDS, |left| left.saturating_sub(1));
        let forwards = sip::text::decimal(u64::from(forwards), &mut digits);
        let via = via(settings, self.hop.transport(), self.listener, self.hop.remote().ip(), self.branch);
        let routes = self.routes();
        let strict_next = self.strict_next();
        let credentials = self.others_credentials(settings);
        let mut edit = Edit::new(message).set(Name::MaxForwards, forwards);
        if let Some(breadth) = self.breadth {
            edit = edit.set(Name::MaxBreadth, sip::text::decimal(u64::from(breadth), &mut breadth_digits));
        }
        edit = match &routes {
            Routes::AsTheyAre { own } => (0..*own).fold(edit, |edit, _| edit.pop(Name::Route)),
            Routes::Written(text) if text.as_bytes().is_empty() => edit.remove(Name::Route),
            Routes::Written(text) => edit.set(Name::Route, text.as_bytes()),
        };
        // §16.6 step 2: the target's URI; a strict router gets its own URI there (step 6).
        edit = edit.request_uri(strict_next.as_deref().unwrap_or(&self.target.uri));
        edit = match &credentials {
            Some(Others::None) => edit.remove(Name::ProxyAuthorization),
            Some(Others::Some(kept)) => {
                let edit = edit.remove(Name::ProxyAuthorization);
                kept.iter().fold(edit, |edit, value| edit.append("Proxy-Authorization", value))
            }
            None => edit,
        };
        if !self.trusted {
            edit = self.without_identities(edit);
        }
        // RFC 5806 §4: the last one who forwarded stands above. RFC 7044 §5 for those who read that instead.
        if !self.diversions.diversion.is_empty() {
            edit = edit.push_front(Name::Diversion, &self.diversions.diversion);
            if message.count(Name::HistoryInfo) == 0 {
                edit = edit.append("History-Info", &self.diversions.history);
            }
        }
        // §16.6 step 4, then step 8: the Via stands above all.
        for record in self.record.iter() {
            edit = edit.push_front(Name::RecordRoute, record);
        }
        edit.push_front(Name::Via, via.as_bytes()).write(out);
    }

    /// The Routes of the copy: without our own, with the Path of the target, and with the Request-URI at the end
    /// where the next hop is a strict router (§16.6 step 6).
    fn routes(&self) -> Routes {
        let strict_next = self.strict_next().is_some();
        if self.way.keep.is_none() && self.target.route.is_empty() && !strict_next {
            return Routes::AsTheyAre { own: self.way.own };
        }
        let mut text = Text::default();
        let kept = self.way.remaining(self.message);
        let mut all = self.target.route.iter().map(|route| route.as_bytes()).chain(kept);
        if strict_next {
            all.next();
        }
        for route in all {
            separate(&mut text);
            text.push(route);
        }
        if strict_next {
            separate(&mut text);
            text.push(b"<");
            text.push(&self.target.uri);
            text.push(b">");
        }
        Routes::Written(text)
    }

    /// The URI of the first Route when it is a strict router: it has no `lr`.
    fn strict_next(&self) -> Option<Box<[u8]>> {
        let first = self.target.route.first().map(|route| route.as_bytes());
        let first = first.or_else(|| self.way.remaining(self.message).next())?;
        let (uri, loose) = request::route_uri(first)?;
        (!loose).then(|| uri.into())
    }

    /// Credentials of other realms; ours go no further (RFC 3261 §22.3). `None` when there are none of ours.
    fn others_credentials(&self, settings: &Settings) -> Option<Others<'_>> {
        let message = self.message;
        if message.count(Name::ProxyAuthorization) == 0 {
            return None;
        }
        let ours = |value: &&[u8]| authenticate::is_for_realm(value, settings.realm());
        if !message.lines(Name::ProxyAuthorization).any(|value| ours(&value)) {
            return None;
        }
        let kept: SmallVec<[&[u8]; 2]> =
            message.lines(Name::ProxyAuthorization).filter(|value| !ours(value)).collect();
        Some(if kept.is_empty() { Others::None } else { Others::Some(kept) })
    }

    /// RFC 3325 §7: an identity that is to be private does not leave the trust domain; P-Preferred-Identity is
    /// for us alone.
    fn without_identities<'m>(&'m self, edit: Edit<'m, 'm>) -> Edit<'m, 'm> {
        let message = self.message;
        let private = authenticate::wants_privacy(message);
        let edit = if message.count(Name::PPreferredIdentity) > 0 {
            edit.remove(Name::PPreferredIdentity)
        } else {
            edit
        };
        if private && message.count(Name::PAssertedIdentity) > 0 {
            edit.remove(Name::PAssertedIdentity)
        } else {
            edit
        }
    }
}

enum Routes {
    AsTheyAre { own: usize },
    Written(Text),
}

enum Others<'a> {
    None,
    Some(SmallVec<[&'a [u8]; 2]>),
}

/// Our Via (§16.6 step 8), asking for the response port (RFC 3581 §3).
pub(crate) fn via(
    settings: &Settings,
    transport: Transport,
    listener: ListenerId,
    remote: std::net::IpAddr,
    branch: BranchText,
) -> Text {
    let (host, port) = settings.listeners.sent_by(listener, remote);
    let mut text = Text::default();
    text.push(b"SIP/2.0/");
    text.push_str(transport.via_name());
    text.push(b" ");
    text.push_str(host);
    text.push(b":");
    text.push_number(port);
    text.push(b";rport;branch=");
    text.push_str(branch.as_str());
    text
}

fn separate(text: &mut Text) {
    if !text.as_bytes().is_empty() {
        text.push(b", ");
    }
}

/// RFC 3261 §16.6 step 3.
const MAX_FORWARDS: u8 = 70;
