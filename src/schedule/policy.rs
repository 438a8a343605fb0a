//! A checked retention schedule: one file, one policy.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::name::TableName;
use crate::diagnostic::place::{Places, Source};

use super::{Hold, Promise, Rule, Subject};

/// A checked retention schedule: one file, one policy.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub source: Arc<Source>,
    /// SHA-256 of the file's bytes, lower-case hex without prefix.
    pub digest: String,
    pub policy: Policy,
    /// What was published, in the order of the file.
    pub promises: Vec<Promise>,
    pub rules: Vec<Rule>,
    pub holds: Vec<Hold>,
    pub keeps: Vec<Keep>,
    /// Whose data it is.
    pub subject: Option<Subject>,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub name: String,
    /// Names that it had before.
    pub formerly: Vec<String>,
    /// Of calendar arithmetic, of buckets and of cron.
    pub timezone: TimeZone,
    pub cron: Option<String>,
    /// The first day on which rules of this file may act; before it every rule plans but none runs.
    pub effective: Option<Date>,
    /// The database of rules that name none.
    pub database: Option<String>,
    /// A sentence of the house's own on the copies that no purge reaches, for the end of every report.
    pub residual: Option<String>,
    pub places: Places,
}

impl Policy {
    /// The day on which it takes effect, where that has not come at `instant`.
    pub fn takes_effect_after(&self, instant: Timestamp) -> Option<Date> {
        let today = instant.to_zoned(self.timezone.clone()).date();
        self.effective.filter(|effective| today < *effective)
    }
}

/// Tables that the schedule keeps on purpose, so that the coverage check does not name them.
#[derive(Debug, Clone)]
pub struct Keep {
    pub tables: Vec<TableName>,
    pub promises: Vec<String>,
    pub database: Option<String>,
    pub reason: String,
    pub places: Places,
}
