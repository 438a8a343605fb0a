//! One rule: which rows, how old, and what becomes of them.

use std::ops::Range;

use crate::base::name::{Name, TableName};
use crate::base::time::Period;
use crate::diagnostic::place::Places;

use super::{Age, Aggregate, Redaction};

#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    /// What people call the rows, for reports: `Technical logs`.
    pub title: Option<String>,
    /// Names that it had before.
    pub formerly: Vec<Former>,
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

/// A name that a rule had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// Where it stood in another policy: that one's name.
    pub policy: Option<String>,
    pub rule: String,
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guard {
    /// Rows, cascades included.
    pub max_rows: Option<u64>,
    /// Of the table's rows, 0 to 1; looked at only where the table has more than 1,000 rows.
    pub max_share: Option<f64>,
    /// How old a row can be; an older one has its age in another unit, or from a wrong column.
    pub max_age: Option<Period>,
    /// Of the rule's rows, how many may have an age that cannot be read before its promise is at risk. It stops nothing.
    pub max_unreadable: Option<f64>,
}
