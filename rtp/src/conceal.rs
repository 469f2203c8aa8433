//! Loss concealment for any codec, on its samples: the last period of the sound is repeated and fades, as in G.711
//! appendix I, and what comes after is faded in.

/// The concealment of one stream.
#[derive(Debug, Clone)]
pub struct Concealer {
    rate: u32,
    /// The sound of the last 45 ms.
    history: Vec<i16>,
    /// What is repeated, while something is missing.
    period: Vec<f64>,
    /// Samples that were made up.
    made: usize,
}

impl Concealer {
    /// A stream with so many samples a second, of one channel.
    pub fn new(rate: u32) -> Self {
        Self { rate: rate.max(8_000), history: Vec::new(), period: Vec::new(), made: 0 }
    }

    /// Sound that came: its beginning is blended with what was made up before it.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            let length = (self.rate as usize * BLEND_MS / 1_000).min(samples.len());
            for (place, sample) in samples[..length].iter_mut().enumerate() {
                let way = (place + 1) as f64 / (length + 1) as f64;
                let made = self.next();
                *sample = (made * (1.0 - way) + f64::from(*sample) * way) as i16;
            }
            self.period.clear();
            self.made = 0;
        }
        let most = self.history_max();
        let kept = samples.len().min(most);
        let over = (self.history.len() + kept).saturating_sub(most);
        self.history.drain(..over);
        self.history.extend_from_slice(&samples[samples.len() - kept..]);
    }

    /// Fills `out` with what might have been there; after 60 ms that is silence.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.made == 0 {
            self.period = self.find_period();
        }
        for sample in out {
            *sample = self.next() as i16;
        }
    }

    /// The stream is silent, or another one begins.
    pub fn reset(&mut self) {
        self.history.clear();
        self.period.clear();
        self.made = 0;
    }

    fn next(&mut self) -> f64 {
        let at = self.made;
        self.made += 1;
        if self.period.is_empty() {
            return 0.0;
        }
        let ms = at as f64 * 1_000.0 / f64::from(self.rate);
        let loud = 1.0 - ((ms - FADE_FROM_MS) / (FADE_TO_MS - FADE_FROM_MS)).clamp(0.0, 1.0);
        self.period[at % self.period.len()] * loud
    }

    /// The last period of the sound, its end bent so that it joins its beginning.
    fn find_period(&self) -> Vec<f64> {
        let (shortest, longest) = (self.rate as usize / PITCH_MAX_HZ, self.rate as usize / PITCH_MIN_HZ);
        let history: Vec<f64> = self.history.iter().map(|sample| f64::from(*sample)).collect();
        let end = history.len();
        if end < longest * 2 {
            return Vec::new();
        }
        let window = &history[end - longest..];
        let alike = |period: usize| {
            let before = &history[end - longest - period..end - period];
            let (product, power) =
                window.iter().zip(before).step_by(2).fold((0.0, 1.0), |(product, power), (now, then)| {
                    (product + now * then, power + then * then)
                });
            product / f64::sqrt(power)
        };
        let best = (shortest..=longest).map(|period| (period, alike(period)));
        let best = best.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let period = best.map_or(longest, |(period, _)| period);
        let mut repeated = history[end - period..].to_vec();
        let bend = period / 4;
        for place in 0..bend {
            let way = (place + 1) as f64 / (bend + 1) as f64;
            let own = &mut repeated[period - bend + place];
            *own = *own * (1.0 - way) + history[end - period - bend + place] * way;
        }
        repeated
    }

    fn history_max(&self) -> usize {
        self.rate as usize * 45 / 1_000
    }
}

/// Voices are between these.
const PITCH_MIN_HZ: usize = 66;
const PITCH_MAX_HZ: usize = 200;
/// What is made up is as loud as before for so long…
const FADE_FROM_MS: f64 = 10.0;
/// …and silent from here on.
const FADE_TO_MS: f64 = 60.0;
/// How long what is made up and what came are heard together.
const BLEND_MS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level};

    /// A voice-like sound: 120 Hz with overtones.
    fn voice(rate: u32, ms: usize) -> Vec<i16> {
        let mut tone = Tone::new(rate, &[(120.0, -12.0), (240.0, -16.0), (360.0, -18.0), (720.0, -22.0)]);
        let mut samples = vec![0; rate as usize * ms / 1_000];
        tone.fill(&mut samples);
        samples
    }

    #[test]
    fn a_lost_packet_of_a_voice_is_nearly_what_it_was() {
        for rate in [8_000, 16_000] {
            let sound = voice(rate, 200);
            let (mut concealer, packet) = (Concealer::new(rate), rate as usize / 100);
            let mut heard = sound.clone();
            for (number, samples) in heard.chunks_mut(packet).enumerate() {
                if number == 10 { concealer.conceal(samples) } else { concealer.heard(samples) }
            }
            let wrong: Vec<i16> = sound.iter().zip(&heard).map(|(own, made)| own - made).collect();
            let lost = &wrong[10 * packet..11 * packet];
            let whole = level(&sound[10 * packet..11 * packet]);
            assert!(level(lost) < whole - 9.0, "{rate} Hz: {} of {whole}", level(lost));
            // No clicks: no step is larger than those of the voice itself.
            let step = |samples: &[i16]| {
                samples.windows(2).map(|two| (i32::from(two[0]) - i32::from(two[1])).abs()).max().unwrap_or(0)
            };
            assert!(step(&heard) <= step(&sound) * 3 / 2, "{} {}", step(&heard), step(&sound));
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_and_sound_comes_back() {
        let (mut concealer, mut sound) = (Concealer::new(8_000), voice(8_000, 100));
        concealer.heard(&mut sound);
        let mut levels = Vec::new();
        for _ in 0..4 {
            let mut made = [0; 160];
            concealer.conceal(&mut made);
            levels.push(level(&made));
        }
        assert!(levels[0] > levels[1] && levels[1] > levels[2] && levels[3] < -60.0, "{levels:?}");
        let mut back = voice(8_000, 20);
        concealer.heard(&mut back);
        assert!(level(&back) > -12.0);
    }

    #[test]
    fn nothing_heard_is_silence() {
        let mut concealer = Concealer::new(8_000);
        let mut made = [1; 160];
        concealer.conceal(&mut made);
        assert_eq!(made, [0; 160]);
        concealer.reset();
        concealer.heard(&mut []);
        concealer.conceal(&mut made);
        assert_eq!(made, [0; 160]);
    }
}
