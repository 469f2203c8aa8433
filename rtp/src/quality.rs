//! How good a call sounds: R and MOS by the E-model (ITU-T G.107, and G.107.1 for wide band), from codec, loss and delay.

use std::time::Duration;

/// What a codec and its concealment cost (ITU-T G.113, appendix I).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Ie: what it costs without loss, 0 to 95.
    pub equipment: f64,
    /// Bpl: how much loss it bears, in per cent.
    pub robustness: f64,
    /// True when it is on the scale of wide band (G.107.1), which ends at 129 and not at 93.2.
    pub is_wide: bool,
}

impl Impairment {
    /// G.711 whose losses are concealed (G.711 appendix I).
    pub const G711_CONCEALED: Self = Self { equipment: 0.0, robustness: 25.1, is_wide: false };
    /// G.711 whose losses are silence.
    pub const G711: Self = Self { equipment: 0.0, robustness: 4.3, is_wide: false };
    /// G.722 at 64 kbit/s. Its robustness is taken from G.711, since its losses are concealed the same way.
    pub const G722: Self = Self { equipment: 13.0, robustness: 25.1, is_wide: true };
    /// G.729A with voice activity detection.
    pub const G729: Self = Self { equipment: 11.0, robustness: 19.0, is_wide: false };
}

/// What a stretch of a call was like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// From mouth to ear: half the round trip, jitter buffer, packet and codec together.
    pub delay: Duration,
    /// Lost or too late, 0 to 1.
    pub loss: f64,
    /// How much longer rows of losses are than by chance; 1 for random loss.
    pub burst_ratio: f64,
}

/// R of a stretch, 0 to 100 for narrow band and to 129 for wide band.
pub fn rating(codec: &Impairment, stretch: &Stretch) -> f64 {
    let best = if codec.is_wide { BEST_WIDE } else { BEST };
    (best - delay(stretch.delay) - loss(codec, stretch)).max(0.0)
}

/// Mean opinion score of a rating, 1 to 4.5 (ITU-T G.107 annex B; G.107.1 annex A for wide band).
pub fn opinion(codec: &Impairment, rating: f64) -> f64 {
    let rating = if codec.is_wide { rating / 1.29 } else { rating };
    match rating {
        rating if rating <= 0.0 => 1.0,
        rating if rating >= 100.0 => 4.5,
        rating => (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0),
    }
}

/// Id without echo, as Cole and Rosenbluth fitted it to the model's defaults: conversation suffers beyond 177 ms.
fn delay(delay: Duration) -> f64 {
    let ms = delay.as_secs_f64() * 1_000.0;
    0.024 * ms + 0.11 * (ms - 177.3).max(0.0)
}

/// Ie,eff (ITU-T G.107, 7.5).
fn loss(codec: &Impairment, stretch: &Stretch) -> f64 {
    let percent = stretch.loss.clamp(0.0, 1.0) * 100.0;
    let shared = percent / stretch.burst_ratio.max(1.0) + codec.robustness;
    codec.equipment + (95.0 - codec.equipment) * percent / shared
}

/// R of narrow band with all defaults, nothing lost and no delay.
const BEST: f64 = 93.2;
/// The same for wide band.
const BEST_WIDE: f64 = 129.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn score(codec: Impairment, ms: u64, loss: f64, burst_ratio: f64) -> (f64, f64) {
        let stretch = Stretch { delay: Duration::from_millis(ms), loss, burst_ratio };
        let rating = rating(&codec, &stretch);
        let tenth = |number: f64| (number * 100.0).round() / 100.0;
        (tenth(rating), tenth(opinion(&codec, rating)))
    }

    /// Codec, delay in ms, loss, burst ratio, R and MOS: computed by hand from the formulas.
    #[test]
    fn ratings_are_those_of_the_model() {
        let table = [
            (Impairment::G711_CONCEALED, 0, 0.0, 1.0, 93.2, 4.41),
            (Impairment::G711_CONCEALED, 100, 0.0, 1.0, 90.8, 4.36),
            (Impairment::G711_CONCEALED, 100, 0.01, 1.0, 87.16, 4.26),
            (Impairment::G711, 100, 0.01, 1.0, 72.88, 3.73),
            (Impairment::G711_CONCEALED, 400, 0.0, 1.0, 59.1, 3.05),
            (Impairment::G711_CONCEALED, 100, 0.05, 2.0, 73.59, 3.76),
            (Impairment::G729, 100, 0.0, 1.0, 79.8, 4.02),
            (Impairment::G722, 0, 0.0, 1.0, 116.0, 4.34),
            (Impairment::G711, 1_500, 1.0, 1.0, 0.0, 1.0),
        ];
        for (codec, ms, loss, ratio, rating, opinion) in table {
            assert_eq!(score(codec, ms, loss, ratio), (rating, opinion), "{codec:?} {ms} ms {loss}");
        }
    }

    #[test]
    fn more_loss_or_delay_is_never_better() {
        for codec in [Impairment::G711, Impairment::G722, Impairment::G729] {
            for step in 0..100 {
                let (here, there) = (f64::from(step) / 100.0, f64::from(step + 1) / 100.0);
                assert!(score(codec, 50, here, 1.0).1 >= score(codec, 50, there, 1.0).1);
                assert!(
                    score(codec, step as u64 * 10, 0.0, 1.0).1
                        >= score(codec, step as u64 * 10 + 10, 0.0, 1.0).1
                );
            }
        }
    }
}
