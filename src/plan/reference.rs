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
    /// Of `columns`, those that become NULL where the row is set to NULL.
    pub let_go: Vec<Name>,
    /// PostgreSQL: rows of the table itself refer so, and none of its inheritance children do.
    pub only: bool,
    /// PostgreSQL: it refers only to parents that lie in these partitions or children of their table; empty for all of it.
    pub only_in: Vec<TableName>,
    /// PostgreSQL 18: the last column is a period and refers to every parent whose own overlaps it.
    pub period: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The rule's own table.
    Root,
    /// An earlier entry of [`RulePlan::dependents`].
    Dependent(usize),
}

/// A table whose rows go with their parents, or are set to NULL.
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
