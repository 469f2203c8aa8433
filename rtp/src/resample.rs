//! Another sample rate: a polyphase filter (windowed sinc) for any two rates, whose state goes on from piece to piece.

/// From one rate to another, one channel.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Output samples for so many input samples: `up` for `down`.
    up: usize,
    down: usize,
    /// One row of taps for each phase.
    taps: Vec<f32>,
    length: usize,
    /// The last input samples, oldest first.
    history: Vec<f32>,
    /// The phase of the next output sample, in steps of 1/up of an input sample.
    phase: usize,
}

impl Resampler {
    /// From so many samples a second to so many; each 8,000 to 48,000 usually.
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (from.max(1), to.max(1));
        let shared = divisor(from, to);
        let (up, down) = ((to / shared) as usize, (from / shared) as usize);
        // What the lower of both rates can hold passes; longer rows make up for a lower cut.
        let scale = f64::from(to.min(from)) / f64::from(from);
        let length = ((f64::from(LENGTH) / scale).ceil() as usize).next_multiple_of(LANES);
        let mut taps = Vec::with_capacity(up * length);
        for phase in 0..up {
            let row: Vec<f64> = (0..length)
                .map(|tap| {
                    let middle = length as f64 / 2.0 - 1.0 + phase as f64 / up as f64;
                    let at = tap as f64 - middle;
                    let window = blackman(0.5 + at / length as f64);
                    sinc(at * scale * PASS) * scale * PASS * window
                })
                .collect();
            // Each phase passes a constant as it is.
            let sum: f64 = row.iter().sum();
            taps.extend(row.iter().map(|tap| (tap / sum) as f32));
        }
        Self { up, down, taps, length, history: vec![0.0; length], phase: 0 }
    }

    /// Writes what these samples become behind what stands in `out`.
    pub fn resample(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        if self.up == self.down {
            out.extend_from_slice(samples);
            return;
        }
        out.reserve(samples.len() * self.up / self.down + 1);
        let start = self.history.len() - self.length;
        self.history.drain(..start);
        self.history.extend(samples.iter().map(|sample| f32::from(*sample)));
        let (mut first, last) = (0, samples.len());
        while first < last {
            if self.phase >= self.up {
                let whole = self.phase / self.up;
                first += whole;
                self.phase -= whole * self.up;
                continue;
            }
            let row = &self.taps[self.phase * self.length..(self.phase + 1) * self.length];
            let window = &self.history[first + 1..=first + self.length];
            // Saturates at the ends of the range.
            out.push(product(row, window).round() as i16);
            self.phase += self.down;
        }
        self.phase += (first - last) * self.up;
    }
}

/// The sum of the products, in lanes that the processor can take at once.
fn product(row: &[f32], window: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for (taps, samples) in row.as_chunks::<LANES>().0.iter().zip(window.as_chunks::<LANES>().0) {
        for ((lane, tap), sample) in lanes.iter_mut().zip(taps).zip(samples) {
            *lane += tap * sample;
        }
    }
    lanes.iter().sum()
}

fn sinc(at: f64) -> f64 {
    let angle = std::f64::consts::PI * at;
    if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle }
}

/// Zero at 0 and 1, one in the middle.
fn blackman(at: f64) -> f64 {
    if !(0.0..=1.0).contains(&at) {
        return 0.0;
    }
    let angle = std::f64::consts::TAU * at;
    0.42 - 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos()
}

fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Rows are of so many taps, or twice, or three times.
const LANES: usize = 8;
/// Taps of a phase, when nothing is cut.
const LENGTH: u32 = 48;
/// The part of the band that passes whole: the rest is where the filter falls.
const PASS: f64 = 0.92;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level};

    /// The level of a tone of -10 dBm0 after it was resampled, its beginning left out.
    fn after(from: u32, to: u32, hertz: f64) -> f64 {
        let mut samples = vec![0; from as usize / 2];
        Tone::new(from, &[(hertz, -10.0)]).fill(&mut samples);
        let mut out = Vec::new();
        Resampler::new(from, to).resample(&samples, &mut out);
        let wanted = to as usize / 2;
        assert!(out.len().abs_diff(wanted) <= 1, "{} of {wanted}", out.len());
        level(&out[wanted / 5..])
    }

    #[test]
    fn what_both_rates_can_hold_passes_and_the_rest_does_not() {
        for from in [8_000, 16_000, 22_050, 44_100, 48_000] {
            for to in [8_000, 16_000, 48_000] {
                for hertz in [100.0, 1_000.0, 3_000.0] {
                    let level = after(from, to, hertz);
                    assert!((level + 10.0).abs() < 0.3, "{from} to {to}: {hertz} Hz has {level}");
                }
            }
        }
        for (from, to, hertz) in
            [(16_000, 8_000, 4_700.0), (48_000, 8_000, 5_000.0), (48_000, 16_000, 9_500.0)]
        {
            let level = after(from, to, hertz);
            assert!(level < -65.0, "{from} to {to}: {hertz} Hz is folded to {level}");
        }
    }

    #[test]
    fn pieces_are_as_the_whole() {
        let mut samples = vec![0; 4_410];
        Tone::new(44_100, &[(440.0, -10.0)]).fill(&mut samples);
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        Resampler::new(44_100, 16_000).resample(&samples, &mut whole);
        let mut resampler = Resampler::new(44_100, 16_000);
        samples.chunks(97).for_each(|piece| resampler.resample(piece, &mut pieces));
        assert_eq!(pieces, whole);
    }

    #[test]
    fn the_same_rate_changes_nothing() {
        let mut out = Vec::new();
        Resampler::new(8_000, 8_000).resample(&[1, -2, 3], &mut out);
        assert_eq!(out, [1, -2, 3]);
    }
}
