//! How much longer packets are under way than the fastest of them, and how long they should wait therefore.

/// Delays of the last seconds.
#[derive(Debug, Clone)]
pub(super) struct Delays {
    rate: u32,
    /// The fastest packet of this stretch and of the one before, so that a clock that drifts is followed.
    now: Option<i64>,
    before: Option<i64>,
    stretch_began: i64,
    /// How often packets were so much slower, in steps of 5 ms; old ones fade.
    steps: Vec<f64>,
    seen: u32,
}

impl Delays {
    pub fn new(rate: u32) -> Self {
        let steps = vec![0.0; STEPS];
        Self { rate: rate.max(1_000), now: None, before: None, stretch_began: 0, steps, seen: 0 }
    }

    /// Transit of the fastest packet, in units.
    pub fn least(&self) -> i64 {
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        least(self.now, self.before).unwrap_or(0)
    }

    /// True when a transit is far from the others.
    pub fn is_stray(&self, transit: i64) -> bool {
        self.now.is_some() && (transit - self.least()).abs() > i64::from(self.rate) * STRAY_SECONDS
    }

    /// Takes the transit of a packet that came at this time, both in units.
    pub fn seen(&mut self, arrival: i64, transit: i64) {
        if arrival - self.stretch_began > i64::from(self.rate) * STRETCH_SECONDS {
            (self.before, self.now, self.stretch_began) = (self.now, None, arrival);
        }
        self.now = Some(self.now.map_or(transit, |least| least.min(transit)));
        let step = ((transit - self.least()) / self.step()).max(0) as usize;
        for count in &mut self.steps {
            *count *= FADE;
        }
        self.steps[step.min(STEPS - 1)] += 1.0 - FADE;
        self.seen = self.seen.saturating_add(1);
    }

    /// How long packets should wait, in units, so that nearly all of them come in time; nothing while too few were seen.
    pub fn wanted(&self) -> Option<i64> {
        if self.seen < SEEN_LEAST {
            return None;
        }
        let whole: f64 = self.steps.iter().sum();
        let mut sum = 0.0;
        let step = self.steps.iter().position(|count| {
            sum += count;
            sum >= whole * IN_TIME
        })?;
        // The end of the step, and one step for the moment at which the player asks.
        Some(i64::from(step as u32 + 2) * self.step())
    }

    fn step(&self) -> i64 {
        i64::from(self.rate / 200)
    }
}

/// Steps of 5 ms: a second.
const STEPS: usize = 200;
/// What a packet counts after the next one came: half after 7 s of packets.
const FADE: f64 = 0.998;
/// So many packets of a hundred should come in time.
const IN_TIME: f64 = 0.98;
const SEEN_LEAST: u32 = 10;
const STRETCH_SECONDS: i64 = 5;
const STRAY_SECONDS: i64 = 3;
