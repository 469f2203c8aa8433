//! Days on which nobody works: those that are built in, and those that an administrator names.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use node::config::When;

/// Some days of each year.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays(Vec<Feast>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Feast {
    /// Month and day.
    Fixed(i8, i8),
    /// Days after Easter Sunday.
    Easter(i32),
    /// As it is written.
    When(When),
}

impl Holidays {
    /// Those of France: Code du travail, article L3133-1.
    pub fn french() -> Self {
        const FIXED: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
        // Easter Monday, Ascension, Whit Monday.
        const MOVABLE: [i32; 3] = [1, 39, 50];
        let fixed = FIXED.iter().map(|(month, day)| Feast::Fixed(*month, *day));
        Self(fixed.chain(MOVABLE.map(Feast::Easter)).collect())
    }

    /// Those of France and the two more of Alsace and Moselle (Code du travail, article L3134-13): Good Friday, which
    /// is one only where there is a church of each confession, and the day after Christmas.
    pub fn of_alsace_and_moselle() -> Self {
        let Self(mut feasts) = Self::french();
        feasts.extend([Feast::Easter(-2), Feast::Fixed(12, 26)]);
        Self(feasts)
    }

    /// The ones of a tag, where they are built in: `fr`, `fr-alsace-moselle`.
    pub fn built_in(tag: &str) -> Option<Self> {
        match tag {
            "fr" => Some(Self::french()),
            "fr-alsace-moselle" => Some(Self::of_alsace_and_moselle()),
            _ => None,
        }
    }

    /// Adds days that an administrator named.
    pub fn add(&mut self, when: When) {
        self.0.push(Feast::When(when));
    }

    /// Whether the moment lies in one of them.
    pub fn hold(&self, unix_s: i64, zone: &TimeZone) -> bool {
        let Ok(moment) = Timestamp::from_second(unix_s) else { return false };
        let date = moment.to_zoned(zone.clone()).date();
        self.0.iter().any(|feast| match feast {
            Feast::Fixed(month, day) => (date.month(), date.day()) == (*month, *day),
            Feast::Easter(after) => {
                let easter = easter(date.year());
                easter.and_then(|easter| easter.checked_add(Span::new().days(*after)).ok()) == Some(date)
            }
            Feast::When(when) => when.holds(unix_s, zone),
        })
    }
}

/// Easter Sunday of a year of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8).
pub fn easter(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let golden = year % 19;
    let (century, rest) = (year / 100, year % 100);
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (rest / 4) - epact - rest % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let days = epact + weekday - 7 * late + 114;
    Date::new(i16::try_from(year).ok()?, i8::try_from(days / 31).ok()?, i8::try_from(days % 31 + 1).ok()?)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(holidays: &Holidays, date: &str) -> bool {
        let zone = TimeZone::get("Europe/Paris").expect("the zone is compiled in");
        let at = format!("{date}T00:30").parse::<jiff::civil::DateTime>().expect("a civil time");
        let at = at.to_zoned(zone.clone()).expect("a time of that zone").timestamp().as_second();
        holidays.hold(at, &zone)
    }

    #[test]
    fn easter_is_where_the_almanac_says() {
        for date in [
            "1818-03-22",
            "1943-04-25",
            "1954-04-18",
            "1981-04-19",
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
            "2285-03-22",
        ] {
            let date: Date = date.parse().expect("a date");
            assert_eq!(easter(date.year()), Some(date));
        }
    }

    #[test]
    fn every_easter_is_a_sunday_between_22_march_and_25_april() {
        for year in 1583..9999 {
            let easter = easter(year).expect("a date");
            assert_eq!(easter.weekday(), jiff::civil::Weekday::Sunday, "{easter}");
            let day = (easter.month(), easter.day());
            assert!(((3, 22)..=(4, 25)).contains(&day), "{easter}");
        }
    }

    #[test]
    fn french_holidays_are_eleven_and_thirteen_in_alsace_and_moselle() {
        let (france, east) = (Holidays::french(), Holidays::of_alsace_and_moselle());
        let year = |holidays: &Holidays| {
            let first: Date = "2026-01-01".parse().expect("a date");
            let days = (0..365).map(|day| first.checked_add(Span::new().days(day)).expect("a date"));
            days.map(|day| day.to_string()).filter(|day| holds(holidays, day)).collect::<Vec<_>>()
        };
        assert_eq!(
            year(&france),
            [
                "2026-01-01",
                "2026-04-06",
                "2026-05-01",
                "2026-05-08",
                "2026-05-14",
                "2026-05-25",
                "2026-07-14",
                "2026-08-15",
                "2026-11-01",
                "2026-11-11",
                "2026-12-25",
            ]
        );
        assert_eq!(year(&east).len(), 13);
        assert!(holds(&east, "2026-04-03") && holds(&east, "2026-12-26"));
    }

    #[test]
    fn days_of_an_administrator_are_added() {
        let mut holidays = Holidays::default();
        assert!(!holds(&holidays, "2026-12-24"));
        holidays.add(When::read("", "", "2026-12-24..2027-01-02", false).expect("dates"));
        assert!(holds(&holidays, "2027-01-02") && !holds(&holidays, "2027-01-03"));
    }
}
