use super::*;

/// FNV-1a of octets: enough to compare with what other programs made.
fn fingerprint(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

fn fingerprint_of_samples(samples: &[i16]) -> u64 {
    fingerprint(samples.iter().flat_map(|sample| sample.to_le_bytes()))
}

const ALL: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::L16 { rate: 8_000, channels: 1 },
    Codec::L16 { rate: 16_000, channels: 1 },
    Codec::L16 { rate: 44_100, channels: 2 },
];

/// The tables of two other implementations (Python's audioop, spandsp) have these fingerprints.
#[test]
fn decoding_of_g711_is_that_of_others() {
    let ulaw: Vec<i16> = (0..=255).map(g711::of_ulaw).collect();
    let alaw: Vec<i16> = (0..=255).map(g711::of_alaw).collect();
    assert_eq!(fingerprint_of_samples(&ulaw), 0xb91e_65d6_8481_a1a8);
    assert_eq!(fingerprint_of_samples(&alaw), 0x693a_40ca_62a3_d2a5);
    let encoded = (i16::MIN..=i16::MAX).map(g711::to_alaw);
    assert_eq!(fingerprint(encoded), 0xf030_666e_b780_cf25);
}

/// G.711, tables 1 and 2: each octet stands for the samples within half a step of its segment, and no louder sample has
/// a lower octet's value.
#[test]
fn encoding_of_g711_is_within_half_a_step() {
    let half = |octet: u8, first: i32, mask: u8| first << ((octet ^ mask) >> 4 & 7);
    for sample in i16::MIN..=i16::MAX {
        let clipped = i32::from(sample).clamp(-32_635, 32_635);
        let ulaw = g711::to_ulaw(sample);
        assert!((i32::from(g711::of_ulaw(ulaw)) - clipped).abs() <= half(ulaw, 4, 0xff), "{sample}");
        let alaw = g711::to_alaw(sample);
        // The first two segments of A-law have the same steps.
        let most = half(alaw, 4, 0x55).max(8);
        assert!((i32::from(g711::of_alaw(alaw)) - i32::from(sample)).abs() <= most, "{sample}");
    }
    for (encode, decode) in
        [(g711::to_ulaw as fn(i16) -> u8, g711::of_ulaw as fn(u8) -> i16), (g711::to_alaw, g711::of_alaw)]
    {
        let values: Vec<i16> = (i16::MIN..=i16::MAX).map(|sample| decode(encode(sample))).collect();
        assert!(values.is_sorted());
        assert!(
            (0..=255).all(|octet| decode(encode(decode(octet))) == decode(octet)),
            "a value keeps itself"
        );
    }
}

/// A triangle of 400 Hz with noise, as the reference was fed with.
fn reference_sound() -> Vec<i16> {
    let mut seed = 12_345_u32;
    let sample = |number: i32| {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        let noise = ((seed >> 16) & 0x7ff).cast_signed() - 1_024;
        let phase = number % 40;
        let triangle = phase.min(40 - phase) * 600 - 6_000;
        (triangle + noise) as i16
    };
    (0..1_600).map(sample).collect()
}

/// How much louder the sound is than what differs from it, in dB, when both lie best above each other.
fn fidelity(sound: &[i16], heard: &[i16]) -> f64 {
    let at = |delay: usize| {
        let pairs = sound[400..1_500].iter().zip(&heard[400 + delay..]);
        let (power, noise) = pairs.fold((0.0, 1.0), |(power, noise), (own, other)| {
            let (own, other) = (f64::from(*own), f64::from(*other));
            (power + own * own, noise + (own - other).powi(2))
        });
        10.0 * f64::log10(power / noise)
    };
    (0..40).map(at).fold(f64::MIN, f64::max)
}

/// The sound, encoded by spandsp 0.0.6. Its decoder hears what our encoder makes with 26.08 dB, and its own with 26.08.
const BY_ANOTHER: &[u8] = include_bytes!("tests/triangle.g722");

#[test]
fn g722_is_heard_as_another_implementation_means_it() {
    let sound = reference_sound();
    let heard = |payload: &[u8]| {
        let (mut samples, mut decoder) = (Vec::new(), Codec::G722.decoder());
        payload.chunks(160).for_each(|packet| decoder.decode(packet, &mut samples));
        fidelity(&sound, &samples)
    };
    let (mut payload, mut encoder) = (Vec::new(), Codec::G722.encoder());
    // In packets of 20 ms: the state goes on.
    sound.chunks(320).for_each(|packet| encoder.encode(packet, &mut payload));
    assert!(heard(&payload) > 26.0, "{}", heard(&payload));
    assert!(heard(BY_ANOTHER) > 25.0, "{}", heard(BY_ANOTHER));
}

#[test]
fn each_codec_has_as_many_octets_as_it_says() {
    for codec in ALL {
        let sound = vec![1_000; codec.samples(20)];
        let mut payload = Vec::new();
        codec.encoder().encode(&sound, &mut payload);
        assert_eq!(payload.len(), codec.octets(20), "{codec:?}");
        assert_eq!(codec.duration(payload.len()), codec.clock_rate() / 1_000 * 20, "{codec:?}");
        let mut again = Vec::new();
        codec.decoder().decode(&payload, &mut again);
        assert_eq!(again.len(), sound.len(), "{codec:?}");
    }
}

#[test]
fn what_does_not_fit_is_left_out() {
    for codec in ALL {
        for length in 0..5 {
            let (mut payload, mut samples) = (Vec::new(), Vec::new());
            codec.encoder().encode(&vec![7; length], &mut payload);
            codec.decoder().decode(&vec![7; length], &mut samples);
            assert!(payload.len() <= length * 2 && samples.len() <= length * 2, "{codec:?}");
        }
    }
    let mut samples = Vec::new();
    Decoder::L16.decode(&[1, 2, 3], &mut samples);
    assert_eq!(samples, [0x0102]);
}

#[test]
fn names_of_descriptions_are_codecs() {
    let table = [
        ("0 PCMU/8000", Some(Codec::Pcmu)),
        ("8 pcma/8000/1", Some(Codec::Pcma)),
        ("9 G722/8000", Some(Codec::G722)),
        ("96 L16/16000", Some(Codec::L16 { rate: 16_000, channels: 1 })),
        ("10 L16/44100/2", Some(Codec::L16 { rate: 44_100, channels: 2 })),
        ("96 L16/1", None),
        ("96 L16/16000/6", None),
        ("9 G722/16000", None),
        ("0 PCMU/16000", None),
        ("96 opus/48000/2", None),
        ("101 telephone-event/8000", None),
    ];
    for (name, wanted) in table {
        let map = RtpMap::read(name).expect(name);
        assert_eq!(Codec::of(&map), wanted, "{name}");
    }
}
