//! A column that tells the age of a row, and its bound in the terms of that column.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::name::{Name, TableName};
use crate::schedule::TextFormat;

use crate::base::time::naive_cutoff;

use super::Likeness;

/// A column that tells the age, with its cutoff in the column's own terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchor {
    pub hops: Vec<Hop>,
    pub column: Name,
    pub reading: Reading,
    pub nullable: bool,
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
        let reading = match &self.reading {
            Reading::Instant { .. } => Reading::Instant { bound: instant },
            Reading::Naive { zone, .. } => Reading::Naive { bound: naive_cutoff(instant, zone), zone: zone.clone() },
            Reading::Date { zone, .. } => {
                Reading::Date { bound: naive_cutoff(instant, zone).date(), zone: zone.clone() }
            }
            Reading::Integer { per_second, .. } => {
                Reading::Integer { bound: epoch_bound(instant, *per_second), per_second: *per_second }
            }
            Reading::Float { per_second, .. } => {
                let bound = instant.as_microsecond() as f64 / (1_000_000 / per_second) as f64;
                Reading::Float { bound, per_second: *per_second }
            }
            Reading::Text { format, zone, .. } => Reading::Text {
                format: format.clone(),
                instant,
                naive: naive_cutoff(instant, zone),
                zone: zone.clone(),
            },
        };
        Self { reading, ..self.clone() }
    }
}

/// The smallest whole number of units since 1970 that is not below the instant: for whole v, v < ceil(c) is v < c.
pub fn epoch_bound(instant: Timestamp, per_second: i64) -> i64 {
    let (micros, unit) = (instant.as_microsecond(), 1_000_000 / per_second);
    micros.div_euclid(unit) + i64::from(micros.rem_euclid(unit) > 0)
}
