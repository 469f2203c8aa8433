//! What the hot pieces cost: `cargo run --release -p rtp --example hot`.
//!
//! Printed are nanoseconds for each operation, the least of several rounds, since other programs make rounds longer and
//! never shorter. A packet is 20 ms of sound.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rtp::codec::Codec;
use rtp::conceal::Concealer;
use rtp::dtmf::Detector;
use rtp::jitter::Config;
use rtp::mix::Mix;
use rtp::packet::{Arrival, Header, HeaderMut, Packet};
use rtp::playout::Playout;
use rtp::reception::Reception;
use rtp::resample::Resampler;
use rtp::rewriter::Rewriter;
use rtp::rtcp::{Compound, ReportBlock, Rule, SenderInfo, Writer};
use rtp::sdp::edit::Place;
use rtp::sdp::offer_answer::{Author, Negotiation, Profile, Want};
use rtp::sdp::{Edit, Limits, Sdp};
use rtp::tone::Tone;

fn main() {
    descriptions();
    packets();
    sound();
}

/// Prints what one of `times` operations costs at best.
fn cost(what: &str, times: u32, mut operation: impl FnMut(u32)) {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let began = Instant::now();
        (0..times).for_each(&mut operation);
        best = best.min(began.elapsed());
    }
    println!("{what:<44} {:>9.1} ns", best.as_nanos() as f64 / f64::from(times));
}

const OFFER: &str = "v=0\r\no=- 20518 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n\
    m=audio 5004 RTP/AVP 96 9 8 0 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:9 G722/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
    a=ptime:20\r\na=sendrecv\r\n";

fn descriptions() {
    let limits = Limits::default();
    cost("sdp: parse", 20_000, |_| {
        black_box(Sdp::parse(black_box(OFFER.as_bytes()), &limits).expect("an offer"));
    });
    let offer = Sdp::parse(OFFER.as_bytes(), &limits).expect("an offer");
    let place = Place::pair(([203, 0, 113, 5], 30_000).into());
    let mut out = Vec::new();
    cost("sdp: send it through a relay", 20_000, |_| {
        out.clear();
        Edit::new(&offer).through(&[Some(place)]).write(&mut out);
        black_box(&out);
    });
    let author = Author::new(1, [203, 0, 113, 5].into());
    let mut end = Negotiation::new(author, Profile::default());
    cost("sdp: answer it", 10_000, |_| {
        black_box(end.answer(&offer, &[Want::both(place)]).expect("an answer"));
    });
}

fn packets() {
    let (start, header) = (Instant::now(), Header { payload_type: 8, ssrc: 1, ..Header::default() });
    let mut octets = Vec::new();
    header.write(&[0xd5; 160], &mut octets);
    cost("rtp: tell what it is", 1_000_000, |_| {
        black_box(Arrival::of(black_box(&octets)));
    });
    cost("rtp: read", 1_000_000, |_| {
        black_box(Packet::read(black_box(&octets)).expect("a packet"));
    });
    let mut rewriter = Rewriter::new(9, 8_000, 0, 0);
    cost("rtp: rewrite and patch in place", 1_000_000, |number| {
        let mut patched = HeaderMut::of(&mut octets).expect("a packet");
        let header =
            Header { sequence: number as u16, timestamp: number.wrapping_mul(160), ssrc: 1, ..header };
        let rewritten = rewriter.rewrite(start + Duration::from_millis(20) * number, &header);
        patched.set(&rewritten);
        black_box(&mut octets);
    });
    let mut reception = Reception::new(1, 8_000);
    cost("rtp: judge what is received", 1_000_000, |number| {
        let header = Header { sequence: number as u16, timestamp: number.wrapping_mul(160), ..header };
        black_box(reception.receive(start + Duration::from_millis(20) * number, &header));
    });
    let mut report = Vec::new();
    cost("rtcp: write a report", 100_000, |_| {
        report.clear();
        Writer::new(&mut report)
            .sender_report(1, &SenderInfo::default(), &[ReportBlock::default()])
            .cname(1, "carillon@203.0.113.5");
        black_box(&report);
    });
    cost("rtcp: read a report", 100_000, |_| {
        let compound = Compound::read(black_box(&report), Rule::Full).expect("a compound");
        black_box(compound.packets().count());
    });
}

fn sound() {
    for codec in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
        let (mut samples, mut payload, mut again) = (vec![0; codec.samples(20)], Vec::new(), Vec::new());
        Tone::new(codec.sample_rate(), &[(440.0, -10.0)]).fill(&mut samples);
        let (mut encoder, mut decoder) = (codec.encoder(), codec.decoder());
        cost(&format!("{codec:?}: encode 20 ms"), 20_000, |_| {
            payload.clear();
            encoder.encode(black_box(&samples), &mut payload);
        });
        cost(&format!("{codec:?}: decode 20 ms"), 20_000, |_| {
            again.clear();
            decoder.decode(black_box(&payload), &mut again);
        });
    }
    let mut samples = [0; 160];
    let mut tone = Tone::new(8_000, &[(440.0, -10.0), (480.0, -10.0)]);
    cost("tone: 20 ms of two sines", 20_000, |_| tone.fill(black_box(&mut samples)));
    let mut detector = Detector::new(8_000);
    cost("dtmf: look for keys in 20 ms", 20_000, |_| {
        detector.detect(black_box(&samples), &mut |press| {
            black_box(press);
        });
    });
    let mut concealer = Concealer::new(8_000);
    (0..4).for_each(|_| concealer.heard(&mut samples));
    cost("conceal: 20 ms are lost", 5_000, |_| {
        let mut made = [0; 160];
        concealer.conceal(&mut made);
        concealer.heard(&mut made);
    });
    let (start, mut playout) = (Instant::now(), Playout::new(Codec::Pcma, Config::default()));
    let mut octets = Vec::new();
    cost("playout: a packet in, 20 ms out", 100_000, |number| {
        let now = start + Duration::from_millis(20) * number;
        octets.clear();
        let header =
            Header { sequence: number as u16, timestamp: number.wrapping_mul(160), ..Header::default() };
        header.write(&[0xd5; 160], &mut octets);
        playout.receive(now, &Packet::read(&octets).expect("a packet"));
        playout.fill(now, &mut samples);
    });
    let (wide, mut narrow) = (vec![1_000; 320], Vec::new());
    let mut resampler = Resampler::new(16_000, 8_000);
    cost("resample: 20 ms from 16,000 to 8,000 Hz", 20_000, |_| {
        narrow.clear();
        resampler.resample(black_box(&wide), &mut narrow);
    });
    let mut mix = Mix::default();
    cost("mix: 20 ms of ten voices, heard by one", 20_000, |_| {
        mix.begin(160);
        (0..10).for_each(|_| mix.add(black_box(&samples)));
        mix.without(&[7; 160], &mut [0; 160]);
    });
}
