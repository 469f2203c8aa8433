use std::time::Duration;

use super::*;
use crate::packet::Header;
use crate::tone::{Tone, level};

/// A tone of two seconds through a codec and a network that loses these packets of 20 ms, as it is heard.
fn heard(codec: Codec, is_lost: impl Fn(u16) -> bool) -> (Vec<i16>, Figures) {
    let (start, mut playout) = (Instant::now(), Playout::new(codec, Config::default()));
    let mut tone = Tone::new(codec.sample_rate(), &[(300.0, -10.0)]);
    let (mut encoder, mut sound) = (codec.encoder(), Vec::new());
    for step in 0..100_u16 {
        let (mut samples, mut octets) = (vec![0; codec.samples(20)], Vec::new());
        tone.fill(&mut samples);
        let timestamp = u32::from(step) * (codec.clock_rate() / 50);
        Header { sequence: step, timestamp, ssrc: 1, payload_type: 0, marker: step == 0 }
            .write(&[], &mut octets);
        encoder.encode(&samples, &mut octets);
        let now = start + Duration::from_millis(u64::from(step) * 20);
        if !is_lost(step) {
            playout.receive(now, &Packet::read(&octets).expect("a packet"));
        }
        // Asked for in other pieces than packets have.
        let mut out = vec![0; codec.samples(10)];
        for _ in 0..2 {
            playout.fill(now, &mut out);
            sound.extend_from_slice(&out);
        }
    }
    (sound, playout.figures(start + Duration::from_secs(2)))
}

#[test]
fn what_was_said_is_heard() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16 { rate: 16_000, channels: 1 }] {
        let (sound, figures) = heard(codec, |_| false);
        let second = codec.samples(1_000);
        assert!((level(&sound[second / 2..second]) + 10.0).abs() < 0.2, "{codec:?}");
        assert_eq!((figures.lost, figures.late), (0, 0), "{codec:?}");
        assert!(sound[..codec.samples(20)].iter().all(|sample| *sample == 0), "it waits first");
    }
}

#[test]
fn what_was_lost_is_hardly_heard() {
    let (whole, _) = heard(Codec::Pcmu, |_| false);
    let (sound, figures) = heard(Codec::Pcmu, |step| step % 20 == 10);
    assert_eq!(figures.lost, 5);
    assert_eq!(sound.len(), whole.len());
    let quietest = sound[1_600..14_400].chunks(160).map(level).fold(0.0, f64::min);
    assert!(quietest > -12.5, "a tone goes on: {quietest}");
}

#[test]
fn nothing_is_silence() {
    let mut playout = Playout::new(Codec::Pcma, Config::default());
    let mut out = [1; 160];
    assert!(!playout.fill(Instant::now(), &mut out));
    assert_eq!(out, [0; 160]);
    // A packet without a payload is no reason to stop.
    let header = Header::default().octets();
    let now = Instant::now();
    playout.receive(now, &Packet::read(&header).expect("a packet"));
    playout.fill(now + Duration::from_secs(1), &mut out);
    assert_eq!(out, [0; 160]);
}
