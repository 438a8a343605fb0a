//! A column that tells the age of a row, and its bound in the terms of that column.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::base::name::{Name, TableName};
use crate::schedule::TextFormat;

use crate::base::time::{naive_cutoff, naive_stretches};

use super::{Likeness, Span};

/// A column that tells the age, with its cutoff in the column's own terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchor {
    pub hops: Vec<Hop>,
    pub column: Name,
    pub reading: Reading,
    pub nullable: bool,
    /// Values that mean that there is no time.
    pub never: Vec<Never>,
    /// MySQL: a text in a `binary(n)`, which is filled up with zeros.
    pub is_filled_up: bool,
}

/// A value that means that there is no time, in the column's own terms.
#[derive(Debug, Clone, PartialEq)]
pub enum Never {
    Number(i64),
    /// To the letter.
    Text(String),
    /// A text that begins with this day.
    DayOfText(String),
    /// From the bound of the first to before that of the second.
    Between(Box<Reading>, Box<Reading>),
}

/// From a table to its parent: `column` holds the value of `table`.`key`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    pub column: Name,
    pub table: TableName,
    /// PostgreSQL: a row of the table itself, and none of its inheritance children, whose keys may be the same.
    pub only: bool,
    pub key: Name,
    pub likeness: Likeness,
}

/// How the values are compared. Bounds are exclusive: a value is expired where it is strictly below.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// `timestamptz`, MySQL `timestamp`.
    Instant { bound: Timestamp },
    /// A date and time without zone; the bound is local to the database's naive time zone.
    Naive { bound: jiff::civil::DateTime, zone: TimeZone },
    /// A day is expired when all of it is.
    Date { bound: jiff::civil::Date, zone: TimeZone },
    /// Whole units since 1970; `per_second` of them.
    Integer { bound: i64, per_second: i64 },
    /// Fractional units since 1970.
    Float { bound: f64, per_second: i64 },
    /// ISO 8601 with or without zone, or the fields of `format`; those without zone are naive.
    Text { format: Option<TextFormat>, instant: Timestamp, naive: jiff::civil::DateTime, zone: TimeZone },
}

impl Anchor {
    /// The same anchor with another instant as its bound.
    pub fn bounded_by(&self, instant: Timestamp) -> Self {
        let zone = self.reading.zone().cloned().unwrap_or(TimeZone::UTC);
        self.bounded(instant, naive_cutoff(instant, &zone))
    }

    /// The values that mean an instant of the span, each stretch of them with its first bound, where there is one, and its last.
    /// Never none, but a stretch may be empty.
    pub fn stretches_of(&self, span: Span) -> Vec<(Option<Self>, Self)> {
        let bounded = |span: Span, from: Option<DateTime>, until: DateTime| {
            let from = span.from.zip(from).map(|(instant, naive)| self.bounded(instant, naive));
            (from, self.bounded(span.until, until))
        };
        let Some(zone) = self.reading.zone() else {
            return vec![(span.from.map(|from| self.bounded_by(from)), self.bounded_by(span.until))];
        };
        let mut naive = naive_stretches(span.from, span.until, zone).into_iter();
        let nothing = naive_cutoff(span.until, zone);
        let (from, until) = naive.next().unwrap_or((Some(nothing), nothing));
        // Texts that say their zone are all in the first.
        let no_instant = Span { from: Some(span.until), until: span.until };
        std::iter::once(bounded(span, from, until))
            .chain(naive.map(|(from, until)| bounded(no_instant, from, until)))
            .collect()
    }

    fn bounded(&self, instant: Timestamp, naive: DateTime) -> Self {
        let reading = match &self.reading {
            Reading::Instant { .. } => Reading::Instant { bound: instant },
            Reading::Naive { zone, .. } => Reading::Naive { bound: naive, zone: zone.clone() },
            Reading::Date { zone, .. } => Reading::Date { bound: naive.date(), zone: zone.clone() },
            Reading::Integer { per_second, .. } => {
                Reading::Integer { bound: epoch_bound(instant, *per_second), per_second: *per_second }
            }
            Reading::Float { per_second, .. } => {
                let bound = instant.as_microsecond() as f64 / (1_000_000 / per_second) as f64;
                Reading::Float { bound, per_second: *per_second }
            }
            Reading::Text { format, zone, .. } => {
                Reading::Text { format: format.clone(), instant, naive, zone: zone.clone() }
            }
        };
        Self { reading, ..self.clone() }
    }
}

impl Reading {
    /// The same reading with the beginning of a day as its bound: local where the column is, else in UTC.
    pub fn on(&self, day: Date) -> Option<Self> {
        let midnight = day.to_datetime(jiff::civil::Time::midnight());
        match self {
            Reading::Instant { .. } => Some(Reading::Instant { bound: TimeZone::UTC.to_timestamp(midnight).ok()? }),
            Reading::Naive { zone, .. } => Some(Reading::Naive { bound: midnight, zone: zone.clone() }),
            Reading::Date { zone, .. } => Some(Reading::Date { bound: day, zone: zone.clone() }),
            Reading::Integer { .. } | Reading::Float { .. } | Reading::Text { .. } => None,
        }
    }

    /// The zone of times that do not say theirs.
    pub fn zone(&self) -> Option<&TimeZone> {
        match self {
            Reading::Naive { zone, .. } | Reading::Date { zone, .. } | Reading::Text { zone, .. } => Some(zone),
            Reading::Instant { .. } | Reading::Integer { .. } | Reading::Float { .. } => None,
        }
    }
}

/// The smallest whole number of units since 1970 that is not below the instant: for whole v, v < ceil(c) is v < c.
pub fn epoch_bound(instant: Timestamp, per_second: i64) -> i64 {
    let (micros, unit) = (instant.as_microsecond(), 1_000_000 / per_second);
    micros.div_euclid(unit) + i64::from(micros.rem_euclid(unit) > 0)
}
