//! A roll-up: dimensions, measures, people.

use crate::base::name::{Name, TableName};

#[derive(Debug, Clone)]
pub struct Aggregate {
    pub into: TableName,
    pub bucket: Bucket,
    /// The dimensions that stay, in the order of the schedule.
    pub keep: Vec<Name>,
    pub measures: Vec<Measure>,
    /// The column that tells people apart.
    pub people: Option<Name>,
    /// Distinct people that a row of the target must stand for.
    pub at_least: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    Hour,
    Day,
    Week,
    Month,
}

/// A measure and the column of the target that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    pub name: Name,
    pub function: MeasureFunction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeasureFunction {
    /// Rows.
    Count,
    Sum(Name),
    Min(Name),
    Max(Name),
    /// Kept as two columns, `<name>_sum` and `<name>_count`, so that buckets can be merged.
    Avg(Name),
    /// Distinct values; NULL once a late row has made it inexact.
    Distinct(Name),
}
