//! RFC 3261 §10.3 as tables: each line is a REGISTER request, its answer, and what is bound afterwards.

use std::sync::Arc;

use proto::registrar::Changes;
use proto::{
    Action, Binding, ContactUpdate, Fault, ListBindings, Locate, Register, Registered, RemoveBindings,
};

use super::*;

const AOR: &str = "alice@example.org";
const START_MS: u64 = 1_700_000_000_000;

fn store(terms: Terms) -> Store {
    Store::new(terms, [1, 2, 3, 4], Arc::new(Changes::new(1, 16)))
}

/// One line of a table: seconds since the start, Call-ID, CSeq, contacts as `uri;expires=N;q=0.N;reg-id=N;instance=X`
/// separated by blanks (`*` for all, empty to fetch), the answer, and what is bound then as `uri=seconds`.
type Line = (u64, &'static str, u32, &'static str, &'static str, &'static str);

fn check(terms: Terms, lines: &[Line]) {
    let store = store(terms);
    for line in lines {
        let (at_s, call_id, cseq, contacts, answer, bound) = *line;
        let now_ms = START_MS + at_s * 1000;
        assert_eq!(word(&register(&store, now_ms, call_id, cseq, contacts)), answer, "{line:?}");
        let located = store.locate(&Locate { now_ms, aor: AOR, past_copy: false });
        let told: Vec<_> =
            located.iter().map(|binding| format!("{}={}", binding.uri, binding.expires_in_s)).collect();
        assert_eq!(told.join(" "), bound, "{line:?}");
    }
}

fn register(store: &Store, now_ms: u64, call_id: &str, cseq: u32, contacts: &str) -> Registered {
    let updates: Vec<_> =
        contacts.split_whitespace().filter(|contact| *contact != "*").map(contact).collect();
    let wildcards = contacts.split_whitespace().filter(|contact| *contact == "*").count();
    let action = match Action::of(&updates, wildcards, Some(0)) {
        Ok(action) => action,
        Err(fault) => return Registered::Malformed(fault),
    };
    store.register(&Register { now_ms, action, call_id, cseq, ..REQUEST })
}

const REQUEST: Register<'_> = Register {
    now_ms: START_MS,
    aor: AOR,
    call_id: "c",
    cseq: 1,
    action: Action::Fetch,
    path: &[],
    flow: b"flow",
    user_agent: "",
    source: "udp:192.0.2.1:5060",
};

fn contact(text: &str) -> ContactUpdate<'_> {
    let (uri, params) = text.split_once(';').unwrap_or((text, ""));
    let mut update = ContactUpdate { uri, q: 1000, ..ContactUpdate::default() };
    for (name, value) in params.split(';').filter_map(|param| param.split_once('=')) {
        match name {
            "expires" => update.expires = Some(value.parse().unwrap()),
            "q" => update.q = value.parse().unwrap(),
            "reg-id" => update.reg_id = value.parse().unwrap(),
            "instance" => update.instance = value,
            other => panic!("{other}"),
        }
    }
    update
}

fn word(registered: &Registered) -> &'static str {
    match registered {
        Registered::Accepted { .. } => "200",
        Registered::IntervalTooBrief { .. } => "423",
        Registered::OutOfOrder => "out-of-order",
        Registered::Malformed(_) => "400",
        Registered::TooManyContacts { .. } => "too-many",
        Registered::Full => "full",
    }
}

#[test]
fn a_binding_lasts_for_what_was_granted() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "", "200", ""),
            (0, "c", 2, "sip:a@h1", "200", "sip:a@h1=3600"),
            (10, "c", 3, "", "200", "sip:a@h1=3590"),
            (10, "c", 4, "sip:a@h1;expires=600", "200", "sip:a@h1=600"),
            (609, "c", 5, "", "200", "sip:a@h1=1"),
            (610, "c", 6, "", "200", ""),
            (610, "c", 7, "sip:a@h1;expires=4294967295", "200", "sip:a@h1=7200"),
            (611, "c", 8, "sip:a@h1;expires=0", "200", ""),
        ],
    );
}

#[test]
fn an_interval_below_the_minimum_is_refused_and_changes_nothing() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:a@h1;expires=60", "200", "sip:a@h1=60"),
            (1, "c", 2, "sip:a@h1;expires=59", "423", "sip:a@h1=59"),
            (1, "c", 3, "sip:b@h1;expires=600 sip:a@h1;expires=1", "423", "sip:a@h1=59"),
            (1, "c", 4, "sip:b@h1;expires=1 sip:a@h1;expires=0", "423", "sip:a@h1=59"),
            // Zero is not brief, it removes.
            (1, "c", 5, "sip:a@h1;expires=0", "200", ""),
        ],
    );
}

#[test]
fn a_request_is_in_order_by_call_id_and_cseq() {
    check(
        Terms::default(),
        &[
            (0, "c", 5, "sip:a@h1;expires=100", "200", "sip:a@h1=100"),
            (1, "c", 4, "sip:a@h1;expires=200", "out-of-order", "sip:a@h1=99"),
            (1, "c", 5, "sip:a@h1;expires=200", "out-of-order", "sip:a@h1=99"),
            (1, "c", 4, "sip:a@h1;expires=0", "out-of-order", "sip:a@h1=99"),
            (1, "c", 5, "*", "out-of-order", "sip:a@h1=99"),
            (1, "c", 6, "sip:a@h1;expires=200", "200", "sip:a@h1=200"),
            // The phone restarted: another Call-ID counts from wherever it likes.
            (2, "d", 1, "sip:a@h1;expires=300", "200", "sip:a@h1=300"),
            // The order of the old Call-ID is forgotten with its binding.
            (3, "c", 1, "sip:a@h1;expires=400", "200", "sip:a@h1=400"),
            // A contact that is not bound has no order; a fetch never has.
            (3, "c", 1, "sip:b@h1;expires=400;q=500", "200", "sip:a@h1=400 sip:b@h1=400"),
            (3, "c", 1, "", "200", "sip:a@h1=400 sip:b@h1=400"),
        ],
    );
}

#[test]
fn a_request_that_comes_twice_is_answered_as_before() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:a@h1;expires=100", "200", "sip:a@h1=100"),
            (5, "c", 1, "sip:a@h1;expires=100", "200", "sip:a@h1=95"),
            (5, "c", 1, "sip:a@h1;expires=100;q=500", "out-of-order", "sip:a@h1=95"),
            (6, "c", 2, "sip:a@h1;expires=0", "200", ""),
            (7, "c", 2, "sip:a@h1;expires=0", "200", ""),
            (8, "c", 3, "*", "200", ""),
            (8, "c", 3, "*", "200", ""),
        ],
    );
}

#[test]
fn several_contacts_are_bound_together_or_not_at_all() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:a@h1;q=300 sip:b@h1;q=900", "200", "sip:b@h1=3600 sip:a@h1=3600"),
            (0, "d", 7, "sip:c@h1;q=100", "200", "sip:b@h1=3600 sip:a@h1=3600 sip:c@h1=3600"),
            // The first would be new, the last is out of order.
            (
                0,
                "d",
                7,
                "sip:x@h1 sip:c@h1;q=200",
                "out-of-order",
                "sip:b@h1=3600 sip:a@h1=3600 sip:c@h1=3600",
            ),
            (0, "e", 1, "sip:b@h1;expires=0 sip:a@h1;q=50", "200", "sip:c@h1=3600 sip:a@h1=3600"),
            // Said twice in one request: the last counts.
            (0, "e", 2, "sip:a@h1;expires=100 sip:a@h1;expires=200", "200", "sip:a@h1=200 sip:c@h1=3600"),
            (0, "e", 3, "sip:z@h1 sip:z@h1;expires=0", "200", "sip:a@h1=200 sip:c@h1=3600"),
        ],
    );
}

#[test]
fn a_wildcard_stands_alone_and_removes_everything() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:a@h1 sip:b@h1", "200", "sip:a@h1=3600 sip:b@h1=3600"),
            (0, "c", 2, "* sip:a@h1", "400", "sip:a@h1=3600 sip:b@h1=3600"),
            (0, "c", 1, "*", "out-of-order", "sip:a@h1=3600 sip:b@h1=3600"),
            (0, "d", 1, "*", "200", ""),
        ],
    );
    let uri = [contact("sip:a@h1")];
    for (contacts, wildcards, expires, fault) in [
        (&[][..], 1, Some(3600), Fault::WildcardExpires),
        (&[], 1, None, Fault::WildcardExpires),
        (&[], 2, Some(0), Fault::WildcardNotAlone),
        (&uri, 1, Some(0), Fault::WildcardNotAlone),
    ] {
        assert_eq!(Action::of(contacts, wildcards, expires), Err(fault), "{wildcards} {expires:?}");
    }
}

#[test]
fn contacts_are_compared_as_uris_not_as_texts() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:%61lice@Host.Example.org:5060", "200", "sip:%61lice@Host.Example.org:5060=3600"),
            (
                0,
                "c",
                2,
                "sip:alice@host.example.org:5060;expires=100",
                "200",
                "sip:alice@host.example.org:5060=100",
            ),
            // No port is not 5060, and the user part has case (RFC 3261 §19.1.4).
            (0, "c", 3, "sip:alice@host.example.org;expires=0", "200", "sip:alice@host.example.org:5060=100"),
            (
                0,
                "c",
                4,
                "sip:Alice@host.example.org:5060;expires=0",
                "200",
                "sip:alice@host.example.org:5060=100",
            ),
            (0, "c", 5, "sip:alice@host.example.org:5060;expires=0", "200", ""),
            (0, "c", 6, "nonsense", "400", ""),
        ],
    );
}

#[test]
fn an_instance_with_a_reg_id_replaces_whatever_its_uri_is() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:a@h1;reg-id=1;instance=i", "200", "sip:a@h1=3600"),
            (1, "d", 1, "sip:a@h2;reg-id=1;instance=I", "200", "sip:a@h2=3600"),
            (2, "d", 2, "sip:a@h2;reg-id=2;instance=i;q=500", "200", "sip:a@h2=3599 sip:a@h2=3600"),
            (
                2,
                "d",
                2,
                "sip:a@h2;reg-id=1;instance=j;q=400",
                "200",
                "sip:a@h2=3599 sip:a@h2=3600 sip:a@h2=3600",
            ),
            (3, "d", 3, "sip:x@h9;reg-id=2;instance=i;expires=0", "200", "sip:a@h2=3598 sip:a@h2=3599"),
            (
                3,
                "d",
                4,
                "sip:p@h1;reg-id=1;instance=k sip:q@h1;reg-id=2;instance=k",
                "400",
                "sip:a@h2=3598 sip:a@h2=3599",
            ),
            (3, "d", 1, "sip:a@h3;reg-id=1;instance=i", "out-of-order", "sip:a@h2=3598 sip:a@h2=3599"),
        ],
    );
}

#[test]
fn a_phone_that_learns_or_forgets_outbound_leaves_no_double() {
    check(
        Terms::default(),
        &[
            (0, "c", 1, "sip:a@h1;instance=i", "200", "sip:a@h1=3600"),
            (1, "d", 1, "sip:a@h1;instance=i;reg-id=1", "200", "sip:a@h1=3600"),
            (2, "e", 1, "sip:a@h1;instance=i", "200", "sip:a@h1=3600"),
            (3, "f", 1, "sip:a@h1;expires=0", "200", ""),
            // Without instance a reg-id means nothing (RFC 5626 §6).
            (3, "f", 2, "sip:a@h1;reg-id=1", "200", "sip:a@h1=3600"),
            (3, "f", 3, "sip:b@h1;reg-id=1", "200", "sip:a@h1=3600 sip:b@h1=3600"),
        ],
    );
}

#[test]
fn an_address_of_record_has_so_many_contacts_and_no_more() {
    check(
        Terms { contacts_max: 2, ..Terms::default() },
        &[
            (0, "c", 1, "sip:a@h1 sip:b@h1 sip:c@h1", "too-many", ""),
            (0, "c", 1, "sip:a@h1;expires=60 sip:b@h1", "200", "sip:a@h1=60 sip:b@h1=3600"),
            (1, "c", 2, "sip:c@h1", "too-many", "sip:a@h1=59 sip:b@h1=3599"),
            (1, "c", 3, "sip:a@h1;expires=0 sip:c@h1", "200", "sip:c@h1=3600 sip:b@h1=3599"),
            (1, "c", 4, "sip:c@h1;expires=60", "200", "sip:c@h1=60 sip:b@h1=3599"),
            // One that has expired takes no room.
            (61, "c", 5, "sip:d@h1", "200", "sip:d@h1=3600 sip:b@h1=3539"),
        ],
    );
}

#[test]
fn the_store_holds_so_many_bindings_and_no_more() {
    let store = store(Terms { bindings_max: 2, ..Terms::default() });
    let ask = |aor: &'static str, cseq, uri| {
        let contacts = [contact(uri)];
        store.register(&Register { aor, cseq, action: Action::Update(&contacts), ..REQUEST })
    };
    assert_eq!(word(&ask("a@x", 1, "sip:a@h1")), "200");
    assert_eq!(word(&ask("b@x", 1, "sip:b@h1;expires=60")), "200");
    assert_eq!(word(&ask("c@x", 1, "sip:c@h1")), "full");
    assert_eq!(word(&ask("b@x", 2, "sip:b@h2")), "full");
    assert_eq!(word(&ask("b@x", 3, "sip:b@h1;expires=0")), "200");
    assert_eq!(word(&ask("c@x", 2, "sip:c@h1;expires=60")), "200");
    assert_eq!(word(&ask("b@x", 4, "sip:b@h1")), "full");
    for _ in 0..Store::STEPS {
        store.expire_some(START_MS + 60_000);
    }
    assert_eq!(word(&ask("b@x", 5, "sip:b@h1")), "200");
    let counters = store.counters();
    assert_eq!((counters.bindings, counters.bindings_full, counters.expired), (2, 3, 1));
    assert_eq!(store.kept(), 2);
}

#[test]
fn a_contact_that_is_too_long_is_refused() {
    let long = "sip:a@x".to_owned() + &"x".repeat(5000);
    let contacts = [ContactUpdate { uri: &long, ..ContactUpdate::default() }];
    let empty = [ContactUpdate::default()];
    let store = store(Terms::default());
    for (contacts, fault) in [(&contacts, Fault::TooLong), (&empty, Fault::ContactUri)] {
        let refused = store.register(&Register { action: Action::Update(contacts), ..REQUEST });
        assert_eq!(refused, Registered::Malformed(fault));
    }
    let refused = store.register(&Register { aor: &"x".repeat(70_000), ..REQUEST });
    assert_eq!(refused, Registered::Malformed(Fault::TooLong));
}

#[test]
fn everything_that_was_said_of_a_contact_is_told_again() {
    let store = store(Terms::default());
    let contacts = [ContactUpdate {
        uri: "sip:a@192.0.2.1:5061;transport=tcp",
        expires: Some(120),
        q: 250,
        instance: "<urn:uuid:1>",
        reg_id: 3,
        params: ";audio",
    }];
    let path = ["<sip:edge-1.example.org;lr>", "<sip:edge-2.example.org;lr>"];
    let action = Action::Update(&contacts);
    let answer = store.register(&Register { path: &path, action, user_agent: "phone 1.0", ..REQUEST });
    let expected = Binding {
        uri: "sip:a@192.0.2.1:5061;transport=tcp",
        q: 250,
        expires_in_s: 120,
        path: path[..].into(),
        flow: b"flow",
        instance: "<urn:uuid:1>",
        reg_id: 3,
        params: ";audio",
        call_id: "c",
        cseq: 1,
        updated_ms: START_MS,
        user_agent: "phone 1.0",
        source: "udp:192.0.2.1:5060",
    };
    let Registered::Accepted { bindings } = answer else { panic!("{answer:?}") };
    assert_eq!(bindings.iter().collect::<Vec<_>>(), [expected]);
}

#[test]
fn only_what_requests_are_sent_to_is_a_change() {
    let store = store(Terms::default());
    for (at_s, cseq, contacts, number) in [
        (0, 1, "sip:a@h1", 1),
        (1, 2, "sip:a@h1", 1),
        (2, 3, "", 1),
        (3, 4, "sip:a@h1;q=500", 2),
        (4, 4, "sip:a@h1;expires=1", 2),
        (5, 5, "sip:a@h1;expires=0", 3),
        (6, 6, "sip:a@h1;expires=0", 3),
    ] {
        register(&store, START_MS + at_s * 1000, "c", cseq, contacts);
        let located = store.locate(&Locate { now_ms: START_MS, aor: AOR, past_copy: false });
        assert_eq!((store.changes().number(), located.as_of()), (number, number), "{contacts}");
    }
}

#[test]
fn nothing_is_left_when_everything_has_expired() {
    let store = store(Terms::default());
    let uris: Vec<String> = (0..5000).map(|n| format!("sip:{n}@h1;expires={}", 60 + n % 3000)).collect();
    for (n, uri) in uris.iter().enumerate() {
        let contacts = [contact(uri)];
        let aor = format!("{}@example.org", n / 2);
        let ask = Register { aor: &aor, action: Action::Update(&contacts), ..REQUEST };
        assert_eq!(word(&store.register(&ask)), "200");
    }
    let mut before = store.counters().bindings;
    assert_eq!((before, store.kept()), (5000, 5000));
    for now_s in (0..3200).step_by(100) {
        for _ in 0..Store::STEPS {
            store.expire_some(START_MS + now_s * 1000);
        }
        let bindings = store.counters().bindings;
        let alive = (0..5000).filter(|n| 60 + n % 3000 > now_s).count();
        assert_eq!(bindings, alive, "{now_s}");
        assert!(bindings <= before);
        before = bindings;
    }
    assert_eq!(store.kept(), 0);
}

#[test]
fn a_list_is_told_in_pages() {
    let store = store(Terms::default());
    for n in 0..100 {
        let aor = format!("{n:02}@example.org");
        let contacts = [contact("sip:a@h1")];
        let _ = store.register(&Register { aor: &aor, action: Action::Update(&contacts), ..REQUEST });
    }
    for (prefix, page_max, count) in [("", 7, 100), ("", 1000, 100), ("1", 3, 10), ("x", 3, 0)] {
        let mut aors = Vec::new();
        let mut from = Some(0);
        while let Some(start) = from {
            let page = store.list(&ListBindings { now_ms: START_MS, prefix, page_max, from: start });
            assert!(page.listed.len() <= page_max);
            aors.extend(page.listed.into_iter().map(|listed| listed.aor));
            from = page.next;
        }
        aors.sort();
        aors.dedup();
        assert_eq!(aors.len(), count, "{prefix} {page_max}");
    }
}

#[test]
fn a_tool_removes_a_contact_or_all() {
    let store = store(Terms::default());
    register(&store, START_MS, "c", 1, "sip:a@h1 sip:b@h1 sip:c@h1");
    assert_eq!(store.remove(&RemoveBindings { aor: AOR, uri: Some("sip:b@h1") }), 1);
    assert_eq!(store.remove(&RemoveBindings { aor: AOR, uri: Some("sip:b@h1") }), 0);
    assert_eq!(store.remove(&RemoveBindings { aor: AOR, uri: None }), 2);
    assert_eq!((store.kept(), store.counters().bindings, store.changes().number()), (0, 0, 3));
}
