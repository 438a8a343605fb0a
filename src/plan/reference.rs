//! References between tables: what goes with a row, what keeps it, and what is set to NULL.

use crate::base::name::{Name, TableName};
use crate::schedule::Then;

use super::{Hold, Passage};
#[cfg(doc)]
use super::{RulePlan, Target};

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
    /// References among such rows; a reference from a row that stays blocks.
    pub self_links: Vec<Link>,
    /// As [`Target::passages`].
    pub passages: Vec<Passage>,
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
