//! The plan: what a run would do, as a plain value.
//!
//! `resolve` makes it from a checked schedule and what the catalog says; `db` writes the statements from it, counts with
//! them (that is the dry run) and acts with them (that is the run): the same predicate, from the same place. A plan knows
//! no connection, no dialect and no text of a statement.

mod bound;
mod bucket;
mod entry_order;
mod order;
mod passage;
mod people;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::name::{Name, TableName};
use crate::config::Secret;
use crate::schedule::{Bucket, Redact, TextFormat, Then};

pub use bound::epoch_bound;
pub use entry_order::{entries_in_order, keep_each_other, says_all_of, shares_what_goes};
pub use order::{in_order, undecided};
pub use passage::{Passage, mind_each_other};
pub use people::{
    Collation, Entry, Erasure, Ground, HeldPeople, Kept, Likeness, Mark, MarkValue, People, PersonKey, Requests, Step,
    Way, Who, Whose,
};

/// One rule, ready to be counted and executed.
#[derive(Debug, Clone)]
pub struct RulePlan {
    pub rule: String,
    pub promises: Vec<String>,
    pub database: String,
    /// As the schedule names the table.
    pub table: TableName,
    pub retain: String,
    /// `None`: the period is for ever, nothing is ever due.
    pub cutoff: Option<Timestamp>,
    pub act: Act,
    /// The tables that hold the rows: one, or one a partition or inheritance child.
    pub targets: Vec<Target>,
    /// Tables whose rows go with the rule's rows or let go of them, parents before their children.
    pub dependents: Vec<Dependent>,
    pub guard: GuardLimits,
    /// Rules of the same plan that remove rows before this one: what they take is gone when this one looks. Also the redactions
    /// before it, of rules those that let go of what a later one is kept by: what they let go of refers to nobody then.
    pub earlier: Vec<Arc<RulePlan>>,
}

/// A hold as the report names it.
#[derive(Debug, Clone, PartialEq)]
pub struct HoldFact {
    pub name: String,
    pub promises: Vec<String>,
    pub table: String,
    pub term: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuardLimits {
    pub max_rows: u64,
    pub max_share: f64,
}

/// Which rows of one physical table are due.
#[derive(Debug, Clone)]
pub struct Target {
    /// The physical table.
    pub table: TableName,
    /// The table that the rule names: the physical one, or its root.
    pub root: TableName,
    /// The name under which conditions know it (a partition is known as its root).
    pub alias: Name,
    /// A partition or inheritance member: only its own rows, not those of its children.
    pub only: bool,
    /// Whose rows they are; `None`: whoever's. Beside it the anchors may be empty, and then count for nothing.
    pub whose: Option<Whose>,
    pub anchors: Vec<Anchor>,
    /// Parsed by `db` when the first statement is written; in the database's own SQL.
    pub condition: Option<Condition>,
    /// What a redaction changes; a row of which nothing would change is not eligible (again). Empty for other acts.
    pub redactions: Vec<Redaction>,
    /// MySQL: columns that become the time of the change wherever a row changes, unless the statement says otherwise.
    pub stamped: Vec<Name>,
    pub holds: Vec<Hold>,
    /// References to these rows that the rule does not cascade over: a row that has one is blocked. Of a redaction, those to
    /// what it changes.
    pub blockers: Vec<Link>,
    /// References to these rows from rows that can go along: one that stays keeps the row, one that goes does not.
    pub inner: Vec<InnerLink>,
    /// References from the table to itself.
    pub self_links: Vec<SelfLink>,
    /// A trigger or rewrite rule looks at changes of the rows: some may stay that a statement was to change.
    pub has_triggers: bool,
    /// Rows of a map of people that keep these, because they are found by way of them: of an entry, those of other entries.
    pub passages: Vec<Passage>,
    pub axes: Vec<Axis>,
    /// The schema's row key; empty where there is none.
    pub key: Vec<Name>,
}

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
    pub key: Name,
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

/// A condition in the database's own SQL that was parsed as one expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    text: String,
    /// Names that stand where those of tables do.
    tables: Vec<String>,
    /// It takes all columns of a table without naming them.
    takes_all_columns: bool,
}

impl Condition {
    /// Wraps what `db::condition` has parsed; nothing else calls it.
    pub(crate) fn parsed(text: &str, tables: Vec<String>, takes_all_columns: bool) -> Self {
        Self { text: text.trim().to_owned(), tables, takes_all_columns }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Does it look at rows of the table, or of another one of that name?
    pub fn mentions(&self, table: &TableName) -> bool {
        self.tables.iter().any(|name| name.eq_ignore_ascii_case(table.table.as_str()))
    }

    /// Could its answer change with what stands in this column of a table that it looks at?
    pub fn may_ask_for(&self, column: &Name) -> bool {
        self.takes_all_columns || self.names(column)
    }

    /// Does the name stand in it, be it that of this column or of another table's?
    pub fn names(&self, column: &Name) -> bool {
        let column = column.as_str();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || column.contains(c);
        self.text.split(|c| !is_part(c)).any(|word| word.eq_ignore_ascii_case(column))
    }
}

/// Rows that must stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    pub name: String,
    /// Somebody ordered it, and its condition may name a person: it is never shown.
    pub by_hand: bool,
    /// Covered until the latest of these is before its bound; empty where the hold has no such term.
    pub anchors: Vec<Anchor>,
    pub condition: Option<Condition>,
    /// PostgreSQL: covers only rows that lie in these partitions or children of the table; empty for all of it.
    pub only_in: Vec<TableName>,
    /// The hold is on people, and covers the rows that are theirs: anchors and condition are of the table of people.
    pub people: Option<HeldPeople>,
}

impl Hold {
    /// Does it look at this column of the row that it covers?
    pub fn asks_of_the_row(&self, column: &Name) -> bool {
        let ways = self.people.iter().flat_map(|people| &people.ways);
        let of_people = ways.clone().filter_map(|way| way.steps.first()).any(|step| step.column == *column);
        let conditions = ways.filter_map(|way| way.condition.as_ref());
        let own = self.condition.iter().filter(|_| self.people.is_none());
        let first = |anchor: &Anchor| anchor.hops.first().map_or(&anchor.column, |hop| &hop.column) == column;
        of_people
            || conditions.chain(own).any(|condition| condition.names(column))
            || self.people.is_none() && self.anchors.iter().any(first)
    }
}

/// `table`.`columns` refer to the parent's `parent_columns`.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub table: TableName,
    pub columns: Vec<Name>,
    pub parent: Parent,
    pub parent_columns: Vec<Name>,
    /// Of `columns`, those that become NULL where the row lets go.
    pub let_go: Vec<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The rule's own table.
    Root,
    /// An earlier entry of [`RulePlan::dependents`].
    Dependent(usize),
}

/// A table whose rows go with their parents, or let go of them.
#[derive(Debug, Clone)]
pub struct Dependent {
    pub table: TableName,
    /// As a schedule would name the table; for reports.
    pub shown: TableName,
    pub then: Then,
    pub links: Vec<Link>,
    /// As [`Target::stamped`].
    pub stamped: Vec<Name>,
    /// As [`Target::has_triggers`], of the act that `then` says.
    pub has_triggers: bool,
    /// A hold on such a row blocks its parents.
    pub holds: Vec<Hold>,
    /// References to such a row, from outside the cascade: they block its parents.
    pub blockers: Vec<Link>,
    /// References among such rows over which they go along: a tree goes with its root. All refer to the same columns.
    pub tree: Vec<Link>,
    /// As [`Target::inner`], of references to such a row.
    pub inner: Vec<InnerLink>,
    pub goes: Goes,
    /// As [`Target::passages`].
    pub passages: Vec<Passage>,
}

impl Dependent {
    /// References from the table to itself among the rows that go, whether they take rows along or not.
    pub fn own_links(&self) -> impl Iterator<Item = &Link> {
        let inner = self.inner.iter().map(|inner| &inner.link).filter(|link| link.table == self.table);
        self.tree.iter().chain(inner)
    }
}

/// How the rows of a dependent table go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// By a statement of their own, before what they refer to.
    First,
    /// By the foreign key's own ON DELETE CASCADE, with what they refer to: rows that go later refer to them in turn, so
    /// that they cannot go first.
    WithParent,
}

/// A reference that no cascade answers, from rows that can go along to rows that can.
#[derive(Debug, Clone, PartialEq)]
pub struct InnerLink {
    /// The table that refers.
    pub child: Parent,
    pub link: Link,
}

/// A reference from the rule's table to itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfLink {
    pub columns: Vec<Name>,
    pub parent_columns: Vec<Name>,
    /// As [`Link::let_go`].
    pub let_go: Vec<Name>,
    pub effect: SelfEffect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfEffect {
    /// A row stays while a row that refers to it stays: leaves go first.
    Block,
    /// What refers to a row goes with it, down to the last descendant.
    Cascade,
    /// What refers to a row lets go of it.
    Null,
}

/// How a table is cut into windows; the best first, the others for when it fails.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Along an index on the anchor: touches expired rows only.
    Anchor(KeyColumn),
    /// Along a unique key: reads the whole table once.
    Key(Vec<KeyColumn>),
    /// PostgreSQL heap pages: needs no index at all.
    Pages,
    /// One window for everything.
    Whole,
}

/// A column whose values travel to the program and back without loss.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyColumn {
    pub name: Name,
    pub transport: Transport,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Transport {
    /// As it is: integers and text.
    Plain,
    /// As hexadecimal text.
    Hex,
    /// As text, cast back to this type.
    Cast(String),
}

#[derive(Debug, Clone)]
pub enum Act {
    Delete,
    /// As [`Target::redactions`] say.
    Redact,
    Aggregate(Rollup),
}

impl Act {
    pub fn as_str(&self) -> &'static str {
        match self {
            Act::Delete => "delete",
            Act::Redact => "redact",
            Act::Aggregate(_) => "aggregate",
        }
    }

    /// Do the rule's rows go away?
    pub fn removes(&self) -> bool {
        !matches!(self, Act::Redact)
    }
}

#[derive(Debug, Clone)]
pub struct Redaction {
    pub column: Name,
    /// Holds texts or bytes.
    pub is_text: bool,
    /// By itself a unique key: two rows cannot be given one text.
    pub is_unique: bool,
    /// As the database writes it; safe behind a cast.
    pub sql_type: String,
    pub how: Redact,
    /// Of the columns in a placeholder those that hold bytes, of which it bears the hexadecimal digits.
    pub bytes: Vec<Name>,
    /// The installation's key, where `how` is a keyed hash.
    pub key: Option<Secret>,
}

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
