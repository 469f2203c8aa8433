//! Tones: sums of sines, once or in a rhythm.

use std::time::Duration;

/// A sum of sines that goes on.
#[derive(Debug, Clone)]
pub struct Tone {
    sines: Vec<Sine>,
}

#[derive(Debug, Clone)]
struct Sine {
    amplitude: f64,
    phase: f64,
    step: f64,
}

impl Tone {
    /// Frequencies in Hz, each with its level in dBm0; a sine of full scale has 3.14 dBm0 (ITU-T G.711).
    pub fn new(sample_rate: u32, frequencies: &[(f64, f64)]) -> Self {
        let sine = |(hertz, level): &(f64, f64)| Sine {
            amplitude: amplitude(*level),
            phase: 0.0,
            step: std::f64::consts::TAU * hertz / f64::from(sample_rate.max(1)),
        };
        Self { sines: frequencies.iter().map(sine).collect() }
    }

    /// Fills `out` with what comes next.
    pub fn fill(&mut self, out: &mut [i16]) {
        for sample in out {
            let mut sum = 0.0;
            for sine in &mut self.sines {
                sum += sine.amplitude * sine.phase.sin();
                sine.phase += sine.step;
                if sine.phase > std::f64::consts::TAU {
                    sine.phase -= std::f64::consts::TAU;
                }
            }
            // Saturates at the ends of the range.
            *sample = sum.round() as i16;
        }
    }
}

/// The peak of a sine with this level.
pub fn amplitude(dbm0: f64) -> f64 {
    f64::from(i16::MAX) * 10_f64.powf((dbm0 - FULL_SCALE_DBM0) / 20.0)
}

/// The level of samples in dBm0; silence is far below -90.
pub fn level(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean = power / samples.len().max(1) as f64;
    let full = f64::from(i16::MAX).powi(2) / 2.0;
    FULL_SCALE_DBM0 + 10.0 * (mean / full).max(1e-12).log10()
}

/// A tone in a rhythm: on, off, on, off, and from the beginning again.
#[derive(Debug, Clone)]
pub struct Rhythm {
    tone: Tone,
    /// Samples of each part; the first is on.
    parts: Vec<usize>,
    part: usize,
    left: usize,
}

impl Rhythm {
    /// The tone, and how long it is on, off, on, off…; without parts it goes on.
    pub fn new(tone: Tone, sample_rate: u32, parts: &[Duration]) -> Self {
        let samples = |part: &Duration| (part.as_secs_f64() * f64::from(sample_rate)) as usize;
        let mut parts: Vec<usize> = parts.iter().map(samples).collect();
        if parts.iter().all(|part| *part == 0) {
            parts = vec![usize::MAX];
        }
        let left = parts[0];
        Self { tone, parts, part: 0, left }
    }

    /// Fills `out` with what comes next.
    pub fn fill(&mut self, mut out: &mut [i16]) {
        while !out.is_empty() {
            while self.left == 0 {
                self.part = (self.part + 1) % self.parts.len();
                self.left = self.parts[self.part];
            }
            let (now, later) = out.split_at_mut(self.left.min(out.len()));
            if self.part.is_multiple_of(2) {
                self.tone.fill(now)
            } else {
                now.fill(0)
            }
            self.left -= now.len();
            out = later;
        }
    }
}

/// A sine of full scale, in dBm0 (ITU-T G.711).
#[expect(clippy::approx_constant, reason = "decibels, not half a circle")]
const FULL_SCALE_DBM0: f64 = 3.14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_the_level_that_was_asked_for() {
        for level_asked in [-40.0, -20.0, -10.0, 0.0, 3.0] {
            let mut samples = vec![0; 8_000];
            Tone::new(8_000, &[(1_004.0, level_asked)]).fill(&mut samples);
            assert!((level(&samples) - level_asked).abs() < 0.05, "{level_asked}: {}", level(&samples));
        }
        assert!(level(&[0; 80]) < -90.0 && level(&[]) < -90.0);
    }

    #[test]
    fn a_rhythm_is_on_and_off_however_it_is_asked_for() {
        let parts = [Duration::from_millis(500), Duration::from_millis(250)];
        let tone = Tone::new(8_000, &[(440.0, -10.0)]);
        let mut whole = vec![1; 16_000];
        Rhythm::new(tone.clone(), 8_000, &parts).fill(&mut whole);
        assert!(level(&whole[..4_000]) > -11.0 && level(&whole[6_000..10_000]) > -11.0);
        assert!(whole[4_000..6_000].iter().all(|sample| *sample == 0));
        let (mut pieces, mut rhythm) = (vec![1; 16_000], Rhythm::new(tone.clone(), 8_000, &parts));
        pieces.chunks_mut(161).for_each(|piece| rhythm.fill(piece));
        assert_eq!(pieces, whole);
        let mut endless = vec![0; 800];
        Rhythm::new(tone, 8_000, &[]).fill(&mut endless);
        assert!(level(&endless) > -11.0);
    }
}
