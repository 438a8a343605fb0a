//! The clock, retention periods and cutoffs. Instants are UTC, to the microsecond, as the databases keep them.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use thiserror::Error;

/// A retention period of calendar units, or for ever.
#[derive(Debug, Clone)]
pub struct Period {
    text: String,
    /// `None` is for ever.
    span: Option<Span>,
}

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeriodError {
    #[error("`{0}` is no period")]
    Malformed(String),
    #[error("a period of zero would act on every row")]
    Zero,
    #[error("a period may not be negative")]
    Negative,
}

impl Period {
    pub fn parse(_text: &str) -> Result<Self, PeriodError> {
        todo!()
    }

    pub fn is_forever(&self) -> bool {
        self.span.is_none()
    }

    /// The instant that lies this period before `as_of` on the calendar of `zone`; `None` for ever.
    pub fn before(&self, _as_of: Timestamp, _zone: &TimeZone) -> Option<Timestamp> {
        todo!()
    }
}

/// As the schedule wrote it.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The local time below which a naive value of `zone` is surely before `cutoff`, whichever way a clock change is read:
/// of the two readings of a repeated hour the later one counts, and an hour that never was is read as late as it can be.
pub fn naive_cutoff(_cutoff: Timestamp, _zone: &TimeZone) -> jiff::civil::DateTime {
    todo!()
}
