//! Between the plain types and the messages of `registrar.proto`.

use crate::asked::ServiceError;
use crate::registrar::{
    Action, Binding, BindingPage, Bindings, Change, ContactUpdate, Fault, Listed, Located, Path, Register,
    Registered,
};
use crate::serve;
use crate::wire::registrar::v1;
use v1::answer::Answer as Kind;
use v1::registered::Outcome;

impl serve::Answer for v1::Answer {
    type Kind = Kind;

    fn new(id: u64, answer: Result<Kind, ServiceError>) -> Self {
        let answer = answer.unwrap_or_else(|error| Kind::Failure(error.into()));
        v1::Answer { id, answer: Some(answer) }
    }
}

impl From<Registered> for Kind {
    fn from(registered: Registered) -> Self {
        Kind::Registered(registered.into())
    }
}

impl From<Located> for Kind {
    fn from(located: Located) -> Self {
        Kind::Located(v1::Located { bindings: Some(located.bindings.into()) })
    }
}

impl From<Change> for Kind {
    fn from(change: Change) -> Self {
        Kind::Change(v1::Change { number: change.number, aor: change.aor.as_ref().to_owned() })
    }
}

impl From<&Register<'_>> for v1::Register {
    fn from(ask: &Register<'_>) -> Self {
        let (contacts, remove_all) = match ask.action {
            Action::Fetch => (&[][..], false),
            Action::RemoveAll => (&[][..], true),
            Action::Update(contacts) => (contacts, false),
        };
        v1::Register {
            aor: ask.aor.to_owned(),
            call_id: ask.call_id.to_owned(),
            cseq: ask.cseq,
            remove_all,
            contacts: contacts.iter().map(Into::into).collect(),
            path: ask.path.iter().map(|&element| element.to_owned()).collect(),
            flow: ask.flow.to_vec(),
            user_agent: ask.user_agent.to_owned(),
            source: ask.source.to_owned(),
        }
    }
}

impl From<&ContactUpdate<'_>> for v1::ContactUpdate {
    fn from(contact: &ContactUpdate<'_>) -> Self {
        v1::ContactUpdate {
            uri: contact.uri.to_owned(),
            expires: contact.expires,
            q: contact.q.into(),
            instance: contact.instance.to_owned(),
            reg_id: contact.reg_id,
            params: contact.params.to_owned(),
        }
    }
}

impl<'a> From<&'a v1::ContactUpdate> for ContactUpdate<'a> {
    fn from(contact: &'a v1::ContactUpdate) -> Self {
        ContactUpdate {
            uri: &contact.uri,
            expires: contact.expires,
            q: thousandths(contact.q),
            instance: &contact.instance,
            reg_id: contact.reg_id,
            params: &contact.params,
        }
    }
}

impl From<Registered> for v1::Registered {
    fn from(registered: Registered) -> Self {
        let mut wire = v1::Registered::default();
        let outcome = match registered {
            Registered::Accepted { bindings } => {
                wire.bindings = Some(bindings.into());
                Outcome::Accepted
            }
            Registered::IntervalTooBrief { min_expires_s } => {
                wire.min_expires_s = min_expires_s;
                Outcome::IntervalTooBrief
            }
            Registered::TooManyContacts { contacts_max } => {
                wire.contacts_max = contacts_max;
                Outcome::TooManyContacts
            }
            Registered::OutOfOrder => Outcome::OutOfOrder,
            Registered::Full => Outcome::Full,
            Registered::Malformed(Fault::WildcardExpires) => Outcome::WildcardExpires,
            Registered::Malformed(Fault::WildcardNotAlone) => Outcome::WildcardNotAlone,
            Registered::Malformed(Fault::SeveralFlows) => Outcome::SeveralFlows,
            Registered::Malformed(Fault::ContactUri) => Outcome::ContactUri,
            Registered::Malformed(Fault::TooLong) => Outcome::TooLong,
        };
        wire.set_outcome(outcome);
        wire
    }
}

impl TryFrom<v1::Registered> for Registered {
    type Error = ServiceError;

    fn try_from(wire: v1::Registered) -> Result<Self, ServiceError> {
        Ok(match wire.outcome() {
            Outcome::Accepted => Registered::Accepted { bindings: wire.bindings.unwrap_or_default().into() },
            Outcome::IntervalTooBrief => Registered::IntervalTooBrief { min_expires_s: wire.min_expires_s },
            Outcome::TooManyContacts => Registered::TooManyContacts { contacts_max: wire.contacts_max },
            Outcome::OutOfOrder => Registered::OutOfOrder,
            Outcome::Full => Registered::Full,
            Outcome::WildcardExpires => Registered::Malformed(Fault::WildcardExpires),
            Outcome::WildcardNotAlone => Registered::Malformed(Fault::WildcardNotAlone),
            Outcome::SeveralFlows => Registered::Malformed(Fault::SeveralFlows),
            Outcome::ContactUri => Registered::Malformed(Fault::ContactUri),
            Outcome::TooLong => Registered::Malformed(Fault::TooLong),
            Outcome::Unspecified => {
                return Err(ServiceError::Protocol(format!(
                    "an outcome that we do not know: {}",
                    wire.outcome
                )));
            }
        })
    }
}

impl From<Bindings> for v1::Bindings {
    fn from(bindings: Bindings) -> Self {
        v1::Bindings { as_of: bindings.as_of(), bindings: bindings.iter().map(Into::into).collect() }
    }
}

impl From<v1::Bindings> for Bindings {
    fn from(wire: v1::Bindings) -> Self {
        let mut bindings = Bindings::default();
        for binding in &wire.bindings {
            push(&mut bindings, binding);
        }
        bindings.standing_at(wire.as_of)
    }
}

impl From<Binding<'_>> for v1::Binding {
    fn from(binding: Binding<'_>) -> Self {
        v1::Binding {
            uri: binding.uri.to_owned(),
            q: binding.q.into(),
            expires_in_s: binding.expires_in_s,
            path: binding.path.iter().map(ToOwned::to_owned).collect(),
            flow: binding.flow.to_vec(),
            instance: binding.instance.to_owned(),
            reg_id: binding.reg_id,
            params: binding.params.to_owned(),
            call_id: binding.call_id.to_owned(),
            cseq: binding.cseq,
            updated_ms: binding.updated_ms,
            user_agent: binding.user_agent.to_owned(),
            source: binding.source.to_owned(),
        }
    }
}

fn push(bindings: &mut Bindings, wire: &v1::Binding) {
    let path: Vec<&str> = wire.path.iter().map(String::as_str).collect();
    bindings.push(&Binding {
        uri: &wire.uri,
        q: thousandths(wire.q),
        expires_in_s: wire.expires_in_s,
        path: Path::Listed(&path),
        flow: &wire.flow,
        instance: &wire.instance,
        reg_id: wire.reg_id,
        params: &wire.params,
        call_id: &wire.call_id,
        cseq: wire.cseq,
        updated_ms: wire.updated_ms,
        user_agent: &wire.user_agent,
        source: &wire.source,
    });
}

impl From<BindingPage> for v1::ListReply {
    fn from(page: BindingPage) -> Self {
        let listed = page.listed.into_iter().map(|Listed { aor, binding }| v1::Listed {
            aor,
            binding: binding.iter().next().map(Into::into),
        });
        v1::ListReply { listed: listed.collect(), next: page.next }
    }
}

impl From<v1::ListReply> for BindingPage {
    fn from(wire: v1::ListReply) -> Self {
        let listed = wire.listed.into_iter().map(|v1::Listed { aor, binding }| {
            let mut bindings = Bindings::default();
            if let Some(binding) = &binding {
                push(&mut bindings, binding);
            }
            Listed { aor, binding: bindings }
        });
        BindingPage { listed: listed.collect(), next: wire.next }
    }
}

fn thousandths(q: u32) -> u16 {
    q.min(1000) as u16
}
