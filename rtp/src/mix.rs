//! Mixing: everybody hears all others and not themselves, and two sides become two channels.

/// The sum of one moment's sound.
#[derive(Debug, Clone, Default)]
pub struct Mix {
    sum: Vec<i32>,
}

impl Mix {
    /// Silence of so many samples, in the room that is there.
    pub fn begin(&mut self, samples: usize) {
        self.sum.clear();
        self.sum.resize(samples, 0);
    }

    /// Adds what somebody says; what is longer than the moment is left out.
    pub fn add(&mut self, samples: &[i16]) {
        for (sum, sample) in self.sum.iter_mut().zip(samples) {
            *sum = sum.saturating_add(i32::from(*sample));
        }
    }

    /// What all say.
    pub fn all(&self, out: &mut [i16]) {
        self.without(&[], out);
    }

    /// What all but this one say, who said `own`. What is too loud is bent, not cut: three quarters of the range pass as
    /// they are.
    pub fn without(&self, own: &[i16], out: &mut [i16]) {
        let own = own.iter().copied().chain(std::iter::repeat(0));
        let sum = self.sum.iter().copied().chain(std::iter::repeat(0));
        for ((out, sum), own) in out.iter_mut().zip(sum).zip(own) {
            *out = bend(sum.saturating_sub(i32::from(own)));
        }
    }
}

/// Two sides as two channels, behind what stands in `out`. The shorter one ends with silence.
pub fn side_by_side(left: &[i16], right: &[i16], out: &mut Vec<i16>) {
    let at = |side: &[i16], place: usize| side.get(place).copied().unwrap_or(0);
    out.extend((0..left.len().max(right.len())).flat_map(|place| [at(left, place), at(right, place)]));
}

/// Makes samples louder or quieter by so many dB; those that become too loud are bent.
pub fn gain(samples: &mut [i16], db: f64) {
    let factor = 10_f64.powf(db / 20.0);
    for sample in samples {
        *sample = bend((f64::from(*sample) * factor) as i32);
    }
}

/// Any sum as a sample: linear up to the knee, then ever flatter towards the end of the range.
fn bend(sum: i32) -> i16 {
    let loud = sum.unsigned_abs();
    if loud <= KNEE {
        return sum as i16;
    }
    let over = f64::from(loud - KNEE);
    let room = f64::from(i16::MAX) - f64::from(KNEE);
    let bent = f64::from(KNEE) + room * over / (over + room);
    if sum < 0 { -bent as i16 } else { bent as i16 }
}

/// Three quarters of the range.
const KNEE: u32 = 24_575;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_all_others() {
        let voices = [[100, 200], [10, 20], [1, 2]];
        let mut mix = Mix::default();
        mix.begin(2);
        for voice in &voices {
            mix.add(voice);
        }
        let heard = |own: &[i16]| {
            let mut out = [0; 2];
            mix.without(own, &mut out);
            out
        };
        assert_eq!(voices.map(|voice| heard(&voice)), [[11, 22], [101, 202], [110, 220]]);
        let mut all = [9; 3];
        mix.all(&mut all);
        assert_eq!(all, [111, 222, 0], "what is asked for beyond the moment is silence");
    }

    #[test]
    fn what_is_too_loud_is_bent_and_never_turns_over() {
        let bent: Vec<i16> = (-200_000..200_000).map(bend).collect();
        assert!(bent.is_sorted());
        assert!((-24_575..=24_575).all(|sum| i32::from(bend(sum)) == sum));
        assert!(bend(i32::MAX) > 32_000 && bend(i32::MIN) < -32_000);
    }

    #[test]
    fn sides_are_channels_and_gain_is_in_db() {
        let mut out = Vec::new();
        side_by_side(&[1, 2, 3], &[7], &mut out);
        assert_eq!(out, [1, 7, 2, 0, 3, 0]);
        let mut samples = [1_000, -1_000];
        gain(&mut samples, -20.0);
        assert_eq!(samples, [100, -100]);
    }
}
