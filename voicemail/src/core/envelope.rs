//! What is said of a message before it is heard: when it came, and from whom.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use prompt::{Caller, Day, Month, Sentence, Weekday};

/// When a message came, as seen from now; both in ms of Unix time.
pub(crate) fn received(at_ms: u64, now_ms: u64, zone: &TimeZone) -> Sentence<'static> {
    let local = |ms: u64| {
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        // What lies beyond the calendar is a clock that is wrong: it is said as its beginning.
        Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone.clone()).datetime()
    };
    let (at, now) = (local(at_ms), local(now_ms));
    let day = day(at.date(), now.date());
    Sentence::ReceivedOn { day, hour: at.hour().unsigned_abs(), minute: at.minute().unsigned_abs() }
}

fn day(at: Date, today: Date) -> Day {
    if at == today {
        return Day::Today;
    }
    if today.yesterday().is_ok_and(|yesterday| at == yesterday) {
        return Day::Yesterday;
    }
    let weekday = usize::from(at.weekday().to_monday_zero_offset().unsigned_abs());
    let month = usize::from(at.month().unsigned_abs()) - 1;
    Day::On {
        weekday: Weekday::ALL[weekday],
        day: at.day().unsigned_abs(),
        month: Month::ALL[month],
        year: (at.year() != today.year()).then(|| at.year().unsigned_abs()),
    }
}

/// How a caller's number is said: short ones are extensions of ours.
pub(crate) fn caller(number: &str) -> Caller<'_> {
    let digits = number.chars().filter(char::is_ascii_digit).count();
    match digits {
        0 => Caller::Unknown,
        1..=EXTENSION_DIGITS_MAX if !number.starts_with('+') => Caller::Extension(number),
        _ => Caller::Telephone(number),
    }
}

/// How long a key is waited for after a message, before the keys are said.
pub(crate) const AFTER_MESSAGE: Duration = Duration::from_millis(500);
const EXTENSION_DIGITS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    /// Sunday 15 November 2026, 22:30 in UTC: 23:30 in Paris.
    const AT: u64 = 1_794_781_800_000;

    #[test]
    fn a_day_is_said_as_seen_from_today_where_the_company_is() {
        let paris = TimeZone::get("Europe/Paris").expect("the zones are built in");
        let day = |now_ms| match received(AT, now_ms, &paris) {
            Sentence::ReceivedOn { day, hour: 23, minute: 30 } => day,
            other => panic!("{other:?}"),
        };
        assert_eq!(day(AT + 60_000), Day::Today);
        assert_eq!(day(AT + 3_600_000), Day::Yesterday, "midnight has passed in Paris, not in UTC");
        let on = |year| Day::On { weekday: Weekday::Sunday, day: 15, month: Month::November, year };
        assert_eq!(day(AT + 3 * DAY_MS), on(None));
        assert_eq!(day(AT + 60 * DAY_MS), on(Some(2026)));
        assert!(matches!(received(u64::MAX, AT, &paris), Sentence::ReceivedOn { .. }));
    }

    #[test]
    fn a_caller_is_an_extension_a_telephone_or_nobody_known() {
        for (number, said) in [
            ("6001", Caller::Extension("6001")),
            ("+33123", Caller::Telephone("+33123")),
            ("0123456789", Caller::Telephone("0123456789")),
            ("", Caller::Unknown),
            ("anonymous", Caller::Unknown),
        ] {
            assert_eq!(caller(number), said, "{number}");
        }
    }
}
