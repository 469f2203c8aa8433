use std::time::{Duration, Instant};

use super::info::Info;
use super::*;
use crate::codec::Codec;

fn digit(letter: char) -> Digit {
    Digit::of_letter(letter).expect("a digit")
}

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// The packets of a key that is held for so long, at 8,000 Hz from timestamp 1000, each with its time.
fn packets(letter: char, held: u64) -> Vec<(u64, Step)> {
    let mut sender = Sender::new(digit(letter), ms(held), ms(20), 8_000, 1_000);
    let steps: Vec<Step> = std::iter::from_fn(|| sender.step()).collect();
    assert!(sender.is_done() && sender.step().is_none());
    steps.into_iter().enumerate().map(|(place, step)| (place as u64 * 20, step)).collect()
}

/// What keys do when these packets come.
fn told(packets: impl IntoIterator<Item = (u64, Step)>) -> Vec<Press> {
    let (mut receiver, start, mut last) = (Receiver::new(8_000), Instant::now(), Instant::now());
    let mut presses = Vec::new();
    for (at, step) in packets {
        last = start + ms(at);
        let told = receiver.receive(last, step.timestamp, &step.payload).expect("an event");
        presses.extend(told.into_iter().flatten());
    }
    presses.extend(receiver.idle(last + ms(300)));
    assert_eq!(receiver.idle(last + ms(600)), None, "told once");
    presses
}

#[test]
fn a_key_is_a_row_of_packets_whose_end_comes_three_times() {
    let row: Vec<String> = packets('5', 100)
        .into_iter()
        .map(|(_, Step { marker, timestamp, payload })| {
            let event = Event::read(&payload).expect("an event");
            format!("{} {} {timestamp} {} {}", u8::from(marker), event.event, event.duration, event.is_end)
        })
        .collect();
    let wanted = [
        "1 5 1000 160 false",
        "0 5 1000 320 false",
        "0 5 1000 480 false",
        "0 5 1000 640 false",
        "0 5 1000 800 true",
        "0 5 1000 800 true",
        "0 5 1000 800 true",
    ];
    assert_eq!(row, wanted);
}

#[test]
fn a_key_is_told_once_whatever_happens_to_its_packets() {
    let row = packets('5', 100);
    let five = digit('5');
    let whole = vec![Press::Down(five), Press::Up(five, ms(100))];
    assert_eq!(told(row.clone()), whole);
    let mut doubled = row.clone();
    doubled.extend(row.clone());
    assert_eq!(told(doubled), whole, "each packet twice, and late ones");
    assert_eq!(told(row[3..].to_vec()), whole, "the first are lost");
    assert_eq!(told(row[5..6].to_vec()), whole, "one end alone came");
    let mut swapped = row.clone();
    swapped.swap(1, 3);
    assert_eq!(told(swapped), whole, "out of order");
    let endless = told(row[..3].to_vec());
    assert_eq!(endless, [Press::Down(five), Press::Up(five, ms(60))], "the ends are lost");
    // Every way in which packets may get lost, but for all of them.
    for lost in 0_u32..127 {
        let left =
            row.iter().enumerate().filter(|(place, _)| lost >> place & 1 == 0).map(|(_, packet)| *packet);
        let told = told(left);
        assert!(
            matches!(told[..], [Press::Down(first), Press::Up(second, _)] if first == five && second == five)
        );
    }
}

#[test]
fn the_next_key_ends_one_whose_end_got_lost() {
    let mut row = packets('1', 100);
    row.truncate(4);
    let next = Sender::new(digit('1'), ms(60), ms(20), 8_000, 3_000).step().expect("a packet");
    row.push((200, next));
    let end = Sender::new(digit('2'), ms(20), ms(20), 8_000, 5_000).step().expect("an end");
    row.push((220, end));
    let (one, two) = (digit('1'), digit('2'));
    assert_eq!(
        told(row),
        [
            Press::Down(one),
            Press::Up(one, ms(80)),
            Press::Down(one),
            Press::Up(one, ms(20)),
            Press::Down(two),
            Press::Up(two, ms(20)),
        ]
    );
}

#[test]
fn a_key_that_is_held_for_long_is_one_key_in_segments() {
    let row = packets('#', 20_000);
    let mut begins: Vec<u32> = row.iter().map(|(_, step)| step.timestamp).collect();
    begins.dedup();
    assert_eq!(begins, [1_000, 1_000 + 65_535, 1_000 + 2 * 65_535]);
    assert_eq!(row.iter().filter(|(_, step)| step.marker).count(), 1);
    assert_eq!(told(row), [Press::Down(digit('#')), Press::Up(digit('#'), ms(20_000))]);
}

#[test]
fn what_is_no_key_is_nothing() {
    let mut receiver = Receiver::new(8_000);
    let now = Instant::now();
    // A modem's answer tone (event 32), and payloads that are too short.
    assert_eq!(receiver.receive(now, 1, &[32, 0x80, 1, 0]), Ok([None; 3]));
    assert_eq!(
        receiver.receive(now, 1, &[5, 0, 1]).expect_err("short").to_string(),
        "octet 3: expected an event of 4 octets"
    );
    assert_eq!(Digit::of_event(17), None);
    assert_eq!(Digit::of_letter('E'), None);
    for event in 0..=16 {
        let digit = Digit::of_event(event).expect("a key");
        assert_eq!(Digit::of_letter(digit.letter()), Some(digit));
    }
}

#[test]
fn bodies_of_info_are_digits() {
    let table = [
        ("Signal=5\r\nDuration=250\r\n", Some(('5', 250))),
        ("Signal= *\r\nDuration= 100", Some(('*', 100))),
        ("signal=11\n", Some(('#', 160))),
        ("Duration=20\r\nSignal=a\r\n", Some(('A', 40))),
        ("Signal=16\r\n", Some(('!', 160))),
        ("Signal=5\r\nDuration=soon\r\n", Some(('5', 160))),
        ("7", Some(('7', 160))),
        ("#\r\n", Some(('#', 160))),
        ("12", Some(('A', 160))),
        ("", None),
        ("Signal=\r\n", None),
        ("Signal=17\r\n", None),
        ("hello", None),
    ];
    for (body, wanted) in table {
        let read = Info::read(body.as_bytes()).ok();
        let wanted = wanted.map(|(letter, time)| Info { digit: digit(letter), duration: ms(time) });
        assert_eq!(read, wanted, "{body}");
    }
    assert!(Info::read(&[0xff]).is_err());
    let info = Info { digit: digit('9'), duration: ms(200) };
    assert_eq!(Info::read(info.relay().as_bytes()), Ok(info));
    assert_eq!(Info::read(info.plain().as_bytes()).map(|read| read.digit), Ok(info.digit));
}

/// A small generator, so that each run is the same.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, of variance 1.
    fn noise(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

fn heard(rate: u32, sound: &[i16]) -> String {
    let mut detector = Detector::new(rate);
    let mut letters = String::new();
    for packet in sound.chunks(rate as usize / 50) {
        detector.detect(packet, &mut |press| {
            if let Press::Down(digit) = press {
                letters.push(digit.letter());
            }
        });
    }
    letters
}

/// All keys, each for so long, at these levels, with frequencies that are off by this much.
fn keys(rate: u32, on: u64, off: u64, low: f64, high: f64, detune: f64) -> Vec<i16> {
    let mut sound = vec![0; 37];
    for key in Digit::all() {
        let (low_hertz, high_hertz) = key.frequencies().expect("a sound");
        let mut tone = Tone::new(rate, &[(low_hertz * detune, low), (high_hertz * detune, high)]);
        let mut samples = vec![0; (u64::from(rate) * on / 1_000) as usize];
        tone.fill(&mut samples);
        sound.extend(samples);
        sound.extend(vec![0; (u64::from(rate) * off / 1_000) as usize]);
    }
    sound.extend(vec![0; rate as usize / 10]);
    sound
}

const EVERY: &str = "0123456789*#ABCD";

/// ITU-T Q.24: what is a key, and what is none.
#[test]
fn keys_are_heard_in_sound() {
    let table = [
        ("as we make them", 100, 100, -9.0, -7.0, 1.0, EVERY),
        ("the shortest", 40, 40, -9.0, -7.0, 1.0, EVERY),
        ("loud", 60, 60, 0.0, 0.0, 1.0, EVERY),
        ("quiet", 60, 60, -32.0, -32.0, 1.0, EVERY),
        ("the high tone louder by 6 dB", 60, 60, -16.0, -10.0, 1.0, EVERY),
        ("the low tone louder by 6 dB", 60, 60, -10.0, -16.0, 1.0, EVERY),
        ("1.5 % too high", 60, 60, -9.0, -7.0, 1.015, EVERY),
        ("1.5 % too low", 60, 60, -9.0, -7.0, 0.985, EVERY),
        ("too short", 18, 80, -9.0, -7.0, 1.0, ""),
        ("too quiet", 60, 60, -45.0, -45.0, 1.0, ""),
        ("the high tone louder by 13 dB", 60, 60, -23.0, -10.0, 1.0, ""),
        ("the low tone louder by 13 dB", 60, 60, -10.0, -23.0, 1.0, ""),
        ("3.5 % too high", 60, 60, -9.0, -7.0, 1.035, ""),
        ("3.5 % too low", 60, 60, -9.0, -7.0, 0.965, ""),
        ("one tone alone", 60, 60, -9.0, -90.0, 1.0, ""),
    ];
    for rate in [8_000, 16_000, 48_000] {
        for (what, on, off, low, high, detune, wanted) in table {
            let sound = keys(rate, on, off, low, high, detune);
            assert_eq!(heard(rate, &sound), wanted, "{what} at {rate} Hz");
        }
    }
}

#[test]
fn keys_are_heard_through_codecs_and_noise() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let rate = codec.sample_rate();
        let mut sound = keys(rate, 60, 60, -9.0, -7.0, 1.0);
        let mut chance = Chance(0x5eed);
        // 18 dB below the tones.
        let level = crate::tone::amplitude(-24.0) / std::f64::consts::SQRT_2;
        for sample in &mut sound {
            *sample = (f64::from(*sample) + chance.noise() * level) as i16;
        }
        let (mut payload, mut again) = (Vec::new(), Vec::new());
        codec.encoder().encode(&sound, &mut payload);
        codec.decoder().decode(&payload, &mut again);
        assert_eq!(heard(rate, &again), EVERY, "{codec:?}");
    }
}

#[test]
fn a_short_break_does_not_make_two_keys_of_one() {
    let mut tone = digit('8').tone(8_000).expect("a sound");
    let mut sound = vec![0; 1_600];
    tone.fill(&mut sound);
    sound[800..864].fill(0);
    sound.extend([0; 400]);
    let mut presses = Vec::new();
    Detector::new(8_000).detect(&sound, &mut |press| presses.push(press));
    let [Press::Down(down), Press::Up(up, held)] = presses[..] else { panic!("{presses:?}") };
    assert_eq!((down, up), (digit('8'), digit('8')));
    assert!(held.abs_diff(ms(200)) < ms(26), "{held:?}");
}

/// Talk-off: half an hour of what is no key. Voices are pulses through three formants that glide, with pauses, at levels
/// of speech.
#[test]
fn voices_noise_and_tones_are_no_keys() {
    let mut chance = Chance(0xabcd_1234);
    let noise: Vec<i16> = (0..8_000 * 120).map(|_| (chance.noise() * 3_000.0) as i16).collect();
    assert_eq!(heard(8_000, &noise), "", "white noise");
    for tones in [&[(350.0, -13.0), (440.0, -13.0)][..], &[(440.0, -10.0)], &[(480.0, -13.0), (620.0, -13.0)]]
    {
        let mut samples = vec![0; 8_000 * 10];
        Tone::new(8_000, tones).fill(&mut samples);
        assert_eq!(heard(8_000, &samples), "", "{tones:?}");
    }
    assert_eq!(heard(8_000, &voice(&mut chance, 30 * 60)), "", "voices");
}

/// Something like speech.
fn voice(chance: &mut Chance, seconds: usize) -> Vec<i16> {
    let mut sound = Vec::with_capacity(seconds * 8_000);
    let mut states = [[0.0_f64; 2]; 3];
    let mut phase = 0.0;
    while sound.len() < seconds * 8_000 {
        // A syllable: pitch, formants and loudness of its beginning and end, or a pause.
        let length = 600 + (chance.unit() * 2_400.0) as usize;
        let pitch = 85.0 + chance.unit() * 180.0;
        let glide = 0.8 + chance.unit() * 0.4;
        let mut formant = |from: f64, to: f64| from + chance.unit() * (to - from);
        let formants = [formant(250.0, 900.0), formant(800.0, 2_400.0), formant(2_200.0, 3_300.0)];
        let loud = if chance.unit() < 0.2 { 0.0 } else { 400.0 + chance.unit() * 2_500.0 };
        for at in 0..length {
            let way = at as f64 / length as f64;
            phase += pitch * (1.0 + (glide - 1.0) * way) / 8_000.0;
            let pulse = if phase >= 1.0 { 8.0 } else { 0.0 };
            phase -= phase.floor();
            let mut sample = pulse + chance.noise() * 0.05;
            for (hertz, state) in formants.iter().zip(&mut states) {
                // A resonance of 80 Hz.
                let turn = std::f64::consts::TAU * hertz * (1.0 + (glide - 1.0) * way) / 8_000.0;
                let now = sample * 0.25 + 2.0 * 0.969 * turn.cos() * state[0] - 0.969 * 0.969 * state[1];
                *state = [now, state[0]];
                sample = now * 0.8 + sample * 0.2;
            }
            let window = (std::f64::consts::PI * way).sin();
            sound.push((sample * loud * window).clamp(-32_000.0, 32_000.0) as i16);
        }
    }
    sound
}
