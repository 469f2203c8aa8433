use std::net::IpAddr;

use super::*;
use crate::sdp::Limits;

const OURS: &str = "203.0.113.5";

fn end() -> Negotiation {
    end_with(Profile::default())
}

fn end_with(profile: Profile) -> Negotiation {
    Negotiation::new(Author::new(7, address(OURS)), profile)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn place(port: u16) -> Place {
    Place::pair((address(OURS), port).into())
}

fn both(port: u16) -> Want {
    Want::both(place(port))
}

fn way(port: u16, direction: Direction) -> Want {
    Want { direction, ..both(port) }
}

fn parsed(text: &[u8]) -> Sdp<'_> {
    Sdp::parse(text, &Limits::default()).unwrap_or_else(|wrong| panic!("{wrong}: {}", text_of(text)))
}

fn text_of(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// A phone's description with these streams.
fn phone(streams: &str) -> String {
    format!("v=0\r\no=alice 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{streams}")
}

/// What the streams of a description say, `m=` lines and directions.
fn lines(text: &[u8]) -> Vec<String> {
    let text = text_of(text);
    let ways = Direction::ALL.map(|direction| format!("a={direction}"));
    let is_told = |line: &&str| line.starts_with("m=") || ways.iter().any(|way| way == line);
    text.lines().filter(is_told).map(str::to_owned).collect()
}

#[track_caller]
fn answered(end: &mut Negotiation, offer: &str, wants: &[Want]) -> Answer {
    let answer = end.answer(&parsed(offer.as_bytes()), wants).expect("no offer of ours waits");
    let own = parsed(&answer.text);
    assert_eq!(own.media().len(), parsed(offer.as_bytes()).media().len(), "RFC 3264 §6: as many streams");
    answer
}

#[test]
fn an_offer_names_what_the_profile_can() {
    let offer = end().offer(&[both(30_000)]).expect("an offer");
    let wanted = "v=0\r\no=- 7 7 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n\
        m=audio 30000 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(text_of(&offer), wanted);
}

#[test]
fn an_offer_says_where_rtcp_is_and_which_address_each_stream_has() {
    let profile = Profile { rtcp_mux: true, maxptime: Some(60), has_feedback: true, ..Profile::default() };
    let shared = Place { rtcp: place(30_000).rtp, ..place(30_000) };
    let other = Place::pair((address("2001:db8::5"), 30_010).into());
    let offer = end_with(profile).offer(&[Want::both(shared), Want::both(other)]).expect("an offer");
    let sdp = parsed(&offer);
    let [first, second] = [0, 1].map(|index| sdp.stream(index).expect("a stream"));
    assert_eq!(first.rtcp_destination(), first.destination());
    assert_eq!(first.attribute("rtcp"), Some("30000 IN IP4 203.0.113.5"));
    assert_eq!(
        second.connection().and_then(|connection| connection.address.ip()),
        Some(address("2001:db8::5"))
    );
    assert_eq!((first.maxptime(), first.proto().as_str()), (Some(60), "RTP/AVPF"));
}

/// RFC 3264 §10.1: one audio stream and two of video; the answerer here takes the audio alone.
#[test]
fn streams_that_are_not_taken_are_rejected_in_their_place() {
    let offer = phone(
        "m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n\
         m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n",
    );
    let answer = answered(&mut end(), &offer, &[both(30_000), both(30_002), both(30_004)]);
    assert_eq!(
        lines(&answer.text),
        ["m=audio 30000 RTP/AVP 0", "a=sendrecv", "m=video 0 RTP/AVP 31", "m=video 0 RTP/AVP 32"]
    );
    let agreed = answer.streams[0].as_ref().expect("audio");
    let rtp = "192.0.2.1:49170".parse().expect("a place");
    let rtcp = "192.0.2.1:49171".parse().expect("a place");
    assert_eq!(agreed.remote, Remote::Address { rtp, rtcp });
    assert_eq!((agreed.send.payload_type, agreed.digits), (0, None));
    assert!(answer.streams[1..].iter().all(Option::is_none) && !answer.is_refusal());
}

/// What is offered, and what our answer's lines are.
#[test]
fn an_answer_takes_codecs_by_name_and_keeps_the_offers_numbers() {
    let table: [(&str, &str, &str); 11] = [
        ("theirs come first", "m=audio 9 RTP/AVP 0 8 9\r\n", "m=audio 30000 RTP/AVP 0"),
        ("unknown ones are passed over", "m=audio 9 RTP/AVP 18 4 8\r\n", "m=audio 30000 RTP/AVP 8"),
        (
            "a number of its own for a static codec",
            "m=audio 9 RTP/AVP 100\r\na=rtpmap:100 pcma/8000/1\r\n",
            "m=audio 30000 RTP/AVP 100",
        ),
        (
            "digits with the same clock",
            "m=audio 9 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n",
            "m=audio 30000 RTP/AVP 8 97",
        ),
        (
            "digits with another clock",
            "m=audio 9 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/48000\r\n",
            "m=audio 30000 RTP/AVP 8",
        ),
        (
            "a static number that means another codec",
            "m=audio 9 RTP/AVP 0 8\r\na=rtpmap:0 X/8000\r\n",
            "m=audio 30000 RTP/AVP 8",
        ),
        ("feedback", "m=audio 9 RTP/AVPF 8\r\n", "m=audio 30000 RTP/AVPF 8"),
        ("SRTP", "m=audio 9 RTP/SAVP 8\r\na=crypto:1 x inline:y\r\n", "m=audio 0 RTP/SAVP 8"),
        ("nothing that we can", "m=audio 9 RTP/AVP 18\r\n", "m=audio 0 RTP/AVP 18"),
        (
            "digits alone",
            "m=audio 9 RTP/AVP 97\r\na=rtpmap:97 telephone-event/8000\r\n",
            "m=audio 0 RTP/AVP 97",
        ),
        ("a rejected stream", "m=audio 0 RTP/AVP 8\r\n", "m=audio 0 RTP/AVP 8"),
    ];
    for (what, streams, wanted) in table {
        let answer = answered(&mut end(), &phone(streams), &[both(30_000)]);
        assert_eq!(lines(&answer.text)[0], wanted, "{what}");
        assert_eq!(answer.is_refusal(), wanted.contains(" 0 RTP"), "{what}");
    }
}

#[test]
fn whose_order_counts_and_how_many_are_named_is_chosen() {
    let offer = phone("m=audio 9 RTP/AVP 0 8 9\r\n");
    for (preference, answering, wanted) in [
        (Preference::Theirs, Answering::One, "m=audio 30000 RTP/AVP 0"),
        (Preference::Ours, Answering::One, "m=audio 30000 RTP/AVP 9"),
        (Preference::Theirs, Answering::All, "m=audio 30000 RTP/AVP 0 8 9"),
        (Preference::Ours, Answering::All, "m=audio 30000 RTP/AVP 9 8 0"),
    ] {
        let profile = Profile { preference, answering, ..Profile::default() };
        let answer = answered(&mut end_with(profile), &offer, &[both(30_000)]);
        assert_eq!(lines(&answer.text)[0], wanted);
    }
}

#[test]
fn the_clock_of_digits_is_that_of_the_sound() {
    let opus = Format { payload_type: Some(96), ..Format::of(&map("96 opus/48000/2"), None) };
    let profile = Profile { formats: vec![opus, Format::PCMA], ..Profile::default() };
    let offer = end_with(profile.clone()).offer(&[both(30_000)]).expect("an offer");
    assert!(lines(&offer)[0].ends_with("RTP/AVP 96 8 101 110"), "{}", text_of(&offer));
    let taken = |streams: &str| {
        let answer = answered(&mut end_with(profile.clone()), &phone(streams), &[both(30_000)]);
        answer.streams[0].as_ref().and_then(|agreed| agreed.digits)
    };
    let maps = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:98 telephone-event/48000\r\na=rtpmap:99 telephone-event/8000\r\n";
    let opus = Digits { send: 98, receive: 98, rate: 48_000 };
    assert_eq!(taken(&format!("m=audio 9 RTP/AVP 96 8 98 99\r\n{maps}")), Some(opus));
    let narrow = Digits { send: 99, receive: 99, rate: 8_000 };
    assert_eq!(taken(&format!("m=audio 9 RTP/AVP 8 96 98 99\r\n{maps}")), Some(narrow));
    assert_eq!(taken("m=audio 9 RTP/AVP 8 98\r\na=rtpmap:98 telephone-event/48000\r\n"), None);
}

fn map(value: &str) -> crate::sdp::RtpMap<'_> {
    crate::sdp::RtpMap::read(value).expect("an rtpmap")
}

/// Offered direction and address, what we want, what we answer, and whether we are held.
#[test]
fn hold_and_direction_are_answered_from_the_other_side() {
    use Direction::*;
    let here = "192.0.2.1";
    let table = [
        ("sendrecv", here, SendRecv, SendRecv, false),
        ("sendonly", here, SendRecv, RecvOnly, true),
        ("recvonly", here, SendRecv, SendOnly, false),
        ("inactive", here, SendRecv, Inactive, true),
        ("sendrecv", here, SendOnly, SendOnly, false),
        ("sendonly", here, SendOnly, Inactive, true),
        ("sendrecv", "0.0.0.0", SendRecv, RecvOnly, true),
        ("inactive", "0.0.0.0", SendRecv, Inactive, true),
    ];
    for (offered, address, wanted, said, is_held) in table {
        let offer = phone(&format!("m=audio 9 RTP/AVP 8\r\nc=IN IP4 {address}\r\na={offered}\r\n"));
        let answer = answered(&mut end(), &offer, &[way(30_000, wanted)]);
        let agreed = answer.streams[0].as_ref().expect("audio");
        assert_eq!((agreed.direction, agreed.is_held()), (said, is_held), "{offered} {address}");
        assert_eq!(lines(&answer.text)[1], format!("a={said}"));
        assert_eq!(agreed.remote == Remote::Nowhere, address == "0.0.0.0");
    }
}

#[test]
fn an_answer_to_us_maps_their_numbers_to_our_codecs() {
    let mut end = end();
    end.offer(&[both(30_000)]).expect("an offer");
    let answer = phone(
        "m=audio 4000 RTP/AVP 100 8 96\r\na=rtpmap:100 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:40\r\n\
         a=maxptime:30\r\na=sendonly\r\n",
    );
    let agreed = end.answered(&parsed(answer.as_bytes())).expect("it fits").remove(0).expect("audio");
    assert_eq!((agreed.send.payload_type, &*agreed.send.format.encoding), (100, "PCMU"));
    assert_eq!(agreed.digits, Some(Digits { send: 96, receive: 101, rate: 8_000 }));
    let numbers: Vec<u8> = agreed.receive.iter().map(|payload| payload.payload_type).collect();
    assert_eq!(numbers, [9, 8, 0, 101]);
    assert_eq!((agreed.ptime, agreed.direction), (30, Direction::RecvOnly));
}

#[test]
fn packet_times_are_those_that_the_other_end_wants() {
    for (said, sent) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:25\r\n", 20),
        ("a=ptime:1\r\n", 10),
        ("a=ptime:9999\r\n", 120),
        ("a=maxptime:10\r\n", 10),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=ptime:x\r\n", 20),
    ] {
        let answer = answered(&mut end(), &phone(&format!("m=audio 9 RTP/AVP 8\r\n{said}")), &[both(30_000)]);
        assert_eq!(answer.streams[0].as_ref().map(|agreed| agreed.ptime), Some(sent), "{said}");
    }
}

#[test]
fn rtcp_shares_a_port_where_both_can() {
    let mux = Profile { rtcp_mux: true, ..Profile::default() };
    let with = "m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\na=rtcp:4000\r\n";
    let without = "m=audio 4000 RTP/AVP 8\r\na=rtcp:5001\r\n";
    for (profile, streams, is_shared, rtcp) in [
        (mux.clone(), with, true, 4000),
        (mux, without, false, 5001),
        (Profile::default(), with, false, 4000),
    ] {
        let answer = answered(&mut end_with(profile), &phone(streams), &[both(30_000)]);
        let agreed = answer.streams[0].as_ref().expect("audio");
        assert_eq!(parsed(&answer.text).stream(0).map(|media| media.has_rtcp_mux()), Some(is_shared));
        let Remote::Address { rtcp: remote, .. } = agreed.remote else { panic!("an address") };
        assert_eq!((agreed.has_rtcp_mux, remote.port()), (is_shared, rtcp));
    }
}

#[test]
fn a_version_rises_when_something_changed_and_only_then() {
    let mut end = end();
    let versions = |text: &[u8]| parsed(text).origin().version.to_owned();
    let offer = end.offer(&[both(30_000)]).expect("an offer");
    end.refused();
    let again = end.offer(&[both(30_000)]).expect("an offer");
    assert_eq!(offer, again, "RFC 3264 §8: the same version, the same octets");
    end.answered(&parsed(phone("m=audio 4000 RTP/AVP 8\r\n").as_bytes())).expect("it fits");
    let held = end.offer(&[way(30_000, Direction::SendOnly)]).expect("an offer");
    end.answered(&parsed(phone("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n").as_bytes())).expect("it fits");
    let resumed = answered(&mut end, &phone("m=audio 4000 RTP/AVP 8\r\n"), &[both(30_000)]).text;
    let refreshed = answered(&mut end, &phone("m=audio 4000 RTP/AVP 8\r\n"), &[both(30_000)]).text;
    assert_eq!([&offer, &held, &resumed, &refreshed].map(|text| versions(text)), ["7", "8", "9", "9"]);
    assert_eq!(end.author.position(), (7, 9));
}

#[test]
fn numbers_mean_the_same_codec_for_the_whole_session() {
    let opus = Format { payload_type: Some(96), ..Format::of(&map("96 opus/48000/2"), None) };
    let profile = Profile { formats: vec![opus, Format::PCMA], ..Profile::default() };
    let mut end = end_with(profile);
    let first = phone(
        "m=audio 4000 RTP/AVP 111 8 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/48000\r\n",
    );
    answered(&mut end, &first, &[both(30_000)]);
    let offer = end.offer(&[both(30_000)]).expect("an offer");
    // Opus stays 111; 101 is theirs for 48,000 Hz, so digits at 8,000 get a free number.
    let sdp = parsed(&offer);
    let media = sdp.stream(0).expect("audio");
    let names: Vec<String> = media.codecs().map(|map| map.to_string()).collect();
    assert_eq!(
        names,
        ["111 opus/48000/2", "8 PCMA/8000", "96 telephone-event/8000", "101 telephone-event/48000"]
    );
}

#[test]
fn a_streams_line_never_goes() {
    let mut end = end();
    let offer =
        phone("m=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 31\r\na=mid:v\r\nm=audio 4004 RTP/AVP 0\r\n");
    let answer = answered(&mut end, &offer, &[both(30_000), Want::NONE, both(30_002)]);
    assert!(text_of(&answer.text).contains("m=video 0 RTP/AVP 31\r\na=mid:v\r\n"));
    let again = end.offer(&[both(30_000)]).expect("an offer");
    let said: Vec<String> = lines(&again).into_iter().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(said, ["m=audio 30000 RTP/AVP 9 8 0 101", "m=video 0 RTP/AVP 31", "m=audio 0 RTP/AVP 0"]);
    // Only what is there is ended; a third audio stream would follow behind.
    end.refused();
    let more = end.offer(&[both(30_000), Want::NONE, both(30_002), both(30_004)]).expect("an offer");
    assert_eq!(parsed(&more).media().len(), 4);
    assert_eq!(parsed(&more).stream(3).map(|media| media.port()), Some(30_004));
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut end = end();
    let offer = end.offer(&[both(30_000)]).expect("the offer of a 200");
    assert!(end.is_pending());
    let mut phone = end_with(Profile { formats: vec![Format::PCMU], ..Profile::default() });
    let answer = phone.answer(&parsed(&offer), &[both(40_000)]).expect("the answer of an ACK");
    let agreed = end.answered(&parsed(&answer.text)).expect("it fits").remove(0).expect("audio");
    assert_eq!(&*agreed.send.format.encoding, "PCMU");
    assert!(!end.is_pending());
}

#[test]
fn one_offer_waits_for_another() {
    let mut end = end();
    end.offer(&[both(30_000)]).expect("an offer");
    assert_eq!(end.offer(&[both(30_000)]), Err(Pending));
    let theirs = phone("m=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(end.answer(&parsed(theirs.as_bytes()), &[both(30_000)]), Err(Pending), "glare");
    end.refused();
    assert!(end.answer(&parsed(theirs.as_bytes()), &[both(30_000)]).is_ok());
}

#[test]
fn an_answer_that_does_not_fit_is_named_and_changes_nothing() {
    let table = [
        ("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n", "the offer has 1 streams, the answer 2"),
        ("m=video 4000 RTP/AVP 8\r\n", "stream 0 is another one than was offered"),
        ("m=audio 4000 RTP/SAVP 8\r\n", "stream 0 is another one than was offered"),
        ("m=audio 4000 RTP/AVP 18\r\n", "stream 0 has no format that was offered"),
    ];
    for (streams, wanted) in table {
        let mut end = end();
        end.offer(&[both(30_000)]).expect("an offer");
        let answer = phone(streams);
        let wrong = end.answered(&parsed(answer.as_bytes())).expect_err(streams);
        assert_eq!(wrong.to_string(), wanted);
        assert!(!end.is_pending() && end.slots.is_empty());
        assert_eq!(end.answered(&parsed(answer.as_bytes())), Err(Mismatch::NoOffer));
    }
    let mut end = end();
    end.offer(&[both(30_000)]).expect("an offer");
    let rejected = phone("m=audio 0 RTP/AVP 8\r\n");
    assert_eq!(end.answered(&parsed(rejected.as_bytes())), Ok(vec![None]));
}

#[test]
fn an_author_signs_what_passes() {
    let mut author = Author::new(42, address(OURS));
    let alice = phone("m=audio 4000 RTP/AVP 8\r\n");
    let carol = alice.replace("alice 1 1", "carol 9 9").replace("4000", "5000");
    let signed = [&alice, &alice, &carol].map(|text| text_of(&author.sign(text.as_bytes())));
    assert_eq!(signed[0], alice.replace("o=alice 1 1 IN IP4 192.0.2.1", "o=- 42 42 IN IP4 203.0.113.5"));
    assert_eq!(signed[1], signed[0]);
    assert!(signed[2].contains("o=- 42 43 IN IP4 203.0.113.5\r\ns=-"));
    let mut heir = Author::resumed(42, 43, address(OURS));
    assert!(text_of(&heir.sign(alice.as_bytes())).contains("o=- 42 43 "));
}

/// Two ends with profiles by chance: what both think that they agreed on is the same, from both sides.
#[test]
fn both_ends_agree_on_the_same() {
    let opus = Format { payload_type: Some(107), ..Format::of(&map("96 opus/48000/2"), None) };
    let all = [Format::G722, Format::PCMA, Format::PCMU, opus];
    let mut seed = 0x5eed_u64;
    let mut below = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % bound as u64) as usize
    };
    for _ in 0..2_000 {
        let mut profile = || {
            let mut formats: Vec<Format> = all.iter().filter(|_| below(3) > 0).cloned().collect();
            let turn = below(4) % formats.len().max(1);
            formats.rotate_left(turn);
            let preference = [Preference::Ours, Preference::Theirs][below(2)];
            let answering = [Answering::One, Answering::All][below(2)];
            let (has_digits, rtcp_mux, ptime) = (below(3) > 0, below(2) > 0, 10 * (1 + below(4) as u32));
            Profile { formats, has_digits, ptime, rtcp_mux, preference, answering, ..Profile::default() }
        };
        let (mut alice, mut bob) = (end_with(profile()), end_with(profile()));
        let (ours, theirs) = (Direction::ALL[below(4)], Direction::ALL[below(4)]);
        if alice.profile.formats.is_empty() {
            continue;
        }
        let offer = alice.offer(&[way(30_000, ours)]).expect("an offer");
        let answer = bob.answer(&parsed(&offer), &[way(40_000, theirs)]).expect("an answer");
        let at_alice = alice.answered(&parsed(&answer.text)).expect("it fits").remove(0);
        let at_bob = answer.streams[0].clone();
        let (Some(at_alice), Some(at_bob)) = (&at_alice, &at_bob) else {
            assert_eq!(at_alice, at_bob, "rejected for both");
            continue;
        };
        assert_eq!(at_alice.direction, at_bob.direction.reversed());
        assert!(at_alice.send.format.is_same_codec(&at_bob.send.format), "both send the same codec");
        assert_eq!(at_alice.digits, at_bob.digits);
        assert_eq!(at_alice.has_rtcp_mux, at_bob.has_rtcp_mux);
        for (sender, receiver) in [(at_alice, at_bob), (at_bob, at_alice)] {
            let is_sent = |payload: &Payload| payload.payload_type == sender.send.payload_type;
            let known =
                receiver.receive.iter().find(|payload| is_sent(payload)).expect("what is sent is known");
            assert!(known.format.is_same_codec(&sender.send.format));
        }
    }
}
