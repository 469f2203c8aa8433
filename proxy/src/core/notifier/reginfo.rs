//! `application/reginfo+xml` (RFC 3680 §5): where a user is registered. Always the full state; a contact that was told of
//! and is gone stands in the next document as terminated.

use std::fmt::Write;

use proto::{Binding, Bindings};

use super::xml::Escaped;

/// A contact that was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    id: String,
    uri: String,
    updated_ms: u64,
}

/// True when there is something to tell: contacts that came or went.
pub(super) fn is_new(bindings: &Bindings, before: Option<&[Told]>) -> bool {
    let Some(before) = before else { return true };
    let known = |binding: Binding<'_>| {
        let now = told(&binding);
        before.iter().any(|old| (&old.id, &old.uri) == (&now.id, &now.uri))
    };
    bindings.len() != before.len() || !bindings.iter().all(known)
}

/// Appends the document, and says what it tells of. `before` is what the last one told; nothing for the first.
pub(super) fn write(
    version: u32,
    aor: &str,
    bindings: &Bindings,
    before: Option<&[Told]>,
    out: &mut String,
) -> Vec<Told> {
    let now: Vec<(Told, Binding<'_>)> = bindings.iter().map(|binding| (told(&binding), binding)).collect();
    let gone = before.unwrap_or_default().iter().filter(|old| !now.iter().any(|(told, _)| told.id == old.id));
    let gone: Vec<&Told> = gone.collect();
    // RFC 3680 §4.7.1: `init` before anything was registered, `terminated` once it is no more.
    let state = match (now.is_empty(), gone.is_empty()) {
        (false, _) => "active",
        (true, true) => "init",
        (true, false) => "terminated",
    };
    // Writing into memory does not fail.
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" \
         version=\"{version}\" state=\"full\">\r\n<registration aor=\"{}\" id=\"r\" state=\"{state}\">\r\n",
        Escaped(aor)
    );
    for (told, binding) in &now {
        let known = before.unwrap_or_default().iter().find(|old| old.id == told.id);
        let event = match known {
            Some(old) if old.updated_ms != told.updated_ms => "refreshed",
            Some(_) | None => "registered",
        };
        write_contact(told, binding, event, out);
    }
    for old in gone {
        let _ = write!(
            out,
            "<contact id=\"{}\" state=\"terminated\" event=\"unregistered\"><uri>{}</uri></contact>\r\n",
            old.id,
            Escaped(&old.uri)
        );
    }
    out.push_str("</registration>\r\n</reginfo>\r\n");
    now.into_iter().map(|(told, _)| told).collect()
}

fn write_contact(told: &Told, binding: &Binding<'_>, event: &str, out: &mut String) {
    let _ = write!(
        out,
        "<contact id=\"{}\" state=\"active\" event=\"{event}\" expires=\"{}\"",
        told.id, binding.expires_in_s
    );
    if binding.q < 1000 {
        let _ = write!(out, " q=\"0.{:03}\"", binding.q);
    }
    let (call_id, cseq, uri) = (Escaped(binding.call_id), binding.cseq, Escaped(binding.uri));
    let _ = write!(out, " callid=\"{call_id}\" cseq=\"{cseq}\"><uri>{uri}</uri>");
    if !binding.instance.is_empty() {
        let instance = Escaped(binding.instance);
        let _ = write!(
            out,
            "<unknown-param name=\"+sip.instance\">&quot;&lt;{instance}&gt;&quot;</unknown-param>"
        );
    }
    out.push_str("</contact>\r\n");
}

/// A contact is named by its URI, or by instance and reg-id where it has them (RFC 5626 §6).
fn told(binding: &Binding<'_>) -> Told {
    let reg_id = binding.reg_id.to_string();
    let parts = match binding.reg_id {
        0 => [binding.uri, ""],
        _ => [binding.instance, reg_id.as_str()],
    };
    // FNV-1a: a name that stays the same, and nothing hangs on two being alike but the look of a list.
    let octets = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    Told { id: format!("c{hash:016x}"), uri: binding.uri.to_owned(), updated_ms: binding.updated_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_come_stay_and_go() {
        let binding = |uri, updated_ms| Binding {
            uri,
            updated_ms,
            q: 500,
            expires_in_s: 60,
            call_id: "a\"b",
            cseq: 7,
            ..Binding::default()
        };
        let write = |bindings: &[Binding<'_>], before: Option<&[Told]>| {
            let (mut out, bindings) = (String::new(), bindings.iter().copied().collect());
            let told = write(3, "sip:a@b", &bindings, before, &mut out);
            (out, told)
        };
        let (nothing, told) = write(&[], None);
        assert!(nothing.contains("version=\"3\" state=\"full\">") && told.is_empty(), "{nothing}");
        assert!(nothing.contains("<registration aor=\"sip:a@b\" id=\"r\" state=\"init\">"), "{nothing}");
        let (one, told) = write(&[binding("sip:a@1", 1)], Some(&told));
        assert!(
            one.contains("event=\"registered\" expires=\"60\" q=\"0.500\" callid=\"a&quot;b\" cseq=\"7\">")
        );
        let (two, told) = write(&[binding("sip:a@1", 2), binding("sip:a@2", 2)], Some(&told));
        assert!(two.contains("event=\"refreshed\"") && two.contains("event=\"registered\""), "{two}");
        let (none, _) = write(&[], Some(&told));
        assert!(none.contains("id=\"r\" state=\"terminated\"") && none.matches("unregistered").count() == 2);
    }
}
