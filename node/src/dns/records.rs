//! Records of the domain name system as far as SIP asks for them, and what is known of a look-up.

use std::net::IpAddr;
use std::sync::Arc;

/// A kind of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Which transports a domain offers.
    Naptr,
    /// Which servers offer a transport.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// Records to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lookup {
    /// Which kind.
    pub kind: Kind,
    /// Of which name: in lower case; with a dot at its end when it is whole, so that no search list completes it.
    pub name: Arc<str>,
}

impl Lookup {
    /// Of a name as people write it, which the system's search list may complete.
    pub fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_ascii_lowercase().into() }
    }

    /// Of a name that came from a record, and is whole.
    pub fn whole(kind: Kind, name: &str) -> Self {
        let mut name = bare(name).to_ascii_lowercase();
        name.push('.');
        Self { kind, name: name.into() }
    }
}

/// A name without the dot at its end.
pub(crate) fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What is known of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These records, at least one.
    Found(Arc<Records>),
    /// There are none.
    Nothing,
    /// Nobody could say. The text is for the log.
    Failed(Arc<str>),
}

impl Answer {
    /// An answer of these records, which may be none.
    pub fn of(records: Records) -> Self {
        if records.is_empty() { Self::Nothing } else { Self::Found(Arc::new(records)) }
    }

    /// NAPTR records, if there are any.
    pub(crate) fn naptr(&self) -> &[Naptr] {
        match self {
            Self::Found(records) => match &**records {
                Records::Naptr(records) => records,
                Records::Srv(_) | Records::Addresses(_) => &[],
            },
            Self::Nothing | Self::Failed(_) => &[],
        }
    }

    /// SRV records, if there are any.
    pub(crate) fn srv(&self) -> &[Srv] {
        match self {
            Self::Found(records) => match &**records {
                Records::Srv(records) => records,
                Records::Naptr(_) | Records::Addresses(_) => &[],
            },
            Self::Nothing | Self::Failed(_) => &[],
        }
    }

    /// Addresses, if there are any.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Found(records) => match &**records {
                Records::Addresses(records) => records,
                Records::Naptr(_) | Records::Srv(_) => &[],
            },
            Self::Nothing | Self::Failed(_) => &[],
        }
    }
}

/// Records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// NAPTR.
    Naptr(Vec<Naptr>),
    /// SRV.
    Srv(Vec<Srv>),
    /// A or AAAA.
    Addresses(Vec<IpAddr>),
}

impl Records {
    fn is_empty(&self) -> bool {
        match self {
            Self::Naptr(records) => records.is_empty(),
            Self::Srv(records) => records.is_empty(),
            Self::Addresses(records) => records.is_empty(),
        }
    }
}

/// A NAPTR record (RFC 3403 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// The lowest is tried first; those of another order are not looked at once one fits.
    pub order: u16,
    /// The lowest is tried first within an order.
    pub preference: u16,
    /// `s`: an SRV record follows.
    pub flags: Box<str>,
    /// `SIP+D2U` for one.
    pub service: Box<str>,
    /// The name of the SRV record.
    pub replacement: Box<str>,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// The lowest is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` says that the service is not offered.
    pub target: Box<str>,
}
