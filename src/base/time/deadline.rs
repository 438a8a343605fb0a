//! Deadlines of promises to people: in calendar units or in business days, on the calendar of the policy's zone.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::base::time::{Period, PeriodError};

/// The most business days that a deadline may have: about four years.
const MOST_BUSINESS_DAYS: u32 = 1_000;

/// How long somebody may have to wait.
#[derive(Debug, Clone)]
pub enum Term {
    /// `30 days`, `1 month`: from instant to instant.
    Calendar(Period),
    /// `7 business days`: whole days after the day of asking that are neither weekend nor holiday; the last one counts to
    /// its end.
    Business(u32),
}

impl Term {
    /// Reads `30 days`, `1 month` or `7 business days`.
    ///
    /// # Errors
    /// Those of [`Period::parse`]; a deadline for ever is none, and [`PeriodError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        let text = text.trim();
        let counted = ["business days", "business day", "working days", "working day"];
        let Some(number) = counted.iter().find_map(|unit| text.strip_suffix(unit)) else {
            let period = Period::parse(text)?;
            return if period.is_forever() {
                Err(PeriodError::Malformed(text.to_owned()))
            } else {
                Ok(Self::Calendar(period))
            };
        };
        match number.trim().parse() {
            Ok(0) => Err(PeriodError::Zero),
            Ok(days) if days > MOST_BUSINESS_DAYS => Err(PeriodError::TooLong),
            Ok(days) => Ok(Self::Business(days)),
            Err(_) => Err(PeriodError::Malformed(text.to_owned())),
        }
    }

    /// Is it surely longer than the period, whatever the day on which both begin? A business day is a day at least.
    pub fn outlasts(&self, period: &Period) -> bool {
        let own = match self {
            Term::Calendar(own) => own.clone(),
            Term::Business(days) => match Period::parse(&format!("{days} days")) {
                Ok(days) => days,
                Err(_) => return false,
            },
        };
        own.is_never_shorter_than(period) && !period.is_never_shorter_than(&own)
    }
}

/// As a schedule would write it.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Calendar(period) => period.fmt(f),
            Term::Business(1) => f.write_str("1 business day"),
            Term::Business(days) => write!(f, "{days} business days"),
        }
    }
}

/// A term on a calendar.
#[derive(Debug, Clone)]
pub struct Deadline {
    pub term: Term,
    pub zone: TimeZone,
    /// Days of the week on which nobody works; not all seven.
    pub weekend: Vec<Weekday>,
    pub holidays: BTreeSet<Date>,
}

/// How much of a deadline is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Days begun since it was asked for: more than `allowed` exactly where the deadline has passed.
    pub days: u32,
    /// Days that there are.
    pub allowed: u32,
}

/// How a deadline stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    Green,
    /// Four fifths of the days are used.
    Amber,
    /// The deadline has passed.
    Red,
}

impl Used {
    pub fn light(self) -> Light {
        if self.days > self.allowed {
            Light::Red
        } else if u64::from(self.days) * 5 >= u64::from(self.allowed) * 4 {
            Light::Amber
        } else {
            Light::Green
        }
    }
}

impl Deadline {
    /// The last instant at which what was asked for at `asked` is done in time. Of a local time that a clock change repeats
    /// or skips it is the earlier one, so that a promise is never stretched.
    pub fn due(&self, asked: Timestamp) -> Timestamp {
        match &self.term {
            Term::Calendar(period) => period.after(asked, &self.zone),
            Term::Business(days) => self.end_of(self.business_days_after(asked).nth(*days as usize - 1)),
        }
    }

    /// The days of what was asked for at `asked`, as they stand at `now`.
    pub fn used(&self, asked: Timestamp, now: Timestamp) -> Used {
        let due = self.due(asked);
        let (allowed, days) = match &self.term {
            Term::Calendar(_) => (self.days_begun(asked, due), self.days_begun(asked, now)),
            Term::Business(allowed) => (*allowed, self.business_days_begun(asked, now)),
        };
        // The time of day, a weekend or a clock change may stand between the count of days and the instant that counts.
        Used { days: if now > due { days.max(allowed + 1) } else { days.min(allowed) }, allowed }
    }

    fn business_days_begun(&self, asked: Timestamp, now: Timestamp) -> u32 {
        let today = self.zone.to_datetime(now).date();
        self.business_days_after(asked).take_while(|day| *day <= today).count().try_into().unwrap_or(u32::MAX)
    }

    /// Spans of 24 hours on the clock of the zone that have begun between the two; none where `now` is not after `asked`.
    fn days_begun(&self, asked: Timestamp, now: Timestamp) -> u32 {
        if now <= asked {
            return 0;
        }
        let (from, to) = (self.zone.to_datetime(asked), self.zone.to_datetime(now));
        let whole = from.date().until(to.date()).map_or(i32::MAX, |span| span.get_days());
        let begun = whole.saturating_add(i32::from(to.time() > from.time()));
        // Where the clock was set back since, some of a day has begun all the same.
        u32::try_from(begun).unwrap_or(0).max(1)
    }

    /// The business days after the day of an instant, in order, to the end of the calendar.
    fn business_days_after(&self, asked: Timestamp) -> impl Iterator<Item = Date> {
        let first = self.zone.to_datetime(asked).date().tomorrow().ok();
        std::iter::successors(first, |day| day.tomorrow().ok()).filter(|day| self.is_business_day(*day))
    }

    fn is_business_day(&self, day: Date) -> bool {
        !self.weekend.contains(&day.weekday()) && !self.holidays.contains(&day)
    }

    /// The last microsecond of a day; of none, that of the calendar.
    fn end_of(&self, day: Option<Date>) -> Timestamp {
        let next = day.and_then(|day| day.tomorrow().ok());
        let start = next.and_then(|next| next.to_zoned(self.zone.clone()).ok()?.start_of_day().ok());
        start.and_then(|start| start.timestamp().checked_sub(1.microsecond()).ok()).unwrap_or(Timestamp::MAX)
    }
}

/// As a schedule would write it.
impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.term.fmt(f)
    }
}
#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn deadline(term: &str, zone: &str) -> Deadline {
        Deadline {
            term: Term::parse(term).unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            weekend: vec![Weekday::Saturday, Weekday::Sunday],
            holidays: BTreeSet::from([date(2026, 12, 25), date(2027, 1, 1)]),
        }
    }

    fn due(term: &str, zone: &str, asked: &str) -> String {
        deadline(term, zone).due(instant(asked)).to_string()
    }

    /// `used/allowed light` at each of these instants.
    fn course(deadline: &Deadline, asked: &str, at: &[&str]) -> Vec<String> {
        let shown = |now: &&str| {
            let used = deadline.used(instant(asked), instant(now));
            format!("{}/{} {:?}", used.days, used.allowed, used.light())
        };
        at.iter().map(shown).collect()
    }

    #[test]
    fn terms_are_read_in_days_and_in_business_days_and_shown_as_they_mean() {
        for (text, shown) in [
            ("30 days", "30 days"),
            ("1 month", "1 month"),
            ("7 business days", "7 business days"),
            (" 1 working day ", "1 business day"),
        ] {
            assert_eq!(Term::parse(text).unwrap().to_string(), shown);
        }
        for text in
            ["0 business days", "-1 business days", "1001 business days", "business days", "soon", "forever", "0 days"]
        {
            assert!(Term::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_term_outlasts_a_grace_only_where_it_surely_does() {
        let outlasts = |term: &str, grace: &str| Term::parse(term).unwrap().outlasts(&Period::parse(grace).unwrap());
        assert!(
            outlasts("30 days", "7 days") && outlasts("8 business days", "7 days") && outlasts("1 month", "27 days")
        );
        assert!(
            !outlasts("7 days", "7 days") && !outlasts("7 business days", "1 week") && !outlasts("1 month", "31 days")
        );
    }

    #[test]
    fn thirty_days_end_at_the_same_time_of_day_and_a_promise_is_not_stretched_over_a_clock_change() {
        assert_eq!(due("30 days", "UTC", "2026-01-01T10:00:00Z"), "2026-01-31T10:00:00Z");
        assert_eq!(due("1 month", "UTC", "2026-01-31T10:00:00Z"), "2026-02-28T10:00:00Z");
        // Berlin: 11:00 in winter is 12:00 UTC+2 in summer.
        assert_eq!(due("30 days", "Europe/Berlin", "2026-03-15T10:00:00Z"), "2026-04-14T09:00:00Z");
        // 02:30 on the day after the clocks went forward, and 02:30 that comes twice when they go back.
        assert_eq!(due("1 day", "Europe/Berlin", "2026-03-28T01:30:00Z"), "2026-03-29T00:30:00Z");
        assert_eq!(due("1 day", "Europe/Berlin", "2026-10-24T00:30:00Z"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn business_days_count_from_the_day_after_and_know_weekends_and_holidays() {
        // Friday the 20th: Monday to Friday are five, then the weekend, then Monday and Tuesday.
        assert_eq!(due("7 business days", "UTC", "2026-11-20T10:00:00Z"), "2026-12-01T23:59:59.999999Z");
        // Asked on Saturday: Monday is the first.
        assert_eq!(due("1 business day", "UTC", "2026-11-21T10:00:00Z"), "2026-11-23T23:59:59.999999Z");
        // Christmas Day is a Friday, and New Year's Day, too.
        assert_eq!(due("3 business days", "UTC", "2026-12-22T10:00:00Z"), "2026-12-28T23:59:59.999999Z");
        // The day is that of the policy's zone: in Auckland it is Monday already.
        assert_eq!(due("1 business day", "Pacific/Auckland", "2026-11-22T12:00:00Z"), "2026-11-24T10:59:59.999999Z");
        let sunday_to_thursday =
            Deadline { weekend: vec![Weekday::Friday, Weekday::Saturday], ..deadline("1 business day", "UTC") };
        assert_eq!(sunday_to_thursday.due(instant("2026-11-19T10:00:00Z")).to_string(), "2026-11-22T23:59:59.999999Z");
    }

    #[test]
    fn a_clock_turns_amber_when_four_fifths_are_used_and_red_when_the_deadline_has_passed() {
        let month = deadline("30 days", "UTC");
        let at = [
            "2026-01-01T10:00:00Z",
            "2026-01-01T10:00:01Z",
            "2026-01-24T10:00:00Z",
            "2026-01-24T10:00:01Z",
            "2026-01-31T10:00:00Z",
            "2026-01-31T10:00:01Z",
        ];
        assert_eq!(
            course(&month, "2026-01-01T10:00:00Z", &at),
            ["0/30 Green", "1/30 Green", "23/30 Green", "24/30 Amber", "30/30 Amber", "31/30 Red"]
        );
        let week = deadline("5 business days", "UTC");
        let at = [
            "2026-11-20T23:00:00Z",
            "2026-11-22T12:00:00Z",
            "2026-11-23T00:00:00Z",
            "2026-11-26T00:00:00Z",
            "2026-11-27T23:59:59Z",
            "2026-11-28T00:00:00Z",
            "2026-12-01T12:00:00Z",
        ];
        assert_eq!(
            course(&week, "2026-11-20T10:00:00Z", &at),
            ["0/5 Green", "0/5 Green", "1/5 Green", "4/5 Amber", "5/5 Amber", "6/5 Red", "7/5 Red"]
        );
    }

    const ZONES: [&str; 6] =
        ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns"];

    /// An instant, most of them within two days of a clock change.
    fn zone_and_instant() -> impl Strategy<Value = (&'static str, Timestamp)> {
        let (from, to) = (instant("1990-01-01T00:00:00Z").as_second(), instant("2040-01-01T00:00:00Z").as_second());
        (prop::sample::select(&ZONES[..]), from..to, -180_000i64..180_000, prop::bool::weighted(0.8)).prop_map(
            |(name, second, shift, near)| {
                let any = Timestamp::from_second(second).unwrap();
                let zone = TimeZone::get(name).unwrap();
                let change = zone.following(any).next().map(|change| change.timestamp());
                (name, (if near { change.unwrap_or(any) } else { any }) + SignedDuration::from_secs(shift))
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_deadline_of_business_days_ends_on_a_business_day_with_as_many_of_them_before_it(
            (zone, asked) in zone_and_instant(), days in 1u32..30,
        ) {
            let deadline = deadline(&format!("{days} business days"), zone);
            let due = deadline.due(asked);
            let (first, last) = (deadline.zone.to_datetime(asked).date(), deadline.zone.to_datetime(due).date());
            prop_assert!(due > asked && deadline.is_business_day(last));
            // Counted day by day, and not as the code does.
            let mut day = first;
            let mut counted = 0;
            while day < last {
                day = day.tomorrow().unwrap();
                let is_free = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) || deadline.holidays.contains(&day);
                counted += u32::from(!is_free);
            }
            prop_assert_eq!(counted, days);
            let next = deadline.zone.to_datetime(due + SignedDuration::from_micros(1)).date();
            prop_assert_ne!(next, last);
        }

        #[test]
        fn more_days_are_used_than_allowed_exactly_where_the_deadline_has_passed(
            (zone, asked) in zone_and_instant(),
            term in prop::sample::select(vec!["1 day", "30 days", "1 month", "1 business day", "7 business days"]),
            offset in -3_600i64..3_600_000,
        ) {
            let deadline = deadline(term, zone);
            let due = deadline.due(asked);
            for now in [due, due + SignedDuration::from_micros(1), asked, asked + SignedDuration::from_secs(offset)] {
                let used = deadline.used(asked, now);
                prop_assert_eq!(used.light() == Light::Red, now > due, "{} {} {:?}", asked, now, used);
            }
        }
    }
}
