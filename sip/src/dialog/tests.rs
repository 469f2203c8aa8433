//! Dialogs of both ends, made from the messages of RFC 3261 §12 and §16.12.1 and carried on.

use super::*;
use crate::message::Limits;

fn message(text: &str) -> Message<'_> {
    Message::parse(text.as_bytes(), &Limits::default()).expect("a message")
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).expect("text")
}

/// An INVITE as the called end gets it; `lines` more, such as Record-Route.
fn invite(lines: &str) -> String {
    format!(
        "INVITE sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
         From: Alice <sip:alice@atlanta.example>;tag=a1\r\nTo: \"Bob; B.\" <sip:bob@biloxi.example>\r\nCall-ID: c@a\r\n\
         CSeq: 314 INVITE\r\nContact: <sip:alice@pc33.atlanta.example;transport=tcp>\r\n{lines}\r\n"
    )
}

fn response(status: u16, tag: &str, lines: &str) -> String {
    format!(
        "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\nFrom: Alice <sip:alice@atlanta.example>;tag=a1\r\n\
         To: \"Bob; B.\" <sip:bob@biloxi.example>{tag}\r\nCall-ID: c@a\r\nCSeq: 314 INVITE\r\n{lines}\r\n"
    )
}

fn uac(status: u16, lines: &str) -> Dialog {
    Dialog::uac(&message(&invite("")), &message(&response(status, ";tag=b1", lines)), false)
        .expect("a dialog")
}

/// The lines of the next request that matter here.
fn written(dialog: &mut Dialog, method: Method<'_>) -> String {
    let mut out = Vec::new();
    dialog.request(method, &Outgoing::new(b"SIP/2.0/UDP us;branch=z9hG4bK2"), &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn the_called_end_takes_routes_as_they_come_and_the_callers_contact() {
    let request = invite("Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: <sip:p0;lr;x=y>\r\n");
    let mut dialog = Dialog::uas(&message(&request), b"b1", Status::of(180), false).expect("a dialog");
    assert_eq!(
        (dialog.state(), dialog.local_number(), dialog.remote_number()),
        (State::Early, None, Some(314))
    );
    assert_eq!(
        dialog.route_set().map(text).collect::<Vec<_>>(),
        ["<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr;x=y>"]
    );
    assert_eq!(text(dialog.next_hop()), "sip:p2;lr");
    dialog.confirm_sent();
    assert_eq!(dialog.state(), State::Confirmed);
    assert_eq!(
        written(&mut dialog, Method::Bye),
        "BYE sip:alice@pc33.atlanta.example;transport=tcp SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK2\r\n\
         Max-Forwards: 70\r\nRoute: <sip:p2;lr>\r\nRoute: <sip:p1;lr>\r\nRoute: <sip:p0;lr;x=y>\r\n\
         From: \"Bob; B.\" <sip:bob@biloxi.example>;tag=b1\r\nTo: Alice <sip:alice@atlanta.example>;tag=a1\r\n\
         Call-ID: c@a\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn the_calling_end_takes_routes_backwards_and_counts_on_from_its_invite() {
    let lines = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContact: <sip:bob@192.0.2.4>\r\n";
    let mut dialog = uac(200, lines);
    assert_eq!(
        (dialog.state(), dialog.local_number(), dialog.remote_number()),
        (State::Confirmed, Some(314), None)
    );
    let mut out = Vec::new();
    let outgoing = Outgoing {
        headers: &[("Authorization", b"Digest x=1")],
        contact: Some(b"<sip:alice@us>"),
        ..Outgoing::new(b"SIP/2.0/UDP us;branch=z9hG4bK2")
    };
    dialog.acknowledge(314, &outgoing, &mut out);
    assert_eq!(
        text(&out),
        "ACK sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK2\r\nMax-Forwards: 70\r\n\
         Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nFrom: Alice <sip:alice@atlanta.example>;tag=a1\r\n\
         To: \"Bob; B.\" <sip:bob@biloxi.example>;tag=b1\r\nCall-ID: c@a\r\nCSeq: 314 ACK\r\n\
         Contact: <sip:alice@us>\r\nAuthorization: Digest x=1\r\nContent-Length: 0\r\n\r\n"
    );
    assert!(written(&mut dialog, Method::Info).contains("\r\nCSeq: 315 INFO\r\n"));
    dialog.skip_numbers(100);
    assert!(written(&mut dialog, Method::Bye).contains("\r\nCSeq: 416 BYE\r\n"));
}

/// RFC 3261 §12.2.1.1 and the example of §16.12.1.2: route sets, and what the request says.
#[test]
fn routes_are_loose_or_strict() {
    for (routes, uri, route_lines, hop) in [
        ("", "sip:bob@192.0.2.4", &[][..], "sip:bob@192.0.2.4"),
        ("<sip:p1;lr>", "sip:bob@192.0.2.4", &["<sip:p1;lr>"], "sip:p1;lr"),
        ("<sip:p1;lr=on>", "sip:bob@192.0.2.4", &["<sip:p1;lr=on>"], "sip:p1;lr=on"),
        ("<sip:p1>", "sip:p1", &["<sip:bob@192.0.2.4>"], "sip:p1"),
        ("<sip:p2;lr>, <sip:p1>", "sip:p1", &["<sip:p2;lr>", "<sip:bob@192.0.2.4>"], "sip:p1"),
        ("<sip:p2>, <sip:p1;lr>", "sip:bob@192.0.2.4", &["<sip:p1;lr>", "<sip:p2>"], "sip:p1;lr"),
        (
            "<sip:p1;method=INVITE;x=y?Subject=s>",
            "sip:p1;x=y",
            &["<sip:bob@192.0.2.4>"],
            "sip:p1;method=INVITE;x=y?Subject=s",
        ),
    ] {
        let record = if routes.is_empty() { String::new() } else { format!("Record-Route: {routes}\r\n") };
        let mut dialog = uac(200, &format!("Contact: Bob <sip:bob@192.0.2.4>;q=1\r\n{record}"));
        let request = written(&mut dialog, Method::Bye);
        let request = message(&request);
        assert_eq!(text(request.request_uri().expect("a request")), uri, "{routes}");
        assert_eq!(request.lines(Name::Route).map(text).collect::<Vec<_>>(), route_lines, "{routes}");
        assert_eq!(text(dialog.next_hop()), hop, "{routes}");
    }
}

#[test]
fn a_2xx_confirms_an_early_dialog_with_its_own_routes_and_contact() {
    let mut dialog = uac(180, "Record-Route: <sip:p1;lr>\r\n");
    assert_eq!((dialog.state(), text(dialog.remote_target())), (State::Early, "sip:bob@192.0.2.4"));
    let lines = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContact: <sip:bob@198.51.100.1>\r\n";
    dialog.confirm(&message(&response(200, ";tag=b1", lines))).expect("readable");
    assert_eq!((dialog.state(), text(dialog.remote_target())), (State::Confirmed, "sip:bob@198.51.100.1"));
    assert_eq!(dialog.route_set().map(text).collect::<Vec<_>>(), ["<sip:p1;lr>", "<sip:p2;lr>"]);
}

#[test]
fn forks_are_told_apart_by_their_tags_from_both_ends() {
    let answers = ["b1", "b2"].map(|tag| response(183, &format!(";tag={tag}"), "Contact: <sip:b@b>\r\n"));
    let dialogs = answers
        .each_ref()
        .map(|answer| Dialog::uac(&message(&invite("")), &message(answer), false).expect("a dialog"));
    assert_ne!(dialogs[0].id(), dialogs[1].id());
    assert_eq!(DialogId::of(&message(&answers[1])).as_ref(), Ok(dialogs[1].id()));
    // The called end sees the same dialog with the tags turned round.
    let called = Dialog::uas(&message(&invite("")), b"b1", Status::of(183), false).expect("a dialog");
    let bye = {
        let mut caller = dialogs[0].clone();
        written(&mut caller, Method::Bye)
    };
    assert_eq!(DialogId::of(&message(&bye)).as_ref(), Ok(called.id()));
    assert_eq!(called.id().local_tag, dialogs[0].id().remote_tag);
}

#[test]
fn requests_that_are_older_than_one_before_are_out_of_order() {
    let request = |number: u32, method: &str| {
        format!(
            "{method} sip:b@b SIP/2.0\r\nFrom: <sip:a@a>;tag=a1\r\nTo: <sip:b@b>;tag=b1\r\nCall-ID: c@a\r\n\
             CSeq: {number} {method}\r\n\r\n"
        )
    };
    let mut called = Dialog::uas(&message(&invite("")), b"b1", Status::of(200), false).expect("a dialog");
    let mut caller = uac(200, "Contact: <sip:b@b>\r\n");
    for (number, method, at_called, at_caller) in [
        (314, "ACK", true, true),
        (316, "INFO", true, true),
        (315, "BYE", false, false),
        (314, "ACK", true, true),
        (900, "BYE", true, true),
    ] {
        let text = request(number, method);
        assert_eq!(called.receive(&message(&text)).is_ok(), at_called, "{number} {method}");
        assert_eq!(caller.receive(&message(&text)).is_ok(), at_caller, "{number} {method}");
    }
    assert_eq!((called.remote_number(), caller.remote_number()), (Some(900), Some(900)));
    // Any number may be the first.
    let mut caller = uac(200, "Contact: <sip:b@b>\r\n");
    assert_eq!(caller.receive(&message(&request(0, "BYE"))), Ok(()));
}

#[test]
fn a_contact_moves_the_target_and_its_absence_does_not() {
    let mut dialog = uac(200, "Contact: <sip:bob@192.0.2.4>\r\n");
    dialog.refresh_target(&message(&response(200, ";tag=b1", ""))).expect("readable");
    assert_eq!(text(dialog.remote_target()), "sip:bob@192.0.2.4");
    dialog.refresh_target(&message(&invite(""))).expect("readable");
    assert_eq!(text(dialog.remote_target()), "sip:alice@pc33.atlanta.example;transport=tcp");
    assert!(dialog.refresh_target(&message(&response(200, ";tag=b1", "Contact: *\r\n"))).is_err());
    let refreshing =
        [Method::Invite, Method::Update, Method::Subscribe, Method::Notify, Method::Bye, Method::Info];
    assert_eq!(refreshing.map(is_target_refresh), [true, true, true, true, false, false]);
}

#[test]
fn an_rfc_2543_peer_without_a_tag_is_written_without_one() {
    let mut dialog = Dialog::uac(
        &message(&invite("")),
        &message(&response(200, "", "Contact: <sip:bob@192.0.2.4>\r\n")),
        false,
    )
    .expect("a dialog");
    assert!(written(&mut dialog, Method::Bye).contains("\r\nTo: \"Bob; B.\" <sip:bob@biloxi.example>\r\n"));
}

#[test]
fn only_a_sips_uri_over_tls_makes_a_dialog_secure() {
    for (uri, over_tls, secure) in
        [("sips:bob@b", true, true), ("sips:bob@b", false, false), ("sip:bob@b", true, false)]
    {
        let request = invite("").replacen("sip:bob@192.0.2.4", uri, 1);
        let called = Dialog::uas(&message(&request), b"b1", Status::of(200), over_tls).expect("a dialog");
        let answer = response(200, ";tag=b1", "Contact: <sips:b@b>\r\n");
        let caller = Dialog::uac(&message(&request), &message(&answer), over_tls).expect("a dialog");
        assert_eq!((called.is_secure(), caller.is_secure()), (secure, secure), "{uri} {over_tls}");
    }
}
