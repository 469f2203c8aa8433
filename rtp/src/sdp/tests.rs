use std::fmt::Write as _;

use super::edit::Place;
use super::*;

fn limits() -> Limits {
    Limits::default()
}

fn parsed(text: &str) -> Sdp<'_> {
    Sdp::parse(text.as_bytes(), &limits()).unwrap_or_else(|wrong| panic!("{wrong} in {text}"))
}

fn edited(text: &str, change: impl for<'s> FnOnce(Edit<'s, '_>) -> Edit<'s, 's>) -> String {
    let sdp = parsed(text);
    let mut out = Vec::new();
    outlive(&sdp, change).write(&mut out);
    String::from_utf8(out).expect("text")
}

fn outlive<'s>(sdp: &'s Sdp<'s>, change: impl FnOnce(Edit<'s, 's>) -> Edit<'s, 's>) -> Edit<'s, 's> {
    change(Edit::new(sdp))
}

/// RFC 8866 §5.
const SEMINAR: &str = "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\n\
    i=SDP Offer #1\r\nu=http://www.jdoe.example.com/home.html\r\ne=Jane Doe <jane@jdoe.example.com>\r\n\
    p=+1 617 555-6011\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\nm=audio 49180 RTP/AVP 0\r\n\
    m=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::2\r\na=rtpmap:99 h263-1998/90000\r\n";

/// A phone's own, with what this crate does not know.
const PHONE: &str = "v=0\r\no=- 20518 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nb=AS:84\r\nt=0 0\r\na=X-nat:0\r\n\
    m=audio 5004 RTP/AVP 9 8 96 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 useinbandfec=1; stereo=0\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
    a=maxptime:150\r\na=ice-ufrag:F7gI\r\na=candidate:1 1 UDP 2130706431 10.0.0.7 5004 typ host\r\n\
    a=rtcp:5005 IN IP4 10.0.0.7\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=mid:a\r\na=sendrecv\r\n\
    a=rtcp-mux\r\n";

#[test]
fn the_example_of_the_standard_is_read_as_it_means() {
    let sdp = parsed(SEMINAR);
    let origin = sdp.origin();
    assert_eq!((origin.user, origin.session_id, origin.version), ("jdoe", "3724394400", "3724394405"));
    assert_eq!(sdp.line(b's'), Some(&b"Call to John Smith"[..]));
    let streams: Vec<String> = sdp
        .media()
        .map(|media| {
            let (address, port) = media.destination().expect("it has one");
            let codecs: Vec<String> = media.codecs().map(|codec| codec.to_string()).collect();
            let (kind, proto) = (media.kind().as_str(), media.proto());
            format!("{kind} {address} {port} {proto} {}", codecs.join(", "))
        })
        .collect();
    assert_eq!(
        streams,
        [
            "audio 198.51.100.1 49170 RTP/AVP 0 PCMU/8000",
            "audio 198.51.100.1 49180 RTP/AVP 0 PCMU/8000",
            "video 2001:db8::2 51372 RTP/AVP 99 h263-1998/90000",
        ]
    );
}

#[test]
fn a_phones_attributes_are_read() {
    let sdp = parsed(PHONE);
    let media = sdp.stream(0).expect("a stream");
    assert_eq!((media.ptime(), media.maxptime(), media.mid()), (Some(20), Some(150), Some("a")));
    assert_eq!(media.fmtp(96), Some("useinbandfec=1; stereo=0"));
    assert_eq!(media.telephone_event(8_000), Some(101));
    assert_eq!(media.telephone_event(48_000), None);
    assert!(media.has_rtcp_mux() && media.has_ice());
    assert_eq!(media.rtcp_destination(), media.destination(), "one port for both");
    assert_eq!(media.cryptos().collect::<Vec<_>>(), ["1 AES_CM_128_HMAC_SHA1_80 inline:abc"]);
    assert_eq!(media.rtpmap(96).map(|map| (map.rate, map.channels)), Some((48_000, 2)));
    assert_eq!(media.rtpmap(8).map(|map| map.encoding), Some("PCMA"));
    assert_eq!(media.rtpmap(97), None);
}

#[test]
fn a_description_without_changes_is_its_octets() {
    for text in [SEMINAR, PHONE] {
        assert_eq!(edited(text, |edit| edit), text);
    }
}

/// What phones write, and what we take it for.
#[test]
fn what_phones_write_is_taken() {
    let origin = "v=0\no=- 1 1 IN IP4 192.0.2.1\n";
    let table = [
        ("lines with LF alone, no s= and no t=", "c=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\n"),
        ("no line's end at the end", "c=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0"),
        ("zeros and empty lines at the end", "c=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\r\n\r\n\0\0"),
        ("b= before c=", "b=AS:64\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\n"),
        ("several spaces", "c=IN  IP4  192.0.2.9 \nm=audio  4000  RTP/AVP  0 \n"),
        ("lower case", "c=in ip4 192.0.2.9\nm=AUDIO 4000 rtp/avp 0\n"),
        ("a time to live", "c=IN IP4 192.0.2.9/127\nm=audio 4000/1 RTP/AVP 0\n"),
        (
            "a rejected stream without formats",
            "c=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP\n",
        ),
        ("an rtpmap that is none", "c=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\na=rtpmap:zero\n"),
    ];
    for (what, rest) in table {
        let text = format!("{origin}{rest}");
        let sdp = parsed(&text);
        let media = sdp.stream(0).expect("a stream");
        let (address, port) = media.destination().expect("a place");
        assert_eq!(format!("{address} {port}"), "192.0.2.9 4000", "{what}");
        assert_eq!(media.kind(), Kind::Audio, "{what}");
        assert_eq!(media.proto(), Proto::RtpAvp, "{what}");
        assert_eq!(media.codecs().next().map(|map| map.encoding), Some("PCMU"), "{what}");
    }
}

#[test]
fn what_cannot_be_read_says_where_and_what_was_expected() {
    let table = [
        ("", "octet 0: expected v=0"),
        ("o=- 1 1 IN IP4 1.1.1.1\r\n", "octet 0: expected v=0"),
        ("v=1\r\n", "octet 0: expected v=0"),
        ("v=0\r\ns=-\r\n", "octet 5: expected o="),
        ("v=0\r\no=-\r\n", "octet 8: expected a session id"),
        ("v=0\r\no=- 1 1 IN IP9 1.1.1.1\r\n", "octet 16: expected IP4 or IP6"),
        ("v=0\r\nhello\r\n", "octet 5: expected a letter and ="),
        ("v=0\r\n\r\no=- 1 1 IN IP4 1.1.1.1\r\n", "octet 5: expected a letter and ="),
        ("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=audio\r\n", "octet 36: expected a port"),
        (
            "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=audio 70000 RTP/AVP 0\r\n",
            "octet 37: expected a port of 0 to 65535",
        ),
        ("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=audio 7000 RTP/AVP\r\n", "octet 49: expected a format"),
        ("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=TN RFC2543 +1-201\r\n", "octet 31: expected IN"),
        ("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=IN IP4\r\n", "octet 37: expected an address"),
        ("v=0\r\ns=a\rb\r\n", "octet 8: expected CRLF or LF"),
    ];
    for (text, wanted) in table {
        let wrong = Sdp::parse(text.as_bytes(), &limits()).expect_err(text);
        assert_eq!(wrong.to_string(), wanted, "{text}");
    }
}

#[test]
fn each_limit_is_reached_by_its_name() {
    let mut many = SEMINAR.to_owned();
    (0..64).for_each(|number| writeln!(many, "m=audio {} RTP/AVP 0\r", 4000 + number).expect("a string"));
    let tight = |change: fn(&mut Limits)| {
        let mut limits = limits();
        change(&mut limits);
        Sdp::parse(many.as_bytes(), &limits).expect_err("a limit").expected
    };
    assert!(tight(|limits| limits.sdp_bytes_max = 99).contains("sdp_bytes_max"));
    assert!(tight(|limits| limits.sdp_lines_max = 9).contains("sdp_lines_max"));
    assert!(tight(|limits| limits.sdp_line_bytes_max = 20).contains("sdp_line_bytes_max"));
    assert!(tight(|limits| limits.sdp_streams_max = 20).contains("sdp_streams_max"));
    assert!(tight(|limits| limits.sdp_formats_max = 0).contains("sdp_formats_max"));
}

#[test]
fn directions_are_of_the_stream_or_of_the_session() {
    let text = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=IN IP4 1.1.1.1\r\na=sendonly\r\nm=audio 9 RTP/AVP 0\r\n\
                m=audio 9 RTP/AVP 0\r\na=RecvOnly\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\n";
    let sdp = parsed(text);
    let said: Vec<_> = sdp.media().map(|media| (media.direction(), media.flow())).collect();
    assert_eq!(
        said,
        [
            (Direction::SendOnly, Direction::SendOnly),
            (Direction::RecvOnly, Direction::RecvOnly),
            (Direction::SendRecv, Direction::SendOnly),
        ]
    );
}

#[test]
fn rtcp_has_the_next_port_or_the_one_that_is_said() {
    let with = |attributes: &str| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 0\r\n{attributes}"
        );
        let sdp = parsed(&text);
        let place = sdp.stream(0).and_then(|media| media.rtcp_destination());
        place.map(|(address, port)| format!("{address} {port}"))
    };
    assert_eq!(with("").as_deref(), Some("1.1.1.1 4001"));
    assert_eq!(with("a=rtcp:53020\r\n").as_deref(), Some("1.1.1.1 53020"));
    assert_eq!(with("a=rtcp:53020 IN IP4 126.16.64.4\r\n").as_deref(), Some("126.16.64.4 53020"));
    assert_eq!(with("a=rtcp:53020 IN IP6 2001:2345::3\r\n").as_deref(), Some("2001:2345::3 53020"));
    assert_eq!(with("a=rtcp:53020\r\na=rtcp-mux\r\n").as_deref(), Some("1.1.1.1 4000"));
}

#[test]
fn through_a_relay_only_places_change_and_ice_goes() {
    let place = Place::pair("203.0.113.5:30000".parse().expect("a place"));
    let wanted = PHONE
        .replace("c=IN IP4 10.0.0.7", "c=IN IP4 203.0.113.5")
        .replace("m=audio 5004", "m=audio 30000")
        .replace("a=ice-ufrag:F7gI\r\na=candidate:1 1 UDP 2130706431 10.0.0.7 5004 typ host\r\n", "")
        .replace("a=rtcp:5005 IN IP4 10.0.0.7", "a=rtcp:30001 IN IP4 203.0.113.5");
    assert_eq!(edited(PHONE, |edit| edit.through(&[Some(place)])), wanted);
    let feeds = PHONE.replace("\r\n", "\n");
    assert_eq!(edited(&feeds, |edit| edit.through(&[Some(place)])), wanted.replace("\r\n", "\n"));
}

#[test]
fn each_stream_gets_its_own_place_and_family() {
    let places = ["203.0.113.5:30000", "203.0.113.5:30002", "[2001:db8::5]:30004"]
        .map(|place| Some(Place::pair(place.parse().expect("a place"))));
    let wanted = SEMINAR
        .replace("\r\nc=IN IP4 198.51.100.1", "\r\nc=IN IP4 203.0.113.5")
        .replace("m=audio 49170", "m=audio 30000")
        .replace("m=audio 49180", "m=audio 30002")
        .replace("m=video 51372", "m=video 30004")
        .replace("2001:db8::2", "2001:db8::5");
    assert_eq!(edited(SEMINAR, |edit| edit.through(&places)), wanted);
    // Without a line of its own a stream gets one, where the order of lines wants it.
    let places = [places[2], places[1], None];
    let text = edited(SEMINAR, |edit| edit.through(&places));
    assert!(
        text.contains("c=IN IP6 2001:db8::5\r\nt=0 0\r\nm=audio 30004 RTP/AVP 0\r\nm=audio 30002"),
        "{text}"
    );
    assert!(text.contains("m=audio 30002 RTP/AVP 0\r\nc=IN IP4 203.0.113.5\r\nm=video 51372"), "{text}");
}

#[test]
fn hold_and_rejection_pass_a_relay() {
    let held = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n";
    let place = Some(Place::pair("203.0.113.5:30000".parse().expect("a place")));
    let text = edited(held, |edit| edit.through(&[place, place]));
    assert_eq!(text, held.replace("m=audio 4000", "m=audio 30000"));
}

#[test]
fn a_relay_whose_rtcp_is_elsewhere_says_so() {
    let text = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 0\r\n";
    let (rtp, rtcp) = ("[2001:db8::5]:30000", "[2001:db8::5]:40000");
    let place = Place { rtp: rtp.parse().expect("a place"), rtcp: rtcp.parse().expect("a place") };
    let text = edited(text, |edit| edit.through(&[Some(place)]));
    assert!(
        text.ends_with(
            "c=IN IP6 2001:db8::5\r\nm=audio 30000 RTP/AVP 0\r\na=rtcp:40000 IN IP6 2001:db8::5\r\n"
        )
    );
}

/// Found by fuzzing: what comes in where a line goes, and behind a last line that goes and has no end.
#[test]
fn lines_come_in_where_others_go() {
    let origin = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\n";
    let place = Some(Place::pair("203.0.113.5:30000".parse().expect("a place")));
    let apart = place.map(|place| Place { rtcp: "203.0.113.5:40000".parse().expect("a place"), ..place });
    let table = [
        (place, "m=audio 4 RTP/AVP 0\r\na=candidate:1\r\n", "\r\nc=IN IP4 203.0.113.5\r\n"),
        (
            apart,
            "m=audio 4 RTP/AVP 0\r\na=candidate:1",
            "\r\nc=IN IP4 203.0.113.5\r\na=rtcp:40000 IN IP4 203.0.113.5\r\n",
        ),
        (apart, "m=audio 4 RTP/AVP 0", "\r\nc=IN IP4 203.0.113.5\r\na=rtcp:40000 IN IP4 203.0.113.5"),
    ];
    for (place, stream, wanted) in table {
        let text = edited(&format!("{origin}{stream}"), |edit| edit.through(&[place]));
        assert_eq!(text, format!("{origin}m=audio 30000 RTP/AVP 0{wanted}"));
    }
}

#[test]
fn edits_change_their_line_alone() {
    let held = edited(PHONE, |edit| edit.direction(Level::Media(0), Direction::SendOnly));
    assert_eq!(held, PHONE.replace("a=sendrecv", "a=sendonly"));
    let held = edited(SEMINAR, |edit| edit.direction(Level::Media(1), Direction::Inactive));
    assert_eq!(held, SEMINAR.replace("49180 RTP/AVP 0\r\n", "49180 RTP/AVP 0\r\na=inactive\r\n"));
    let quiet = edited(PHONE, |edit| edit.remove(Level::Media(0), &["crypto", "mid"]));
    assert_eq!(parsed(&quiet).stream(0).and_then(|media| media.mid()), None);
    let next = Origin { version: "2", ..parsed(PHONE).origin() };
    let text = edited(PHONE, |edit| edit.origin(&next));
    assert_eq!(text, PHONE.replace("o=- 20518 1 ", "o=- 20518 2 "));
    assert!(next.is_same_session(&parsed(PHONE).origin()));
    let last = edited(SEMINAR.trim_end(), |edit| edit.set(Level::Media(2), "ptime", 30));
    let wanted = SEMINAR.replace("a=rtpmap:99", "a=ptime:30\r\na=rtpmap:99");
    assert_eq!(last, wanted.trim_end(), "before the line that has no end");
}
