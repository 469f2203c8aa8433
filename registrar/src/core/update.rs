//! What one REGISTER request does to the bindings of its address of record (RFC 3261 §10.3 steps 6 and 7): first all
//! of it is decided, then all of it is done.

use proto::{Action, Binding, ContactUpdate, Fault, Path, Register, Registered};
use sip::uri::Uri;
use smallvec::SmallVec;

use super::record;
use super::stripe::{Stamp, Stripe};
use super::terms::Terms;

/// What will be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    steps: SmallVec<[Step; 4]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Remove(u32),
    Renew { at: u32, contact: usize, granted_s: u32 },
    Add { contact: usize, granted_s: u32 },
}

impl Plan {
    /// Decides. `standing` are the slots of the address of record, none of them expired.
    ///
    /// # Errors
    /// The answer that refuses the request, which then changes nothing.
    pub(super) fn of(
        ask: &Register<'_>,
        standing: &[u32],
        stripe: &Stripe,
        terms: &Terms,
    ) -> Result<Plan, Registered> {
        let mut plan = Plan::default();
        match ask.action {
            Action::Fetch => {}
            Action::RemoveAll => {
                for at in standing {
                    // RFC 3261 §10.3 step 6: with the same Call-ID only a higher CSeq removes; else all fails.
                    if out_of_order(ask, &stripe.binding(*at)) {
                        return Err(Registered::OutOfOrder);
                    }
                    plan.steps.push(Step::Remove(*at));
                }
            }
            Action::Update(contacts) => {
                let contacts_of = standing.iter().map(|at| (*at, stripe.binding(*at))).collect();
                let existing: SmallVec<[(u32, Binding<'_>); 4]> = contacts_of;
                for (index, contact) in contacts.iter().enumerate() {
                    // Said twice in one request: the last one counts.
                    if contacts[index + 1..].iter().any(|later| same_contact(contact, later)) {
                        continue;
                    }
                    plan.consider(ask, index, contact, &existing, stripe, terms)?;
                }
            }
        }
        let adds = plan.adds();
        let after = standing.len() + adds - plan.removes();
        if adds > 0 && after > terms.contacts_max as usize {
            return Err(Registered::TooManyContacts { contacts_max: terms.contacts_max });
        }
        Ok(plan)
    }

    fn consider(
        &mut self,
        ask: &Register<'_>,
        index: usize,
        contact: &ContactUpdate<'_>,
        existing: &[(u32, Binding<'_>)],
        stripe: &Stripe,
        terms: &Terms,
    ) -> Result<(), Registered> {
        let Ok(granted_s) = terms.grant(contact.expires) else {
            // RFC 3261 §10.3 step 7: 423 with Min-Expires.
            return Err(Registered::IntervalTooBrief { min_expires_s: terms.min_expires_s });
        };
        if Uri::parse(contact.uri.as_bytes()).is_err() {
            return Err(Registered::Malformed(Fault::ContactUri));
        }
        let kept = ask.aor.len()
            + ask.call_id.len()
            + contact.uri.len()
            + contact.instance.len()
            + contact.params.len();
        let route = ask.path.iter().map(|element| element.len()).sum::<usize>() + ask.flow.len();
        if kept + route + ask.user_agent.len() + ask.source.len() > terms.binding_bytes_max {
            return Err(Registered::Malformed(Fault::TooLong));
        }
        let mut found = false;
        for (at, binding) in existing.iter().filter(|(_, binding)| names(contact, binding, existing)) {
            // Another contact of this request may have taken it already.
            if self.touches(*at) {
                continue;
            }
            // RFC 3261 §10.3 step 7: with the same Call-ID only a higher CSeq updates; a lower one fails, all of it.
            if out_of_order(ask, binding) && !repeated(ask, contact, granted_s, binding, stripe.stamp(*at)) {
                return Err(Registered::OutOfOrder);
            }
            self.steps.push(if granted_s == 0 || found {
                Step::Remove(*at)
            } else if out_of_order(ask, binding) {
                // A REGISTER that came twice, past the transaction layer: what it asked is done, and stays as it is.
                Step::Renew { at: *at, contact: index, granted_s: KEEP }
            } else {
                Step::Renew { at: *at, contact: index, granted_s }
            });
            found = true;
        }
        if !found && granted_s > 0 {
            self.steps.push(Step::Add { contact: index, granted_s });
        }
        Ok(())
    }

    fn touches(&self, slot: u32) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Remove(at) | Step::Renew { at, .. } => *at == slot,
            Step::Add { .. } => false,
        })
    }

    /// How many bindings will be added.
    pub(super) fn adds(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Add { .. })).count()
    }

    /// How many bindings will be removed.
    pub(super) fn removes(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Remove(_))).count()
    }

    /// Does it. True when more than times and CSeqs changed.
    pub(super) fn carry_out(self, ask: &Register<'_>, hash: u32, stripe: &mut Stripe) -> bool {
        let mut changed = false;
        let contacts = if let Action::Update(contacts) = ask.action { contacts } else { &[] };
        let mut scratch = std::mem::take(&mut stripe.scratch);
        for step in self.steps {
            match step {
                Step::Remove(at) => {
                    stripe.remove(at);
                    changed = true;
                }
                Step::Renew { granted_s: KEEP, .. } => {}
                Step::Renew { at, contact, granted_s } => {
                    record::write(ask.aor, &binding_of(ask, &contacts[contact]), &mut scratch);
                    changed |= stripe.renew(at, stamp(ask, granted_s), &scratch);
                }
                Step::Add { contact, granted_s } => {
                    record::write(ask.aor, &binding_of(ask, &contacts[contact]), &mut scratch);
                    stripe.add(hash, ask.aor, stamp(ask, granted_s), &scratch);
                    changed = true;
                }
            }
        }
        stripe.scratch = scratch;
        changed
    }
}

/// True when the contact of a request means this binding.
fn names(contact: &ContactUpdate<'_>, binding: &Binding<'_>, existing: &[(u32, Binding<'_>)]) -> bool {
    let same_flow = |binding: &Binding<'_>| {
        contact.reg_id == binding.reg_id && contact.instance.eq_ignore_ascii_case(binding.instance)
    };
    if contact.flow_of_instance() {
        // RFC 5626 §6: instance and reg-id name the binding, whatever its URI is now. A binding of the same URI that
        // has no reg-id is the same phone before it knew of outbound.
        return same_flow(binding) || (!is_flow(binding) && same_uri(contact.uri, binding.uri));
    }
    // RFC 3261 §10.3 step 7: compared by the rules of §19.1.4. Only where no plain binding has this URI, a flow
    // with it is meant, so that a phone can go back to not using outbound.
    let plain = |(_, binding): &&(u32, Binding<'_>)| !is_flow(binding) && same_uri(contact.uri, binding.uri);
    same_uri(contact.uri, binding.uri) && (!is_flow(binding) || existing.iter().find(plain).is_none())
}

fn same_contact(one: &ContactUpdate<'_>, other: &ContactUpdate<'_>) -> bool {
    match (one.flow_of_instance(), other.flow_of_instance()) {
        (true, true) => one.reg_id == other.reg_id && one.instance.eq_ignore_ascii_case(other.instance),
        (false, false) => same_uri(one.uri, other.uri),
        (true, false) | (false, true) => false,
    }
}

fn is_flow(binding: &Binding<'_>) -> bool {
    binding.reg_id != 0 && !binding.instance.is_empty()
}

fn out_of_order(ask: &Register<'_>, binding: &Binding<'_>) -> bool {
    ask.call_id == binding.call_id && ask.cseq <= binding.cseq
}

/// True when this very request set the binding.
fn repeated(
    ask: &Register<'_>,
    contact: &ContactUpdate<'_>,
    granted_s: u32,
    binding: &Binding<'_>,
    stamp: Stamp,
) -> bool {
    let asked = Binding { updated_ms: binding.updated_ms, ..binding_of(ask, contact) };
    asked == *binding && stamp.expires_ms - stamp.updated_ms == u64::from(granted_s) * 1000
}

fn binding_of<'a>(ask: &Register<'a>, contact: &ContactUpdate<'a>) -> Binding<'a> {
    Binding {
        uri: contact.uri,
        q: contact.q.min(1000),
        expires_in_s: 0,
        path: Path::Listed(ask.path),
        flow: ask.flow,
        instance: contact.instance,
        reg_id: contact.reg_id,
        params: contact.params,
        call_id: ask.call_id,
        cseq: ask.cseq,
        updated_ms: 0,
        user_agent: ask.user_agent,
        source: ask.source,
    }
}

fn stamp(ask: &Register<'_>, granted_s: u32) -> Stamp {
    let expires_ms = ask.now_ms.saturating_add(u64::from(granted_s) * 1000);
    Stamp { expires_ms, updated_ms: ask.now_ms, cseq: ask.cseq }
}

/// RFC 3261 §19.1.4, after the comparison that nearly always decides.
fn same_uri(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (Uri::parse(one.as_bytes()), Uri::parse(other.as_bytes())) {
        (Ok(one), Ok(other)) => sip::uri::equal(&one, &other),
        _ => false,
    }
}

/// Instead of an interval: leave the binding as it is.
const KEEP: u32 = u32::MAX;
