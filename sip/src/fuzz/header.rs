//! The targets for typed headers: one that is read is written so that it is read again as the same.

#[allow(clippy::wildcard_imports, reason = "each header is a target")]
use crate::header::*;
use crate::name::Name;

/// Reads, writes, reads and writes, and lets `look` at what was read.
macro_rules! stable {
    ($octets:expr, $parse:expr, $write:expr) => {
        stable!($octets, $parse, $write, |_| ())
    };
    ($octets:expr, $parse:expr, $write:expr, $look:expr) => {{
        let Ok(read) = ($parse)($octets) else { return };
        look(&read, $look);
        let mut written = Vec::new();
        ($write)(&read, &mut written);
        assert!(
            !written.iter().any(|octet| matches!(octet, b'\r' | b'\n')),
            "nothing is written with line ends"
        );
        let Ok(again) = ($parse)(&written) else {
            panic!("what was written cannot be read: {}", String::from_utf8_lossy(&written))
        };
        let mut twice = Vec::new();
        ($write)(&again, &mut twice);
        assert_eq!(written, twice, "a second writing changes nothing");
    }};
}

/// Gives a closure its type.
fn look<T>(read: &T, look: impl Fn(&T)) {
    look(read);
}

/// A value of P-Asserted-Identity.
pub fn asserted_identity(octets: &[u8]) {
    stable!(octets, |value| AssertedIdentity::parse(Name::PAssertedIdentity, value), AssertedIdentity::write);
}

/// A value of Call-ID.
pub fn call_id(octets: &[u8]) {
    stable!(octets, CallId::parse, CallId::write);
}

/// A value of Contact.
pub fn contact(octets: &[u8]) {
    stable!(octets, ContactValue::parse, ContactValue::write, |read| {
        if let ContactValue::Contact(contact) = read {
            let _ =
                (contact.uri(), contact.expires(), contact.instance(), contact.reg_id(), contact.pub_gruu());
        }
    });
}

/// A value of Content-Type.
pub fn content_type(octets: &[u8]) {
    stable!(octets, ContentType::parse, ContentType::write, |read| {
        let _ = read.boundary().map(|text| text.unescape().len());
    });
}

/// A value of CSeq.
pub fn cseq(octets: &[u8]) {
    stable!(octets, CSeq::parse, CSeq::write);
}

/// A value of Diversion.
pub fn diversion(octets: &[u8]) {
    stable!(octets, Diversion::parse, Diversion::write, |read| {
        let _ = (read.uri(), read.reason(), read.counter(), read.privacy());
    });
}

/// A value of Event.
pub fn event(octets: &[u8]) {
    stable!(octets, Event::parse, Event::write, |read| assert!(read.matches(read), "it matches itself"));
}

/// A value of Expires.
pub fn expires(octets: &[u8]) {
    stable!(octets, Expires::parse, Expires::write);
}

/// A value of History-Info.
pub fn history_info(octets: &[u8]) {
    stable!(octets, HistoryInfo::parse, HistoryInfo::write, |read| {
        let _ = (read.uri(), read.index(), read.reason(), read.cause());
    });
}

/// A value of Join.
pub fn join(octets: &[u8]) {
    stable!(octets, Join::parse, Join::write);
}

/// A value of Max-Breadth.
pub fn max_breadth(octets: &[u8]) {
    stable!(octets, MaxBreadth::parse, MaxBreadth::write);
}

/// A value of Max-Forwards.
pub fn max_forwards(octets: &[u8]) {
    stable!(octets, MaxForwards::parse, MaxForwards::write);
}

/// A value of Min-SE.
pub fn min_se(octets: &[u8]) {
    stable!(octets, MinSe::parse, MinSe::write);
}

/// A value of From and To.
pub fn name_addr(octets: &[u8]) {
    stable!(octets, |value| NameAddr::parse(Name::From, value), NameAddr::write, |read| {
        let mut written = Vec::new();
        read.write_with_tag(Some(b"x"), &mut written);
        let again = NameAddr::parse(Name::From, &written).expect("what was written can be read");
        assert_eq!(again.tag(), Some(&b"x"[..]), "it has the tag that it was given");
        let _ = (read.uri(), read.display.map(|text| text.unescape().len()));
    });
}

/// A value of Privacy.
pub fn privacy(octets: &[u8]) {
    stable!(octets, Privacy::parse, Privacy::write, |read| {
        let _ = (read.id(), read.none());
    });
}

/// A value of RAck.
pub fn rack(octets: &[u8]) {
    stable!(octets, RAck::parse, RAck::write);
}

/// A value of Reason.
pub fn reason(octets: &[u8]) {
    stable!(octets, Reason::parse, Reason::write, |read| {
        let _ = (read.cause(), read.text());
    });
}

/// A value of Refer-To.
pub fn refer_to(octets: &[u8]) {
    stable!(octets, ReferTo::parse, ReferTo::write, |read| {
        let _ = (read.uri(), read.method(), read.replaces().map(|value| Replaces::parse(&value).is_ok()));
    });
}

/// A value of Replaces.
pub fn replaces(octets: &[u8]) {
    stable!(octets, Replaces::parse, Replaces::write);
}

/// A value of Retry-After.
pub fn retry_after(octets: &[u8]) {
    stable!(octets, RetryAfter::parse, RetryAfter::write, |read| {
        let _ = read.duration();
    });
}

/// A value of Route and its kin.
pub fn route(octets: &[u8]) {
    stable!(octets, |value| Route::parse(Name::Route, value), Route::write, |read| {
        let _ = read.sip_uri();
    });
}

/// A value of RSeq.
pub fn rseq(octets: &[u8]) {
    stable!(octets, RSeq::parse, RSeq::write);
}

/// A value of Session-Expires.
pub fn session_expires(octets: &[u8]) {
    stable!(octets, SessionExpires::parse, SessionExpires::write);
}

/// A value of Subscription-State.
pub fn subscription_state(octets: &[u8]) {
    stable!(octets, SubscriptionState::parse, SubscriptionState::write, |read| {
        let _ = (read.expires(), read.reason(), read.retry_after());
    });
}

/// A value of Via.
pub fn via(octets: &[u8]) {
    stable!(octets, Via::parse, Via::write, |read| {
        let mut written = Vec::new();
        read.write_received(([192, 0, 2, 1], 5060).into(), &mut written);
        let again = Via::parse(&written).expect("what was written can be read");
        assert_eq!(again.branch(), read.branch(), "the branch stays");
        assert!(again.rport().is_none_or(|port| port == Some(5060)), "a port that was asked for is given");
        let _ = (read.received(), read.maddr(), read.ttl(), read.reply_to());
    });
}

/// A value of Warning.
pub fn warning(octets: &[u8]) {
    stable!(octets, Warning::parse, Warning::write);
}
