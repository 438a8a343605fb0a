//! The columns that tell the age of a row, and how their values are read.

use std::fmt;

use crate::base::name::{Name, TableName};
use crate::base::time::Period;

/// When a row is due.
#[derive(Debug, Clone)]
pub enum Age {
    /// The latest known of `anchors` lies more than `period` before `as_of`.
    Retain { anchors: Vec<Anchor>, period: Period },
    /// The time in the column has passed.
    Expires(Anchor),
}

impl Age {
    pub fn anchors(&self) -> &[Anchor] {
        match self {
            Age::Retain { anchors, .. } => anchors,
            Age::Expires(anchor) => std::slice::from_ref(anchor),
        }
    }
}

/// As reports say it: `30 days`, or `until expires_at`.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Age::Retain { period, .. } => period.fmt(f),
            Age::Expires(anchor) => write!(f, "until {}", anchor.path),
        }
    }
}

/// A column that tells a row's age, and how its values are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    pub path: ColumnPath,
    pub reading: Reading,
}

/// A column of the rule's table, or of a parent reached over single-column references.
///
/// `attempt_id -> quiz_attempt.finished_at` is one hop (`attempt_id`, `quiz_attempt`) and the column `finished_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnPath {
    pub hops: Vec<Hop>,
    pub column: Name,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The referring column, in the table that the previous hop led to.
    pub column: Name,
    /// The table whose key that column holds.
    pub table: TableName,
    /// The column of that table whose values it holds; `None`: the one of the foreign key, or else of the primary key.
    pub key: Option<Name>,
}

/// How an anchor's values become instants. Zero and NULL always mean "no time known".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Nothing said: a native date or time; on SQLite, columns declared so are read as ISO text.
    Native,
    EpochSeconds,
    EpochMillis,
    EpochMicros,
    /// ISO 8601, with or without zone and fraction.
    IsoText,
    /// Fixed-width fields, as in `%Y%m%d%H%M%S`.
    Text(TextFormat),
}

/// A time format made of fixed-width fields and literal characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFormat {
    pub pattern: String,
    pub parts: Vec<FormatPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatPart {
    /// `%Y`, four digits.
    Year,
    /// `%m`, two digits.
    Month,
    /// `%d`, two digits.
    Day,
    /// `%H`, two digits.
    Hour,
    /// `%M`, two digits.
    Minute,
    /// `%S`, two digits.
    Second,
    /// `%6f`, six digits of a second.
    Micros,
    Literal(char),
}
