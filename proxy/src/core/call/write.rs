//! What a conducted call writes: Contact, Via, names that nobody guesses, and which headers go across.

use sip::branch::LoopHash;
use sip::header::ContentType;
use sip::message::{Message, Name, Status};
use sip::transport::{ListenerId, NextHop, Transport};
use smallvec::{SmallVec, smallvec};

use super::leg::Leg;
use crate::core::forward;
use crate::core::means::Means;
use crate::core::settings::Settings;
use crate::core::text::Text;

/// Header lines to be written.
pub(crate) type Lines<'a> = SmallVec<[(&'a str, &'a [u8]); 12]>;

/// A response to a request of one leg, made of a response of the other.
pub(crate) struct Said<'l, 'm> {
    pub status: Status,
    /// What the other leg said.
    pub message: &'l Message<'m>,
    /// What goes across of it, and more.
    pub lines: Lines<'l>,
    /// Our Contact.
    pub contact: Option<Text>,
    /// The body and its type.
    pub body: Option<(&'l str, &'l [u8])>,
}

/// A name that never comes twice and cannot be guessed: which edge and shard made it, then 80 bits.
pub(crate) fn draw(means: &mut Means) -> String {
    let branch = means.branches.draw(LoopHash::NONE);
    let text = branch.as_str();
    let own = text.strip_prefix("z9hG4bK").unwrap_or(text);
    own.split('.').next().unwrap_or(own).to_owned()
}

/// The shard that drew a name.
pub(crate) fn shard_of(name: &str) -> Option<usize> {
    let digit = |octet: &u8| match octet {
        b'a'..=b'z' => Some(usize::from(octet - b'a')),
        b'2'..=b'7' => Some(usize::from(octet - b'2') + 26),
        _ => None,
    };
    let [left, right] = name.as_bytes().get(4..6)? else { return None };
    Some(digit(left)? * 32 + digit(right)?)
}

/// A Call-ID of our own: drawn until it belongs to this shard, so that all legs of a call meet here.
pub(crate) fn draw_call_id(means: &mut Means) -> String {
    let settings = std::sync::Arc::clone(&means.settings);
    let (spread, shard) = (&settings.spread, means.own_shard());
    loop {
        let drawn = draw(means);
        // A shard that the spread does not know would draw for ever.
        if shard >= spread.shards() || spread.shard_of(drawn.as_bytes()) == shard {
            return drawn;
        }
    }
}

/// Our Via towards a hop.
pub(crate) fn via(means: &mut Means, leg: &Leg, hop: &NextHop) -> Text {
    let listener = leg.listener_for(&means.settings, hop);
    let branch = means.branches.draw(LoopHash::NONE);
    forward::via(&means.settings, hop.transport(), listener, hop.remote().ip(), branch)
}

/// Our Contact on a leg (RFC 3261 §8.1.1.8): the tag in the user part, so that what comes to it is known.
pub(crate) fn contact(
    settings: &Settings,
    tag: &str,
    transport: Transport,
    listener: ListenerId,
    remote: std::net::IpAddr,
) -> Text {
    let (host, port) = settings.listeners.sent_by(listener, remote);
    match transport {
        Transport::Udp => Text::of(format_args!("<sip:{tag}@{host}:{port}>")),
        other => Text::of(format_args!("<sip:{tag}@{host}:{port};transport={}>", other.param_name())),
    }
}

/// The body of a message when it describes a session.
pub(crate) fn sdp<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let kind = ContentType::parse(message.first(Name::ContentType)?).ok()?;
    let is_sdp = kind.kind.eq_ignore_ascii_case(b"application") && kind.subtype.eq_ignore_ascii_case(b"sdp");
    (is_sdp && !message.body().is_empty() && message.count(Name::ContentEncoding) == 0)
        .then(|| message.body())
}

/// The body of a message that goes across: another description, or what is no description as it came.
pub(crate) fn body<'a>(message: &Message<'a>, described: Option<&'a [u8]>) -> Option<(&'a str, &'a [u8])> {
    if let Some(described) = described {
        return Some(("application/sdp", described));
    }
    let kind = std::str::from_utf8(message.first(Name::ContentType)?).ok()?;
    (sdp(message).is_none() && !message.body().is_empty()).then(|| (kind, message.body()))
}

/// The header lines that go from one leg to the other as they came: all that do not belong to the dialog, the hop
/// or an extension that each leg agrees on by itself.
pub(crate) fn across<'a>(message: &Message<'a>) -> Lines<'a> {
    let carried = |name: Name| {
        !matches!(
            name,
            Name::Via
                | Name::From
                | Name::To
                | Name::CallId
                | Name::CSeq
                | Name::Contact
                | Name::MaxForwards
                | Name::MaxBreadth
                | Name::Route
                | Name::RecordRoute
                | Name::Path
                | Name::ServiceRoute
                | Name::ContentLength
                | Name::ContentType
                | Name::ProxyAuthorization
                | Name::ProxyRequire
                | Name::PAssertedIdentity
                | Name::PPreferredIdentity
                | Name::Require
                | Name::Supported
                | Name::Allow
                | Name::SessionExpires
                | Name::MinSe
                | Name::RSeq
                | Name::RAck
                | Name::Timestamp
        )
    };
    let text = |octets: &'a [u8]| std::str::from_utf8(octets).ok();
    message
        .fields()
        .filter(|field| carried(field.name))
        .filter_map(|field| Some((text(field.name_text)?, field.value)))
        .collect()
}

/// What a 2xx says of us: calls can be replaced here (RFC 3891 §6.2), and a session that has a timer (RFC 4028 §9).
pub(crate) fn session_lines(session: Option<&Text>) -> Lines<'_> {
    let Some(session) = session else { return smallvec![("Supported", &b"replaces"[..])] };
    let supported = ("Supported", &b"replaces, timer"[..]);
    smallvec![supported, ("Require", &b"timer"[..]), ("Session-Expires", session.as_bytes())]
}

/// The methods that a phone at the other end allows, and those that its leg does for it; `None` where it names none.
pub(crate) fn methods(message: &Message<'_>) -> Option<Text> {
    let mut text = Text::default();
    let allowed = message.elements(Name::Allow);
    let more = OF_OURS.into_iter().filter(|own| !message.elements(Name::Allow).any(|method| method == *own));
    for method in allowed.chain(more) {
        if !text.as_bytes().is_empty() {
            text.push(b", ");
        }
        text.push(method);
    }
    (message.count(Name::Allow) > 0).then_some(text)
}

/// The option tags of a header without those that each leg agrees on by itself.
pub(crate) fn options(message: &Message<'_>, name: Name) -> Text {
    let mut text = Text::default();
    for tag in message.elements(name) {
        if OF_A_LEG.iter().any(|own| own.eq_ignore_ascii_case(tag)) {
            continue;
        }
        if !text.as_bytes().is_empty() {
            text.push(b", ");
        }
        text.push(tag);
    }
    text
}

/// What a request demands of the one who answers it, and a leg of ours does not do.
pub(crate) fn unsupported(message: &Message<'_>) -> String {
    let ours = |tag: &&[u8]| {
        OF_A_LEG.iter().any(|own| own.eq_ignore_ascii_case(tag))
            && !DONE.iter().any(|own| own.eq_ignore_ascii_case(tag))
    };
    let tags: Vec<_> = message.elements(Name::Require).filter(ours).map(String::from_utf8_lossy).collect();
    tags.join(", ")
}

/// Those of them that our legs do.
const DONE: [&[u8]; 3] = [b"100rel", b"timer", b"replaces"];
/// Methods that a leg does by itself, whatever the phone at the other end does.
const OF_OURS: [&[u8]; 2] = [b"PRACK", b"REFER"];
/// The methods of a leg that has no phone at its other end.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER, NOTIFY";
/// Extensions that mean the hop or the dialog, and not the phones at both ends.
const OF_A_LEG: [&[u8]; 8] =
    [b"100rel", b"timer", b"outbound", b"path", b"gruu", b"precondition", b"replaces", b"199"];
