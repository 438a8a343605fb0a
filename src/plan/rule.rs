//! One rule of the schedule, ready to be counted and executed.

use std::sync::Arc;

use jiff::Timestamp;

use crate::base::name::TableName;

use super::{Dependent, Rollup, Target};

/// One rule, ready to be counted and executed.
#[derive(Debug, Clone)]
pub struct RulePlan {
    pub rule: String,
    /// What people call its rows, where the schedule says.
    pub title: Option<String>,
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

#[derive(Debug, Clone, PartialEq)]
pub struct GuardLimits {
    pub max_rows: u64,
    pub max_share: f64,
    /// What is older has its age in another unit, or from a wrong column; `None`: nothing is too old.
    pub max_age: Option<Horizon>,
    pub max_unreadable: f64,
}

/// How old a row can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Horizon {
    /// As written: `50 years`.
    pub age: String,
    pub since: Timestamp,
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
