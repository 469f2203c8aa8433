//! Time conditions: days of the week, hours of the day, dates of the year. The moment and the time zone are given.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// A condition that holds when all of its parts do. An empty part holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    days: u8,
    hours: Vec<(u16, u16)>,
    dates: Vec<Dates>,
    otherwise: bool,
}

/// One date or a span of dates, of one year or of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dates {
    /// Both ends included.
    Once(Date, Date),
    /// Month and day of both ends; a span may go over New Year.
    Yearly((i8, i8), (i8, i8)),
}

/// Why a condition cannot be read, with an example of what can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhenError(pub String);

impl fmt::Display for WhenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for WhenError {}

impl When {
    /// Reads `days` (`"mon-fri"`, `"sat, sun"`), `hours` (`"09:00-12:30, 14:00-18:00"`) and `dates`
    /// (`"2026-12-24..2027-01-02"`, `"05-01"`); `otherwise` turns the whole round.
    pub fn read(days: &str, hours: &str, dates: &str, otherwise: bool) -> Result<Self, WhenError> {
        let mut when = Self { otherwise, ..Self::default() };
        for part in parts(days) {
            when.days |= read_days(part)?;
        }
        for part in parts(hours) {
            when.hours.push(read_hours(part)?);
        }
        for part in parts(dates) {
            when.dates.push(read_dates(part)?);
        }
        if when == (Self { otherwise, ..Self::default() }) {
            let example = "days = \"mon-fri\", hours = \"09:00-18:00\" or dates = \"12-25\"";
            return Err(WhenError(format!("a time condition names no time; write {example}")));
        }
        Ok(when)
    }

    /// True when the condition holds at `unix_s` seconds of Unix time in `zone`.
    pub fn holds(&self, unix_s: i64, zone: &TimeZone) -> bool {
        let Ok(moment) = Timestamp::from_second(unix_s) else { return false };
        let local = moment.to_zoned(zone.clone()).datetime();
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let day = self.days == 0 || self.days & bit(local.date().weekday()) != 0;
        let hour = self.hours.is_empty() || self.hours.iter().any(|span| holds_minute(*span, minute));
        let date = self.dates.is_empty() || self.dates.iter().any(|dates| dates.holds(local.date()));
        (day && hour && date) != self.otherwise
    }
}

impl Dates {
    fn holds(self, date: Date) -> bool {
        match self {
            Self::Once(first, last) => (first..=last).contains(&date),
            Self::Yearly(first, last) if first <= last => {
                (first..=last).contains(&(date.month(), date.day()))
            }
            Self::Yearly(first, last) => {
                let today = (date.month(), date.day());
                today >= first || today <= last
            }
        }
    }
}

/// A span that ends before it begins goes over midnight; the end itself is outside.
fn holds_minute((from, until): (u16, u16), minute: u16) -> bool {
    match from <= until {
        true => (from..until).contains(&minute),
        false => minute >= from || minute < until,
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn read_days(part: &str) -> Result<u8, WhenError> {
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        let known = DAYS.iter().position(|day| name == *day || name == long_name(day));
        known.ok_or_else(|| {
            WhenError(format!(
                "{part:?} names no day; write \"mon-fri\" or \"sat, sun\" (mon tue wed thu fri sat sun)"
            ))
        })
    };
    let Some((first, last)) = part.split_once('-') else { return Ok(1 << day(part)?) };
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7;
    Ok((0..=count).fold(0, |days, step| days | 1 << ((first + step) % 7)))
}

fn read_hours(part: &str) -> Result<(u16, u16), WhenError> {
    let refused = || WhenError(format!("{part:?} is no span of hours; write \"09:00-18:00\""));
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (hour < 24 && minute < 60 || hour == 24 && minute == 0).then_some(hour * 60 + minute)
    };
    let (from, until) = part.split_once('-').ok_or_else(refused)?;
    minute(from).zip(minute(until)).filter(|(from, until)| from != until).ok_or_else(refused)
}

fn read_dates(part: &str) -> Result<Dates, WhenError> {
    let refused = || {
        WhenError(format!(
            "{part:?} is no date; write \"2026-12-24\", \"2026-12-24..2027-01-02\" or \"12-25\" for every year"
        ))
    };
    let (first, last) = part.split_once("..").unwrap_or((part, part));
    let (first, last) = (first.trim(), last.trim());
    if let (Ok(first), Ok(last)) = (first.parse::<Date>(), last.parse::<Date>()) {
        return (first <= last).then_some(Dates::Once(first, last)).ok_or_else(refused);
    }
    let yearly = |text: &str| {
        let (month, day) = text.split_once('-')?;
        let (month, day) = (month.parse::<i8>().ok()?, day.parse::<i8>().ok()?);
        Date::new(2024, month, day).ok().map(|date| (date.month(), date.day())) // a leap year, so 02-29 is a date
    };
    yearly(first).zip(yearly(last)).map(|(first, last)| Dates::Yearly(first, last)).ok_or_else(refused)
}

fn long_name(day: &str) -> String {
    let rest = match day {
        "tue" => "sday",
        "wed" => "nesday",
        "thu" => "rsday",
        "sat" => "urday",
        _ => "day",
    };
    format!("{day}{rest}")
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        let moment: jiff::civil::DateTime = text.parse().expect("a civil time");
        let zoned = moment.to_zoned(paris()).expect("a time of that zone");
        zoned.timestamp().as_second()
    }

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").expect("the zone is compiled in")
    }

    #[test]
    fn a_condition_holds_at_its_times_in_its_zone() {
        // 2026-11-23 is a Monday; in July the zone is two hours ahead, in November one.
        for (days, hours, dates, otherwise, yes, no) in [
            ("mon-fri", "", "", false, "2026-11-23T00:00", "2026-11-22T23:59"),
            ("sat, sun", "", "", false, "2026-11-22T12:00", "2026-11-23T12:00"),
            ("fri-mon", "", "", false, "2026-11-22T12:00", "2026-11-24T12:00"),
            ("Monday", "", "", false, "2026-11-23T12:00", "2026-11-24T12:00"),
            ("", "09:00-18:00", "", false, "2026-07-01T09:00", "2026-07-01T18:00"),
            ("", "09:00-12:30, 14:00-18:00", "", false, "2026-11-23T14:00", "2026-11-23T12:30"),
            ("", "22:00-06:00", "", false, "2026-11-23T05:59", "2026-11-23T06:00"),
            ("", "20:00-24:00", "", false, "2026-11-23T23:59", "2026-11-23T00:00"),
            ("", "", "2026-12-24..2027-01-02", false, "2027-01-02T23:59", "2027-01-03T00:00"),
            ("", "", "05-01", false, "2031-05-01T08:00", "2031-05-02T08:00"),
            ("", "", "12-24..01-02", false, "2030-01-01T08:00", "2030-01-03T08:00"),
            ("mon-fri", "09:00-18:00", "", true, "2026-11-23T08:59", "2026-11-23T09:00"),
        ] {
            let when = When::read(days, hours, dates, otherwise).expect("a good condition");
            assert!(when.holds(at(yes), &paris()), "{days} {hours} {dates} holds at {yes}");
            assert!(!when.holds(at(no), &paris()), "{days} {hours} {dates} does not hold at {no}");
        }
    }

    #[test]
    fn a_condition_that_cannot_be_read_says_what_to_write() {
        for (days, hours, dates, hint) in [
            ("", "", "", "names no time"),
            ("lundi", "", "", "mon-fri"),
            ("m", "", "", "mon-fri"),
            ("", "9-18", "", "09:00-18:00"),
            ("", "09:60-18:00", "", "09:00-18:00"),
            ("", "09:00-09:00", "", "09:00-18:00"),
            ("", "", "25/12", "12-25"),
            ("", "", "02-30", "12-25"),
            ("", "", "2027-01-02..2026-12-24", "12-25"),
        ] {
            let said = When::read(days, hours, dates, false).expect_err(hint).to_string();
            assert!(said.contains(hint), "{said:?} names {hint:?}");
        }
    }
}
