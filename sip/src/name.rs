//! Header names, with their compact forms (RFC 3261 §7.3.3 and the registry).

/// A header that some room looks at; all others are [`Name::Other`] and are carried untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Name {
    /// `Via`: where the message went (RFC 3261 §20.42).
    Via,
    /// `From`: who asks (RFC 3261 §20.20).
    From,
    /// `To`: who is asked (RFC 3261 §20.39).
    To,
    /// `Call-ID`: names the call (RFC 3261 §20.8).
    CallId,
    /// `CSeq`: orders requests (RFC 3261 §20.16).
    CSeq,
    /// `Contact`: where to reach the sender (RFC 3261 §20.10).
    Contact,
    /// `Max-Forwards`: hops left (RFC 3261 §20.22).
    MaxForwards,
    /// `Route`: hops to take (RFC 3261 §20.34).
    Route,
    /// `Record-Route`: hops to keep (RFC 3261 §20.30).
    RecordRoute,
    /// `Content-Length`: octets of the body (RFC 3261 §20.14).
    ContentLength,
    /// `Content-Type`: type of the body (RFC 3261 §20.15).
    ContentType,
    /// `Content-Encoding`: coding of the body (RFC 3261 §20.12).
    ContentEncoding,
    /// `Content-Disposition`: meaning of the body (RFC 3261 §20.11).
    ContentDisposition,
    /// `Authorization`: credentials for a server (RFC 3261 §20.7).
    Authorization,
    /// `Proxy-Authorization`: credentials for a proxy (RFC 3261 §20.28).
    ProxyAuthorization,
    /// `WWW-Authenticate`: challenge of a server (RFC 3261 §20.44).
    WwwAuthenticate,
    /// `Proxy-Authenticate`: challenge of a proxy (RFC 3261 §20.27).
    ProxyAuthenticate,
    /// `Authentication-Info`: the server's proof (RFC 3261 §20.6).
    AuthenticationInfo,
    /// `Expires`: seconds of validity (RFC 3261 §20.19).
    Expires,
    /// `Min-Expires`: the least of them (RFC 3261 §20.23).
    MinExpires,
    /// `Require`: options the server must know (RFC 3261 §20.32).
    Require,
    /// `Proxy-Require`: options proxies must know (RFC 3261 §20.29).
    ProxyRequire,
    /// `Supported`: options the sender knows (RFC 3261 §20.37).
    Supported,
    /// `Unsupported`: options the server does not know (RFC 3261 §20.40).
    Unsupported,
    /// `Allow`: methods the sender takes (RFC 3261 §20.5).
    Allow,
    /// `Allow-Events`: packages the sender takes (RFC 6665).
    AllowEvents,
    /// `Event`: package (RFC 6665).
    Event,
    /// `Subscription-State`: state of a subscription (RFC 6665).
    SubscriptionState,
    /// `Path`: proxies before the registrar (RFC 3327).
    Path,
    /// `Service-Route`: proxies of the service (RFC 3608).
    ServiceRoute,
    /// `P-Asserted-Identity`: who the network says it is (RFC 3325).
    PAssertedIdentity,
    /// `P-Preferred-Identity`: who the user says it is (RFC 3325).
    PPreferredIdentity,
    /// `Privacy`: what to hide (RFC 3323).
    Privacy,
    /// `Reason`: why (RFC 3326).
    Reason,
    /// `Retry-After`: when to try again (RFC 3261 §20.33).
    RetryAfter,
    /// `Max-Breadth`: branches left (RFC 5393).
    MaxBreadth,
    /// `User-Agent`: the client's software (RFC 3261 §20.41).
    UserAgent,
    /// `Server`: the server's software (RFC 3261 §20.35).
    Server,
    /// `Subject`: what about (RFC 3261 §20.36).
    Subject,
    /// `Date`: when (RFC 3261 §20.17).
    Date,
    /// `Timestamp`: for round trips (RFC 3261 §20.38).
    Timestamp,
    /// `Warning`: more of a status (RFC 3261 §20.43).
    Warning,
    /// `Refer-To`: whom to ask (RFC 3515).
    ReferTo,
    /// `Referred-By`: who referred (RFC 3892).
    ReferredBy,
    /// `Replaces`: dialog to replace (RFC 3891).
    Replaces,
    /// `Join`: dialog to join (RFC 3911).
    Join,
    /// `Diversion`: who forwarded (RFC 5806).
    Diversion,
    /// `History-Info`: the way it went (RFC 7044).
    HistoryInfo,
    /// `Session-Expires`: session timer (RFC 4028).
    SessionExpires,
    /// `Min-SE`: least session timer (RFC 4028).
    MinSe,
    /// `RSeq`: orders reliable provisionals (RFC 3262).
    RSeq,
    /// `RAck`: confirms one (RFC 3262).
    RAck,
    /// `Accept`: body types taken (RFC 3261 §20.1).
    Accept,
    /// `Accept-Contact`: wanted callee (RFC 3841).
    AcceptContact,
    /// `Reject-Contact`: unwanted callee (RFC 3841).
    RejectContact,
    /// `Request-Disposition`: wishes to proxies (RFC 3841).
    RequestDisposition,
    /// `Identity`: signed caller (RFC 8224).
    Identity,
    /// `Alert-Info`: ring tone (RFC 3261 §20.4).
    AlertInfo,
    /// `Call-Info`: more of a party (RFC 3261 §20.9).
    CallInfo,
    /// `In-Reply-To`: answered call (RFC 3261 §20.21).
    InReplyTo,
    /// `MIME-Version`: version of MIME (RFC 3261 §20.24).
    MimeVersion,
    /// `Organization`: whose (RFC 3261 §20.25).
    Organization,
    /// `Priority`: how urgent (RFC 3261 §20.26).
    Priority,
    /// `Reply-To`: whom to answer (RFC 3261 §20.31).
    ReplyTo,
    /// `SIP-ETag`: tag of a publication (RFC 3903).
    SipEtag,
    /// `SIP-If-Match`: condition on it (RFC 3903).
    SipIfMatch,
    /// Any other header.
    Other,
}

impl Name {
    /// Reads a name in any case, long or compact.
    pub fn parse(text: &[u8]) -> Self {
        let [first, rest @ ..] = text else { return Self::Other };
        if rest.is_empty() {
            return Self::compact(*first);
        }
        // Most software writes a name as the registry does, and most lines are of a dozen headers: these cost one
        // comparison with what stands in the program.
        match text {
            b"Via" => return Self::Via,
            b"From" => return Self::From,
            b"To" => return Self::To,
            b"Call-ID" => return Self::CallId,
            b"CSeq" => return Self::CSeq,
            b"Contact" => return Self::Contact,
            b"Max-Forwards" => return Self::MaxForwards,
            b"Route" => return Self::Route,
            b"Record-Route" => return Self::RecordRoute,
            b"Content-Length" => return Self::ContentLength,
            b"Content-Type" => return Self::ContentType,
            b"Expires" => return Self::Expires,
            b"User-Agent" => return Self::UserAgent,
            _ => {}
        }
        // The length and the first letter leave one or two candidates.
        let is = |name: &Self| name.as_str().as_bytes().eq_ignore_ascii_case(text);
        let candidates: &[Self] = match (text.len(), first.to_ascii_lowercase()) {
            (2, b't') => &[Self::To],
            (3, b'v') => &[Self::Via],
            (4, b'c') => &[Self::CSeq],
            (4, b'd') => &[Self::Date],
            (4, b'f') => &[Self::From],
            (4, b'j') => &[Self::Join],
            (4, b'p') => &[Self::Path],
            (4, b'r') => &[Self::RSeq, Self::RAck],
            (5, b'a') => &[Self::Allow],
            (5, b'e') => &[Self::Event],
            (5, b'r') => &[Self::Route],
            (6, b'a') => &[Self::Accept],
            (6, b'm') => &[Self::MinSe],
            (6, b'r') => &[Self::Reason],
            (6, b's') => &[Self::Server],
            (7, b'c') => &[Self::CallId, Self::Contact],
            (7, b'e') => &[Self::Expires],
            (7, b'p') => &[Self::Privacy],
            (7, b'r') => &[Self::Require],
            (7, b's') => &[Self::Subject],
            (7, b'w') => &[Self::Warning],
            (8, b'i') => &[Self::Identity],
            (8, b'p') => &[Self::Priority],
            (8, b'r') => &[Self::ReferTo, Self::Replaces, Self::ReplyTo],
            (8, b's') => &[Self::SipEtag],
            (9, b'c') => &[Self::CallInfo],
            (9, b'd') => &[Self::Diversion],
            (9, b's') => &[Self::Supported],
            (9, b't') => &[Self::Timestamp],
            (10, b'a') => &[Self::AlertInfo],
            (10, b'u') => &[Self::UserAgent],
            (11, b'i') => &[Self::InReplyTo],
            (11, b'm') => &[Self::MinExpires, Self::MaxBreadth],
            (11, b'r') => &[Self::RetryAfter, Self::ReferredBy],
            (11, b'u') => &[Self::Unsupported],
            (12, b'a') => &[Self::AllowEvents],
            (12, b'c') => &[Self::ContentType],
            (12, b'h') => &[Self::HistoryInfo],
            (12, b'm') => &[Self::MaxForwards, Self::MimeVersion],
            (12, b'o') => &[Self::Organization],
            (12, b'r') => &[Self::RecordRoute],
            (12, b's') => &[Self::SipIfMatch],
            (13, b'a') => &[Self::Authorization],
            (13, b'p') => &[Self::ProxyRequire],
            (13, b's') => &[Self::ServiceRoute],
            (14, b'a') => &[Self::AcceptContact],
            (14, b'c') => &[Self::ContentLength],
            (14, b'r') => &[Self::RejectContact],
            (15, b's') => &[Self::SessionExpires],
            (16, b'c') => &[Self::ContentEncoding],
            (16, b'w') => &[Self::WwwAuthenticate],
            (18, b'p') => &[Self::ProxyAuthenticate],
            (18, b's') => &[Self::SubscriptionState],
            (19, b'a') => &[Self::AuthenticationInfo],
            (19, b'c') => &[Self::ContentDisposition],
            (19, b'p') => &[Self::ProxyAuthorization, Self::PAssertedIdentity],
            (19, b'r') => &[Self::RequestDisposition],
            (20, b'p') => &[Self::PPreferredIdentity],
            _ => &[],
        };
        candidates.iter().copied().find(is).unwrap_or(Self::Other)
    }

    const fn compact(letter: u8) -> Self {
        match letter.to_ascii_lowercase() {
            b'v' => Self::Via,
            b'f' => Self::From,
            b't' => Self::To,
            b'i' => Self::CallId,
            b'm' => Self::Contact,
            b'l' => Self::ContentLength,
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'k' => Self::Supported,
            b'u' => Self::AllowEvents,
            b'o' => Self::Event,
            b's' => Self::Subject,
            b'r' => Self::ReferTo,
            b'b' => Self::ReferredBy,
            b'x' => Self::SessionExpires,
            b'a' => Self::AcceptContact,
            b'j' => Self::RejectContact,
            b'd' => Self::RequestDisposition,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }

    /// The long name as it is usually written; empty for [`Name::Other`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Via => "Via",
            Self::From => "From",
            Self::To => "To",
            Self::CallId => "Call-ID",
            Self::CSeq => "CSeq",
            Self::Contact => "Contact",
            Self::MaxForwards => "Max-Forwards",
            Self::Route => "Route",
            Self::RecordRoute => "Record-Route",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::ContentEncoding => "Content-Encoding",
            Self::ContentDisposition => "Content-Disposition",
            Self::Authorization => "Authorization",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::AuthenticationInfo => "Authentication-Info",
            Self::Expires => "Expires",
            Self::MinExpires => "Min-Expires",
            Self::Require => "Require",
            Self::ProxyRequire => "Proxy-Require",
            Self::Supported => "Supported",
            Self::Unsupported => "Unsupported",
            Self::Allow => "Allow",
            Self::AllowEvents => "Allow-Events",
            Self::Event => "Event",
            Self::SubscriptionState => "Subscription-State",
            Self::Path => "Path",
            Self::ServiceRoute => "Service-Route",
            Self::PAssertedIdentity => "P-Asserted-Identity",
            Self::PPreferredIdentity => "P-Preferred-Identity",
            Self::Privacy => "Privacy",
            Self::Reason => "Reason",
            Self::RetryAfter => "Retry-After",
            Self::MaxBreadth => "Max-Breadth",
            Self::UserAgent => "User-Agent",
            Self::Server => "Server",
            Self::Subject => "Subject",
            Self::Date => "Date",
            Self::Timestamp => "Timestamp",
            Self::Warning => "Warning",
            Self::ReferTo => "Refer-To",
            Self::ReferredBy => "Referred-By",
            Self::Replaces => "Replaces",
            Self::Join => "Join",
            Self::Diversion => "Diversion",
            Self::HistoryInfo => "History-Info",
            Self::SessionExpires => "Session-Expires",
            Self::MinSe => "Min-SE",
            Self::RSeq => "RSeq",
            Self::RAck => "RAck",
            Self::Accept => "Accept",
            Self::AcceptContact => "Accept-Contact",
            Self::RejectContact => "Reject-Contact",
            Self::RequestDisposition => "Request-Disposition",
            Self::Identity => "Identity",
            Self::AlertInfo => "Alert-Info",
            Self::CallInfo => "Call-Info",
            Self::InReplyTo => "In-Reply-To",
            Self::MimeVersion => "MIME-Version",
            Self::Organization => "Organization",
            Self::Priority => "Priority",
            Self::ReplyTo => "Reply-To",
            Self::SipEtag => "SIP-ETag",
            Self::SipIfMatch => "SIP-If-Match",
            Self::Other => "",
        }
    }

    /// True for headers whose value is a list separated by commas (RFC 3261 §7.3.1), as far as any room here
    /// takes one apart. The authentication headers are none, though their values hold commas.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Via
                | Self::Contact
                | Self::Route
                | Self::RecordRoute
                | Self::Path
                | Self::ServiceRoute
                | Self::Require
                | Self::ProxyRequire
                | Self::Supported
                | Self::Unsupported
                | Self::Allow
                | Self::AllowEvents
                | Self::Accept
                | Self::PAssertedIdentity
                | Self::PPreferredIdentity
                | Self::Diversion
                | Self::HistoryInfo
                | Self::Reason
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_any_case_long_or_compact() {
        for (text, name) in [
            ("Via", Name::Via),
            ("v", Name::Via),
            ("CALL-id", Name::CallId),
            ("i", Name::CallId),
            ("cSEQ", Name::CSeq),
            ("K", Name::Supported),
            ("WWW-Authenticate", Name::WwwAuthenticate),
            ("x", Name::SessionExpires),
            ("Via2", Name::Other),
            ("q", Name::Other),
            ("", Name::Other),
        ] {
            assert_eq!(Name::parse(text.as_bytes()), name, "{text}");
        }
    }
}
