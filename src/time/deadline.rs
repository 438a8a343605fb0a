//! Deadlines of promises to people: in calendar units or in business days, on the calendar of the policy's zone.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{Period, PeriodError};

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
