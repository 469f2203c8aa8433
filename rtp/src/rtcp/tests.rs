use super::extended::Delays;
use super::*;
use crate::ntp::NtpTime;

const SENT: SenderInfo =
    SenderInfo { ntp: NtpTime(0x83aa_7e80_0000_0001), timestamp: 160, packets: 50, octets: 8_000 };

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: 64,
        cumulative_lost: -2,
        highest_sequence: 0x0001_0002,
        jitter: 17,
        last_report: 0xb705_2000,
        delay: 0x0005_4000,
    }
}

/// A compound as a phone sends it.
fn compound() -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out)
        .sender_report(1, &SENT, &[block(2), block(3)])
        .cname(1, "alice@192.0.2.1")
        .bye(1, "bye");
    out
}

#[test]
fn what_is_written_is_read_again() {
    let octets = compound();
    let read = Compound::read(&octets, Rule::Full).expect("a compound");
    let packets: Vec<Rtcp<'_>> = read.packets().collect();
    let [
        Rtcp::SenderReport { ssrc: 1, sent, blocks },
        Rtcp::Description(names),
        Rtcp::Bye { sources, reason },
    ] = packets[..]
    else {
        panic!("{packets:?}")
    };
    assert_eq!(sent, SENT);
    assert_eq!(blocks.iter().collect::<Vec<_>>(), [block(2), block(3)]);
    assert_eq!(names.cname(1), Some(&b"alice@192.0.2.1"[..]));
    assert_eq!(names.cname(2), None);
    assert_eq!((sources.iter().collect::<Vec<_>>(), reason), (vec![1], Some(&b"bye"[..])));
}

#[test]
fn names_of_every_length_end_with_a_zero_and_a_whole_word() {
    for length in 0..=255 {
        let name = "n".repeat(length);
        let mut out = Vec::new();
        Writer::new(&mut out).receiver_report(9, &[]).cname(9, &name).bye(9, &name);
        let read = Compound::read(&out, Rule::Full).expect("a compound");
        let packets: Vec<Rtcp<'_>> = read.packets().collect();
        let [Rtcp::ReceiverReport { ssrc: 9, .. }, Rtcp::Description(names), Rtcp::Bye { reason, .. }] =
            packets[..]
        else {
            panic!("{packets:?}")
        };
        assert_eq!(names.cname(9), Some(name.as_bytes()));
        assert_eq!(reason.unwrap_or_default(), name.as_bytes());
    }
}

#[test]
fn losses_keep_their_sign_in_24_bits() {
    for (lost, wanted) in
        [(0, 0), (-1, -1), (0x7f_ffff, 0x7f_ffff), (i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000)]
    {
        let mut out = Vec::new();
        let block = ReportBlock { cumulative_lost: lost, ..block(2) };
        Writer::new(&mut out).receiver_report(1, &[block]);
        let read = Compound::read(&out, Rule::Full).expect("a compound");
        let Some(Rtcp::ReceiverReport { blocks, .. }) = read.packets().next() else { panic!("a report") };
        assert_eq!(blocks.iter().map(|block| block.cumulative_lost).collect::<Vec<_>>(), [wanted]);
    }
}

#[test]
fn extended_reports_are_read_as_they_were_written() {
    let metrics = VoipMetrics {
        ssrc: 2,
        loss_rate: 3,
        burst_ms: 400,
        signal_level: -20,
        r_factor: 93,
        mos_listening: 44,
        receiver_configuration: 0b1011_0000,
        jitter_buffer_ms: [40, 80, 120],
        ..VoipMetrics::default()
    };
    let delays = [Delays::octets(7, 8, 9), Delays::octets(10, 11, 12)].concat();
    let blocks = [
        Extended::ReceiverTime(NtpTime(42)),
        Extended::DelaySince(Delays::of(&delays)),
        Extended::Voip(metrics),
        Extended::Other(200, &[1, 2, 3, 4]),
    ];
    let mut out = Vec::new();
    Writer::new(&mut out).receiver_report(1, &[]).extended(1, &blocks);
    let read = Compound::read(&out, Rule::Full).expect("a compound");
    let Some(Rtcp::Extended { ssrc: 1, blocks: again }) = read.packets().nth(1) else { panic!("an XR") };
    assert_eq!(again.iter().collect::<Vec<_>>(), blocks);
    let Some(Extended::DelaySince(delays)) = again.iter().nth(1) else { panic!("delays") };
    assert_eq!(delays.iter().collect::<Vec<_>>(), [(7, 8, 9), (10, 11, 12)]);
}

/// A datagram, the rule, and what is wrong with it.
#[test]
fn compounds_that_do_not_fit_say_where() {
    let full = compound();
    let mut padded = vec![0xa0, 201, 0, 1, 0, 0, 0, 1];
    padded.extend_from_slice(&full);
    let table: [(&str, &[u8], &str); 11] = [
        ("nothing", &[], "octet 0: expected a header of 4 octets"),
        ("cut", &full[..full.len() - 4], "as much as the length says"),
        ("more than it says", &[&full[..], &[0; 3]].concat(), "a header of 4 octets"),
        ("version", &[0x40, 201, 0, 1, 0, 0, 0, 1], "octet 0: expected version 2"),
        ("RTP", &[0x80, 8, 0, 1, 0, 0, 0, 1], "octet 1: expected a packet type of RTCP"),
        ("no report first", &[0x81, 203, 0, 1, 0, 0, 0, 1], "octet 1: expected a report as the first packet"),
        ("padding in between", &padded, "octet 0: expected padding in the last packet alone"),
        ("blocks", &[0x81, 201, 0, 1, 0, 0, 0, 1], "octet 8: expected as many blocks as are counted"),
        ("sender", &[0x80, 200, 0, 1, 0, 0, 0, 1], "octet 8: expected a sender's report"),
        (
            "an endless chunk",
            &[0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, 65, 65],
            "octet 16: expected an item, or a zero at the end of a chunk",
        ),
        (
            "a block of an XR",
            &[0x80, 201, 0, 1, 0, 0, 0, 1, 0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2],
            "octet 16: expected as much as the block's length says",
        ),
    ];
    for (what, octets, wanted) in table {
        let wrong = Compound::read(octets, Rule::Full).expect_err(what).to_string();
        assert!(wrong.ends_with(wanted), "{what}: {wrong}");
    }
}

#[test]
fn reduced_size_takes_any_first_packet() {
    // A picture-loss indication (RFC 4585) and a BYE without sources.
    let octets = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 203, 0, 0];
    assert!(Compound::read(&octets, Rule::Full).is_err());
    let read = Compound::read(&octets, Rule::ReducedSize).expect("a compound");
    let packets: Vec<Rtcp<'_>> = read.packets().collect();
    assert!(matches!(
        packets[..],
        [Rtcp::Other { packet_type: 206, count: 1, .. }, Rtcp::Bye { reason: None, .. }]
    ));
}

#[test]
fn padding_of_the_last_packet_is_taken_away() {
    let octets = [0x80, 201, 0, 1, 0, 0, 0, 1, 0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
    let read = Compound::read(&octets, Rule::Full).expect("a compound");
    let Some(Rtcp::Bye { sources, reason }) = read.packets().nth(1) else { panic!("a goodbye") };
    assert_eq!((sources.iter().collect::<Vec<_>>(), reason), (vec![1], None));
}
