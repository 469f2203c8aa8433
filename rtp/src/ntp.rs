//! Times as RTCP writes them (RFC 3550 §4).

use std::time::Duration;

/// Seconds since 1900 in the upper half, their fraction in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The time that is this long after the start of 1970.
    pub fn since_1970(time: Duration) -> Self {
        let fraction = (u64::from(time.subsec_nanos()) << 32) / NANOS;
        Self(time.as_secs().wrapping_add(FROM_1900_TO_1970) << 32 | fraction)
    }

    /// The middle 32 bits: units of 1/65536 s, as LSR and LRR say it.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// This much later.
    pub fn plus(self, time: Duration) -> Self {
        let fraction = (u64::from(time.subsec_nanos()) << 32) / NANOS;
        Self(self.0.wrapping_add(time.as_secs() << 32).wrapping_add(fraction))
    }
}

/// A duration in units of 1/65536 s, as DLSR and DLRR say it; at most 18 hours.
pub fn short_units(time: Duration) -> u32 {
    u32::try_from(time.as_nanos() * 65_536 / u128::from(NANOS)).unwrap_or(u32::MAX)
}

/// What units of 1/65536 s are.
pub fn of_short_units(units: u32) -> Duration {
    Duration::from_nanos((u64::from(units) * NANOS) >> 16)
}

/// How long a question and its answer were under way (RFC 3550 §6.4.1): now, less the time of our report that the other
/// end names (`last`, 0 when it had none yet), less how long it kept it. Nothing when the clocks contradict it.
pub fn round_trip(now: NtpTime, last: u32, delay: u32) -> Option<Duration> {
    if last == 0 {
        return None;
    }
    let units = now.middle().wrapping_sub(last).wrapping_sub(delay);
    // The other end's clock runs a little faster than ours, or it lies.
    (units < 1 << 31).then(|| of_short_units(units))
}

const NANOS: u64 = 1_000_000_000;
const FROM_1900_TO_1970: u64 = 2_208_988_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_ntp() {
        let time = NtpTime::since_1970(Duration::from_millis(1_500));
        assert_eq!(time.0, (2_208_988_801 << 32) | 1 << 31);
        assert_eq!(time.middle(), (2_208_988_801_u64 << 16) as u32 | 0x8000);
        assert_eq!(time.plus(Duration::from_millis(500)).0, 2_208_988_802 << 32);
        assert_eq!(short_units(Duration::from_millis(250)), 0x4000);
        assert_eq!(of_short_units(0x4000), Duration::from_millis(250));
    }

    /// RFC 3550 §6.4.1, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000 give 6.125 s.
    #[test]
    fn the_round_trip_of_the_standards_figure() {
        let now = NtpTime(0xb44d_b710_8000_0000);
        assert_eq!(round_trip(now, 0xb705_2000, 0x0005_4000), Some(Duration::from_millis(6_125)));
        assert_eq!(round_trip(now, 0, 0), None);
        assert_eq!(round_trip(now, 0xb710_8000, 1), None);
    }
}
