//! Where phones are: the questions to a location service (RFC 3261 §10) and their answers.

mod binding;
mod changes;
mod client;
mod server;
mod wire;

use std::sync::Arc;

pub use binding::{Binding, Bindings, Path};
pub use changes::{Change, Changes, Lost, Watch};
pub use client::{Follower, RegistrarClient};
pub use server::RegistrarServer;

use crate::asked::{Asked, Reply, ServiceError};

/// The location service.
pub trait Location: Send + Sync + 'static {
    /// What a REGISTER request asks (RFC 3261 §10.3 steps 6 to 8); authenticated and authorised by the asker.
    fn register(&self, ask: &Register<'_>, reply: Reply<Registered>) -> Asked<Registered>;

    /// The bindings of an address of record, as targets of a request (RFC 3261 §16.5).
    fn locate(&self, ask: &Locate<'_>, reply: Reply<Located>) -> Asked<Located>;

    /// Bindings for people, in pages. Default: refused.
    fn list(&self, ask: &ListBindings<'_>, reply: Reply<BindingPage>) -> Asked<BindingPage> {
        let _ = ask;
        reply.now(Err(ServiceError::Refused("this location service lists nothing".to_owned())))
    }

    /// Removes bindings for a tool; answers how many. Default: refused.
    fn remove(&self, ask: &RemoveBindings<'_>, reply: Reply<u32>) -> Asked<u32> {
        let _ = ask;
        reply.now(Err(ServiceError::Refused("this location service removes nothing".to_owned())))
    }

    /// The numbered changes of the bindings, where this service knows them itself.
    fn changes(&self) -> Option<Arc<Changes>> {
        None
    }
}

/// What one REGISTER request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register<'a> {
    /// Unix time in ms. A remote registrar goes by its own clock.
    pub now_ms: u64,
    /// The canonical address of record (RFC 3261 §10.3 step 5): `alice@example.org`.
    pub aor: &'a str,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The number of the CSeq.
    pub cseq: u32,
    /// What to do.
    pub action: Action<'a>,
    /// The elements of all Path headers, topmost first (RFC 3327), each as `<sip:…;lr>`.
    pub path: &'a [&'a str],
    /// The flow that the request came by, opaque to the registrar (RFC 5626 §7); empty when there is none to keep.
    pub flow: &'a [u8],
    /// The User-Agent; empty when not given.
    pub user_agent: &'a str,
    /// Where the request came from, for people: `udp:192.0.2.1:5060`.
    pub source: &'a str,
}

/// What a REGISTER request wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// No Contact: only tell the bindings.
    Fetch,
    /// `Contact: *` with `Expires: 0`.
    RemoveAll,
    /// One Contact or more: add, refresh, and remove (expires 0), all of them or none.
    Update(&'a [ContactUpdate<'a>]),
}

impl<'a> Action<'a> {
    /// Reads the action from what the request holds: its contacts except `*`, how often `*` stood there, and the
    /// value of the Expires header.
    ///
    /// # Errors
    /// The faults of RFC 3261 §10.3 step 6 and RFC 5626 §6, to be answered 400.
    pub fn of(
        contacts: &'a [ContactUpdate<'a>],
        wildcards: usize,
        expires: Option<u32>,
    ) -> Result<Action<'a>, Fault> {
        match (contacts, wildcards) {
            ([], 0) => Ok(Action::Fetch),
            // RFC 3261 §10.3 step 6: `*` with another Contact, or with an expiration that is not zero, is invalid.
            ([], 1) if expires == Some(0) => Ok(Action::RemoveAll),
            ([], 1) => Err(Fault::WildcardExpires),
            (_, 1..) => Err(Fault::WildcardNotAlone),
            (contacts, 0) => {
                let flows = contacts
                    .iter()
                    .filter(|contact| contact.flow_of_instance() && contact.expires != Some(0));
                // RFC 5626 §6: more than one Contact with a reg-id and an expiration above zero is refused.
                if flows.count() > 1 { Err(Fault::SeveralFlows) } else { Ok(Action::Update(contacts)) }
            }
        }
    }
}

/// One Contact of a REGISTER request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContactUpdate<'a> {
    /// The URI as it stood between `<` and `>`; compared by RFC 3261 §19.1.4.
    pub uri: &'a str,
    /// The `expires` parameter, else the Expires header, in seconds; `None`: the registrar's default. Zero removes.
    pub expires: Option<u32>,
    /// The preference in thousandths, 0 to 1000; 1000 when not given.
    pub q: u16,
    /// The `+sip.instance` parameter without quotes; empty when not given.
    pub instance: &'a str,
    /// The `reg-id` parameter (RFC 5626 §4.2); 0 when not given, or when outbound was not negotiated.
    pub reg_id: u32,
    /// The other parameters of the header (`;methods="…";audio`), kept and told again; empty when there are none.
    pub params: &'a str,
}

impl ContactUpdate<'_> {
    /// True when the binding is named by instance and reg-id, not by its URI (RFC 5626 §6).
    pub fn flow_of_instance(&self) -> bool {
        self.reg_id != 0 && !self.instance.is_empty()
    }
}

/// The answer to [`Register`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// 200 with these bindings: all that the address of record now has.
    Accepted {
        /// The bindings.
        bindings: Bindings,
    },
    /// 423 with Min-Expires (RFC 3261 §10.3 step 7): nothing was changed.
    IntervalTooBrief {
        /// The least that is accepted, in seconds.
        min_expires_s: u32,
    },
    /// The CSeq is not above that of a binding with the same Call-ID (RFC 3261 §10.3 step 7): nothing was changed.
    OutOfOrder,
    /// The request cannot be carried out as it stands (400): nothing was changed.
    Malformed(Fault),
    /// More contacts than one address of record may have: nothing was changed.
    TooManyContacts {
        /// How many it may have.
        contacts_max: u32,
    },
    /// The store holds as many bindings as it may: nothing was changed. 503 with Retry-After.
    Full,
}

/// Why a REGISTER request cannot be carried out. The text is the reason phrase of the 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// RFC 3261 §10.3 step 6.
    #[error("Contact * Needs Expires 0")]
    WildcardExpires,
    /// RFC 3261 §10.3 step 6.
    #[error("Contact * With Another Contact")]
    WildcardNotAlone,
    /// RFC 5626 §6.
    #[error("Several Contacts With reg-id")]
    SeveralFlows,
    /// A Contact whose URI cannot be compared.
    #[error("Malformed Contact URI")]
    ContactUri,
    /// A text is longer than a binding may keep.
    #[error("Contact Too Long")]
    TooLong,
}

/// Whose bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locate<'a> {
    /// Unix time in ms. A remote registrar goes by its own clock.
    pub now_ms: u64,
    /// The canonical address of record.
    pub aor: &'a str,
    /// Ask the registrar itself, past any near-copy: a target of the copy has just failed.
    pub past_copy: bool,
}

/// The answer to [`Locate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The bindings, none for an address of record that nobody registered; sorted by q, the highest first.
    pub bindings: Bindings,
    /// True when no registrar answered and a near-copy did, which may be out of date.
    pub stale: bool,
}

/// Which bindings to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListBindings<'a> {
    /// Unix time in ms. A remote registrar goes by its own clock.
    pub now_ms: u64,
    /// How the address of record begins; empty for all.
    pub prefix: &'a str,
    /// The most that a page holds.
    pub page_max: usize,
    /// [`BindingPage::next`] of the page before; 0 for the first.
    pub from: u64,
}

/// Part of a list of bindings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindingPage {
    /// The bindings, in no order that means anything.
    pub listed: Vec<Listed>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<u64>,
}

/// A binding in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The address of record.
    pub aor: String,
    /// The one binding.
    pub binding: Bindings,
}

/// Which bindings to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoveBindings<'a> {
    /// The address of record.
    pub aor: &'a str,
    /// The URI of one contact, as it is listed; `None` for all.
    pub uri: Option<&'a str>,
}

#[cfg(test)]
mod tests;
