//! The retention schedule: TOML to checked rules, every mistake at once.
//!
//! Two forms are kept apart. The *raw* form (`document.rs`) is the TOML itself, walked with every value's place and with
//! one list of mistakes, because serde would stop at the first. The *checked* form (this file) is what the rest of the
//! house uses: nothing in it can be malformed, and every part still knows its place, so that a mistake that only the live
//! database reveals is shown under the same line.
//!
//! ```text
//! document.rs   the walker; the config is read with it too
//! notation.rs   the small notations inside texts: column paths, time formats, measures, templates
//! check.rs      the tables of the file, one function a table
//! action.rs     what a rule does, and what goes with it
//! subject.rs    whose data it is: the map of people
//! conflict.rs   what is wrong between rules that are right by themselves
//! ```
//!
//! A schedule knows no database: names are checked for shape here and for existence in `plan`.

mod action;
pub(crate) mod check;
mod conflict;
pub(crate) mod notation;
mod subject;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::name::{Name, TableName};
use crate::base::time::Period;
use crate::diagnostic::mistake::Mistake;

pub(crate) use conflict::act_on_same_rows;
pub use subject::{Data, DataAct, MarkWith, Requests, Subject};

/// Reads and checks a schedule file.
///
/// # Errors
/// All mistakes of the file, in its order; or the one that it cannot be read.
pub fn load(path: &Path) -> Result<Schedule, Vec<Mistake>> {
    parse(Source::read("schedule", path).map_err(|mistake| vec![mistake])?)
}

/// Checks a schedule that was read already.
///
/// # Errors
/// All mistakes of the text, in its order.
pub fn parse(source: Source) -> Result<Schedule, Vec<Mistake>> {
    check::schedule(Arc::new(source))
}

/// A file as it was read, for showing mistakes in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// Reads a file of UTF-8 text; `what` names its kind in the mistake.
    pub(crate) fn read(what: &str, path: &Path) -> Result<Self, Mistake> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| Mistake::error(format!("cannot read the {what} `{}`: {reason}", path.display())))?;
        Ok(Self { path: path.to_owned(), text })
    }
}

/// Where each key of a table in the file stands: key (`"table"`, `"redact.ip"`) to the byte range of its value.
/// The empty key is the place of the whole table's header.
#[derive(Debug, Clone)]
pub struct Places {
    pub source: Arc<Source>,
    pub spans: BTreeMap<String, Range<usize>>,
}

/// What the erasure of people is called where rules are named: in commands, pauses, gates and due times.
pub const ERASURES: &str = "erase";

/// A checked retention schedule: one file, one policy.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub source: Arc<Source>,
    /// SHA-256 of the file's bytes, lower-case hex without prefix.
    pub digest: String,
    pub policy: Policy,
    pub rules: Vec<Rule>,
    pub holds: Vec<Hold>,
    pub keeps: Vec<Keep>,
    /// Whose data it is.
    pub subject: Option<Subject>,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub name: String,
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

#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    /// Ids of the published promises that this rule keeps, for example `A1`.
    pub promises: Vec<String>,
    pub database: Option<String>,
    pub table: TableName,
    pub age: Age,
    /// A condition in the database's own SQL; it is parsed by `db` before it may stand in a statement.
    pub condition: Option<String>,
    pub action: Action,
    pub cascade: Vec<Cascade>,
    pub guard: Guard,
    pub cron: Option<String>,
    pub places: Places,
}

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

#[derive(Debug, Clone)]
pub enum Action {
    Delete,
    Aggregate(Aggregate),
    Redact(Vec<Redaction>),
}

impl Action {
    /// The word of the schedule.
    pub fn as_str(&self) -> &'static str {
        match self {
            Action::Delete => "delete",
            Action::Aggregate(_) => "aggregate",
            Action::Redact(_) => "redact",
        }
    }
}

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

#[derive(Debug, Clone, PartialEq)]
pub struct Redaction {
    pub column: Name,
    pub how: Redact,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Redact {
    Null,
    Set(Scalar),
    /// IPv4 to /24, IPv6 to /48; anything else to NULL.
    TruncateIp,
    /// A date or time to the first instant of its year.
    Year,
    /// HMAC-SHA-256 under the installation's key.
    Hmac,
    /// Literal text and columns of the same row, so that UNIQUE columns stay unique.
    Placeholder(Vec<TemplatePart>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    Literal(String),
    Column(Name),
}

/// Rows that go with (or let go of) the rule's rows.
#[derive(Debug, Clone)]
pub struct Cascade {
    pub table: TableName,
    /// The referring column; where it is not said, the only foreign key to a table already named tells it.
    pub column: Option<Name>,
    /// The table referred to; where it is not said, the rule's own or one named earlier.
    pub parent: Option<TableName>,
    pub then: Then,
    /// Of this entry, in the file.
    pub span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Delete,
    /// The reference is set to NULL and the row stays.
    Null,
}

/// What a rule may do without being asked. `None` takes the config's or the built-in value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Guard {
    /// Rows, cascades included.
    pub max_rows: Option<u64>,
    /// Of the table's rows, 0 to 1; looked at only where the table has more than 1,000 rows.
    pub max_share: Option<f64>,
}

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

/// Tables that the schedule keeps on purpose, so that the coverage check does not name them.
#[derive(Debug, Clone)]
pub struct Keep {
    pub tables: Vec<TableName>,
    pub promises: Vec<String>,
    pub database: Option<String>,
    pub reason: String,
    pub places: Places,
}

#[cfg(test)]
mod tests;
