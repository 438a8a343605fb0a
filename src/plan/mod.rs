//! The plan: what a run would do, as a plain value.
//!
//! `resolve` makes it from a checked schedule and what the catalog says; `db` writes the statements from it, counts with
//! them (that is the dry run) and acts with them (that is the run): the same predicate, from the same place. A plan knows
//! no connection, no dialect and no text of a statement.

mod anchor;
mod bucket;
mod ceiling;
mod condition;
mod earlier;
mod edges;
mod entry_order;
mod family;
mod hold;
mod order;
mod passage;
mod people;
mod redaction;
mod reference;
mod rollup;
mod rule;
mod tables;
mod target;

pub use anchor::{Anchor, Hop, Never, Reading, epoch_bound};
pub use bucket::Span;
pub use ceiling::{Amounts, Beyond, Ceiling, Effect, Limits, Reservation};
pub use condition::Condition;
pub use entry_order::{entries_in_order, says_all_of};
pub use family::{By, FamilyReference, ReferenceEffect, RowTable, RowTables, TableKey};
pub use hold::{Hold, HoldFact};
pub use order::{Circle, circles, in_order};
pub use passage::{Passage, mind_each_other};
pub use people::{
    Collation, Entry, Erasure, Ground, HeldPeople, Kept, Likeness, Mark, MarkValue, People, PersonKey, Requests, Step,
    Way, Who, Whose,
};
pub use redaction::Redaction;
pub use reference::{Dependent, Link, Parent, SelfEffect, SelfLink};
pub use rollup::{BucketForm, Dimension, Fold, Measure, Rollup};
pub use rule::{Act, GuardLimits, Horizon, RulePlan};
pub use target::{Axis, KeyColumn, Target, Transport};
