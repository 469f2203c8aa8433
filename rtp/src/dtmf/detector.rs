//! Keys in sound (ITU-T Q.23, Q.24): Goertzel's filter at the eight frequencies, and guards against speech that sounds
//! like a key.

use std::time::Duration;

use super::{Digit, HIGH, KEYPAD, LOW, Press};
use crate::tone::amplitude;

/// Looks for keys in sound of one sample rate.
#[derive(Debug, Clone)]
pub struct Detector {
    rate: u32,
    /// Samples of a block: 12.75 ms, so that two whole ones lie in the shortest key, of 40 ms.
    block: usize,
    bank: [Goertzel; 8],
    energy: f64,
    seen: usize,
    /// What the blocks before had.
    last: Option<Digit>,
    pressed: Option<Digit>,
    blocks: u32,
    misses: u32,
    samples: Vec<i16>,
}

impl Detector {
    /// A detector for samples of this rate, 8,000 a second or more.
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(8_000);
        let mut frequencies = LOW.iter().chain(&HIGH);
        let block = (rate * 102 / 8_000) as usize;
        Self {
            rate,
            block,
            bank: std::array::from_fn(|_| Goertzel::new(*frequencies.next().expect("eight of them"), rate)),
            energy: 0.0,
            seen: 0,
            last: None,
            pressed: None,
            blocks: 0,
            misses: 0,
            samples: Vec::with_capacity(block),
        }
    }

    /// The key that is down now.
    pub fn pressed(&self) -> Option<Digit> {
        self.pressed
    }

    /// Takes samples, and tells what keys did in them.
    pub fn detect(&mut self, mut samples: &[i16], tell: &mut dyn FnMut(Press)) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(self.block - self.seen));
            for filter in &mut self.bank {
                filter.feed(now);
            }
            self.energy += now.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
            self.samples.extend_from_slice(now);
            self.seen += now.len();
            samples = later;
            if self.seen == self.block {
                let digit = self.judge();
                self.energy = 0.0;
                self.seen = 0;
                self.samples.clear();
                self.follow(digit, tell);
            }
        }
    }

    /// What the block is.
    fn judge(&mut self) -> Option<Digit> {
        let powers = self.bank.each_mut().map(Goertzel::take);
        let (low, high) = powers.split_at(4);
        let (row, column) = (strongest(low), strongest(high));
        let (low_power, high_power) = (low[row], high[column]);
        // Powers are of the samples' sums: a sine of amplitude a has (a·n/2)² in its filter and a²·n/2 of energy.
        let n = self.block as f64;
        let least = (amplitude(LEVEL_MIN_DBM0) * n / 2.0).powi(2);
        if low_power < least || high_power < least {
            return None;
        }
        if high_power > low_power * TWIST_MAX || low_power > high_power * TWIST_MAX {
            return None;
        }
        let is_alone = |powers: &[f64], best: usize| {
            let others = powers.iter().enumerate().filter(|(place, _)| *place != best);
            others.into_iter().all(|(_, power)| power * PEAK_MIN < powers[best])
        };
        if !is_alone(low, row) || !is_alone(high, column) {
            return None;
        }
        if (low_power + high_power) * 2.0 / n < self.energy * PURITY_MIN {
            return None;
        }
        // Voices have overtones, keys have none. The second ones of the low group lie among the high group.
        let overtone = |hertz: f64| {
            let mut filter = Goertzel::new(hertz, self.rate);
            filter.feed(&self.samples);
            filter.take()
        };
        let is_voice = overtone(LOW[row] * 3.0) > low_power * OVERTONE_MAX
            || overtone(HIGH[column] * 2.0) > high_power * OVERTONE_MAX;
        if is_voice {
            return None;
        }
        Digit::of_letter(char::from(KEYPAD[row * 4 + column]))
    }

    /// Two blocks in a row are a key; two others in a row end it.
    fn follow(&mut self, digit: Option<Digit>, tell: &mut dyn FnMut(Press)) {
        if let Some(pressed) = self.pressed {
            self.blocks += 1;
            if digit == Some(pressed) {
                self.misses = 0;
            } else {
                self.misses += 1;
                if self.misses == 2 {
                    self.pressed = None;
                    let samples = (self.blocks - self.misses) * self.block as u32;
                    tell(Press::Up(pressed, Duration::from_secs(1) * samples / self.rate));
                }
            }
        }
        if let Some(digit) = digit
            && self.pressed.is_none()
            && self.last == Some(digit)
        {
            (self.pressed, self.blocks, self.misses) = (Some(digit), 2, 0);
            tell(Press::Down(digit));
        }
        self.last = digit;
    }
}

fn strongest(powers: &[f64]) -> usize {
    (1..powers.len()).fold(0, |best, place| if powers[place] > powers[best] { place } else { best })
}

/// Goertzel's filter for one frequency.
#[derive(Debug, Clone, Copy)]
struct Goertzel {
    factor: f64,
    one: f64,
    two: f64,
}

impl Goertzel {
    fn new(hertz: f64, rate: u32) -> Self {
        let factor = 2.0 * (std::f64::consts::TAU * hertz / f64::from(rate)).cos();
        Self { factor, one: 0.0, two: 0.0 }
    }

    fn feed(&mut self, samples: &[i16]) {
        let (mut one, mut two) = (self.one, self.two);
        for sample in samples {
            let now = self.factor * one - two + f64::from(*sample);
            (one, two) = (now, one);
        }
        (self.one, self.two) = (one, two);
    }

    /// The power so far; the filter begins again.
    fn take(&mut self) -> f64 {
        let (one, two) = (self.one, self.two);
        (self.one, self.two) = (0.0, 0.0);
        one * one + two * two - self.factor * one * two
    }
}

/// Each tone is at least so loud.
const LEVEL_MIN_DBM0: f64 = -36.0;
/// One tone is at most 9 dB above the other, as these filters see them, which err by 2 dB: Q.24 has 8 dB one way and 4 dB
/// the other.
const TWIST_MAX: f64 = 8.0;
/// Each tone is 8 dB above the others of its group.
const PEAK_MIN: f64 = 6.3;
/// So much of the sound's energy is in both tones.
const PURITY_MIN: f64 = 0.74;
/// An overtone is at least 10 dB below its tone.
const OVERTONE_MAX: f64 = 0.1;
