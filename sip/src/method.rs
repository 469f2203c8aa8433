//! Methods (RFC 3261 §7.1 and the extensions that name one).

use std::fmt;

/// The method of a request, borrowed from its octets where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// Opens or changes a session (RFC 3261 §13, §14).
    Invite,
    /// Confirms a final response to INVITE (RFC 3261 §13.2.2.4).
    Ack,
    /// Ends a session (RFC 3261 §15).
    Bye,
    /// Withdraws a pending request (RFC 3261 §9).
    Cancel,
    /// Binds contacts to an address of record (RFC 3261 §10).
    Register,
    /// Asks for capabilities (RFC 3261 §11).
    Options,
    /// Confirms a reliable provisional response (RFC 3262).
    Prack,
    /// Changes a session before it is answered (RFC 3311).
    Update,
    /// Carries application data in a dialog (RFC 6086).
    Info,
    /// Asks for a request to a third party (RFC 3515).
    Refer,
    /// Asks for notifications (RFC 6665).
    Subscribe,
    /// Notifies (RFC 6665).
    Notify,
    /// Publishes event state (RFC 3903).
    Publish,
    /// Carries a message (RFC 3428).
    Message,
    /// Any other token.
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// Reads a method; the case matters (RFC 3261 §7.1). `None` when it is no token.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        Some(match octets {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"REGISTER" => Self::Register,
            b"OPTIONS" => Self::Options,
            b"PRACK" => Self::Prack,
            b"UPDATE" => Self::Update,
            b"INFO" => Self::Info,
            b"REFER" => Self::Refer,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"PUBLISH" => Self::Publish,
            b"MESSAGE" => Self::Message,
            [] => return None,
            other if other.iter().all(|octet| crate::scan::is_token(*octet)) => {
                Self::Other(std::str::from_utf8(other).ok()?)
            }
            _ => return None,
        })
    }

    /// As it stands in a request line.
    pub const fn as_str(&self) -> &'a str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Info => "INFO",
            Self::Refer => "REFER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Message => "MESSAGE",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
