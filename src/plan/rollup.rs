//! What a roll-up keeps of the rows that it replaces.

use jiff::tz::TimeZone;

use crate::base::name::{Name, TableName};
use crate::schedule::Bucket;

/// A roll-up whose buckets are cut in the policy's zone.
#[derive(Debug, Clone)]
pub struct Rollup {
    pub into: TableName,
    pub bucket: Bucket,
    pub zone: TimeZone,
    pub form: BucketForm,
    pub dimensions: Vec<Dimension>,
    pub measures: Vec<Measure>,
    pub people: Option<Name>,
    pub at_least: u32,
    /// PostgreSQL: the tables that hold the rows, where these are several. They are rolled up as one.
    pub leaves: Vec<TableName>,
}

/// How the target's `bucket` column says when a bucket starts.
#[derive(Debug, Clone, PartialEq)]
pub enum BucketForm {
    Instant,
    /// Local to this zone, without saying so.
    Naive(TimeZone),
    Date(TimeZone),
}

#[derive(Debug, Clone)]
pub struct Dimension {
    pub column: Name,
    /// A text dimension says `other` in folded rows; others are NULL there.
    pub is_text: bool,
}

/// A column of the target and how rows and roll-ups combine in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    pub target: Name,
    pub fold: Fold,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fold {
    CountRows,
    /// Rows in which the column is not NULL.
    CountValues(Name),
    Sum(Name),
    Min(Name),
    Max(Name),
    /// Distinct values; exact only while a group comes from one roll-up, NULL after that.
    Distinct(Name),
}
