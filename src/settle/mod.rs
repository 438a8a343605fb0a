//! What becomes of the rows of some people: which go, which change, which stay, and why. Pure: no connection, no statement.
//!
//! A batch of people is first *marked*: `db` reads, before anything is changed, every row that an entry of the map claims for
//! one of them, the rows that go along with those, and what refers to any of them. This room *settles* the marks. Then `db`
//! *sweeps*: it acts by key, and asks no condition again.
//!
//! **Marks.** A [`Claim`] is an entry's word on one row: delete it, or redact it, for these people. A [`Part`] is a row's place in
//! the family of an entry: a claimed row, or a row that goes along with one, level by level. A [`Reference`] leads from a row, or
//! from one that is not marked, to a part, and says what holds between them (see [`ReferenceEffect`]).
//!
//! **A claim is carried out unless**
//! 1. a hold covers its row, a row that would go along with it, or a row that would have to let go of it;
//! 2. its row is somebody else's as well, who is not due;
//! 3. a row that stays, and does not let go, refers to its row or to a row that would go along;
//! 4. a row that another entry has not done with is found by way of its row or of one that would go along;
//! 5. it waits for its person: something of theirs stays that could not be told to be theirs afterwards.
//!
//! **The fixpoint.** At first every claim is carried out. Each of the rules takes claims out, and no rule puts one back: a row
//! that stays can only make more rows stay. So the work ends, and its result does not depend on the order in which the rules
//! are asked. A row goes where one claim or one parent takes it. Rows that go along with each other in a circle go only where a
//! claim reaches them, so the rows that go are found from the claims, and not counted down.
//!
//! What is not certain stays: a claim is out as soon as one rule says so, whatever else would take its row.

mod account;
mod fixpoint;
mod index;
mod marks;
mod order;
mod terms;
#[cfg(test)]
mod tests;

pub use account::{Account, Along, EntryCount, PersonCount};
pub use fixpoint::{Settled, Why, settle};
pub use marks::{Claim, ClaimId, HoldSet, Marks, Part, PartId, PersonId, Reference, Row, RowId, RowKey};
pub use order::{Act, Step, steps};
pub use terms::ColumnNumbers;

pub use crate::plan::ReferenceEffect;

/// What the entries of a map say, as far as it decides over rows.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// In the order in which rows count for them: a row that two entries take counts for the first.
    pub entries: Vec<EntryTerms>,
    pub references: Vec<ReferenceTerms>,
}

#[derive(Debug, Clone, Default)]
pub struct EntryTerms {
    /// The rows go; otherwise columns of theirs change.
    pub removes: bool,
    /// Entries for whose rows this one waits: while a row of theirs stays of a person, this one leaves that person's rows.
    pub waits_for: Vec<usize>,
    /// Something may refer to its rows or be found by them, so a row that is somebody else's as well keeps its person too.
    pub may_be_needed: bool,
}

/// A kind of reference to the rows of an entry, or to those that go along with them.
#[derive(Debug, Clone)]
pub struct ReferenceTerms {
    pub entry: usize,
    /// The level of what is referred to: 0 is the entry's own table, `n` its dependent of number `n - 1`.
    pub level: usize,
    pub effect: ReferenceEffect,
    /// The columns that refer, as [`Claim::changes`] numbers them: a row in which one of them changes refers no more.
    pub columns: Columns,
    /// The reference may become NULL, so that rows that refer to each other in a circle can go one after the other.
    pub may_be_null: bool,
    /// Under which rows that go along, or references that become NULL, are counted.
    pub name: String,
}

/// Columns of one table as bits. Only those are numbered that two entries change, or that refer to something.
pub type Columns = u128;

/// All columns that have no number of their own.
pub const OTHER_COLUMNS: Columns = 1 << 127;
