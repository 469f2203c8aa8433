//! Another sample rate, without what would be heard as other frequencies: a windowed sinc.

/// These samples at another rate, both in Hz. It is done once for each file.
pub(super) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let step = f64::from(from) / f64::from(to);
    // Below half of the lower rate, with room for the slope of the filter.
    let cutoff = 0.92 * (1.0 / step).min(1.0);
    let half = (ZEROS / cutoff).ceil();
    let count = (samples.len() as f64 / step) as usize;
    let at = |place: f64| {
        let first = (place - half).ceil().max(0.0) as usize;
        let last = ((place + half).floor() as usize).min(samples.len() - 1);
        let sum: f64 = (first..=last)
            .map(|index| f64::from(samples[index]) * kernel(index as f64 - place, cutoff, half))
            .sum();
        // Saturates at the ends of the range.
        sum.round() as i16
    };
    (0..count).map(|index| at(index as f64 * step)).collect()
}

/// The sinc of this cutoff under a Hann window.
fn kernel(x: f64, cutoff: f64, half: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    let sinc = if x.abs() < 1e-9 { cutoff } else { (angle * cutoff).sin() / angle };
    sinc * 0.5 * (1.0 + (angle / half).cos())
}

/// Crossings of zero on each side.
const ZEROS: f64 = 16.0;

#[cfg(test)]
mod tests {
    use super::*;
    use rtp::tone::{Tone, level};

    fn through(rate: u32, hz: f64) -> f64 {
        let mut samples = vec![0; rate as usize / 2];
        Tone::new(rate, &[(hz, -10.0)]).fill(&mut samples);
        let out = resample(&samples, rate, 8000);
        assert_eq!(out.len(), 4000);
        level(&out[400..3600])
    }

    #[test]
    fn what_fits_stays_and_what_does_not_is_gone() {
        for rate in [16_000, 44_100, 48_000] {
            for hz in [300.0, 1000.0, 3000.0] {
                let level = through(rate, hz);
                assert!((level + 10.0).abs() < 0.3, "{rate} {hz}: {level}");
            }
            for hz in [5000.0, 7000.0] {
                let level = through(rate, hz);
                assert!(level < -60.0, "{rate} {hz}: {level}");
            }
        }
    }

    #[test]
    fn a_lower_rate_is_raised() {
        let mut samples = vec![0; 2000];
        Tone::new(6000, &[(800.0, -10.0)]).fill(&mut samples);
        let out = resample(&samples, 6000, 8000);
        assert!((level(&out[300..2300]) + 10.0).abs() < 0.3);
        assert_eq!(resample(&samples, 8000, 8000), samples);
    }
}
