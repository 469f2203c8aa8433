//! Events, session timers, transfers, reasons, bodies.

use super::*;

#[test]
fn an_event_is_matched_by_package_and_id() {
    check(
        Event::parse,
        Event::write,
        &[
            ("presence", "presence"),
            ("presence.winfo ; id=7;x", "presence.winfo;id=7;x"),
            ("", "!0"),
            ("a b", "!2"),
        ],
    );
    let event = |value| Event::parse(value).expect("it is well-formed");
    assert!(event(b"dialog;id=1;x").matches(&event(b"dialog;id=1")));
    assert!(!event(b"dialog;id=1").matches(&event(b"dialog")));
    assert!(!event(b"dialog").matches(&event(b"Dialog")));
    let state = SubscriptionState::parse(b"Terminated;reason=noresource;retry-after=5;expires=0")
        .expect("it is well-formed");
    assert!(state.is_terminated());
    assert_eq!(
        (state.reason(), state.retry_after(), state.expires()),
        (Some(&b"noresource"[..]), Some(5), Some(0))
    );
    check(
        SubscriptionState::parse,
        SubscriptionState::write,
        &[("active;expires=60", "active;expires=60"), (";x", "!0")],
    );
}

#[test]
fn a_session_timer_names_its_refresher() {
    check(
        SessionExpires::parse,
        SessionExpires::write,
        &[
            ("1800", "1800"),
            ("1800 ; refresher=UAC", "1800;refresher=UAC"),
            ("1800;refresher=me", "!4"),
            ("x", "!0"),
        ],
    );
    let refresher = |value| SessionExpires::parse(value).map(|timer| timer.refresher);
    assert_eq!(refresher(b"90;refresher=uas"), Ok(Some(Refresher::Uas)));
    assert_eq!(refresher(b"90;refresher=uac"), Ok(Some(Refresher::Uac)));
    assert_eq!(refresher(b"90"), Ok(None));
    assert_eq!(Refresher::Uas.as_str(), "uas");
    check(MinSe::parse, MinSe::write, &[("90", "90"), ("90;x=y", "90"), ("", "!0")]);
}

#[test]
fn a_dialog_to_be_replaced_has_both_tags_once() {
    check(
        Replaces::parse,
        Replaces::write,
        &[
            ("425928@bobster.org;to-tag=7743;from-tag=6472", "425928@bobster.org;to-tag=7743;from-tag=6472"),
            ("1@x ; from-tag=2\r\n ;to-tag=3;early-only", "1@x;from-tag=2;to-tag=3;early-only"),
            ("1@x;to-tag=3", "!3"),
            ("1@x;to-tag=3;to-tag=4;from-tag=5", "!3"),
            (";to-tag=3;from-tag=5", "!0"),
        ],
    );
    assert_eq!(Replaces::parse(b"1;to-tag=2;from-tag=3;EARLY-ONLY").map(|one| one.early_only), Ok(true));
    check(Join::parse, Join::write, &[("1@x;to-tag=2;from-tag=3", "1@x;to-tag=2;from-tag=3"), ("1@x", "!3")]);
    let target = ReferTo::parse(b"<sip:b@x.org;method=BYE?Replaces=1%40x%3Bto-tag%3D2%3Bfrom-tag%3D3>")
        .expect("it is well-formed");
    let value = target.replaces().expect("it has one");
    let dialog = Replaces::parse(&value).expect("it is well-formed");
    assert_eq!((dialog.call_id, dialog.to_tag, dialog.from_tag), (&b"1@x"[..], &b"2"[..], &b"3"[..]));
    assert_eq!(target.method(), Some(&b"BYE"[..]));
    check(ReferTo::parse, ReferTo::write, &[("sip:b@x.org", "<sip:b@x.org>"), ("sip:b@x.org?a=b", "!11")]);
}

#[test]
fn reasons_and_warnings_hold_a_code_and_words() {
    check(
        Reason::parse,
        Reason::write,
        &[
            ("Q.850 ;cause=16 ;text=\"Terminated\"", "Q.850;cause=16;text=\"Terminated\""),
            ("SIP", "SIP"),
            (";cause=1", "!0"),
        ],
    );
    let reason =
        Reason::parse(b"sip;cause=200;text=\"Call completed elsewhere\"").expect("it is well-formed");
    assert!(reason.is("SIP"));
    assert_eq!(
        (reason.cause(), reason.text().map(|words| text(words.raw))),
        (Some(200), Some("Call completed elsewhere"))
    );
    check(
        Warning::parse,
        Warning::write,
        &[
            (
                "307 isi.edu \"Session parameter 'foo' not understood\"",
                "307 isi.edu \"Session parameter 'foo' not understood\"",
            ),
            ("399 [::1]:5060  \"a\\\"b\"", "399 [::1]:5060 \"a\\\"b\""),
            ("1812 overture \"In Progress\"", "!0"),
            ("301 x y", "!6"),
            ("301 \"x\"", "!4"),
        ],
    );
    check(
        RetryAfter::parse,
        RetryAfter::write,
        &[
            ("18000;duration=3600", "18000;duration=3600"),
            ("120 (I'm in a (long) meeting\\))", "120 (I'm in a (long) meeting\\))"),
            ("5 (a\r\n b) ;x", "5 (a b);x"),
            ("5 (a", "!4"),
            ("soon", "!0"),
        ],
    );
    assert_eq!(RetryAfter::parse(b"1;duration=2").map(|wait| wait.duration()), Ok(Some(2)));
}

#[test]
fn a_media_type_is_compared_without_case() {
    check(
        ContentType::parse,
        ContentType::write,
        &[
            ("application/sdp", "application/sdp"),
            ("multipart/mixed ; boundary = \"a b\"", "multipart/mixed;boundary=\"a b\""),
            ("text / plain", "text/plain"),
            ("*/*;q=0.5", "*/*;q=0.5"),
            ("text", "!4"),
            ("text/", "!5"),
        ],
    );
    let kind = |value| ContentType::parse(value).expect("it is well-formed");
    assert!(kind(b"Application/SDP;x=y").is_sdp());
    assert!(kind(b"application/*").takes(&kind(b"application/sdp")));
    assert!(!kind(b"text/*").takes(&kind(b"application/sdp")));
    assert_eq!(
        kind(b"a/b;boundary=\"x\\y\"").boundary().map(|text| text.unescape().into_owned()),
        Some(b"xy".to_vec())
    );
}

#[test]
fn a_call_id_is_visible_and_whole() {
    check(
        CallId::parse,
        CallId::write,
        &[
            ("f81d4fae-7dec@foo.bar.com", "f81d4fae-7dec@foo.bar.com"),
            ("w{}[]<>:\\/\"?@x", "w{}[]<>:\\/\"?@x"),
            ("a b", "!2"),
            ("", "!0"),
            ("a\r\n b", "!4"),
        ],
    );
}
