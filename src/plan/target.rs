//! Which rows of one physical table are due, and how the table is cut into windows.

use crate::base::name::{Name, TableName};

use super::{Anchor, Condition, Hold, InnerLink, Link, Passage, Redaction, SelfLink, Whose};

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
