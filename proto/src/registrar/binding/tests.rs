use super::*;

fn full<'a>() -> Binding<'a> {
    Binding {
        uri: "sip:alice@192.0.2.1:5060;transport=tcp",
        q: 700,
        expires_in_s: 3600,
        path: Path::Listed(&["<sip:edge-1.example.org;lr>", "<sip:edge-2.example.org;lr;ob>"]),
        flow: &[0, 255, 7],
        instance: "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>",
        reg_id: 300,
        params: ";audio;methods=\"INVITE,BYE\"",
        call_id: "843817637684230@998sdasdh09",
        cseq: 1826,
        updated_ms: 1_700_000_000_123,
        user_agent: "baresip v1.0.0",
        source: "udp:192.0.2.1:5060",
    }
}

#[test]
fn bindings_are_read_as_they_were_pushed() {
    let bare = Binding { uri: "tel:+33123456789", call_id: "x", ..Binding::default() };
    let bindings: Bindings = [full(), bare, full()].into_iter().collect();
    assert_eq!(bindings.len(), 3);
    assert_eq!(bindings.iter().collect::<Vec<_>>(), [full(), bare, full()]);
}

#[test]
fn a_kept_part_is_pushed_without_reading_it() {
    let mut kept = Vec::new();
    full().write_kept(&mut kept);
    let mut bindings = Bindings::with_capacity(Bindings::room(kept.len()));
    let room = bindings.octets.capacity();
    bindings.push_kept(3600, 1_700_000_000_123, 1826, &kept);
    assert_eq!(bindings.iter().next(), Some(full()));
    assert_eq!(bindings.octets.capacity(), room);
}

#[test]
fn lengths_of_all_sizes_survive() {
    for length in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
        let uri = "u".repeat(length);
        let path = [uri.as_str()];
        let binding = Binding { uri: &uri, path: Path::Listed(&path), ..Binding::default() };
        let bindings: Bindings = [binding].into_iter().collect();
        assert_eq!(bindings.iter().next(), Some(binding), "{length}");
    }
}

#[test]
fn octets_cut_anywhere_end_the_reading() {
    let mut kept = Vec::new();
    full().write_kept(&mut kept);
    for cut in 0..kept.len() {
        assert_eq!(Binding::read_kept(&mut &kept[..cut]), None, "{cut}");
    }
    assert_eq!(Binding::read_kept(&mut &[0xff; 64][..]), None);
}
