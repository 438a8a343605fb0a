//! Rows that no rule may touch, and for how long.

use jiff::civil::Date;

use crate::base::name::TableName;
use crate::base::time::Period;
use crate::diagnostic::place::Places;

use super::Anchor;

/// Rows that no rule may touch.
#[derive(Debug, Clone)]
pub struct Hold {
    pub name: String,
    pub promises: Vec<String>,
    pub database: Option<String>,
    /// Of a hold on people, the table of people.
    pub table: TableName,
    /// Covers every row of the map that is theirs, and not only their own.
    pub of_people: bool,
    pub term: Term,
    pub condition: Option<String>,
    pub reason: String,
    pub places: Places,
}

/// How long a hold covers a row.
#[derive(Debug, Clone)]
pub enum Term {
    /// Until `period` after the latest known anchor; a row whose anchors are all unknown is covered.
    For { anchors: Vec<Anchor>, period: Period },
    /// Up to and including that day, in the policy's zone.
    Until(Date),
    /// Until the entry is removed from the schedule.
    Open,
}
